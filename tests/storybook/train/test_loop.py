"""Batches made ahead: the same ones in the same order, from a thread or from several processes."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from storybook.train.loop import Batch, LoopOptions, LoopState, make_batches, schedule, train


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


class Squares:
    """A stage of two kinds of batches, for a GPU to record."""

    name = "squares"

    def __init__(self, recordable: bool, device: str) -> None:
        torch.manual_seed(3)
        self.network: nn.Module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).to(device)
        self.recordable, self.device = recordable, device

    def batch(self, rng: np.random.Generator) -> Batch:
        return {"x": torch.from_numpy(rng.standard_normal((2 + rng.integers(2), 4), np.float32))}

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, Any]]:
        x = batch["x"].to(self.device)
        loss = (self.network(x) - x.sum(1, keepdim=True)).square().mean()
        return loss, {"again": loss.detach()}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.network.parameters())}]


def learned(stage: Squares, folder: Path, steps: int = 60) -> tuple[list[float], torch.Tensor]:
    told: list[float] = []

    def watch(done: float, state: LoopState, figures: dict[str, float]) -> None:
        assert figures["again"] == figures["loss"]
        told.append(figures["loss"])

    options = LoopOptions(steps=steps, learning_rate=0.05, device=stage.device, workers=1)
    assert train(stage, options, folder, watch=watch).step == steps
    return told, torch.cat([weight.detach().cpu().flatten() for weight in stage.network.parameters()])


def test_the_loss_falls_and_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    losses, whole = learned(Squares(False, "cpu"), tmp_path / "whole")
    assert losses[-1] < losses[0]
    more, _ = learned(Squares(False, "cpu"), tmp_path / "whole", steps=80)
    assert len(more) == 1
    again, twice = learned(Squares(False, "cpu"), tmp_path / "other")
    assert again == losses
    assert torch.equal(twice, whole)


class Convolved(Squares):
    """Weights of four dimensions, as they lie in channels-last networks."""

    def __init__(self, stop: int | None = None) -> None:
        super().__init__(False, "cpu")
        layers = nn.Conv2d(4, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 4, 3, padding=1)
        self.network = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.left = stop

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, Any]]:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left = self.left and self.left - 1
        pictures = batch["x"][:, :, None, None].expand(-1, -1, 3, 3)
        loss = (self.network(pictures) - pictures.flip(1)).square().mean()
        return loss, {"again": loss.detach()}


def test_a_stopped_training_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    options = LoopOptions(steps=9, learning_rate=0.05, device="cpu", checkpoint_every_s=0.0)
    whole = Convolved()
    train(whole, options, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(Convolved(stop=4), options, tmp_path / "stopped")
    resumed = Convolved()
    assert train(resumed, options, tmp_path / "stopped").step == 9
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], value, msg=name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_recorded_steps_are_the_steps(tmp_path: Path) -> None:
    plain, recorded = (learned(Squares(on, "cuda"), tmp_path / str(on)) for on in (False, True))
    assert recorded[0] == pytest.approx(plain[0], rel=1e-3)
    assert torch.allclose(recorded[1], plain[1], atol=1e-4)


def test_the_rate_stays_at_its_peak_until_it_falls() -> None:
    assert schedule(0.0) < 0.05
    assert schedule(0.5, 0.0) == schedule(0.99, 0.0) == 1.0
    assert schedule(0.89, 0.1) == 1.0
    assert schedule(0.95, 0.1) == pytest.approx(0.51)
    assert schedule(1.0, 0.1) == schedule(1.0) == pytest.approx(0.02)
    assert schedule(0.5) == pytest.approx(0.51)
