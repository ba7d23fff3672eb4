"""Tiny random Frozen in Time models: weights by the published names, written out here and not taken from the network."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "green", "blue", "square", "bear", "run", "##s", "in",
              "the", "forest")


@dataclass(frozen=True)
class Tiny:
    """Sizes of both towers."""

    image_px: int = 16
    patch_px: int = 8
    num_frames: int = 4
    width: int = 16
    depth: int = 2
    num_heads: int = 2
    mlp_width: int = 32
    text_width: int = 8
    text_heads: int = 2
    text_depth: int = 2
    max_words: int = 12
    projection_dim: int = 6

    @property
    def config(self) -> dict[str, object]:
        """What config.json must say."""
        video = {name: value for name, value in asdict(self).items() if not name.startswith(("text", "max", "projection"))}
        text = {"vocab_size": len(VOCABULARY), "max_position_embeddings": self.max_words, "dim": self.text_width,
                "n_layers": self.text_depth, "n_heads": self.text_heads, "hidden_dim": 2 * self.text_width}
        return {"model_type": "frozen_in_time", "projection_dim": self.projection_dim, "video": video, "text": text}


def published_weights(tiny: Tiny, seed: int = 0) -> dict[str, np.ndarray]:
    """Float32 weights by their names in a published state_dict; all are random, those too that begin as zero or one."""
    rng = np.random.default_rng(seed)
    width, places = tiny.width, (tiny.image_px // tiny.patch_px) ** 2
    shapes = {
        "video_model.cls_token": (1, 1, width), "video_model.pos_embed": (1, 1 + places, width),
        "video_model.temporal_embed": (1, tiny.num_frames, width),
        "video_model.patch_embed.proj.weight": (width, 3, tiny.patch_px, tiny.patch_px),
        "video_model.patch_embed.proj.bias": (width,), **_norm("video_model.norm", width),
        **_linear("txt_proj.1", tiny.text_width, tiny.projection_dim), **_linear("vid_proj.0", width, tiny.projection_dim),
    }
    for i in range(tiny.depth):
        block = f"video_model.blocks.{i}"
        for attention in ("attn", "timeattn"):
            shapes |= _linear(f"{block}.{attention}.qkv", width, 3 * width) | _linear(f"{block}.{attention}.proj", width, width)
        for norm in ("norm1", "norm2", "norm3"):
            shapes |= _norm(f"{block}.{norm}", width)
        shapes |= _linear(f"{block}.mlp.fc1", width, tiny.mlp_width) | _linear(f"{block}.mlp.fc2", tiny.mlp_width, width)
    shapes |= _text_shapes(tiny)
    return {name: _random(rng, name, shape) for name, shape in shapes.items()}


def save_tiny_tokenizer(folder: Path) -> Path:
    """The tokenizer of VOCABULARY, as transformers saves it."""
    from transformers import DistilBertTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    DistilBertTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder


def save_tiny_frozen(folder: Path, tiny: Tiny | None = None, seed: int = 0) -> Path:
    """A folder as `storyanim convert frozen-in-time` leaves it."""
    from safetensors.numpy import save_file

    tiny = tiny or Tiny()
    save_tiny_tokenizer(folder)
    save_file(published_weights(tiny, seed), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(tiny.config))
    return folder


def _text_shapes(tiny: Tiny) -> dict[str, tuple[int, ...]]:
    width = tiny.text_width
    shapes: dict[str, tuple[int, ...]] = {
        "text_model.embeddings.word_embeddings.weight": (len(VOCABULARY), width),
        "text_model.embeddings.position_embeddings.weight": (tiny.max_words, width),
        **_norm("text_model.embeddings.LayerNorm", width),
    }
    for i in range(tiny.text_depth):
        layer = f"text_model.transformer.layer.{i}"
        for part in ("q_lin", "k_lin", "v_lin", "out_lin"):
            shapes |= _linear(f"{layer}.attention.{part}", width, width)
        shapes |= _norm(f"{layer}.sa_layer_norm", width) | _norm(f"{layer}.output_layer_norm", width)
        shapes |= _linear(f"{layer}.ffn.lin1", width, 2 * width) | _linear(f"{layer}.ffn.lin2", 2 * width, width)
    return shapes


def _linear(name: str, inner: int, outer: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outer, inner), f"{name}.bias": (outer,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _random(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    scale = 1.0 if len(shape) == 1 or "embed" in name else 1.5 / np.sqrt(np.prod(shape[1:]))
    return rng.normal(0.2, scale, shape).astype(np.float32)
