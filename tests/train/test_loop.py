"""Batches made ahead: the same ones in the same order, from a thread or from several processes."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from storyanim.train.loop import Batch, make_batches


class Numbers:
    """A stage whose batches are random numbers; it fails at the step that is asked for."""

    name = "numbers"

    def __init__(self, broken: bool = False) -> None:
        self.network, self.broken = nn.Linear(1, 1), broken

    def batch(self, rng: np.random.Generator) -> Batch:
        if self.broken:
            raise OSError("the disk is gone")
        return {"x": torch.from_numpy(rng.standard_normal(3))}

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        return batch["x"].sum(), {}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.network.parameters())}]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_batch_depends_on_the_seed_and_its_step_alone(workers: int) -> None:
    with make_batches(Numbers(), 5, 2, workers=workers) as batches:
        found = [batch["x"].numpy() for batch in islice(batches, 7)]
    for step, values in enumerate(found, start=2):
        np.testing.assert_array_equal(values, np.random.default_rng([5, step]).standard_normal(3))


@pytest.mark.parametrize("workers", [0, 2])
def test_what_goes_wrong_in_making_them_is_told(workers: int) -> None:
    with pytest.raises(OSError, match="the disk is gone"), make_batches(Numbers(broken=True), 5, 0, workers=workers) as batches:
        next(iter(batches))
