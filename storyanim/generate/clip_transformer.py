"""What the families share whose denoiser is a transformer over a whole clip: Wan-VACE and CogVideoX-Fun.

The pipelines are diffusers' own; what is added sits outside of them: depth that ends early, guidance that ends
early, a text encoder (several times larger than what draws) that is on the device for its one call alone, or never.
"""

from __future__ import annotations

import hashlib
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from storyanim import hub
from storyanim.artifacts import CharacterToken, DepthTrack, Float32, Frames, Motion, Shot
from storyanim.device import choose_device
from storyanim.errors import UsageError
from storyanim.generate.generator import (
    MACHINE_SETTINGS,
    PipelineGenerator,
    check_finite,
    expand_prompt,
    fit_depth,
)

_CELL_PX = 16                                        # of the VAE and the transformer's patches
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A pipeline without its text encoder."""

    pipeline: Any
    text_encoder: Any
    ladder: Any                                      # MemoryLadder


class ClipTransformerGenerator(PipelineGenerator, ABC):
    """A `ShotGenerator` by a pipeline of transformers; a family says which, and how it is called."""

    family: ClassVar[str]
    version: ClassVar[int]                           # of the drawing: a change of what equal settings give
    frames_step: ClassVar[int]                       # frames that are drawn at once, after the first

    @cached_property
    def fingerprint(self) -> str:
        """Weights and settings; loads nothing."""
        facts = {"version": self.version, "base": self.base,
                 "settings": self._settings.generate.model_dump(mode="json", exclude=MACHINE_SETTINGS)}
        facts |= hub.extras_key(self._settings.models)
        return f"{self.family}:{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"

    def draw(
        self, shot: Shot, depth: DepthTrack | None, tokens: Sequence[CharacterToken],
        motions: Sequence[Motion] = (),
    ) -> Frames:
        """Draw as many frames as the shot's length has, or the few more that the family draws at once.

        Raises UsageError for motions and for sizes that are no multiples of 16, CharacterError for characters of
        another base model, ModelError, ResourceError.
        """
        wanted = self._settings.generate
        if motions:
            raise UsageError(f"the family {self.family} takes no learned motions", hint="leave --motion out")
        if wanted.height_px % _CELL_PX or wanted.width_px % _CELL_PX:
            raise UsageError(f"frames of {wanted.width_px}x{wanted.height_px} cannot be drawn",
                             hint=f"width_px and height_px must be multiples of {_CELL_PX}")
        for token in tokens:
            token.check_base(self.base, self._settings.profile)
        num_frames = frames_drawn(wanted.frames_of(shot.duration_s), self.frames_step)
        size = (num_frames, wanted.height_px, wanted.width_px)
        track = None if depth is None else fit_depth(depth, size)
        embeds = self._embeds(expand_prompt(shot.prompt, tokens))
        video = self._loaded.ladder.run(lambda: self._video(shot, track, tokens, embeds, size))
        check_finite(video)
        return Frames(rgb=np.rint(video * 255).astype(np.uint8), fps=wanted.fps)

    @cached_property
    def _loaded(self) -> Loaded:
        from storyanim.generate.load import load_clip_transformer
        from storyanim.generate.memory import MemoryLadder, choose_dtype

        device, wanted = choose_device(), self._settings.generate
        dtype = choose_dtype(wanted.dtype, device)
        pipeline = self._load() if self._load else load_clip_transformer(self._settings.models, dtype)
        text_encoder = pipeline.text_encoder
        pipeline.register_modules(text_encoder=None)
        ladder = MemoryLadder(pipeline, device, wanted.memory)
        self._bound_memory(ladder, device)
        return Loaded(pipeline, text_encoder, ladder)

    @abstractmethod
    def _max_words(self, pipeline: Any) -> int:
        """Return how many tokens of a prompt are read."""

    def _embeds(self, prompt: str) -> tuple[Any, Any]:
        """Return the embeddings (1, L, D) of the prompt and of the negative one, computed where there is room."""
        import torch

        from storyanim.device import free_cached_memory, is_out_of_memory

        loaded, wanted = self._loaded, self._settings.generate
        loaded.pipeline.text_encoder = loaded.text_encoder
        try:
            for device in (choose_device(), torch.device("cpu")):
                try:
                    loaded.text_encoder.to(device)
                    with torch.no_grad():
                        return loaded.pipeline.encode_prompt(
                            prompt, wanted.negative_prompt, wanted.guidance_scale > 1, device=device,
                            max_sequence_length=self._max_words(loaded.pipeline))
                except Exception as error:           # libraries have classes of their own for it
                    if device.type == "cpu" or not is_out_of_memory(error):
                        raise
                    log.info("the text encoder does not fit the device and computes on the CPU")
                    loaded.text_encoder.to("cpu")
                    free_cached_memory()
            raise AssertionError
        finally:
            loaded.text_encoder.to("cpu")
            loaded.pipeline.text_encoder = None

    def _video(
        self, shot: Shot, track: Float32 | None, tokens: Sequence[CharacterToken], embeds: tuple[Any, Any],
        size: tuple[int, int, int],
    ) -> Any:
        """Return (T, H, W, 3) float32 in [0, 1]."""
        import torch

        from storyanim.generate.finite import finite_calls
        from storyanim.generate.structure import steps_of

        pipeline, wanted = self._loaded.pipeline, self._settings.generate
        steps = wanted.num_inference_steps
        guided = steps_of(wanted.guidance_interval[1], steps)
        with_depth = 0 if track is None else steps_of(wanted.control_guidance_end, steps)
        guides = self._guides(with_depth, guided, size, track is not None)
        with guides.applied(), finite_calls(pipeline.transformer, lambda: guides.told_step(steps)), torch.no_grad():
            video = pipeline(
                prompt_embeds=embeds[0], negative_prompt_embeds=embeds[1] if guided else None,
                height=wanted.height_px, width=wanted.width_px, num_inference_steps=steps, output_type="np",
                guidance_scale=wanted.guidance_scale if guided else 1.0,
                generator=torch.Generator().manual_seed(shot.seed), callback_on_step_end=guides.after_step,
                **self._conditions(track, tokens, size))
        return video.frames[0]

    @abstractmethod
    def _guides(self, structure_steps: int, guided_steps: int, size: tuple[int, int, int], given: bool) -> Guides:
        """Return what ends depth and guidance early; `given`: there is depth."""

    @abstractmethod
    def _conditions(
        self, track: Float32 | None, tokens: Sequence[CharacterToken], size: tuple[int, int, int]
    ) -> dict[str, Any]:
        """Return what the family's pipeline takes for depth and pictures, and the number of frames."""


