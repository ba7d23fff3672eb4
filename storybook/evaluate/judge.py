"""The judge: reads creature, colour, accessory, scene and action from a clip, and gives its features.

It was trained on rendered clips that no generator saw, and no generator was trained with it. Its network is
in network.py, its training in judge_training.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import Float32, Frames
from storyanim.engine.folders import write_file
from storyanim.errors import ModelError
from storybook.evaluate.labels import Labels, names_of
from storybook.world import WORLDS, World

if TYPE_CHECKING:
    import torch

    from storybook.evaluate.network import JudgeNetwork

JUDGE = Path(__file__).parents[1] / "weights" / "judge"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
HINT = "train it with `python -m storybook train judge`, or name another one's folder with --judge"


@dataclass(frozen=True, eq=False)
class Reading:
    """What the judge read of some clips."""

    labels: Labels                                   # (N, 5)
    features: Float32                                # (N, D)


class Judge:
    """A FeatureExtractor that also reads. Made for 8 frames a second.

    Args: folder: of `config.json` and `model.safetensors`; None: the bundled one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = JUDGE if folder is None else folder

    @cached_property
    def fingerprint(self) -> str:
        """Layout and weights. Raises ModelError when there is no judge."""
        if not (self.folder / WEIGHTS).is_file() or not (self.folder / CONFIG).is_file():
            raise ModelError(f"there is no judge in {self.folder}", hint=HINT)
        return f"judge:{hub.fingerprint_folder(self.folder)}"

    @cached_property
    def world(self) -> World:
        """Whose clips it reads. Raises ModelError."""
        _ = self.fingerprint
        return _read_config(self.folder)[0]

    def read(self, clips: Iterable[Frames]) -> Reading:
        """Return clips of any sizes and lengths, one after the other. Raises ModelError."""
        labels, features = [], []
        for clip in clips:
            logits, vector = self._read(clip)
            labels.append([int(values.argmax()) for values in logits])
            features.append(vector)
        return Reading(np.array(labels, np.int8), np.stack(features))

    def extract(self, clips: Iterable[Frames]) -> Float32:
        """Return features (N, D): the layer before the last."""
        return self.read(clips).features

    def read_frames(self, clip: Frames) -> tuple[Labels, Float32]:
        """Return labels (T, 5) of each frame by itself, and how much of each cell figures cover (T, h, w)."""
        import torch

        labels, cover = [], []
        with torch.inference_mode():
            for window in self._windows(clip):                               # (t, 3, H, W)
                seen, cells = self._network.look(window)
                read, _ = self._network.read(seen[:, None])
                labels.append(torch.stack([logits.argmax(1) for logits in read.values()], dim=1))
                cover.append(cells.float().sigmoid())
        return torch.cat(labels).cpu().numpy().astype(np.int8), torch.cat(cover).cpu().numpy()

    def _read(self, clip: Frames) -> tuple[list[Float32], Float32]:
        """Return logits of each attribute, and features; means over the windows of a long clip."""
        import torch

        logits, features = [], []
        with torch.inference_mode():
            for window in self._windows(clip):                               # (t, 3, H, W)
                seen, _ = self._network.look(window)
                read, vector = self._network.read(seen[None])
                logits.append([values[0] for values in read.values()])
                features.append(vector[0])
        means = [torch.stack(values).mean(0).cpu().numpy() for values in zip(*logits, strict=True)]
        return means, torch.stack(features).mean(0).cpu().numpy()

    def _windows(self, clip: Frames) -> Iterator[torch.Tensor]:
        import torch

        shape = self._network.shape
        device = next(self._network.parameters()).device
        pixels = torch.from_numpy(np.array(clip.rgb)).to(device).permute(0, 3, 1, 2).float()   # (T, 3, H, W)
        if pixels.shape[2:] != (shape.size_px, shape.size_px):
            pixels = torch.nn.functional.interpolate(pixels, (shape.size_px, shape.size_px), mode="bilinear",
                                                     antialias=True)
        pixels = (pixels / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        return iter(pixels.tensor_split(-(-len(pixels) // shape.num_frames)))

    @cached_property
    def _network(self) -> JudgeNetwork:
        import torch

        _ = self.fingerprint                         # a judge that is missing is told so
        network = load_network(self.folder).to("cuda" if torch.cuda.is_available() else "cpu")
        return network.to(memory_format=torch.channels_last)


def save_network(network: JudgeNetwork, folder: Path) -> None:
    """`config.json` and fp16 weights; each file whole or as it was. Raises ResourceError."""
    from safetensors.torch import save

    state = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    half = {name: (value.half() if value.is_floating_point() else value).contiguous() for name,
            value in state.items()}
    write_file(folder / WEIGHTS, save(half))
    write_file(folder / CONFIG,
               (json.dumps({"shape": asdict(network.shape), "names": names_of(network.world)}, indent=1)
                + "\n").encode())


def load_network(folder: Path) -> JudgeNetwork:
    """Return what `save_network` wrote, float32, for reading. Raises ModelError."""
    from safetensors.torch import load

    from storybook.evaluate.network import JudgeNetwork, Shape

    world, shape = _read_config(folder)
    with _told(folder):
        network = JudgeNetwork(Shape(**shape), world)
        network.load_state_dict(load((folder / WEIGHTS).read_bytes()))
    return network.float().eval().requires_grad_(False)


def _read_config(folder: Path) -> tuple[World, dict[str, Any]]:
    """Return the world whose names the judge knows, and the arguments of its `Shape`."""
    with _told(folder):
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        names = {name: tuple(values) for name, values in config["names"].items()}
        listed = config["shape"].items()
        shape = {name: tuple(value) if isinstance(value, list) else value for name, value in listed}
    for world in WORLDS.values():
        if names == names_of(world):
            return world, shape
    raise ModelError(f"the judge in {folder} knows other names than any world has", hint=HINT)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Raise ModelError for bad JSON, other fields, a torn file (safetensors raises a class of its own)."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"the judge in {folder} cannot be loaded: {reason}", hint=HINT) from error
