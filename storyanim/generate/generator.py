"""Draws shots: a `ShotGenerator` over the pipeline, which is loaded for the first one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import CharacterToken, DepthTrack, Float32, Frames, Motion, Shot
from storyanim.config import GenerateSettings, Settings
from storyanim.device import choose_device, one_thread_if_small
from storyanim.errors import CharacterError, ModelError, UsageError
from storyanim.generate.temporal_filter import temporal_bilateral_filter
from storyanim.motion_layers import motion_modules_disabled

VERSION = 2                                          # of the drawing: a change of what equal settings give
_PSEUDO_WORD = re.compile(r"<[\w-]+>")
_PAN = re.compile(
    r"\bpan(?:s|ned|ning)?\s+(?:\w+ly\s+)?(?:to(?:wards?)?\s+)?(?:(?:the|its)\s+)?(left|right)\b",
    re.IGNORECASE,
)
MACHINE_SETTINGS = {"dtype", "memory", "max_memory_gb"}              # they say how frames are computed, not which


@dataclass(frozen=True)
class _Loaded:
    pipeline: Any                                    # StoryVideoPipeline
    ladder: Any                                      # MemoryLadder
    loras: Any                                       # UNetLoras


class PipelineGenerator:
    """What the generators of all families share: the pipeline that is loaded late, and its base model."""

    def __init__(self, settings: Settings, load: Callable[[], Any] | None = None) -> None:
        """Load nothing yet.

        Args:
            settings: of the whole run.
            load: gives the pipeline to draw with; None: that of the settings' models.
        """
        self._settings, self._load = settings, load

    @cached_property
    def base(self) -> str:
        """Fingerprint of the base model, which a character's token has to be made for."""
        return hub.base_fingerprint(self._settings.models)

    def _bound_memory(self, ladder: Any, device: Any) -> None:
        """Keep to `generate.max_memory_gb` on a CUDA GPU: begin on the rung that fits, refuse more."""
        import torch

        from storyanim.generate.footprint import first_rung

        wanted = self._settings.generate
        if wanted.max_memory_gb is None or device.type != "cuda":
            return
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, wanted.max_memory_gb * 1e9 / total), device)
        family = self._settings.models.family
        ladder.begin_at(first_rung(wanted.max_memory_gb, wanted.num_frames, wanted, family))


