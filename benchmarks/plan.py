"""How many words of a story the offline planner plans in a second.

    python benchmarks/plan.py [--words 5000] [--profiles storybook sd15] [--json FILE]

The story is the labelled stories of tests/planning/stories/seen, one after the other, as often as it takes. The planner is
built, and has planned one sentence, before the clock starts: loading a model is printed apart. Asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import cycle
from pathlib import Path

from storyanim.artifacts import Story
from storyanim.config import load_settings
from storyanim.planning import build_planner, load_vocabulary
from storybook.evaluate.planner_stories import load_stories


def story_of(words: int) -> Story:
    """Return the seen stories up to so many words."""
    parts: list[str] = []
    left = words
    for story in cycle(load_stories(halves=("seen",))):
        told = story.text.split(" ")                 # line ends stay inside a word
        parts.append(" ".join(told[:left]))
        left -= len(told)
        if left <= 0:
            return Story(title="benchmark", text="\n\n".join(parts))
    raise AssertionError


def measure(profile: str, story: Story) -> dict[str, float | str]:
    """Return seconds to build the planner and to plan the story."""
    settings = load_settings(profile)
    started = time.perf_counter()
    planner = build_planner(settings, load_vocabulary(settings))
    planner.plan(Story(title="first", text="The bear walked in the forest."), ())
    built = time.perf_counter()
    board = planner.plan(story, ())
    seconds = time.perf_counter() - built
    words = len(story.text.split())
    return {"profile": profile, "words": words, "shots": len(board.shots), "build_s": built - started,
            "plan_s": seconds, "words_per_s": words / seconds}


def main() -> None:
    """Measure each profile and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=5000)
    parser.add_argument("--profiles", nargs="+", default=["storybook", "sd15"])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = [measure(profile, story_of(args.words)) for profile in args.profiles]
    print("| profile | words | shots | build s | plan s | words a second |\n| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row['profile']} | {row['words']} | {row['shots']} | {row['build_s']:.1f} | {row['plan_s']:.1f} | "
              f"{row['words_per_s']:.0f} |")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
