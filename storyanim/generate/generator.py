"""Draws shots: a `ShotGenerator` over the pipeline, which is loaded for the first one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import CharacterToken, DepthTrack, Float32, Frames, Shot
from storyanim.config import Settings
from storyanim.device import choose_device, one_thread_if_small
from storyanim.errors import CharacterError, ModelError
from storyanim.generate.camera import pan_of
from storyanim.generate.temporal_filter import temporal_bilateral_filter

VERSION = 2                                          # of the drawing: a change of what equal settings give
_PSEUDO_WORD = re.compile(r"<[\w-]+>")
_ONLY_THE_MACHINE_S = {"dtype", "memory"}            # settings that say how, not what


def build_generator(settings: Settings) -> StoryGenerator:
    """The generator of a profile."""
    return StoryGenerator(settings)


@dataclass(frozen=True)
class _Loaded:
    pipeline: Any                                    # StoryVideoPipeline
    ladder: Any                                      # MemoryLadder
    loras: Any                                       # CharacterLoras


class StoryGenerator:
    """Text, depth and character tokens to frames, by diffusion (AaS 3.2, 3.3)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def base(self) -> str:
        """Fingerprint of the base model, which a character's token has to be made for."""
        return hub.fingerprint(self._settings.models.pipeline)

    @cached_property
    def fingerprint(self) -> str:
        """Weights and settings; loads nothing."""
        models = self._settings.models
        facts = {
            "version": VERSION,
            "base": self.base,
            "motion_adapter": hub.fingerprint(models.motion_adapter) if models.motion_adapter else None,
            "structure": [models.structure_kind, hub.fingerprint(models.structure)],
            "settings": self._settings.generate.model_dump(mode="json", exclude=_ONLY_THE_MACHINE_S),
            "character_guidance_scale": self._settings.personalize.guidance_scale,
        }
        return f"story_video:{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"

    def draw(self, shot: Shot, depth: DepthTrack | None, tokens: Sequence[CharacterToken]) -> Frames:
        """The frames of `shot.duration_s`, `generate.num_frames` at least, from `shot.prompt` and `shot.seed`.

        Raises CharacterError for a token of another base model or a pseudo-word without one, ModelError, ResourceError.
        """
        self._check(shot, tokens)
        loaded = self._loaded
        wanted = self._settings.generate
        size = (wanted.frames_of(shot.duration_s), wanted.height_px, wanted.width_px)
        inverse_depth = None if depth is None else fit_depth(depth, size)
        models = self._settings.models
        with one_thread_if_small(models.pipeline, models.motion_adapter, models.structure):
            # (T, H, W, 3) in [0, 1]
            video = loaded.ladder.run(lambda: self._video(loaded, shot, inverse_depth, tokens))
        if not np.isfinite(video).all():
            raise ModelError("the model gave values that are not numbers", hint="set generate.dtype to float32")
        if wanted.temporal_filter_range:
            video = temporal_bilateral_filter(video, wanted.temporal_filter_range)
        return Frames(rgb=np.rint(video * 255).astype(np.uint8), fps=wanted.fps)

    @cached_property
    def _loaded(self) -> _Loaded:
        from storyanim.generate.load import load_pipeline
        from storyanim.generate.lora import CharacterLoras
        from storyanim.generate.memory import MemoryLadder, cast, choose_dtype

        pipeline, device = load_pipeline(self._settings.models), choose_device()
        cast(pipeline, choose_dtype(self._settings.generate.dtype, device))
        return _Loaded(pipeline, MemoryLadder(pipeline, device, self._settings.generate.memory), CharacterLoras(pipeline))

    def _check(self, shot: Shot, tokens: Sequence[CharacterToken]) -> None:
        for token in tokens:
            if token.base != self.base:
                raise CharacterError(f"the character {token.name} was personalised for another base model",
                                     hint="run `storyanim personalize` again with this profile")
        if missing := set(_PSEUDO_WORD.findall(shot.prompt)) - {token.token for token in tokens}:
            raise CharacterError(f"the prompt of {shot.id} names {', '.join(sorted(missing))}, but no such character is given",
                                 hint="give it with --character, or change the prompt in the storyboard")

    def _video(
        self, loaded: _Loaded, shot: Shot, inverse_depth: Float32 | None, tokens: Sequence[CharacterToken]
    ) -> Any:
        import torch

        from storyanim.generate.tokens import TokenTable

        wanted = self._settings.generate
        own_scale = self._settings.personalize.guidance_scale if tokens else None
        until = wanted.control_guidance_end_of(max(shot.figures, len(tokens)))
        num_frames = wanted.frames_of(shot.duration_s)
        pan = pan_of(shot.prompt) if wanted.pan_speed else 0
        noise_correlation = wanted.pan_noise_correlation if pan else wanted.noise_correlation
        if num_frames > wanted.num_frames:
            loaded.pipeline.enable_free_noise(wanted.num_frames, wanted.context_stride)
        elif loaded.pipeline.free_noise_enabled:
            loaded.pipeline.disable_free_noise()
        loaded.loras.set_adapters(tokens)
        prompt = reduce(lambda said, token: token.expand_prompt(said), tokens, shot.prompt)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            return loaded.pipeline(
                prompt,
                structure_frames=inverse_depth, control_guidance_end=until,
                conditioning_scale=wanted.conditioning_scale,
                tokens=[TokenTable(token.token, torch.from_numpy(token.table)) for token in tokens],
                num_frames=num_frames, height=wanted.height_px, width=wanted.width_px,
                num_inference_steps=wanted.num_inference_steps, negative_prompt=wanted.negative_prompt,
                guidance_scale=wanted.guidance_scale if own_scale is None else own_scale,
                guidance_interval=wanted.guidance_interval, noise_correlation=noise_correlation,
                noise_shift=pan * wanted.pan_speed / wanted.fps,
                generator=torch.Generator().manual_seed(shot.seed),
            ).frames[0]


def fit_depth(depth: DepthTrack, size: tuple[int, int, int]) -> Float32:
    """The track at the drawn frames' number and size, (T, H, W): the nearest moments, the centre of the picture.

    Depth at moments in between is not mixed: that would show every moving edge twice.
    """
    import torch

    num_frames, height, width = size
    moments = np.rint(np.linspace(0, len(depth.inverse_depth) - 1, num_frames)).astype(int)
    inverse_depth = torch.from_numpy(depth.inverse_depth[moments])[None]                      # (1, T, H', W')
    given_height, given_width = inverse_depth.shape[2:]
    scale = max(height / given_height, width / given_width)
    covering = [max(height, round(given_height * scale)), max(width, round(given_width * scale))]
    resized = torch.nn.functional.interpolate(
        inverse_depth, covering, mode="bilinear", antialias=True, align_corners=False
    )[0].clamp(0, 1)
    top, left = (covering[0] - height) // 2, (covering[1] - width) // 2
    return resized[:, top:top + height, left:left + width].numpy()