class StoryGenerator(PipelineGenerator):
    """Text, depth and character tokens to frames, by diffusion (AaS 3.2, 3.3)."""

    @cached_property
    def fingerprint(self) -> str:
        """Weights and settings; loads nothing."""
        models = self._settings.models
        facts = {
            "version": VERSION,
            "base": self.base,
            "motion_adapter": hub.fingerprint(models.motion_adapter) if models.motion_adapter else None,
            "structure": hub.structure_key(models),
            "settings": self._settings.generate.model_dump(mode="json", exclude=MACHINE_SETTINGS | {"cache_interval"}),
            "character_guidance_scale": self._settings.personalize.guidance_scale,
        } | hub.extras_key(models) | hub.ip_adapter_key(models) | self._later_key()
        return f"story_video:{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"

    def _later_key(self) -> dict[str, object]:
        """Return what keys did not always hold: of settings that are not as they ever were."""
        found: dict[str, object] = {"motion_layers": False} if self._leaves_motion_layers_out else {}
        interval = self._settings.generate.cache_interval
        return found | ({"cache_interval": interval} if interval > 1 else {})

    @property
    def _leaves_motion_layers_out(self) -> bool:
        """A single picture is not what motion layers were trained on, unless the profile says so."""
        return self._settings.generate.num_frames == 1 and not self._settings.personalize.motion_modules_on_images

    def draw(
        self, shot: Shot, depth: DepthTrack | None, tokens: Sequence[CharacterToken],
        motions: Sequence[Motion] = (),
    ) -> Frames:
        """Draw `shot.duration_s`, `generate.num_frames` at least, from `shot.prompt` and `shot.seed`.

        Args:
            shot: what to draw.
            depth: structure; with motions it guides to the end.
            tokens: of its characters.
            motions: whose weights act where a region's prompt names them, else everywhere.

        Raises:
            CharacterError: a token is of another base model, or a pseudo-word of the prompt is not given.
            MotionError: a motion is of another base model.
            ModelError: the model cannot be loaded, or gave values that are not finite.
            ResourceError: memory ran out.
        """
        self._check(shot, tokens)
        for motion in motions:
            motion.check_base(hub.fingerprint_motion(self._settings.models), self._settings.profile)
        loaded, wanted = self._loaded, self._settings.generate
        size = (wanted.frames_of(shot.duration_s), wanted.height_px, wanted.width_px)
        inverse_depth = None if depth is None else fit_depth(depth, size)
        models = self._settings.models
        with one_thread_if_small(models.pipeline, models.motion_adapter, models.structure):
            video = loaded.ladder.run(lambda: self._video(loaded, shot, inverse_depth, tokens, motions))
        check_finite(video)
        if wanted.temporal_filter_range:
            video = temporal_bilateral_filter(video, wanted.temporal_filter_range)
        return Frames(rgb=np.rint(video * 255).astype(np.uint8), fps=wanted.fps)

    @cached_property
    def _loaded(self) -> _Loaded:
        from storyanim.generate.load import load_pipeline
        from storyanim.generate.lora import UNetLoras
        from storyanim.generate.memory import MemoryLadder, cast, choose_dtype

        pipeline = self._load() if self._load else load_pipeline(self._settings.models)
        device = choose_device()
        cast(pipeline, choose_dtype(self._settings.generate.dtype, device))
        ladder = MemoryLadder(pipeline, device, self._settings.generate.memory)
        self._bound_memory(ladder, device)
        return _Loaded(pipeline, ladder, UNetLoras(pipeline))

    def _check(self, shot: Shot, tokens: Sequence[CharacterToken]) -> None:
        for token in tokens:
            token.check_base(self.base, self._settings.profile)
        texts = (shot.prompt, *(entity.prompt for entity in shot.entities), *(event.prompt for event in shot.events))
        words = {word for text in texts for word in _PSEUDO_WORD.findall(text)}
        embedded = {ref.token for ref in self._settings.models.embeddings}
        avoided = set(_PSEUDO_WORD.findall(self._settings.generate.negative_prompt))
        if unknown := avoided - embedded:
            raise UsageError(f"generate.negative_prompt names {min(unknown)}, but no such embedding is given",
                             hint="name its file in embeddings of the profile's [models]; the word is the file's name")
        if missing := words - embedded - {token.token for token in tokens}:
            names = ", ".join(sorted(missing))
            raise CharacterError(f"the prompt of {shot.id} names {names}, but no such character is given",
                                 hint="give it with --character, or change the prompt in the storyboard")

    def _video(
        self, loaded: _Loaded, shot: Shot, inverse_depth: Float32 | None, tokens: Sequence[CharacterToken],
        motions: Sequence[Motion],
    ) -> Any:
        """Return (T, H, W, 3) float32 in [0, 1]."""
        import torch

        from storyanim.generate.regions import regions_of
        from storyanim.generate.tokens import TokenTable

        wanted = self._settings.generate
        pan = pan_direction(shot.prompt) if wanted.pan_speed else 0
        num_frames = wanted.frames_of(shot.duration_s)
        _choose_windows(loaded, num_frames, wanted)
        own = {entity.name for entity in shot.entities} if len(shot.entities) > 1 else set()
        adapters = loaded.loras.set_adapters(tokens, own, motions)
        pictures, pictures_of = self._pictures(tokens)
        regions = regions_of(shot, adapters, motions, pictures_of)
        single = num_frames == 1 and self._leaves_motion_layers_out
        deterministic = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
        with deterministic, motion_modules_disabled(loaded.pipeline.unet) if single else nullcontext():
            return loaded.pipeline(
                expand_prompt(shot.prompt, tokens),
                regions=[replace(region, prompt=expand_prompt(region.prompt, tokens)) for region in regions],
                structure_frames=inverse_depth,
                control_guidance_end=1.0 if motions else
                wanted.control_guidance_end_of(max(shot.figures, len(tokens)), entities=len(shot.entities) > 1),
                conditioning_scale=wanted.conditioning_scale,
                tokens=[TokenTable(token.token, torch.from_numpy(token.table))
                        for token in tokens if token.is_learned],
                ip_adapter_image=pictures,
                ip_adapter_scale=ip_adapter.weight if (ip_adapter := self._settings.models.ip_adapter) else 1.0,
                num_frames=num_frames, height=wanted.height_px, width=wanted.width_px,
                num_inference_steps=wanted.num_inference_steps, negative_prompt=wanted.negative_prompt,
                guidance_scale=self._guidance_scale(tokens), guidance_interval=wanted.guidance_interval,
                cache_interval=wanted.cache_interval,
                noise_correlation=wanted.pan_noise_correlation if pan else wanted.noise_correlation,
                noise_shift=pan * wanted.pan_speed / wanted.fps,
                generator=torch.Generator().manual_seed(shot.seed),
            ).frames[0]

    def _pictures(self, tokens: Sequence[CharacterToken]) -> tuple[list[Any], dict[str, range]]:
        """Return the pictures that the profile's IP-Adapter sees, if it has one, and which are whose."""
        pictures: list[Any] = []
        whose: dict[str, range] = {}
        for token in tokens if self._settings.models.ip_adapter is not None else ():
            whose[token.name] = range(len(pictures), len(pictures) + len(token.pictures))
            pictures += token.pictures
        return pictures, whose

    def _guidance_scale(self, tokens: Sequence[CharacterToken]) -> float:
        of_characters = self._settings.personalize.guidance_scale if tokens else None
        return self._settings.generate.guidance_scale if of_characters is None else of_characters


def _choose_windows(loaded: _Loaded, num_frames: int, wanted: GenerateSettings) -> None:
    """Draw a long shot in overlapping windows, a short one at once."""
    long, pipeline = num_frames > wanted.num_frames, loaded.pipeline
    if long != pipeline.free_noise_enabled:
        loaded.loras.unload_motions()
    if long:
        pipeline.enable_free_noise(wanted.num_frames, wanted.context_stride)
    elif pipeline.free_noise_enabled:
        pipeline.disable_free_noise()


def check_finite(video: Float32) -> None:
    """Raise ModelError for decoded frames with values that are not finite."""
    if not np.isfinite(video).all():             # every step was finite, and the decoder works in float32
        raise ModelError("the VAE decoded values that are not numbers",
                         hint="its weights may be damaged: fetch them again, or name another as models.vae")


def expand_prompt(prompt: str, tokens: Sequence[CharacterToken]) -> str:
    """Return a prompt with each character's appearance behind its name."""
    for token in tokens:
        prompt = token.expand_prompt(prompt)
    return prompt


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
