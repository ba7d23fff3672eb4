"""Learning a character, end to end on a small random family."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from PIL import Image
from small import WIDTH, BrightnessDepth
from tolerance import BFLOAT16, FLOAT32, assert_close

from storyanim import video
from storyanim.artifacts import Character, CharacterToken, ClipMatch, Frames, Shot
from storyanim.config import Settings, asset, load_settings
from storyanim.engine.character_file import character_bytes
from storyanim.errors import CharacterError, ModelError, VideoError
from storyanim.generate.extras import scheduler_of
from storyanim.generate.generator import StoryGenerator
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.personalize import checkpoint as checkpoints
from storyanim.personalize import trainer
from storyanim.personalize.fit import TimeInvLearner
from storyanim.personalize.timeinv import sampling_grid, word_embedding
from storyanim.personalize.trainer import TimeInvTrainer, TrainState

Make = Callable[..., Settings]
GRID = [199, 399, 599, 799, 999]                     # of five steps, trailing


@pytest.fixture
def learn(shared_pipeline: StoryVideoPipeline, settings: Make, character: Character) -> Callable[..., CharacterToken]:
    def learned(who: Character = character, class_clips: Sequence[ClipMatch] = (), watch: Any = None, checkpoint: Any = None,
                **personalize: Any) -> CharacterToken:
        learner = TimeInvLearner(settings(**personalize), lambda: shared_pipeline, BrightnessDepth())
        return learner.learn(who, class_clips, watch, checkpoint=checkpoint)

    return learned


@pytest.fixture
def class_clips(tmp_path: Path) -> list[ClipMatch]:
    """Six clips, each of another grey that grows brighter."""
    clips = []
    for number in range(6):
        path = tmp_path / f"clip{number}.mp4"
        shades = (20 * number + 8 * np.arange(16)).astype(np.uint8)
        rgb = np.broadcast_to(shades[:, None, None, None], (16, 48, 64, 3)).copy()
        video.write(Frames(rgb, 8), path, width_px=64, height_px=48, fps=8, preset="ultrafast")
        clips.append(ClipMatch(clip_id=f"c{number}", path=str(path), sha256="", start_s=0, end_s=2, score=0.5, rank=number + 1,
                               caption="a grey bear" if number else ""))
    return clips


def spy(monkeypatch: pytest.MonkeyPatch, pipeline: StoryVideoPipeline, method: str) -> list[Any]:
    """The arguments of each call."""
    calls: list[Any] = []
    real = getattr(pipeline, method)
    monkeypatch.setattr(pipeline, method, lambda *args: (calls.append(args), real(*args))[1], raising=False)
    return calls


def changed_by_learning(token: CharacterToken, start: np.ndarray) -> np.ndarray:
    """By how much the table left the word that it began with, and the factors of the LoRA that began at zero; in one row."""
    return np.concatenate([(token.table - start).ravel(), *(token.lora[key].ravel() for key in token.lora if ".lora_B." in key)])


class TestToken:
    def test_is_made_for_this_model(self, learn: Callable[..., CharacterToken], settings: Make) -> None:
        token = learn()
        assert (token.name, token.token, token.noun) == ("bruno", "<bruno>", "bear")
        assert token.table.shape == (1000, WIDTH)
        assert token.base == StoryGenerator(settings()).base
        assert token.metadata["steps"] == "3"
        assert float(token.metadata["loss"]) > 0
        assert json.loads(token.metadata["settings"])["lora_rank"] == 2

    def test_the_generator_draws_with_it(self, learn: Callable[..., CharacterToken], settings: Make) -> None:
        token = learn(embedding_learning_rate=0.5, lora_learning_rate=0.1)
        generator = StoryGenerator(settings())
        plain = generator.draw(Shot(id="s01", text="", query="", prompt="a bear", seed=1), None, [])
        shot = Shot(id="s01", text="", query="", prompt="a <bruno> bear", seed=1, characters=("bruno",))
        drawn = generator.draw(shot, None, [token])
        assert drawn.rgb.shape == plain.rgb.shape == (4, 64, 64, 3)
        assert not np.array_equal(drawn.rgb, plain.rgb)

    def test_same_seed_same_bytes(self, learn: Callable[..., CharacterToken]) -> None:
        first = character_bytes(learn())
        torch.manual_seed(99)
        assert character_bytes(learn()) == first
        assert character_bytes(learn(seed=1)) != first

    def test_renamed_pictures_teach_the_same(self, learn: Callable[..., CharacterToken], character: Character) -> None:
        first = learn()
        moved = [path.rename(path.with_name(f"z{9 - number}.png")) for number, path in enumerate(character.images)]
        again = learn(character.model_copy(update={"images": tuple(moved)}))
        assert np.array_equal(first.table, again.table)


class TestTable:
    def test_rows_of_the_grid_learn_and_the_others_follow(
        self, learn: Callable[..., CharacterToken], shared_pipeline: StoryVideoPipeline
    ) -> None:
        table = learn(num_steps=4, batch_size=5).table
        start = word_embedding(shared_pipeline.tokenizer, shared_pipeline.text_encoder, "bear").numpy()
        assert all(np.abs(table[t] - start).max() > 1e-6 for t in GRID)
        assert len(np.unique(table, axis=0)) == len(GRID)
        assert np.array_equal(table[0], table[199])
        assert np.array_equal(table[600], table[599])

    def test_all_rows_are_learned_without_a_grid(self, learn: Callable[..., CharacterToken]) -> None:
        rows = np.unique(learn(inference_timesteps_only=False, num_steps=6).table, axis=0)
        assert 20 <= len(rows) <= 24                 # 6 steps of 4 draw hardly any of the 1000 rows twice

    def test_nothing_is_learned_of_blank_captions(
        self, learn: Callable[..., CharacterToken], shared_pipeline: StoryVideoPipeline
    ) -> None:
        start = word_embedding(shared_pipeline.tokenizer, shared_pipeline.text_encoder, "bear").numpy()
        for rank in (0, 2):
            token = learn(caption_dropout=1.0, lora_rank=rank)
            assert np.array_equal(token.table, np.tile(start, (1000, 1)))

    def test_all_rows_start_from_one_of_the_first_words(
        self, learn: Callable[..., CharacterToken], shared_pipeline: StoryVideoPipeline
    ) -> None:
        models = shared_pipeline.tokenizer, shared_pipeline.text_encoder
        starts = [word_embedding(*models, word).numpy() for word in ("red", "blue")]
        table = learn(caption_dropout=1.0, initializer_words=("red", "blue")).table
        assert any(np.array_equal(table, np.tile(start, (1000, 1))) for start in starts)

    def test_one_embedding_for_all_timesteps(self, learn: Callable[..., CharacterToken]) -> None:
        token = learn(embedding_per_timestep=False)
        assert len(np.unique(token.table, axis=0)) == 1
        assert token.metadata["method"] == "textual-inversion+lora"

    def test_rank_zero_is_the_table_alone(self, learn: Callable[..., CharacterToken], class_clips: list[ClipMatch]) -> None:
        token = learn(class_clips=class_clips, lora_rank=0)
        assert token.lora == {}
        assert token.metadata["method"] == "timeinv"
        assert token.metadata["class_clips"] == "0"                                               # they would teach nothing


class TestLearning:
    def test_loss_falls_on_one_picture(self, learn: Callable[..., CharacterToken], tmp_path: Path) -> None:
        rgb = np.zeros((64, 64, 3), np.uint8)
        rgb[16:48, 16:48] = (250, 120, 20)
        Image.fromarray(rgb).save(tmp_path / "one.png")
        who = Character(name="one", token="<one>", noun="bear", images=(tmp_path / "one.png",))
        losses: dict[float, list[float]] = {0.1: [], 1e-9: []}
        for rate, seen in losses.items():            # the same pictures, noises and timesteps, learned from and hardly
            learn(who, watch=lambda done, now, seen=seen: seen.append(now["loss"]), num_steps=30, lora_rank=8,
                  lora_learning_rate=rate, embedding_learning_rate=rate)
        learned, idle = (np.array(seen) for seen in losses.values())
        assert learned[0] == idle[0]
        assert learned[-10:].mean() < 0.95 * idle[-10:].mean()

    def test_rates_fall_when_asked(self, learn: Callable[..., CharacterToken], monkeypatch: pytest.MonkeyPatch) -> None:
        parts: list[float] = []
        real = TimeInvTrainer.step

        def step(self: TimeInvTrainer, state: TrainState, number: int) -> float:
            parts.append(state.optimizer.param_groups[0]["lr"] / 0.1)
            return real(self, state, number)

        monkeypatch.setattr(TimeInvTrainer, "step", step)
        asked: dict[str, Any] = {"num_steps": 4, "lora_learning_rate": 0.1, "embedding_learning_rate": 0.1}
        even, falling = learn(**asked, min_lr_rate=1.0), learn(**asked, min_lr_rate=0.25)
        assert parts[:4] == pytest.approx([1.0] * 4)
        assert parts[4:] == pytest.approx([1.0, 0.8902, 0.625, 0.3598], abs=1e-4)                 # half a cosine from 1 to .25
        first = [json.loads(token.metadata["loss_curve"])[:2] for token in (even, falling)]
        assert first[0] == first[1]                  # the second step's loss comes of the first, at the full rate
        assert not np.array_equal(even.table, falling.table)

    def test_base_is_as_it_was(self, learn: Callable[..., CharacterToken], shared_pipeline: StoryVideoPipeline) -> None:
        parts = {name: getattr(shared_pipeline, name) for name in ("unet", "text_encoder", "vae", "structure")}
        before = {name: {key: weight.clone() for key, weight in part.state_dict().items()} for name, part in parts.items()}
        learn(embedding_learning_rate=1.0, lora_learning_rate=1.0)
        for name, part in parts.items():
            after = part.state_dict()
            assert list(after) == list(before[name])
            assert all(torch.equal(after[key], before[name][key]) for key in after)
        assert not any("forward" in vars(module) for module in shared_pipeline.unet.modules())
        assert len(shared_pipeline.tokenizer) == 57
        assert shared_pipeline.scheduler.num_inference_steps is None

    def test_a_step_is_one_call_of_each_network(
        self, learn: Callable[..., CharacterToken], shared_pipeline: StoryVideoPipeline, monkeypatch: pytest.MonkeyPatch,
        class_clips: list[ClipMatch],
    ) -> None:
        said = spy(monkeypatch, shared_pipeline, "encode_prompts")
        guides = spy(monkeypatch, shared_pipeline, "structure_guide")
        drawn = spy(monkeypatch, shared_pipeline, "predict")
        learn(class_clips=class_clips, num_steps=2)
        assert len(said) == len(guides) == len(drawn) == 2
        captions, rows = said[0]
        assert all("<bruno> bear" in caption for caption in captions[:4])
        assert set(captions[4:]) <= {"a bear", "a grey bear"}
        assert rows["<bruno>"].shape == (6, WIDTH)
        sample, timesteps, _, guide = drawn[0]
        assert sample.shape == (6, 6, 1, 8, 8)
        assert set(timesteps.tolist()) <= set(GRID)
        assert guide is not None

    def test_pictures_stand_still_under_their_own_depth(
        self, learn: Callable[..., CharacterToken], shared_pipeline: StoryVideoPipeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        guides = spy(monkeypatch, shared_pipeline, "structure_guide")
        drawn = spy(monkeypatch, shared_pipeline, "predict")
        learn(num_steps=1, num_frames=3)
        (depth,) = guides[0]
        assert depth.shape == (4, 3, 64, 64)
        assert torch.equal(depth[:, 0], depth[:, 2])
        assert depth.std() > 0.05                    # the disc is brighter than its ground
        sample = drawn[0][0]
        assert sample.shape == (4, 6, 3, 8, 8)
        assert not torch.equal(sample[:, :, 0], sample[:, :, 1])                                  # the noise is each frame's

    @pytest.mark.parametrize(("num_frames", "on", "calls"), [(1, False, 0), (1, True, 2), (2, False, 2)])
    def test_motion_layers_see_single_frames_where_they_know_them(
        self, learn: Callable[..., CharacterToken], shared_pipeline: StoryVideoPipeline, num_frames: int, on: bool, calls: int
    ) -> None:
        inside = next(module for name, module in shared_pipeline.unet.named_modules()
                      if "motion_modules" in name and name.endswith("transformer_blocks.0"))
        seen: list[int] = []
        hook = inside.register_forward_hook(lambda *_: seen.append(1))
        learn(num_steps=2, num_frames=num_frames, motion_modules_on_images=on)
        hook.remove()
        assert len(seen) == calls

    @pytest.mark.parametrize(("num_frames", "dtype"), [(1, "float32"), (2, "float32"), (2, "bfloat16")])
    def test_gradient_checkpointing_teaches_the_same_with_less_kept(
        self, settings: Make, shared_pipeline: StoryVideoPipeline, character: Character, class_clips: list[ClipMatch],
        monkeypatch: pytest.MonkeyPatch, num_frames: int, dtype: str,
    ) -> None:
        monkeypatch.setattr(trainer, "cpu_has_bfloat16", lambda: True)
        kept, tokens = [], []
        for twice in (False, True):
            wanted = settings(num_steps=2, num_frames=num_frames, gradient_checkpointing=twice)
            wanted = wanted.model_copy(update={"generate": wanted.generate.model_copy(update={"dtype": dtype})})
            sizes: list[int] = []
            with torch.autograd.graph.saved_tensors_hooks(lambda t, s=sizes: (s.append(t.nbytes), t)[1], lambda t: t):
                tokens.append(TimeInvLearner(wanted, lambda: shared_pipeline, BrightnessDepth()).learn(character, class_clips))
            kept.append(sum(sizes))
        assert kept[1] < 0.8 * kept[0]
        start = word_embedding(shared_pipeline.tokenizer, shared_pipeline.text_encoder, "bear").numpy()
        once, again = (changed_by_learning(token, start) for token in tokens)
        # Adam's first steps are as long for a gradient of nothing but rounding as for any, so single values may go another way.
        assert np.abs(again - once).mean() < (0.01 if dtype == "float32" else 0.1) * np.abs(once).mean()
        losses = [[loss for _, loss in json.loads(token.metadata["loss_curve"])] for token in tokens]
        assert_close(losses[1], losses[0], FLOAT32 if dtype == "float32" else BFLOAT16)
        assert tokens[0].metadata["fingerprint"] == tokens[1].metadata["fingerprint"]
        assert not shared_pipeline.unet.is_gradient_checkpointing

    def test_tells_how_far_it_is(self, learn: Callable[..., CharacterToken]) -> None:
        told: list[tuple[float, float]] = []
        learn(watch=lambda done, now: told.append((round(done, 3), now["step"])))
        assert told == [(0.333, 1), (0.667, 2), (1.0, 3)]


class TestPriors:
    def test_their_frames_and_their_depth_are_learned(
        self, settings: Make, shared_pipeline: StoryVideoPipeline, character: Character, class_clips: list[ClipMatch]
    ) -> None:
        depth = BrightnessDepth()
        token = TimeInvLearner(settings(num_frames=3), lambda: shared_pipeline, depth).learn(character, class_clips)
        assert depth.seen == [(1, 96, 96, 3)] * 3 + [(3, 64, 64, 3)] * 4                          # num_class_clips is 4
        assert token.metadata["class_clips"] == "4"

    def test_they_change_what_is_learned_by_their_weight(
        self, learn: Callable[..., CharacterToken], class_clips: list[ClipMatch]
    ) -> None:
        tokens = [learn(class_clips=class_clips, prior_loss_weight=weight) for weight in (0.0, 1.0, 10.0)]
        assert tokens[0].metadata["class_clips"] == "0"
        assert len({b"".join(token.lora[key].tobytes() for key in token.lora) for token in tokens}) == 3

    def test_without_their_weight_captions_keep_their_contexts(
        self, learn: Callable[..., CharacterToken], shared_pipeline: StoryVideoPipeline, monkeypatch: pytest.MonkeyPatch,
        class_clips: list[ClipMatch],
    ) -> None:
        told = [clip.model_copy(update={"caption": "a grey bear at sea"}) for clip in class_clips]
        said, drawn = spy(monkeypatch, shared_pipeline, "encode_prompts"), spy(monkeypatch, shared_pipeline, "predict")
        for changes in ({"prior_loss_weight": 0.0}, {"lora_rank": 0}):
            said.clear()
            learn(class_clips=told, num_steps=3, background_loss_weight=0.0, **changes)
            captions = [caption for call in said for caption in call[0]]
            assert all("<bruno> bear" in caption for caption in captions)
            assert 0 < sum(caption.endswith(" at sea") for caption in captions) < len(captions)
        assert {len(call[0]) for call in drawn} == {4}                                            # no clip was learned from

    def test_a_clip_that_is_gone(self, learn: Callable[..., CharacterToken], class_clips: list[ClipMatch]) -> None:
        Path(class_clips[1].path).unlink()
        with pytest.raises(VideoError, match="clip1"):
            learn(class_clips=class_clips)


class TestCheckpoint:
    @pytest.mark.parametrize("checks", [0, 3])
    def test_interrupted_learning_ends_the_same(
        self, learn: Callable[..., CharacterToken], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, class_clips: list[ClipMatch],
        checks: int,
    ) -> None:
        asked: dict[str, Any] = {"class_clips": class_clips, "num_steps": 6, "num_validations": checks, "min_lr_rate": 0.1}
        whole = learn(**asked)
        monkeypatch.setattr(checkpoints, "SAVE_EVERY_S", 0.0)
        place, steps = tmp_path / "learning.safetensors", []

        def interrupt(done: float, now: dict[str, float]) -> None:
            steps.append(now["step"])
            if now["step"] == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            learn(**asked, checkpoint=place, watch=interrupt)
        assert place.is_file()
        again = learn(**asked, checkpoint=place, watch=interrupt)
        assert steps == [1, 2, 3, 4, 5, 6]
        assert character_bytes(again) == character_bytes(whole)
        assert not place.exists()

    @pytest.mark.parametrize("change", ["settings", "broken"])
    def test_anothers_checkpoint_is_not_taken_up(
        self, learn: Callable[..., CharacterToken], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
    ) -> None:
        monkeypatch.setattr(checkpoints, "SAVE_EVERY_S", 0.0)
        place, steps = tmp_path / "learning.safetensors", []

        def interrupt(done: float, now: dict[str, float]) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            learn(checkpoint=place, watch=interrupt)
        if change == "broken":
            place.write_bytes(place.read_bytes()[:100])
        learn(checkpoint=place, watch=lambda done, now: steps.append(now["step"]), seed=3 if change == "settings" else 0)
        assert steps == [1, 2, 3]


class TestErrors:
    def test_picture_gone_since_it_was_checked(self, learn: Callable[..., CharacterToken], character: Character) -> None:
        character.images[1].unlink()
        with pytest.raises(CharacterError, match="no picture"):
            learn()

    def test_values_that_are_no_numbers(
        self, learn: Callable[..., CharacterToken], shared_pipeline: StoryVideoPipeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shared_pipeline, "predict", lambda sample, *others: sample * float("nan"), raising=False)
        with pytest.raises(ModelError, match="not numbers"):
            learn()
        assert not getattr(shared_pipeline.unet, "peft_config", None)


class TestFingerprint:
    def test_loads_nothing_and_tells_settings_apart(self, settings: Make) -> None:
        def never() -> Any:
            raise AssertionError("loaded")

        def fingerprint(made: Settings) -> str:
            return TimeInvLearner(made, never, BrightnessDepth()).fingerprint

        def drawn(made: Settings, **changes: Any) -> Settings:
            return made.model_copy(update={"generate": made.generate.model_copy(update=changes)})

        base = settings()
        same = [settings(), settings(guidance_scale=7.0), drawn(base, guidance_scale=9.0), drawn(base, num_frames=8),
                drawn(settings(), dtype="auto")]
        other = [settings(num_steps=4), settings(lora_rank=3), settings(inference_timesteps_only=False), drawn(base, width_px=32),
                 drawn(base, num_inference_steps=6)]
        assert {fingerprint(made) for made in same} == {fingerprint(base)}
        assert len({fingerprint(made) for made in [base, *other]}) == 1 + len(other)
        rows = settings(inference_timesteps_only=False)
        assert fingerprint(rows) == fingerprint(drawn(rows, num_inference_steps=6))

    def test_what_is_learned_at_steps_of_its_own_does_for_every_quality(self) -> None:
        made = {quality: load_settings("storybook", quality) for quality in ("draft", "normal", "fine")}
        learned = {TimeInvLearner(each, NotImplemented, BrightnessDepth()).fingerprint for each in made.values()}
        scheduler = scheduler_of(made["fine"].models.scheduler, {}, DDIMScheduler.from_pretrained(asset("storybook/pipeline/scheduler")))
        trained, *drawn = (set(sampling_grid(scheduler, steps).tolist()) for steps in (
            made["fine"].personalize.num_inference_steps, *(each.generate.num_inference_steps for each in made.values())))
        assert len(learned) == 1
        assert all(timesteps <= trained for timesteps in drawn)
        assert len({len(timesteps) for timesteps in drawn}) == len(drawn)
