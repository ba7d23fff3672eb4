"""Stage 8: the clip reader, by which a film's drawn shots are read back; never the judge that measures them.

What the trained denoiser computes of rendered clips, whose seeds nothing else has, is read by linear layers: logistic
regressions, whose weight decay is what fits clips best that it did not see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from storyanim.artifacts import Frames
from storyanim.device import quick_autocast
from storyanim.engine.folders import write_file
from storyanim.readback.network import ReaderConfig, ReaderNetwork, clip_features
from storyanim.readback.reader import NetworkReader
from storybook.train.data import ClipSet, SetPlan, Shard, derive
from storybook.world import ClipSpec, World

SIZE_PX = 96                                         # of what is rendered: drawn frames are as soft
CLIPS = SetPlan("reader_clips", 2_000, 12_000_000, 16, clip=True, size_px=SIZE_PX)
HELD = SetPlan("reader_held", 250, 12_900_000, 16, clip=True, size_px=SIZE_PX)         # measures it, never trained on
WEIGHT_DECAYS = (0.3, 1.0, 3.0, 10.0, 30.0)          # in squared weights over all clips
CHECKED_SHARE = 0.2                                  # of the clips, which choose the weight decay
FEATURES = "features"
UNKNOWN = -1
READ_WELL = 0.9                                      # of fresh clips read right: less, and more good shots are drawn again than bad ones


def names_of(world: World) -> dict[str, tuple[str, ...]]:
    """Return what a world's reader reads: attribute → its values."""
    return {"creature": world.creatures, "colour": tuple(world.colours), "accessory": ("none", *world.accessories),
            "scene": world.scenes, "action": world.actions}


def labels_of(spec: ClipSpec, world: World) -> NDArray[np.int64]:
    """Return the truth about a clip of one figure, (attributes,)."""
    actor = spec.actors[0]
    said = (actor.creature, actor.colour, actor.accessory or "none", spec.scene, actor.action)
    return np.array([UNKNOWN if value is None else values.index(value)
                     for values, value in zip(names_of(world).values(), said, strict=True)])


@dataclass(frozen=True)
class Featurer:
    """Reads clips by the denoiser."""

    unet: Any
    vae: Any
    scheduler: Any
    text: Tensor                                     # (L, d) the empty prompt
    config: ReaderConfig

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Return the features of a clip (T, H, W, 3), (F,)."""
        pixels = torch.from_numpy(rgb.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
        pixels = F.interpolate(pixels, (self.config.size_px,) * 2, mode="bilinear", antialias=True)
        with quick_autocast(self.unet.device):
            features = clip_features(pixels.to(self.unet.device), self.unet, self.vae, self.scheduler,
                                     self.text.to(self.unet.device), self.config)
        found: NDArray[np.float16] = features.half().cpu().numpy()
        return found


def derive_features(folder: Path, features: Callable[[NDArray[np.uint8]], NDArray[np.float16]]) -> None:
    """Write the features of a set's clips beside them, shard by shard."""
    def of_shard(shard: Shard) -> NDArray[np.float16]:
        return np.stack([features(np.asarray(clip)) for clip in shard.rgb])

    derive(folder, FEATURES, of_shard)


def read_features(folder: Path) -> tuple[Tensor, Tensor]:
    """Return features (N, F) and labels (N, attributes) of a set."""
    shards = ClipSet(folder).shards
    labels = [labels_of(spec, shard.world) for shard in shards for spec in shard.specs]
    seen = np.concatenate([np.asarray(shard.array(FEATURES), np.float32) for shard in shards])
    return torch.from_numpy(seen), torch.from_numpy(np.stack(labels))


