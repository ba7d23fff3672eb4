"""The bundled footage by another encoder than the package's: indexed once, then kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from coloured import ColourEncoder

from storyanim.config import DEFAULT_INDEX, asset, load_settings
from storyanim.retrieve.encoders import build_encoder
from storyanim.retrieve.index_format import read_info
from storyanim.run import components


def test_the_encoder_of_the_package_takes_its_index() -> None:
    assert components.bundled_index(build_encoder(load_settings("storybook"))) == asset(DEFAULT_INDEX)


def test_another_encoder_has_an_index_made_once(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "BUNDLED_CLIPS", str(videos))
    told: list[str] = []
    folder = components.bundled_index(ColourEncoder(), lambda done, text: told.append(text))
    assert read_info(folder).encoder == ColourEncoder().fingerprint
    assert read_info(folder).num_videos == 4
    assert told
    made = (folder / "index.json").stat().st_mtime_ns
    assert components.bundled_index(ColourEncoder()) == folder
    assert (folder / "index.json").stat().st_mtime_ns == made
