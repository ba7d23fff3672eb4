"""Frozen in Time's video side over again: float64, token by token, with loops, sharing nothing with the package."""

from __future__ import annotations

import math

import numpy as np
from tiny_frozen import Tiny

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def slow_clip(rgb: np.ndarray, weights: dict[str, np.ndarray], tiny: Tiny) -> np.ndarray:
    """(F, H, W, 3) uint8, the frames that are looked at, to (dim,) of unit length."""
    pixels = [slow_pixels(frame, tiny.image_px) for frame in rgb]
    seen = slow_network(pixels, {name: weight.astype(np.float64) for name, weight in weights.items()}, tiny)
    return seen / math.sqrt(sum(value * value for value in seen))


def slow_pixels(frame: np.ndarray, side_px: int) -> np.ndarray:
    """(H, W, 3) uint8 to (side, side, 3): 256 for the shorter side, its middle 256 squared, then 224, in proportion."""
    crop = round(side_px * 256 / 224)
    height, width, _ = frame.shape
    shorter = min(height, width)
    shape = (int(crop * height / shorter), int(crop * width / shorter))
    image = resized(frame / 255.0, *shape)
    top, left = round((shape[0] - crop) / 2), round((shape[1] - crop) / 2)
    return (resized(image[top:top + crop, left:left + crop], side_px, side_px) - MEAN) / DEVIATION


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear between the four nearest pixel centres."""
    out = np.empty((height, width, 3))
    for row in range(height):
        for column in range(width):
            (y0, y1, dy), (x0, x1, dx) = _between(row, image.shape[0], height), _between(column, image.shape[1], width)
            above = image[y0, x0] * (1 - dx) + image[y0, x1] * dx
            below = image[y1, x0] * (1 - dx) + image[y1, x1] * dx
            out[row, column] = above * (1 - dy) + below * dy
    return out


def slow_network(frames: list[np.ndarray], w: dict[str, np.ndarray], tiny: Tiny) -> np.ndarray:
    """F × (S, S, 3) to (dim,). Token 0 is CLS, the patch p of frame f is 1 + f * places + p."""
    grid, patch = tiny.image_px // tiny.patch_px, tiny.patch_px
    places = grid * grid
    tokens = [w["video_model.cls_token"][0, 0] + w["video_model.pos_embed"][0, 0]]
    for f, frame in enumerate(frames):
        for p in range(places):
            top, left = p // grid * patch, p % grid * patch
            piece = frame[top:top + patch, left:left + patch].transpose(2, 0, 1)
            kernel = w["video_model.patch_embed.proj.weight"]
            token = np.array([np.sum(kernel[d] * piece) for d in range(tiny.width)]) + w["video_model.patch_embed.proj.bias"]
            temporal = w["video_model.temporal_embed"][0]
            tokens.append(token + w["video_model.pos_embed"][0, 1 + p] + (temporal[f] if f < len(temporal) else 0))
    for i in range(tiny.depth):
        tokens = _block(tokens, f"video_model.blocks.{i}", w, tiny.num_heads, len(frames), places)
    return _linear(_norm(tokens[0], "video_model.norm", w), "vid_proj.0", w)


def _block(x: list, name: str, w: dict, heads: int, num_frames: int, places: int) -> list:
    everything = list(range(len(x)))
    in_time, in_space = [everything], [everything]
    for f in range(num_frames):
        for p in range(places):
            in_time.append([0, *(1 + g * places + p for g in range(num_frames))])
            in_space.append([0, *(1 + f * places + q for q in range(places))])
    looked = _attention([_norm(token, f"{name}.norm3", w) for token in x], f"{name}.timeattn", w, heads, in_time)
    t = [token + more for token, more in zip(x, looked, strict=True)]
    looked = _attention([_norm(token, f"{name}.norm1", w) for token in t], f"{name}.attn", w, heads, in_space)
    s = [token + more for token, more in zip(x, looked, strict=True)]
    return [token + _mlp(_norm(token, f"{name}.norm2", w), f"{name}.mlp", w) for token in s]


def _attention(x: list, name: str, w: dict, heads: int, sees: list[list[int]]) -> list:
    width = len(x[0])
    size = width // heads
    found = [_linear(token, f"{name}.qkv", w) for token in x]
    out = []
    for i, others in enumerate(sees):
        parts = []
        for head in range(heads):
            here = slice(head * size, (head + 1) * size)
            query = found[i][:width][here] / math.sqrt(size)
            logits = [float(query @ found[j][width:2 * width][here]) for j in others]
            powers = [math.exp(logit - max(logits)) for logit in logits]
            parts.append(sum(power / sum(powers) * found[j][2 * width:][here] for power, j in zip(powers, others, strict=True)))
        out.append(_linear(np.concatenate(parts), f"{name}.proj", w))
    return out


def _mlp(x: np.ndarray, name: str, w: dict) -> np.ndarray:
    inner = np.array([value * 0.5 * (1 + math.erf(value / math.sqrt(2))) for value in _linear(x, f"{name}.fc1", w)])
    return _linear(inner, f"{name}.fc2", w)


def _linear(x: np.ndarray, name: str, w: dict) -> np.ndarray:
    return w[f"{name}.weight"] @ x + w[f"{name}.bias"]


def _norm(x: np.ndarray, name: str, w: dict) -> np.ndarray:
    centred = x - x.mean()
    return centred / math.sqrt((centred * centred).mean() + 1e-6) * w[f"{name}.weight"] + w[f"{name}.bias"]


def _between(place: int, old: int, new: int) -> tuple[int, int, float]:
    at = max(0.0, (place + 0.5) * old / new - 0.5)
    first = min(int(at), old - 1)
    return first, min(first + 1, old - 1), at - first
