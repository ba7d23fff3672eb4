"""Which candidate a shot takes, and the picture of the candidates."""

from __future__ import annotations

from pathlib import Path

import pytest
from coloured import ColourEncoder
from PIL import Image

from storyanim.artifacts import Candidates
from storyanim.errors import ResourceError, StoryError
from storyanim.retrieve.choose import choose
from storyanim.retrieve.index import ClipIndex
from storyanim.retrieve.sheet import draw_sheet


def chosen(index: ClipIndex, query: str = "red", k: int = 3, **rules: object) -> Candidates:
    return choose(query, index, ColourEncoder(), k, **rules)


class TestChoose:
    def test_the_best_is_taken_and_the_others_stay_visible(self, index: ClipIndex) -> None:
        found = chosen(index)
        assert found.query == "red"
        assert found.chosen == 0
        assert list(found.matches) == index.search("red", ColourEncoder(), 3)

    def test_the_same_clip_is_not_taken_twice_in_a_row(self, index: ClipIndex) -> None:
        first = chosen(index).match.clip_id
        second = chosen(index, previous=[first])
        assert second.chosen == 1
        assert second.matches == chosen(index).matches
        assert chosen(index, previous=[first, second.match.clip_id]).match.clip_id == first
        assert "before" in second.why

    def test_not_even_with_one_candidate(self, index: ClipIndex) -> None:
        first = chosen(index, k=1).match.clip_id
        again = chosen(index, k=1, previous=[first])
        assert again.match.clip_id != first
        assert len(again.matches) == 2

    def test_unless_there_is_no_other(self, index: ClipIndex) -> None:
        ids = [match.clip_id for match in chosen(index, k=6).matches]
        assert chosen(index, banned=ids[1:], previous=[ids[0]]).match.clip_id == ids[0]

    def test_pinned_wins(self, index: ClipIndex) -> None:
        ids = [match.clip_id for match in chosen(index, k=6).matches]
        among = chosen(index, pinned=ids[2], previous=[ids[2]])
        assert (among.match.clip_id, len(among.matches)) == (ids[2], 3)
        added = chosen(index, pinned=ids[5], banned=[ids[5], ids[0]])
        assert (added.match.clip_id, added.match.rank) == (ids[5], 4)
        assert [match.clip_id for match in added.matches] == [*ids[1:4], ids[5]]

    def test_banned_clips_leave_and_others_fill_up(self, index: ClipIndex) -> None:
        ids = [match.clip_id for match in chosen(index, k=6).matches]
        assert [match.clip_id for match in chosen(index, banned=[ids[0], ids[2], "gone@0-2"]).matches] == [ids[1], ids[3], ids[4]]

    def test_errors(self, index: ClipIndex) -> None:
        with pytest.raises(StoryError, match="none@0-2"):
            chosen(index, pinned="none@0-2")
        with pytest.raises(StoryError, match="banned"):
            chosen(index, banned=[match.clip_id for match in chosen(index, k=6).matches])


class TestSheet:
    def test_shows_the_clips(self, index: ClipIndex, tmp_path: Path) -> None:
        draw_sheet("red", index.search("red", ColourEncoder(), 3), tmp_path / "new" / "sheet.png")
        with Image.open(tmp_path / "new" / "sheet.png") as sheet:
            assert sheet.format == "PNG"
            colours = {rgb for count, rgb in sheet.convert("RGB").quantize(8).convert("RGB").getcolors()}
        assert any(red > 180 and green < 60 for red, green, _ in colours)

    def test_tells_why(self, index: ClipIndex, tmp_path: Path) -> None:
        found = index.search("a red frog jumps", ColourEncoder(), 6)
        why = dict(zip([match.caption for match in found], index.reasons("a red frog jumping", found), strict=True))
        assert why["A frog jumps"] == "its caption says frog, jumping, place 1 by words"
        assert why["it s blue ü"] == "no word in its caption: by the picture alone"
        assert why['A red "statue" stands'].startswith("its caption says red, place ")
        assert why['A red "statue" stands'].endswith("; hardly moves: lower")
        for name, reasons in (("with.png", index.reasons("red", found)), ("without.png", [])):
            draw_sheet("red", found, tmp_path / name, reasons)
        assert (tmp_path / "with.png").read_bytes() != (tmp_path / "without.png").read_bytes()

    def test_lost_videos_and_no_hits(self, index: ClipIndex, tmp_path: Path) -> None:
        found = index.search("red", ColourEncoder(), 1)[0]
        lost = found.model_copy(update={"path": str(tmp_path / "gone.mp4"), "caption": "ü 熊 " * 80})
        draw_sheet("x" * 500, [lost], tmp_path / "sheet.png")
        draw_sheet("", [], tmp_path / "empty.png")
        assert (tmp_path / "sheet.png").stat().st_size > 0
        assert (tmp_path / "empty.png").stat().st_size > 0

    def test_places_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ResourceError):
            draw_sheet("red", [], tmp_path / "file" / "sheet.png")
