"""Draws shots: a `ShotGenerator` over the pipeline, which is loaded for the first one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import CharacterToken, DepthTrack, Float32, Frames, Shot
from storyanim.config import Settings
from storyanim.device import choose_device, one_thread_if_small
from storyanim.errors import CharacterError, ModelError
from storyanim.generate.temporal_filter import temporal_bilateral_filter

VERSION = 2                                          # of the drawing: a change of what equal settings give
_PSEUDO_WORD = re.compile(r"<[\w-]+>")
_PAN = re.compile(
    r"\bpan(?:s|ned|ning)?\s+(?:\w+ly\s+)?(?:to(?:wards?)?\s+)?(?:(?:the|its)\s+)?(left|right)\b",
    re.IGNORECASE,
)
_MACHINE_SETTINGS = {"dtype", "memory"}              # they say how frames are computed, not which


def build_generator(settings: Settings) -> StoryGenerator:
    """Return the generator of a profile."""
    return StoryGenerator(settings)


@dataclass(frozen=True)
class _Loaded:
    pipeline: Any                                    # StoryVideoPipeline
    ladder: Any                                      # MemoryLadder
    loras: Any                                       # CharacterLoras


class StoryGenerator:
    """Text, depth and character tokens to frames, by diffusion (AaS 3.2, 3.3)."""

    def __init__(self, settings: Settings, load: Callable[[], Any] | None = None) -> None:
        """Load nothing yet.

        Args:
            settings: of the whole run.
            load: gives the StoryVideoPipeline to draw with; None: that of the settings' models.
        """
        self._settings, self._load = settings, load

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
            "settings": self._settings.generate.model_dump(mode="json", exclude=_MACHINE_SETTINGS),
            "character_guidance_scale": self._settings.personalize.guidance_scale,
        }
        return f"story_video:{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"

    def draw(self, shot: Shot, depth: DepthTrack | None, tokens: Sequence[CharacterToken]) -> Frames:
        """Draw `shot.duration_s`, `generate.num_frames` at least, from `shot.prompt` and `shot.seed`.

        Raises:
            CharacterError: a token is of another base model, or a pseudo-word of the prompt is not given.
            ModelError: the model cannot be loaded, or gave values that are not finite.
            ResourceError: memory ran out.
        """
        self._check(shot, tokens)
        loaded, wanted = self._loaded, self._settings.generate
        size = (wanted.frames_of(shot.duration_s), wanted.height_px, wanted.width_px)
        inverse_depth = None if depth is None else fit_depth(depth, size)
        models = self._settings.models
        with one_thread_if_small(models.pipeline, models.motion_adapter, models.structure):
            video = loaded.ladder.run(lambda: self._video(loaded, shot, inverse_depth, tokens))
        if not np.isfinite(video).all():
            raise ModelError("the model gave values that are not numbers",
                             hint="set generate.dtype to float32")
        if wanted.temporal_filter_range:
            video = temporal_bilateral_filter(video, wanted.temporal_filter_range)
        return Frames(rgb=np.rint(video * 255).astype(np.uint8), fps=wanted.fps)

    @cached_property
    def _loaded(self) -> _Loaded:
        from storyanim.generate.load import load_pipeline
        from storyanim.generate.lora import CharacterLoras
        from storyanim.generate.memory import MemoryLadder, cast, choose_dtype

        pipeline = self._load() if self._load else load_pipeline(self._settings.models)
        device = choose_device()
        cast(pipeline, choose_dtype(self._settings.generate.dtype, device))
        ladder = MemoryLadder(pipeline, device, self._settings.generate.memory)
        return _Loaded(pipeline, ladder, CharacterLoras(pipeline))

    def _check(self, shot: Shot, tokens: Sequence[CharacterToken]) -> None:
        for token in tokens:
            if token.base != self.base:
                raise CharacterError(f"the character {token.name} was personalised for another base model",
                                     hint="run `storyanim personalize` again with this profile")
        if missing := set(_PSEUDO_WORD.findall(shot.prompt)) - {token.token for token in tokens}:
            names = ", ".join(sorted(missing))
            raise CharacterError(f"the prompt of {shot.id} names {names}, but no such character is given",
                                 hint="give it with --character, or change the prompt in the storyboard")

    def _video(
        self, loaded: _Loaded, shot: Shot, inverse_depth: Float32 | None, tokens: Sequence[CharacterToken]
    ) -> Any:
        """Return (T, H, W, 3) float32 in [0, 1]."""
        import torch

        from storyanim.generate.tokens import TokenTable

        wanted = self._settings.generate
        prompt = shot.prompt
        for token in tokens:
            prompt = token.expand_prompt(prompt)
        pan = pan_direction(shot.prompt) if wanted.pan_speed else 0
        num_frames = wanted.frames_of(shot.duration_s)
        if num_frames > wanted.num_frames:
            loaded.pipeline.enable_free_noise(wanted.num_frames, wanted.context_stride)
        elif loaded.pipeline.free_noise_enabled:
            loaded.pipeline.disable_free_noise()
        loaded.loras.set_adapters(tokens)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            return loaded.pipeline(
                prompt,
                structure_frames=inverse_depth,
                control_guidance_end=wanted.control_guidance_end_of(max(shot.figures, len(tokens))),
                conditioning_scale=wanted.conditioning_scale,
                tokens=[TokenTable(token.token, torch.from_numpy(token.table)) for token in tokens],
                num_frames=num_frames, height=wanted.height_px, width=wanted.width_px,
                num_inference_steps=wanted.num_inference_steps, negative_prompt=wanted.negative_prompt,
                guidance_scale=self._guidance_scale(tokens), guidance_interval=wanted.guidance_interval,
                noise_correlation=wanted.pan_noise_correlation if pan else wanted.noise_correlation,
                noise_shift=pan * wanted.pan_speed / wanted.fps,
                generator=torch.Generator().manual_seed(shot.seed),
            ).frames[0]

    def _guidance_scale(self, tokens: Sequence[CharacterToken]) -> float:
        of_characters = self._settings.personalize.guidance_scale if tokens else None
        return self._settings.generate.guidance_scale if of_characters is None else of_characters


def pan_direction(prompt: str) -> int:
    """Return 1 when the camera pans left (the picture moves to the right), -1 when it pans right, else 0."""
    pan = _PAN.search(prompt)
    return 0 if pan is None else 1 if pan[1].lower() == "left" else -1


def fit_depth(depth: DepthTrack, size: tuple[int, int, int]) -> Float32:
    """Return the track at the drawn frames' number and size, (T, H, W): nearest frames, centre crop.

    Depth at moments between two frames is not mixed: that would show every moving edge twice.
    """
    import torch

    num_frames, height, width = size
    moments = np.rint(np.linspace(0, len(depth.inverse_depth) - 1, num_frames)).astype(int)
    given = torch.from_numpy(depth.inverse_depth[moments])[None]                              # (1, T, H', W')
    scale = max(height / given.shape[2], width / given.shape[3])
    covering = [max(height, round(given.shape[2] * scale)), max(width, round(given.shape[3] * scale))]
    resized = torch.nn.functional.interpolate(
        given, covering, mode="bilinear", antialias=True, align_corners=False
    )[0].clamp(0, 1)
    top, left = (covering[0] - height) // 2, (covering[1] - width) // 2
    return resized[:, top:top + height, left:left + width].numpy()
