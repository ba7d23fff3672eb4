"""`storyanim export lancedb`."""

from __future__ import annotations

from pathlib import Path

from coloured import ColourEncoder
from command_line import Cli

from storyanim.retrieve.index import VideoIndex


def test_an_index_is_copied_and_searched_there(cli: Cli, index_folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "lance"
    copied = cli("export", "lancedb", index_folder, "-o", place, "--json")
    assert copied.code == 0
    assert copied.json == {"uri": str(place), "vectors": VideoIndex(index_folder).info.num_clips}
    assert VideoIndex(index_folder, lancedb_uri=str(place)).search("red", ColourEncoder(), 1)


def test_what_is_no_index_is_told(cli: Cli, tmp_path: Path) -> None:
    copied = cli("export", "lancedb", tmp_path, "-o", tmp_path / "lance")
    assert copied.code == 4
    assert str(tmp_path) in copied.complaint[0]
    assert not (tmp_path / "lance").exists()