class Guides(ABC):
    """Depth and guidance that end before the last step, in a pipeline that knows neither."""

    def __init__(self, pipeline: Any, structure_steps: int, guided_steps: int, size: tuple[int, int, int]) -> None:
        """Take how many of the first steps have structure and guidance, and (T, H, W) of the clip."""
        self._pipeline, self._size = pipeline, size
        self._structure_steps, self._guided_steps = structure_steps, guided_steps
        self._step = 0

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Take the depth out of the conditioning of later steps; a character's pictures stay in it."""
        hook = self._pipeline.transformer.register_forward_pre_hook(self._before_call, with_kwargs=True)
        try:
            yield
        finally:
            hook.remove()

    def after_step(self, pipeline: Any, step: int, timestep: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Count the steps; end guidance, which the pipeline asks for at each."""
        self._step = step + 1
        if self._step >= self._guided_steps:
            pipeline._guidance_scale = 1.0
        return {}

    def told_step(self, steps: int) -> str:
        """Return the present step of so many, for people."""
        return f"step {self._step + 1} of {steps}"

    def _before_call(self, module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
        if self._step < self._structure_steps:
            return None
        return args, kwargs | self.without_depth(kwargs)

    @abstractmethod
    def without_depth(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return what to change in the arguments of the transformer so that there is no depth in them."""


def frames_drawn(wanted: int, step: int) -> int:
    """Return the number of frames, k × step + 1, that covers so many."""
    return -(-(wanted - 1) // step) * step + 1


def depth_pictures(track: Float32) -> list[Any]:
    """Return inverse depth (T, H, W) as T grey pictures, white is nearest."""
    from PIL import Image

    return [Image.fromarray(np.repeat(np.rint(frame * 255).astype(np.uint8)[..., None], 3, axis=2)) for frame in track]
