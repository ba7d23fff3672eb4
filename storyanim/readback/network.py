"""The reader's network: timm's ResNet on every frame, pooled where the figure is, and a look over
time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn

CELL_PX = 16                                         # side of a cell of the last feature map
_MOVING = 96                                         # channels of the convolutions over time


@dataclass(frozen=True)
class ReaderConfig:
    """What is read, of what frames, and all that decides the network's layout: 0.8 M weights as it stands."""

    names: Mapping[str, tuple[str, ...]]             # attribute → its values, in the order of the logits
    size_px: int = 128                               # frames are read at this size
    fps: float = 8.0
    num_frames: int = 8                              # longer clips are read in windows of at most so many
    stem: int = 48
    widths: tuple[int, ...] = (48, 64, 96, 112)
    layers: tuple[int, ...] = (1, 1, 2, 1)
    embedding: int = 72                              # of what is seen, and again of how it moves
    moving: tuple[str, ...] = ("action",)            # attributes that are read from how it moves, too


class ReaderNetwork(nn.Module):
    """Frames to logits of each attribute and to features.

    A map of where the figure is, learned from rendered masks, weighs the cells, so that colours and shapes
    of the background do not count for it. What does not move is read from the mean over time.
    """

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        wide = config.widths[-1]
        self.eye = ResNet(BasicBlock, config.layers, num_classes=0, output_stride=CELL_PX,
                          channels=config.widths)
        # A quarter of the size at once: at half of it the stem would take half of the time.
        self.eye.conv1 = nn.Conv2d(3, config.stem, 7, stride=4, padding=3, bias=False)
        self.eye.bn1 = nn.BatchNorm2d(config.stem)
        self.eye.layer1[0] = BasicBlock(config.stem, config.widths[0],
                                        downsample=_fitted(config.stem, config.widths[0]))
        self.eye.maxpool = nn.Identity()
        self.where = nn.Conv2d(wide, 1, 1)
        self.still = nn.Linear(2 * wide + 3, config.embedding)
        self.first = nn.Conv1d(2 * wide + 3, _MOVING, 3, padding=1)
        self.second = nn.Conv1d(_MOVING, _MOVING, 3, padding=1)
        self.motion = nn.Linear(2 * _MOVING, config.embedding)
        self.heads = nn.ModuleDict({
            name: nn.Linear(config.embedding * (2 if name in config.moving else 1), len(values))
            for name, values in config.names.items()
        })

    def moving_parts(self) -> nn.ModuleDict:
        """Return what reads over time, apart from what reads single frames."""
        return nn.ModuleDict({"first": self.first, "second": self.second, "motion": self.motion,
                              **{name: self.heads[name] for name in self.config.moving}})

    def forward(self, rgb: Tensor) -> dict[str, Tensor]:                                     # (T, 3, H, W)
        """Return logits of each attribute of one clip in [-1, 1], (values,)."""
        read, _ = self.read(self.look(rgb)[0][None])
        return {name: logits[0] for name, logits in read.items()}

    def look(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Return each frame by itself.

        Args: rgb: (N, 3, H, W) in [-1, 1].

        Returns (N, F) what is seen, and (N, h, w) logits of how much of each cell a figure covers.
        """
        grid = self.eye.forward_features(rgb)                                                # (N, C, h, w)
        cells = self.where(grid)[:, 0]
        cover = cells.sigmoid()
        share = cover / cover.sum((1, 2), keepdim=True).clamp(min=1e-3)
        actor, whole = (grid * share[:, None]).sum((2, 3)), grid.mean((2, 3))
        place = torch.stack([_centre(share, 1), _centre(share, 2), cover.mean((1, 2))], dim=1)
        return torch.cat([actor, whole, place], dim=1), cells

    def read(self, seen: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return clips of what was seen, (B, T, F), to logits by attribute, (B, values), and features (B, 2 ×
        embedding)."""
        still = self.still(seen).relu().mean(1)
        moving = self.first(seen.transpose(1, 2)).relu()
        moving = moving + self.second(moving).relu()
        motion = self.motion(torch.cat([moving.mean(2), moving.amax(2)], dim=1)).relu()
        features = torch.cat([still, motion], dim=1)
        return {name: head(features if name in self.config.moving else still)
                for name, head in self.heads.items()}, features


def _fitted(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))


def _centre(share: Tensor, axis: int) -> Tensor:
    """Return where the weights (N, h, w) lie along an axis, (N,) in [0, 1]."""
    size = share.shape[axis]
    return (share.sum(3 - axis) * torch.linspace(0, 1, size, device=share.device, dtype=share.dtype)).sum(1)
