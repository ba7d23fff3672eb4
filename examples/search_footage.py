"""Index a folder of videos and look for something in it.

    python examples/search_footage.py VIDEOS QUERY [--index INDEX] [--profile PROFILE]
"""

from __future__ import annotations

import argparse

import storyanim


def main() -> None:
    """Read the command line, build the index, and print the hits."""
    parser = argparse.ArgumentParser(description="Index a folder of videos and look for something in it.")
    parser.add_argument("videos", help="a folder, a table, an archive or a video")
    parser.add_argument("query", help='what to look for: "a dog jumping"')
    parser.add_argument("--index", default="my-index", help="index folder to write")
    parser.add_argument("--profile", help="storybook, sd15 or a .toml file")
    given = parser.parse_args()

    info = storyanim.build_index(given.videos, given.index, profile=given.profile)
    print(f"{info.num_clips} clips of {info.num_videos} videos")
    for hit in storyanim.search(given.index, given.query, count=3, sheet="hits.png", profile=given.profile):
        print(f"{hit.match.score:.3f}  {hit.match.path}  {hit.match.start_s}-{hit.match.end_s} s  {hit.why}")


if __name__ == "__main__":
    main()
