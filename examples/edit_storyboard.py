"""Plan a story, change its first shot, and film the changed storyboard.

    python examples/edit_storyboard.py STORY PROMPT [--out RUN] [--index INDEX] [--profile PROFILE]
"""

from __future__ import annotations

import argparse

import storyanim


def main() -> None:
    """Read the command line, plan, edit and film."""
    parser = argparse.ArgumentParser(description="Plan a story, change its first shot, and film it.")
    parser.add_argument("story", help="a text file")
    parser.add_argument("prompt", help="what the first shot is to show")
    parser.add_argument("--out", help="run folder")
    parser.add_argument("--index", help="footage of your own, indexed")
    parser.add_argument("--profile", help="storybook, sd15 or a .toml file")
    given = parser.parse_args()

    board = storyanim.plan(given.story, profile=given.profile)
    first, *others = board.shots
    first = first.model_copy(update={"prompt": given.prompt, "query": given.prompt})
    edited = board.model_copy(update={"shots": (first, *others)})
    print(edited.to_yaml())
    result = storyanim.make_film(edited, out=given.out, index=given.index, profile=given.profile)
    print(result.path)


if __name__ == "__main__":
    main()
