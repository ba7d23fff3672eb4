"""What is counted, on generators of which the answer is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from family import save_profile
from tiny_judge import save_judge

from storyanim.artifacts import CharacterToken, DepthTrack, Frames, Motion, Shot
from storyanim.config import load_settings
from storyanim.engine.run_dir import RunDir
from storybook.evaluate import bench as bench_file
from storybook.evaluate import structure as structure_file
from storybook.evaluate.bench import Bench, build_bench
from storybook.evaluate.judge import Judge, Reading
from storybook.evaluate.storybook import StorybookSize, evaluate_storybook
from storybook.evaluate.structure import StructureSize, evaluate_structure
from storybook.evaluate.trials import guide_spec, make_trials
from storybook.world import render_clip

NUM_FRAMES = 4
LONG_S = 0.5                                         # the longest shot of the family's profile


@dataclass
class Painter:
    """Draws just what was asked, or, under depth, the guiding clip; `noise` grey levels at most are added to each frame,
    and nothing is left of it when `blank`.
    """

    noise: int = 0
    blank: bool = False
    fingerprint: str = "painter"
    guided: list[bool] = field(default_factory=list)

    def draw(self, shot: Shot, depth: DepthTrack | None, tokens: Sequence[CharacterToken],
             motions: Sequence[Motion] = ()) -> Frames:
        self.guided.append(depth is not None)
        trial = make_trials(shot.seed + 1)[shot.seed]
        num_frames = 16 if shot.duration_s == LONG_S else NUM_FRAMES
        rgb = render_clip(guide_spec(trial) if depth else trial.spec, size=64, num_frames=num_frames).rgb
        rng = np.random.default_rng(shot.seed)
        noisy = rgb + rng.integers(-self.noise, self.noise + 1, rgb.shape)
        if self.blank:
            return Frames(np.zeros_like(rgb), 8.0)
        return Frames(np.clip(noisy, 0, 255).astype(np.uint8), 8.0)


class MeanColour(Judge):
    """Its features are a clip's mean colour; it reads the first name of everything."""

    def read(self, clips: Iterable[Frames]) -> Reading:
        features = np.array([clip.rgb.mean((0, 1, 2)) for clip in clips], np.float32)
        return Reading(np.zeros((len(features), 5), np.int8), features)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("family")
    return build_bench(load_settings(str(save_profile(folder))), save_judge(folder / "judge"))


def with_painter(real: Bench, painter: Painter) -> Bench:
    return Bench(real.settings, painter, real.depth, real.judge)


def quiet(done: float, text: str) -> None:
    pass


def test_perfect_drawings(real: Bench, tmp_path: Path) -> None:
    with RunDir(tmp_path / "run") as run:
        found = evaluate_storybook(run, with_painter(real, Painter()), StorybookSize(8, 3, 2, 1, 1), quiet)
        table = run.path.joinpath("table.md").read_text()
    assert found["flicker"] == pytest.approx(1)
    for name in ("creature", "colour", "accessory", "scene", "action", "all"):
        cells = next(line for line in table.splitlines() if f"right {name} " in line).split("|")
        assert cells[2] == cells[4]                  # drawn and rendered clips are the same ones
    assert "| frame-to-frame change, times rendered | 1.00 |" in table
    assert "| depth correlation with the guide |  | 1.00 |" in table
    assert 0.5 < found["seams"] < 2                  # the world knows no windows


def test_flicker_is_seen(real: Bench, tmp_path: Path) -> None:
    found = []
    for noise in (0, 4, 40):
        with RunDir(tmp_path / str(noise)) as run:
            painter = Painter(noise, fingerprint=f"painter {noise}")
            found.append(evaluate_storybook(run, with_painter(real, painter), StorybookSize(4, 2, 1, 1, 1), quiet))
    assert found[0]["flicker"] < found[1]["flicker"] < found[2]["flicker"]


def test_blank_drawings_are_far_from_rendered_ones_and_do_not_flicker(real: Bench, tmp_path: Path) -> None:
    bench = Bench(real.settings, Painter(blank=True), real.depth, MeanColour())
    with RunDir(tmp_path / "run") as run:
        found = evaluate_storybook(run, bench, StorybookSize(4, 2, 1, 1, 1), quiet)
    assert found["frechet"] > 3 * found["frechet_floor"]
    assert found["flicker"] == 0
    bears = np.mean([trial.spec.actors[0].creature == "bear" for trial in make_trials(4)])
    assert found["creature"] == bears < 1


def test_only_the_second_drawing_is_guided(real: Bench, tmp_path: Path) -> None:
    painter = Painter()
    with RunDir(tmp_path / "run") as run:
        evaluate_storybook(run, with_painter(real, painter), StorybookSize(3, 2, 3, 1, 1), quiet)
    assert painter.guided == [False] * 3 + [True] * 2 + [False] * 5      # the last ones: long, a pair, a camera


def test_the_curve_follows_the_guide(real: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A painter that heeds any structure at all: correlation 1 wherever some is on, less without."""
    monkeypatch.setattr(structure_file, "build_generator", lambda settings: Painter(
        fingerprint=f"painter {settings.generate.control_guidance_end} "
                    f"{settings.generate.conditioning_scale}"))
    with RunDir(tmp_path / "run") as run:
        found = evaluate_structure(run, real, StructureSize(clips=3, shots=9), quiet)
    (at, without), *others = found["curve"]
    assert (at, without < 0.99) == (0.0, True)
    assert [value for _, value in others] == pytest.approx([1] * 6, abs=1e-5)
    assert [value for _, value in found["rescaled"]] == pytest.approx([1] * 3, abs=1e-5)


def test_the_references_share_no_clip(real: Bench) -> None:
    made = bench_file.make_references(real, real.judge, 3)
    assert made.features.shape == made.others.shape == (3, 16)
    assert made.distance(made.features) == pytest.approx(0, abs=1e-6)
    assert made.floor(3) > 0
    assert made.floor(2) != made.floor(3)
