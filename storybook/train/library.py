"""What ships beside the weights: captioned clips to retrieve from, and the pictures of the example
characters."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from PIL import Image

from storyanim import video
from storyanim.artifacts import Frames
from storybook.world import ACTIONS, CREATURES, SCENES, ClipSpec, caption, render_clip, sample_spec, with_
from storybook.world.photos import take_photos
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

# Combinations that no training clip shows (see world/dataset.py).
EXAMPLES = {
    "bear": {
        "creature": "bear",
        "colour": "white",
        "rgb": (0.95, 0.95, 0.94),
        "accessory": "stripes",
        "accessory_colour": "blue",
        "accessory_rgb": (0.20, 0.42, 0.88),
    },
    "fox": {
        "creature": "fox",
        "colour": "pink",
        "rgb": (0.97, 0.55, 0.70),
        "accessory": "hat",
        "accessory_colour": "blue",
        "accessory_rgb": (0.18, 0.38, 0.86),
    },
}


def make_clips(folder: Path, num_clips: int = len(COMBINATIONS)) -> int:
    """Render `clip-000.mp4` … and `captions.tsv` into `folder`. Returns how many."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows = []
    for number in range(num_clips):
        spec = library_spec(number)
        clip = render_clip(spec)
        name = f"clip-{number:03d}.mp4"
        video.write(Frames(clip.rgb, clip.fps), folder / name, width_px=128, height_px=128, fps=8, crf=30,
                    preset="veryslow")
        rows.append((name, caption(spec)))
    with (folder / "captions.tsv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows([("file", "caption"), *rows])
    return num_clips


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
