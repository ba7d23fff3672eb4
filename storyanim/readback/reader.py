"""Reading by a network that knows what its world can show: a likelihood for each part of a prompt."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import Asked, Float32, Frames, Reading
from storyanim.config import ModelRef
from storyanim.device import one_thread_if_small
from storyanim.engine.folders import write_file

if TYPE_CHECKING:
    from storyanim.readback.network import ReaderNetwork

_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
MARK = 0.7                                           # of the likelihood of all parts; chosen on 70 prompts
_UNLIKELY = 0.25                                     # a part below it is remarked upon
UNLIKE = "unlike its prompt"
# Of parts below the one likelihood at least the other share, and two: the prompt was not heard.
_LOST, _LOST_SHARE = 0.05, 0.5
Likelihoods = Mapping[str, Float32]                  # attribute → of its values


class NetworkReader:
    """A ClipReader by a network of the profile.

    Args:
        ref: folder of `config.json` and `model.safetensors`.
        mark: the score below which a shot is drawn again; None: MARK.
    """

    def __init__(self, ref: ModelRef, mark: float | None = None) -> None:
        self.ref, self.mark = ref, MARK if mark is None else mark

    @cached_property
    def fingerprint(self) -> str:
        """Weights and mark."""
        return f"reader:{hub.fingerprint(self.ref)}:{self.mark:g}"

    def read(self, frames: Frames, asked: Asked) -> Reading:
        """Return how likely each part that was asked is there, and their product as the score.

        Of several figures only the place is read. Parts that the network cannot read are not scored. Raises
        ModelError.
        """
        names = self._network.config.names
        several = any(part.figure > 1 for part in asked.parts)
        parts = [part for part in asked.parts
                 if part.value in names.get(part.attribute, ()) and not (several and part.figure)]
        if not parts:
            return Reading(by="reader", mark=self.mark)
        read = self.likelihoods(frames)
        scored = [float(read[part.attribute][names[part.attribute].index(part.value)]) for part in parts]
        remarks = tuple(part.remark for part, score in zip(parts, scored, strict=True) if score < _UNLIKELY)
        lost = sum(score < _LOST for score in scored)
        return Reading(
            by="reader", score=round(prod(scored), 4), mark=self.mark, remarks=remarks,
            scores={part.attribute: round(score, 4) for part, score in zip(parts, scored, strict=True)},
            faults=(UNLIKE,) if lost > 1 and lost >= _LOST_SHARE * len(parts) else ())

    def likelihoods(self, frames: Frames) -> Likelihoods:
        """Return what a clip shows: the mean over its windows."""
        import torch

        network, config = self._network, self._network.config
        with one_thread_if_small(self.ref), torch.inference_mode():
            read = [network(window)
                    for window in _windows(frames, config.size_px, config.fps, config.num_frames)]
        return {name: torch.stack([logits[name].softmax(0) for logits in read]).mean(0).numpy()
                for name in config.names}

    @cached_property
    def _network(self) -> ReaderNetwork:
        with hub.map_model_errors(self.ref):
            return load_network(hub.locate(self.ref))


def load_network(folder: Path) -> ReaderNetwork:
    """Return what `save_network` wrote. Raises what bad files raise."""
    from safetensors.torch import load_file

    from storyanim.readback.network import ReaderConfig, ReaderNetwork

    said: dict[str, Any] = json.loads((folder / _CONFIG).read_text("utf-8"))
    said = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    said["names"] = {name: tuple(values) for name, values in said["names"].items()}
    network = ReaderNetwork(ReaderConfig(**said))
    network.load_state_dict(load_file(folder / _WEIGHTS))
    return network.float().eval().requires_grad_(False)


def save_network(network: ReaderNetwork, folder: Path) -> None:
    """Write `config.json` and fp16 weights."""
    from safetensors.torch import save

    state = {name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
             for name, value in network.state_dict().items()}
    write_file(folder / _WEIGHTS, save(state))
    write_file(folder / _CONFIG, (json.dumps(asdict(network.config), indent=1) + "\n").encode())


def _windows(frames: Frames, size_px: int, fps: float, num_frames: int) -> Iterator[Any]:
    """Yield a clip's frames at the rate and size that are read, (t, 3, S, S) in [-1, 1]."""
    import torch

    length = max(1, round(len(frames.rgb) * fps / frames.fps))
    rgb = frames.rgb[np.linspace(0, len(frames.rgb) - 1, length).round().astype(int)]
    pixels = torch.from_numpy(rgb).permute(0, 3, 1, 2).float() / 127.5 - 1
    if pixels.shape[2:] != (size_px, size_px):
        pixels = torch.nn.functional.interpolate(pixels, (size_px, size_px), mode="bilinear", antialias=True)
    yield from pixels.tensor_split(-(-length // num_frames))
