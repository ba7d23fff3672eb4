"""Pictures beside stored arrays, so that a run folder can be looked at."""

from __future__ import annotations

import io

import numpy as np

from storyanim.artifacts import DepthTrack, Frames, UInt8

NUM_SHOWN = 8
HEIGHT_PX = 128
GAP_PX = 4


def strip_of_frames(frames: Frames) -> bytes:
    """Up to eight frames, evenly spread, side by side, as PNG."""
    return _strip(frames.rgb)


def strip_of_depth(depth: DepthTrack) -> bytes:
    """Up to eight frames of inverse depth in grey, white is nearest, as PNG."""
    grey = np.rint(depth.inverse_depth * 255).astype(np.uint8)               # (T, H, W)
    return _strip(grey)


def _strip(images: UInt8) -> bytes:
    """(T, H, W) or (T, H, W, 3) → PNG bytes, each frame 128 pixels high, with see-through gaps between them."""
    from PIL import Image

    chosen = np.unique(np.linspace(0, len(images) - 1, NUM_SHOWN).round().astype(int))
    width_px = max(1, round(images.shape[2] * HEIGHT_PX / images.shape[1]))
    strip = Image.new("RGBA", (len(chosen) * (width_px + GAP_PX) - GAP_PX, HEIGHT_PX))
    for place, index in enumerate(chosen):
        picture = Image.fromarray(images[index]).resize((width_px, HEIGHT_PX), Image.Resampling.LANCZOS)
        strip.paste(picture.convert("RGBA"), (place * (width_px + GAP_PX), 0))
    buffer = io.BytesIO()
    strip.save(buffer, "PNG")
    return buffer.getvalue()
