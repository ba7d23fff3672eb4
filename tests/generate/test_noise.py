"""Which words are a pan, and that the noise moves along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from storyanim.generate.generator import pan_direction


@pytest.mark.parametrize(("prompt", "pan"), [
    ("a red fox dancing on the beach, the camera pans left", 1),
    ("A fox. Panning right over the lake", -1),
    ("the camera slowly pans to the right", -1),
    ("pan slowly towards its left, a bear", 1),
    ("the camera panned left", 1),
    ("a bear with a frying pan, left alone", 0),
    ("a panda right at the lake", 0),
    ("the camera comes closer", 0),
    ("a bear that is looking left", 0),
    ("", 0),
])
def test_words(prompt: str, pan: int) -> None:
    assert pan_direction(prompt) == pan


class TestNoise:
    def noise(self, tmp_path: Path, shift: float, shared: float = 0.999, num_frames: int = 9) -> torch.Tensor:
        pipeline = tiny.story_pipeline(tmp_path)
        shape = (1, num_frames, 256, 256)
        return pipeline._noise(shape, torch.Generator().manual_seed(3), None, shared, shift)      # (1, 4, T, 32, 32)

    @pytest.mark.parametrize("shift", [1 / 32, -1 / 32, 1 / 64, -1 / 64])
    def test_what_frames_share_moves(self, tmp_path: Path, shift: float) -> None:
        noise = self.noise(tmp_path, shift)[0]
        for k in (2, 8):
            cells = round(shift * 32 * k)
            moved = torch.roll(noise[:, 0], cells, dims=-1)
            inside = slice(max(0, cells), 32 + min(0, cells))
            apart = (noise[:, k] - moved)[..., inside].abs().mean()
            assert apart < 0.1
            assert (noise[:, k] - noise[:, 0]).abs().mean() > 0.5

    def test_it_stays_white_and_of_unit_variance(self, tmp_path: Path) -> None:
        noise = self.noise(tmp_path, 0.05)[0]                                                     # (4, T, 32, 32)
        assert abs(noise.var() - 1) < 0.05
        assert abs((noise[..., 1:] * noise[..., :-1]).mean()) < 0.05

    def test_without_a_shift_it_is_what_it_was(self, tmp_path: Path) -> None:
        noise = self.noise(tmp_path, 0.0, shared=0.3)
        generator = torch.Generator().manual_seed(3)
        own = torch.randn((1, 4, 9, 32, 32), generator=generator)
        common = torch.randn((1, 4, 1, 32, 32), generator=generator)
        torch.testing.assert_close(noise, 0.7**0.5 * own + 0.3**0.5 * common)

    def test_a_clip_that_is_longer_than_the_picture_is_wide(self, tmp_path: Path) -> None:
        noise = self.noise(tmp_path, 0.25, num_frames=12)
        assert torch.isfinite(noise).all()
        assert not np.allclose(noise[0, :, 0], noise[0, :, -1], atol=0.1)
