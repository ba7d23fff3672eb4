"""`python -m storybook eval structure`: what depth does for a drawing, and how much of it is wanted (AaS
table 1, figure 5)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from storyanim.artifacts import DepthTrack, Float32, Frames
from storyanim.engine.folders import write_file
from storyanim.engine.run_dir import RunDir
from storyanim.generate.families import build_generator
from storyanim.stages import ShotGenerator
from storybook.evaluate import trials
from storybook.evaluate.bench import Bench, Watch, draw_all, make_references
from storybook.evaluate.labels import ATTRIBUTES, labels_of
from storybook.evaluate.metrics import depth_correlation
from storybook.evaluate.sheets import structure_sheet
from storybook.evaluate.tables import Curve, structure_table
from storybook.evaluate.trials import Trial

UNTIL = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)          # control_guidance_end, features as they are
SCALES = (0.25, 0.5, 0.75)                           # features rescaled, and never clamped


@dataclass(frozen=True)
class StructureSize:
    """How much is drawn: 2 × clips + 8 × shots, since the first shots of the curve's ends are among the
    clips."""

    clips: int = 100                                 # of each Fréchet distance
    shots: int = 16                                  # of each point of the curves

    def check(self) -> StructureSize:
        """No more shots than clips: they are the first of them."""
        return replace(self, shots=min(self.shots, self.clips))


QUICK = StructureSize(clips=7, shots=3)


@dataclass(frozen=True, order=True)
class Way:
    """One setting of the structure."""

    until: float                                     # generate.control_guidance_end; 0: text only
    scale: float                                     # generate.conditioning_scale

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"until-{self.until:g}-times-{self.scale:g}" if self.until else "text"


@dataclass(frozen=True, eq=False)
class Drawn:
    """What one way gave."""

    features: Float32                                # (N, D)
    guide: float                                     # correlation of depth, mean of the curve's shots
    creature: float                                  # share of the curve's shots with the text's creature
    first: Frames


def evaluate_structure(run: RunDir, bench: Bench, size: StructureSize, watch: Watch) -> dict[str, object]:
    """Draw, reads, counts.

    Writes `eval.json`, `table.md` and `sheet.png` into the run's folder. Returns eval.json's content.

    Raises what drawing raises; the same call then goes on.
    """
    size, own = size.check(), bench.settings.generate
    asked = trials.make_trials(size.clips, bench.world)
    watch(0.0, "rendering and depth of the guides")
    references = make_references(bench, bench.judge, size.clips)
    guides = [bench.guide(trial) for trial in asked]
    text, depth = Way(0.0, own.conditioning_scale), Way(own.control_guidance_end, own.conditioning_scale)
    clamped = [Way(until, own.conditioning_scale) for until in UNTIL]
    rescaled = [Way(1.0, scale * own.conditioning_scale) for scale in SCALES]
    results: dict[Way, Drawn] = {}
    for way in dict.fromkeys([text, depth, *clamped, *rescaled]):
        count = size.clips if way in (text, depth) else size.shots
        results[way] = draw_way(run, bench, way, list(zip(asked, guides, strict=True))[:count], size.shots,
                                watch)
    fvd = {name: references.distance(results[way].features) for name,
           way in (("text", text), ("text_depth", depth))}
    curves = _curves(results, UNTIL, clamped, "") | _curves(results, SCALES, rescaled, "rescaled_")
    floor = references.floor(size.clips)
    result: dict[str, object] = {
        "fvd": fvd, "fvd_floor": floor, "curve": curves["guide"], "creature_curve": curves["creature"],
        "rescaled": curves["rescaled_guide"], "rescaled_creature": curves["rescaled_creature"],
    }
    rows = [(f"control_guidance_end {way.until:g}", results[way].first) for way in clamped]
    shown = (next(bench.frames([trials.guide_spec(asked[0])])), guides[0])
    run.write("table.md", structure_table(fvd | {"floor": floor}, curves, (size.clips, size.shots)))
    write_file(run.path / "sheet.png", structure_sheet(asked[0], shown, rows))
    run.write("eval.json", json.dumps(result, indent=1) + "\n")
    return result


def draw_way(
    run: RunDir, bench: Bench, way: Way, shots: Sequence[tuple[Trial, DepthTrack]], on_curve: int,
    watch: Watch
) -> Drawn:
    """Draw the shots in one way; the first `on_curve` of them are points of the curves."""
    asked = [(trial.shot, depth if way.until else None) for trial, depth in shots]
    drawn = draw_all(run, way.name, asked, _generator(bench, way), watch)
    reading = bench.judge.read(drawn)
    first = list(zip(drawn, shots, strict=True))[:on_curve]
    follow = [
        depth_correlation(bench.depth.estimate(frames).inverse_depth, bench.fitted_depth(depth))
        for frames, (_, depth) in first
    ]
    column = ATTRIBUTES.index("creature")
    right = [reading.labels[k, column] == labels_of(trial.spec, world=trial.world)[column] for k,
             (_, (trial, _)) in enumerate(first)]
    return Drawn(reading.features, float(np.mean(follow)), float(np.mean(right)), drawn[0])


def _generator(bench: Bench, way: Way) -> ShotGenerator:
    """Return the profile's generator with this structure.

    It is let go after its shots, so that one model is loaded at a time.
    """
    update = {"control_guidance_end": way.until, "conditioning_scale": way.scale}
    changed = bench.settings.generate.model_copy(update=update)
    return build_generator(bench.settings.model_copy(update={"generate": changed}))


def _curves(results: dict[Way, Drawn], at: Sequence[float], ways: Sequence[Way],
            prefix: str) -> dict[str, Curve]:
    """Guide correlation and creature over `at`."""
    return {
        f"{prefix}guide": [(x, results[way].guide) for x, way in zip(at, ways, strict=True)],
        f"{prefix}creature": [(x, results[way].creature) for x, way in zip(at, ways, strict=True)],
    }
