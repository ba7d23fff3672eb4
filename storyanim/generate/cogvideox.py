"""Draws shots with CogVideoX-Fun's control models (arXiv 2408.06072): depth as a video beside the noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from storyanim.artifacts import CharacterToken, Float32
from storyanim.generate.clip_transformer import ClipTransformerGenerator, Guides, depth_pictures


class CogVideoXGenerator(ClipTransformerGenerator):
    """Text and depth to frames; characters by words alone."""

    # its autoencoder makes 8 k + 1 frames of 2 k + 1, and too many of an even number
    family, version, frames_step = "cogvideox_fun", 1, 8

    def _max_words(self, pipeline: Any) -> int:
        return int(pipeline.transformer.config.max_text_seq_length)

    def _guides(self, structure_steps: int, guided_steps: int, size: tuple[int, int, int], given: bool) -> Guides:
        return _CogVideoXGuides(self._loaded.pipeline, structure_steps, guided_steps, size)

    def _conditions(
        self, track: Float32 | None, tokens: Sequence[CharacterToken], size: tuple[int, int, int]
    ) -> dict[str, Any]:
        # It always wants a video, whose length says how many frames are drawn; without depth no step sees it.
        return {"control_video": depth_pictures(np.zeros(size, np.float32) if track is None else track)}


class _CogVideoXGuides(Guides):
    def without_depth(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        sample = kwargs["hidden_states"].clone()                             # (B, t, 2 C, h, w), the depth's behind
        sample[:, :, sample.shape[2] // 2:] = 0      # as the model saw clips without a control video
        return {"hidden_states": sample}
