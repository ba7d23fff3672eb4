"""The little English that `eval planner` reads queries and prompts with: forms of words, noun phrases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_VOWELS = "aeiou"


@cache
def words_file() -> dict[str, Any]:
    """Return `planner_words.yaml`."""
    file = resources.files("storybook.evaluate").joinpath("planner_words.yaml")
    return yaml.safe_load(file.read_text("utf-8"))


@cache
def world_file() -> dict[str, dict[str, dict[str, list[str]]]]:
    """Return `planner_world.yaml`: kind → value → "words" and "near"."""
    file = resources.files("storybook.evaluate").joinpath("planner_world.yaml")
    return yaml.safe_load(file.read_text("utf-8"))


@cache
def table(name: str) -> frozenset[str]:
    """Return one of its lists."""
    return frozenset(words_file()[name])


@cache
def named_words(name: str, value: str) -> frozenset[str]:
    """Return the words of a time of day or of a weather; "" has none."""
    return frozenset(words_file()[name].get(value, ()))


def tokens_of(text: str) -> list[str]:
    """Return the words, as written."""
    return WORD.findall(text.replace("’", "'"))


def plural(noun: str) -> str:
    """Return the plural of a noun in lower case."""
    irregular = words_file()["irregular_plurals"]
    if noun in irregular:
        return irregular[noun]
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    return noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in _VOWELS else noun + "s"


def noun_forms(noun: str) -> frozenset[str]:
    """Return singular and plural."""
    return frozenset({noun, plural(noun)})


def singulars(word: str) -> frozenset[str]:
    """Return what a word may be the plural of, itself included."""
    found = {word} | {one for one, many in words_file()["irregular_plurals"].items() if many == word}
    if word.endswith("s") and word[-2:-1] not in "sou":
        found.add(word[:-1])
    if word.endswith("es"):
        found.add(word[:-2])
    if word.endswith("ies"):
        found.add(word[:-3] + "y")
    return frozenset(found)


def participle(lemma: str) -> str:
    """Return the -ing form of a verb."""
    if lemma.endswith("ie"):
        return lemma[:-2] + "ying"
    if lemma.endswith("e") and not lemma.endswith(("ee", "ye", "oe")) and lemma != "be":
        return lemma[:-1] + "ing"
    return (lemma + lemma[-1] if _doubles(lemma) else lemma) + "ing"


def _doubles(lemma: str) -> bool:
    """Whether a verb doubles its last letter: "run", "stop", not "open"."""
    if lemma in table("no_doubling") or lemma[-1] in "wxy":
        return False
    vowels = sum(c in _VOWELS for c in lemma)
    last = lemma[-1] not in _VOWELS and lemma[-2:-1] in tuple(_VOWELS) and lemma[-3:-2] not in tuple(_VOWELS)
    return last and (vowels == 1 or lemma in {"begin", "forget", "upset", "unwrap", "admit"})


@cache
def verb_forms(lemma: str) -> frozenset[str]:
    """Return all forms of a verb."""
    irregular = words_file()["irregular_verbs"]
    third = "es" if lemma.endswith(("s", "x", "z", "ch", "sh", "o")) else "s"
    ies = lemma.endswith("y") and lemma[-2:-1] not in _VOWELS
    forms = {lemma, participle(lemma), lemma[:-1] + "ies" if ies else lemma + third}
    stem = participle(lemma)[:-3] if not lemma.endswith(("ie", "y")) else lemma
    past = lemma[:-1] + "ied" if ies else lemma + "d" if lemma.endswith("e") else stem + "ed"
    return frozenset(forms | set(irregular.get(lemma, ())) | {past})


@cache
def same_verbs(lemma: str) -> frozenset[str]:
    """Return the base forms that are one and the same in a picture as this one."""
    head = lemma.split()[0]
    return frozenset({head}.union(*(row for row in words_file()["same_verbs"] if head in row)))


def accepted_forms(lemmas: Iterable[str]) -> frozenset[str]:
    """Return every form of every verb that a label accepts."""
    return frozenset(form for lemma in lemmas for same in same_verbs(lemma) for form in verb_forms(same))


def participles(words: Sequence[str]) -> list[int]:
    """Return the indices of -ing forms of verbs among lower-case words, without that of "a sleeping dog"."""
    found = [i for i, word in enumerate(words)
             if word.endswith("ing") and len(word) > 4 and word not in table("nouns_in_ing")]
    late = [i for i in found if i and words[i - 1] not in table("determiners")] or found
    return [i for i in late if i == late[0] or words[i] not in table("maybe_nouns")]


@dataclass(frozen=True)
class Query:
    """A query, cut into who, does what, and to what or where."""

    words: tuple[str, ...]                           # lower case
    subject: tuple[str, ...]
    verbs: tuple[str, ...]                           # -ing forms
    groups: tuple[tuple[str, ...], ...]              # of each noun phrase after the verb; "and" joins two


def parse_query(text: str) -> Query:
    """Cut a query at its first -ing form."""
    words = [word.lower() for word in tokens_of(text.replace(",", " and "))]
    at = participles(words)
    first = at[0] if at else len(words)
    return Query(tuple(words), tuple(words[:first]), tuple(words[i] for i in at),
                 tuple(_groups([w for i, w in enumerate(words) if i > first and i not in at])))


def _groups(words: Sequence[str]) -> list[tuple[str, ...]]:
    groups: list[list[str]] = [[]]
    joined = False                                   # by "and" or "of" to the group before
    for word in words:
        if word in {"and", "of"}:
            joined = True
        elif word in table("determiners") or word in table("prepositions"):
            joined = joined and word in table("determiners")
            if not joined and groups[-1]:
                groups.append([])
        elif not (word in table("adverbs") or word.endswith("ly")):
            groups[-1].append(word)
            joined = False
    return [tuple(group) for group in groups if group]


def has_any(words: Iterable[str], wanted: Iterable[str]) -> bool:
    """Return whether a word, or what it is the plural of, is among the wanted."""
    targets = frozenset(form for one in wanted for form in noun_forms(one.lower()))
    return any(word in targets for word in words)
