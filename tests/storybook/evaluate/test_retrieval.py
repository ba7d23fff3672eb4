"""What a search is worth, on searches of which the answer is known."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from family import save_profile
from tiny_judge import save_judge

from storyanim.artifacts import ClipMatch, Frames
from storyanim.config import load_settings
from storyanim.engine.run_dir import RunDir
from storyanim.retrieve.encoders import evenly_spaced_indices
from storybook.evaluate import footage
from storybook.evaluate.bench import Bench, build_bench
from storybook.evaluate.metrics import recall
from storybook.evaluate.retrieval import measure_fit, measure_recall
from storybook.world import HELD_OUT, WORDS, render_clip

NUM_CLIPS = 6


class Knowing:
    """Knows the clips by their middle frames, and each one's own sentence."""

    fingerprint, dim, num_frames = "knowing", NUM_CLIPS, 1

    def __init__(self) -> None:
        self.trials = footage.make_searches(NUM_CLIPS)
        self.seen = np.stack([render_clip(trial.spec, num_frames=9).rgb[8] for trial in self.trials]).astype(np.float32)

    def sample_frame_indices(self, length: int) -> list[int]:
        return evenly_spaced_indices(length, 1)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([[text == trial.prompt for trial in self.trials] for text in texts], np.float32)

    def encode_clips(self, clips: Sequence[Frames]) -> np.ndarray:
        gaps = [np.abs(self.seen - clip.rgb[0]).mean(axis=(1, 2, 3)) for clip in clips]
        return np.eye(NUM_CLIPS, dtype=np.float32)[[int(gap.argmin()) for gap in gaps]]


class Unseeing(Knowing):
    """Takes each sentence for that of the clip behind, so that its own clip has no likeness."""

    fingerprint = "unseeing"

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.roll(super().encode_texts(texts), 1, axis=1)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("family")
    return build_bench(load_settings(str(save_profile(folder))), save_judge(folder / "judge"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with RunDir(tmp_path_factory.mktemp("run") / "run") as run:
        return run.step_with_folder("footage", footage.make_footage, NUM_CLIPS, 2.0, Knowing()).value


def quiet(done: float, text: str) -> None:
    pass


def test_recall_counts_places() -> None:
    assert recall([1, 1, 3, 7, 11]) == {"r1": 0.4, "r5": 0.6, "r10": 0.8, "median_rank": 3.0}
    for wrong in ([], [0, 1]):
        with pytest.raises(ValueError, match="places"):
            recall(wrong)


def test_who_knows_all_clips_finds_them_first(bench: Bench, made: Path) -> None:
    found = measure_recall(made / footage.INDEX, bench, Knowing(), NUM_CLIPS, quiet)
    assert found["clip"] == {"r1": 1.0, "r5": 1.0, "r10": 1.0, "median_rank": 1.0}


def test_words_alone_see_no_pictures(bench: Bench, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unseeing, "fingerprint", "knowing")
    knowing = measure_recall(made / footage.INDEX, bench, Knowing(), NUM_CLIPS, quiet)
    unseeing = measure_recall(made / footage.INDEX, bench, Unseeing(), NUM_CLIPS, quiet)
    assert knowing["words"] == unseeing["words"]
    assert knowing["words"]["r1"] > 0.5              # captions name what the sentences name, mostly in other words
    assert unseeing["clip"]["r1"] == 0
    assert unseeing["joined"]["median_rank"] >= knowing["joined"]["median_rank"]


def test_the_footage_is_held_out_and_its_captions_are_not_the_sentences(made: Path) -> None:
    searches = footage.make_searches(NUM_CLIPS)
    with (made / footage.CLIPS / "captions.tsv").open(encoding="utf-8", newline="") as file:
        captions = {row["file"]: row["caption"] for row in csv.DictReader(file, delimiter="\t")}
    assert list(captions) == [footage.clip_name(k) for k in range(NUM_CLIPS)]
    for trial in searches:
        actor = trial.spec.actors[0]
        assert (actor.creature, actor.colour, actor.accessory) in HELD_OUT
        caption = captions[footage.clip_name(trial.number)]
        assert any(way in caption for way in WORDS["creature"][actor.creature])
        assert caption != trial.prompt


def test_plain_queries_are_all_that_the_world_can_show() -> None:
    every = footage.make_queries(10_000)
    assert len(set(every)) == len(every) == 528
    assert footage.make_queries(20) == every[:20]
    assert len({query.action for query in every[:60]}) == 9


def test_fit_is_what_the_judge_reads(bench: Bench, made: Path) -> None:
    """A judge that always reads "running", and an index whose captions always say "walking"."""
    class Runs:
        def read(self, clips: Sequence[Frames]) -> Any:
            return type("Reading", (), {"labels": np.array([[0, 0, 0, 0, 1]], np.int8)})

    class Walks:
        def search(self, query: str, encoder: object, k: int) -> list[ClipMatch]:
            path = str(made / footage.CLIPS / footage.clip_name(0))
            return [ClipMatch(clip_id="x", path=path, sha256="x", start_s=0, end_s=2, score=0, caption="a bear walking", rank=1)]

    components: Any = type("Components", (), {"index": Walks(), "encoder": None})
    asked = [(query.text, query.action) for query in footage.make_queries(528)]
    fit = measure_fit(replace(bench, judge=Runs()), components, asked, quiet)             # type: ignore[arg-type]
    assert fit.count == 528
    assert fit.by_judge == pytest.approx(sum(action == "running" for _, action in asked) / 528)
    assert fit.by_caption == pytest.approx(64 / 528)
