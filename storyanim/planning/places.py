"""Nouns as places: which are somewhere to be, in which room a thing stands, how a place is said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from storyanim.planning.looks import listed
from storyanim.planning.narrative import Setting
from storyanim.planning.when import TIMES, WEATHER, Weather
from storyanim.planning.words import is_place, is_room, words

if TYPE_CHECKING:
    from spacy.tokens import Token

STATIC = frozenset({"in", "at", "on", "inside", "within", "upon", "aboard", "among", "amid", "under", "beneath", "beside", "near", "by",
                     "outside", "behind", "between", "in front of", "outside of"})
OUTSIDE = frozenset({"outside", "behind", "near", "beside", "by", "in front of", "outside of"})       # a house, and not in it
PATH = frozenset({"through", "across", "along", "around", "round", "up", "down", "over", "about", "throughout"})
GOAL = frozenset({"to", "into", "onto", "inside", "back to", "up to", "down to", "over to", "out to", "out into", "out onto", "back into"})
AWAY = frozenset({"from", "out of", "away from", "off", "out from"})
_UNSEEN = frozenset(["own", "same", "other", "whole", "next", "near", "nearest", "far", "certain", "very", "new", "first", "last", "second", "such", "many"])
HEADING = re.compile(r"\s*(?P<kind>(?:INT|EXT|INT\.?/EXT|I/E|EST)\.?)[ .]+(?P<rest>.*)", re.DOTALL)
_CHAPTER = re.compile(r"\W*(?:chapter|part|book|canto)\b", re.IGNORECASE)
_FRAMING = re.compile(r"(?:(?:extreme|very|medium|wide|close|long|full|establishing|aerial|tracking)\b[ -]*)+(?:shot|up|view|on)?|cu|ws|ms|pov", re.I)
MIDST = re.compile(r"\w+ the (?:middle|heart|depths?|center|centre|edge|end|foot|top|bottom|shade) of$")


@dataclass(frozen=True)
class Place:
    """A place that a phrase names, or a thing implies."""

    preposition: str
    name: str                                        # "golden palace"
    head: str                                        # "palace"
    is_room: bool = False                            # told by a thing in it: "bed"
    is_new: bool = False                             # "a castle"
    has: tuple[str, ...] = ()                        # what stands in it, as the phrase says: "a room with flowers"


def read_heading(line: str) -> Setting:
    """Return where and when a heading is: "INT. COFFEE SHOP - NIGHT", "## At the beach"; of a chapter's title only when."""
    scripted = HEADING.match(line)
    found = [word for word in re.findall(r"[^\W\d_]+", line.lower())]
    time = next((TIMES[word] for word in found if word in TIMES), "day" if "day" in found and scripted else "")
    if scripted:
        weather: Weather = next((WEATHER[word] for word in found if word in WEATHER), "")
        where = re.split(r"\s+[-–—]+\s+|,\s|\(|\n", scripted["rest"].strip())[0]
        place = re.sub(r"^(?:the|a|an)\s+|\b[\w]+['’]s\s+", "", where.strip(" .-#").lower())
        place = "" if _FRAMING.fullmatch(place) else place
        return Setting(place, "in" if place else "", time, weather, scripted["kind"].startswith("INT"))
    if _CHAPTER.match(line):
        return Setting(time_of_day=time)
    place = next((word for word in reversed(found) if is_place(word)), "")
    return Setting(place, "in" if place else "", time, next((WEATHER[word] for word in found if word in WEATHER), ""),
                   place in words("indoors"))


@cache
def room_with(thing: str) -> str:
    """Return the room in which a thing stands, and nowhere else: "bedroom" of a bed; "" of others."""
    rooms = ("bedroom", "kitchen", "living room", "bathroom", "classroom", "church", "boat", "room")
    return next((room for room in rooms if thing in words(f"in {room}")), "")


def room_of(head: str) -> bool:
    """Tell whether a noun is a room of a house: who goes to it is in it."""
    return head in {"kitchen", "nursery", "attic", "cellar", "basement", "hall", "pantry", "parlour"} or is_room(head)


def is_where(preposition: str, token: Token) -> bool:
    """Tell whether a noun is a place: of the lists, or a name that is nobody's."""
    token = place_of(token)
    lemma = token.lemma_.lower()
    if lemma in words("weekday", "month", "time") or lemma in TIMES:
        return False
    if preposition == "before" and not any(c.dep_ in {"det", "poss"} for c in token.children):       # "before school"
        return False
    if lemma in words("ground"):
        return preposition in {"on", "in", "onto", "into", "across", "over"}
    if lemma == "roof":                              # of a house, and nothing else is on it
        return preposition in {"on", "onto", "across", "over", "from", "off", "along"}
    if lemma in words("stairs") | {"water"}:
        return preposition in {"", "up", "down", "on", "onto"} if lemma != "water" else preposition in STATIC | GOAL | {"through"}
    if token.pos_ == "PROPN" and not is_place(lemma):
        return token.ent_type_ in {"GPE", "LOC", "FAC"} or (token.text[0].isupper() and token.dep_ == "pobj" and not token.is_sent_start)
    is_stop = lemma == "stop" and any(c.dep_ == "compound" for c in token.children)     # of a bus
    return is_stop or (token.pos_ in {"NOUN", "PROPN"} and (is_place(lemma) or token.lower_ == "rocks"))


def place_in(preposition: str, head: Token) -> Place:
    """Return the place that a phrase names, which `is_where` tells to be one."""
    token = place_of(head)
    preposition = {"before": "in front of", "past": "by"}.get(preposition, preposition)
    has = [t for c in token.children if c.lower_ in {"with", "full"} for p in (c, *c.children) for t in p.children if t.dep_ == "pobj"]
    is_new = any(c.lower_ in {"a", "an"} for c in token.children)
    return Place(preposition, _say_place(token), token.lemma_.lower(), is_new=is_new, has=tuple(t.lemma_.lower() for t in has))


def place_of(head: Token) -> Token:
    """Return the place that a thing in it names: "kitchen" of "at the kitchen table"."""
    if is_place(head.lemma_.lower()):
        return head
    if head.lemma_.lower() in {"wall", "roof", "step", "gate", "door", "stop"} | listed("clothes"):        # "a school uniform"
        return head
    return next((c for c in head.children if c.dep_ == "compound" and c.pos_ == "NOUN" and is_place(c.lemma_.lower())), head)


def _say_place(head: Token) -> str:
    """Return a place with what can be seen of it: "golden palace", "coffee shop"."""
    before = [c for c in head.children if c.i < head.i and (c.dep_ == "compound" or (c.dep_ == "amod" and c.tag_ == "JJ" and c.lower_ not in _UNSEEN))]
    if head.pos_ == "PROPN" and before and all(t.text[0].isupper() for t in (*before, head)) and not any(c.dep_ == "det" for c in head.children):
        return " ".join(t.text for t in sorted([*before, head], key=lambda t: t.i))      # "Gull Rock"
    parts = [t.lower_ for t in sorted(before, key=lambda t: t.i)][-2:]
    if head.lemma_.lower() in words("stairs"):
        return head.lower_
    return " ".join([*parts, head.text if head.pos_ == "PROPN" and not is_place(head.lemma_.lower()) else head.lower_])
