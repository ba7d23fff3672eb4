"""Monocular depth by transformers' DPT (MiDaS 3; Ranftl et al. 2021), plain or hybrid."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from storyanim import hub
from storyanim.artifacts import DepthTrack, Float32, Frames, UInt8
from storyanim.config import ModelRef, Settings
from storyanim.depth.scale import scale_clip
from storyanim.device import choose_device, leave_device, one_thread_if_small, within_memory
from storyanim.stages import DepthEstimator

# The first fusion layer has no residual input, so that published checkpoints lack its first residual block.
_UNUSED_WEIGHTS = r"fusion_stage\.layers\.0\.residual_layer1\."


class DptEstimator:
    """A DepthEstimator on `DPTForDepthEstimation` and the image processor of its repository."""

    def __init__(self, ref: ModelRef, batch_size: int = 8, percentile: float = 0.5) -> None:
        """Take settings; the model is loaded at first use.

        Args:
            ref: the repository.
            batch_size: frames at once; does not change the result.
            percentile: of the clip's values that is cut off at each end before scaling, see `scale_clip`.
        """
        self.ref = ref
        self.batch_size = batch_size
        self.percentile = percentile

    @cached_property
    def fingerprint(self) -> str:
        """Network, weights and scaling."""
        return f"dpt:{hub.fingerprint(self.ref)}:{self.percentile:g}"

    def estimate(self, frames: Frames) -> DepthTrack:
        """Return the depth at the size of the frames; a still picture is a clip of one. Raises ModelError."""
        with one_thread_if_small(self.ref):
            self._model.to(choose_device())
            raw = within_memory(lambda size: self._all_inverse_depth(frames.rgb, size), self.batch_size,
                                self._model, "depth")                                        # (T, H, W)
        return DepthTrack(scale_clip(raw, self.percentile), frames.fps)

    def leave_device(self) -> None:
        """Make room on the device; the next call comes back."""
        leave_device(self.__dict__.get("_model"))

    def _all_inverse_depth(self, rgb: UInt8, batch_size: int) -> Float32:           # (T, H, W, 3) → (T, H, W)
        batches = [rgb[i:i + batch_size] for i in range(0, len(rgb), batch_size)]
        return np.concatenate([self._inverse_depth(batch) for batch in batches])

    def _inverse_depth(self, rgb: UInt8) -> Float32:                                # (B, H, W, 3) → (B, H, W)
        import torch

        inputs = self._processor(images=list(rgb), input_data_format="channels_last", return_tensors="pt")
        with torch.inference_mode():
            pixels = inputs["pixel_values"].to(self._model.device)
            predicted = self._model(pixels).predicted_depth   # (B, h, w)
            resized = torch.nn.functional.interpolate(
                predicted[:, None], size=rgb.shape[1:3], mode="bicubic", align_corners=False
            )
        array: Float32 = resized[:, 0].float().cpu().numpy()
        return array

    @cached_property
    def _model(self) -> Any:
        return hub.load_transformer(
            self.ref, "DPTForDepthEstimation", model_type="dpt", spare=_UNUSED_WEIGHTS
        )

    @cached_property
    def _processor(self) -> Any:
        from transformers import AutoImageProcessor

        with hub.map_model_errors(self.ref):
            return AutoImageProcessor.from_pretrained(hub.locate(self.ref))


def build_depth_estimator(settings: Settings) -> DepthEstimator:
    """Return the depth estimator of a profile; its model is loaded at first use."""
    return DptEstimator(settings.models.depth, settings.depth.batch_size, settings.depth.percentile)
