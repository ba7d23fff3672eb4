"""The profile of a family outside of the package: the bundled one's settings, on its own weights and size."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from storybook.world import World

ABOUT = "Small models of the world {}, {} pixels; people, animals and groups on a laptop's CPU."
WORN = {  # what a character may wear, as its captions say it: `personalize.appearance_phrases`
    "stripes": "with {} stripes",
}


def write_profile(family: Path, world: World, size: int) -> Path:
    """Write `profile.toml` beside the weights in `family`, for `--profile`; it names what lies beside it."""
    text = resources.files("storyanim.profiles").joinpath("storybook.toml").read_text("utf-8")
    text = text.replace('"assets:storybook/', '"./')
    text = text.replace("[retrieve]\n", '[retrieve]\nindex = "./index"\nstory_words = false\n')
    text = re.sub(r"^min_score = .*\n", "", text, flags=re.MULTILINE)    # the captions say just what a clip shows
    text = re.sub(r"\A(?:#.*\n)?description = .*\n", f'description = "{ABOUT.format(world.name, size)}"\n', text)
    for side in ("width_px", "height_px"):
        text = re.sub(rf"^{side} = \d+", f"{side} = {size}", text, flags=re.MULTILINE)
    phrases = ", ".join(f'"{WORN.get(thing, f"with a {{}} {thing}")}"' for thing in world.accessories)
    text = re.sub(r"^appearance_phrases = .*$", f"appearance_phrases = [{phrases}]", text, flags=re.MULTILINE)
    if not (family / "reader/config.json").is_file():           # not trained yet: the encoder reads
        text = re.sub(r"^reader = .*\n", "", text, flags=re.MULTILINE)
    path = family / "profile.toml"
    path.write_text(text, "utf-8")
    return path
