"""`eval loop`: what reading drawn shots back and drawing some again brings in right shots, and costs.

The judge counts, and never has a part in the loop; the reader chooses, and never counts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from storyanim.artifacts import Asked, Check, Frames, Shot, UInt8
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step
from storyanim.planning import load_vocabulary
from storyanim.planning.asked import asked_of
from storyanim.readback import build_reader
from storyanim.retrieve.encoders import build_encoder
from storyanim.run.checked import draw_checked, read_back, take_name
from storyanim.run.shots import draw
from storyanim.stages import ClipReader
from storybook.evaluate import trials
from storybook.evaluate.bench import Bench, Watch
from storybook.evaluate.labels import Labels, labels_of
from storybook.evaluate.metrics import accuracy
from storybook.evaluate.tables import loop_table

SHOTS = "shots"
LEAST_OTHER = 3                                      # of five, by which the prompt of a planted clip differs


@dataclass(frozen=True)
class LoopSize:
    """How much is drawn: 200 shots, and a fifth of them again, are half an hour of one core."""

    prompts: int = 200
    retries: int = 1


QUICK = LoopSize(prompts=12)


@dataclass(frozen=True)
class Loop:
    """Prompts that went through the loop."""

    asked: list[Asked]
    drawings: list[list[Step[Frames]]]               # of each prompt, all seeds
    checks: list[Check]

    def frames(self, number: int, kept: bool) -> Frames:
        """Return the first drawing of a prompt, or the one that was kept."""
        return self.drawings[number][self.checks[number].chosen if kept else 0].value


def evaluate_loop(run: RunDir, bench: Bench, size: LoopSize, watch: Watch) -> dict[str, object]:
    """Draw, read back, draw again, count; then plant faults.

    Writes `eval.json` and `table.md`. Returns eval.json's content. Raises what drawing raises; the same call
    then goes on.
    """
    asked = trials.make_trials(size.prompts, bench.world)
    reader = build_reader(bench.settings, build_encoder(bench.settings))
    vocabulary = load_vocabulary(bench.settings)
    questions = [asked_of(trial.shot, (), vocabulary) for trial in asked]
    made = _draw(run, bench, [trial.shot for trial in asked], questions, reader, size.retries, watch)
    truth = np.stack([labels_of(trial.spec, world=trial.world) for trial in asked])
    watch(0.9, "judging")
    before, after = (bench.judge.read(made.frames(k, kept) for k in range(size.prompts)).labels
                     for kept in (False, True))
    rendered = list(bench.frames(trial.spec for trial in asked))
    result: dict[str, Any] = {
        "prompts": size.prompts, "retries": size.retries,
        "before": accuracy(before, truth), "after": accuracy(after, truth),
        "redrawn": sum(len(check.readings) - 1 for check in made.checks),
        "reader": _agreement(made, before, truth),
        "rendered": _alarms(rendered, questions, reader, bench.judge.read(rendered).labels, truth),
        "planted": _planted(made, truth, reader), "seconds": _seconds(run, made),
    }
    run.write("table.md", loop_table(result))
    run.write("eval.json", json.dumps(result, indent=1) + "\n")
    return result


def _draw(run: RunDir, bench: Bench, shots: Sequence[Shot], asked: list[Asked], reader: ClipReader,
          retries: int, watch: Watch) -> Loop:
    drawings: list[list[Step[Frames]]] = []
    checks: list[Check] = []
    for number, (shot, question) in enumerate(zip(shots, asked, strict=True)):
        watch(0.9 * number / len(shots), f"{shot.id}: {shot.prompt}")
        drawn: list[Step[Frames]] = []

        def one(name: str, offset: int, shot: Shot = shot, drawn: list[Step[Frames]] = drawn) -> Step[Frames]:
            drawn.append(run.step(name, draw, shot.reseeded(offset), None, [], bench.generator))
            return drawn[-1]

        checks.append(draw_checked(run, f"{SHOTS}/{shot.id}", one, question, reader, retries)[1].value)
        drawings.append(drawn)
    return Loop(asked, drawings, checks)


def _agreement(made: Loop, judged: Labels, truth: Labels) -> dict[str, float]:
    """Return of how many first drawings reader and judge say that they are right or wrong."""
    right = ((judged == truth) | (truth < 0)).all(axis=1)
    passed = np.array([check.readings[0].is_right for check in made.checks])
    broken = np.array([bool(check.readings[0].faults) for check in made.checks])
    return {"wrong_found": int((~right & ~passed).sum()), "wrong_missed": int((~right & passed).sum()),
            "right_redrawn": int((right & ~passed).sum()), "right_passed": int((right & passed).sum()),
            "right_called_broken": int((right & broken).sum())}


def _alarms(clips: Sequence[Frames], asked: Sequence[Asked], reader: ClipReader, judged: Labels,
            truth: Labels) -> dict[str, float]:
    """Return what the reader says of good clips, those that were rendered for the prompts."""
    readings = [read_back(clip, question, reader) for clip, question in zip(clips, asked, strict=True)]
    return {"faults": sum(bool(reading.faults) for reading in readings), "clips": len(clips),
            "below_mark": sum(not reading.is_right for reading in readings),
            "judged_wrong": int((~((judged == truth) | (truth < 0)).all(axis=1)).sum())}


def _planted(made: Loop, truth: Labels, reader: ClipReader) -> dict[str, float]:
    """Return the share of planted faults that are found: in each drawing one fault of each kind."""
    count = len(made.asked)
    found: dict[str, list[bool]] = {name: [] for name in (*PLANTED, "another prompt's")}
    for number in range(count):
        clip = made.frames(number, True)
        for name, plant in PLANTED.items():
            broken = Frames(plant(clip.rgb, np.random.default_rng(number)), clip.fps)
            found[name].append(bool(read_back(broken, made.asked[number], reader).faults))
        if (other := _another(number, truth)) is not None:
            reading = read_back(made.frames(other, True), made.asked[number], reader)
            found["another prompt's"].append(bool(reading.faults))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _another(number: int, truth: Labels) -> int | None:
    """Return the next prompt that differs in at least three of the five."""
    order = [(number + k) % len(truth) for k in range(1, len(truth))]
    return next((k for k in order if (truth[k] != truth[number]).sum() >= LEAST_OTHER), None)


def _nan(rgb: UInt8, rng: np.random.Generator) -> UInt8:
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.full(rgb.shape, np.nan)).astype(np.uint8)


PLANTED = {
    "black": lambda rgb, rng: np.zeros_like(rgb),
    "frozen": lambda rgb, rng: np.repeat(rgb[:1], len(rgb), axis=0),
    "no numbers (NaN)": _nan,
    "noise": lambda rgb, rng: rng.integers(0, 256, rgb.shape).astype(np.uint8),
}


def _seconds(run: RunDir, made: Loop) -> dict[str, float]:
    """Return medians of drawing and of reading one drawing."""
    spent = run.seconds()
    names = [f"{SHOTS}/s{number + 1:02d}" for number in range(len(made.checks))]
    both = {part: [spent[step] for name in names if (step := take_name(name, part, 0)) in spent]
            for part in ("frames", "reading")}
    return {part: float(np.median(values)) for part, values in both.items()}