def fit(features: Tensor, labels: Tensor, text: Tensor, config: ReaderConfig) -> ReaderNetwork:
    """Return the network with its layers fitted.

    Args:
        features: (N, F).
        labels: (N, attributes), UNKNOWN where there is none.
        text: (L, d) the empty prompt.
        config: of the reader.
    """
    network = ReaderNetwork(config, (text.shape[0], text.shape[1]))
    mean, scale = features.mean(0), 1 / (features.std(0) + 1e-3)
    network.load_state_dict({"mean": mean, "scale": scale, "text": text}, strict=False)
    standard = (features - mean) * scale
    for column, (name, values) in enumerate(config.names.items()):
        known = labels[:, column] != UNKNOWN
        weight, bias = fit_layer(standard[known], labels[known, column], len(values))
        network.heads[name].load_state_dict({"weight": weight, "bias": bias})
    return network.eval().requires_grad_(False)


def fit_layer(x: Tensor, y: Tensor, num_values: int) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a logistic regression, its weight decay chosen on a part of the clips."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    num_checked = max(1, round(CHECKED_SHARE * len(x)))
    checked, rest = order[:num_checked], order[num_checked:]

    def checked_loss(decay: float) -> float:
        weight, bias = _regress(x[rest], y[rest], num_values, decay * len(rest) / len(x))
        return float(F.cross_entropy(x[checked] @ weight.T + bias, y[checked]))

    return _regress(x, y, num_values, min(WEIGHT_DECAYS, key=checked_loss))


def _regress(x: Tensor, y: Tensor, num_values: int, decay: float) -> tuple[Tensor, Tensor]:
    """Return the weight (values, F) and bias (values,) that minimise cross entropy and weight decay, by L-BFGS."""
    weight = torch.zeros(num_values, x.shape[1], requires_grad=True)
    bias = torch.zeros(num_values, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        total = F.cross_entropy(x @ weight.T + bias, y) + decay * weight.square().sum() / (2 * len(x))
        total.backward()
        return total

    optimizer.step(loss)
    return weight.detach(), bias.detach()


def measure(reader: NetworkReader, folder: Path) -> dict[str, float]:
    """Return the share of attributes that are read right of clips that were never trained on."""
    right: dict[str, list[bool]] = {}
    for shard in ClipSet(folder).shards:
        for rgb, spec in zip(shard.rgb, shard.specs, strict=True):
            read = reader.likelihoods(Frames(np.asarray(rgb), shard.plan.fps))
            for (name, values), truth in zip(read.items(), labels_of(spec, shard.world), strict=True):
                if truth != UNKNOWN:
                    right.setdefault(name, []).append(int(values.argmax()) == truth)
    return {name: float(np.mean(values)) for name, values in right.items()}


def keep_well_read(network: ReaderNetwork, figures: dict[str, float]) -> ReaderNetwork:
    """Return the network without the attributes that it reads right of fewer than READ_WELL fresh clips."""
    names = {name: values for name, values in network.config.names.items() if figures[name] >= READ_WELL}
    kept = ReaderNetwork(replace(network.config, names=names), (network.text.shape[0], network.text.shape[1]))
    own = kept.state_dict().keys()
    kept.load_state_dict({name: value for name, value in network.state_dict().items() if name in own})
    return kept.eval().requires_grad_(False)


def write_card(folder: Path, figures: dict[str, float], count: int, seconds: float) -> None:
    """Write the model card."""
    unread = [name for name, value in figures.items() if value < READ_WELL]
    write_file(folder / "README.md", "\n".join([
        "# Model card", "", "## Storybook reader (`ReaderNetwork`)", "",
        f"Reads {', '.join(name for name in figures if name not in unread)} of a clip at 8 frames a second, so that drawn shots are",
        "checked. It is not the judge that measures the family: other data, another network, other weights.", "",
        f"- made by `python -m storybook train reader` (part of `make models`): logistic regressions on what the family's denoiser "
        f"computes of {count:,} clips, {seconds / 60:.1f} minutes",
        "- data: clips rendered by `storybook.world` (seeds in `storybook/train/reader.py`); no other pictures; held-out combinations "
        "are never trained on",
        "- right of fresh rendered clips: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()),
        f"- what it read right of fewer than {READ_WELL:.0%} was left out: {', '.join(unread) or 'nothing'}",
        "- limits: always names something; a colour between the named ones gets the name of one of them; one figure a clip; knows the "
        "storybook world only, and this pipeline only",
        "- licence: Apache-2.0, as the project", "",
    ]).encode())
