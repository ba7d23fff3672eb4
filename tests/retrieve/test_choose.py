"""Which candidate a shot takes, and the picture of the candidates."""

from __future__ import annotations

import pytest
from coloured import ColourEncoder

from storyanim.artifacts import Candidates
from storyanim.errors import StoryError
from storyanim.retrieve.choose import choose
from storyanim.retrieve.index import VideoIndex


def chosen(index: VideoIndex, query: str = "red", k: int = 3, **rules: object) -> Candidates:
    return choose(query, index, ColourEncoder(), k, **rules)


class TestChoose:
    def test_the_best_is_taken_and_the_others_stay_visible(self, index: VideoIndex) -> None:
        found = chosen(index)
        assert found.query == "red"
        assert found.chosen == 0
        assert list(found.matches) == index.search("red", ColourEncoder(), 3)

    def test_the_same_clip_is_not_taken_twice_in_a_row(self, index: VideoIndex) -> None:
        first = chosen(index).match.clip_id
        second = chosen(index, previous=[first])
        assert second.chosen == 1
        assert second.matches == chosen(index).matches
        assert chosen(index, previous=[first, second.match.clip_id]).match.clip_id == first
        assert "before" in second.why

    def test_not_even_with_one_candidate(self, index: VideoIndex) -> None:
        first = chosen(index, k=1).match.clip_id
        again = chosen(index, k=1, previous=[first])
        assert again.match.clip_id != first
        assert len(again.matches) == 2

    def test_unless_there_is_no_other(self, index: VideoIndex) -> None:
        ids = [match.clip_id for match in chosen(index, k=6).matches]
        assert chosen(index, banned=ids[1:], previous=[ids[0]]).match.clip_id == ids[0]

    def test_pinned_wins(self, index: VideoIndex) -> None:
        ids = [match.clip_id for match in chosen(index, k=6).matches]
        among = chosen(index, pinned=ids[2], previous=[ids[2]])
        assert (among.match.clip_id, len(among.matches)) == (ids[2], 3)
        added = chosen(index, pinned=ids[5], banned=[ids[5], ids[0]])
        assert (added.match.clip_id, added.match.rank) == (ids[5], 4)
        assert [match.clip_id for match in added.matches] == [*ids[1:4], ids[5]]

    def test_banned_clips_leave_and_others_fill_up(self, index: VideoIndex) -> None:
        ids = [match.clip_id for match in chosen(index, k=6).matches]
        assert [match.clip_id for match in chosen(index, banned=[ids[0], ids[2], "gone@0-2"]).matches] == [ids[1], ids[3], ids[4]]

    def test_errors(self, index: VideoIndex) -> None:
        with pytest.raises(StoryError, match="none@0-2"):
            chosen(index, pinned="none@0-2")
        with pytest.raises(StoryError, match="banned"):
            chosen(index, banned=[match.clip_id for match in chosen(index, k=6).matches])


def test_reasons_tell_what_speaks_for_a_match(index: VideoIndex) -> None:
    found = index.search("a red frog jumps", ColourEncoder(), 6)
    why = dict(zip([match.caption for match in found], index.explain("a red frog jumping", found), strict=True))
    assert why["A frog jumps"] == "its caption says frog, jumping, place 1 by words"
    assert why["it s blue ü"] == "no word in its caption: by the picture alone"
    assert why['A red "statue" stands'].startswith("its caption says red, place ")
    assert why['A red "statue" stands'].endswith("; hardly moves: lower")
