"""A tiny random judge."""

from __future__ import annotations

from pathlib import Path


def save_judge(folder: Path, *, seed: int = 0) -> Path:
    import torch

    from storybook.evaluate.judge import save_network
    from storybook.evaluate.network import JudgeNetwork, Shape

    torch.manual_seed(seed)
    save_network(JudgeNetwork(Shape(size_px=32, stem=8, widths=(8, 8, 8, 16), layers=(1, 1, 1, 1), embedding=8)), folder)
    return folder
