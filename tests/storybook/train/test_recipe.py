"""All stages in order on a handful of scenes: from nothing to a family that draws, with cards that keep their history."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from storyanim.errors import ModelError, UsageError
from storybook.train import denoise, motion, recipe, sheets, text
from storybook.train.loop import LoopOptions
from storybook.train.recipe import run_stage
from storybook.train.request import Request

ORDER = ("data", "autoencoder", "clip", "depth", "base", "structure", "motion", "text")
MB = 1_000_000


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> Request:
    """Every stage done once, two steps of two scenes each."""
    folder = tmp_path_factory.mktemp("family")
    request = Request(folder / "work", folder / "out", LoopOptions(steps=2, device="cpu", threads=1), batch_size=2, scenes=4)
    patch = pytest.MonkeyPatch()
    patch.setattr(denoise, "SAMPLE_STEPS", 1)
    patch.setattr(sheets, "NUM_CAPTIONS", 2)
    patch.setattr(motion, "HELD_BATCHES", 1)
    few_queries(patch)
    for name in ORDER:
        run_stage(name, request)
    patch.undo()
    return request


def few_queries(patch: pytest.MonkeyPatch) -> None:
    """For the stage text: of one step of one clip."""
    for name, value in (("BANK_CLIPS", 1), ("BANK_STEPS", 1), ("BANK_QUERIES", 128)):
        patch.setattr(text, name, value)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a folder."""
    return {key: value for path in sorted(folder.glob("*.safetensors")) for key, value in load_file(path).items()}


def test_every_stage_leaves_small_fp16_shards_and_a_card(request_: Request) -> None:
    for folder in ("pipeline/vae", "clip", "depth", "pipeline/unet", "structure", "pipeline/text_encoder"):
        shards = list((request_.out / folder).glob("*.safetensors"))
        assert shards
        assert all(path.stat().st_size <= 15 * MB for path in shards)
        assert {value.dtype for value in weights(request_.out / folder).values() if value.is_floating_point()} == {torch.float16}
        assert "2 steps of 2" in (request_.out / folder / "README.md").read_text("utf-8")


def test_the_family_draws(request_: Request) -> None:
    from storyanim.generate.story_pipeline import StoryVideoPipeline

    pipeline = StoryVideoPipeline.from_pretrained(request_.out / "pipeline", torch_dtype=torch.float32)
    frames = pipeline("a red bear", num_frames=2, height=128, width=128, num_inference_steps=1).frames[0]
    assert frames.shape == (2, 128, 128, 3)


def test_motion_moves_the_motion_layers_most_and_is_measured_on_clips_of_no_training(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion, "HELD_BATCHES", 4)
    before = weights(request_.out / "pipeline/unet")
    out = tmp_path / "out"
    copy_tree(request_.out, out)
    asked = replace(request_, out=out, work=linked(request_.work, tmp_path), loop=replace(request_.loop, steps=3))
    figures = run_stage("motion", asked)
    moved = {True: 0.0, False: 0.0}
    for key, value in weights(out / "pipeline/unet").items():
        change = (value.float() - before[key].float()).abs().max().item()
        moved["motion_modules" in key] = max(moved["motion_modules" in key], change)
    assert moved[True] > moved[False] > 0
    held = {name: value for name, value in figures.items() if name.startswith("held_")}
    assert "held_text_only" in held
    assert f"held text only {held['held_text_only']:.4g}" in (out / "pipeline/unet/README.md").read_text("utf-8")
    again = run_stage("motion", asked)                             # all steps done: the same weights, the same batches
    assert {name: again[name] for name in held} == pytest.approx(held)



