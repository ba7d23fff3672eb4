"""Words that mean the same: what a query is widened by, and what that finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from coloured import ColourEncoder

from storyanim.config import load_settings
from storyanim.planning import load_vocabulary
from storyanim.retrieve.index import VideoIndex
from storyanim.retrieve.synonyms import Synonyms

GROUPS = [("dog", "hound", "puppy"), ("jumping", "leap", "hop"), ("sleeping", "fall asleep", "go to sleep"), ("walking", "go")]


def terms(query: str, *said: str) -> list[tuple[str, ...]]:
    """Of a query, where captions say some phrases."""
    return [term.phrases for term in Synonyms(GROUPS).expand(query, lambda phrase: phrase in said).values()]


def test_words_that_no_caption_has_bring_the_others_of_their_group() -> None:
    assert terms("a hound leaps") == [("hound", "dog", "puppy"), ("leaps", "jumping", "leap", "hop")]


def test_words_that_captions_have_stay_alone() -> None:
    assert terms("a hound leaps", "hound") == [("hound",), ("leaps", "jumping", "leap", "hop")]


def test_the_longest_phrase_counts_and_its_words_are_used_up() -> None:
    assert terms("the dog falls asleep", "dog") == [("dog",), ("sleeping", "fall asleep", "go to sleep")]
    assert "walking" not in str(terms("it is going to sleep", "go to sleep"))


def test_a_synonym_that_the_query_has_itself_counts_once() -> None:
    assert terms("a dog and a puppy", "dog") == [("dog",), ("puppy", "hound")]


def test_a_phrase_needs_its_words_side_by_side() -> None:
    assert "sleeping" not in str(terms("asleep they fall"))


def test_a_word_is_asked_once_however_often_and_in_whatever_form() -> None:
    assert terms("walk, walking walks", "walking") == [("walk",)]
    assert terms("swam and swims", "swim") == [("swam", "swim", "swum")]


def test_irregular_forms_are_one_word() -> None:
    assert terms("the children fell asleep", "child") == [
        ("children", "child"), ("sleeping", "fall asleep", "go to sleep")]
    assert terms("they ate", "at") == [("eat", "eaten")]             # whose stem is that of "at"


def test_a_phrase_of_fillers_and_a_known_word_is_known() -> None:
    night = Synonyms([("at night", "moonlight", "star")])
    assert [term.phrases for term in night.expand("a road at night", {"night", "road"}.__contains__).values()] == [
        ("road",), ("night",)]


def test_groups_have_weights() -> None:
    weighted = Synonyms(GROUPS, [1, 1.5, 1, 1])
    assert [term.weight for term in weighted.expand("a hound leapt over it", lambda _: True).values()] == [1, 1.5]
    assert weighted.fingerprint != Synonyms(GROUPS).fingerprint


@pytest.mark.parametrize("query", ["", "  ", "the", 'a "quoted" OR NEAR( *', "x" * 5000, "ключ 🐻"])
def test_any_text_is_a_query(query: str) -> None:
    assert isinstance(terms(query), list)


def test_without_groups_only_fillers_go() -> None:
    assert list(Synonyms().expand("the dog in a pond", lambda _: False)) == ["dog", "pond"]


def test_the_fingerprint_tells_groups_apart() -> None:
    assert Synonyms().fingerprint == ""
    assert Synonyms(GROUPS).fingerprint != Synonyms(GROUPS[:2]).fingerprint != ""


def test_an_index_finds_a_caption_by_another_word(index_folder: Path) -> None:
    plain, wide = (VideoIndex(index_folder, caption_weight=50) for _ in range(2))
    wide.synonyms = Synonyms([("frog", "toad")])
    first = wide.search("toad", ColourEncoder(), 1)[0]
    assert "frog" in first.caption
    assert "frog" in wide.explain("toad", [first])[0]
    assert "no word" in plain.explain("toad", [first])[0]
    assert wide.fingerprint != plain.fingerprint


def test_the_vocabulary_gives_its_words() -> None:
    vocabulary = load_vocabulary(load_settings("storybook", "normal"))
    assert vocabulary
    groups = [set(group) for group in vocabulary.synonyms]
    assert any({"jumping", "hop", "leap"} <= group for group in groups)
    assert all("moon" not in group for group in groups if "mountains" in group)      # only near: it does not mean just that
