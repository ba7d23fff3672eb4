"""Stories and storyboards from disk."""

from __future__ import annotations

import codecs
import io
import json
import sys
from pathlib import Path

import pytest

from storyanim.artifacts import Shot, Story, Storyboard
from storyanim.errors import StoryError
from storyanim.planning import is_storyboard, read_story, read_storyboard
from storyanim.planning.forms import read_manuscript


@pytest.mark.parametrize(("content", "title", "text"), [
    ("# The Bear\n\nA bear ran.\n", "The Bear", "A bear ran.\n"),
    ("The Bear\n\n  A bear ran. ", "The Bear", "  A bear ran. "),
    ("A bear ran.\n\nA cat slept.", "My story", "A bear ran.\n\nA cat slept."),
    ("A bear ran\nA cat slept", "My story", "A bear ran\nA cat slept"),
    ("A bear ran", "My story", "A bear ran"),
    ("EXT. BEACH - DAY\n\nA bear ran.", "My story", "EXT. BEACH - DAY\n\nA bear ran."),
    ("A bear ran.\r\nA cat slept.\r\n", "My story", "A bear ran.\nA cat slept.\n"),
    ("---\ntitle: \"The Bear\"\n---\nIt ran.", "The Bear", "---\ntitle: \"The Bear\"\n---\nIt ran."),
    ("Title:\n    _**Night Bus**_\nAuthor: Me\n\nIt ran.", "Night Bus", "Title:\n    _**Night Bus**_\nAuthor: Me\n\nIt ran."),
    ("CHAPTER ONE\n\nA bear ran.", "My story", "CHAPTER ONE\n\nA bear ran."), ("**The Bear**\n\nIt ran.", "The Bear", "It ran."),
    ("Monday, 3 March\n\nI ran.", "My story", "Monday, 3 March\n\nI ran."), ("1. A bear ran\n\n2. It slept", "My story", "1. A bear ran\n\n2. It slept"),
    ("# Bear 🐻\n\nIt ran.", "Bear", "It ran."), ("# 🐻\n\nIt ran.", "🐻", "It ran."), ("**LUNA'S DAY** 🐈\u200d⬛✨\n\nShe ran.", "LUNA'S DAY", "She ran."),
    ("[Music.]\nA bear ran.", "My story", "[Music.]\nA bear ran."),
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


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Zoë ran.".encode("utf-16"))))
    assert read_story(Path("-")) == Story(title="Story", text="Zoë ran.")


BOARD = Storyboard(title="t", shots=(Shot(id="s01", text="A.", query="a bear", prompt="a bear"),))


@pytest.mark.parametrize(("text", "kind"), [
    ("1\n00:00:01,000 --> 00:00:02,000\nA bear ran.\n", "subtitles"), ("WEBVTT\n\n00:01.000 --> 00:02.000\nA bear ran.\n", "subtitles"),
    ("[Script Info]\nTitle: x\n", "subtitles"), ("{\\rtf1\\ansi A bear ran.}", "rich text"), ("<!DOCTYPE html>\n<p>A bear ran.", "a web page"),
    ("<?xml version='1.0'?>\n<html><p>A bear ran.</p></html>", "a web page"), ("<?xml version='1.0'?>\n<FinalDraft/>", "Final Draft"),
    ("<?xml version='1.0'?>\n<a>A bear ran.</a>", "XML"), ("\\documentclass{book} A bear ran.", "LaTeX"), (BOARD.to_yaml(), "a storyboard"),
    ("# plan abc — edit this file\n" + BOARD.to_yaml(), "a storyboard"), (BOARD.model_dump_json(), "a storyboard in JSON"),
    ('{"scenes": [1, 2', "not valid JSON at line 1"), ('{"a": 1}', "without a list of shots"), ('{"characters": [{"name": "Mia"}]}', "without a list"),
    ("[]", "has no words"), ('[{"id": 1}]', "without a list of shots"),
])
def test_other_kinds_of_text_are_told(tmp_path: Path, text: str, kind: str) -> None:
    path = tmp_path / "story.txt"
    path.write_text(text, "utf-8")
    with pytest.raises(StoryError, match=kind) as caught:
        read_story(path)
    assert caught.value.hint


STORYMEM = {"story_overview": "A bear finds a lake.", "scenes": [
    {"scene_num": 1, "cut": ["True", "False"], "video_prompts": ["Wide shot of a brown bear in a\nforest. Mist.", "The bear drinks."]},
    {"scene_num": 2, "cut": ["True"], "video_prompts": ["A fox looks at it."]}]}
SCRIPT = {"title": "The Kitchen", "characters": [{"name": "Mia", "description": "a girl"}], "scenes": [
    {"location": "Kitchen", "time": "night", "shots": [
        {"shot": 1, "description": "Mia bakes.", "dialogue": [{"character": "MIA", "line": "Hello!"}], "angle": "low"}]},
    {"location": "Garden", "shots": [{"shot": 2, "description": "She eats.", "dialogue": "Good!"}]}]}


@pytest.mark.parametrize(("value", "title", "text", "unused"), [
    (STORYMEM, "My story", "1. Wide shot of a brown bear in a forest. Mist.\n2. The bear drinks.\n\n---\n\n3. A fox looks at it.\n",
     "cut, story_overview"),
    (SCRIPT, "The Kitchen", "## Kitchen - night\n\n1. Mia bakes.\n   MIA: Hello!\n\n---\n\n## Garden\n\n2. She eats.\n   “Good!”\n",
     "angle, characters"),
    ([{"id": 1, "prompt": "a girl runs", "duration": 5}, {"id": 2, "prompt": "she jumps"}], "My story", "1. a girl runs\n2. she jumps\n", "duration"),
    (["A bear runs.", "It jumps."], "My story", "1. A bear runs.\n2. It jumps.\n", ""),
    ({"storyboard": {"scenes": [{"text": "A bear runs."}]}}, "My story", "1. A bear runs.\n", ""),
])
def test_shot_lists_in_json(tmp_path: Path, caplog: pytest.LogCaptureFixture, value: object, title: str, text: str, unused: str) -> None:
    path = tmp_path / "my_story.json"
    path.write_text(json.dumps(value), "utf-8")
    assert read_story(path) == Story(title=title, text=text)
    assert caplog.text.strip().endswith(unused) if unused else not caplog.text
    items = read_manuscript(text)
    assert items.form == "shot list"
    assert len(items.shots) == text.count(". ") - text.count("forest. ")


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "my_story.jsonl"
    path.write_text('{"prompt": "a bear runs"}\n{"prompt": "a fox sleeps"}\n', "utf-8")
    assert read_story(path).text == "1. a bear runs\n2. a fox sleeps\n"


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
    ("just words", "line 1, column 1"),
    ("title: t\nshots: []\n", "shots"),
    ("title: t\nshots:\n- {id: s01, text: a, query: b}\n", "s01: prompt"),
    ("title: t\nshots:\n- {id: one, text: a, query: b, prompt: c}\n", r"shots\[0\].id"),
    ("title: t\nshots:\n- {id: s01, text: a, query: b, prompt: c, lens: 5}\n", "line 3, column 43: s01: lens: no such field"),
    ("title: t\nshots:\n- {id: s01, text: a, query: b, prompt: c}\n- {id: s01, text: a, query: b, prompt: c}\n", "repeat"),
])
def test_wrong_storyboards_name_the_field(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "storyboard.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(StoryError, match=words):
        read_storyboard(path)
