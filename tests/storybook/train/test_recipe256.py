"""The stages behind the autoencoder at 256 pixels, one step of each, on two scenes of every set."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from storyanim.config import asset, load_settings
from storyanim.errors import ModelError
from storyanim.planning.vocabulary import Vocabulary
from storybook.train import denoise, inherit, library, recipe256, sheets, text
from storybook.train.data import SETS, ClipSet, render_set
from storybook.train.deepen import deepen
from storybook.train.denoise import creature_cells
from storybook.train.export import save_weights
from storybook.train.latents import LatentPlan, in_turns, render_latents
from storybook.train.loop import LoopOptions
from storybook.train.recipe256 import CLIP_PLANS, HELD_PLANS, LARGE, LATENT_PLANS, run_stage
from storybook.train.request import Request
from storybook.world import STORYBOOK_2, render_frames, sample_spec

MB = 1_000_000


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> Request:
    """All stages in order, on an autoencoder that was deepened but not trained."""
    folder = tmp_path_factory.mktemp("large")
    request = Request(
        folder / "work",
        folder / "out",
        LoopOptions(steps=1, device="cpu", threads=1, workers=1),
        batch_size=2,
        scenes=2,
    )
    smaller = AutoencoderTiny.from_pretrained(asset("storybook") / "pipeline/vae", torch_dtype=torch.float32)
    save_weights(deepen(smaller), request.out / "pipeline/vae", AutoencoderTiny)
    patch = pytest.MonkeyPatch()
    patch.setattr(denoise, "SAMPLE_STEPS", 1)
    patch.setattr(sheets, "NUM_CAPTIONS", 2)
    patch.setattr(inherit, "CAPTIONS", 600)
    patch.setattr(inherit, "KEPT", folder / "nothing")
    for name, value in (("BANK_CLIPS", 1), ("BANK_STEPS", 1), ("BANK_QUERIES", 128)):
        patch.setattr(text, name, value)
    for name in ("latents", "clip", "depth", "base", "structure", "motion", "text"):
        run_stage(name, request)
    patch.undo()
    return request


def test_every_stage_goes_on_from_the_bundled_weights(request_: Request) -> None:
    for part in ("clip", "depth", "pipeline/unet", "structure", "pipeline/text_encoder"):
        shards = sorted((request_.out / part).glob("*.safetensors"))
        assert all(path.stat().st_size <= 15 * MB for path in shards)
        assert "1 steps of 2" in (request_.out / part / "README.md").read_text("utf-8")
        bundled = [value for path in sorted((asset("storybook") / part).glob("*.safetensors"))
                   for value in load_file(path).items()]
        found = dict(value for path in shards for value in load_file(path).items())
        alike = [name for name, value in bundled if value.shape == found[name].shape
                 and (value.float() - found[name].float()).abs().max() < 0.01]
        assert len(alike) >= len(bundled) - 2                      # the embeddings of tokens and of places


def test_the_family_draws_at_its_size(request_: Request) -> None:
    from storyanim.generate.story_pipeline import StoryVideoPipeline

    pipeline = StoryVideoPipeline.from_pretrained(request_.out / "pipeline", torch_dtype=torch.float32)
    frames = pipeline("a girl reading in the kitchen", num_frames=2, height=256, width=256,
                      num_inference_steps=1).frames[0]
    assert frames.shape == (2, 256, 256, 3)
    assert pipeline.tokenizer.model_max_length == pipeline.text_encoder.config.max_position_embeddings == inherit.MAX_TOKENS


def test_depth_of_the_frames_size_steers_the_drawing(request_: Request) -> None:
    from diffusers import T2IAdapter

    from storyanim.generate.story_pipeline import StoryVideoPipeline

    adapter = T2IAdapter.from_pretrained(request_.out / "structure", torch_dtype=torch.float32)
    pipeline = StoryVideoPipeline.from_pretrained(request_.out / "pipeline", torch_dtype=torch.float32, structure=adapter)
    depth = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (1, 256, 1))
    drawn = [
        pipeline("a girl", num_frames=1, height=256, width=256, num_inference_steps=1, output_type="latent",
                 structure_frames=frames, generator=torch.Generator().manual_seed(0)).frames
        for frames in (None, depth, depth[:, :, ::-1].copy())
    ]
    assert not torch.allclose(drawn[1], drawn[0])
    assert not torch.allclose(drawn[1], drawn[2])


def test_the_tokenizer_knows_the_words_of_both_worlds(request_: Request) -> None:
    tokens = CLIPTokenizer.from_pretrained(request_.out / "clip")
    for word in ("bear", "penguin", "tortoise", "grandmother", "bicycle", "kitchen"):
        assert tokens.tokenize(word) == [f"{word}</w>"]


def test_a_shard_holds_what_was_rendered(request_: Request) -> None:
    shard, row = ClipSet(request_.work / "latents/trios").place(1)
    spec = sample_spec(8_000_001, num_actors=3, world=STORYBOOK_2)
    assert shard.specs[row] == spec
    assert shard.world is STORYBOOK_2
    clip = render_frames(spec, shard.plan.times_s(8_000_001), size=256)
    assert shard.array("latents")[row].shape == (2, 16, 16, 16)
    assert shard.rgb[row].shape == (2, 128, 128, 3)
    mean = clip.rgb.reshape(2, 128, 2, 128, 2, 3).astype(float).mean((2, 4))
    assert np.abs(mean - shard.rgb[row]).max() <= 0.51
    np.testing.assert_array_equal(shard.mask[row], np.packbits(clip.mask, axis=-1))
    np.testing.assert_array_equal(shard.head[row], clip.head_xy)


def test_cells_of_a_latent_are_the_same_at_both_sizes(tmp_path: Path) -> None:
    plan = replace(SETS["stills"], num_scenes=3, num_frames=1)
    small, large = (
        ClipSet(render_set(replace(plan, size_px=size), tmp_path / str(size), workers=1)) for size in (128, 256)
    )
    for index in range(3):
        cells = [creature_cells(*found.place(index), [0]) for found in (small, large)]
        assert cells[0].shape == (1, 16, 16)
        assert cells[0].max() > 1.5                                # a face
        np.testing.assert_allclose(cells[1], cells[0], atol=0.25)


def test_any_beginning_has_all_sets_in_their_proportion() -> None:
    for plans in (LATENT_PLANS, CLIP_PLANS):
        tasks = in_turns(plans)
        assert len(tasks) == len(set(tasks)) == sum(plan.num_shards for plan in plans)
        half = tasks[: len(tasks) // 2]
        for plan in plans:
            assert abs(sum(task[0] is plan for task in half) - plan.num_shards / 2) <= 1
    trained = [plan.scenes for plan in LATENT_PLANS]
    assert tuple(scenes.name for scenes in trained) == LARGE.base
    groups = sum(scenes.num_scenes for scenes in trained if scenes.num_actors > 1)
    assert groups / sum(scenes.num_scenes for scenes in trained) == pytest.approx(1 / 3, abs=0.05)


def test_sets_that_are_trained_on_never_show_what_measures_them() -> None:
    spans = sorted((plan.scenes.first_seed, plan.scenes.first_seed + 20 * plan.scenes.num_scenes)
                   for plan in (*HELD_PLANS, *LATENT_PLANS, *CLIP_PLANS))
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_rendering_goes_on_with_the_shards_that_are_missing(request_: Request, tmp_path: Path) -> None:
    plan = LatentPlan(replace(LATENT_PLANS[0].scenes, num_scenes=3, num_frames=1), shard=1)
    vae = request_.out / "pipeline/vae"
    assert render_latents([plan], tmp_path, vae, limit=2) == 2
    before = {path.name: path.stat().st_ino for path in (tmp_path / "stills").iterdir()}
    (tmp_path / "stills/0002.tmp").mkdir()                         # a kill left it
    assert render_latents([plan], tmp_path, vae) == 3
    after = {path.name: path.stat().st_ino for path in (tmp_path / "stills").iterdir()}
    assert set(after) == {"0000", "0001", "0002"}
    assert before.items() <= after.items()
    assert [spec for shard in ClipSet(tmp_path / "stills").shards for spec in shard.specs] == [
        sample_spec(1_000_000 + k, world=STORYBOOK_2) for k in range(3)
    ]


def test_a_training_goes_on_from_what_was_kept(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inherit.keep(request_.out, tmp_path / "kept")
    assert all(path.stat().st_size <= 15 * MB for path in (tmp_path / "kept").rglob("*"))
    monkeypatch.setattr(inherit, "KEPT", tmp_path / "kept")
    again = replace(request_, out=tmp_path / "out")
    inherit.inherit(again)
    for part in inherit.TRAINED:
        before, after = ({name: value for path in sorted((out / part).glob("*.safetensors"))
                          for name, value in load_file(path).items()} for out in (request_.out, again.out))
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)
    tokens = [CLIPTokenizer.from_pretrained(out / "clip").get_vocab() for out in (request_.out, again.out)]
    assert tokens[0] == tokens[1]


def test_without_an_autoencoder_nothing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inherit, "KEPT", tmp_path / "nothing")
    for name in ("latents", "base"):
        with pytest.raises(ModelError, match="no autoencoder"):
            recipe256.run_stage(name, Request(tmp_path / "work", tmp_path / "out", LoopOptions(steps=1)))
    assert not (tmp_path / "out").exists()


def test_the_library_has_every_kind_at_every_action_and_groups() -> None:
    specs = list(islice(library.library_specs(STORYBOOK_2), 30))
    assert [spec.actors[0].creature for spec in specs[:25]] == list(STORYBOOK_2.creatures)
    assert {spec.actors[0].action for spec in specs[:25]} == {STORYBOOK_2.actions[0]}
    assert {(spec.camera, spec.weather, spec.time_of_day) for spec in specs} == {("fixed", "clear", "day")}
    assert all(actor.accessory is None for spec in specs for actor in spec.actors)


def test_the_library_comes_with_captions_vocabulary_and_profile(tmp_path: Path) -> None:
    request = Request(tmp_path / "work", tmp_path, LoopOptions(steps=1), scenes=2)
    for part in ("pipeline", "index"):                             # what lies beside a profile is named by where it lies
        (tmp_path / part).mkdir()
    assert run_stage("library", request) == {"clips": 2.0}
    settings = load_settings(str(tmp_path / "profile.toml"))
    assert (settings.generate.width_px, settings.generate.height_px) == (256, 256)
    assert settings.models.pipeline.folder == tmp_path / "pipeline"
    assert settings.retrieve.index == str(tmp_path / "index")
    assert "with a {} crown" in settings.personalize.appearance_phrases
    assert "with {} stripes" in settings.personalize.appearance_phrases
    assert Vocabulary.load(Path(str(settings.vocabulary))).kinds["creature"]["girl"].say == "girl"
    rows = (tmp_path / "clips/captions.tsv").read_text("utf-8").splitlines()
    assert rows[0] == "file\tcaption"
    assert "bear" in rows[1]
    assert "cat" in rows[2]
    assert {path.name for path in (tmp_path / "clips").glob("*.mp4")} == {"clip-000.mp4", "clip-001.mp4"}
