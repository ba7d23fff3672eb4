"""Stories and storyboards from disk."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from storyanim.artifacts import Shot, Storyboard
from storyanim.errors import StoryError
from storyanim.planning import is_storyboard, read_story, read_storyboard


@pytest.mark.parametrize(("content", "title", "text"), [
    ("# The Bear\n\nA bear ran.\n", "The Bear", "A bear ran.\n"),
    ("The Bear\n\n  A bear ran. ", "The Bear", "  A bear ran. "),
    ("A bear ran.\n\nA cat slept.", "My story", "A bear ran.\n\nA cat slept."),
    ("A bear ran\nA cat slept", "My story", "A bear ran\nA cat slept"),
    ("A bear ran", "My story", "A bear ran"),
    ("EXT. BEACH - DAY\n\nA bear ran.", "My story", "EXT. BEACH - DAY\n\nA bear ran."),
    ("A bear ran.\r\nA cat slept.\r\n", "My story", "A bear ran.\nA cat slept.\n"),
])
def test_title_and_text(tmp_path: Path, content: str, title: str, text: str) -> None:
    path = tmp_path / "my_story.txt"
    path.write_bytes(content.encode())
    story = read_story(path)
    assert (story.title, story.text) == (title, text)


@pytest.mark.parametrize("data", [
    "Zoë ran.".encode(), codecs.BOM_UTF8 + "Zoë ran.".encode(), "Zoë ran.".encode("utf-16"),
    codecs.BOM_UTF16_BE + "Zoë ran.".encode("utf-16-be"),
])
def test_encodings(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "story.txt"
    path.write_bytes(data)
    assert read_story(path).text == "Zoë ran."


@pytest.mark.parametrize(("data", "words"), [
    (b"", "empty"), (b" \n\t ", "empty"), (b"... !", "no words"), (b"# Title\n\n --\n", "no words"),
    (b"\x89PNG\0\0\x01", "binary"),
    (b"abc\0def", "binary"), ("Zoë".encode("latin-1"), "not UTF-8"), (b"bear " * 50_000, "250,000 characters"),
    (codecs.BOM_UTF16_LE + b"a\0b", "UTF-16"),
])
def test_what_is_no_story(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "story.txt"
    path.write_bytes(data)
    with pytest.raises(StoryError, match=words) as caught:
        read_story(path)
    assert caught.value.hint


@pytest.mark.parametrize("read", [read_story, read_storyboard])
def test_missing_and_folder(tmp_path: Path, read: object) -> None:
    with pytest.raises(StoryError, match="there is no"):
        read(tmp_path / "nothing.txt")               # type: ignore[operator]
    with pytest.raises(StoryError, match="is a folder"):
        read(tmp_path)                               # type: ignore[operator]


def test_storyboard_round_trip(tmp_path: Path) -> None:
    board = Storyboard(title="t", shots=(Shot(id="s01", text="“A” bär…\n", query="a bear", prompt="a bear"),))
    path = tmp_path / "storyboard.yaml"
    path.write_text(board.to_yaml(), "utf-8")
    assert read_storyboard(path) == board
    assert is_storyboard(path)
    assert not is_storyboard(tmp_path / "story.txt")


@pytest.mark.parametrize(("text", "words"), [
    ("title: [", "line"),
    ("just words", "the file"),
    ("title: t\nshots: []\n", "shots"),
    ("title: t\nshots:\n- {id: s01, text: a, query: b}\n", r"shots\[0\].prompt"),
    ("title: t\nshots:\n- {id: one, text: a, query: b, prompt: c}\n", r"shots\[0\].id"),
    ("title: t\nshots:\n- {id: s01, text: a, query: b, prompt: c, lens: 5}\n", r"shots\[0\].lens"),
    ("title: t\nshots:\n- {id: s01, text: a, query: b, prompt: c}\n- {id: s01, text: a, query: b, prompt: c}\n", "repeat"),
])
def test_wrong_storyboards_name_the_field(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "storyboard.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(StoryError, match=words):
        read_storyboard(path)
