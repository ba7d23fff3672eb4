"""The storybook world: plush creatures in eight scenes, with exact depth, masks and captions."""

from storybook.world.captions import WORDS, caption
from storybook.world.dataset import (
    ACCESSORIES,
    ACTIONS,
    CAMERAS,
    COLOURS,
    CREATURES,
    HELD_OUT,
    SCENES,
    TIMES_OF_DAY,
    WEATHERS,
    ActorSpec,
    ClipSpec,
    WorldClip,
    render_clip,
    render_frames,
    sample_spec,
    with_,
)

__all__ = [
    "ACCESSORIES",
    "ACTIONS",
    "CAMERAS",
    "COLOURS",
    "CREATURES",
    "HELD_OUT",
    "SCENES",
    "TIMES_OF_DAY",
    "WEATHERS",
    "WORDS",
    "ActorSpec",
    "ClipSpec",
    "WorldClip",
    "caption",
    "render_clip",
    "render_frames",
    "sample_spec",
    "with_",
]
