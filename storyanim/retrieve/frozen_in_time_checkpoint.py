"""Weights of Frozen in Time: from the published checkpoint to a folder, and from that folder to the network.
"""

from __future__ import annotations

import math
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from storyanim import hub
from storyanim.config import ModelRef
from storyanim.device import choose_device
from storyanim.engine.folders import atomic_replace, disk_errors, partial_path
from storyanim.errors import ModelError
from storyanim.retrieve.frozen_in_time import FrozenInTime
from storyanim.retrieve.frozen_in_time_config import (
    CONFIG,
    WEIGHTS,
    FrozenInTimeConfig,
    TextConfig,
    VideoConfig,
    check_output_folder,
    read_config,
    read_tokenizer,
)

_HEAD = 64                                           # width of an attention head in all published models
_TEMPORAL = "video_model.temporal_embed"
# 0, 1, 2, ...: old versions of transformers saved it
_SPARE = frozenset({"text_model.embeddings.position_ids"})
_OF_CHECKPOINT = "it must be the checkpoint of a Frozen in Time model with DistilBERT and a space-time ViT"


class _Placeholder:
    """Stands in for what a checkpoint names and torch does not know: takes all, does nothing."""

    def __new__(cls, *given: object, **named: object) -> _Placeholder:
        return super().__new__(cls)

    def __init__(self, *given: object, **named: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def convert_checkpoint(
    checkpoint: Path, out: Path, *, tokenizer: Path | None = None, video_heads: int | None = None,
    text_heads: int | None = None,
) -> FrozenInTimeConfig:
    """Write a published checkpoint as the folder `out`, whole or not at all.

    An earlier one there is replaced.

    Args:
        checkpoint: a file of `torch.save`: a state dict, or a dict that holds one as `state_dict`.
        out: folder to write.
        tokenizer: folder of the tokenizer that belongs to it; without, the folder can encode clips but no
            texts.
        video_heads: attention heads, which the weights do not tell. None: one for every 64 of the width.
        text_heads: the same of the text tower.

    No code that the checkpoint brings is run. Raises ModelError when it does not fit, UsageError when `out`
    is something else than such a folder, ResourceError when it cannot be written.
    """
    check_output_folder(out)
    tensors = read_checkpoint(checkpoint)
    config = infer_config(tensors, str(checkpoint), video_heads=video_heads, text_heads=text_heads)
    words = read_tokenizer(ModelRef(repo=str(tokenizer.absolute())), config) if tokenizer else None
    network = build_network(config, tensors, str(checkpoint))
    partial = partial_path(out)
    with disk_errors(out):
        try:
            partial.mkdir(parents=True)
            save_network(network, partial)
            if words is not None:
                words.save_pretrained(partial)
            atomic_replace(partial, out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return config


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the weights in a file of `torch.save`, without a leading `module.` of their names.

    Raises ModelError.

    Objects of the authors' own classes become inert: nothing but torch's own list of harmless classes is
    built.
    """
    if not path.is_file():
        raise ModelError(f"there is no checkpoint {path}",
                         hint="give the file that the authors of the model published")
    try:
        found = _load(path)
    except Exception as error:                       # a broken or hostile pickle can raise nearly everything
        raise ModelError(f"the checkpoint {path} is broken, or no file of weights ({type(error).__name__})",
                         hint="fetch it again; a file that must run code to be read is refused") from error
    weights = found.get("state_dict", found) if isinstance(found, dict) else None
    if not isinstance(weights, dict) or not weights \
            or not all(_is_weight(*entry) for entry in weights.items()):
        raise ModelError(f"the checkpoint {path} holds no state_dict of tensors", hint=_OF_CHECKPOINT)
    wrapped = all(name.startswith("module.") for name in weights)       # by torch's DataParallel
    return {name.removeprefix("module.") if wrapped else name: tensor for name, tensor in weights.items()}


def infer_config(
    tensors: Mapping[str, Tensor], source: str, *, video_heads: int | None = None,
    text_heads: int | None = None,
) -> FrozenInTimeConfig:
    """Return the configuration that fits to weights. Raises ModelError when they are of another layout."""
    try:
        video, text = _infer_video_config(tensors, video_heads), _infer_text_config(tensors, text_heads)
        return FrozenInTimeConfig(projection_dim=len(tensors["vid_proj.0.weight"]), video=video, text=text)
    except KeyError as error:
        raise ModelError(f"{source} lacks the weight {error.args[0]}", hint=_OF_CHECKPOINT) from error
    except (IndexError, TypeError, ValueError) as error:
        raise ModelError(f"the weights of {source} have sizes that fit no Frozen in Time model",
                         hint=_OF_CHECKPOINT) from error


def save_network(network: FrozenInTime, folder: Path) -> None:
    """Write weights and configuration into an existing folder."""
    from safetensors.torch import save_file

    weights = {name: tensor.detach().float().contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(network.config.model_dump_json(indent=1) + "\n", "utf-8")


def load_network(ref: ModelRef, num_frames: int) -> FrozenInTime:
    """Return a folder's network, for clips of up to `num_frames`, float32, frozen, on a GPU if there is one.

    Frames beyond those that it was trained with get no temporal embedding. Raises ModelError.
    """
    from safetensors.torch import load_file

    folder = hub.locate(ref)
    with hub.map_model_errors(ref):
        config = read_config(ref)
        tensors = load_file(folder / WEIGHTS)
        if _TEMPORAL in tensors:
            tensors[_TEMPORAL] = resize_temporal_embed(tensors[_TEMPORAL], num_frames)
        config = config.model_copy(
            update={"video": config.video.model_copy(update={"num_frames": num_frames})})
        network = build_network(config, tensors, f"the model {ref.repo}").eval().requires_grad_(False)
        return network.to(choose_device())


def build_network(config: FrozenInTimeConfig, tensors: Mapping[str, Tensor], source: str) -> FrozenInTime:
    """Return a network with these weights. Raises ModelError naming those that do not fit."""
    with torch.device("meta"):  # drawing 181 million weights only to replace them would take seconds
        network = FrozenInTime(config)
    wanted = network.state_dict()
    lacking = wanted.keys() - tensors.keys()
    unknown = tensors.keys() - wanted.keys() - _SPARE
    misfits = {name for name in wanted.keys() & tensors.keys() if wanted[name].shape != tensors[name].shape}
    for what, names in (("lacks", lacking), ("has unknown", unknown), ("has, of another size,", misfits)):
        if names:
            shown = ", ".join(sorted(names)[:3])
            raise ModelError(f"{source} {what} {len(names)} weights, such as {shown}", hint=_OF_CHECKPOINT)
    network.to_empty(device="cpu").load_state_dict({name: tensors[name] for name in wanted})
    for positions in network.buffers():              # DistilBERT's only one, which is not among the weights
        positions.copy_(torch.arange(positions.shape[-1]))
    return network


def resize_temporal_embed(temporal_embed: Tensor, num_frames: int) -> Tensor:
    """Return (1, num_frames, D) of (1, F, D): the first entries, then zeros."""
    return pad(temporal_embed[:, :num_frames], (0, 0, 0, max(0, num_frames - temporal_embed.shape[1])))


def _load(path: Path) -> Any:
    is_zip = zipfile.is_zipfile(path)  # files of torch before 1.6 are none: of them, only plain ones are read
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path) if is_zip else []
    with torch.serialization.safe_globals([(_Placeholder, name) for name in names]):
        # optimizer states stay on disk
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)


def _is_weight(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, Tensor)


def _infer_video_config(tensors: Mapping[str, Tensor], num_heads: int | None) -> VideoConfig:
    width, _, patch_px, _ = tensors["video_model.patch_embed.proj.weight"].shape
    side = math.isqrt(tensors["video_model.pos_embed"].shape[1] - 1)    # CLS has the first entry
    return VideoConfig(
        image_px=side * patch_px, patch_px=patch_px, num_frames=tensors[_TEMPORAL].shape[1], width=width,
        depth=_count(tensors, "video_model.blocks."), num_heads=num_heads or width // _HEAD,
        mlp_width=len(tensors["video_model.blocks.0.mlp.fc1.weight"]),
    )


def _infer_text_config(tensors: Mapping[str, Tensor], num_heads: int | None) -> TextConfig:
    vocab_size, width = tensors["text_model.embeddings.word_embeddings.weight"].shape
    return TextConfig(
        vocab_size=vocab_size, dim=width, n_heads=num_heads or width // _HEAD,
        max_position_embeddings=len(tensors["text_model.embeddings.position_embeddings.weight"]),
        n_layers=_count(tensors, "text_model.transformer.layer."),
        hidden_dim=len(tensors["text_model.transformer.layer.0.ffn.lin1.weight"]),
    )


def _count(tensors: Mapping[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in tensors if name.startswith(prefix)})
