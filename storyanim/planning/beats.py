"""A story into beats, one event a shot (AaS 3.1): what happens, who does it, where, and what of it to draw.

A clause that is an event, or speech, is a beat of its own. States, descriptions and what does not happen belong to a
neighbour. Nothing is cut within a clause, and no profile is known here, so that none changes the cuts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from storyanim.artifacts import CastMember
from storyanim.planning.english import is_speech
from storyanim.planning.events import Clause, find_beings, read_clauses
from storyanim.planning.forms import Manuscript
from storyanim.planning.kinds import find_kinds
from storyanim.planning.looks import read_looks
from storyanim.planning.mentions import find_names, of_which
from storyanim.planning.narrative import Beat, Event, Looks, Narrative, Person, Phrase, Setting
from storyanim.planning.parse import Sentence, parse_sentences, story_end, story_offset
from storyanim.planning.people import People
from storyanim.planning.setting import SettingReader

if TYPE_CHECKING:
    from spacy.tokens import Token

ESTABLISHING = 200                                   # letters of description that are a shot of their own
TALK = 160                                           # letters of speech that one shot holds
_LEFT_OUT = frozenset({"relcl", "appos", "acl", "punct", "cc", "conj", "preconj", "advcl", "ccomp", "parataxis"})


@dataclass(frozen=True)
class _Unit:
    """The smallest piece that could be a shot."""

    start: int
    end: int
    event: Event | None                              # None: a heading, or marks alone
    setting: Setting
    looks: Mapping[int, Looks]
    forced: bool                                     # a shot begins here
    new_paragraph: bool
    sentence: int
    within: tuple[int, int] | None                   # the stretch that the writer made one shot
    unfinished: bool = False                         # it ends with a comma, as a letter's salutation does
    opens_with_words: bool = False                   # it is nothing but speech, at the beginning of a paragraph, and no cue says whose

    @property
    def pictures(self) -> bool:
        """Whether it is something to see that happens."""
        return self.event is not None and self.event.kind == "event" and not self.event.negated

    @property
    def speaks(self) -> bool:
        """Whether somebody speaks in it."""
        return self.event is not None and self.event.kind == "speech"

    @property
    def told(self) -> bool:
        """Whether it is told who, or what, does it."""
        return self.event is not None and bool(self.event.subjects)

    @property
    def doers(self) -> tuple[Person, ...]:
        """Who does it."""
        return people_of(self.event.subjects) if self.event else ()


def read_narrative(manuscript: Manuscript, cast: Sequence[CastMember], title: str = "") -> Narrative:
    """Read a story: who is in it, and its beats, which together are the text; its title may say what its hero is."""
    sentences = parse_sentences(manuscript)
    clauses = [read_clauses(sentence) for sentence in sentences]
    tokens = [token for sentence in sentences for token in sentence.tokens or ()]
    names = find_names(tokens)
    beings = find_beings(c for found in clauses for c in found)
    reader = _Reader(manuscript, People(names, beings, cast, find_kinds(tokens, names, title)))
    answers = _answers(sentences)
    units = _spoken_by_who_acts([unit for i, (sentence, found) in enumerate(zip(sentences, clauses, strict=True))
                                 for unit in reader.read(i, sentence, found, answers=i in answers)])
    reader.people.settle_kinds()
    reader.people.settle_cast()
    for person in reader.people.everybody:
        person.looks = reader.looks.get(id(person), Looks())
    groups = _with_words(_group(units), manuscript.text)
    return Narrative(manuscript.text, tuple(reader.people.everybody), tuple(_make_beat(group) for group in groups))


def _spoken_by_who_acts(units: list[_Unit]) -> list[_Unit]:
    """Return the units with the words that open a paragraph given to who acts next in it: "\"Thirty years.\" He leaned on his stick."."""
    for i, (unit, after) in enumerate(pairwise(list(units))):
        if unit.opens_with_words and not after.new_paragraph and after.pictures and len(after.doers) == 1 and unit.event is not None:
            units[i] = replace(unit, event=replace(unit.event, subjects=after.event.subjects))      # type: ignore[union-attr]
    return units


def _answers(sentences: Sequence[Sentence]) -> set[int]:
    """Return the numbers of the sentences that are paragraphs of speech alone."""
    found: set[int] = set()
    paragraph: list[int] = []
    for i, sentence in enumerate([*sentences, Sentence(0, 0, new_paragraph=True)]):
        if sentence.new_paragraph:
            if paragraph and all(sentences[k].spoken for k in paragraph):
                found.add(paragraph[0])
            paragraph = []
        paragraph.append(i)
    return found


def people_of(phrases: Iterable[Phrase]) -> tuple[Person, ...]:
    """Return everybody that phrases speak of, each once."""
    return tuple(dict.fromkeys(person for phrase in phrases for person in phrase.people))


# ── sentences to units ──


class _Reader:
    """Reads sentences in order: who is who, where and when, and how everybody looks."""

    def __init__(self, manuscript: Manuscript, people: People) -> None:
        self.people = people
        self.looks: dict[int, Looks] = {}
        self._manuscript = manuscript
        self._setting = SettingReader()
        self._said_by: tuple[Person, ...] = ()       # whom the last cue names, or who acted last in the paragraph
        self._by_cue = False
        self._watchers: tuple[Phrase, ...] = ()      # of the last clause

    def read(self, number: int, sentence: Sentence, clauses: Sequence[Clause], *, answers: bool) -> list[_Unit]:
        """Return the units of a sentence. Args: answers: it is a paragraph in which somebody answers, unnamed."""
        text = self._manuscript.text
        setting = self._setting.begin(sentence.marks, text, new_paragraph=sentence.new_paragraph)
        for mark in sentence.marks:
            if mark.kind in {"date", "heading"}:
                self.people.begin_part()
            if mark.kind == "cue":
                self._by_cue = True
                self._said_by = self.people.speaker(text[mark.start:mark.end].strip(" :\n\t*_()"), mark.start)
        if sentence.new_paragraph:
            self.people.begin_paragraph()
        within = next(((s, e) for s, e in self._manuscript.shots if s <= sentence.start < e), None)
        if answers and not any(mark.kind == "cue" for mark in sentence.marks):
            self._said_by = self.people.other_speaker()
        if not clauses:
            return [_Unit(sentence.start, sentence.end, None, setting, dict(self.looks), sentence.forced, sentence.new_paragraph,
                          number, within)]
        starts = [sentence.start, *(story_offset(clause.tokens[0]) for clause in clauses[1:])]
        units: list[_Unit] = []
        before: tuple[Phrase, ...] = ()
        for i, (clause, start, end) in enumerate(zip(clauses, starts, [*starts[1:], sentence.end], strict=True)):
            event = self._read_clause(clause, start, end, before, spoken=sentence.spoken)
            before = self._watchers or event.subjects or before              # "sees it tumble and opens the window"
            forced = i == 0 and (sentence.forced or (self._setting.jumped and within is None))
            opens = sentence.new_paragraph and i == 0
            units.append(_Unit(start, end, event, self._setting.now, dict(self.looks), forced, opens, number, within, text[start:end].rstrip().endswith(","),
                               opens and sentence.spoken and not self._by_cue))
        return units

    def _read_clause(self, clause: Clause, start: int, end: int, before: tuple[Phrase, ...], *, spoken: bool) -> Event:
        text = self._manuscript.text[start:end]
        if clause.kind == "speech":
            self.people.introduce(text)
        meant = self.people.read(clause, people_of(before) if clause.kind != "state" else ())
        event = replace(_make_event(clause, meant), start=start, end=end)
        self._watchers = tuple(_make_phrase(head, "", meant) for head in clause.watchers)
        if clause.kind == "speech":
            self.people.hear_name(text, people_of(event.subjects) or self._said_by)
        if not event.subjects and spoken and self._said_by:
            event = replace(event, verb=event.verb or "say", subjects=(_stand_in(self._said_by, start),))
            self.people.remember_speaker(self._said_by)
        elif not event.subjects and event.verb and event.kind != "state" and clause.verb is not None:
            actors = (before and people_of(before)) or self.people.narrator or self.people.actors
            left_out = before or (_stand_in(actors, start),) if actors or before else ()
            event = replace(event, subjects=left_out)
            self.people.remember_actors(people_of(left_out))
        if people_of(event.subjects) and not self._by_cue:
            self._said_by = people_of(event.subjects)        # who laughed, or spoke, goes on speaking
        self._setting.read(clause, meant, people_of(event.subjects))
        read_looks(event, self.looks)
        return event


def _make_event(clause: Clause, meant: Mapping[int, tuple[Person, ...]]) -> Event:
    subjects = tuple(_make_phrase(head, "", meant) for head in clause.subjects)
    return Event(
        start=clause.start, end=story_end(clause.tokens[-1]), kind=clause.kind, verb=clause.lemma, particle=clause.particle,
        negated=clause.negated, subjects=subjects, objects=tuple(_make_phrase(head, "", meant) for head in clause.objects),
        modifiers=tuple(_make_phrase(head, preposition, meant) for preposition, head in clause.modifiers),
        while_doing=tuple(replace(_make_event(inner, meant), subjects=subjects) for inner in clause.while_doing),
        meanwhile=tuple(_make_event(inner, meant) for inner in clause.meanwhile), tokens=clause.tokens, passive=clause.passive)


def _make_phrase(head: Token, preposition: str, meant: Mapping[int, tuple[Person, ...]]) -> Phrase:
    kept = sorted(_kept(head), key=lambda t: t.i)
    words = "".join(t.text_with_ws if t.i + 1 in {k.i for k in kept} else f"{t.text} " for t in kept).strip()
    if kept[0].is_sent_start and kept[0].pos_ != "PROPN" and not kept[0].is_upper:
        words = words[:1].lower() + words[1:]
    named = of_which(head) or head                   # "shoe" of "one of his shoes"
    noun = named.text if named.pos_ == "PROPN" else named.lemma_.lower()
    return Phrase(text=words, head=noun.lower() if named.pos_ != "PROPN" else named.lemma_, plural=head.tag_ in {"NNS", "NNPS"},
                  people=meant.get(head.i, ()), preposition=preposition, start=story_offset(kept[0]), end=story_end(kept[-1]))


def _kept(head: Token) -> list[Token]:
    """Return a noun and what is said of it in the phrase itself: "a cup of tea", without relative clauses."""
    found = [head]
    for child in head.children:
        if is_speech(child) or child.dep_ in _LEFT_OUT or (child.dep_ == "det" and child.lower_ in {"this", "that", "these", "those"}):
            continue
        if child.i < head.i or (child.dep_ == "prep" and child.lower_ == "of"):
            found += _kept(child) if child.dep_ != "prep" else [child, *(t for p in child.children for t in _kept(p))]
        elif child.dep_ in {"case", "nummod"}:
            found.append(child)
    return found


def _stand_in(who: tuple[Person, ...], at: int) -> Phrase:
    """Return a phrase for who is not named: "and ran home"."""
    name = who[0].names[0] if who[0].names else who[0].noun
    return Phrase(name, name, len(who) > 1 or who[0].plural, who, "", at, at)


# ── units to beats ──


def _group(units: Sequence[_Unit]) -> list[list[_Unit]]:
    """Return the units of each beat: one event, with the states around it."""
    groups: list[list[_Unit]] = []
    waiting: list[_Unit] = []
    for i, unit in enumerate(units):
        opens = unit.forced or (unit.within is not None and (i == 0 or units[i - 1].within != unit.within))
        if (opens or (unit.new_paragraph and not (waiting and waiting[-1].unfinished))) and waiting and not all(u.event is None for u in waiting):
            _close(groups, waiting, alone=opens)
            waiting = []
        last = groups[-1] if groups and not waiting else None
        if unit.within is not None and not opens and last and last[-1].within == unit.within:
            last.append(unit)
        elif unit.within is not None and not opens and waiting:
            waiting.append(unit)
        elif last and not opens and _joins(unit, last, units[i + 1] if i + 1 < len(units) else None):
            last.append(unit)
        elif _waits(unit) and not (unit.within and opens):
            waiting.append(unit)
            if unit.end - waiting[0].start >= ESTABLISHING:
                groups.append(waiting)
                waiting = []
        else:
            groups.append([*waiting, unit])
            waiting = []
    if waiting:
        _close(groups, waiting, alone=any(u.forced for u in waiting) and any(u.event for u in waiting))
    return groups


def _with_words(groups: Sequence[list[_Unit]], text: str) -> list[list[_Unit]]:
    """Join what has neither letter nor digit to its neighbour."""
    kept: list[list[_Unit]] = []
    waiting: list[_Unit] = []
    for group in groups:
        if not any(map(str.isalnum, text[group[0].start:group[-1].end])):
            waiting += group
        elif kept:
            kept[-1] += waiting
            kept.append(group)
            waiting = []
        else:
            kept.append([*waiting, *group])
            waiting = []
    if kept:
        kept[-1] += waiting
    return kept or ([waiting] if waiting else [])


def _close(groups: list[list[_Unit]], waiting: list[_Unit], *, alone: bool) -> None:
    """End what waits for an event that does not come in its paragraph: it goes to the event before, or is a beat."""
    begins = any(u.forced or u.within for u in waiting)
    if groups and not begins and (not alone or waiting[-1].end - waiting[0].start < ESTABLISHING) and groups[-1][-1].within is None:
        groups[-1] += waiting
    else:
        groups.append(waiting)


def _waits(unit: _Unit) -> bool:
    """Tell whether a unit is no picture by itself: a description, a heading, words that nobody is told to say."""
    return not unit.pictures and not (unit.speaks and unit.told)


def _joins(unit: _Unit, last: Sequence[_Unit], following: _Unit | None) -> bool:
    """Tell whether a unit goes on with the beat before it."""
    before = last[-1]
    if unit.event is None or before.within is not None:
        return False
    if unit.event.subjects and all(
            phrase.text.lower().startswith(("camera", "the camera")) for phrase in unit.event.subjects):
        return not unit.new_paragraph                # "The camera pans left.", of what is seen
    size = unit.end - last[0].start
    if unit.speaks:
        if not unit.told:                            # words alone, after an action or words of the same paragraph
            goes_on = following is not None and not following.new_paragraph and (following.pictures or following.speaks)
            return not unit.new_paragraph and size <= 2 * TALK and not (goes_on and not before.speaks)
        same = bool(unit.doers) and unit.doers[:1] == before.doers[:1]
        return same and not unit.new_paragraph and size <= TALK and (before.speaks or unit.sentence == before.sentence)
    if unit.pictures or unit.new_paragraph:
        return False
    if unit.sentence == before.sentence:
        return True
    same = any(p in before.doers for p in unit.doers)
    return same and not any(person.first >= unit.start for person in unit.doers) and size < 2 * ESTABLISHING


def _make_beat(group: Sequence[_Unit]) -> Beat:
    main = _main(group)
    chosen = main if main is not None else group[-1]
    setting = replace(chosen.setting, time_of_day=group[-1].setting.time_of_day)         # "They sat there. The sun came up."
    return Beat(group[0].start, group[-1].end, tuple(u.event for u in group if u.event is not None), chosen.event, setting, chosen.looks)


def _main(group: Sequence[_Unit]) -> _Unit | None:
    """Return the unit to draw: what somebody does, else what happens, else who speaks, else whom it describes."""
    wanted = (lambda u: u.pictures and u.doers, lambda u: u.speaks and u.doers, lambda u: u.pictures,
              lambda u: u.event and u.doers, lambda u: u.event and u.event.subjects, lambda u: u.event)
    return next((unit for test in wanted for unit in group if test(unit)), None)
