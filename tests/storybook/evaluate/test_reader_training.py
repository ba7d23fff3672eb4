"""The reader of drawn shots: trained as the judge is, on other clips, and read by the product alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from storyanim.artifacts import Asked, AskedPart, Frames
from storyanim.config import ModelRef
from storyanim.readback import NetworkReader
from storyanim.readback.network import ReaderConfig, ReaderNetwork
from storyanim.readback.reader import load_network, save_network
from storybook.evaluate import judge_data, reader_training
from storybook.evaluate.judge_training import JudgeTraining
from storybook.evaluate.labels import NAMES
from storybook.train.loop import LoopOptions, LoopState, train
from storybook.train.profile import write_profile
from storybook.world import STORYBOOK_1, WORLDS

MB = 1_000_000


def seeds_of(plan: judge_data.JudgeSet) -> range:
    return range(plan.first_seed, plan.first_seed + plan.num_scenes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    """A reader of a few steps of a few scenes, and its figures."""
    folder = tmp_path_factory.mktemp("reader")

    def teach(stage: object, place: Path, share: float) -> LoopState:
        return train(stage, LoopOptions(steps=2, device="cpu", threads=1), place)  # type: ignore[arg-type]

    training = JudgeTraining(folder / "work", folder / "out", torch.device("cpu"), batch_size=2, scenes=3)
    return folder / "out", reader_training.train_reader(training, teach)


def test_it_leaves_small_weights_a_card_and_figures(trained: tuple[Path, dict[str, float]]) -> None:
    folder, figures = trained
    assert (folder / "model.safetensors").stat().st_size < 2 * MB
    assert list(figures) == [*NAMES, "all"]
    card = (folder / "README.md").read_text("utf-8")
    assert "2 steps of" in card
    assert "storybook train reader" in card
    assert "3 fresh rendered clips" in card


def test_the_product_reads_by_it(trained: tuple[Path, dict[str, float]]) -> None:
    reader = NetworkReader(ModelRef(repo=str(trained[0])))
    frames = Frames(np.random.default_rng(0).integers(0, 255, (21, 64, 64, 3)).astype(np.uint8), 6.0)
    read = reader.likelihoods(frames)
    assert {name: len(values) for name, values in read.items()} == {name: len(values) for name, values in NAMES.items()}
    assert [float(values.sum()) for values in read.values()] == pytest.approx([1.0] * 5, abs=1e-5)
    parts = (AskedPart(figure=1, attribute="creature", value="fox", remark=""),
             AskedPart(figure=0, attribute="scene", value="beach", remark=""))
    reading = reader.read(frames, Asked(text="", parts=parts))
    assert reading.score == pytest.approx(reading.scores["creature"] * reading.scores["scene"], abs=1e-3)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = ReaderNetwork(ReaderConfig({"creature": ("fox", "cat"), "action": ("walking",)}, stem=16, widths=(16, 16, 16, 16))).eval()
    save_network(network, tmp_path)
    again = load_network(tmp_path)
    clip = torch.randn(5, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        for name, logits in network.half().float()(clip).items():
            torch.testing.assert_close(again(clip)[name], logits)
    assert again.config == network.config


@pytest.mark.parametrize("world", WORLDS.values(), ids=lambda world: world.name)
def test_judge_and_reader_learn_from_other_clips(world: object) -> None:
    mine, others = judge_data.reader_sets_of(world), judge_data.sets_of(world)  # type: ignore[arg-type]
    own = [seeds_of(plan) for plan in (mine.clips, *mine.stills, mine.held)]
    foreign = [seeds_of(plan) for plan in (others.clips, *others.stills, others.held)]
    assert not any(set(a) & set(b) for a in own for b in foreign)
    assert not set(own[-1]) & {seed for some in own[:-1] for seed in some}


@pytest.mark.parametrize("trained_too", [False, True])
def test_a_family_without_a_reader_is_read_by_its_encoder(tmp_path: Path, trained_too: bool) -> None:
    if trained_too:
        (tmp_path / "reader").mkdir()
        (tmp_path / "reader/config.json").write_text(json.dumps({}))
    assert ("reader = " in write_profile(tmp_path, STORYBOOK_1, 128).read_text("utf-8")) == trained_too
