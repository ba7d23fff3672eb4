"""LoRAs where their entity is: W x + Σ m_i · B_i A_i x, m_i in {0, 1}, in a U-Net whose shot has regions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


def reads_text(name: str) -> bool:
    """Tell whether a layer of this name belongs to cross-attention; motion layers have an `attn2` without text."""
    return ".attn2." in f"{name}." and "motion_modules" not in name


def lora_hooks(unet: Any, attention: Any) -> Iterator[Any]:
    """Let each LoRA act on the cells and the texts of its regions only; yield the hooks, to be removed.

    Args:
        unet: with peft's layers, of which the second half is masked.
        attention: a RegionAttention.
    """
    worn_by = attention.worn_by
    for name, module in unet.named_modules() if worn_by else ():
        adapters = getattr(module, "lora_B", None)
        if adapters is None:
            continue
        of_text = reads_text(name) and name.rsplit(".", 1)[-1] in {"to_k", "to_v"}
        for adapter, texts in worn_by.items():
            if adapter in adapters:
                mask = (_temporal_lora_mask(attention, tuple(texts)) if "motion_modules" in name
                        else _lora_mask(attention, tuple(texts), of_text=of_text))
                yield adapters[adapter].register_forward_hook(mask)


def _lora_mask(attention: Any, texts: tuple[int, ...], *, of_text: bool) -> Any:
    def hook(module: Any, args: Any, output: Tensor) -> Tensor:
        if of_text:                                  # (B × T, texts × L, C)
            length = output.shape[1] // len(attention.texts)
            worn = torch.isin(attention.texts, torch.tensor(texts)).repeat_interleave(length)[None]
        else:
            count = output.shape[1] if output.ndim == 3 else output.shape[2] * output.shape[3]
            worn = torch.isin(attention.cells(count), torch.tensor(texts))                      # (T, h × w)
            worn = worn.repeat(len(output) // len(worn), 1)
        mask = worn.to(output)
        return output * (mask[..., None] if output.ndim == 3 else mask.view(len(output), 1, *output.shape[2:]))

    return hook


def _temporal_lora_mask(attention: Any, texts: tuple[int, ...]) -> Any:
    """Mask a layer of a motion module, which sees each cell over time, (B × h × w, T, C).

    Of a long shot it sees a window at a time, whose place in the shot it does not know: there a LoRA acts
    where its region ever is.
    """
    found: dict[tuple[int, int], Tensor] = {}

    def hook(module: Any, args: Any, output: Tensor) -> Tensor:
        rows, num_frames, _ = output.shape
        if (rows, num_frames) not in found:
            worn = torch.isin(attention.cells(rows // attention.batch), torch.tensor(texts)).T      # (h × w, T)
            if num_frames != worn.shape[1]:
                worn = worn.any(dim=1, keepdim=True)
            found[rows, num_frames] = worn.repeat(rows // len(worn), 1)[..., None]
        return output * found[rows, num_frames].to(output)

    return hook
