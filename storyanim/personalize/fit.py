"""Learns a character: TimeInv's table and a LoRA, from pictures that stand still under their own depth (AaS 3.3)."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from storyanim import hub
from storyanim.artifacts import Character, CharacterToken, ClipMatch
from storyanim.config import Settings, canonical
from storyanim.device import choose_device
from storyanim.errors import ResourceError
from storyanim.personalize import checkpoint as checkpoints
from storyanim.personalize.examples import ExampleMaker, contexts_of
from storyanim.personalize.lora import (
    frozen,
    frozen_weights_in_bfloat16,
    gradient_checkpointing,
    lora_adapter,
    motion_modules_disabled,
    numpy_arrays,
    single_frame_attention,
)
from storyanim.personalize.objective import cosine_with_min_lr
from storyanim.personalize.timeinv import TimeInvTable, sampling_grid, word_embedding
from storyanim.personalize.trainer import TimeInvTrainer, TrainState, filled_phrases, uses_bfloat16
from storyanim.personalize.validation import BestCheckpoint
from storyanim.stages import DepthEstimator

VERSION = 8                                          # of the learning: a change of what equal settings give
Watch = Callable[[float, dict[str, float]], None]    # share done in [0, 1], figures
_CHECKPOINT_S = 20.0
_NOT_THE_LEARNING_S = {"guidance_scale", "gradient_checkpointing"}   # settings that leave what is learned as it is
_POINTS = 50                                         # of the loss curve in the metadata


class TimeInvLearner:
    """Pictures to a `CharacterToken`.

    Args:
        load_pipeline: gives a StoryVideoPipeline without a LoRA; called for the first character. It is left as it was.
        depth: for the pictures' own static depth.
    """

    _trainer: type[TimeInvTrainer] = TimeInvTrainer
    _weight_decay = 1e-2                             # of the LoRA: AdamW's default

    def __init__(self, settings: Settings, load_pipeline: Callable[[], Any], depth: DepthEstimator) -> None:
        self._settings, self._load_pipeline, self._depth = settings, load_pipeline, depth

    @cached_property
    def fingerprint(self) -> str:
        """Weights and settings that can change what is learned; loads nothing."""
        models, drawn = self._settings.models, self._settings.generate
        sampled = self._settings.personalize.inference_timesteps_only
        facts = {
            "version": VERSION,
            "base": hub.fingerprint(models.pipeline),
            "motion_adapter": hub.fingerprint(models.motion_adapter) if models.motion_adapter else None,
            "structure": [models.structure_kind, hub.fingerprint(models.structure)],
            "depth": self._depth.fingerprint,
            "settings": self._settings.personalize.model_dump(mode="json", exclude=_NOT_THE_LEARNING_S),
            "size_px": [drawn.width_px, drawn.height_px],
            "fps": drawn.fps,
            "num_inference_steps": drawn.num_inference_steps if sampled else None,
        }
        return f"timeinv:{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"

    def learn(
        self, character: Character, class_clips: Sequence[ClipMatch] = (), watch: Watch | None = None, *,
        checkpoint: Path | None = None,
    ) -> CharacterToken:
        """The token of a character; on one CPU, with as many threads, equal inputs give equal bits, interrupted or not.

        Args:
            class_clips: clips of the character's kind, best first. Their captions say what such characters do and where; learned
                from, they see to it that "bear" alone still means any bear.
            watch: told after each step the share done and `step`, `loss`.
            checkpoint: a file for the state of unfinished work, taken up again when all inputs are equal, removed at the end.

        Raises CharacterError, VideoError, ModelError, ResourceError.
        """
        wanted = self._settings.personalize
        class_clips = class_clips[:wanted.num_class_clips]
        with (
            self._ready() as pipeline, self._trainable_weights(pipeline.unet) as weights, self._in_bfloat16(pipeline)
        ):
            learned = class_clips if weights and wanted.prior_loss_weight else ()
            maker = ExampleMaker(pipeline, self._depth, self._settings)
            contexts = contexts_of(class_clips, character.noun) if wanted.background_loss_weight < 1 else ()
            own, others = list(maker.of_character(character, contexts)), list(maker.of_clips(learned, character))
            trainer = self._trainer(pipeline, self._settings, character.token, own, others)
            state = self._train_state(pipeline, trainer, character.noun, weights)
            held_out = BestCheckpoint(state, wanted.num_steps, wanted.num_validations, trainer.num_validation_losses)
            tensors = state.parts | held_out.parts
            key = self._key(character, class_clips)
            done = checkpoints.resume(checkpoint, key, tensors, state.optimizer) if checkpoint else 0
            saved = time.monotonic()
            if not done and held_out.steps:
                held_out.record(0, trainer.validation_losses(state))
            for step in range(done, wanted.num_steps):
                state.scale_learning_rates(cosine_with_min_lr(step / wanted.num_steps, wanted.min_lr_rate))
                loss = trainer.step(state, step)
                if step + 1 in held_out.steps:
                    held_out.record(step + 1, trainer.validation_losses(state))
                if checkpoint and time.monotonic() - saved > _CHECKPOINT_S:
                    checkpoints.save(checkpoint, key, step + 1, tensors, state.optimizer)
                    saved = time.monotonic()
                if watch:
                    watch((step + 1) / wanted.num_steps, {"step": float(step + 1), "loss": loss})
            token = self._token(character, state, held_out, len(learned), trainer.appearance)
        if checkpoint:
            checkpoint.unlink(missing_ok=True)
        return token

    @property
    def _method(self) -> str:
        """Return what is trained, in a word."""
        rows = "timeinv" if self._settings.personalize.embedding_per_timestep else "textual-inversion"
        return f"{rows}+lora" if self._settings.personalize.lora_rank else rows

    @cached_property
    def _pipeline(self) -> Any:
        pipeline = self._load_pipeline()
        return pipeline.to(choose_device())

    @contextmanager
    def _ready(self) -> Iterator[Any]:
        """The pipeline, frozen; its motion layers off when single frames are learned from that they never saw.

        Maps running out of memory.
        """
        pipeline = self._pipeline
        with ExitStack() as after:
            after.enter_context(frozen(pipeline.unet, pipeline.text_encoder, pipeline.vae, pipeline.structure))
            if self._settings.personalize.gradient_checkpointing:
                after.enter_context(gradient_checkpointing(pipeline.unet))
            if self._settings.personalize.num_frames == 1:
                with_motion = self._settings.personalize.motion_modules_on_images
                stills = single_frame_attention if with_motion else motion_modules_disabled
                after.enter_context(stills(pipeline.unet))
            try:
                yield pipeline
            except (MemoryError, torch.OutOfMemoryError) as error:
                hint = "set personalize.gradient_checkpointing, or a smaller batch_size or num_frames"
                raise ResourceError("not enough memory to learn a character", hint=hint) from error

    def _in_bfloat16(self, pipeline: Any) -> AbstractContextManager[None]:
        if not uses_bfloat16(pipeline.device, self._settings.generate.dtype):
            return nullcontext()
        return frozen_weights_in_bfloat16(pipeline.unet, pipeline.text_encoder, pipeline.structure)

    def _train_state(self, pipeline: Any, trainer: TimeInvTrainer, noun: str, weights: dict[str, nn.Parameter]) -> TrainState:
        wanted, steps = self._settings.personalize, pipeline.scheduler.config.num_train_timesteps
        grid = sampling_grid(pipeline.scheduler, self._settings.generate.num_inference_steps)
        word = trainer.best_initializer_word(wanted.initializer_words, noun, grid) if wanted.initializer_words else noun
        trainer.add_appearance(noun, trainer.best_appearance_phrase(word, noun, filled_phrases(wanted), grid))
        start = word_embedding(pipeline.tokenizer, pipeline.text_encoder, word)
        timesteps = grid if wanted.inference_timesteps_only else torch.arange(steps)
        table = self._make_table(start, timesteps, steps).to(pipeline.device)
        groups: list[dict[str, Any]] = []
        if table.weight.requires_grad:
            # No weight decay: it would move the rows of timesteps that a step did not draw.
            groups.append({"params": [table.weight], "peak": wanted.embedding_learning_rate, "weight_decay": 0.0})
        if weights:
            groups.append({"params": list(weights.values()), "peak": wanted.lora_learning_rate,
                           "weight_decay": self._weight_decay})
        return TrainState(table, weights, torch.optim.AdamW(groups), torch.zeros(1), torch.zeros(wanted.num_steps))

    def _make_table(self, start: Tensor, timesteps: Tensor, num_train_timesteps: int) -> TimeInvTable:
        """Return the embeddings to train, all equal to `start` (d)."""
        rows = None if self._settings.personalize.embedding_per_timestep else 1
        return TimeInvTable(start, timesteps, num_train_timesteps, rows)

    def _trainable_weights(self, unet: Any) -> AbstractContextManager[dict[str, nn.Parameter]]:
        """Return the U-Net's weights to train, by `unet.` and their name, while it is open. Raises ModelError."""
        return lora_adapter(unet, self._settings.personalize.lora_rank, self._settings.personalize.seed)

    def _key(self, character: Character, class_clips: Sequence[ClipMatch]) -> str:
        images = [hub.file_sha256(path) for path in character.images]
        clips = [clip.canonical() for clip in class_clips]
        facts = [self.fingerprint, character.name, character.token, character.noun, images, clips]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _token(
        self, character: Character, state: TrainState, held_out: BestCheckpoint, num_class_clips: int, appearance: str
    ) -> CharacterToken:
        metadata = {
            "chosen_step": str(held_out.restore_best()),
            "method": self._method,
            "version": str(VERSION),
            "steps": str(self._settings.personalize.num_steps),
            "loss": f"{float(state.loss):.6f}",
            "loss_curve": json.dumps(_rounded(_curve(state.losses))),
            "held_out_curve": json.dumps(_rounded(held_out.curve)),
            "pictures": str(len(character.images)),
            "class_clips": str(num_class_clips),
            "appearance": appearance,
            "settings": canonical(self._settings.personalize),
            "fingerprint": self.fingerprint,
        }
        return CharacterToken(
            name=character.name, token=character.token, noun=character.noun, table=state.table.full().numpy(),
            lora=numpy_arrays(state.weights), base=hub.fingerprint(self._settings.models.pipeline), metadata=metadata,
        )


def _curve(losses: Tensor) -> list[tuple[int, float]]:
    """(num_steps) → (step, mean of the steps since the point before), `_POINTS` at most."""
    parts = losses.tensor_split(min(_POINTS, len(losses)))
    return list(zip(np.cumsum([len(part) for part in parts]).tolist(), (float(part.mean()) for part in parts), strict=True))


def _rounded(curve: list[tuple[int, float]]) -> list[tuple[int, float]]:
    return [(step, round(value, 6)) for step, value in curve]
