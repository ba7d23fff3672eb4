"""Who is seen in a shot and what they do there, whatever draws it.

Who acts is seen first; whom a clause only mentions, beside him at most. What does not happen ("could not sleep") or is no
picture shows the pose in which somebody was last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from storyanim.planning.looks import listed
from storyanim.planning.narrative import Beat, Event, Person, Phrase
from storyanim.planning.words import is_place, words

# poses that go on until somebody does something else
_POSES = {"sit": "sitting", "perch": "sitting", "kneel": "kneeling", "crouch": "crouching", "sleep": "sleeping", "lie": "lying down",
          "swim": "swimming", "float": "floating", "stand": "standing"}


_SIDES = {"left": -1, "right": 1}


@dataclass(frozen=True)
class Staging:
    """A beat as a picture."""

    event: Event | None                              # the clause to draw
    deed: Event | None                               # what is done in it; None where nothing happens
    doers: tuple[Person, ...]                        # who do it
    partners: tuple[Person, ...]                     # who do it with them, or are met: they share the shot
    others: tuple[Person, ...]                       # of whom the beat speaks besides
    pose: str = "standing"                           # in which the first is where nothing happens
    meanwhile: tuple[tuple[Person, Event], ...] = () # who does something else meanwhile, and what

    @property
    def people(self) -> tuple[Person, ...]:
        """Who is seen: those who act, else whom the clause speaks of."""
        return self.doers or self.partners or self.others[:1]


@dataclass
class Stage:
    """Stages the beats of a story in their order."""

    poses: dict[int, str] = field(default_factory=dict)          # id of a person → pose it was left in
    last: tuple[Person, ...] = ()                    # who was seen in the shot before
    thing: Phrase | None = None                      # the last that something was done to: what "it" means
    acting: Phrase | None = None                     # the last that did something itself
    latest: tuple[Phrase, ...] = ()                  # things of the last clause that speaks of some

    def set(self, beat: Beat) -> Staging:
        """Return the picture of the next beat."""
        event = self._resolve(beat)
        if event is None:
            return Staging(None, None, (), (), unique(_people_of(beat.events)))
        doers = unique([p for phrase in event.subjects for p in phrase.people])
        named = unique([*_people_of([event]), *_people_of(beat.events)])
        meanwhile = tuple((p, inner) for told in event.meanwhile if (inner := _deed(told)) is not None
                          for p in _people_of([replace(told, objects=(), modifiers=())]) if p not in doers)
        apart = [person for person, _ in meanwhile]
        partners = tuple(p for p in _partners(event) if p not in doers and p not in apart)
        others = tuple(p for p in named if p not in doers and p not in partners and p not in apart)
        if not doers and not others and not partners and event.kind == "speech":
            doers = self.last
        deed = _deed(event)
        first = next(iter(doers or others), None)
        pose = self.poses.get(id(first), "standing")
        if deed is not None:
            for person in doers:
                self.poses[id(person)] = _POSES.get(deed.verb, "standing")
        for person, inner in meanwhile:
            self.poses[id(person)] = _POSES.get(inner.verb, "standing")
        staged = Staging(event, deed, doers, partners, others, pose, meanwhile)
        self.last = staged.people or self.last
        return staged


    def _resolve(self, beat: Beat) -> Event | None:
        """The clause to draw, with the things that "it" and "them" mean in their places."""
        drawn = beat.main
        for event in beat.events:
            if event is beat.main:
                done_to, doing = self.thing or self.acting, self.acting or self.thing
                if self.acting not in self.latest and self.thing in self.latest:
                    doing = self.thing               # "dropped a plum. It rolled"
                if self.thing not in self.latest and self.acting in self.latest:
                    done_to = self.acting            # "The balloon flew off. He caught it"
                event = drawn = replace(
                    event, subjects=tuple(_meant(p, doing) for p in event.subjects),
                    objects=tuple(_meant(p, done_to) for p in event.objects),
                    modifiers=tuple(_meant(p, done_to) for p in event.modifiers))
            things = [p for p in event.objects if _is_thing(p)] or [
                p for p in event.modifiers if _is_thing(p) and p.head not in listed("times") | words("backdrop")
                and (p.head in words("vehicle") or not is_place(p.head))]
            self.thing = things[0] if things else self.thing
            acting = [p for p in event.subjects if _is_thing(p)]
            self.acting = acting[0] if acting else self.acting
            self.latest = (*things, *acting) or self.latest
        return drawn


def _is_thing(phrase: Phrase) -> bool:
    """Tell whether "it" may mean a phrase: nobody, no part of somebody, and no name."""
    return not phrase.people and phrase.head not in listed("pointing words") | listed("features") | words("body") | {"name"}


def _meant(phrase: Phrase, thing: Phrase | None) -> Phrase:
    """The thing in place of "it" or "them"; any other phrase as it is."""
    if thing is None or phrase.people or phrase.text.lower() not in ({"them", "they"} if thing.plural else {"it"}):
        return phrase
    text = re.sub(r"^(?:a|an|some)\s", "the ", thing.text, flags=re.IGNORECASE)
    return replace(thing, text=text, preposition=phrase.preposition, start=phrase.start, end=phrase.end)


def _deed(event: Event) -> Event | None:
    """What a clause shows being done: with speech what is done while speaking; None where nothing happens."""
    happening = [e for e in event.while_doing if e.verb and not e.negated]
    if event.kind == "speech":
        return happening[0] if happening else None if event.negated else event
    owned = event.verb == "have" and not any(p.head in listed("had deeds") for p in event.objects)
    if event.negated or owned or event.kind in {"state", "heading"} or event.verb in {"", "be"}:
        if event.kind == "state" and event.verb in _POSES and not event.negated:
            return event
        return happening[0] if happening else None
    return event


def _partners(event: Event) -> Iterator[Person]:
    """Who share the shot with those who act: "with the cat", "beside the cat", whom they chase, meet, go to or give something."""
    near = {*listed("beside"), "with", "towards", "toward"}
    if event.verb in listed("together") | listed("meeting"):
        near |= {"", "after"}
    if event.verb in listed("giving"):
        near |= {"", "to"}
    for phrase in (*event.objects, *event.modifiers):
        if phrase.preposition in near or side_of(phrase):
            yield from phrase.people


def side_of(phrase: Phrase) -> int:
    """-1 for "on the left", "on its left" and "to the left of the dog", 1 for the right, else 0."""
    return next((_SIDES[word] for word in (phrase.head, *phrase.preposition.split()) if word in _SIDES), 0)


def goes_along(event: Event, person: Person) -> bool:
    """Tell whether a partner does the same as those who act, rather than being met."""
    along = any(p.preposition == "with" for p in event.modifiers if any(q is person for q in p.people))
    return along or event.verb in listed("together")


def unique(people: Iterable[Person]) -> tuple[Person, ...]:
    """Return each person once, in order."""
    return tuple({id(person): person for person in people}.values())


def _people_of(events: Sequence[Event]) -> Iterator[Person]:
    for event in events:
        for phrase in (*event.subjects, *event.objects, *event.modifiers):
            yield from phrase.people
