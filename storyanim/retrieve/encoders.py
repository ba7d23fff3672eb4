"""Encoders of texts and clips into one embedding space: CLIP and Frozen in Time."""

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
from storyanim.device import leave_device, within_memory
from storyanim.errors import ModelError, UsageError
from storyanim.retrieve.frozen_in_time_config import read_config, read_tokenizer
from storyanim.stages import TextVideoEncoder

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class CLIPEncoder:
    """A TextVideoEncoder on `CLIPModel`: a clip's embedding is the normalised mean of its frames' embeddings.

    Args:
        ref: repository of a CLIPModel with its tokenizer and image processor.
        batch_size: texts or frames at once; does not change the result.
        num_frames: frames that are read, spread evenly over the clip.
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
            return int(config.get("projection_dim", 512))  # transformers leaves out what is its default

    def sample_frame_indices(self, length: int) -> list[int]:
        """Return `num_frames` indices of a clip's frames, see `evenly_spaced_indices`."""
        return evenly_spaced_indices(length, self.num_frames)

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """Return (N, dim) float32, unit length; longer texts are cut off. Raises ModelError."""
        def encode(some: Sequence[str]) -> Any:
            length = self._model.config.text_config.max_position_embeddings
            return self._model.get_text_features(
                **_tokens(self._processor.tokenizer, some, length).to(self._model.device))

        return within_memory(lambda size: _in_batches(texts, size, self.dim, encode), self.batch_size,
                             self._model, "embeddings of texts")

    def leave_device(self) -> None:
        """Make room on the device; what is encoded later is so on the CPU."""
        leave_device(self.__dict__.get("_model"))

    def encode_clips(self, clips: Sequence[Frames]) -> Float32:
        """Return (N, dim) float32, unit length. Raises ModelError."""
        images = [image for clip in clips for image in clip.rgb[self.sample_frame_indices(len(clip.rgb))]]
        embeddings = within_memory(lambda size: _in_batches(images, size, self.dim, self._encode_images),
                                   self.batch_size, self._model, "embeddings of frames")
        return _normalise(embeddings.reshape(len(clips), self.num_frames, self.dim).mean(axis=1))

    def _encode_images(self, images: Sequence[UInt8]) -> Any:       # B × (H, W, 3) → (B, dim)
        inputs = self._processor.image_processor(
            images=list(images), input_data_format="channels_last", return_tensors="pt")
        return self._model.get_image_features(pixel_values=inputs["pixel_values"].to(self._model.device))

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
    """A TextVideoEncoder on Frozen in Time, which reads a clip's frames together.

    Args:
        ref: a folder made by `storyanim convert frozen-in-time`.
        batch_size: texts or frames at once; does not change the result.
        num_frames: frames that are read; a shorter clip is read whole.
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
        return read_config(self.ref).projection_dim

    def sample_frame_indices(self, length: int) -> list[int]:
        """Return the middle frame of each of `num_frames` intervals of whole frames; never a frame twice."""
        edges = np.linspace(0, length, min(length, self.num_frames) + 1).astype(int)
        return [int(start + end - 1) // 2 for start, end in pairwise(edges)]

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """Return (N, dim) float32, unit length; longer texts are cut off. Raises ModelError."""
        def encode(some: Sequence[str]) -> Any:
            tokens = _tokens(
                self._tokenizer, some, self._model.config.text.max_position_embeddings).to(self._device)
            return self._model.encode_texts(tokens["input_ids"], tokens["attention_mask"])

        return _in_batches(texts, self.batch_size, self.dim, encode)

    def encode_clips(self, clips: Sequence[Frames]) -> Float32:
        """Return (N, dim) float32, unit length. Raises ModelError."""
        import torch

        found = np.zeros((len(clips), self.dim), np.float32)
        indices = [self.sample_frame_indices(len(clip.rgb)) for clip in clips]
        for length in {len(some) for some in indices}:  # clips of one length go through together
            same_length = [i for i, some in enumerate(indices) if len(some) == length]
            batch_size = max(1, self.batch_size // length)
            for start in range(0, len(same_length), batch_size):
                batch = same_length[start:start + batch_size]
                # (B, F, 3, S, S)
                pixels = torch.stack([self._pixels(clips[i].rgb[indices[i]]) for i in batch])
                with torch.inference_mode():
                    found[batch] = _normalise(_features(self._model.encode_clips(pixels.to(self._device))))
        return found

    def _pixels(self, rgb: UInt8) -> Any:                               # (F, H, W, 3) → (F, 3, S, S)
        """Preprocess as the network was tested: resized from a crop an eighth wider, 256 px for 224."""
        import torch
        from torchvision.transforms.v2 import functional as transforms

        side_px = self._model.config.video.image_px
        crop_px = round(side_px * 256 / 224)
        pixels = torch.from_numpy(np.ascontiguousarray(rgb)).permute(0, 3, 1, 2).float() / 255
        # Not antialiased, as tensors were resized by the torchvision of its day.
        pixels = transforms.resize(pixels, [crop_px], antialias=False)
        pixels = transforms.resize(transforms.center_crop(pixels, [crop_px]), [side_px], antialias=False)
        return transforms.normalize(pixels, mean=list(_IMAGENET_MEAN), std=list(_IMAGENET_STD))

    @property
    def _device(self) -> Any:
        return next(self._model.parameters()).device

    @cached_property
    def _model(self) -> Any:
        from storyanim.retrieve.frozen_in_time_checkpoint import load_network

        return load_network(self.ref, self.num_frames)

    @cached_property
    def _tokenizer(self) -> Any:
        return read_tokenizer(self.ref, self._model.config)


def build_encoder(settings: Settings) -> TextVideoEncoder:
    """Return a profile's encoder; its model loads at first use. Raises UsageError for an unknown name."""
    build = _ENCODERS.get(settings.retrieve.encoder)
    if build is None:
        raise UsageError(f"there is no encoder {settings.retrieve.encoder!r}",
                         hint=f"known are {', '.join(sorted(_ENCODERS))}")
    return build(settings)


def evenly_spaced_indices(length: int, num: int) -> list[int]:
    """Return `num` indices, each the middle of a part of `length` frames; they repeat in a shorter clip."""
    return [int((i + 0.5) * length / num) for i in range(num)]


def _clip(settings: Settings) -> TextVideoEncoder:
    return CLIPEncoder(settings.models.encoder, settings.retrieve.batch_size)


def _frozen_in_time(settings: Settings) -> TextVideoEncoder:
    return FrozenInTimeEncoder(settings.models.encoder, settings.retrieve.batch_size)


_ENCODERS: dict[str, Callable[[Settings], TextVideoEncoder]] = {
    "clip": _clip, "frozen_in_time": _frozen_in_time}


def _tokens(tokenizer: Any, texts: Sequence[str], max_length: int) -> Any:
    return tokenizer(list(texts), padding=True, truncation=True, max_length=max_length, return_tensors="pt")


def _in_batches(items: Sequence[Any], size: int, dim: int, encode: Callable[[Sequence[Any]], Any]) -> Float32:
    """Return what a network gives for texts or images, a batch at a time: (N, dim), unit length."""
    import torch

    found = [np.zeros((0, dim), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(items), size):
            found.append(_normalise(_features(encode(items[start:start + size]))))
    return np.concatenate(found)


def _features(output: Any) -> Float32:
    tensor = getattr(output, "pooler_output", output)  # transformers before 5 gave the tensor itself
    array: Float32 = tensor.float().cpu().numpy()
    return array


def _normalise(vectors: Float32) -> Float32:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
