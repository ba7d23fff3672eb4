"""Texts and clips in one space."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import Float32, Frames, UInt8
from storyanim.config import ModelRef, Settings
from storyanim.errors import ModelError, UsageError
from storyanim.retrieve.frozen_folder import read_sizes, read_tokenizer
from storyanim.stages import TextVideoEncoder

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class CLIPEncoder:
    """A TextVideoEncoder on `CLIPModel`: a clip is the mean of its frames' unit embeddings, made unit again.

    Args:
        ref: repository of a CLIPModel with its tokenizer and image processor.
        batch_size: texts or frames at once; does not change the result.
        num_frames: frames that are looked at, spread evenly over the clip.
    """

    def __init__(self, ref: ModelRef, batch_size: int = 32, num_frames: int = 4) -> None:
        self.ref = ref
        self.batch_size = batch_size
        self.num_frames = num_frames

    @cached_property
    def fingerprint(self) -> str:
        """Network, weights and number of frames."""
        return f"clip:{hub.fingerprint(self.ref)}:{self.num_frames}"

    @cached_property
    def dim(self) -> int:
        """Length of an embedding."""
        with hub.map_model_errors(self.ref):
            config = json.loads((hub.locate(self.ref) / "config.json").read_text("utf-8"))
            return int(config.get("projection_dim", 512))               # transformers leaves out what is its default

    def sample_frame_indices(self, length: int) -> list[int]:
        """Indices of `num_frames` of a clip's frames, see `spread`."""
        return spread(length, self.num_frames)

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """(N, dim) float32, unit length; words beyond the model's length are not read. Raises ModelError."""
        def encode(some: Sequence[str]) -> Any:
            length = self._model.config.text_config.max_position_embeddings
            return self._model.get_text_features(**_tokens(self._processor.tokenizer, some, length).to(self._model.device))

        return _in_batches(texts, self.batch_size, self.dim, encode)

    def encode_clips(self, clips: Sequence[Frames]) -> Float32:
        """(N, dim) float32, unit length. Raises ModelError."""
        pictures = [picture for clip in clips for picture in clip.rgb[self.sample_frame_indices(len(clip.rgb))]]
        embeddings = _in_batches(pictures, self.batch_size, self.dim, self._encode_pictures)
        return _unit(embeddings.reshape(len(clips), self.num_frames, self.dim).mean(axis=1))

    def _encode_pictures(self, pictures: Sequence[UInt8]) -> Any:       # B × (H, W, 3) → (B, dim)
        images = self._processor.image_processor(images=list(pictures), input_data_format="channels_last", return_tensors="pt")
        return self._model.get_image_features(pixel_values=images["pixel_values"].to(self._model.device))

    @cached_property
    def _model(self) -> Any:
        return hub.load_transformer(self.ref, "CLIPModel", model_type="clip")

    @cached_property
    def _processor(self) -> Any:
        from transformers import CLIPProcessor

        with hub.map_model_errors(self.ref):
            processor = CLIPProcessor.from_pretrained(hub.locate(self.ref))
        known, read = len(processor.tokenizer), self._model.config.text_config.vocab_size
        if known > read:
            raise ModelError(f"the tokenizer of {self.ref.repo} knows {known} words, its model {read}",
                             hint="both must come from one repository: fetch it again")
        return processor