def test_wording_changes_the_text_encoder_alone(request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few_queries(monkeypatch)
    out = tmp_path / "out"
    copy_tree(request_.out, out)
    figures = run_stage("text", replace(request_, out=out, work=tmp_path / "work", loop=replace(request_.loop, steps=20)))
    changed = {path.parent.relative_to(out).as_posix() for path in out.rglob("*.safetensors")
               if path.read_bytes() != (request_.out / path.relative_to(out)).read_bytes()}
    assert changed == {"pipeline/text_encoder"}
    assert set(figures) == {"other_wording", "usual_wording"}


def test_latents_that_later_stages_learned_stay_as_they_are(request_: Request, tmp_path: Path) -> None:
    before = weights(request_.out / "pipeline/vae")
    out = tmp_path / "out"
    copy_tree(request_.out, out)
    again = replace(request_, out=out, work=linked(request_.work, tmp_path), loop=replace(request_.loop, steps=3))
    run_stage("autoencoder", again)
    after = weights(out / "pipeline/vae")
    assert {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])} == {"decoder"}
    assert "3 steps of 2" in (out / "pipeline/vae/README.md").read_text("utf-8")
    assert "the decoder alone" in (out / "pipeline/vae/README.md").read_text("utf-8")


def test_a_card_keeps_earlier_trainings_until_scratch(request_: Request, tmp_path: Path) -> None:
    out = tmp_path / "out"
    copy_tree(request_.out, out)
    again = replace(request_, out=out, work=linked(request_.work, tmp_path), loop=replace(request_.loop, steps=3))
    run_stage("depth", again)
    rows = [line for line in (out / "depth/README.md").read_text("utf-8").splitlines() if " steps of 2" in line]
    assert [row.split()[1] for row in rows] == ["2", "3"]
    run_stage("depth", replace(again, work=linked(request_.work, tmp_path / "anew"), scratch=True))
    rows = [line for line in (out / "depth/README.md").read_text("utf-8").splitlines() if " steps of 2" in line]
    assert [row.split()[1] for row in rows] == ["3"]


def test_a_checkpoint_counts_on(request_: Request, tmp_path: Path) -> None:
    work = linked(request_.work, tmp_path)
    copy_tree(request_.work / "clip", work / "clip")
    copy_tree(request_.out, tmp_path / "out")
    run_stage("clip", replace(request_, out=tmp_path / "out", work=work, loop=replace(request_.loop, steps=20)))
    steps = [json.loads(line)["step"] for line in (work / "clip/log.jsonl").read_text("utf-8").splitlines()]
    assert steps == [20]
    rows = [line for line in (tmp_path / "out/clip/README.md").read_text("utf-8").splitlines() if " steps of 2" in line]
    assert [row.split()[1] for row in rows] == ["20"]


@pytest.mark.parametrize(("device", "minutes", "batch"), [("cpu", 80.0, 3), ("cuda", 15.0, 32)])
def test_a_gpu_has_budgets_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, minutes: float, batch: int
) -> None:
    asked: list[Request] = []

    def note(request: Request) -> dict[str, float]:
        asked.append(request)
        return {}

    monkeypatch.setitem(recipe.STAGES, "motion", note)
    request = Request(tmp_path / "work", tmp_path / "out", LoopOptions(device=device), times=2.0)
    run_stage("motion", request)
    run_stage("motion", replace(request, loop=replace(request.loop, steps=5, learning_rate=1e-4), batch_size=7))
    assert (asked[0].loop.minutes, asked[0].batch_size) == (minutes, batch)
    assert (asked[1].loop.minutes, asked[1].loop.steps, asked[1].loop.learning_rate, asked[1].batch_size) == (None, 5, 1e-4, 7)


def test_an_unknown_stage_lists_the_known_ones(request_: Request) -> None:
    with pytest.raises(UsageError) as raised:
        run_stage("bose", request_)
    assert "base" in raised.value.hint


def test_scenes_that_were_not_rendered_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as raised:
        run_stage("depth", Request(tmp_path / "work", tmp_path / "out", LoopOptions(steps=1)))
    assert "storybook train data" in raised.value.hint


def linked(work: Path, folder: Path) -> Path:
    """Another work folder on the same rendered data, without checkpoints."""
    other = folder / "work"
    other.mkdir(parents=True)
    (other / "data").symlink_to(work / "data")
    return other


def copy_tree(source: Path, target: Path) -> None:
    """A folder and all below it."""
    import shutil

    shutil.copytree(source, target, dirs_exist_ok=True)
