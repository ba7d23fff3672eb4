"""What one would type into a footage search: a kind of subject, one verb in -ing, at most one object or one place.

No names, no looks: footage shows how somebody moves, not who it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from storyanim.planning.casting import kind_of
from storyanim.planning.inflection import join_and, lemma_of_noun, participle, plural, with_article
from storyanim.planning.looks import listed
from storyanim.planning.narrative import Event, Person, Phrase, Setting
from storyanim.planning.staging import Staging, unique
from storyanim.planning.words import words

_MAX_WORDS = 4                                       # of an object or a place
_ALONG = frozenset({"with", "next to", "close to", "at", "after", "behind", "to", "from"})
_SEEKING = frozenset({"look", "search", "hunt", "wait", "ask", "reach", "call", "dig", "feel", "fish"})
_GONE = frozenset({"go", "be", "suppose", "finish", "do"})           # "was gone" is no deed that somebody suffers
_SEEN_AS = ("girl", "boy", "woman", "man", "mother", "father", "grandmother", "grandfather")
_PERSON_FORMS = {"people": "people", "everybody": "people", "everyone": "people", "class": "child", "somebody": "person", "someone": "person"}


def write_query(staging: Staging, setting: Setting) -> str:
    """Return the query of a shot, "" where nothing is known of it."""
    deed = staging.deed
    things = "" if staging.doers or not staging.event else _things(staging.event)
    who = things or name_kinds(staging.people, staging.event)
    place = say_place(setting)
    if deed is None:
        return " ".join(filter(None, (who, _owned(staging.event) or (staging.pose if staging.people else ""), place if who else place.partition(" ")[2])))
    doing = say_doing(deed)
    what = _object(deed, staging) or _place(deed) or ("home" if goes_home(deed) else place)
    if deed.particle == "in" and what.startswith("in "):
        what = what.partition(" ")[2]                # "trots in", in the kitchen
    return " ".join(filter(None, (who, doing, what)))


def goes_home(deed: Event) -> bool:
    """Tell whether somebody goes home, rather than does something there."""
    return deed.verb in words("motion") | {"take", "bring", "carry", "drive"} and any(t.lower_ == "home" and t.dep_ == "advmod" and t.head.lemma_ == deed.verb for t in deed.tokens)


def write_entity_query(person: Person, deed: Event, setting: Setting) -> str:
    """Return the query of one of several who do different things: "a dragon sleeping in the cave"."""
    what = thing_done_to(deed) or _place(deed) or say_place(setting.stayed())
    return " ".join(filter(None, (name_kinds([person], deed), say_doing(deed), what)))


def thing_done_to(deed: Event) -> str:
    """Return the first thing that something is done to: "the boards" of who holds them; "" without one."""
    return next((short_thing(p) for p in deed.objects if not (p.people or p.preposition) and can_be_said(p, ())), "")


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def name_kinds(people: Sequence[Person], event: Event | None) -> str:
    """Return who they are by kind: "a girl and a dog", "two boys", "three bears"."""
    return join_and(list_kinds(people, event))


def list_kinds(people: Sequence[Person], event: Event | None) -> list[str]:
    """Return each kind of who they are, and how many: ["a girl", "two boys"]."""
    counted: dict[str, int] = {}
    spoken = {}
    for person in people:
        noun = query_noun(person)
        many = person.plural and not person.member and noun not in listed("collectives")
        key = plural(noun) if many else noun
        counted[key] = counted.get(key, 0) + 1
        spoken[key] = f"{number_of(person, event)} {key}".strip() if many else with_article(noun)
    said = []
    for key, number in counted.items():
        is_many = spoken[key].split()[-1] == key and not spoken[key].startswith(("a ", "an "))
        said.append(f"two {plural(key)}" if number == 2 and not is_many else
                    plural(key) if number > 2 and not is_many else spoken[key])
    return said


def query_noun(person: Person) -> str:
    """Return the kind of somebody, as its pictures show it where the user has some."""
    noun = person.member.noun if person.member else kind_of(person)
    return _PERSON_FORMS.get(noun) or _kin().get(noun, noun)


@cache
def _kin() -> Mapping[str, str]:
    """What relatives look like to whom does not know them: "brother" → "boy"."""
    return {word: seen for seen in _SEEN_AS for word in listed(f"seen as {seen}")}


def number_of(person: Person, event: Event | None) -> str:
    """ "three" where the clause says "three bears"."""
    phrases = (*event.subjects, *event.objects, *event.modifiers) if event else ()
    words = [w for p in phrases if any(q is person for q in p.people) for w in p.text.lower().split()]
    return next(("two" if w == "both" else w for w in words if w in listed("numbers") or w == "both"), "")


def _things(event: Event) -> str:
    """A subject that is nobody: "the sun", "a boat and an oar"."""
    things = [re.sub(r"^(?:[Hh]is|[Hh]er|[Ii]ts|[Tt]heir) ", "the ", short_thing(p)) for p in event.subjects[:2] if not p.people]
    return join_and(things)


# ── what ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def say_doing(deed: Event) -> str:
    """Return one verb in -ing: "picking up", "talking"; "" of what is no action."""
    if deed.kind == "speech" and (deed.verb in listed("talking") or not deed.verb):
        return "talking"
    if deed.verb in {"", "be"}:
        return ""
    if deed.passive and deed.verb in _GONE:
        return ""
    patient = deed.passive and not any(p.people for p in deed.subjects if p.preposition == "by")
    if patient and (done := past_participle(deed)):
        return f"being {done}"
    return f"{participle(deed.verb)} {deed.particle}".strip()


def past_participle(event: Event) -> str:
    """Return the verb as the clause has it in the passive: "taken"."""
    return next((t.lower_ for t in event.tokens if t.lemma_ == event.verb and t.tag_ == "VBN"), "")


def _object(deed: Event, staging: Staging) -> str:
    """The first object, two people or things of one list at most; of speech whom it is told to."""
    seen = staging.doers or (() if _things(deed) else staging.people)
    others = [p for p in sorted(deed.objects, key=lambda p: p.start) if not p.preposition and can_be_said(p, seen)]
    if deed.kind == "speech" and say_doing(deed) == "talking":
        heard = [p for p in (*others, *deed.modifiers) if p.people and p.preposition in {"", "to", "with"}]
        return f"to {name_kinds(heard[0].people, deed)}" if heard else ""
    given = [p for p in others if p.people]
    if others and not (len(others) > 1 and given):
        people = [p for p in unique([p for phrase in others for p in phrase.people]) if p not in seen]
        return name_kinds(people, deed) if people else join_and([short_thing(phrase) for phrase in others[:2]])
    if others:                                       # "gave him a biscuit": one object is enough
        thing = next((p for p in others if not p.people), None)
        return short_thing(thing) if thing else name_kinds(given[0].people, deed)
    along = next((p for p in deed.modifiers if p.people and can_be_said(p, seen) and (
        p.preposition.lower() in listed("place prepositions") | _ALONG or is_sought(deed, p))), None)
    return f"{along.preposition} {name_kinds(along.people, deed)}" if along else ""


def _owned(event: Event | None) -> str:
    """ "With a pot", of who has one; "" of anybody else."""
    if event is None or event.verb != "have" or event.negated or not event.objects or event.objects[0].people:
        return ""
    return f"with {short_thing(event.objects[0])}"


def can_be_said(phrase: Phrase, seen: Sequence[Person]) -> bool:
    """Tell whether a phrase names something: neither "it" nor only those who are seen anyway."""
    if phrase.text.lower() in {"each other", "one another"}:
        return True
    if phrase.people:
        return not all(person in seen for person in phrase.people)
    return phrase.text.lower() not in listed("pointing words") and phrase.head not in listed("pointing words")


def is_sought(deed: Event, phrase: Phrase) -> bool:
    """Tell whether a phrase is what somebody looks or waits for."""
    return phrase.preposition == "for" and deed.verb in _SEEKING and not is_time(phrase)


def _place(deed: Event) -> str:
    """The first phrase of a place, or of what is looked for: "over the fence", "for his hat"."""
    phrase = next((p for p in deed.modifiers if (is_sought(deed, p) or (is_place_phrase(p) and not (is_on_somebody(p) or _is_held(p, deed))))
                   and can_be_said(p, ()) and not p.people), None)
    return f"{phrase.preposition} {short_thing(phrase)}" if phrase else ""


def is_place_phrase(phrase: Phrase) -> bool:
    """Tell whether a phrase says where something happens."""
    return phrase.preposition.lower() in listed("place prepositions") and not phrase.people and not is_time(phrase)


def is_on_somebody(phrase: Phrase) -> bool:
    """Tell whether a phrase is about what somebody wears or has on him: "in a red coat", "under his arm"."""
    worn = {phrase.head, lemma_of_noun(phrase.head)} & (listed("clothes") | listed("features") | words("body"))
    return bool(worn) and phrase.preposition in {"in", "under", "to"}


def _is_held(phrase: Phrase, deed: Event) -> bool:
    """Tell whether a phrase says where on him somebody has something: "with a basket on her arm"."""
    return phrase.head in words("body") and any(
        p.preposition == "with" and 0 <= phrase.start - p.end <= len(phrase.preposition) + 2 for p in deed.modifiers)


def is_time(phrase: Phrase) -> bool:
    """Tell whether a phrase is a time: "at noon", "in the evening", "that day"."""
    head = phrase.head.lower()
    return head in listed("times") or head in listed("numbers") or head.isdigit()


def short_thing(phrase: Phrase) -> str:
    """Return a thing in at most four words behind its article: "a blue kite", "the lettuces"."""
    words = without_owner(phrase.text).split()
    if "of" in words[1:] and len(words) > _MAX_WORDS:        # "the legs of the people"
        return short_thing(replace(phrase, text=" ".join(words[:words.index("of")])))
    if words[0].lower() in {"my", "your", "our"}:
        words[0] = "the"
    if len(words) > _MAX_WORDS:
        words = [*[w for w in words[:1] if w.lower() in listed("determiners")], *([words[-1]] if phrase.plural else [phrase.head])]
    return " ".join([words[0].lower() if words[0].lower() in listed("determiners") else words[0], *words[1:]])


def without_owner(text: str) -> str:
    """Return a phrase without whose it is where that is somebody else: "Tom's red hat", "her father's hat" → "the hat"."""
    owner = r"\b(?:(?:his|her|their|its|my|our|your|the|[Tt]he|an?)\s\w+|(?:[A-Z][\w.]*\s)*[A-Z][\w.]*)[’']s?\s"
    return re.sub(owner, "the ", re.sub(r"^(?:that|this)\s", "the ", text))


def _is_stood_at(head: str) -> bool:
    """Tell whether one who comes to a place is at it and not in it: a house, a gate, a fountain."""
    inside = words("open", "water body") | listed("on places")
    return head in words("indoors", "spot") - inside or head in listed("at places")


def say_place(setting: Setting) -> str:
    """Return where it is: "in the kitchen"; "" where nothing is known."""
    if not setting.place:
        return ""
    if setting.place == "home":
        return "at home"
    head = lemma_of_noun(setting.place.rpartition(" ")[2])
    lies_on = head in listed("on places") | words("ground")
    preposition = setting.preposition or "in"
    if preposition in {"at", "in", "to"} and not (preposition == "at" and not setting.indoors and _is_stood_at(head)):
        preposition = "on" if lies_on else "in"
    if setting.preposition == "at" and head in words("water body") and not setting.indoors:
        preposition = "by"                           # the river, and not in it
    name = setting.place if setting.place[:1].isupper() else f"the {setting.place}"
    return f"{preposition} {name}"
