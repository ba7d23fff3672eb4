"""The benchmark that others can run: its prompts are the evaluation's, and its scorer reads rendered clips right."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from storyanim import video
from storyanim.artifacts import Frames
from storybook.evaluate.judge import Judge
from storybook.world import render_clip

FOLDER = Path(__file__).parents[3] / "benchmarks" / "who_does_what"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("who_does_what", FOLDER / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_prompts_are_those_of_the_evaluation(benchmark: ModuleType) -> None:
    lines = [json.loads(line) for line in (FOLDER / "prompts.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == sum(benchmark.COUNTS.values())
    for line in lines[::20]:
        kind, number = line["id"].split("-")
        assert benchmark.line_of(kind, int(number) - 1) == line


def test_rendered_clips_are_right_and_missing_ones_are_not(benchmark: ModuleType, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (FOLDER / "prompts.jsonl").read_text("utf-8").splitlines()
    some = tmp_path / "prompts.jsonl"
    some.write_text("\n".join(line for line in lines if '"pairs-0' in line and json.loads(line)["id"] <= "pairs-04"))
    monkeypatch.setattr(benchmark, "PROMPTS", some)
    for number in range(3):
        rgb = render_clip(benchmark.ask("pairs", number).specs[0]).rgb
        video.write(Frames(np.ascontiguousarray(rgb), 8.0), tmp_path / f"pairs-{number + 1:02d}.mp4",
                    width_px=128, height_px=128, fps=8, crf=10)
    found = benchmark.score(tmp_path, Judge())
    assert set(found) == {"pairs"}
    assert found["pairs"]["colour"] == 3 / 4
    assert found["pairs"]["clips"] == 4
