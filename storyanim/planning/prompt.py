"""A shot as one sentence for a painter: who with his looks, what he does, with whom, where, when, in what weather.

Names are said of nobody: the user's characters stand in it by their pseudo-words (AaS 3.1: "A <new1> teddy bear walks ...").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace

from storyanim.artifacts import ShotEntity, ShotEvent
from storyanim.planning.entities import order_from_left, write_entities, write_events
from storyanim.planning.inflection import join_and, plural, with_article
from storyanim.planning.looks import colour_in, listed
from storyanim.planning.narrative import Beat, Event, Looks, Person, Phrase, Setting
from storyanim.planning.parse import story_offset
from storyanim.planning.query import (
    can_be_said,
    goes_home,
    is_place_phrase,
    is_sought,
    is_time,
    list_kinds,
    number_of,
    query_noun,
    say_doing,
    say_place,
    thing_done_to,
    without_owner,
)
from storyanim.planning.staging import Staging, unique
from storyanim.planning.words import is_place

MAX_WORDS = 40
_TIMES = {"dawn": "at dawn", "dusk": "at dusk", "night": "at night"}
_WEATHER = {"rain": "in the rain", "snow": "in falling snow", "storm": "in a storm", "fog": "in the fog", "wind": "in the wind"}
_NO_ARTICLE = ("s", "hair", "fur", "skin")
_STANDS_FOR_HIM = {"m": "himself", "f": "herself"}


class Painter:
    """Words one shot; who was described is called by his kind from then on."""

    def __init__(self, looks: Mapping[int, Looks]) -> None:
        self._looks = looks
        self._seen: list[Person] = []

    def sentence(self, staging: Staging, setting: Setting) -> str:
        """Return the sentence, at most 40 words, without a full stop."""
        event, deed = staging.event, staging.deed
        who, many = self._subject(staging)
        if not who:
            return self._empty(setting)
        be = "are" if many else "is"
        parts, placed = self._predicate(staging)
        if deed is None and event is not None and event.verb == "have" and event.objects and not event.negated:
            be, parts = ("have" if many else "has"), [self._say(p, staging) for p in event.objects[:2]]
        said = {*who.split(), *" ".join(parts).split()}
        homeward = deed is not None and setting.place == "home" and goes_home(deed)
        place = "home" if homeward else "" if placed or setting.place.rpartition(" ")[2] in said else say_place(setting)
        tail = [*self._meanwhile(staging), place, *(w for w in _when(setting) if w.split()[-1] not in said)]
        words = [who, be, *_fitting(parts, MAX_WORDS - len(f"{who} {be} {' '.join(tail)}".split()))]
        text = " ".join(filter(None, [*words, *tail]))
        return text[:1].upper() + text[1:]

    def everybody(self, people: Sequence[Person], deed: Event, setting: Setting) -> str:
        """Return people who all do what one of them does: "A wizard and a dragon are sleeping in the cave"."""
        who = self.describe_all(people, None)
        goes = any(is_place_phrase(p) for p in deed.modifiers)
        where = say_place(setting if goes else setting.stayed())
        text = " ".join(filter(None, [who, "are", say_doing(deed), where, *_when(setting)]))
        return text[:1].upper() + text[1:]

    # ── who ──

    def _subject(self, staging: Staging) -> tuple[str, bool]:
        """Who the sentence is about, and whether they are several."""
        event = staging.event
        things = [p for p in event.subjects if not p.people] if event else []
        if staging.doers or not things:
            people = staging.people
            return self.describe_all(people, event), len(people) > 1 or any(p.plural and not p.member for p in people)
        names = [_thing(phrase) for phrase in things[:2]]
        return join_and(names), len(names) > 1 or things[0].plural

    def describe_all(self, people: Sequence[Person], event: Event | None) -> str:
        """Return people with their looks where they are first spoken of: "a small brown bear and two girls"."""
        bare = [p for p in people if not (p.member or p in self._seen or self._has_looks(p, event))]
        if len(bare) < 2:
            return join_and([self.describe(person, event) for person in people])
        self._seen += bare
        return join_and([*(self.describe(p, event) for p in people if p not in bare), *list_kinds(bare, event)])

    def describe(self, person: Person, event: Event | None) -> str:
        """Return somebody: "a small brown bear with a red scarf", then "the bear"."""
        if person.member:
            return with_article(f"{person.member.token} {person.member.noun}")
        noun, again = query_noun(person), person in self._seen
        many = person.plural and noun not in listed("collectives")
        noun = plural(noun) if many else noun
        if again:
            return f"the {noun}"
        self._seen.append(person)
        looks = self._looks.get(id(person), person.looks)
        spoken = _words_before_head(person, event)
        colour = looks.colour or colour_in(spoken)
        seen = [w for w in dict.fromkeys([*spoken, *looks.adjectives]) if w != colour and w not in noun.split()]
        number = number_of(person, event) if many else ""
        seen = [w for w in seen if w in listed("adjectives")][:3]
        body = " ".join(filter(None, (number, *seen, colour, noun)))
        spoken_of = (*event.objects, *event.modifiers) if event else ()
        named = {p.head for p in spoken_of if p.preposition not in {"with", "in"}}
        return f"{body if many else with_article(body)} {_say_worn(looks, named)}".strip()

    def _has_looks(self, person: Person, event: Event | None) -> bool:
        looks = self._looks.get(id(person), person.looks)
        spoken = _words_before_head(person, event)
        return bool(looks != Looks() or colour_in(spoken) or set(spoken) & listed("adjectives"))

    # ── what ──

    def _predicate(self, staging: Staging) -> tuple[list[str], bool]:
        """The verb and what belongs to it, piece by piece, and whether they say where it is."""
        deed = staging.deed
        if deed is None or not (doing := say_doing(deed)):
            where = [p for p in (staging.event.modifiers if staging.event else ()) if is_place_phrase(p)][:1]
            pose = staging.pose if staging.people else ""
            return [pose, *(f"{p.preposition} {_thing(p)}" for p in where)], any(is_place(p.head) for p in where)
        seen = [*staging.doers, *(p for phrase in (*deed.objects, *deed.modifiers) for p in phrase.people)]
        worn = {thing for p in seen for thing, _ in self._looks.get(id(p), p.looks).wearing}
        verb = next((story_offset(t) for t in deed.tokens if t.lemma_ == deed.verb), deed.start)
        pieces, phrases = [doing], sorted((*deed.objects, *deed.modifiers), key=lambda p: (p.start < verb and not (p.people and not p.preposition), p.start))
        placed, before = False, None
        for phrase in phrases:
            if (phrase.preposition and is_time(phrase)) or (
                    phrase.preposition.lower() in listed("unseen prepositions") and not is_sought(deed, phrase)):
                continue
            on_him = phrase.preposition in {"with", "in"} and {phrase.head, phrase.text.lower().rpartition(" ")[2]} & worn
            said = "" if on_him else self._say(phrase, staging)
            if not said:
                continue
            in_list = before is not None and before.preposition == phrase.preposition and not (before.people or phrase.people)
            pieces.append(f"and {said}" if in_list and not phrase.preposition else f"{phrase.preposition} {said}".strip())
            placed = placed or (is_place_phrase(phrase) and is_place(phrase.head))
            before = phrase
        for other in deed.while_doing:
            if other.verb and not other.negated and say_doing(other):
                named = [(p.preposition, self._say(p, staging)) for p in (*other.objects, *other.modifiers)
                        if p.preposition not in listed("unseen prepositions")]
                pieces.append(" ".join([f", {say_doing(other)}", *(f"{how} {what}".strip() for how, what in named if what)]))
        if deed.kind == "speech" and say_doing(deed) == "talking":
            pieces = [doing, *(f"to {self.describe_all(p.people, deed)}" for p in phrases
                               if p.people and p.preposition in {"", "to"})]
        return pieces, placed

    def _meanwhile(self, staging: Staging) -> list[str]:
        """What others do at the same time: "while a dragon is sleeping"."""
        told = [(person, f"{doing} {thing_done_to(deed)}".strip()) for person, deed in staging.meanwhile if (doing := say_doing(deed))]
        return [f"while {self.describe(person, staging.event)} {'are' if person.plural else 'is'} {doing}"
                for person, doing in told[:1]]

    def _say(self, phrase: Phrase, staging: Staging) -> str:
        """A phrase in a painter's words; "" of what cannot be said."""
        if not phrase.people:
            return _thing(phrase) if can_be_said(phrase, ()) else ""
        people = unique(phrase.people)
        if staging.doers and all(p in staging.doers for p in people):
            event = staging.deed or staging.event
            return _STANDS_FOR_HIM.get(people[0].gender, "itself") if event and phrase.text.lower().endswith("self") else ""
        return self.describe_all([p for p in people if p not in staging.doers], staging.deed or staging.event)

    def _empty(self, setting: Setting) -> str:
        place = say_place(setting).partition(" ")[2]
        return " ".join(["A wide view of", place or "an empty scene", *_when(setting)])


