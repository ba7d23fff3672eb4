"""The loop's measurement: what is broken is drawn again, and counted before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from storyanim.artifacts import CharacterToken, DepthTrack, Frames, Motion, Shot
from storyanim.config import load_settings
from storyanim.depth.dpt import build_depth_estimator
from storyanim.engine.run_dir import RunDir
from storybook.evaluate import trials
from storybook.evaluate.bench import Bench
from storybook.evaluate.judge import Judge
from storybook.evaluate.loop import LoopSize, evaluate_loop
from storybook.world import render_clip


class Renderer:
    """Renders what a prompt asks for; the second one's first seed comes out black."""

    fingerprint = "renderer"

    def draw(self, shot: Shot, depth: DepthTrack | None, tokens: Sequence[CharacterToken],
             motions: Sequence[Motion] = ()) -> Frames:
        number = int(shot.id[1:]) - 1
        clip = render_clip(trials.make_trials(number + 1)[number].spec)
        is_broken = number == 1 and shot.seed == number
        return Frames(np.zeros_like(clip.rgb) if is_broken else clip.rgb, clip.fps)


def test_a_broken_drawing_is_found_and_the_next_counts(tmp_path: Path) -> None:
    settings = load_settings("storybook")
    bench = Bench(settings, Renderer(), build_depth_estimator(settings), Judge())
    with RunDir(tmp_path / "run") as run:
        result = evaluate_loop(run, bench, LoopSize(prompts=3), lambda done, what: None)
    assert (result["prompts"], result["redrawn"]) == (3, 1)
    assert result["before"]["all"] < result["after"]["all"] == 1.0                          # type: ignore[index]
    assert result["reader"] == {"wrong_found": 1, "wrong_missed": 0, "right_redrawn": 0, "right_passed": 2,
                                "right_called_broken": 0}
    assert [result["planted"][name] for name in ("black", "frozen", "no numbers (NaN)", "noise")] == [1.0] * 4      # type: ignore[index]
    assert result["rendered"]["faults"] == 0                                                # type: ignore[index]
    table = (tmp_path / "run/table.md").read_text("utf-8")
    assert "| right all | 66.7 % | 100.0 % |" in table
    assert "| drawings | 3 | 4 |" in table
