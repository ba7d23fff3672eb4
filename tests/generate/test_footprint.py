"""Which rung of the memory ladder a limit means."""

from __future__ import annotations

import pytest

from storyanim.cli.flags import memory_settings
from storyanim.config import load_settings
from storyanim.errors import UsageError
from storyanim.generate import footprint
from storyanim.generate.footprint import first_rung, needs_gb, what_fits
from storyanim.generate.generator import StoryGenerator

SD15 = load_settings("sd15").generate


@pytest.mark.parametrize(("max_gb", "frames", "rung"), [(24, 16, "fast"), (24, 64, "fast"), (12, 64, "fast"), (8, 64, "halves"), (8, 16, "fast"), (6, 16, "fast"),
                                                        (5, 16, "halves"), (4.5, 16, "offload"), (2, 16, "sequential")])
def test_the_fastest_rung_that_fits(max_gb: float, frames: int, rung: str) -> None:
    assert first_rung(max_gb, frames, SD15) == rung


def test_each_rung_takes_less_than_the_one_before_and_more_frames_take_more() -> None:
    needs = [needs_gb(rung, 16, 512, 512) for rung in ("fast", "halves", "offload", "sequential")]
    assert needs == sorted(needs, reverse=True)
    assert needs_gb("fast", 64, 512, 512) > 1.5 * needs[0]


@pytest.mark.parametrize(("max_gb", "frames", "rung"), [
    (8, 33, "halves"), (8, 81, "sequential"), (12, 33, "halves"), (12, 81, "halves"), (24, 33, "fast"), (24, 81, "fast")])
def test_wan_on_the_cards_of_the_guide(max_gb: float, frames: int, rung: str) -> None:
    assert first_rung(max_gb, frames, load_settings("wan-vace").generate, "wan_vace") == rung


@pytest.mark.parametrize(("card_gb", "text_encoder"), [(12, "on the CPU"), (24, "on the GPU")])
def test_a_doctor_tells_the_rung_of_both_lengths(monkeypatch: pytest.MonkeyPatch, card_gb: float, text_encoder: str) -> None:
    monkeypatch.setattr(footprint, "_gpu_gb", lambda: card_gb)
    wan = load_settings("wan-vace")
    for family, lengths in (("wan_vace", (33, 81)), ("cogvideox_fun", (25, 49))):
        settings = wan.model_copy(update={
            "models": wan.models.model_copy(update={"family": family}),
            "generate": wan.generate.model_copy(update={"width_px": 720, "num_frames": lengths[0], "max_duration_s": (lengths[1] - 1) / 16})})
        told = what_fits(settings)
        for frames in lengths:
            rung = first_rung(card_gb, frames, settings.generate, family)
            assert told[f"a shot of {frames} frames"].startswith(f"yes, {rung}: about ")
        if family == "wan_vace":
            assert told["the text encoder"].startswith(text_encoder)


def test_small_networks_fit_anywhere() -> None:
    assert all(text.startswith("yes") for text in what_fits(load_settings("storybook")).values())


def test_a_limit_is_no_part_of_the_key() -> None:
    limited = load_settings("storybook", generate=memory_settings("7500 MB"))
    assert limited.generate.max_memory_gb == 7.5
    assert StoryGenerator(limited).fingerprint == StoryGenerator(load_settings("storybook")).fingerprint
    with pytest.raises(UsageError, match="no amount"):
        memory_settings("much")
