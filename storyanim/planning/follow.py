"""Who is who along a story: names, "the bear", and "he" lead to the same character, and the setting lasts until it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from storyanim.artifacts import CastMember
from storyanim.planning.clauses import Clause, NounPhrase, is_backdrop
from storyanim.planning.english import table
from storyanim.planning.entity import Entity, are_same, colour_of, gender_of, names_member
from storyanim.planning.looks import Wardrobe
from storyanim.planning.naming import named_together, names_after, names_before, names_in, one_like
from storyanim.planning.vocabulary import Found, Kind, Vocabulary

_MASCULINE = frozenset({"he", "him", "his", "himself"})
_FEMININE = frozenset({"she", "her", "hers", "herself"})
_PLURAL = frozenset({"they", "them", "their", "themselves", "both"})
_I, _WE = frozenset({"i", "me", "myself"}), frozenset({"we", "us", "ourselves"})
_SURELY = 2                                          # clauses that who is known to be "he" or "she" is nearer
_NARRATORS = frozenset({"i", "you"})
_RELATIVE_WORDS = frozenset({"other", "first", "same", "own", "last", "next", "many"})
_NOBODY = frozenset(["nobody", "everyone", "everybody", "anyone", "anybody", "somebody", "someone", "one", "friend", "friends"])


class Follower:
    """Reads clauses in order and remembers characters."""

    def __init__(self, vocabulary: Vocabulary, cast: Sequence[CastMember], understood: NounPhrase | None = None) -> None:
        self.vocabulary = vocabulary
        self._understood = understood
        self.cast = cast
        self.entities: list[Entity] = []
        self.clock = 0
        self._subjects: tuple[Entity, ...] = ()
        self._thing = False                          # the last subject was a thing, which "it" may mean
        self._object = False                         # and the last object
        self._narrator: Entity | None = None         # "I"
        self._addressed = False                      # who is "you" instead
        self._wardrobe = Wardrobe(vocabulary)

    def read(self, clause: Clause) -> dict[NounPhrase, tuple[Entity, ...]]:
        """Who each noun phrase of the clause speaks of; phrases about things and places are missing."""
        self.clock += 1
        meant: dict[NounPhrase, tuple[Entity, ...]] = {}
        previous: tuple[NounPhrase, tuple[Entity, ...]] | None = None
        name: NounPhrase | None = None               # of nobody known, just before
        for phrase in clause.phrases:
            if names := names_before(phrase, clause) if self.creature_of(phrase) else []:
                meant |= self._all_are(phrase, names, meant)
                continue
            if names := names_after(phrase, clause) if self.creature_of(phrase) else []:
                named = self._all_are(phrase, names, meant)
                meant[phrase] = tuple(who[0] for who in named.values())
                previous = None
                continue
            found = self._resolve(phrase, clause, meant)
            if found and name and not phrase.is_name and are_same(clause, name, phrase):
                found[0].names |= names_in(name)     # "met Fiona the fox"
                meant[name] = found
            name = phrase if phrase.is_name and not found else None
            if previous and are_same(clause, previous[0], phrase):
                found = self._join(previous[1], phrase, found)
            for entity in found:
                entity.mentions += 1
                entity.last = self.clock
            if found:
                meant[phrase] = found
                previous = (phrase, found)
        self._introduce_narrator(clause, meant)
        self._wardrobe.read(clause, meant, self._subjects[0] if self._subjects else None)
        self._remember_subject(clause, meant)
        return meant

    @property
    def subjects(self) -> tuple[Entity, ...]:
        """Who did the last thing that somebody did."""
        return self._subjects

    def last_named(self) -> tuple[Entity, ...]:
        """Who was spoken of last; () when nobody was."""
        return tuple(sorted(self.entities, key=lambda e: -e.last)[:1])

    def settle_cast(self) -> None:
        """A character of the cast that a group's name took, "four rabbits", goes to the one of them who is named most."""
        for group in [e for e in self.entities if e.plural and e.member]:
            own = {group.member.name.lower()} if group.member else set()
            ones = [e for e in self.entities if not e.plural and not e.member and e.exact and e.creature == group.creature]
            if ones:
                best = max(ones, key=lambda e: (bool(own & e.names), e.mentions))
                best.member, group.member = group.member, None

    def hero(self) -> Entity | None:
        """Who the story is about: a character of the cast, else who is named most."""
        ranked = sorted(self.entities, key=lambda e: (e.member is None, not e.creature, -e.mentions))
        return ranked[0] if ranked else None

    def _remember_subject(self, clause: Clause, meant: dict[NounPhrase, tuple[Entity, ...]]) -> None:
        who = tuple(entity for phrase in clause.subjects for entity in meant.get(phrase, ()))
        objects = [p for p in clause.phrases if clause.verb is not None and p.start > clause.verb and not p.is_pronoun]
        if objects or who:
            self._object = bool(objects) and not any(p in meant for p in objects) and not objects[0].preposition
        if who:
            self._subjects, self._thing = tuple(dict.fromkeys(who)), False
        elif clause.subjects and clause.kind == "event":
            self._thing = not clause.subjects[0].is_pronoun

    def _introduce_narrator(self, clause: Clause, meant: dict[NounPhrase, tuple[Entity, ...]]) -> None:
        """ "I am a bear": from here on "I" is that bear; so with "you"."""
        me = next((phrase for phrase in clause.subjects if phrase.head.lower in _NARRATORS), None)
        if me is None or clause.verb is None or clause.tokens[clause.verb].lemma != "be":
            return
        after = (p for p in clause.phrases if p.start > clause.verb and not p.preposition and p in meant)
        kind = next((p for p in after if not p.is_definite), None)
        if kind is not None:
            who = self._join((self._narrator,), kind, meant[kind]) if self._narrator else meant[kind]
            self._narrator, self._addressed = who[0], me.head.lower == "you"
            meant[me] = meant[kind] = who

    # ── what a phrase speaks of ──

    def _resolve(self, phrase: NounPhrase, clause: Clause, meant: dict[NounPhrase, tuple[Entity, ...]]) -> tuple[Entity, ...]:
        if phrase.is_pronoun:
            return self._by_pronoun(phrase, clause, meant)
        for token in phrase.tokens:                  # "his friend": somebody else, but he is near
            if token.tag == "PRP$":
                self._owner(token.lower)
        if phrase.is_name and (known := self._by_name(phrase) or self._by_naming(phrase, clause)):
            return (known,)
        if phrase.head.tag == "JJS" or (phrase.head.lower == "one" and any(t.tag == "JJS" for t in phrase.tokens)):
            return self._one_of_many()
        if phrase.head.tag == "NNS" and self._are_those_known(phrase):
            return self._group([])
        if not self._is_somebody(phrase, clause):
            return ()
        known = None if phrase.head.lower in _NOBODY else self._by_noun(phrase) or self._by_kind(phrase, clause)
        return (known or self._meet(phrase),)

    def _are_those_known(self, phrase: NounPhrase) -> bool:
        """ "The animals", "the three friends", once there are several."""
        friends = phrase.head.lower == "friends" and phrase.tokens[0].tag in {"DT", "CD"} and len(self.entities) > 1
        return friends or (phrase.is_definite and phrase.head.lemma in table("animal_generic"))

    def _owner(self, pronoun: str) -> None:
        for entity in self._candidates(pronoun, ())[:1]:
            self._learn_gender(entity, pronoun)

    def _by_pronoun(self, phrase: NounPhrase, clause: Clause, meant: dict[NounPhrase, tuple[Entity, ...]]) -> tuple[Entity, ...]:
        word = phrase.head.lower
        if word == "i" and not self._narrator and self._understood and self._understood.tokens[0].lower != "my":
            self._narrator = self._meet_understood()
        if self._narrator and word in _I | _WE:
            others = sorted((e for e in self.entities if e is not self._narrator), key=lambda e: -e.last)
            return (self._narrator, *others[:1]) if word in _WE else (self._narrator,)
        if self._narrator and self._addressed and word == "you":
            return (self._narrator,)
        if word in _I | _WE | {"you"} or (word == "it" and self._is_empty_it(phrase, clause)):
            return ()
        is_subject = phrase in clause.subjects
        taken: list[Entity] = []
        if word in {"it", "him", "her", "them"} and not is_subject:     # "chased it": not who chases
            for subject in clause.subjects:
                taken += meant.get(subject, ())
            taken = taken or list(self._subjects if not clause.subjects else ())
        if self._understood and is_subject and not self.entities:
            return (self._meet_understood(),)
        if word in _PLURAL:
            return self._group(taken)
        if word == "it" and (self._thing if is_subject else self._object):
            return ()
        found = self._candidates(word, taken)[:1]
        for entity in found:
            self._learn_gender(entity, word)
        return tuple(found)

    def _meet_understood(self) -> Entity:
        phrase, self._understood = self._understood, None
        assert phrase is not None
        return self._by_noun(phrase) or self._meet(phrase)

    def _candidates(self, pronoun: str, taken: Sequence[Entity]) -> list[Entity]:
        """Who a pronoun may mean, the likeliest first: who acted last, then who was named last, heroes before others."""
        gender = "m" if pronoun in _MASCULINE else "f" if pronoun in _FEMININE else ""

        def fits(entity: Entity) -> bool:
            if entity.plural or entity is self._narrator or any(entity is other for other in taken):
                return False
            return not (entity.human and gender == "") and not (gender and entity.gender and entity.gender != gender)

        def rank(entity: Entity) -> tuple[bool, int, int]:
            same_gender = bool(gender) and entity.gender == gender
            known = _SURELY if same_gender and entity.exact else 0           # "a bird built a nest on his head": the bear's
            return (not same_gender if gender and entity.human else False, -self._recency(entity) - known, -entity.mentions)

        return sorted((e for e in self.entities if fits(e)), key=rank)

    def _recency(self, entity: Entity) -> int:
        """The clause that named it last; who acted counts one clause later, and the hero is never far."""
        acted = any(entity is subject for subject in self._subjects)
        return entity.last + (2 if acted else 0) + min(2, entity.mentions // 3)

    def _group(self, taken: Sequence[Entity]) -> tuple[Entity, ...]:
        recent = sorted((e for e in self.entities if not any(e is t for t in taken)), key=lambda e: -e.last)
        if len(self._subjects) > 1 and not taken:
            return self._subjects
        if recent and recent[0].plural:
            return (recent[0],)
        return tuple(recent[:2])

    def _is_empty_it(self, phrase: NounPhrase, clause: Clause) -> bool:
        """ "it was cold", "it rained", "it is dark": nobody."""
        if phrase not in clause.subjects or clause.verb is None:
            return False
        rest = clause.tokens[phrase.stop:]
        if any(t.lemma in table("weather_verbs") and (t.tag.startswith("VB") or last.lower == "to") for last, t in pairwise(
                (phrase.head, *rest[:4]))):
            return True                              # "it was raining", "it began to rain"
        if clause.kind != "state" or clause.tokens[clause.verb].lemma != "be":
            return False
        kinds: tuple[Kind, ...] = ("weather", "time_of_day")
        return not self._recent_it() or any(self.vocabulary.at(kind, rest, i) for kind in kinds for i in range(len(rest)))

    def _recent_it(self) -> bool:
        return any(e.last >= self.clock - 1 and not e.human for e in self.entities)

    def _learn_gender(self, entity: Entity, pronoun: str) -> None:
        entity.gender = entity.gender or ("m" if pronoun in _MASCULINE else "f" if pronoun in _FEMININE else "")

    def _by_name(self, phrase: NounPhrase) -> Entity | None:
        words = names_in(phrase)
        return next((e for e in reversed(self.entities) if words & e.names), None)

    def _by_naming(self, phrase: NounPhrase, clause: Clause) -> Entity | None:
        """Who gets the name in "her name was Pip", "my name is Pip", "the fox's name was Pip", "the one whose name was Pip", and
        in "their names were Flop, Mop and Pip".
        """
        if (many := named_together(phrase, clause, self.entities)) is not None:
            self.entities.append(one_like(many, names_in(phrase)))
            return self.entities[-1]
        before = clause.tokens[max(0, phrase.start - 6):phrase.start]
        at = next((i for i, t in enumerate(before) if t.lower == "name" and i and i + 1 < len(before)), None)
        if at is None or before[at + 1].lemma != "be":
            return None
        owner = before[at - 1]
        if owner.tag == "POS":
            known = next((e for e in self.entities if at > 1 and e.noun == before[at - 2].lemma), None)
        elif owner.lower == "my":
            known = self._narrator = self._narrator or self._meet(phrase)
        elif owner.lower == "whose":
            known = max(self.entities, key=lambda e: e.last, default=None)
        else:
            known = next(iter(self._candidates(owner.lower, ())), None)
        if known is not None:
            known.names |= {t.lower for t in phrase.tokens}
            self._learn_gender(known, owner.lower)
        return known

    def _one_of_many(self) -> tuple[Entity, ...]:
        """ "the smallest": one of those who were named together."""
        many = next((e for e in reversed(self.entities) if e.plural), None)
        if many is None:
            return ()
        self.entities.append(one_like(many))
        return (self.entities[-1],)

    def _all_are(
        self, phrase: NounPhrase, names: Sequence[NounPhrase], meant: Mapping[NounPhrase, tuple[Entity, ...]]
    ) -> dict[NounPhrase, tuple[Entity, ...]]:
        """Whom names mean when the phrase behind them says what they all are: "Pinga and Lolo, two penguins, ..."."""
        found: dict[NounPhrase, tuple[Entity, ...]] = {}
        for name in names:
            if name not in meant:
                self.entities.append(Entity(phrase.head.lemma, names=set(names_in(name)), mentions=1, last=self.clock))
            one = meant[name][0] if name in meant else self.entities[-1]
            self._is_a(one, phrase)
            one.colour = one.colour or colour_of(phrase.tokens, self.vocabulary)
            found[name] = (one,)
        return found

    def _is_a(self, entity: Entity, phrase: NounPhrase) -> None:
        """Tells what somebody is who was but a name."""
        creature = self.creature_of(phrase)
        entity.noun, entity.human = phrase.head.lemma, False
        entity.creature, entity.exact = (creature.value, creature.exact) if creature else ("", False)
        entity.member = entity.member or self._member(phrase, entity)

    def _by_noun(self, phrase: NounPhrase) -> Entity | None:
        """A character of that kind who was met before; "another" and other colours are somebody new."""
        creature = self.creature_of(phrase)
        noun = phrase.head.lemma
        colour = colour_of(phrase.tokens, self.vocabulary)
        if any(t.lower in {"another", "other", "second"} for t in phrase.tokens):
            return next((e for e in reversed(self.entities[1:]) if e.noun == noun), None) if phrase.is_definite else None
        plural = phrase.head.tag in {"NNS", "NNPS"}
        for entity in sorted(self.entities, key=lambda e: -e.last):
            kind = creature.value if creature is not None and creature.exact and entity.exact else None
            same = entity.noun == noun or entity.creature == kind
            own = phrase.tokens[0].tag == "PRP$"         # "her friend" is somebody else
            generic = noun in table("animal_generic") and phrase.is_definite and not own and not entity.human
            clash = bool(colour and entity.colour and colour != entity.colour)
            if (same or generic) and entity.plural == plural and not clash:
                return entity
        return None

    def _by_kind(self, phrase: NounPhrase, clause: Clause) -> Entity | None:
        """Who was but a name so far, "Leo could not sleep," and now is called by his kind: "The little bear ..."."""
        words = {t.lower for t in phrase.tokens}
        if not self.creature_of(phrase) or phrase not in clause.subjects or "the" not in words or not words & table("fond_words"):
            return None
        recent = [e for e in self.entities if e.last >= self.clock - 2]
        named = [e for e in recent if e.human and e.noun in e.names and e.noun not in table("people")]
        if len(recent) != 1 or not named:
            return None
        self._is_a(named[0], phrase)
        return named[0]

    def _meet(self, phrase: NounPhrase) -> Entity:
        """A new character."""
        creature = self.creature_of(phrase)
        words = [t.lower for t in phrase.tokens]
        noun = phrase.head.lemma
        entity = Entity(noun, creature.value if creature else "", bool(creature and creature.exact))
        entity.plural = phrase.head.tag in {"NNS", "NNPS"}
        people = (table("people") | table("male") | table("female")) - table("called_it")
        if not creature and noun in table("kin") and (owner := self._owner_of(phrase)) is not None:
            entity.creature, entity.exact = owner.creature, owner.exact          # "her children" are rabbits too
        entity.human = not entity.creature and (noun in people or (phrase.is_name and noun not in table("animals")))
        entity.gender = gender_of([*words, noun])
        if phrase.is_name:
            entity.names = set(names_in(phrase))
        entity.adjectives = tuple(t.lower for t in phrase.tokens if t.tag in {"JJ", "VBN"} and t.lower not in _RELATIVE_WORDS
                                  and not self.vocabulary.at("colour", [t], 0))[:2]
        entity.member = self._member(phrase, entity)
        self.entities.append(entity)
        return entity

    def plays(self, phrase: NounPhrase) -> bool:
        """Whether the phrase names somebody of the cast."""
        creature = self.creature_of(phrase)
        entity = Entity(phrase.head.lemma, creature.value if creature else "", bool(creature and creature.exact))
        words = [*(t.lower for t in phrase.tokens), entity.noun]
        return any(names_member(member, words, entity, self.vocabulary) for member in self.cast)

    def _owner_of(self, phrase: NounPhrase) -> Entity | None:
        """The animal whose kin a phrase names, if it says so: "his sister"."""
        first = phrase.tokens[0]
        owners = self._candidates(first.lower, ()) if first.tag == "PRP$" else []
        return next((e for e in owners[:1] if e.creature), None)

    def _member(self, phrase: NounPhrase, entity: Entity) -> CastMember | None:
        taken = [e.member for e in self.entities if e.member]
        for member in self.cast:
            words = [*(t.lower for t in phrase.tokens), entity.noun]
            if member not in taken and names_member(member, words, entity, self.vocabulary):
                return member
        return None

    def _join(self, known: tuple[Entity, ...], phrase: NounPhrase, found: tuple[Entity, ...]) -> tuple[Entity, ...]:
        """ "a rabbit named Clover", "Zoë the cat", "Mr. Whiskers was a grey cat": one character."""
        entity = known[0]
        if found and found[0] is not entity:
            other = found[0]
            if other.mentions == 0 and other in self.entities:
                self.entities.remove(other)
            if other.creature and not entity.creature:
                entity.noun, entity.creature, entity.exact = other.noun, other.creature, other.exact
                entity.human, entity.member = False, entity.member or other.member
            elif entity.human and other.noun in table("animals"):
                entity.noun, entity.human = other.noun, False
            entity.names |= other.names
            entity.colour, entity.adjectives = entity.colour or other.colour, entity.adjectives or other.adjectives
        if phrase.is_name:
            entity.names |= names_in(phrase)
        colour = colour_of(phrase.tokens, self.vocabulary)
        entity.colour = entity.colour or colour
        return (entity,)

    def _is_somebody(self, phrase: NounPhrase, clause: Clause) -> bool:
        noun = phrase.head.lemma
        if clause.verb is not None and phrase.start > clause.verb and clause.tokens[clause.verb].lemma in table("weather_verbs"):
            return False                             # "it rained cats and dogs"
        if noun in {"nobody", "noone", "none"} or (phrase in clause.subjects and is_backdrop(clause)
                                                   and not any(e.noun == noun for e in self.entities)):
            return False
        if noun in table("animals") | table("people") | table("male") | table("female") or self.creature_of(phrase):
            return phrase.preposition != "like"
        if phrase.is_name and any(t.lower in table("titles") for t in phrase.tokens):
            return True
        if not phrase.is_name or noun in table("places") or phrase.preposition not in {"", "named", "with", "by"}:
            return phrase.preposition == "named"
        return phrase in clause.subjects and phrase.tokens[0].tag != "DT"

    def creature_of(self, phrase: NounPhrase) -> Found | None:
        """What the vocabulary calls it; only the end of the phrase counts, or what stands before a name: "a fox cub", "my rabbit
        Hoppel", not "the fox's den".
        """
        tokens = phrase.tokens
        names = next((i for i, t in enumerate(reversed(tokens)) if not t.tag.startswith("NNP")), len(tokens))
        stops = {len(tokens), len(tokens) - names if names < len(tokens) else 0}
        return next((f for f in self.vocabulary.scan("creature", tokens) if f.stop in stops), None)
