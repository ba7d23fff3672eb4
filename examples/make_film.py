"""Make the film of a story, with characters of your own.

    python examples/make_film.py STORY [PICTURES ...] [--out RUN] [--index INDEX] [--profile PROFILE]
"""

from __future__ import annotations

import argparse

import storyanim


def show(done: float, text: str) -> None:
    """Print how far the film is."""
    print(f"{done:4.0%}  {text}")


def main() -> None:
    """Read the command line, make the film and print its shots."""
    parser = argparse.ArgumentParser(description="Make the film of a story.")
    parser.add_argument("story", help="a text file")
    parser.add_argument("pictures", nargs="*", help="a folder of 3 to 30 pictures for each character")
    parser.add_argument("--out", help="run folder")
    parser.add_argument("--index", help="footage of your own, indexed")
    parser.add_argument("--profile", help="storybook, sd15 or a .toml file")
    given = parser.parse_args()

    result = storyanim.make_film(given.story, characters=given.pictures, out=given.out, index=given.index,
                                 profile=given.profile, progress=show)
    for drawn in result.shots:
        print(f"{drawn.shot.id}  {drawn.shot.prompt}  {drawn.pictures}")
    print(f"{result.path}\n{result.report}")


if __name__ == "__main__":
    main()
