"""The storybook worlds: plush creatures and dolls in scenes of stories, with exact depth, masks and
captions."""

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
from storybook.world.world import STORYBOOK_1, STORYBOOK_2, WORLDS, World

__all__ = [
    "ACCESSORIES",
    "ACTIONS",
    "CAMERAS",
    "COLOURS",
    "CREATURES",
    "HELD_OUT",
    "SCENES",
    "STORYBOOK_1",
    "STORYBOOK_2",
    "TIMES_OF_DAY",
    "WEATHERS",
    "WORDS",
    "WORLDS",
    "ActorSpec",
    "ClipSpec",
    "World",
    "WorldClip",
    "caption",
    "render_clip",
    "render_frames",
    "sample_spec",
    "with_",
]
