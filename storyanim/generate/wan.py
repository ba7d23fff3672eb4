"""Draws shots with Wan-VACE (arXiv 2503.07598): depth as a video, a character as pictures in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from storyanim.artifacts import CharacterToken, Float32
from storyanim.generate.clip_transformer import ClipTransformerGenerator, Guides, depth_pictures


class WanGenerator(ClipTransformerGenerator):
    """Text, depth and characters' pictures to frames."""

    family, version, frames_step = "wan_vace", 1, 4

    def _max_words(self, pipeline: Any) -> int:
        return 512                                   # as in the pipeline's own call

    def _guides(self, structure_steps: int, guided_steps: int, size: tuple[int, int, int], given: bool) -> Guides:
        # without a video the pipeline itself says that there is none
        return _WanGuides(self._loaded.pipeline, structure_steps if given else 2**31, guided_steps, size)

    def _conditions(
        self, track: Float32 | None, tokens: Sequence[CharacterToken], size: tuple[int, int, int]
    ) -> dict[str, Any]:
        from PIL import Image

        pictures = [Image.fromarray(picture) for token in tokens for picture in token.pictures]
        return {"video": None if track is None else depth_pictures(track), "reference_images": pictures or None,
                "conditioning_scale": self._settings.generate.conditioning_scale, "num_frames": size[0]}


class _WanGuides(Guides):
    _neutral: Any = None

    def without_depth(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        given = kwargs["control_hidden_states"]                              # (1, 96, t, h, w), pictures first
        neutral = self._no_video(given)
        without = given.clone()
        without[:, :neutral.shape[1], -neutral.shape[2]:] = neutral
        return {"control_hidden_states": without}

    def _no_video(self, given: Any) -> Any:
        """Return the latents (1, 32, t, h, w) by which the pipeline says that there is no video."""
        if self._neutral is None:
            import torch

            nothing = torch.zeros(1, 3, *self._size, device=given.device)
            made = self._pipeline.prepare_video_latents(nothing, torch.ones_like(nothing), [[]], None, given.device)
            self._neutral = made.to(given.dtype)
        return self._neutral
