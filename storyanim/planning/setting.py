"""Where a story is, and when: each place with a lifetime.

A place is set by headings, by arriving, by being or doing something there, and by what stands only there: who is in bed is in a
bedroom, who rows is in a boat. It ends when who acts leaves it or is elsewhere, with a heading or a date, with another day, and
indoors when somebody is out in the weather. Things, what is looked at and figures of speech set none.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from storyanim.planning.clause_parts import read_modifiers
from storyanim.planning.english import is_speech
from storyanim.planning.events import Clause
from storyanim.planning.forms import Mark
from storyanim.planning.narrative import Person, Setting
from storyanim.planning.places import (
    AWAY,
    GOAL,
    HEADING,
    MIDST,
    OUTSIDE,
    PATH,
    STATIC,
    Place,
    is_where,
    place_in,
    read_heading,
    room_of,
    room_with,
)
from storyanim.planning.when import (
    Time,
    begins_later,
    begins_new_day,
    is_another_time,
    is_in_weather,
    is_next_morning,
    read_time,
    read_weather,
    until_when,
)
from storyanim.planning.words import is_place, words

if TYPE_CHECKING:
    from spacy.tokens import Token

_LOOK = frozenset(["look", "see", "watch", "stare", "gaze", "peer", "peek", "glance", "point", "listen", "hear", "wave", "shout", "call", "smile", "laugh", "aim", "shoot", "talk", "speak", "say", "tell", "ask", "think", "dream", "wish", "hope", "remember", "know"])
_WISH = frozenset(["want", "wish", "like", "love", "hope", "need", "seek", "plan", "decide", "leave", "build", "make", "draw", "buy", "sell", "own", "have"])
_NOT_THERE = frozenset({"after", "before", "since", "out", "over", "past", "from", "like", "about", "than", "toward", "towards", "for", "without", "off", "as", "until"})
_CARRY = frozenset(["take", "bring", "carry", "lead", "drive", "ride", "follow", "chase", "drag", "pull", "push", "accompany", "guide", "fly", "row", "sail", "walk", "find", "hide", "build"])
_REACH = frozenset(["reach", "enter", "visit", "cross", "explore", "search", "climb", "approach", "roam", "wander", "patrol", "tour"])
_LEAVE = frozenset(["leave", "exit", "escape", "depart", "flee", "quit"])
_MOVE = frozenset(["go", "come", "run", "walk", "step", "creep", "sneak", "slip", "rush", "hurry", "march", "set", "climb", "fly", "ride", "drive", "sail", "hop", "jump", "skip", "crawl"])
_DWELL = frozenset({"live", "dwell", "reside", "work"})
_THROUGHOUT = frozenset({"through", "across", "down", "up", "throughout", "about"})       # a corridor: who goes so is in it
_LIKENESS = frozenset(["shape", "form", "picture", "painting", "photo", "photograph", "drawing", "map", "model", "story", "song", "name", "size", "smell", "sound", "dream", "kind"])
_SWIM = frozenset(["swim", "dive", "wade", "paddle", "snorkel", "bathe"])
_FALL = frozenset(["fall", "tumble", "slip", "roll", "stumble", "jump", "leap", "crash"])
_SAIL = frozenset(["sail", "row"])
_RIDE = frozenset(["drive", "ride", "board", "steer", "pilot"])
_WAKE = frozenset(["wake", "awake", "awaken", "rise", "sleep"])
_SAME_TIME = re.compile(r"\b(?:CONTINUOUS|LATER|SAME|MOMENTS)\b")


class SettingReader:
    """Keeps the setting along a story."""

    def __init__(self) -> None:
        self.now = Setting()
        self._base = Setting()                       # of the heading: where it is again when nothing else is told
        self._around = Setting()                     # the place that a spot in it was set in: the lake with its jetty
        self._water = "water"                        # that was spoken of last: "river"
        self._vehicles = deque([""], maxlen=3)       # of the last clauses: who climbs in is in the submarine
        self._apart: tuple[Person, ...] = ()         # who is where the others are not: "jumped into the pool", "was locked in the tower"
        self._others = Setting()                     # where the others are then
        self._own: dict[int, Setting] = {}           # id(person) → where it was when it last did something
        self._setters: tuple[Person, ...] = ()       # who alone is said to be where it is now
        self._after: Setting | None = None           # where the next clause is, after one that looked back
        self._then: Time = ""                        # the time of day that the last clause went on until
        self._newcomers = False                      # who acts in this clause was not there before
        self.jumped = False                          # the last clause began another day
        self._opens_paragraph = False
        self._bound_for: Setting | None = None       # where the next clause is: "walked through the wood to the river"

    def begin(self, marks: tuple[Mark, ...], text: str, *, new_paragraph: bool = False) -> Setting:
        """Read what stands before a sentence: a heading or a date ends all that was."""
        for mark in marks:
            if mark.kind in {"heading", "date"}:
                before, self.now, self._bound_for = self.now, Setting(), None
                self._base = self._around = Setting()
                self._own.clear()
            if mark.kind == "heading":
                line = text[mark.start:mark.end]
                self.now = self._base = read_heading(line)
                if _SAME_TIME.search(line) or (HEADING.match(line) and not self.now.time_of_day):
                    self.now = replace(self.now, time_of_day=before.time_of_day)
        self._opens_paragraph = new_paragraph
        if new_paragraph and self.now.place.rpartition(" ")[2] in words("spot"):
            self._go(self._around)
        return self.now

    def read(self, clause: Clause, meant: Mapping[int, tuple[Person, ...]], doers: tuple[Person, ...]) -> Setting:
        """Return the setting of a clause. Args: doers: the people who are its subject, told or left out."""
        if self._after is not None:
            self.now, self._after = self._after, None
        self._newcomers = bool(doers) and all(p.first >= clause.start for p in doers)        # "A fox stepped out": to where one is
        if self._bound_for is not None and clause.kind != "state":
            self.now, self._bound_for = self._bound_for, None
        self.now = self.now.stayed()
        if self._then:
            self.now, self._then = replace(self.now, time_of_day=self._then), ""
        self._begin_day(clause)
        if self._apart and doers and not set(doers) & set(self._apart):
            self._go(self._others)
            self._apart = ()
        self._return_to(meant, doers)
        self.now = read_weather(clause, meant, read_time(clause, self.now))
        self._water = next((t.lemma_.lower() for t in clause.tokens if t.lemma_.lower() in words("water body") - {"water"}
                            and t.pos_ == "NOUN"), self._water)
        boards = not clause.negated and clause.lemma != "miss"               # the bus
        self._vehicles.append(next((t.lemma_.lower() for t in clause.tokens if boards and t.lemma_.lower() in words("vehicle") - words("open")
                                    and t.pos_ == "NOUN" and t.i not in meant), ""))
        before = self.now
        for verb in _settling_verbs(clause):
            ridden = next((c.lemma_.lower() for c in verb.children if c.dep_ == "nsubj" and c.i not in meant
                           and c.lemma_.lower() in words("vehicle")), "")
            if not (ridden and self.now.indoors and ridden == self._head):         # who rides in it stays in it
                self._read_place(clause, verb, meant, somebody=bool(doers or ridden) or verb is not clause.verb)
        if before.place != self.now.place:
            self._apart = doers if self._goes_alone(clause) else ()
            if self.now.place and self._head not in words("vehicle") and self.now.indoors != before.indoors:
                self._vehicles.clear()
            self._others = self._around if before.place.rpartition(" ")[2] in words("spot") and not clause.passive else before
        if clause.verb is not None and _is_past_perfect(clause.verb) and before.place and before.place != self.now.place:
            self._after = replace(self.now, place=before.place, preposition=before.preposition, indoors=before.indoors, around=before.around,
                                  has=before.has)
        if before.place != self.now.place:
            self._setters = doers if clause.lemma == "be" else ()
        self._own |= {id(p): self.now for who in meant.values() for p in who} | {id(p): self.now for p in doers}
        self._read_until(clause, meant)
        if not self.now.place and not self.now.indoors and clause.kind != "speech" and not clause.negated:
            self._guess(clause, meant)
        self._then = until_when(clause) if clause.kind != "state" and not clause.negated else ""
        if clause.verb is None:
            self._settle([place_in(p, t) for p, t in clause.modifiers if t.i not in meant and is_where(p, t)], clause.lemma)
        return self.now

    def _return_to(self, meant: Mapping[int, tuple[Person, ...]], doers: tuple[Person, ...]) -> None:
        """Be where those who act were: "Ann was in the park. Sam was at home. Ann sang"."""
        met = {p for who in meant.values() for p in who} | set(doers)
        homes = {self._own[id(p)].place: self._own[id(p)] for p in doers if id(p) in self._own}
        if self._setters and not met & set(self._setters) and len(homes) == 1 and all(id(p) in self._own for p in doers):
            self._go(*homes.values())
            self._setters = doers

    @property
    def _head(self) -> str:
        """The last word of where it is: "palace"."""
        return self.now.place.rpartition(" ")[2]

    def _goes_alone(self, clause: Clause) -> bool:
        """Tell whether only who does, or suffers, it is where a clause leads: in the water, on a roof, in prison."""
        if clause.passive:
            return any(p in STATIC | GOAL for p, _ in clause.modifiers)
        away = self._head in words("water body") or (clause.lemma in _FALL and not self.now.indoors)          # "fell into a ditch"
        return clause.lemma in words("motion") and self.now.preposition == "in" and away

    def _read_until(self, clause: Clause, meant: Mapping[int, tuple[Person, ...]]) -> None:
        """Read where the next clause is: "They walked until they came to a cave"."""
        for verb in clause.tokens:
            if verb.dep_ != "advcl" or verb.head != clause.verb or not any(c.lower_ in {"until", "till"} for c in verb.children):
                continue
            told = [place_in(p, t) for p, t in _phrases(verb) if p in GOAL | STATIC and t.i not in meant and is_where(p, t)]
            told += [place_in("at", c) for c in verb.children if c.dep_ == "dobj" and verb.lemma_ in _REACH and is_where("", c)]
            if told and verb.lemma_.lower() in _REACH | words("motion"):
                self._bound_for = self._at(told[0])

    def _begin_day(self, clause: Clause) -> None:
        """End what another day ends."""
        new_day = begins_new_day(clause)
        if new_day or is_another_time(clause):
            self._bound_for = None
        self.jumped = new_day or is_next_morning(clause, self.now)
        if new_day:
            self.now = replace(self.now, time_of_day="", weather="")
        later = self._opens_paragraph and begins_later(clause)
        self._opens_paragraph = False
        if new_day or ((self.jumped or later) and clause.lemma not in _WAKE):
            self._go(self._base)

    def _go(self, where: Setting) -> None:
        """Be at another place, at the same time."""
        self.now = replace(self.now, place=where.place, preposition=where.preposition, indoors=where.indoors, around=where.around, has=where.has,
                           snow_lies=where.snow_lies)

    # ── place ──

    def _read_place(self, clause: Clause, verb: Token, meant: Mapping[int, tuple[Person, ...]], *, somebody: bool) -> None:
        lemma, own = verb.lemma_.lower(), verb is clause.verb
        modifiers = list(clause.modifiers) if own else list(_phrases(verb))
        objects = list(clause.objects) if own else [c for c in verb.children if c.dep_ == "dobj"]
        if clause.kind == "speech" and own:
            first = min((t.i for t in clause.subjects), default=-1)      # "At school I told ..."
            modifiers = [(p, t) for p, t in modifiers if p in {"in", "on", "inside", "before", "in front of"} or (p == "at" and t.i < first)]
        if (own and clause.negated and lemma != "leave") or (_is_past_perfect(verb) and not (own and verb.tag_ == "VBG")):
            return
        if somebody:
            self._read_leaving(clause, verb, modifiers, objects)
        places = [place_in(p, t) for p, t in modifiers if t.i not in meant and is_where(p, t)]
        described = own and (clause.kind == "state" or lemma in {"smell", "look", "feel", "sound"})
        if described and not places:                 # "The kitchen was dark", "The ship had a crew of three"
            kinds = words("indoors", *["vehicle"] * (lemma == "have"))
            kinds |= {"city", "town", "village", "forest", "street", "park", "beach", "garden"} if not self.now.place else frozenset()
            places += [place_in("in", t) for t in clause.subjects if t.i not in meant and t.lemma_.lower() in kinds]
        if lemma in _REACH:
            places += [place_in("in" if lemma in {"enter", "explore"} else "at", t) for t in objects if is_where("", t)]
        moved = [t for t in objects if t.i not in meant]
        if lemma in {"carry", "bring", "hold"}:      # "carried a parrot in a cage"
            held = {t.lemma_.lower() for p, t in modifiers if p == "in" and any(c.lower_ in {"a", "an"} for c in t.children)}
            places = [p for p in places if p.preposition != "in" or p.head not in held]
        if moved and lemma not in _CARRY | _REACH:   # "poured the tea into a cup": it is the thing that goes there
            places = [p for p in places if p.preposition not in GOAL | PATH]
        if any(not is_where("", t) for t in moved) and lemma not in _CARRY | _REACH:   # "washed my face in the stream"
            places = [replace(p, preposition="at") if p.preposition == "in" and p.head in words("water body") else p for p in places]
        if not somebody and self.now.place and not (described or _is_there(clause) or _is_fronted(clause, modifiers)):
            return
        if somebody and own and clause.kind != "speech":
            told = any(p.preposition in STATIC | PATH | GOAL for p in places)
            places += [] if told or (moved and lemma not in _RIDE | _SAIL) else list(self._implied(lemma, modifiers, objects))
            if not places and self.now.indoors and is_in_weather(clause):
                self._go(Setting(snow_lies=self.now.snow_lies))
        homeward = any(c.lower_ == "home" and c.dep_ in {"advmod", "npadvmod"} for c in verb.children)
        self._settle(places, lemma, [p for p, _ in modifiers], homeward=homeward)

    def _read_leaving(self, clause: Clause, verb: Token, modifiers: list[tuple[str, Token]], objects: list[Token]) -> None:
        for other in clause.tokens if verb is clause.verb else ():
            if other.dep_ == "relcl" and other.lemma_.lower() in _MOVE | _LEAVE:       # "him, who jumped out of a window"
                self._leave(other, other.lemma_.lower(), list(read_modifiers(other, clause.tokens)), [])
        if not (verb is clause.verb and self._newcomers):
            self._leave(verb, verb.lemma_.lower(), modifiers, objects)
        self._read_adverbs(verb, verb.lemma_.lower())
        if self.now.indoors and any(p == "on" and t.lemma_.lower() == "way" for p, t in modifiers):
            self._go(Setting())                      # "On the way home they met a goat"

    def _implied(self, lemma: str, modifiers: list[tuple[str, Token]], objects: list[Token]) -> Iterator[Place]:
        """Yield where one must be who does something, or does it at a thing: "slept in his own bed", "rowed on"."""
        head = self.now.place.rpartition(" ")[2]
        ridden = next((t.lemma_.lower() for t in objects if t.lemma_.lower() in words("vehicle") - words("open")), "") if lemma in _RIDE else ""
        for preposition, token in modifiers:
            room = room_with(token.lemma_.lower())
            if room and preposition in STATIC | GOAL | {"out of", "from"} and (lemma not in _LOOK or preposition in {"on", "in", "under", "from"}) \
                    and not any(c.dep_ == "compound" or c.lower_ == "of" for c in token.children):      # no tub of water
                other = head in words("dwelling") if room == "bedroom" else head and not room_of(head)      # "on the sofa" of a shop
                known = (self.now.indoors or head in words("indoors")) and (room == "room" or (self.now.indoors and other))
                if not known and room.rpartition(" ")[2] != head:
                    yield Place("in", room, room.rpartition(" ")[2], is_room=room != "boat")
                return
        if ridden and head != ridden:
            yield Place("in", ridden, ridden)
        elif lemma in _SAIL and head not in words("vehicle"):
            yield Place("in", "boat", "boat")
        if lemma in _SWIM and (not head or head in words("shore", "spot")) and head not in words("water body"):
            yield Place("in", "water", "water")

    def _guess(self, clause: Clause, meant: Mapping[int, tuple[Person, ...]]) -> None:
        """Take a place that is only named, "locked the gate of the zoo", while nothing else tells where one is."""
        for token in clause.tokens:
            lemma = token.lemma_.lower()
            part = any(a.lemma_.lower() in words("part") or a.dep_ == "relcl" for a in (token.head, token.head.head, token.head.head.head))
            if token.i in meant or token.pos_ != "NOUN" or not is_place(lemma) or is_speech(token) or part or lemma in words("vehicle"):
                continue
            if token.head.lower_ == "of" and token.head.head.lemma_.lower() in _LIKENESS:
                continue                             # "a cake in the shape of the lighthouse"
            prepositions = {a.lower_ for a in (token.head, token.head.head) if a.pos_ == "ADP"}
            if token.dep_ in {"pobj", "attr", "dobj"} and not prepositions & _NOT_THERE and not any(
                    a.lemma_.lower() in _LOOK | _WISH for a in token.ancestors):
                self.now = self._at(place_in("in" if prepositions & {"in", "inside"} else "at", token))
                return

    def _settle(self, places: list[Place], lemma: str, prepositions: Sequence[str] = (), *, homeward: bool = False) -> None:
        """Be where the phrases say: a way and then its goal, or the first of several. Args: homeward: it leads home."""
        if lemma in _LOOK:
            places = [p for p in places if p.preposition in {"in", "on", "inside", "in front of"}]
        here = [p for p in places if p.preposition in STATIC | PATH or MIDST.fullmatch(p.preposition)]
        goal = [p for p in places if p.preposition in GOAL] if lemma in words("motion") | _CARRY else []
        if lemma in words("motion") and any(p in GOAL for p in prepositions):         # "came to the rock in boats"
            here = [p for p in here if p.head not in words("vehicle")]
        for chosen in (here or goal)[:1]:
            if chosen.head == "water":               # of that lake
                if self.now.place.rpartition(" ")[2] in words("water body"):
                    return
                chosen = replace(chosen, name=self._water, head=self._water)
            if chosen.head in words("ground") and self.now.place and not self.now.indoors and (
                    chosen.head == "ice" or self._head not in words("water body", "spot")):
                return                               # the sand of that beach
            before, self.now = self.now, self._at(chosen)
            if chosen.head in words("spot") or (chosen.preposition == "into" and (chosen.head in words("water body") or lemma in _FALL)):
                self._around = before if before.place.rpartition(" ")[2] not in words("spot") else self._around
            ahead = before if before.place == "home" and homeward else self._at(goal[0]) if goal else None
            self._bound_for = ahead if here and chosen.preposition in PATH else None
            if chosen.head in words("stairs") and chosen.preposition in PATH and before.indoors and lemma == "come":
                self._bound_for = before             # to where somebody is

    def _at(self, place: Place) -> Setting:
        name, preposition, before = place.name, place.preposition, self.now
        if before.place.split()[-1:] == name.split()[-1:]:
            name = max(name, before.place, key=len)  # "the palace" is the golden one
        enclosed = place.is_room or room_of(place.head) or place.head in words("indoors", "vehicle") - words("open")
        inside = preposition in {"in", "into", "inside", "back to", "back into", "on", "aboard"} or name == "home" or (
            room_of(place.head) and preposition not in OUTSIDE) or preposition in _THROUGHOUT
        if enclosed and preposition in OUTSIDE and before.place and not before.indoors and not place.is_new:
            return before                            # "waited outside the house", in the forest
        short = "in" if (enclosed and preposition in _THROUGHOUT) or preposition in {"into", "inside", "through", "within", "in", "back into"} or MIDST.fullmatch(preposition) else \
            preposition if preposition in {"on", "under", "over", "along", *OUTSIDE} else "at"
        indoors = place.is_room or (bool(inside) and enclosed) or (place.head in words("stairs") and before.indoors)
        spot = place.head in words("spot", "part of a house") and not place.is_room
        around = before.around if before.place.rpartition(" ")[2] in words("spot", "part of a house") else before.place
        return replace(before, place=name, preposition=short, indoors=indoors, around=around if spot else "",
                       has=place.has or (before.has if name == before.place else ()),
                       snow_lies=before.snow_lies and name == before.place)

    def _leave(self, verb: Token, lemma: str, modifiers: list[tuple[str, Token]], objects: list[Token]) -> None:
        if not self.now.place and not self.now.indoors:
            return
        head = self.now.place.rpartition(" ")[2]
        left = [t.lemma_.lower() for p, t in modifiers if p in AWAY] + ([t.lemma_.lower() for t in objects] if lemma in _LEAVE else [])
        inside = self.now.indoors or head in words("indoors")
        goes = lemma in _MOVE | _LEAVE | words("motion")      # rather than fetches something from there
        gone = any(word == head or (inside and goes and word in words("indoors") | {"window", "door", "gate"}) for word in left)
        if self._apart and goes and not gone and any(p in AWAY and is_where(p, t) for p, t in modifiers):
            self._go(self._others)                   # "landed in the pond. Next she leapt from the barn roof"
        adverbs = {c.lower_ for c in verb.children if c.dep_ in {"prt", "advmod"}}
        if lemma in _MOVE and ("away" in adverbs or (self.now.indoors and adverbs & {"out", "off", "outside", "outdoors"})):
            gone = True
        if gone or (lemma in _LEAVE and not objects):
            self._go(Setting())
        elif lemma in _MOVE - {"jump", "hop", "skip", "set"} and adverbs & {"up", "down", "upstairs", "downstairs"} and self.now.indoors:
            self._go(Setting(indoors=True))          # another floor

    def _read_adverbs(self, verb: Token, lemma: str) -> None:
        for child in verb.children:
            word = child.lower_
            if word == "home" and child.dep_ in {"advmod", "npadvmod", "dobj"} and lemma not in {"leave", "build"}:
                self._go(Setting("home", "at", indoors=True))
            elif word in {"upstairs", "downstairs"} and lemma in _MOVE | _CARRY and not self.now.indoors:
                self._go(Setting(indoors=True))
            elif word in {"outside", "outdoors"} and self.now.indoors and lemma not in _LOOK:
                self._go(Setting())
            elif word in {"in", "inside", "indoors"} and child.dep_ in {"prt", "advmod"} and lemma in _MOVE | {"stay"} and not self.now.indoors:
                if self._head in words("water body", "shore"):
                    continue                         # of the lake, "walked straight in"
                if ridden := next(filter(None, reversed(self._vehicles)), ""):
                    self._go(Setting(ridden, "in", indoors=True))
                    continue
                known = self._head in words("indoors")           # "unlocked the door and went in"
                self._go(replace(self.now, indoors=True, preposition="in") if known else Setting(indoors=True))


def _settling_verbs(clause: Clause) -> Iterator[Token]:
    """Yield the verbs that can say where one is: those of "when they reached the river", then the clause's own."""
    if clause.verb is None:
        return
    for token in clause.tokens:
        if token.dep_ == "relcl" and token.lemma_ in _DWELL and clause.lemma in {"be", "live"}:              # "There was a miller who lived in a mill"
            yield token
        if token.dep_ == "advcl" and token.pos_ == "VERB" and token is not clause.verb and token.head in (clause.verb, clause.tokens.root) \
                and not any(c.lower_ in {"if", "unless", "before", "until", "to", "like"} for c in token.children):
            yield token
    yield clause.verb


def _phrases(verb: Token) -> Iterator[tuple[str, Token]]:
    for child in verb.children:
        if child.dep_ == "prep":
            yield from ((child.lower_, t) for t in child.children if t.dep_ == "pobj")


def _is_there(clause: Clause) -> bool:
    return any(t.dep_ == "expl" for t in clause.tokens)


def _is_fronted(clause: Clause, modifiers: list[tuple[str, Token]]) -> bool:
    """Tell whether a clause begins with its place: "In the lamp room a pane was broken"."""
    subject = min((t.left_edge.i for t in clause.subjects), default=-1)
    return any(p in STATIC and t.i < subject and is_where(p, t) for p, t in modifiers)


def _is_past_perfect(verb: Token) -> bool:
    """Tell whether a clause looks back: "The tooth had come out on the boat"."""
    return verb.tag_ in {"VBN", "VBG"} and any(c.lower_ in {"had", "'d"} and c.dep_ == "aux" for c in verb.children)
