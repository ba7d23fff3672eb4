"""Clips are read back: part by part by the profile's reader, or as a whole by how well they fit their prompts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from coloured import COLOURS, ColourEncoder

from storyanim.artifacts import Asked, AskedPart, Frames
from storyanim.config import ModelRef
from storyanim.errors import ModelError
from storyanim.readback import EncoderReader, NetworkReader
from storyanim.readback.network import ReaderConfig
from storyanim.readback.reader import UNLIKE


def clip(colour: str) -> Frames:
    return Frames(np.broadcast_to(np.array(COLOURS[colour], np.uint8), (4, 16, 16, 3)).copy(), 8.0)


@pytest.mark.parametrize(("shown", "mark", "is_right"), [
    ("red", 0.5, True), ("blue", 0.5, False), ("blue", None, True),
])
def test_the_cosine_of_prompt_and_clip(shown: str, mark: float | None, is_right: bool) -> None:
    reading = EncoderReader(ColourEncoder(), mark).read(clip(shown), Asked(text="a red bear"))
    assert reading.is_right == is_right
    assert reading.remarks == (() if is_right else ("it does not look like its prompt",))
    assert reading.score == pytest.approx(1.0 if shown == "red" else 0.0, abs=0.3)
    assert -1 <= reading.score <= 1


def test_what_can_change_a_reading_is_in_the_fingerprint() -> None:
    assert len({EncoderReader(ColourEncoder(), mark).fingerprint for mark in (None, 0.1, 0.2)}) == 3


# ── the profile's reader ─────────────────────────────────────────────────────────────────────────────────

NAMES = {"creature": ("fox", "cat"), "action": ("walking", "jumping"), "scene": ("snow", "beach")}


def part(figure: int, attribute: str, value: str) -> AskedPart:
    return AskedPart(figure=figure, attribute=attribute, value=value, remark=f"no {value}")


class Told(NetworkReader):
    """Sees what a test says: how likely the first value of each attribute is."""

    def __init__(self, *likely: float) -> None:
        super().__init__(ModelRef(repo="nowhere"))
        self._network = SimpleNamespace(config=ReaderConfig(NAMES))
        self.seen = {name: np.array([p, 1 - p], np.float32) for name, p in zip(NAMES, likely, strict=True)}

    def likelihoods(self, frames: Frames) -> dict[str, np.ndarray]:
        return self.seen


FOX = (part(1, "creature", "fox"), part(1, "action", "walking"), part(0, "scene", "snow"))


@pytest.mark.parametrize(("seen", "score", "remarks", "faults"), [
    ((0.9, 0.9, 1.0), 0.81, (), ()),
    ((1.0, 0.1, 1.0), 0.1, ("no walking",), ()),
    ((1.0, 0.01, 1.0), 0.01, ("no walking",), ()),
    ((0.01, 0.02, 0.99), 0.0002, ("no fox", "no walking"), (UNLIKE,)),
])
def test_parts_and_their_product(seen: tuple[float, float, float], score: float, remarks: tuple[str, ...],
                                 faults: tuple[str, ...]) -> None:
    reading = Told(*seen).read(clip("red"), Asked(text="", parts=FOX))
    assert (reading.remarks, reading.faults) == (remarks, faults)
    assert reading.score == pytest.approx(score, abs=1e-3)
    assert list(reading.scores) == ["creature", "action", "scene"]
    assert reading.is_right == (score >= 0.5)


def test_of_several_figures_the_place_alone_is_read() -> None:
    asked = Asked(text="", parts=(part(1, "creature", "fox"), part(2, "creature", "cat"), part(0, "scene", "snow")))
    assert Told(0.1, 0, 0.8).read(clip("red"), asked).scores == pytest.approx({"scene": 0.8})


def test_what_it_does_not_know_is_not_scored() -> None:
    reading = Told(0.9, 0, 0).read(clip("red"), Asked(text="", parts=(part(1, "creature", "fox"), part(1, "action", "bowing"))))
    assert list(reading.scores) == ["creature"]
    assert Told(0, 0, 0).read(clip("red"), Asked(text="x", parts=(part(1, "mood", "sad"),))).is_right


def test_a_reader_whose_files_do_not_fit_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    (tmp_path / "config.json").write_text(json.dumps(asdict(ReaderConfig(NAMES))))
    save_file({"text": np.zeros((2, 3), np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="cannot be used"):
        NetworkReader(ModelRef(repo=str(tmp_path))).read(clip("red"), Asked(text="", parts=FOX))
