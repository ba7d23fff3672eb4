"""Sentences of a story: lossless, whatever is in it."""

from __future__ import annotations

import importlib.util
import pickletools
from pathlib import Path

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storyanim.planning.english import MODELS, load_model
from storyanim.planning.forms import read_manuscript
from storyanim.planning.parse import parse_sentences
from storyanim.planning.quotes import find_speech

ODD = ["", "…", "— —", "🚀", "'", "\"", "\n\n\n", "NO", "THE BEAR RAN. THE FOX SAT.", "i ran. then i sat. ok", "a" * 500,
       "word " * 2000, "(((", "Hm?!?! ...", "1.\n2.\n3.", "**", "“", "…“…”…"]
PIECES = st.sampled_from([
    "Tom ran home. ", "“Wait!” cried Mia. ", "'Don't go,' said the fox. ", "\n\n", "\n", "- First, she sat. ", "1. A hill. ", "🚀✨ ",
    "...", "…", "—", "NO! NEVER! ", "INT. KITCHEN - NIGHT\n", "# At the lake\n", "**bold** ", "\"open ", "' ", "’", "(", ") ", "Mr. Fox ",
    "at 6 p.m. ", "e.g. ", "\t", "\u00a0", "é", "中文。", "https://x.y/z ", "BRUNO\n", "CUT TO:\n", "---\n", "x" * 60,
])


def sentences(text: str) -> list[str]:
    return [text[s.start:s.end].strip() for s in parse_sentences(read_manuscript(text))]


class TestSentences:
    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(PIECES, min_size=1, max_size=14).map("".join) | st.text(max_size=80))
    def test_every_letter_is_in_one_sentence(self, text: str) -> None:
        found = parse_sentences(read_manuscript(text))
        assert "".join(text[s.start:s.end] for s in found) == text

    @pytest.mark.parametrize(("text", "expected"), [
        ("Mr. Fox met Mrs. Hen. They bowed.", ["Mr. Fox met Mrs. Hen.", "They bowed."]),
        ("“Stop!” cried Mia. Tom stopped.", ["“Stop!” cried Mia.", "Tom stopped."]),
        ("“Stop!” Mia shouted. Tom stopped.", ["“Stop!” Mia shouted.", "Tom stopped."]),
        ("“Who is there?” asked the hen.", ["“Who is there?” asked the hen."]),
        ("“Stop!” The hen ran off.", ["“Stop!”", "The hen ran off."]),
        ("He waited... and waited. Then he left.", ["He waited... and waited.", "Then he left."]),
        ("The road was long and\nthe night was dark. He\nwent on.", ["The road was long and\nthe night was dark.", "He\nwent on."]),
        ("- First, she sat\n- Then she ran", ["- First, she sat", "- Then she ran"]),
        ("A bear walks\nA fox runs\nA cat sleeps", ["A bear walks", "A fox runs", "A cat sleeps"]),
        ("Bump! went the cart. It broke.", ["Bump! went the cart.", "It broke."]),
    ])
    def test_end_where_people_end_them(self, text: str, expected: list[str]) -> None:
        assert sentences(text) == expected

    @pytest.mark.parametrize(("text", "expected"), [
        ("I stole it 🌭😭 i ran off 🐶 he sat.", ["I stole it 🌭😭", "i ran off 🐶", "he sat."]),
        ("I ❤️ it so.", ["I ❤️ it so."]),
        ("We ate, my sister and I. It rained.", ["We ate, my sister and I.", "It rained."]),
    ])
    def test_end_where_emoji_and_i_end_them(self, text: str, expected: list[str]) -> None:
        assert sentences(text) == expected

    @pytest.mark.parametrize(("text", "verbs"), [
        ("An old man wipes his hands and squints at the road.", ["wipe", "squint"]),
        ("She takes her hat and gloves.", ["take"]),
        ("The robot rolled through the grass and sang.", ["roll", "sing"]),
        ("Tomas rides a bicycle.", ["ride"]),
        ("Three geese swam across the bay.", ["swim"]),
        ("The queen danced by the lake.", ["dance"]),
        ("The fox had never swum before.", ["swim"]),
        ("The old boy got up, put on a coat and swam in the rain.", ["get", "put", "swim"]),
        ("A boy seen by a neighbour ran.", ["see", "run"]),
        ("hes late. i couldnt stop.", ["be", "stop"]),
    ])
    def test_verbs_that_are_taken_for_nouns(self, text: str, verbs: list[str]) -> None:
        found = parse_sentences(read_manuscript(text))
        assert [t.lemma_ for s in found for t in s.tokens or () if t.tag_.startswith("VB") and t.dep_ != "aux"] == verbs

    @pytest.mark.parametrize("text", ODD)
    def test_odd_texts_are_read(self, text: str) -> None:
        assert "".join(text[s.start:s.end] for s in parse_sentences(read_manuscript(text))) == text


class TestSpeech:
    @pytest.mark.parametrize(("text", "expected"), [
        ("'Now run along, and don't fall. I'm off,' said the hen.", ["'Now run along, and don't fall. I'm off,'"]),
        ("‘It’s mine,’ said the crow, ‘and I won’t share.’", ["‘It’s mine,’", "‘and I won’t share.’"]),
        ("The boys' kite hit the farmer's barn.", []),
        ("'Twas night. The fox didn't see.", []),
        ("It was labelled \"Jam\" in red.", []),
        ("\"I know,\" he said. \"Come.\"", ["\"I know,\"", "\"Come.\""]),
        ("“She said ‘no’ to me,” he said.", ["“She said ‘no’ to me,”"]),
        ("“An open end\nover a line\n\nA new start.", ["“An open end\nover a line"]),
    ])
    def test_is_found(self, text: str, expected: list[str]) -> None:
        assert [text[q.start:q.end] for q in find_speech(text)] == expected


class TestModel:
    def test_its_files_hold_no_pickle(self) -> None:
        name = next(name for name in MODELS if spacy.util.is_package(name))
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        files = [file for file in Path(spec.origin).parent.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
        assert len(files) > 10
        for file in files:
            assert file.suffix not in {".pkl", ".pickle", ".pt", ".so", ".pyd", ".dll", ".sh"}, file
            assert not _is_pickle(file.read_bytes()), file

    def test_loads_what_the_planner_needs(self) -> None:
        assert {"tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"} <= set(load_model().pipe_names)


def _is_pickle(data: bytes) -> bool:
    """Whether all of it is one pickle, of protocol 2 or later."""
    if not data.startswith(b"\x80"):
        return False
    try:
        return any(op.name == "STOP" for op, _, _ in pickletools.genops(data))
    except Exception:
        return False