def _when(setting: Setting) -> list[str]:
    """Time of day and weather, where they can be seen."""
    weather = "" if setting.indoors else _WEATHER.get(setting.weather, "")
    return list(filter(None, [_TIMES.get(setting.time_of_day, ""), weather]))


def _words_before_head(person: Person, event: Event | None) -> list[str]:
    """What a clause says of somebody before what he is: "small", "brown" of "a small brown bear"."""
    phrases = (*event.subjects, *event.objects, *event.modifiers) if event else ()
    named = {word for name in person.names for word in name.split()}                     # "Mr Brown" is not brown
    return [w.strip(",").lower() for p in phrases if len(p.people) == 1 and p.people[0] is person
            for w in p.text.split() if w not in named]


def _say_worn(looks: Looks, besides: Set[str]) -> str:
    """ "with a red scarf and a hat"."""
    many = {"ear", "eye", "wing", "glass", "whisker", "freckle", "scale"}
    said: dict[str, list[str]] = {"in": [], "with": []}
    for thing, colour in [worn for worn in looks.wearing if worn[0] not in besides][:3]:
        one = colour.startswith("one ")
        words = f"{colour} {plural(thing) if thing in many and not one else thing}".strip()
        words = words if one or words.endswith(_NO_ARTICLE) else with_article(words)
        said["in" if thing in listed("worn in") else "with"].append(words)
    return " ".join(f"{how} {join_and(things)}" for how, things in said.items() if things)


