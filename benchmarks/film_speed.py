"""How long a film takes, on this machine: the whole run, each step of a shot, personalisation.

    python benchmarks/film_speed.py [STORY] [--character DIR]...

Runs the example story from nothing in a temporary folder with a cache of its own, once to learn the character
and once with the character ready, and prints a table. Prints what it measured and asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "storyanim" / "assets" / "examples" / "bear"


def run(story: Path, characters: list[str], out: Path, cache: Path) -> float:
    """Return seconds of one whole `storyanim run`, imports included."""
    flags = [part for character in characters for part in ("--character", character)]
    started = time.monotonic()
    environment = os.environ | {"STORYANIM_CACHE": str(cache)}
    command = [sys.executable, "-m", "storyanim", "run", str(story), *flags, "--out", str(out)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - started


def steps(out: Path) -> dict[str, list[float]]:
    """Step kind → seconds of each."""
    found: dict[str, list[float]] = {}
    for line in (out / "log.jsonl").read_text("utf-8").splitlines():
        event = json.loads(line)
        if event["event"] == "done":
            kind = event["step"].rsplit("/", 1)[-1] if "shots/" in event["step"] else event["step"]
            found.setdefault(kind, []).append(event["seconds"])
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("story", nargs="?", type=Path, default=EXAMPLE / "story.txt")
    parser.add_argument("--character", action="append")
    given = parser.parse_args()
    characters = given.character or [str(EXAMPLE / "bear")]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        first = run(given.story, characters, place / "first", place / "cache")
        again = run(given.story, characters, place / "again", place / "cache")
        nothing = run(given.story, characters, place / "again", place / "cache")
        learned = {name: times for name,
                   times in steps(place / "first").items() if name.startswith("characters/")}
        print(f"{'first run, characters learned':40s} {first:7.1f} s")
        print(f"{'another run, characters ready':40s} {again:7.1f} s")
        print(f"{'the same run again, nothing to do':40s} {nothing:7.1f} s")
        for name, times in sorted((steps(place / "again") | learned).items()):
            print(f"  {name:38s} {statistics.median(times):7.2f} s median of {len(times)}, longest "
                  f"{max(times):.2f}")


if __name__ == "__main__":
    main()
