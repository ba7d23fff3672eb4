"""Score clips of several figures that each do something else, by whatever drew them.

    python benchmarks/who_does_what/score.py CLIPS [--json]     # CLIPS/pairs-01.mp4, ...
    python benchmarks/who_does_what/score.py --write            # prompts.jsonl anew

See README.md. A clip that is missing counts as wrong; a kind of which there is none is left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from storyanim import video
from storyanim.artifacts import Frames
from storybook.evaluate.judge import Judge
from storybook.evaluate.labels import ATTRIBUTES, names_of, words_of
from storybook.evaluate.regions import READ, read_events, read_together, score_regions
from storybook.evaluate.regions_questions import PAIRS, TRIPLES, Question, ask_events, ask_together
from storybook.world import STORYBOOK_1

PROMPTS = Path(__file__).with_name("prompts.jsonl")
COUNTS = {"pairs": 100, "triples": 50, "events": 50}
FPS = 8.0                                            # that the judge was made for


def ask(kind: str, number: int) -> Question:
    """Return a question of a kind."""
    if kind == "events":
        return ask_events(number)
    return ask_together(number, kind, *((PAIRS, 2) if kind == "pairs" else (TRIPLES, 3)))


def line_of(kind: str, number: int) -> dict[str, Any]:
    """Return a question as prompts.jsonl has it."""
    question = ask(kind, number)
    parts = question.regions.events or question.regions.entities
    return {"id": f"{kind}-{number + 1:02d}", "prompt": question.plain.prompt, "regions": [part.prompt for part in parts],
            "truth": [{name: value for name, value in words_of(truth).items() if name in {"creature", "colour", "action"}}
                      for truth in question.truth]}


def labels(truth: dict[str, str]) -> np.ndarray[Any, Any]:
    """Return the truth about a figure as the judge's numbers, (5,); -1 of what has no name or is not scored."""
    names = names_of(STORYBOOK_1)
    return np.array([names[name].index(truth[name]) if truth.get(name, "?") != "?" else -1 for name in ATTRIBUTES], np.int8)


def score(folder: Path, judge: Judge) -> dict[str, Any]:
    """Return kind → what `score_regions` says of a folder's clips."""
    lines = [json.loads(line) for line in PROMPTS.read_text("utf-8").splitlines()]
    found: dict[str, Any] = {}
    for kind in COUNTS:
        asked = [line for line in lines if line["id"].startswith(f"{kind}-")]
        clips = {line["id"]: folder / f"{line['id']}.mp4" for line in asked}
        if not any(path.is_file() for path in clips.values()):
            continue
        truth = np.array([[labels(figure) for figure in line["truth"]] for line in asked])
        read = np.full_like(truth, 127)              # no label: wrong
        for row, path in enumerate(clips.values()):
            if path.is_file():
                read[row] = read_clip(video.read(path, fps=FPS), kind, truth.shape[1], judge)
        found[kind] = score_regions(read, truth) | {"clips": len(asked)}
    return found


def read_clip(clip: Frames, kind: str, count: int, judge: Judge) -> np.ndarray[Any, Any]:
    """Return what the judge reads of each figure, or of each half of the time, (count, 5)."""
    return (read_events(judge, [clip]) if kind == "events" else read_together(judge, [clip], count))[0]


def main() -> None:
    """Read the arguments and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="?", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.write:
        lines = [json.dumps(line_of(kind, number)) for kind, count in COUNTS.items() for number in range(count)]
        PROMPTS.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    elif given.clips is None:
        parser.error("name the folder of the clips")
    else:
        found = score(given.clips, Judge())
        print(json.dumps(found, indent=1) if given.json else "\n".join(
            f"{kind}: " + ", ".join(f"{name} {scores[name]:.2f} ({scores[f'{name}_interval'][0]:.2f} to "
                                    f"{scores[f'{name}_interval'][1]:.2f})" for name in READ)
            for kind, scores in found.items()))


if __name__ == "__main__":
    main()
