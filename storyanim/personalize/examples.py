"""What is trained on: latents, depth and captions of pictures, and of clips of their kind (AaS 3.3).

All of it is computed once. A picture stands for a clip in which nothing moves, with its own static depth, so
that the structure branch explains the stillness and the token need not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from storyanim import video
from storyanim.artifacts import Character, ClipMatch, Float32, Frames, UInt8
from storyanim.config import Settings
from storyanim.personalize.foreground import foreground, surroundings
from storyanim.personalize.images import load_image
from storyanim.personalize.views import KINDS, PHOTO_SCALE, PLAIN, View, make_view
from storyanim.stages import DepthEstimator

VIEWS = 16                                           # of each picture
MAX_HELD_OUT_VIEWS = 8                                    # pictures that have a further view, not trained on
_VAE_BATCH = 8                                         # pictures in one call of the VAE


@dataclass(frozen=True, eq=False)
class Example:
    """One clip to train on; T is 1 for a static one."""

    latents: Tensor                                  # (T, C, h, w) float32
    inverse_depth: Tensor                            # (T, H, W) float16 in [0, 1]
    weight: Tensor                                   # (h, w) float32: share of each cell that counts
    captions: tuple[str, ...]                        # any of them fits
    held_out: bool = False                           # for validation alone


class ExampleMaker:
    """Pictures and clips to examples, with the pipeline's VAE and the depth estimator."""

    def __init__(self, pipeline: Any, depth: DepthEstimator, settings: Settings) -> None:
        self._pipeline, self._depth = pipeline, depth
        self._size_px = settings.generate.width_px, settings.generate.height_px
        self._fps, self._num_frames = settings.generate.fps, settings.personalize.num_frames
        self._held_out = MAX_HELD_OUT_VIEWS if settings.personalize.num_validations else 0
        self._seed = settings.personalize.seed
        self._background_loss_weight = settings.personalize.background_loss_weight

    def of_character(self, character: Character, contexts: Sequence[str] = ()) -> Iterator[Example]:
        """Yield `VIEWS` examples of each picture, in order; of the first pictures one more each, held out.

        Args:
            character: with its pictures.
            contexts: what such characters do and where, see `contexts_of`. Half of the captions get one,
                whatever the picture shows, since the loss hardly sees what is around the character. Else the
                token would only mean something in sentences that say nothing else, and in a story's sentences
                the character would look as the class clips do.

        Raises CharacterError when a picture is gone or broken.
        """
        name = f"{character.token} {character.noun}"
        for number, path in enumerate(character.images):
            rng = np.random.default_rng([self._seed, number])
            views = self._views(path, number, rng)
            latents_of = encode_latents(self._pipeline.vae, np.stack([view.rgb for view in views]))
            for place, (view, latents) in enumerate(zip(views, latents_of, strict=True)):
                captions = [caption.format(name) for caption in view.kind.captions]
                if contexts and place < VIEWS:
                    drawn = [contexts[int(rng.integers(len(contexts)))] for _ in captions]
                    captions += [f"{caption} {more}" for caption, more in zip(captions, drawn, strict=True)]
                yield Example(latents[None], _half(view.inverse_depth[None]), _cells(view.weight, latents),
                              tuple(captions), held_out=place == VIEWS)

    def of_clips(self, clips: Sequence[ClipMatch], character: Character) -> Iterator[Example]:
        """Yield examples of each clip: as many frames from its middle as a static clip has, as they are.

        Where the loss hardly sees what is around the character in its pictures, these clips teach it: a
        second example has the character's name in the caption and counts only what is around the clip's own
        figure. Else the token would bend the scene to whatever it likes. Raises VideoError.
        """
        for clip in clips:
            frames = self._frames(clip)
            inverse_depth = self._depth.estimate(frames).inverse_depth
            latents = encode_latents(self._pipeline.vae, frames.rgb)
            captions = (clip.caption or f"a {character.noun}",)
            example = Example(latents, _half(inverse_depth), torch.ones(latents.shape[-2:]), captions)
            yield example
            if self._background_loss_weight < 1 and (named := _named(clip.caption, character)):
                around = np.min([surroundings(frame) for frame in inverse_depth], axis=0)         # (H, W)
                if around.any():
                    yield replace(example, weight=_cells(around, latents), captions=(named,))

    def _views(self, path: Path, number: int, rng: np.random.Generator) -> list[View]:
        """Return `VIEWS` views of a picture; of the first pictures one more, to hold out."""
        width_px, height_px = (round(side * PHOTO_SCALE) for side in self._size_px)
        photo = load_image(path, width_px, height_px)
        inverse_depth = self._depth.estimate(Frames(photo[None], self._fps)).inverse_depth[0]  # (H', W')
        background = self._background_loss_weight
        weight = background + (1 - background) * foreground(inverse_depth)
        kinds = [(KINDS[k % len(KINDS)], rng) for k in range(VIEWS)]
        if number < self._held_out:                  # with an rng of its own: the others stay the same
            kinds.append((PLAIN, np.random.default_rng([self._seed, number, VIEWS])))
        return [make_view(photo, inverse_depth, weight, self._size_px, kind, own) for kind, own in kinds]

    def _frames(self, clip: ClipMatch) -> Frames:
        middle_s, half_s = (clip.start_s + clip.end_s) / 2, self._num_frames / self._fps / 2
        start_s = max(clip.start_s, middle_s - half_s)
        found = video.read(clip.path, start_s=start_s, end_s=start_s + 2 * half_s, fps=self._fps,
                           max_frames=self._num_frames)
        rgb = np.stack([_fitted(frame, self._size_px) for frame in found.rgb])
        held = np.minimum(np.arange(self._num_frames), len(rgb) - 1)   # a short clip stops at its end
        return Frames(rgb[held], self._fps)


