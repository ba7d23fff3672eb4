"""The profile of a family outside of the package: the bundled one's settings, on its own weights and size."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from storybook.world import World

WORN = {  # what a character may wear, as its captions say it: `personalize.appearance_phrases`
    "stripes": "with {} stripes",
}


def write_profile(family: Path, world: World, size: int) -> Path:
    """Write `profile.toml` beside the weights in `family`, for `--profile`; it names them by their folder."""
    text = resources.files("storyanim.profiles").joinpath("storybook.toml").read_text("utf-8")
    text = text.replace('"assets:storybook/', f'"{family.resolve().as_posix()}/')
    for side in ("width_px", "height_px"):
        text = re.sub(rf"^{side} = \d+", f"{side} = {size}", text, flags=re.MULTILINE)
    phrases = ", ".join(f'"{WORN.get(thing, f"with a {{}} {thing}")}"' for thing in world.accessories)
    text = re.sub(r"^appearance_phrases = .*$", f"appearance_phrases = [{phrases}]", text, flags=re.MULTILINE)
    if not (family / "reader/config.json").is_file():           # not trained yet: the encoder reads
        text = re.sub(r"^reader = .*\n", "", text, flags=re.MULTILINE)
    path = family / "profile.toml"
    path.write_text(text, "utf-8")
    return path
