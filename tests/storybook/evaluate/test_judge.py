"""The judge: what it gives, how it is kept, how it learns."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_judge import save_judge

from storyanim.artifacts import Frames
from storyanim.errors import ModelError
from storybook.evaluate import judge_data
from storybook.evaluate.judge import CONFIG, JUDGE, WEIGHTS, Judge, load_network, save_network
from storybook.evaluate.judge_data import JudgeSet, JudgeShard, render_set
from storybook.evaluate.judge_training import JudgeStage, MovingStage, shake
from storybook.evaluate.labels import ATTRIBUTES, NAMES, UNKNOWN, labels_of, words_of
from storybook.evaluate.network import JudgeNetwork, Shape
from storybook.world import STORYBOOK_1, STORYBOOK_2

# 16 channels before the first stride: with 8 or 12 and more than two threads, oneDNN's bfloat16 kernel for the weights' gradient
# of a 1x1 convolution of stride 2 writes past its buffer on AVX-512 processors (torch 2.14.1; MALLOC_CHECK_=3 shows it).
TINY = Shape(size_px=128, stem=16, widths=(16, 16, 16, 24), layers=(1, 1, 1, 1), embedding=16)


def clip(length: int, *, size: int = 48, seed: int = 0) -> Frames:
    rng = np.random.default_rng(seed)
    return Frames(rng.integers(0, 256, (length, size, size, 3), np.uint8), 8.0)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(save_judge(tmp_path_factory.mktemp("judge")))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[JudgeShard], list[JudgeShard]]:
    work = tmp_path_factory.mktemp("work")
    clips = render_set(JudgeSet("clips", 5, 5_000_000, 3, scenes_a_shard=3), work, workers=1)
    return clips, render_set(JudgeSet("stills", 6, 5_100_000, 1), work, workers=1)


class TestReading:
    @pytest.mark.parametrize("length", [1, 4, 8, 16, 17])
    def test_clips_of_any_length_and_size(self, judge: Judge, length: int) -> None:
        reading = judge.read([clip(length), clip(length, size=32, seed=1)])
        assert reading.labels.shape == (2, len(ATTRIBUTES))
        assert reading.features.shape == (2, 16)
        for column, names in enumerate(NAMES.values()):
            assert ((reading.labels[:, column] >= 0) & (reading.labels[:, column] < len(names))).all()

    def test_same_clip_same_reading_in_any_company(self, judge: Judge) -> None:
        alone, both = judge.read([clip(8)]), judge.read([clip(8, seed=1), clip(8)])
        assert np.array_equal(alone.features[0], both.features[1])
        assert np.array_equal(judge.extract([clip(8)]), alone.features)
        assert not np.array_equal(both.features[0], both.features[1])

    def test_a_long_clip_is_the_mean_of_its_windows(self, judge: Judge) -> None:
        whole = clip(16)
        halves = judge.extract([Frames(whole.rgb[:8], 8.0), Frames(whole.rgb[8:], 8.0)])
        assert judge.extract([whole])[0] == pytest.approx(halves.mean(0), abs=1e-5)

    def test_the_order_of_frames_counts(self, judge: Judge) -> None:
        frames = clip(8)
        assert not np.allclose(judge.extract([frames]), judge.extract([Frames(frames.rgb[::-1].copy(), 8.0)]))


class TestFiles:
    def test_a_missing_judge_is_told_without_loading(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="there is no judge") as caught:
            _ = Judge(tmp_path).fingerprint
        assert "storybook train judge" in caught.value.hint
        with pytest.raises(ModelError):
            Judge(tmp_path).read([clip(1)])

    def test_the_bundled_one_is_the_default(self) -> None:
        assert Judge().folder == JUDGE

    def test_fingerprints_tell_weights_apart(self, tmp_path: Path) -> None:
        one, same, other = (Judge(save_judge(tmp_path / name, seed=seed)) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
        assert one.fingerprint == same.fingerprint != other.fingerprint

    @pytest.mark.parametrize("damage", ["torn", "words", "names", "shape"])
    def test_a_damaged_judge(self, tmp_path: Path, damage: str) -> None:
        folder = save_judge(tmp_path / "judge")
        config = json.loads((folder / CONFIG).read_text())
        if damage == "torn":
            (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:1000])
        elif damage == "words":
            (folder / CONFIG).write_text("{")
        elif damage == "names":
            config["names"]["creature"][0] = "yeti"
            (folder / CONFIG).write_text(json.dumps(config))
        else:
            config["shape"]["widths"][0] = 16
            (folder / CONFIG).write_text(json.dumps(config))
        with pytest.raises(ModelError, match="the judge in"):
            load_network(folder)

    def test_as_it_stands_it_is_under_two_megabytes(self) -> None:
        assert sum(value.numel() for value in JudgeNetwork(Shape()).state_dict().values()) * 2 < 2e6


class TestData:
    def test_labels_and_cover_are_those_of_the_clips(self, shards: tuple[list[JudgeShard], list[JudgeShard]]) -> None:
        plan = JudgeSet("clips", 5, 5_000_000, 3)
        clips = shards[0]
        assert [len(shard.labels) for shard in clips] == [3, 2]
        assert np.array_equal(np.concatenate([s.labels for s in clips]), [labels_of(plan.spec(k)) for k in range(5)])
        assert clips[0].rgb.shape == (3, 3, 128, 128, 3)
        assert clips[0].cover.shape == (3, 3, 32, 32)
        assert 0.02 < (clips[0].cover > 127).mean() < 0.6

    def test_every_fourth_is_held_out_of_the_generators(self) -> None:
        from storybook.world import HELD_OUT

        actors = [judge_data.CLIPS.spec(k).actors[0] for k in range(40)]
        held = [(a.creature, a.colour, a.accessory) in HELD_OUT for a in actors]
        assert held == [k % 4 == 0 for k in range(40)]

    def test_rendering_goes_on_where_it_stopped(self, tmp_path: Path) -> None:
        plan = JudgeSet("clips", 4, 5_000_000, 1, scenes_a_shard=2)
        first = render_set(plan, tmp_path, workers=1, limit=2)[0]
        before = (first.folder / "rgb.npy").stat().st_mtime_ns
        (tmp_path / "data/clips/0001.tmp").mkdir()
        assert len(render_set(plan, tmp_path, workers=1)) == 2
        assert (first.folder / "rgb.npy").stat().st_mtime_ns == before
        assert not list(tmp_path.rglob("*.tmp"))


def taught(stage: JudgeStage | MovingStage, num_steps: int, rate: float) -> tuple[list[float], list[dict[str, float]]]:
    """Loss and figures of each step."""
    optimizer = torch.optim.Adam(stage.parameter_groups()[0]["params"], rate)
    losses, told = [], []
    for step in range(num_steps):
        loss, figures = stage.loss(stage.batch(np.random.default_rng(step)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        told.append(figures)
    return losses, told


class TestLearning:
    def test_shaking_keeps_cover_and_picture_together(self) -> None:
        rgb, cover = np.zeros((2, 128, 128, 3), np.uint8), np.zeros((2, 32, 32), np.uint8)
        rgb[:, 40:80, 16:64], cover[:, 10:20, 4:16] = 255, 255
        for seed in range(12):
            picture, where = shake(rgb, cover, np.random.default_rng(seed))
            assert picture.shape == (2, 3, 128, 128)
            seen = torch.nn.functional.avg_pool2d((picture.mean(1) + 1) / 2, 16)
            assert (seen - where).abs().max() < 0.2, seed

    def test_a_batch_is_of_single_frames(self, shards: tuple[list[JudgeShard], list[JudgeShard]]) -> None:
        stage = JudgeStage(JudgeNetwork(TINY), *shards, batch_size=7, device=torch.device("cpu"))
        batch = stage.batch(np.random.default_rng(0))
        assert batch["rgb"].shape == (7, 3, 128, 128)
        assert batch["cover"].shape == (7, 8, 8)
        truth = np.concatenate([shard.labels for shard in (*shards[0], *shards[1])]).tolist()
        assert all(labels in truth for labels in batch["labels"].tolist())
        again = stage.batch(np.random.default_rng(0))
        assert all(torch.equal(batch[name], again[name]) for name in batch)

    def test_only_what_reads_over_time_learns_from_clips(self, shards: tuple[list[JudgeShard], list[JudgeShard]]) -> None:
        torch.manual_seed(0)
        network = JudgeNetwork(TINY)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        stage = MovingStage(network, shards[0], batch_size=4, device=torch.device("cpu"))
        losses, figures = taught(stage, 40, 1e-2)
        assert all(set(one) == {"action"} for one in figures)
        assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:3])
        changed = {name.split(".")[0] for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
        assert changed == {"first", "second", "motion", "heads"}
        assert torch.equal(network.state_dict()["heads.scene.weight"], before["heads.scene.weight"])

    def test_unknown_colours_do_not_count(self, shards: tuple[list[JudgeShard], list[JudgeShard]]) -> None:
        stage = JudgeStage(JudgeNetwork(TINY), *shards, batch_size=10, device=torch.device("cpu"))
        batch = stage.batch(np.random.default_rng(0))
        batch["labels"][:, ATTRIBUTES.index("colour")] = UNKNOWN
        loss, figures = stage.loss(batch)
        loss.backward()
        assert "colour" not in figures
        assert stage.judge.heads["colour"].weight.grad is None
        assert stage.judge.heads["scene"].weight.grad.abs().max() > 0

    def test_it_learns(self, shards: tuple[list[JudgeShard], list[JudgeShard]]) -> None:
        torch.manual_seed(0)
        stage = JudgeStage(JudgeNetwork(TINY), *shards, batch_size=10, device=torch.device("cpu"))
        losses, _ = taught(stage, 30, 3e-3)
        assert np.mean(losses[-5:]) < 0.75 * np.mean(losses[:3])


class TestTheSecondWorld:
    def test_its_judge_knows_its_names(self, tmp_path: Path) -> None:
        save_network(JudgeNetwork(TINY, STORYBOOK_2), tmp_path)
        judge = Judge(tmp_path)
        assert judge.world is STORYBOOK_2
        assert Judge().world is STORYBOOK_1
        labels = judge.read([clip(3)]).labels
        assert words_of(labels[0], STORYBOOK_2)["creature"] in STORYBOOK_2.creatures
        assert load_network(tmp_path).heads["action"].out_features == len(STORYBOOK_2.actions) == 26

    def test_each_figure_of_a_group_is_a_clip_of_its_own(self, tmp_path: Path) -> None:
        plan = JudgeSet("trios", 2, 5_300_000, 1, num_actors=3, world=STORYBOOK_2.name)
        (shard,) = render_set(plan, tmp_path, workers=1)
        assert shard.rgb.shape == (6, 1, 128, 128, 3)
        for row in range(2):
            actors = sorted(plan.spec(row).actors, key=lambda actor: actor.x)
            read = [words_of(labels, STORYBOOK_2) for labels in shard.labels[3 * row:3 * row + 3]]
            assert [words["creature"] for words in read] == [actor.creature for actor in actors]
            assert [words["action"] for words in read] == [actor.action for actor in actors]
        assert ((shard.cover > 127).mean((1, 2, 3)) > 0.02).all()

    def test_its_sets_have_seeds_of_their_own(self) -> None:
        sets = judge_data.sets_of(STORYBOOK_2)
        spans = sorted((plan.first_seed, plan.first_seed + plan.num_scenes) for plan in (sets.clips, sets.held, *sets.stills))
        assert all(one[1] <= other[0] for one, other in pairwise(spans))
        assert {plan.world for plan in (sets.clips, sets.held, *sets.stills)} == {STORYBOOK_2.name}
