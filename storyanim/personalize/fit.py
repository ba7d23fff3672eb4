"""Learning a character: TimeInv's table and a LoRA, from pictures under their own static depth (AaS 3.3)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from storyanim import hub
from storyanim.artifacts import Character, CharacterToken, ClipMatch
from storyanim.config import Settings, canonical
from storyanim.device import make_room
from storyanim.motion_layers import motion_modules_disabled
from storyanim.personalize.checkpoint import TrainCheckpoint
from storyanim.personalize.diffusion_classifier import (
    best_appearance_phrase,
    best_initializer_word,
    filled_phrases,
)
from storyanim.personalize.examples import ExampleMaker, contexts_of
from storyanim.personalize.learning_pipeline import LearningPipeline
from storyanim.personalize.lora import (
    frozen_weights_in_bfloat16,
    lora_adapter,
    numpy_arrays,
    single_frame_attention,
)
from storyanim.personalize.timeinv import TimeInvTable, sampling_grid, word_embedding
from storyanim.personalize.trainer import TimeInvTrainer, TrainState, uses_bfloat16
from storyanim.personalize.validation import BestCheckpoint
from storyanim.stages import DepthEstimator

VERSION = 8                                          # of the learning: a change of what equal settings give
Watch = Callable[[float, dict[str, float]], None]    # share done in [0, 1], figures
_SAME_RESULT_SETTINGS = {"guidance_scale", "gradient_checkpointing"}   # they leave what is learned as it is
_MEMORY_HINT = "close other programs, or set a smaller personalize.batch_size or personalize.num_frames"
_MAX_CURVE_POINTS = 50                               # of the loss curve in the metadata


class TimeInvLearner:
    """A `CharacterLearner`.

    A subclass may train other weights and another table (storybook/evaluate/baselines.py).
    """

    _trainer: type[TimeInvTrainer] = TimeInvTrainer
    _weight_decay = 1e-2                             # of the LoRA: AdamW's default

    def __init__(self, settings: Settings, load_pipeline: Callable[[], Any], depth: DepthEstimator) -> None:
        """Load nothing yet.

        Args:
            settings: of the whole run.
            load_pipeline: gives a StoryVideoPipeline without a LoRA, called for the first character; it is
                left as it was.
            depth: for the pictures' own static depth.
        """
        self._settings, self._depth = settings, depth
        self._pipeline = LearningPipeline(
            load_pipeline, settings.personalize.gradient_checkpointing, _MEMORY_HINT)

    @cached_property
    def fingerprint(self) -> str:
        """Weights and settings that can change what is learned; loads nothing."""
        models, drawn, wanted = self._settings.models, self._settings.generate, self._settings.personalize
        facts = {
            "version": VERSION,
            "base": hub.base_fingerprint(models),
            "motion_adapter": hub.fingerprint(models.motion_adapter) if models.motion_adapter else None,
            "structure": hub.structure_key(models),
            "depth": self._depth.fingerprint,
            "settings": wanted.model_dump(mode="json", exclude=_SAME_RESULT_SETTINGS),
            "size_px": [drawn.width_px, drawn.height_px],
            "fps": drawn.fps,
            "num_inference_steps": self._num_inference_steps if wanted.inference_timesteps_only else None,
        } | hub.extras_key(models)
        return f"timeinv:{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"

    @property
    def _num_inference_steps(self) -> int:
        return self._settings.personalize.num_inference_steps or self._settings.generate.num_inference_steps

    def learn(
        self, character: Character, class_clips: Sequence[ClipMatch] = (), watch: Watch | None = None, *,
        checkpoint: Path | None = None,
    ) -> CharacterToken:
        """Return the token of a character.

        On one CPU, with as many threads, equal inputs give equal bits, interrupted or not.

        Args:
            character: its pictures and its noun.
            class_clips: clips of the character's kind, best first. Their captions say what such characters do
                and where; trained on, they see to it that "bear" alone still means any bear.
            watch: called after each step with the share done and `step`, `loss`.
            checkpoint: a file for the state of unfinished work, taken up again when all inputs are equal,
                removed at the end.

        Raises CharacterError, VideoError, ModelError, ResourceError.
        """
        return self._pipeline.learn(
            character.name, lambda: self._learn(character, class_clips, watch, checkpoint))

    def _learn(
        self, character: Character, class_clips: Sequence[ClipMatch], watch: Watch | None,
        checkpoint: Path | None,
    ) -> CharacterToken:
        wanted = self._settings.personalize
        class_clips = class_clips[:wanted.num_class_clips]
        with self._ready() as pipeline, self._trainable_weights(pipeline.unet) as weights, \
                self._in_bfloat16(pipeline):
            trained_clips = class_clips if weights and wanted.prior_loss_weight else ()
            trainer = self._make_trainer(pipeline, character, class_clips, trained_clips)
            word, appearance, state = self._start(pipeline, trainer, character.noun, weights)
            best = BestCheckpoint(
                state, wanted.num_steps, wanted.num_validations, trainer.num_validation_losses)
            unfinished = TrainCheckpoint(
                checkpoint, self._key(character, class_clips), state.tensors | best.tensors, state.optimizer)
            self._train(trainer, state, best, unfinished, watch)
            facts = {"chosen_step": str(best.restore_best()), "held_out_curve": _curve_json(best.curve),
                     "class_clips": str(len(trained_clips)), "appearance": appearance,
                     "initializer_word": word}
            token = self._token(character, state, facts)
        unfinished.remove()
        return token

    def _train(
        self, trainer: TimeInvTrainer, state: TrainState, best: BestCheckpoint, unfinished: TrainCheckpoint,
        watch: Watch | None,
    ) -> None:
        from transformers import get_cosine_with_min_lr_schedule_with_warmup  # imports peft: seconds

        wanted = self._settings.personalize
        start = unfinished.load()
        schedule = get_cosine_with_min_lr_schedule_with_warmup(
            state.optimizer, 0, wanted.num_steps, last_epoch=start - 1, min_lr_rate=wanted.min_lr_rate)
        if not start and best.steps:
            best.record(0, trainer.validation_losses(state))
        for step in range(start, wanted.num_steps):
            loss = trainer.step(state, step)
            schedule.step()
            if step + 1 in best.steps:
                best.record(step + 1, trainer.validation_losses(state))
            unfinished.save_if_due(step + 1)
            if watch:
                watch((step + 1) / wanted.num_steps, {"step": float(step + 1), "loss": loss})

    @property
    def _method(self) -> str:
        """Return what is trained, in a word."""
        rows = "timeinv" if self._settings.personalize.embedding_per_timestep else "textual-inversion"
        return f"{rows}+lora" if self._settings.personalize.lora_rank else rows

    @contextmanager
    def _ready(self) -> Iterator[Any]:
        """Give the pipeline, frozen; its motion modules off when they never saw single frames."""
        wanted = self._settings.personalize
        images = single_frame_attention if wanted.motion_modules_on_images else motion_modules_disabled
        with self._pipeline.ready("a character") as pipeline, \
                images(pipeline.unet) if wanted.num_frames == 1 else nullcontext():
            yield pipeline

    def _in_bfloat16(self, pipeline: Any) -> AbstractContextManager[None]:
        if not uses_bfloat16(pipeline.device, self._settings.generate.dtype):
            return nullcontext()
        return frozen_weights_in_bfloat16(pipeline.unet, pipeline.text_encoder, pipeline.structure)

    def _make_trainer(
        self, pipeline: Any, character: Character, class_clips: Sequence[ClipMatch],
        trained_clips: Sequence[ClipMatch],
    ) -> TimeInvTrainer:
        maker = ExampleMaker(pipeline, self._depth, self._settings)
        few_surroundings = self._settings.personalize.background_loss_weight < 1
        contexts = contexts_of(class_clips, character.noun) if few_surroundings else ()
        instances = list(maker.of_character(character, contexts))
        trainer = self._trainer(pipeline, self._settings, character.token, instances,
                                list(maker.of_clips(trained_clips, character)))
        trainer.one_at_a_time = self._pipeline.saves_memory
        make_room(self._depth)                           # the examples are made
        return trainer

    def _start(
        self, pipeline: Any, trainer: TimeInvTrainer, noun: str, weights: dict[str, nn.Parameter]
    ) -> tuple[str, str, TrainState]:
        """Choose the words to start from; return the embeddings' and the appearance, and what is trained.

        The appearance is in captions from then on.
        """
        wanted, steps = self._settings.personalize, pipeline.scheduler.config.num_train_timesteps
        grid = sampling_grid(pipeline.scheduler, self._num_inference_steps)
        of_captions, words = partial(trainer.caption_losses, grid=grid), wanted.initializer_words
        word = best_initializer_word(of_captions, words, noun) if words else noun
        appearance = best_appearance_phrase(of_captions, word, noun, filled_phrases(wanted), words)
        trainer.add_appearance(noun, appearance)
        start = word_embedding(pipeline.tokenizer, pipeline.text_encoder, word)
        timesteps = grid if wanted.inference_timesteps_only else torch.arange(steps)
        table = self._make_table(start, timesteps, steps).to(pipeline.device)
        # No weight decay: it would move the rows of timesteps that a step did not draw.
        embeddings = [table.weight] if table.weight.requires_grad else []
        groups = [(embeddings, wanted.embedding_learning_rate, 0.0),
                  (list(weights.values()), wanted.lora_learning_rate, self._weight_decay)]
        optimizer = torch.optim.AdamW(
            [{"params": params, "lr": rate, "initial_lr": rate, "weight_decay": decay}
             for params, rate, decay in groups if params])
        losses = torch.zeros(wanted.num_steps)
        return word, appearance, TrainState(table, weights, optimizer, torch.zeros(1), losses)

    def _make_table(self, start: Tensor, timesteps: Tensor, num_train_timesteps: int) -> TimeInvTable:
        """Return the embeddings to train, all equal to `start` (d)."""
        rows = None if self._settings.personalize.embedding_per_timestep else 1
        return TimeInvTable(start, timesteps, num_train_timesteps, rows)

    def _trainable_weights(self, unet: Any) -> AbstractContextManager[dict[str, nn.Parameter]]:
        """Give the U-Net's weights to train, by `unet.` and their name, while it is open.

        Raises ModelError.
        """
        return lora_adapter(unet, self._settings.personalize.lora_rank, self._settings.personalize.seed)

    def _key(self, character: Character, class_clips: Sequence[ClipMatch]) -> str:
        images = [hub.file_sha256(path) for path in character.images]
        clips = [clip.canonical() for clip in class_clips]
        facts = [self.fingerprint, character.name, character.token, character.noun, images, clips]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _token(self, character: Character, state: TrainState, facts: dict[str, str]) -> CharacterToken:
        metadata = facts | {
            "method": self._method,
            "version": str(VERSION),
            "steps": str(self._settings.personalize.num_steps),
            "loss": f"{float(state.loss):.6f}",
            "loss_curve": _curve_json(_curve(state.losses)),
            "pictures": str(len(character.images)),
            "settings": canonical(self._settings.personalize),
            "fingerprint": self.fingerprint,
        }
        return CharacterToken(
            name=character.name, token=character.token, noun=character.noun, table=state.table.full().numpy(),
            lora=numpy_arrays(state.weights), base=hub.base_fingerprint(self._settings.models),
            metadata=metadata,
        )


def _curve(losses: Tensor) -> list[tuple[int, float]]:
    """Return (step, mean of the steps since the point before), `_MAX_CURVE_POINTS` at most.

    Args: losses: (num_steps).
    """
    parts = losses.tensor_split(min(_MAX_CURVE_POINTS, len(losses)))
    steps = np.cumsum([len(part) for part in parts]).tolist()
    return list(zip(steps, (float(part.mean()) for part in parts), strict=True))


def _curve_json(curve: list[tuple[int, float]]) -> str:
    return json.dumps([(step, round(value, 6)) for step, value in curve])
