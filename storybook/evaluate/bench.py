"""What both measurements share: the doers, rendered clips to compare with, and shots drawn once into a run
folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storyanim.artifacts import CharacterToken, DepthTrack, Float32, Frames, Shot
from storyanim.config import Settings
from storyanim.depth.dpt import build_depth_estimator
from storyanim.engine.run_dir import RunDir
from storyanim.errors import UsageError
from storyanim.generate.families import build_generator
from storyanim.generate.generator import fit_depth
from storyanim.run.shots import draw
from storyanim.stages import DepthEstimator, FeatureExtractor, ShotGenerator
from storybook.evaluate import trials
from storybook.evaluate.judge import Judge
from storybook.evaluate.metrics import frechet
from storybook.evaluate.trials import Trial
from storybook.world import ClipSpec, World, WorldClip, render_clip

Watch = Callable[[float, str], None]                 # share done in [0, 1], what is being done


@dataclass(frozen=True)
class Bench:
    """Who draws and who measures."""

    settings: Settings
    generator: ShotGenerator                         # of the profile as it is
    depth: DepthEstimator
    judge: Judge

    @property
    def world(self) -> World:
        """What is asked and rendered: the judge's."""
        return self.judge.world

    def render(self, spec: ClipSpec) -> WorldClip:
        """Return a clip of the world at the number, size and rate of the drawn frames."""
        wanted = self.settings.generate
        return render_clip(spec, size=wanted.width_px, num_frames=wanted.num_frames, fps=wanted.fps)

    def frames(self, specs: Iterable[ClipSpec]) -> Iterator[Frames]:
        """Yield rendered clips, one at a time."""
        for spec in specs:
            clip = self.render(spec)
            yield Frames(clip.rgb, clip.fps)

    def guide(self, trial: Trial) -> DepthTrack:
        """Return the depth, as the profile's own network sees it, of the clip that guides a trial."""
        return self.depth.estimate(next(self.frames([trials.guide_spec(trial)])))

    def fitted_depth(self, track: DepthTrack) -> Float32:
        """Return a track as the generator is given it, (T, H, W)."""
        wanted = self.settings.generate
        return fit_depth(track, (wanted.num_frames, wanted.height_px, wanted.width_px))


def build_bench(settings: Settings, judge: Path | None) -> Bench:
    """Cheap: models are loaded at first use. Raises UsageError, ModelError."""
    wanted = settings.generate
    if wanted.width_px != wanted.height_px:
        raise UsageError(f"the storybook world is square, this profile draws "
                         f"{wanted.width_px}x{wanted.height_px}",
                         hint="measure with equal generate.width_px and generate.height_px")
    bench = Bench(settings, build_generator(settings), build_depth_estimator(settings), Judge(judge))
    # what is missing is told before any work
    _ = bench.judge.fingerprint, bench.depth.fingerprint, bench.generator.fingerprint
    return bench


@dataclass(frozen=True, eq=False)
class References:
    """Features of two sets of rendered clips that share no seed, with each other or with the prompts."""

    features: Float32                                # (N, D) what drawn clips are compared with
    others: Float32                                  # (N, D) their distance from it is the floor

    def distance(self, features: Float32) -> float:
        """Of drawn clips, compared with as many rendered ones."""
        return frechet(features, self.features[: len(features)])

    def floor(self, count: int) -> float:
        """Of `count` rendered clips."""
        return frechet(self.others[:count], self.features[:count])


def make_references(bench: Bench, extractor: FeatureExtractor, count: int) -> References:
    """Render and look at both sets, of `count` clips each."""
    sets = (trials.held_out_specs(first, count, bench.world) for first in (trials.REFERENCES, trials.FLOORS))
    return References(*(extractor.extract(bench.frames(specs)) for specs in sets))


def draw_all(
    run: RunDir, name: str, shots: Sequence[tuple[Shot, DepthTrack | None]], generator: ShotGenerator,
    watch: Watch,
    tokens: Sequence[CharacterToken] = (),
) -> list[Frames]:
    """Draw shots into the folder `name` of the run, unless they lie there from before.

    Raises what drawing raises.
    """
    drawn = []
    for done, (shot, depth) in enumerate(shots):
        watch(done / len(shots), f"{name}: {shot.prompt}")
        drawn.append(run.step(f"{name}/{shot.id}", draw, shot, depth, list(tokens), generator).value)
    return drawn


def seconds_a_shot(run: RunDir, name: str) -> float:
    """Drawing and storing a shot of a folder: the median, since the first one also loads the models."""
    spent = [value for step, value in run.seconds().items() if step.startswith(f"{name}/")]
    return float(np.median(spent))
