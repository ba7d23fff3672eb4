"""What ships beside the weights: captioned clips to retrieve from, and the pictures of the example
characters."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from itertools import chain, count, islice
from pathlib import Path

from PIL import Image

from storyanim import video
from storyanim.artifacts import Frames
from storybook.world import (
    ACTIONS,
    CREATURES,
    SCENES,
    STORYBOOK_1,
    ClipSpec,
    World,
    caption,
    render_clip,
    sample_spec,
    with_,
)
from storybook.world.photos import EXAMPLES, take_photos
from storybook.world.spec import WATER_SCENES

# Whatever a story's hero does, wherever: footage of such a creature that does it there. Outlines steer the
# drawing, ears too.
COMBINATIONS = tuple(
    (creature, action, scene)
    for scene in SCENES
    for action in ACTIONS
    for creature in CREATURES
    if action != "swimming" or scene in WATER_SCENES
)
FIRST_SEED = 4_000_000
GROUPS = 120  # of the second world, every fourth of three figures


def make_clips(folder: Path, num_clips: int | None = None, world: World = STORYBOOK_1, size: int = 128) -> int:
    """Render `clip-000.mp4` … and `captions.tsv` into `folder`; `num_clips`: the first ones. Returns how many."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    specs = (
        map(library_spec, range(len(COMBINATIONS))) if world is STORYBOOK_1 else library_specs(world)
    )
    rows = []
    for number, spec in enumerate(islice(specs, num_clips)):
        clip = render_clip(spec, size=size)
        name = f"clip-{number:03d}.mp4"
        video.write(Frames(clip.rgb, clip.fps), folder / name, width_px=size, height_px=size, fps=8, crf=30,
                    preset="veryslow")
        rows.append((name, caption(spec, None, world)))
    with (folder / "captions.tsv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows([("file", "caption"), *rows])
    return len(rows)


def library_specs(world: World) -> Iterator[ClipSpec]:
    """Every kind at every action, wherever it does that, then groups who do different things.

    Captions are searched first: a kind and its action decide the outlines, which steer the drawing.
    """
    wanted = [(creature, action) for action in world.actions if action != "hugging"
              for creature in world.creatures]
    singles = (_first(world, FIRST_SEED + 1000 * k, *pair) for k, pair in enumerate(wanted))
    groups = (_plain(sample_spec(FIRST_SEED - 1 - k, num_actors=2 + k % 4 // 3, world=world))
              for k in range(GROUPS))
    yield from chain(singles, groups)


def _first(world: World, seed: int, creature: str, action: str) -> ClipSpec:
    """Return the first clip from a seed on in which such a figure does that."""
    for k in count(seed):
        spec = sample_spec(k, world=world)
        if (spec.actors[0].creature, spec.actors[0].action) == (creature, action):
            return _plain(spec)
    raise AssertionError


def _plain(spec: ClipSpec) -> ClipSpec:
    """Return a clip by day, in clear weather, with a still camera, whoever is in it wearing nothing special."""
    spec = with_(spec, weather="clear", time_of_day="day", camera="fixed")
    return with_(spec, accessory=None, accessory_colour=None, accessory_rgb=None)


def library_spec(number: int) -> ClipSpec:
    """Clip `number`: one creature, clear sky, still camera; the numbers go through every `COMBINATIONS`."""
    creature, action, scene = COMBINATIONS[number]
    seed = FIRST_SEED + 1000 * number
    while True:  # a drawn pose, size and colour that fit the action
        spec = sample_spec(seed)
        if spec.actors[0].action == action and spec.camera == "fixed":
            break
        seed += 1
    spec = with_(spec, creature=creature, scene=scene, weather="clear", time_of_day="day")
    return with_(spec, accessory=None, accessory_colour=None, accessory_rgb=None)


def make_photos(folder: Path, name: str) -> int:
    """Five pictures of an example character. Returns how many."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    photos = take_photos(EXAMPLES[name], seed=len(name))
    for number, photo in enumerate(photos, start=1):
        Image.fromarray(photo).save(folder / f"{number:02d}.jpg", quality=92)
    return len(photos)
