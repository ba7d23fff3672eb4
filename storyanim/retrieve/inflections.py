"""Irregular forms of English verbs and nouns: stories say "swam" and "men", captions "swims" and "man".

Regular forms are matched by their stems (FTS5's Porter tokenizer). `irregular.txt` has a base form and its
other forms in each line.
"""

from __future__ import annotations

from functools import cache
from importlib import resources


def base_of(word: str) -> str:
    """Return the base form of an irregular form, else the word: "swam" → "swim"."""
    return _bases().get(word, word)


def forms_of(word: str) -> tuple[str, ...]:
    """Return a word and its other irregular forms: "ran" → "ran", "run"."""
    return tuple(dict.fromkeys((word, *_forms().get(base_of(word), ()))))


@cache
def _forms() -> dict[str, tuple[str, ...]]:
    text = resources.files("storyanim.retrieve").joinpath("irregular.txt").read_text("utf-8")
    return {line.split()[0]: tuple(line.split()) for line in text.splitlines()}


@cache
def _bases() -> dict[str, str]:
    return {form: base for base, forms in _forms().items() for form in forms[1:]}
