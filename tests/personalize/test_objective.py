"""Noise and targets are the scheduler's own."""

from __future__ import annotations

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
)

from storyanim.errors import ModelError
from storyanim.personalize.objective import masked_mse, training_scheduler, training_target


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("rescale", [False, True])
def test_perfect_prediction_gives_the_latents_back(kind: str, rescale: bool) -> None:
    scheduler = DDIMScheduler(prediction_type=kind, clip_sample=False, rescale_betas_zero_snr=rescale)
    latents, noise = torch.randn(2, 3, 1, 4, 4), torch.randn(2, 3, 1, 4, 4)
    timesteps = torch.tensor([50, 600])
    training = training_scheduler(scheduler)
    noisy = training.add_noise(latents, noise, timesteps)
    target = training_target(training, latents, noise, timesteps)
    assert torch.allclose(noisy, scheduler.add_noise(latents, noise, timesteps), atol=1e-6)
    scheduler.set_timesteps(20)
    for i, timestep in enumerate(timesteps):
        assert torch.allclose(scheduler.step(target[i], timestep, noisy[i]).pred_original_sample, latents[i], atol=1e-3)


@pytest.mark.parametrize("cls", [EulerDiscreteScheduler, PNDMScheduler, DPMSolverMultistepScheduler])
def test_noise_is_that_of_the_schedule_whatever_samples(cls: type) -> None:
    ours = training_scheduler(cls(beta_schedule="scaled_linear"))
    assert torch.allclose(ours.alphas_cumprod, DDIMScheduler(beta_schedule="scaled_linear").alphas_cumprod)


@pytest.mark.parametrize("scheduler", [FlowMatchEulerDiscreteScheduler(), DDIMScheduler(prediction_type="flow")])
def test_other_objectives_are_refused(scheduler: object) -> None:
    with pytest.raises(ModelError):
        training_scheduler(scheduler)


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
