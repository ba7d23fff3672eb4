"""A story into beats: what becomes a shot, with everything known of who is in it and where it is.

A sentence without an event ("It was a cold night.") belongs to its neighbour; one that brings somebody new is a beat of its
own; what someone says goes with what he does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from storyanim.artifacts import CastMember
from storyanim.planning.clauses import Clause, NounPhrase, cut_events, is_backdrop, noun_phrases, parse_clause
from storyanim.planning.english import Token, find_names, tokenize
from storyanim.planning.entity import Entity
from storyanim.planning.follow import Follower
from storyanim.planning.script import HEADING, LABEL, TRANSITION, find_speakers
from storyanim.planning.sentences import Span, quoted_mask, split_sentences
from storyanim.planning.setting import Setting, begins_scene, is_setting_word, read_setting
from storyanim.planning.vocabulary import Vocabulary

ESTABLISHING = 200                                   # characters of description that are a shot of their own
TALK = 160                                           # longest text of an action with the words said to it


@dataclass(frozen=True)
class Unit:
    """The smallest piece that could be a shot."""

    span: Span
    clause: Clause
    meant: dict[NounPhrase, tuple[Entity, ...]]
    subjects: tuple[Entity, ...]                     # who does it, also where the clause leaves it out
    setting: Setting                                 # after it
    introduces: bool                                 # somebody is new
    looks: dict[int, tuple[str, str]]                # id of an entity → accessory and its colour, now

    @property
    def is_heading(self) -> bool:
        """ "EXT. BEACH - DAWN", "## At the beach"."""
        return begins_scene(self.clause.tokens)


@dataclass
class Beat:
    """One shot in the making."""

    units: list[Unit] = field(default_factory=list)

    @property
    def start(self) -> int:
        """Offset in the story."""
        return self.units[0].span.start

    @property
    def end(self) -> int:
        """Offset after it, the blanks that follow included."""
        return self.units[-1].span.end

    @property
    def main(self) -> Unit:
        """The unit to draw: its event, else whom it introduces, else its speech."""
        for wanted in ("event", "intro", "speech", "state"):
            for unit in self.units:
                somebody = bool(unit.subjects) or len(self.units) == 1
                if wanted == ("intro" if unit.clause.kind == "state" and unit.introduces else unit.clause.kind) and somebody:
                    return unit
        return next((u for u in self.units if u.clause.kind == "event"), self.units[0])


def find_beats(
    text: str, vocabulary: Vocabulary, cast: Sequence[CastMember], title: str = ""
) -> tuple[list[Beat], Follower]:
    """Beats that together are `text`, in order, and the characters met. Who "he" is may stand in the title alone."""
    follower = Follower(vocabulary, cast, _understood(text, title, vocabulary, cast))
    beats: list[Beat] = []
    waiting = Beat()
    for unit in _units(text, follower):
        if unit.span.new_paragraph and waiting.units and beats and not waiting.units[-1].is_heading:
            beats[-1].units += waiting.units         # it closed its own paragraph
            waiting = Beat()
        if _joins_previous(unit, beats, waiting):
            beats[-1].units.append(unit)
        elif _waits(unit, vocabulary):
            waiting.units.append(unit)
            if waiting.end - waiting.start >= ESTABLISHING:
                beats.append(waiting)
                waiting = Beat()
        else:
            beats.append(Beat([*waiting.units, unit]))
            waiting = Beat()
    follower.settle_cast()
    if waiting.units and beats:
        beats[-1].units += waiting.units
    elif waiting.units:
        beats.append(waiting)
    return beats, follower


def _understood(text: str, title: str, vocabulary: Vocabulary, cast: Sequence[CastMember]) -> NounPhrase | None:
    """Whom a story means that begins with "he" or "I": the animal of its title, else the one of its cast if it never names
    him. None when nothing tells.
    """
    known = Follower(vocabulary, cast)
    for phrase in noun_phrases(tokenize(title.lower(), 0, len(title))):
        if known.creature_of(phrase) or known.plays(phrase):
            return phrase
    if len(cast) != 1:
        return None
    noun = noun_phrases([Token(word, 0, 0, "NN") for word in cast[0].noun.split()])
    told = [p for sentence in split_sentences(text) for p in noun_phrases(tokenize(text, sentence.start, sentence.end))]
    return noun[0] if noun and not any(known.plays(phrase) for phrase in told) else None


def _waits(unit: Unit, vocabulary: Vocabulary) -> bool:
    """Whether it is no picture by itself: description without anybody new, the weather, a heading, a fragment."""
    clause = unit.clause
    if clause.kind == "event":
        return not unit.subjects and (_is_about_weather(unit, vocabulary) or _is_about_camera(unit) or is_backdrop(clause))
    if clause.kind == "speech":
        return not unit.subjects
    return not (clause.kind == "state" and unit.introduces)


def _is_about_weather(unit: Unit, vocabulary: Vocabulary) -> bool:
    """ "It started to rain.", "The sun came out," and nobody is there."""
    if unit.meant or unit.span.end - unit.span.start >= 60 or not unit.clause.subjects:
        return False
    first = unit.clause.subjects[0].head
    return first.lower in {"it", "snow"} or is_setting_word(first, vocabulary)


def _is_about_camera(unit: Unit) -> bool:
    """ "The camera pans left," and nobody is there."""
    return not unit.meant and any(phrase.head.lower == "camera" for phrase in unit.clause.subjects)


def _joins_previous(unit: Unit, beats: Sequence[Beat], waiting: Beat) -> bool:
    """Whether it goes on with the shot before: words said to an action, a speaker who goes on, what the camera does."""
    if beats and not waiting.units and _is_about_camera(unit):
        return not unit.span.new_paragraph
    if not beats or waiting.units or unit.clause.kind != "speech":
        return False
    previous = beats[-1].units[-1]
    together = unit.span.end - beats[-1].start
    if not unit.subjects:
        return previous.clause.kind == "speech" and together <= 2 * TALK
    same = bool(previous.subjects) and previous.subjects[0] is unit.subjects[0]
    return same and together <= TALK and not (unit.span.new_paragraph and previous.clause.kind == "speech")


def _units(text: str, follower: Follower) -> list[Unit]:
    quoted, names = quoted_mask(text), find_names(text) | find_speakers(text)
    units: list[Unit] = []
    setting = Setting()
    read = text.lower() if text.isupper() and len(text.lower()) == len(text) else text
    for sentence in split_sentences(text):
        tokens = tokenize(read, sentence.start, sentence.end, quoted, names)
        words = text[sentence.start:sentence.end]
        if HEADING.match(words) or TRANSITION.match(words) or LABEL.match(words):
            units.append(_read_unit(sentence, Clause(tuple(tokens), "none"), follower, setting))
            setting = units[-1].setting
            continue
        pieces = cut_events(tokens) or [[]]
        starts = [sentence.start, *(piece[0].start for piece in pieces[1:])]
        ends = [*starts[1:], sentence.end]
        for i, piece in enumerate(pieces):
            span = Span(starts[i], ends[i], sentence.new_paragraph and i == 0)
            units.append(_read_unit(span, parse_clause(piece), follower, setting))
            setting = units[-1].setting
    return units


def _read_unit(span: Span, clause: Clause, follower: Follower, setting: Setting) -> Unit:
    known = len(follower.entities)
    before = follower.subjects
    meant = follower.read(clause)
    named = unique([e for p in clause.subjects for e in meant.get(p, ())])
    left_out = clause.verb is not None and not clause.subjects and clause.kind == "event"
    subjects = named or ((before or follower.last_named()) if left_out else ())
    now = read_setting(setting, clause, meant, follower.vocabulary)
    looks = {id(e): (e.accessory, e.accessory_colour) for e in follower.entities}
    return Unit(span, clause, meant, subjects, now, len(follower.entities) > known, looks)


def unique(entities: Sequence[Entity]) -> tuple[Entity, ...]:
    """Each character once, in order."""
    kept: list[Entity] = []
    for entity in entities:
        if not any(entity is other for other in kept):
            kept.append(entity)
    return tuple(kept)
