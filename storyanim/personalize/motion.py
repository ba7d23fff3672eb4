"""Learning a motion from retrieved clips at test time: a LoRA on temporal layers (DreamRunner 3.2, 4.1).

Each step takes one clip. First the clip's own spatial LoRA learns one of its frames, with the motion's off;
then the motion's LoRA learns the whole clip with the clip's on, by the denoising error and by the same of
phi(e) = sqrt(2) e - e_anchor, which what all frames have in common hardly enters. The spatial LoRAs are
thrown away. Some steps go without them, so that the motion's is used to acting alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from storyanim import hub
from storyanim.artifacts import Motion
from storyanim.config import Settings, canonical
from storyanim.motion_layers import motion_modules_disabled
from storyanim.personalize.checkpoint import TrainCheckpoint
from storyanim.personalize.examples import encode_latents
from storyanim.personalize.learning_pipeline import LearningPipeline
from storyanim.personalize.lora import numpy_arrays, single_frame_attention
from storyanim.personalize.motion_clips import MotionClip
from storyanim.personalize.motion_lora import MotionLoras, motion_loras
from storyanim.personalize.objective import training_scheduler, training_target

VERSION = 1                                          # of the learning: a change of what equal settings give
Watch = Callable[[float, dict[str, float]], None]    # share done in [0, 1], figures
# They say which clips are taken, which the key of a motion has by itself.
_RETRIEVAL_SETTINGS = {"files", "query", "filters", "check_quality", "crop_to_figure", "max_clips",
                       "min_score"}
_WEIGHT_DECAY, _MAX_GRAD_NORM = 1e-4, 1.0


class MotionLearner:
    """Learns motions on one pipeline, which is loaded for the first."""

    def __init__(self, settings: Settings, load_pipeline: Callable[[], Any]) -> None:
        """Load nothing yet.

        Args:
            settings: of the whole run.
            load_pipeline: gives a StoryVideoPipeline without a LoRA; it is left as it was.
        """
        self._settings = settings
        self._pipeline = LearningPipeline(
            load_pipeline, settings.personalize.gradient_checkpointing,
            "close other programs, or set a smaller motion.rank or generate.num_frames")

    @cached_property
    def fingerprint(self) -> str:
        """Weights and settings that can change what is learned; loads nothing."""
        models, wanted = self._settings.models, self._settings.motion
        facts = {
            "version": VERSION,
            "base": hub.fingerprint_motion(models),
            "settings": wanted.model_dump(mode="json", exclude=_RETRIEVAL_SETTINGS),
            "noise_correlation": self._settings.generate.noise_correlation,
            "motion_modules_on_images": self._settings.personalize.motion_modules_on_images,
        } | hub.extras_key(models)
        return f"motion:{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"

    def key(self, name: str, clips: Sequence[MotionClip]) -> str:
        """Return the sha256 of all that a motion is learned from."""
        digest = hashlib.sha256(json.dumps([self.fingerprint, name, self._captions(clips)]).encode())
        for clip in clips:
            digest.update(clip.frames.rgb.tobytes())
            digest.update(clip.depth.inverse_depth.tobytes())
        return digest.hexdigest()

    def learn(
        self, name: str, clips: Sequence[MotionClip], watch: Watch | None = None, *,
        checkpoint: Path | None = None,
    ) -> Motion:
        """Return a motion.

        On one CPU, with as many threads, equal inputs give equal bits, interrupted or not.

        Args:
            name: as prompts say it: "bowing".
            clips: to learn from, the best first; its depth becomes the motion's.
            watch: called after each step with the share done and `step`, `loss`.
            checkpoint: a file for the state of unfinished work, taken up again when all inputs are equal,
                removed at the end.

        Raises ModelError, ResourceError.
        """
        return self._pipeline.learn(name, lambda: self._learn(name, clips, watch, checkpoint))

    def _learn(
        self, name: str, clips: Sequence[MotionClip], watch: Watch | None, checkpoint: Path | None
    ) -> Motion:
        wanted = self._settings.motion
        with self._pipeline.ready("a motion") as pipeline, \
                motion_loras(pipeline.unet, wanted.rank, wanted.appearance_rank, len(clips),
                             wanted.seed) as loras:
            trainer = _MotionTrainer(pipeline, self._settings, loras, clips, self._captions(clips))
            unfinished = TrainCheckpoint(
                checkpoint, self.key(name, clips), trainer.tensors, trainer.optimizer)
            for step in range(unfinished.load(), wanted.num_steps):
                loss = trainer.step(step)
                unfinished.save_if_due(step + 1)
                if watch:
                    watch((step + 1) / wanted.num_steps, {"step": float(step + 1), "loss": loss})
            lora, losses = numpy_arrays(loras.motion), trainer.losses.tolist()
        unfinished.remove()
        metadata = {
            "method": "temporal-lora", "version": str(VERSION), "steps": str(wanted.num_steps),
            "clips": json.dumps([clip.match.clip_id for clip in clips]),
            "captions": json.dumps(self._captions(clips)),
            "losses": json.dumps([round(loss, 5) for loss in losses]),
            "settings": canonical(wanted.model_copy(update={"files": ()})), "fingerprint": self.fingerprint,
        }
        return Motion(name, lora, clips[0].depth, hub.fingerprint_motion(self._settings.models), metadata)

    def _captions(self, clips: Sequence[MotionClip]) -> list[str]:
        return [self._settings.motion.caption or clip.caption for clip in clips]


class _MotionTrainer:
    """What a step draws, and what it changes."""

    def __init__(
        self, pipeline: Any, settings: Settings, loras: MotionLoras, clips: Sequence[MotionClip],
        captions: Sequence[str],
    ) -> None:
        self._pipeline, self._settings, self._loras = pipeline, settings, loras
        self._scheduler = training_scheduler(pipeline.scheduler)
        self._latents = torch.stack([encode_latents(pipeline.vae, clip.frames.rgb) for clip in clips])
        self._latents = self._latents.transpose(1, 2).to(pipeline.device)                   # (N, C, T, h, w)
        with torch.no_grad():
            self._text = pipeline.encode_prompts(captions, {})                                # (N, L, D)
        self.optimizer = torch.optim.AdamW([*loras.tensors.values()], lr=settings.motion.learning_rate,
                                           weight_decay=_WEIGHT_DECAY)
        self.losses = torch.zeros(settings.motion.num_steps)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint on disk holds."""
        return {"losses": self.losses, **self._loras.tensors}

    def step(self, number: int) -> float:
        """Do one step, drawn from its number alone; return the motion's loss."""
        wanted = self._settings.motion
        rng = np.random.default_rng([wanted.seed, number])
        clip = int(rng.integers(len(self._latents)))
        appearance = clip if self._loras.appearances and rng.random() >= wanted.temporal_only else None
        if appearance is not None:
            self._loras.activate(motion=False, appearance=clip, train_motion=False)
            frame = int(rng.integers(self._latents.shape[2]))
            knows_images = self._settings.personalize.motion_modules_on_images
            images = single_frame_attention if knows_images else motion_modules_disabled
            with images(self._pipeline.unet):
                predicted, target = self._predict(clip, slice(frame, frame + 1), rng)
                own = list(self._loras.appearances[clip].values())
                self._descend((predicted - target).square().mean(), own)
        self._loras.activate(motion=True, appearance=appearance, train_motion=True)
        predicted, target = self._predict(clip, slice(None), rng)
        loss = (predicted - target).square().mean()
        if wanted.debiased_loss_weight:
            anchor = int(rng.integers(self._latents.shape[2]))
            error = without_anchor(predicted, anchor) - without_anchor(target, anchor)
            loss = loss + wanted.debiased_loss_weight * error.square().mean()
        found = self._descend(loss, list(self._loras.motion.values()))
        self.losses[number] = found
        return found

    def _predict(self, clip: int, frames: slice, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return what the U-Net predicts of a clip's noisy frames, and what it should, (1, C, T, h, w)."""
        latents = self._latents[clip:clip + 1, :, frames]
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        noise = torch.randn(latents.shape, generator=generator)
        if correlation := self._settings.generate.noise_correlation:       # as it is drawn with
            common = torch.randn(noise[:, :, :1].shape, generator=generator)
            noise = (1 - correlation)**0.5 * noise + correlation**0.5 * common
        noise = noise.to(latents.device)
        timestep = torch.tensor([int(rng.integers(self._scheduler.config.num_train_timesteps))],
                                device=latents.device)
        noisy = self._scheduler.add_noise(latents, noise, timestep)
        predicted = self._pipeline.predict(noisy, timestep, self._text[clip:clip + 1])
        return predicted, training_target(self._scheduler, latents, noise, timestep)

    def _descend(self, loss: Tensor, weights: list[Any]) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, _MAX_GRAD_NORM)
        self.optimizer.step()
        return loss.item()


def without_anchor(error: Tensor, anchor: int) -> Tensor:
    """Return phi(e) = sqrt(beta² + 1) e - beta e_anchor with beta = 1 (DreamRunner, eq. 2).

    Args:
        error: (B, C, T, h, w).
        anchor: number of a frame.
    """
    return 2**0.5 * error - error[:, :, anchor:anchor + 1]