class FrozenInTimeEncoder:
    """A TextVideoEncoder on Frozen in Time, which looks at a clip's frames together.

    Args:
        ref: a folder made by `storyanim convert frozen-in-time`.
        batch_size: texts or frames at once; does not change the result.
        num_frames: frames that are looked at; a shorter clip is looked at whole.
    """

    def __init__(self, ref: ModelRef, batch_size: int = 32, num_frames: int = 4) -> None:
        self.ref = ref
        self.batch_size = batch_size
        self.num_frames = num_frames

    @cached_property
    def fingerprint(self) -> str:
        """Network, weights and number of frames."""
        return f"frozen_in_time:{hub.fingerprint(self.ref)}:{self.num_frames}"

    @cached_property
    def dim(self) -> int:
        """Length of an embedding."""
        return read_sizes(self.ref).projection_dim

    def sample_frame_indices(self, length: int) -> list[int]:
        """The middle frame of each of `num_frames` intervals of whole frames; never a frame twice."""
        edges = np.linspace(0, length, min(length, self.num_frames) + 1).astype(int)
        return [int(start + end - 1) // 2 for start, end in pairwise(edges)]

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """(N, dim) float32, unit length; words beyond the model's length are not read. Raises ModelError."""
        def encode(some: Sequence[str]) -> Any:
            tokens = _tokens(self._tokenizer, some, self._model.sizes.text.max_position_embeddings).to(self._device)
            return self._model.encode_texts(tokens["input_ids"], tokens["attention_mask"])

        return _in_batches(texts, self.batch_size, self.dim, encode)

    def encode_clips(self, clips: Sequence[Frames]) -> Float32:
        """(N, dim) float32, unit length. Raises ModelError."""
        import torch

        found = np.zeros((len(clips), self.dim), np.float32)
        looks = [self.sample_frame_indices(len(clip.rgb)) for clip in clips]
        for length in {len(look) for look in looks}:                    # clips of one length go through together
            alike = [i for i, look in enumerate(looks) if len(look) == length]
            at_once = max(1, self.batch_size // length)
            for start in range(0, len(alike), at_once):
                batch = alike[start:start + at_once]
                pixels = torch.stack([self._pixels(clips[i].rgb[looks[i]]) for i in batch])                  # (B, F, 3, S, S)
                with torch.inference_mode():
                    found[batch] = _unit(_features(self._model.encode_clips(pixels.to(self._device))))
        return found

    def _pixels(self, rgb: UInt8) -> Any:                               # (F, H, W, 3) → (F, 3, S, S)
        """As the network was tested: its input is shrunk from a crop that is an eighth wider, 256 px for 224."""
        import torch
        from torchvision.transforms.v2 import functional as pictures

        side_px = self._model.sizes.video.image_px
        crop_px = round(side_px * 256 / 224)
        pixels = torch.from_numpy(np.ascontiguousarray(rgb)).permute(0, 3, 1, 2).float() / 255
        # Not antialiased, as tensors were resized by the torchvision of its day.
        pixels = pictures.resize(pixels, [crop_px], antialias=False)
        pixels = pictures.resize(pictures.center_crop(pixels, [crop_px]), [side_px], antialias=False)
        return pictures.normalize(pixels, mean=list(_IMAGENET_MEAN), std=list(_IMAGENET_STD))

    @property
    def _device(self) -> Any:
        return next(self._model.parameters()).device

    @cached_property
    def _model(self) -> Any:
        from storyanim.retrieve.frozen_checkpoint import load

        return load(self.ref, self.num_frames)

    @cached_property
    def _tokenizer(self) -> Any:
        return read_tokenizer(self.ref, self._model.sizes)


def build_encoder(settings: Settings) -> TextVideoEncoder:
    """The encoder of a profile; its model is loaded at first use. Raises UsageError for an unknown name."""
    build = _ENCODERS.get(settings.retrieve.encoder)
    if build is None:
        raise UsageError(f"there is no encoder {settings.retrieve.encoder!r}", hint=f"known are {', '.join(sorted(_ENCODERS))}")
    return build(settings)


def spread(length: int, num: int) -> list[int]:
    """`num` indices spread evenly over `length` frames, the middle of each part; they repeat in a shorter clip."""
    return [int((i + 0.5) * length / num) for i in range(num)]


def _clip(settings: Settings) -> TextVideoEncoder:
    return CLIPEncoder(settings.models.encoder, settings.retrieve.batch_size)


def _frozen_in_time(settings: Settings) -> TextVideoEncoder:
    return FrozenInTimeEncoder(settings.models.encoder, settings.retrieve.batch_size)


_ENCODERS: dict[str, Callable[[Settings], TextVideoEncoder]] = {"clip": _clip, "frozen_in_time": _frozen_in_time}


def _tokens(tokenizer: Any, texts: Sequence[str], max_length: int) -> Any:
    return tokenizer(list(texts), padding=True, truncation=True, max_length=max_length, return_tensors="pt")


def _in_batches(things: Sequence[Any], size: int, dim: int, encode: Callable[[Sequence[Any]], Any]) -> Float32:
    """What a network gives for some texts or pictures at a time: (N, dim), unit length."""
    import torch

    found = [np.zeros((0, dim), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(things), size):
            found.append(_unit(_features(encode(things[start:start + size]))))
    return np.concatenate(found)


def _features(output: Any) -> Float32:
    tensor = getattr(output, "pooler_output", output)                   # transformers before 5 gave the tensor itself
    array: Float32 = tensor.float().cpu().numpy()
    return array


def _unit(vectors: Float32) -> Float32:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
