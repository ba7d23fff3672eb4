"""A person's edits and a new storyboard brought together."""

from __future__ import annotations

from typing import Any

from storyanim.artifacts import CastMember, Role, Shot, Storyboard
from storyanim.run.merge import align, merge, without_namesakes

BEAR = CastMember(name="bear", noun="bear", token="<bear>")


def shot(number: int, text: str = "", **fields: Any) -> Shot:
    words = text or f"sentence {number}"
    return Shot(**({"id": f"s{number:02d}", "text": words, "query": words, "prompt": words} | fields))


def board(*shots: Shot, **fields: Any) -> Storyboard:
    return Storyboard(title="t", shots=shots, **fields)


def edited(old: Shot, **fields: Any) -> Shot:
    return old.model_copy(update=fields)


ONE, TWO, THREE = (shot(n) for n in (1, 2, 3))


class TestMerge:
    def test_each_side_changes_its_own(self) -> None:
        mine = board(edited(ONE, seed=5), TWO, edited(THREE, pinned="x@0-1"))
        new = board(ONE, edited(TWO, query="other"), edited(THREE, setting="sea"))
        merged = merge(board(ONE, TWO, THREE), mine, new, "the new plan")
        assert merged.board.shots == (edited(ONE, seed=5), edited(TWO, query="other"),
                                      edited(THREE, pinned="x@0-1", setting="sea"))
        assert merged.conflicts == ()

    def test_removed_stay_removed_and_inserted_stay(self) -> None:
        inserted = shot(4, "a fox runs")
        merged = merge(board(ONE, TWO), board(ONE, inserted), board(ONE, TWO, THREE), "the new plan")
        assert [s.id for s in merged.board.shots] == ["s01", "s04", "s03"]
        assert merged.conflicts == ()

    def test_a_persons_order_stays(self) -> None:
        merged = merge(board(ONE, TWO, THREE), board(THREE, ONE, TWO), board(ONE, shot(5), TWO, THREE), "the new plan")
        assert [s.id for s in merged.board.shots] == ["s03", "s01", "s05", "s02"]

    def test_both_changed_it(self) -> None:
        merged = merge(board(ONE), board(edited(ONE, prompt="mine")), board(edited(ONE, prompt="theirs")), "the file")
        assert merged.board.shots[0].prompt == "mine"
        assert merged.conflicts == ("s01: the prompt of the file is not taken, since it was changed here",)

    def test_edits_of_what_is_gone_are_told(self) -> None:
        merged = merge(board(ONE, TWO, THREE), board(edited(ONE, seed=5), TWO, edited(THREE, prompt="mine", seed=2)),
                       board(TWO), "the new plan")
        assert merged.board.shots == (TWO,)
        assert [line[:4] for line in merged.conflicts] == ["s01:", "s03:"]
        assert "prompt, seed" in merged.conflicts[1]

    def test_a_prompt_of_ones_own_goes_with_who_is_in_it(self) -> None:
        planned = edited(ONE, prompt="a <bear> bear", characters=("bear",))
        merged = merge(board(ONE), board(edited(ONE, prompt="a fox")), board(planned, characters=(BEAR,)), "the new plan")
        assert (merged.board.shots[0].prompt, merged.board.shots[0].characters) == ("a fox", ())

    def test_a_character_that_is_gone_plays_no_more(self) -> None:
        with_bear = edited(ONE, prompt="a <bear> bear", characters=("bear",))
        merged = merge(board(with_bear, characters=(BEAR,)), board(edited(with_bear, prompt="a big <bear> bear"), characters=(BEAR,)),
                       board(ONE), "the new plan")
        assert merged.board.shots[0].characters == ()
        assert any("bear plays no more" in line for line in merged.conflicts)

    def test_all_removed_is_the_new_one(self) -> None:
        merged = merge(board(ONE, TWO), board(TWO), board(ONE), "the new plan")
        assert merged.board.shots == (ONE,)

    def test_the_cast(self) -> None:
        roles = [Role(name="Tom", noun="dragon", first_shot="s01", num_shots=1, played_by=part) for part in ("bear", "fox", "cat")]
        merged = merge(board(ONE, cast=(roles[0],)), board(ONE, cast=(roles[1],)), board(ONE, cast=(roles[0],)), "the new plan")
        assert merged.board.cast == (roles[1],)


class TestAlign:
    def test_the_same_words_keep_their_id(self) -> None:
        planned = board(shot(1, "new"), shot(2, "sentence 1"), shot(3, "sentence 3"),
                        cast=(Role(name="Tom", noun="cat", first_shot="s02", num_shots=1),))
        aligned = align(planned, [board(ONE, TWO, THREE)], 7)
        assert [(s.id, s.text) for s in aligned.shots] == [("s07", "new"), ("s01", "sentence 1"), ("s03", "sentence 3")]
        assert aligned.cast[0].first_shot == "s01"

    def test_words_that_only_the_run_has(self) -> None:
        aligned = align(board(shot(1), shot(2, "mine")), [board(ONE, TWO), board(ONE, shot(9, "mine"))], 10)
        assert [s.id for s in aligned.shots] == ["s01", "s09"]

    def test_ids_are_never_given_twice(self) -> None:
        same = [shot(n, "again") for n in (1, 2, 3)]
        aligned = align(board(*same), [board(shot(4, "again")), board(shot(4, "again"), shot(5, "again"))], 6)
        assert sorted(s.id for s in aligned.shots) == ["s04", "s05", "s06"]


def test_an_inserted_shot_makes_room_for_an_id_of_a_file() -> None:
    mine = board(ONE, shot(3, "inserted"))
    renamed = without_namesakes(mine, board(ONE, TWO, THREE), board(ONE, TWO), 8)
    assert [s.id for s in renamed.shots] == ["s01", "s08"]
    assert without_namesakes(mine, board(ONE, TWO), board(ONE, TWO), 8) == mine