def _thing(phrase: Phrase) -> str:
    words = without_owner(phrase.text).split()
    mine = words[0].lower() in {"my", "your", "our"}
    first = "the" if mine else words[0].lower() if words[0].lower() in listed("determiners") else words[0]
    return " ".join([first, *words[1:8]])


def _fitting(parts: Sequence[str], room: int) -> list[str]:
    """The parts from the first on that fit into so many words."""
    kept: list[str] = []
    for part in parts:
        if len(" ".join([*kept, part]).split()) > room:
            break
        kept.append(part)
    return kept


def split_prompt(
    staging: Staging, beat: Beat, style: str, ask: Callable[[Person, Event, Setting], str]
) -> tuple[tuple[ShotEntity, ...], tuple[ShotEvent, ...]]:
    """Return the entities and events of a shot; none where its prompt says all.

    Args:
        staging: the shot.
        beat: its part of the story.
        style: put after each text.
        ask: person, deed, setting → what to look for in footage of it alone.
    """
    def styled(text: str) -> str:
        return f"{text}, {style}" if style else text

    events: tuple[ShotEvent, ...] = ()
    if staging.deed is not None and beat.steps:
        said = {say_doing(step): step for step in beat.steps if say_doing(step)}
        events = write_events(list(said), lambda doing: styled(Painter(beat.looks).sentence(
            replace(staging, event=said[doing], deed=said[doing]), beat.setting)))
    deeds = {id(person): staging.deed for person in staging.doers} | {id(p): deed for p, deed in staging.meanwhile}
    people = order_from_left(unique([*staging.doers, *(person for person, _ in staging.meanwhile)]), beat)
    told = {say_doing(deed): deed for deed in deeds.values() if deed is not None}
    if staging.deed is None or not staging.meanwhile or "" in told:
        return (), events
    return write_entities(
        people, beat, [say_doing(deeds[id(p)]) for p in people],                                   # type: ignore[arg-type]
        lambda doing: styled(Painter(beat.looks).everybody(people, told[doing], beat.setting)),
        lambda person, doing: ask(person, told[doing], beat.setting)), events


def write_prompt(staging: Staging, beat: Beat, style: str) -> str:
    """Return the prompt of a shot for a model that takes any words."""
    text = Painter(beat.looks).sentence(staging, beat.setting).replace(" ,", ",")
    return f"{text}, {style}" if style else text
