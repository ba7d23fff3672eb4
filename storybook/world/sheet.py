"""A contact sheet of the world: three frames and the depth of each clip, with its caption."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap

import numpy as np
from PIL import Image

from storyanim.sheet import Layout, Row, contact_sheet
from storybook.world.captions import caption
from storybook.world.dataset import ClipSpec, render_clip, sample_spec
from storybook.world.world import STORYBOOK_1, World

SHOWN = (0, 5, 10)  # frames on the sheet


def preview_sheet(
    seeds: Iterable[int],
    *,
    size: int = 128,
    columns: int = 3,
    num_actors: int = 1,
    world: World = STORYBOOK_1,
) -> Image.Image:
    """The clips of some seeds in `columns`; each cell is frames 0, 5, 10 and depth, the caption below."""
    specs = [sample_spec(seed, num_actors=num_actors, world=world) for seed in seeds]
    return spec_sheet(specs, size=size, columns=columns, world=world)


EVERY = ("creature", "action", "scene", "time_of_day", "weather")


def every(attribute: str, world: World, first_seed: int = 0) -> list[ClipSpec]:
    """One sampled clip for each value of an attribute of `EVERY`, in the world's order: the first seed that
    has it."""
    specs = []
    for value in world.words[attribute]:
        pair = value == "hugging"  # nobody hugs alone
        seed = first_seed
        while True:
            spec = sample_spec(seed, num_actors=2 if pair else 1, world=world)
            if value in (getattr(spec, attribute, None), getattr(spec.actors[0], attribute, None)):
                break
            seed += 1
        specs.append(spec)
    return specs


def spec_sheet(
    specs: list[ClipSpec], *, size: int = 128, columns: int = 3, world: World = STORYBOOK_1
) -> Image.Image:
    """The same for given clips."""
    rows = []
    for spec in specs:
        clip = render_clip(spec, size=size, num_frames=SHOWN[-1] + 1)
        images = [clip.rgb[frame]
                  for frame in SHOWN] + [(clip.inverse_depth[SHOWN[0]] * 255).astype(np.uint8)]
        words = wrap(caption(spec, world=world), width=max(20, len(images) * size // 6))
        rows.append(Row(images, captions=words[:2]))
    return contact_sheet(rows, Layout(cell_px=(size, size), gap_px=2, columns=columns, font_px=10))
