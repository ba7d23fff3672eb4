"""Tiny random CLIP repositories."""

from __future__ import annotations

import json
from pathlib import Path

WORDS = ("a", "red", "green", "blue", "square", "bear", "runs", "in", "the", "forest")


def save_tiny_clip(folder: Path, *, image_size: int = 32, projection_dim: int = 16, max_words: int = 12, seed: int = 0) -> Path:
    """A CLIPModel of width 16 with its processor, in the layout of openai/clip-vit-base-patch32."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    torch.manual_seed(seed)
    letters = sorted(set("".join(WORDS)))
    vocab = {token: i for i, token in enumerate([*letters, *(f"{letter}</w>" for letter in letters)])}
    merges = []
    for word in WORDS:                               # each word is merged from the left: r e d</w> → re d</w> → red</w>
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            if (pair := f"{parts[0]} {parts[1]}") not in merges:
                merges.append(pair)
            parts = [parts[0] + parts[1], *parts[2:]]
            vocab.setdefault(parts[0], len(vocab))
    vocab |= {"<|startoftext|>": len(vocab), "<|endoftext|>": len(vocab) + 1}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    narrow = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
              "projection_dim": projection_dim}
    text = narrow | {"vocab_size": len(vocab), "max_position_embeddings": max_words,
                     "bos_token_id": len(vocab) - 2, "eos_token_id": len(vocab) - 1, "pad_token_id": len(vocab) - 1}
    vision = narrow | {"image_size": image_size, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=projection_dim)).save_pretrained(folder)
    size = {"size": {"shortest_edge": image_size}, "crop_size": {"height": image_size, "width": image_size}}
    CLIPProcessor(image_processor=CLIPImageProcessor(**size), tokenizer=tokenizer).save_pretrained(folder)
    return folder
