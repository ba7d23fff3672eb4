"""The bundled footage by another encoder than the package's: indexed once, then kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from coloured import ColourEncoder

import storyanim
from storyanim.api import asked
from storyanim.config import DEFAULT_INDEX, asset, load_settings
from storyanim.engine.steps import content_key
from storyanim.errors import IndexFolderError
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


def test_a_profile_has_an_index_of_its_own_unless_a_run_names_another(videos: Path, tmp_path: Path) -> None:
    for name in ("own", "other"):
        shutil.copytree(asset(DEFAULT_INDEX), tmp_path / name)
    profile = tmp_path / "mine.toml"
    profile.write_text('extends = "storybook"\n[retrieve]\nindex = "own"\n', "utf-8")
    settings = load_settings(str(profile))
    assert components.build_components(settings, None).index.folder == tmp_path / "own"
    assert components.build_components(settings, str(tmp_path / "other")).index.folder == tmp_path / "other"
    assert content_key(settings.retrieve) == content_key(load_settings("storybook").retrieve)  # an index counts by its contents


def test_an_index_that_a_profile_names_and_is_not_there_is_told_before_anything_is_written(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text('extends = "storybook"\n[retrieve]\nindex = "gone"\n', "utf-8")
    with pytest.raises(IndexFolderError, match="gone"):
        storyanim.make_film(storyanim.Story(title="t", text="A bear ran."), out=tmp_path / "film", profile=str(profile))
    assert not (tmp_path / "film").exists()


def test_a_profiles_index_binds_its_encoders_commit_as_a_runs_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(asset(DEFAULT_INDEX), tmp_path / "own")
    profile = tmp_path / "mine.toml"
    profile.write_text('extends = "storybook"\n[retrieve]\nindex = "own"\n', "utf-8")
    looked_at: list[Path | None] = []
    monkeypatch.setattr(asked, "index_pins", lambda index, settings: looked_at.append(index) or {})
    story = storyanim.Story(title="t", text="A bear ran.")
    for named in (None, str(asset(DEFAULT_INDEX))):
        asked.asked_for(story, tmp_path / "film", {"profile": str(profile), "index": named}).pins()
    assert looked_at == [tmp_path / "own", asset(DEFAULT_INDEX)]
