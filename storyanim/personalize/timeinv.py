"""TimeInv: the table V, one token embedding a diffusion timestep, while it is learned (AaS 3.3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from storyanim.config import PersonalizeSettings
from storyanim.errors import CharacterError


class TimeInvTable(nn.Module):
    """The rows that are learned, and how the whole table comes of them.

    Args:
        start: (d), what every row starts from.
        timesteps: (R), rising: the timesteps that are learned at; each has a row of its own.
        num_train_timesteps: T, the length of the whole table.
        knots: (K), rising: only these timesteps have rows then, and those between are mixed of two. One knot is one
            embedding for all.
    """

    def __init__(self, start: Tensor, timesteps: Tensor, num_train_timesteps: int, knots: Tensor | None = None) -> None:
        super().__init__()
        rows = len(timesteps) if knots is None else len(knots)
        self.weight = nn.Parameter(start.detach().float().repeat(rows, 1))                        # (R or K, d)
        self.num_train_timesteps = num_train_timesteps
        self.register_buffer("knots", None if knots is None else knots.clone())
        self.register_buffer("timesteps", timesteps.clone())                                      # (R)
        self.register_buffer("drawn", torch.zeros(len(timesteps), dtype=torch.bool))              # rows that were learned

    def rows(self, places: Tensor) -> Tensor:
        """(N) places in `timesteps` → (N, d); only the rows that these come of get a gradient."""
        return self.weight[places] if self.knots is None else self._mixed(self.timesteps[places])

    def mark(self, places: Tensor) -> None:
        """Notes that a step learned the rows at these places."""
        self.drawn[places] = True

    @torch.no_grad()
    def full(self) -> Tensor:
        """V, (T, d) on the CPU: a timestep that was never drawn has the row of the nearest one that was (of two, the earlier)."""
        if self.knots is not None:
            return self._mixed(torch.arange(self.num_train_timesteps, device=self.knots.device)).detach().float().cpu()
        learned = self.drawn if bool(self.drawn.any()) else torch.ones_like(self.drawn)
        known = self.timesteps[learned]
        far = (torch.arange(self.num_train_timesteps, device=known.device)[:, None] - known[None]).abs()
        return self.weight[learned][far.argmin(dim=1)].detach().float().cpu()

    def _mixed(self, timesteps: Tensor) -> Tensor:
        """(N) timesteps → (N, d) between their two knots; beyond the outer ones, the outer ones."""
        after = torch.searchsorted(self.knots, timesteps).clamp(1, max(1, len(self.knots) - 1))
        before = after - 1
        after = after.clamp(max=len(self.knots) - 1)
        low, high = self.knots[before], self.knots[after]
        share = ((timesteps - low) / (high - low).clamp(min=1)).clamp(0, 1)[:, None].to(self.weight.dtype)
        return torch.lerp(self.weight[before], self.weight[after], share)


def make_table(wanted: PersonalizeSettings, start: Tensor, grid: Tensor, num_train_timesteps: int) -> TimeInvTable:
    """The table that the settings ask for.

    Args: start: (d), embedding of the word to start from. grid: (R), the timesteps of a drawing.
    """
    timesteps = grid if wanted.inference_timesteps_only else torch.arange(num_train_timesteps)
    if wanted.table_rows == "all":
        return TimeInvTable(start, timesteps, num_train_timesteps)
    if wanted.table_rows == "knots":
        knots = torch.linspace(0, num_train_timesteps - 1, wanted.num_knots).round().long()
        return TimeInvTable(start, timesteps, num_train_timesteps, knots)
    if wanted.table_rows == "none":                  # as long as a word's, in a direction that no word has
        random = torch.randn(start.shape, generator=torch.Generator().manual_seed(wanted.seed))
        start = random.to(start) * (start.norm() / random.norm())
    table = TimeInvTable(start, timesteps, num_train_timesteps, torch.zeros(1, dtype=torch.long))
    return table.requires_grad_(wanted.table_rows == "one")


def sampling_grid(scheduler: Any, num_inference_steps: int) -> Tensor:
    """The timesteps at which a shot is drawn, rounded as at inference, rising, each once. (R) long."""
    own = type(scheduler).from_config(scheduler.config)
    own.set_timesteps(num_inference_steps)
    rounded = own.timesteps.detach().cpu().float().round().long()
    return rounded.clamp(0, scheduler.config.num_train_timesteps - 1).unique()


def word_embedding(tokenizer: Any, text_encoder: Any, word: str) -> Tensor:
    """The mean of a word's token embeddings, (d). Raises CharacterError when it has no tokens."""
    ids = tokenizer(word, add_special_tokens=False).input_ids
    if not ids:
        raise CharacterError(f"the model has no word for {word!r}", hint="give a plain noun, such as bear")
    embedding = text_encoder.get_input_embeddings().weight
    return embedding[torch.tensor(ids, device=embedding.device)].detach().float().mean(dim=0)
