"""`eval storybook`: does a profile draw what it is asked, text alone and under the structure of another
clip?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storyanim.artifacts import Frames
from storyanim.engine.folders import write_file
from storyanim.engine.run_dir import RunDir
from storybook.evaluate import trials
from storybook.evaluate.bench import Bench, References, Watch, draw_all, make_references, seconds_a_shot
from storybook.evaluate.judge import Reading
from storybook.evaluate.labels import Labels, labels_of
from storybook.evaluate.metrics import (
    accuracy,
    accuracy_by_class,
    change,
    depth_correlation,
    pan,
    ratio,
    seam_ratio,
    still_pixels,
)
from storybook.evaluate.pairs import pair_labels, read_pairs, score_pairs
from storybook.evaluate.sheets import storybook_sheet
from storybook.evaluate.steadiness import read_frames, steadiness
from storybook.evaluate.tables import Counts, Scores, storybook_table
from storybook.evaluate.trials import Trial

# folders of the drawn shots
TEXT, STRUCTURE, LONG, PAIRS, CAMERA = "text", "structure", "long", "pairs", "camera"

LEAST_PAN = 0.0045                                   # widths a frame: the world's camera pans by .004 to .016


@dataclass(frozen=True)
class StorybookSize:
    """How much is drawn: 300 shots of 6 s are half an hour."""

    prompts: int = 200
    # the first so many of them are drawn again under structure
    guided: int = 100
    # and so many as long as the profile allows, for the seams of windows
    long: int = 4
    pairs: int = 24                                  # other prompts, with two creatures
    camera: int = 24                                 # and others that say how the camera moves


QUICK = StorybookSize(prompts=20, guided=10, long=1, pairs=5, camera=3)


@dataclass(frozen=True, eq=False)
class Truth:
    """What the drawn clips are compared with."""

    labels: Labels                                   # (N, 5) of the prompts
    references: References
    still: NDArray[np.bool_]                         # (H, W) pixels where creatures hardly ever are
    flicker: list[float]                             # of the prompts' own rendered clips, on those pixels
    change: list[float]                              # of the same, on all pixels
    rendered: dict[str, float]                       # how well the judge reads them
    steadiness: dict[str, float]                     # and how alike it reads their frames


def evaluate_storybook(run: RunDir, bench: Bench, size: StorybookSize, watch: Watch) -> dict[str, object]:
    """Draw, reads, counts.

    Writes `eval.json`, `table.md` and `sheet.png` into the run's folder. Returns eval.json's content.

    Raises what drawing raises; the same call then goes on.
    """
    asked = trials.make_trials(size.prompts, bench.world)
    watch(0.0, "rendering what to compare with")
    truth = make_truth(bench, asked)
    shots = [trial.shot for trial in asked]
    drawn = draw_all(run, TEXT, [(shot, None) for shot in shots], bench.generator, watch)
    watch(0.0, "depth of the guides")
    guides = [bench.guide(trial) for trial in asked[: size.guided]]
    guided = draw_all(run, STRUCTURE, list(zip(shots, guides, strict=False)), bench.generator, watch)
    wanted = bench.settings.generate
    longest = [(shot.model_copy(update={"duration_s": wanted.max_duration_s}), None)
               for shot in shots[: size.long]]
    long = draw_all(run, LONG, longest, bench.generator, watch)
    pairs = _draw_pairs(run, bench, size.pairs, watch)
    camera = _draw_cameras(run, bench, size.camera, watch)
    watch(1.0, "judging")
    readings = [bench.judge.read(clips) for clips in (drawn, guided)]
    seconds = [seconds_a_shot(run, name) for name in (TEXT, STRUCTURE)]
    depths = [bench.depth.estimate(clip).inverse_depth for clip in guided]
    fitted = [bench.fitted_depth(guide) for guide in guides]
    follow = float(np.mean([depth_correlation(*pair) for pair in zip(depths, fitted, strict=True)]))
    text = score(drawn, readings[0], truth, seconds[0])
    structure = score(guided, readings[1], truth, seconds[1], follow)
    seams = seam_ratio([clip.rgb for clip in long], wanted.num_frames, wanted.context_stride)
    frames = steadiness(read_frames(bench.judge, drawn)) | {"rendered": truth.steadiness}
    classes = accuracy_by_class(readings[0].labels, truth.labels, bench.world)
    result: dict[str, object] = {**text.values, **classes, "frames": frames, "seams": seams,
                                "structure": structure.values, "pairs": pairs, "camera": camera}
    counts = Counts(len(drawn), len(guided), len(long), size.pairs, size.camera)
    run.write("table.md", storybook_table(text, structure, truth.rendered, seams, pairs, camera, counts))
    write_file(run.path / "sheet.png", storybook_sheet(asked, drawn, guided, readings[0].labels))
    run.write("eval.json", json.dumps(result, indent=1) + "\n")
    return result


def _draw_pairs(run: RunDir, bench: Bench, count: int, watch: Watch) -> dict[str, float]:
    """Return how often both of two creatures are right, and under "rendered" how often the judge finds them
    in rendered clips."""
    asked = trials.make_pair_trials(count, bench.world)
    drawn = draw_all(run, PAIRS, [(trial.shot, None) for trial in asked], bench.generator, watch)
    rendered = list(bench.frames(trial.spec for trial in asked))
    scores, ceiling = (score_pairs(read_pairs(bench.judge, clips), pair_labels(asked))
                       for clips in (drawn, rendered))
    return {**scores, "rendered": ceiling["both"]}


def _draw_cameras(run: RunDir, bench: Bench, count: int, watch: Watch) -> dict[str, float]:
    """Return how often the picture moves, or stays, as the prompt says of the camera.

    "rendered" is the measure's own ceiling.
    """
    asked = trials.make_camera_trials(count, bench.world)
    drawn = draw_all(run, CAMERA, [(trial.shot, None) for trial in asked], bench.generator, watch)
    rendered = bench.frames(trial.spec for trial in asked)
    right, ceiling = (float(np.mean([camera_of(clip) == trial.spec.camera for clip,
                                     trial in zip(clips, asked, strict=True)]))
                      for clips in (drawn, rendered))
    return {"right": right, "rendered": ceiling}


def camera_of(clip: Frames) -> str:
    """Return what the camera does in a clip: fixed, pan_left or pan_right."""
    moves = pan(clip.rgb)
    return "fixed" if abs(moves) < LEAST_PAN else "pan_left" if moves > 0 else "pan_right"


def make_truth(bench: Bench, asked: Sequence[Trial]) -> Truth:
    """Render the prompts' own clips, and the references."""
    clips = [bench.render(trial.spec) for trial in asked]
    still = still_pixels(np.mean([clip.mask.any(axis=0) for clip in clips], axis=0, dtype=np.float32))
    labels = np.stack([labels_of(trial.spec, world=trial.world) for trial in asked])
    read = bench.judge.read(Frames(clip.rgb, clip.fps) for clip in clips)
    return Truth(
        labels=labels, references=make_references(bench, bench.judge, len(asked)), still=still,
        flicker=[change(clip.rgb, still) for clip in clips], change=[change(clip.rgb) for clip in clips],
        rendered=accuracy(read.labels, labels),
        steadiness=steadiness(read_frames(bench.judge, (Frames(clip.rgb, clip.fps) for clip in clips))),
    )


def score(drawn: Sequence[Frames], reading: Reading, truth: Truth, seconds: float,
          guide: float | None = None) -> Scores:
    """Drawn clips of the first prompts against what they were to be.

    flicker: mean absolute difference of consecutive frames on the quarter of the picture where creatures
    hardly ever are, over that of the same prompts' rendered clips, whose water and weather move too; the
    camera stands still in all.
    """
    count = len(drawn)
    values = accuracy(reading.labels, truth.labels[:count]) | {
        "frechet": truth.references.distance(reading.features),
        "frechet_floor": truth.references.floor(count),
        "flicker": ratio([change(clip.rgb, truth.still) for clip in drawn], truth.flicker[:count]),
        "seconds_a_shot": seconds,
    }
    return Scores(values, ratio([change(clip.rgb) for clip in drawn], truth.change[:count]), guide)
