"""What a prompt asks to be seen, part by part, by a vocabulary; with a plain sentence for each part that is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from storyanim.artifacts import Asked, AskedPart, CharacterToken, Shot
from storyanim.planning.inflection import base_of_action, lemma_of_noun, lemma_of_verb, with_article
from storyanim.planning.vocabulary import Found, Kind, Vocabulary

_WORD = re.compile(r"<[\w-]+>|[\w'-]+")
_PSEUDO_WORD = re.compile(r"<[\w-]+>\s*")
# What is looked for first has its words for itself: a belly patch is no place, the snow that falls is none either.
_ORDER: tuple[Kind, ...] = ("creature", "accessory", "camera", "weather", "time_of_day", "action", "scene", "colour")
_SAID: tuple[Kind, ...] = ("scene", "action")
_BEFORE = 3                                          # words between a colour and whom it is said of
WHOLE = 0                                            # the number of what is asked of the whole picture


@dataclass(frozen=True)
class _Token:
    lower_: str
    lemma_: str
    pos_: str
    tag_: str = "NN"


def asked_of(shot: Shot, tokens: Sequence[CharacterToken], vocabulary: Vocabulary | None) -> Asked:
    """Return what a shot's prompt asks to be seen; parts that the vocabulary lacks are not asked.

    Args:
        shot: to draw.
        tokens: of the characters that play in it.
        vocabulary: of the model that draws it; None: only the prompt as a whole is asked.
    """
    prompt = shot.prompt
    for token in tokens:
        prompt = token.expand_prompt(prompt)
    text = _PSEUDO_WORD.sub("", prompt)
    if vocabulary is None or shot.events:            # several things in a row: no part of them lasts
        return Asked(text=text)
    coats = {token.token: token.metadata.get("initializer_word", "") for token in tokens}
    return Asked(text=text, parts=tuple(_parts(prompt, vocabulary, coats)))


def _parts(prompt: str, vocabulary: Vocabulary, coats: Mapping[str, str]) -> Iterator[AskedPart]:
    """Yield the parts of a prompt; `coats` has the colour that was read off each character's pictures."""
    words = _WORD.findall(prompt.lower())
    found = _found(words, vocabulary)
    figures, actions = found["creature"], found["action"]
    for number, figure in enumerate(figures, 1):
        who = f"the {figure.value}"
        yield AskedPart(figure=number, attribute="creature", value=figure.value,
                        remark=f"there is no {figure.value}")
        coat = coats.get(words[figure.start - 1], "") if figure.start else ""
        if colour := coat if coat in vocabulary.kinds["colour"] else _colour_of(figure, words, found["colour"]):
            yield AskedPart(figure=number, attribute="colour", value=colour, remark=f"{who} is not {colour}")
        after = figures[number].start if number < len(figures) else len(words)
        worn = [f.value for f in found["accessory"] if figure.stop <= f.start < after]
        if worn or not _is_character(figure, words):
            yield _worn(number, who, worn[0] if worn else "none")
        doing = actions if len(actions) == 1 else actions[number - 1:number] if len(actions) == len(figures) else ()
        for action in doing[:1]:
            verb = base_of_action(vocabulary.kinds["action"][action.value].say)
            yield AskedPart(figure=number, attribute="action", value=action.value, remark=f"{who} does not {verb}")
    if len(places := {f.value for f in found["scene"]}) == 1:
        place = places.pop()
        yield AskedPart(figure=WHOLE, attribute="scene", value=place,
                        remark=f"it is not {vocabulary.kinds['scene'][place].say}")


def _found(words: Sequence[str], vocabulary: Vocabulary) -> dict[Kind, list[Found]]:
    """Return what the words say, by kind, from left to right; words that are only near to something say nothing."""
    said = {kind: list(_said(kind, words, vocabulary)) for kind in _SAID}
    taken = {i for some in said.values() for f in some for i in range(f.start, f.stop)}
    found: dict[Kind, list[Found]] = {}
    for kind in _ORDER:
        tokens = [_token(word, kind) for word in words]
        mine = [f for f in vocabulary.scan(kind, tokens) if f.exact and
                (kind == "colour" or not taken & set(range(f.start, f.stop)))]               # "red fox" is a creature
        if kind == "action":
            mine = [f for f in mine if words[f.start].endswith("ing")]
        mine = sorted([*mine, *said.get(kind, ())], key=lambda f: f.start)
        for f in mine:
            taken |= set(range(f.start, f.stop))
        found[kind] = mine
    return found


def _said(kind: Kind, words: Sequence[str], vocabulary: Vocabulary) -> Iterator[Found]:
    """Yield what stands there just as the vocabulary says it: "in the snow" is no weather, "sleeping" no time of day."""
    for value, entry in vocabulary.kinds[kind].items():
        said = entry.say.lower().split()
        for i in range(len(words) - len(said) + 1):
            if said and list(words[i:i + len(said)]) == said:
                yield Found(value, True, i, i + len(said))


def _token(word: str, kind: Kind) -> _Token:
    if kind == "action":
        return _Token(word, lemma_of_verb(word), "VERB")
    return _Token(word, lemma_of_noun(word), "NOUN", "DT" if word in {"a", "an", "the", "its"} else "NN")


def _colour_of(figure: Found, words: Sequence[str], colours: Sequence[Found]) -> str:
    """Return the colour that stands before a figure; "" of none, and of a character, whose pictures say it."""
    if _is_character(figure, words):
        return ""
    near = [f for f in colours if figure.start <= f.stop + _BEFORE and f.stop <= figure.stop
            and not {"a", "an", "the", "and"} & set(words[f.stop:figure.start])]
    return near[-1].value if near else ""


def _is_character(figure: Found, words: Sequence[str]) -> bool:
    return figure.start > 0 and words[figure.start - 1].startswith("<")


def _worn(number: int, who: str, thing: str) -> AskedPart:
    missing = "wears what nobody asked for" if thing == "none" else \
        f"has no {thing}" if thing.endswith("s") else f"has not {with_article(thing)}"
    return AskedPart(figure=number, attribute="accessory", value=thing, remark=f"{who} {missing}")
