"""`storyanim export lance`."""

from __future__ import annotations

from pathlib import Path

from coloured import ColourEncoder
from command_line import Cli

from storyanim.retrieve.index import ClipIndex


def test_an_index_is_copied_and_searched_there(cli: Cli, index_folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "lance"
    copied = cli("export", "lance", index_folder, "-o", place, "--json")
    assert copied.code == 0
    assert copied.json == {"address": str(place), "vectors": ClipIndex(index_folder).info.num_clips}
    assert ClipIndex(index_folder, lance=str(place)).search("red", ColourEncoder(), 1)


def test_what_is_no_index_is_told(cli: Cli, tmp_path: Path) -> None:
    copied = cli("export", "lance", tmp_path, "-o", tmp_path / "lance")
    assert copied.code == 4
    assert str(tmp_path) in copied.complaint[0]
    assert not (tmp_path / "lance").exists()
