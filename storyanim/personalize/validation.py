"""Which step a character keeps, by views of its pictures that nothing is learned from."""

from __future__ import annotations

import torch
from torch import Tensor

from storyanim.personalize.trainer import TrainState

_LEAST_SHARE = 0.5                                   # of the steps: no earlier state is kept


class BestCheckpoint:
    """What the held-out views say while a character is learned, and the best state so far.

    The views are other crops of the pictures that are learned from: their errors rise when learning goes astray, not when
    the character is tied to what it has around it; that is what the report's drawings are for.
    """

    def __init__(self, state: TrainState, num_steps: int, checks: int, num_errors: int) -> None:
        """Args: checks: how often is looked, spread evenly, and once before the first step; 0: never. num_errors: M."""
        self._state, self._num_steps = state, num_steps
        self.steps = tuple(sorted({round(num_steps * k / checks) for k in range(checks + 1)})) if checks and num_errors else ()
        self.errors = torch.full((len(self.steps), num_errors), torch.nan)                        # (K, M)
        self._best_row = torch.full((1,), -1)
        self._best = {name: part.detach().cpu().clone() for name, part in state.kept.items()} if self.steps else {}

    @property
    def parts(self) -> dict[str, Tensor]:
        """What a checkpoint holds of it."""
        best = {f"best.{name}": part for name, part in self._best.items()}
        return {"held_out": self.errors, "best_row": self._best_row, **best}

    @property
    def curve(self) -> list[tuple[int, float]]:
        """(steps done, mean error) as often as was looked."""
        means = self.errors.mean(dim=1).tolist()
        return [(step, mean) for step, mean in zip(self.steps, means, strict=True) if mean == mean]

    def record(self, step: int, errors: Tensor) -> None:
        """Takes the errors (M) after `step` steps, which is one of `steps`, and the state when it is the best."""
        row, best = self.steps.index(step), int(self._best_row)
        self.errors[row] = errors
        least = self.errors[best].mean() if best >= 0 else torch.tensor(torch.inf)
        if step < _LEAST_SHARE * self._num_steps or not bool(errors.mean() < least):
            return
        self._best_row.fill_(row)
        for name, part in self._state.kept.items():
            self._best[name].copy_(part.detach())

    def restore_best(self) -> int:
        """Put the best state back when it beats the last one surely; gives the step that is kept.

        Surely: by more than the standard error of the difference, view by view and timestep by timestep.
        """
        best = int(self._best_row)
        if best in {-1, len(self.steps) - 1}:
            return self._num_steps
        worse = self.errors[-1] - self.errors[best]                                               # (M)
        if not bool(worse.mean() > worse.std(correction=0) / len(worse) ** 0.5):
            return self._num_steps
        with torch.no_grad():
            for name, part in self._state.kept.items():
                part.copy_(self._best[name])
        return self.steps[best]
