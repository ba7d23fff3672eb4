"""The objective is the scheduler's own."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler
from tolerance import assert_close

from storyanim.errors import ModelError
from storyanim.personalize.objective import Objective, masked_mse


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_perfect_prediction_gives_the_latents_back(kind: str) -> None:
    scheduler = DDIMScheduler(prediction_type=kind, clip_sample=False)
    latents, noise = torch.randn(2, 3, 1, 4, 4), torch.randn(2, 3, 1, 4, 4)
    timesteps = torch.tensor([50, 600])
    noisy, target = Objective(scheduler).noisy_and_target(latents, timesteps, noise)
    assert_close(noisy, scheduler.add_noise(latents, noise, timesteps))
    scheduler.set_timesteps(20)
    for i, timestep in enumerate(timesteps):
        assert torch.allclose(scheduler.step(target[i], timestep, noisy[i]).pred_original_sample, latents[i], atol=1e-3)


@pytest.mark.parametrize("scheduler", [FlowMatchEulerDiscreteScheduler(), DDIMScheduler(prediction_type="flow")])
def test_other_objectives_are_refused(scheduler: object) -> None:
    with pytest.raises(ModelError):
        Objective(scheduler)


def test_cells_of_no_weight_do_not_count() -> None:
    predicted, target = torch.zeros(2, 1, 1, 2, 2), torch.ones(2, 1, 1, 2, 2)
    target[0, ..., 0] = 100
    weight = torch.ones(2, 2, 2)
    weight[0, :, 0] = 0
    assert masked_mse(predicted, target, weight).tolist() == [1, 1]


def test_a_view_without_the_character_teaches_nothing() -> None:
    predicted, target = torch.ones(2, 4, 1, 3, 3), torch.zeros(2, 4, 1, 3, 3)
    weight = torch.stack([torch.zeros(3, 3), torch.ones(3, 3)])
    assert masked_mse(predicted, target, weight).tolist() == [0, 1]