def encode_latents(vae: Any, rgb: UInt8) -> Tensor:
    """Return (N, C, h, w) float32 on the CPU, scaled as the U-Net knows them, of (N, H, W, 3) uint8."""
    parts = []
    for first in range(0, len(rgb), _VAE_BATCH):
        batch = torch.from_numpy(rgb[first:first + _VAE_BATCH]).to(vae.device).permute(0, 3, 1, 2)
        pixels = batch.to(vae.dtype) / 127.5 - 1
        with torch.no_grad():
            coded = vae.encode(pixels)
        latents = coded.latent_dist.mode() if hasattr(coded, "latent_dist") else coded.latents
        parts.append((latents - (vae.config.get("shift_factor") or 0.0)) * vae.config.scaling_factor)
    return torch.cat(parts).float().cpu()


def contexts_of(clips: Sequence[ClipMatch], noun: str) -> tuple[str, ...]:
    """Return what captions say after the noun, each once: of "a red bear walking at sea" "walking at sea"."""
    tails = (clip.caption.partition(f" {noun} ")[2].strip() for clip in clips)
    return tuple(dict.fromkeys(tail for tail in tails if tail))


def _named(caption: str, character: Character) -> str:
    """Return a caption with the character for its noun: "a <bo> bear walking at sea"; "" without the noun."""
    _, noun, tail = caption.partition(f" {character.noun} ")
    return f"a {character.token}{noun}{tail}" if noun else ""


def _cells(weight: Float32, latents: Tensor) -> Tensor:
    """Return the mean of each latent cell (h, w) of a weight (H, W) a pixel."""
    return torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(weight)[None], latents.shape[-2:])[0]


def _fitted(frame: UInt8, size_px: tuple[int, int]) -> UInt8:
    from PIL import Image, ImageOps

    return np.asarray(ImageOps.fit(Image.fromarray(frame), size_px, Image.Resampling.LANCZOS), np.uint8)


def _half(inverse_depth: Float32) -> Tensor:
    return torch.from_numpy(inverse_depth).half()    # 200 clips of 4 frames of 512 x 512 are 0.4 GB
