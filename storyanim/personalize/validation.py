"""Which step of training a character keeps, by views of its pictures that are not trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from storyanim.personalize.trainer import TrainState

_MIN_STEP_SHARE = 0.5                                # of the steps: no earlier state is kept


class BestCheckpoint:
    """Validation losses while a character is trained, and the best state so far.

    The views are other crops of the pictures that are trained on: their losses rise when training goes
    astray, not when the character is tied to its surroundings; that is what the report's drawings are for.
    """

    def __init__(self, state: TrainState, num_steps: int, num_validations: int, num_losses: int) -> None:
        """Hold a copy of the state.

        Args:
            state: what is trained.
            num_steps: of the whole training.
            num_validations: spread evenly, and one more before the first step; 0: none at all.
            num_losses: M, of each validation.
        """
        self._state, self._num_steps = state, num_steps
        self.steps: tuple[int, ...] = ()
        if num_validations and num_losses:
            spread = {round(num_steps * k / num_validations) for k in range(num_validations + 1)}
            self.steps = tuple(sorted(spread))
        self.losses = torch.full((len(self.steps), num_losses), torch.nan)                        # (K, M)
        self._best_row = torch.full((1,), -1)
        self._best: dict[str, Tensor] = {}
        if self.steps:
            self._best = {name: tensor.detach().cpu().clone() for name, tensor in state.token_tensors.items()}

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint on disk holds of it."""
        best = {f"best.{name}": tensor for name, tensor in self._best.items()}
        return {"validation_losses": self.losses, "best_row": self._best_row, **best}

    @property
    def curve(self) -> list[tuple[int, float]]:
        """(steps done, mean loss) of each validation so far."""
        means = self.losses.mean(dim=1).tolist()
        return [(step, mean) for step, mean in zip(self.steps, means, strict=True) if mean == mean]

    def record(self, step: int, losses: Tensor) -> None:
        """Take the losses (M) after `step` steps, one of `steps`, and the state when it is the best."""
        row, best = self.steps.index(step), int(self._best_row)
        self.losses[row] = losses
        least = self.losses[best].mean() if best >= 0 else torch.tensor(torch.inf)
        if step < _MIN_STEP_SHARE * self._num_steps or not bool(losses.mean() < least):
            return
        self._best_row.fill_(row)
        for name, tensor in self._state.token_tensors.items():
            self._best[name].copy_(tensor.detach())

    def restore_best(self) -> int:
        """Put the best state back when it surely beats the last one; return the step that is kept.

        Surely: by more than the standard error of the difference, view by view and timestep by timestep.
        """
        best = int(self._best_row)
        if best in {-1, len(self.steps) - 1}:
            return self._num_steps
        worse = self.losses[-1] - self.losses[best]                                               # (M)
        if not bool(worse.mean() > worse.std(correction=0) / len(worse) ** 0.5):
            return self._num_steps
        with torch.no_grad():
            for name, tensor in self._state.token_tensors.items():
                tensor.copy_(self._best[name])
        return self.steps[best]
