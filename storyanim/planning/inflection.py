"""Forms of English words: participles, plurals, articles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

_PLURALS = {"person": "people"}                      # "persons" is what the law says


@cache
def participle(verb: str) -> str:
    """Return the -ing form of a verb's base form: "lie" → "lying"."""
    from lemminflect import getInflection, getLemma

    found = [form for form in getInflection(verb, "VBG", inflect_oov=False) if form != verb]     # "sting" lists itself
    if found:                                        # "lay" is a base form, and one of "lie"
        return str(found[0])
    base = str((getLemma(verb, "VERB") or (verb,))[0])
    told = [form for form in getInflection(base, "VBG") if form != verb]
    return str(told[0]) if told else f"{base}ing"


@cache
def plural(noun: str) -> str:
    """Return the plural of a noun, or of the last word of several: "old man" → "old men"."""
    from lemminflect import getInflection

    before, _, last = noun.rpartition(" ")
    many = _PLURALS.get(last) or (getInflection(last, "NNS") or (f"{last}s",))[0]
    return f"{before} {many}".strip()


@cache
def is_plural(word: str) -> bool:
    """Tell whether a noun can stand for several: "wolves", "men", "sheep", and not "hedgehog"."""
    from lemminflect import getInflection

    return word.endswith("s") or lemma_of_noun(word) != word or word in getInflection(word, "NNS")


@cache
def lemma_of_noun(word: str) -> str:
    """Return the base form of a noun in small letters: "wolves" → "wolf"."""
    from lemminflect import getLemma

    return str((getLemma(word, "NOUN") or (word,))[0])


@cache
def lemma_of_verb(word: str) -> str:
    """Return the base form of a verb in small letters: "swam" → "swim"."""
    from lemminflect import getLemma

    return str((getLemma(word, "VERB") or (word,))[0])


def action_name(words: str) -> str:
    """Return an action as prompts say it: "bow" → "bowing", "kick a ball" → "kicking a ball"."""
    first, _, rest = " ".join(words.lower().split()).partition(" ")
    return f"{participle(first)} {rest}".strip()


def base_of_action(name: str) -> str:
    """Return an action in its base form: "kicking a ball" → "kick a ball"."""
    first, _, rest = name.partition(" ")
    return f"{lemma_of_verb(first)} {rest}".strip()


@cache
def base_of_adjective(word: str) -> str:
    """Return the base form of an adjective: "sleepiest" → "sleepy"."""
    from lemminflect import getLemma

    return str((getLemma(word, "ADJ") or (word,))[0])


def article(word: str) -> str:
    """Return "a" or "an", by how the word begins."""
    return "an" if re.match(r"[aeiou](?!ni[cfqtv]|se|uro|ne\b)|hour|honest|heir", word.lower()) else "a"


def with_article(words: str) -> str:
    """Return the words of one thing behind "a" or "an": "orange fox" → "an orange fox"."""
    return f"{article(words.lstrip('<'))} {words}"


def join_and(parts: Sequence[str]) -> str:
    """Return "a fox", "a fox and a cat", "a fox, a cat and a dog"."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
