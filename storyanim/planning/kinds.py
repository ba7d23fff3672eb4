"""What bearers of names are, wherever a story tells it: its title, before they act, or long after.

"Filou was a fox", "Zoë the cat", "a robot called Chip", "Peter Rabbit": read from all sentences before anybody acts, since
the parser's tree has some of these wrong and a film shows them from the first shot on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from storyanim.planning.words import is_animate, is_human

if TYPE_CHECKING:
    from spacy.tokens import Token

_BE = frozenset({"is", "was", "'s", "’s", "am"})
_ARTICLES = frozenset({"a", "an", "the"})
PARENTS = frozenset(["mother", "father", "mum", "mom", "mummy", "mommy", "mama", "dad", "daddy", "papa", "parent", "grandmother",
                     "grandfather", "grandma", "grandpa", "granny", "nan", "gran", "grandparent", "nanny", "stepmother", "babysitter"])
RELATIVES = PARENTS | {"uncle", "aunt", "auntie", "sister", "brother", "cousin"}
CHILDREN = {"m": "boy", "f": "girl", "": "child"}


def find_kinds(tokens: Iterable[Token], names: frozenset[str], title: str) -> dict[str, str]:
    """Return name in small letters → noun of what it is: "filou" → "fox".

    Args:
        tokens: of all sentences, in order.
        names: words that are names.
        title: of the story, which may say what its hero is.
    """
    kinds: dict[str, str] = {}
    found = list(tokens)
    for name, noun in (*_told(found, names), *_of_groups(found, names), *_in_title(title, names)):
        if is_animate(noun) and noun != name:
            kinds.setdefault(name, noun)
    return kinds


def _told(tokens: list[Token], names: frozenset[str]) -> Iterator[tuple[str, str]]:
    for i, token in enumerate(tokens):
        if token.lower_ not in names or not token.text[:1].isupper():
            continue
        if i + 2 < len(tokens) and tokens[i + 1].lower_ in _BE | {"the"}:      # "Filou was a fox", "Zoë the cat"
            article = i + 2 if tokens[i + 1].lower_ in _BE else i + 1
            if tokens[article].lower_ in _ARTICLES and (noun := _noun_after(tokens, article)):
                yield token.lower_, noun
        before = tokens[max(0, i - 2):i]
        if before and before[-1].lower_ in {"called", "named"}:                # "a robot called Chip"
            yield token.lower_, before[0].lemma_.lower()
        if before and before[-1].pos_ == "NOUN" and before[-1].dep_ == "compound" and before[-1].head == token:
            yield token.lower_, before[-1].lemma_.lower()                      # "the cat Luna"
        if before and token.dep_ == "appos" and token.head == before[-1] and token.head.pos_ == "NOUN":
            yield token.lower_, token.head.lemma_.lower()                      # "her brother Gus"
        follows = tokens[i + 1] if i + 1 < len(tokens) else None
        if follows is not None and follows.text.istitle() and follows.head in {token, token.head} and _is_animal(follows.lower_):
            yield token.lower_, follows.lower_                                 # "Peter Rabbit"


def _of_groups(tokens: list[Token], names: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The names of those of one kind: "two bears, Bo and Mo", "three ducks. The oldest was called Quill, the second Peep"."""
    kind = ""
    for i, token in enumerate(tokens):
        if token.tag_ == "NNS" and is_animate(token.lemma_.lower()):
            kind = token.lemma_.lower()
            listed = [t for t in _listed(tokens[i + 1:i + 14]) if t.lower_ in names]
            yield from ((t.lower_, kind) for t in listed if len(listed) > 1)
        of_several = kind and token.lower_ in {"called", "named"} and any(
            c.pos_ in {"ADJ", "NUM"} or c.lower_ == "one" for c in token.children if c.dep_ == "nsubjpass")
        if of_several:
            yield from ((t.lower_, kind) for t in token.subtree if t.text[:1].isupper() and t.i > token.i)


def _listed(tokens: list[Token]) -> Iterator[Token]:
    """The capitalised words of a list that follows: ": Bo, Mo and Jo", "called Bo and Mo"."""
    if not tokens or not (tokens[0].text in {":", ","} or tokens[0].lower_ in {"called", "named"}):
        return
    for token in tokens[1:]:
        if token.text[:1].isupper():
            yield token
        elif token.text not in {",", "and"}:
            return


def _noun_after(tokens: list[Token], article: int) -> str:
    """The noun that a phrase of an article and adjectives ends with, if it is somebody."""
    for token in tokens[article + 1:article + 6]:
        if token.pos_ in {"NOUN", "PROPN"} and token.dep_ not in {"compound", "npadvmod"}:
            return str(token.lemma_.lower())
        if token.pos_ not in {"ADJ", "ADV", "NOUN", "PROPN", "NUM", "CCONJ", "VERB"} and not token.is_punct:
            break
    return ""


def _in_title(title: str, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    for name, surname in re.findall(r"\b([A-Z]\w+) (?:the )?([A-Z]\w+)\b", title):
        if name.lower() in names and _is_animal(surname.lower()):
            yield name.lower(), surname.lower()


def _is_animal(word: str) -> bool:
    return is_animate(word) and not is_human(word)
