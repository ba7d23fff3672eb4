"""The judge's network: laid out as the product's reader, with other widths, and trained on other clips."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from storyanim.readback.network import ReaderConfig, ReaderNetwork
from storybook.evaluate.labels import names_of
from storybook.world import STORYBOOK_1, World


@dataclass(frozen=True)
class Shape:
    """All that decides the network's layout; 0.88 M weights as it stands."""

    size_px: int = 128                               # frames are read at this size
    num_frames: int = 8                              # longer clips are read in windows of so many
    stem: int = 64
    widths: tuple[int, ...] = (40, 64, 96, 120)
    layers: tuple[int, ...] = (1, 2, 2, 1)
    embedding: int = 64                              # of what is seen, and again of how it moves


class JudgeNetwork(ReaderNetwork):
    """Reads what a world can show."""

    def __init__(self, shape: Shape, world: World = STORYBOOK_1) -> None:
        super().__init__(ReaderConfig(names_of(world), **asdict(shape)))
        self.shape, self.world = shape, world
