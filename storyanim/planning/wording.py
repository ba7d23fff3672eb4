"""A beat into a query and a prompt.

A query names common nouns and an action that footage shows; a prompt says what to draw, with the pseudo-words of the cast in
place of their looks (AaS 3.1: "A <new1> teddy bear walks ...").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storyanim.planning.beats import Beat, Unit, unique
from storyanim.planning.clauses import NounPhrase, hide
from storyanim.planning.english import FINITE, Token, article, table, verb_ing
from storyanim.planning.entity import Entity, are_same
from storyanim.planning.setting import is_setting_word, spell
from storyanim.planning.vocabulary import Actor, Picture, Vocabulary

_LASTING = frozenset({"sleeping", "sitting", "swimming"})   # what a character goes on doing until it does something else
_NOT = frozenset({"not", "n't", "never", "neither", "nor"})
_TOGETHER = frozenset({"chase", "follow", "lead", "pursue", "race", "join", "guide"})
_MEETING = frozenset({"meet", "greet", "hug", "kiss", "visit"})
_MARKS = frozenset("*#_-")                           # of Markdown
_WHERE = {"to": "at", "into": "in", "onto": "on", "through": "in", "across": "in", "toward": "near", "from": "near"}


@dataclass(frozen=True)
class Wording:
    """The words of one shot."""

    query: str
    prompt: str
    characters: tuple[str, ...]
    unsupported_words: tuple[str, ...]
    action: str = ""                                 # canonical, of its first actor
    figures: int = 1                                 # how many the prompt shows


def describe(entity: Entity) -> str:
    """A character in a few words: "a <bear> bear", "a small brown bear"."""
    if entity.member:
        return f"a {entity.member.token} {entity.member.noun}"
    if entity.human and entity.names and entity.noun in entity.names:
        return entity.noun.capitalize()
    words = " ".join(dict.fromkeys([*entity.adjectives, *([entity.colour] if entity.colour else []), entity.noun]))
    return f"{entity.noun}s" if entity.plural else f"{article(words)} {words}"


# ── with a vocabulary ────────────────────────────────────────────────────────────────────────────────────────────────


def say_with(vocabulary: Vocabulary, beat: Beat, hero: Entity | None, last_action: str, *, crowd: bool = False) -> Wording:
    """The beat in the words that the model knows; `last_action` is what the hero did in the shot before.

    Args: crowd: characters of the cast are shown where they are only spoken of, too.
    """
    unit = beat.main
    named = unique([e for u in beat.units for who in u.meant.values() for e in who])
    together = _together(unit, crowd)
    most = max(vocabulary.max_actors, min(len(together), vocabulary.max_together))
    wanted = unique([*unit.subjects, *together, *named])
    if len(together) > most:                         # the cast is who the film is about
        wanted = unique([*(e for e in together if e.member), *wanted])
    drawn = [e for e in wanted if _is_drawable(e)][:most]
    acts = bool(drawn) and (any(e is drawn[0] for e in unit.subjects) or _is_company(drawn[0], unit))
    if not drawn and hero is not None and _is_drawable(hero) and hero.last > 0:
        drawn = [hero]
    action, said_verb = _action(vocabulary, unit)
    seen = "" if acts or not drawn else _seen_doing(drawn[0], unit, vocabulary)
    if seen:
        action, said_verb = seen, True
    elif not acts:
        action = last_action if last_action in _LASTING and not unit.subjects else vocabulary.default_action
    doing = [action if e is drawn[0] or _acts_too(e, unit) else vocabulary.default_action for e in drawn]
    setting = unit.setting
    if len(drawn) == 1 < vocabulary.max_actors and drawn[0].plural:          # "three ducklings": more than one, at least
        drawn, doing = drawn * 2, doing * 2
    actors = tuple(_actor(e, unit, vocabulary, act) for e, act in zip(drawn, doing, strict=True))
    picture = Picture(actors, setting.scene, setting.time_of_day, setting.weather, _camera(vocabulary, beat))
    unsupported_words = _unsupported_words(vocabulary, beat, drawn, said_verb and bool(acts or seen))
    characters = tuple(dict.fromkeys(e.member.name for e in drawn if e.member))
    return Wording(_plain_query(vocabulary, picture, drawn), vocabulary.say(picture), characters,
                   unsupported_words, action, max(1, len(actors)))


def _together(unit: Unit, crowd: bool) -> list[Entity]:
    """Who share a unit's shot: who act, and whom they take along or meet."""
    verb = unit.clause.verb
    meet = verb is not None and unit.clause.tokens[verb].lemma in _MEETING
    named = unique([*unit.subjects, *(entity for who in unit.meant.values() for entity in who)])
    return [e for e in named if _is_drawable(e) and (meet or _acts_too(e, unit) or (crowd and e.member is not None))]


def _camera(vocabulary: Vocabulary, beat: Beat) -> str:
    """What a script says of the camera: "as the camera pans left"."""
    found = (f for unit in beat.units for f in vocabulary.scan("camera", [t for t in unit.clause.tokens if not t.quoted]))
    return next((f.value for f in found), "")


def _is_drawable(entity: Entity) -> bool:
    return bool(entity.member or entity.creature)


def _acts_too(entity: Entity, unit: Unit) -> bool:
    """Whether somebody else in the shot does the same: who acts too, is chased, or is taken along."""
    if any(entity is subject for subject in unit.subjects):
        return True
    clause = unit.clause
    joined = clause.verb is not None and clause.tokens[clause.verb].lemma in _TOGETHER
    return joined or _is_along(entity, unit)


def _is_company(entity: Entity, unit: Unit) -> bool:
    """ "The sailors danced with the cat", and sailors cannot be drawn."""
    return _is_along(entity, unit) and not any(_is_drawable(subject) for subject in unit.subjects)


def _is_along(entity: Entity, unit: Unit) -> bool:
    """ "With the cat"."""
    return any(phrase.preposition == "with" and entity in who for phrase, who in unit.meant.items())


def _seen_doing(entity: Entity, unit: Unit, vocabulary: Vocabulary) -> str:
    """What somebody does whom another sees do it: "the farmer found her asleep"; "" when no such thing is said."""
    tokens, verb = unit.clause.tokens, unit.clause.verb
    for phrase in (p for p, who in unit.meant.items() if entity in who and verb is not None and p.start > verb):
        after = tokens[phrase.stop:]
        if any(t.lower == "asleep" for t in after[:2]):
            after = (Token("sleep", 0, 0, "VB"),)
        elif not after or after[0].tag != "VBG":
            continue
        if found := vocabulary.at("action", after, 0):
            return found.value
    return ""


def _actor(entity: Entity, unit: Unit, vocabulary: Vocabulary, action: str) -> Actor:
    if entity.member:
        return Actor(f"{entity.member.token} {entity.member.noun}", action=action)
    worn, colour = unit.looks.get(id(entity), ("", ""))
    known = entity.colour if entity.colour in vocabulary.kinds["colour"] else ""
    return Actor(entity.creature, known, worn, colour, action)


def _action(vocabulary: Vocabulary, unit: Unit) -> tuple[str, bool]:
    """The canonical action of a unit, and whether its verb really says that."""
    clause = unit.clause
    if clause.verb is None or clause.kind in {"speech", "none"}:
        return vocabulary.default_action, clause.kind == "speech"
    hidden = hide(clause.tokens)
    others = (i for i, t in enumerate(clause.tokens) if i > clause.verb and t.tag in FINITE and not hidden[i])
    verbs = [i for i in (clause.verb, *others) if not _is_denied(clause.tokens, i)]
    found = [f for i in verbs if (f := vocabulary.at("action", clause.tokens, i))]
    if clause.kind == "state":
        found = [f for f in found if f.exact and f.start == clause.verb]
        return (found[0].value if found else vocabulary.default_action), True
    if not found:
        return vocabulary.default_action, False
    best = min(found, key=lambda f: (not f.exact, f.value == vocabulary.default_action, f.start))
    return best.value, best.exact


def _is_denied(tokens: Sequence[Token], verb: int) -> bool:
    """ "could not sleep", "never danced", "did not want to sleep"."""
    for token in reversed(tokens[max(0, verb - 5):verb]):
        if token.lower in _NOT:
            return True
        if token.tag not in {"RB", "MD", "TO", "VB", *FINITE}:
            return False
    return False


def _plain_query(vocabulary: Vocabulary, picture: Picture, drawn: Sequence[Entity]) -> str:
    nouns = [e.creature or (e.member.noun if e.member else e.noun) for e in drawn]
    plain = tuple(Actor(noun, action=actor.action) for noun, actor in zip(nouns, picture.actors, strict=True))
    return vocabulary.say(Picture(plain, picture.scene))


def _unsupported_words(
    vocabulary: Vocabulary, beat: Beat, drawn: Sequence[Entity], said_verb: bool
) -> tuple[str, ...]:
    """Nouns, characters and the action that the prompt cannot say."""
    words: list[str] = []
    for unit in beat.units:
        for phrase in unit.clause.phrases:
            words += _unsupported_words_of(vocabulary, phrase, unit, drawn)
    clause = beat.main.clause
    if clause.kind == "event" and clause.verb is not None and not said_verb:
        words.append(clause.tokens[clause.verb].lemma)
    return tuple(dict.fromkeys(word for word in words if len(word) > 2 and "." not in word and word not in table("light_verbs")))


def _unsupported_words_of(
    vocabulary: Vocabulary, phrase: NounPhrase, unit: Unit, drawn: Sequence[Entity]
) -> list[str]:
    if phrase in unit.meant:
        lost = [e for e in unit.meant[phrase] if not (any(e is d for d in drawn) and (e.member or e.exact))]
        return [e.noun for e in lost if not _is_no_thing(e.noun)]
    noun = phrase.head.lemma
    if noun == "camera" and vocabulary.scan("camera", unit.clause.tokens):
        return []
    if phrase.is_pronoun or _is_no_thing(noun, phrase.head.lower) or is_setting_word(phrase.head, vocabulary):
        return []
    if any(f.value == entity.creature for f in vocabulary.scan("creature", phrase.tokens) for entity in drawn):
        return []                                    # "Pinga and Lolo, two penguins"
    place = vocabulary.scan("scene", phrase.tokens)
    if any(f.exact and f.value == unit.setting.scene for f in place) or vocabulary.scan("accessory", phrase.tokens):
        return []
    return [phrase.head.lower if phrase.is_name else noun]


def _is_no_thing(*forms: str) -> bool:
    """Whether a noun, in any of its forms, is nothing to draw: "way", "Monday"."""
    return bool(set(forms) & (table("not_things") | table("weekdays")))


# ── without one ──────────────────────────────────────────────────────────────────────────────────────────────────────


def say_freely(vocabulary: Vocabulary, beat: Beat, hero: Entity | None, style: str) -> Wording:
    """The beat in the story's own words: pronouns resolved, the cast's pseudo-words put in, the setting and style added."""
    unit = beat.main
    shown = unique([*unit.subjects, *(e for who in unit.meant.values() for e in who)])
    if not shown and hero is not None and hero.member and unit.clause.kind != "event":
        shown = (hero,)
    sentence = _retold(unit, shown)
    parts = [sentence, *_missing_setting(unit, vocabulary), style]
    characters = tuple(dict.fromkeys(e.member.name for e in shown if e.member))
    return Wording(_free_query(unit, shown), ", ".join(part for part in parts if part), characters, ())


def _missing_setting(unit: Unit, vocabulary: Vocabulary) -> list[str]:
    """The place and time that earlier sentences gave."""
    words = {t.lower for t in unit.clause.tokens}
    setting, parts = unit.setting, []
    if setting.place and not set(setting.place.lower().split()[-1:]) & words:
        parts.append(f"{_WHERE.get(setting.place.split()[0], setting.place.split()[0])} {setting.place.partition(' ')[2]}")
    if setting.time_of_day in {"dusk", "night"} and not words & set(table("time_of_day")[setting.time_of_day]):
        parts.append(f"at {setting.time_of_day}")
    inside = setting.scene in vocabulary.indoors
    if setting.weather and setting.weather != "clear" and not inside and not words & set(table("weather")[setting.weather]):
        parts.append(setting.weather)
    return parts


def _retold(unit: Unit, shown: Sequence[Entity]) -> str:
    """The clause without quotations and links, every character described."""
    clause = unit.clause
    if clause.kind in {"speech", "none"} and shown:
        who = describe(shown[0])
        who = who[:1].upper() + who[1:]
        return f"{who} talking" if clause.kind == "speech" else who
    words: list[str] = []
    described: list[Entity] = []
    i = _after_label(clause.tokens)
    phrases = {phrase.start: phrase for phrase in clause.phrases if phrase in unit.meant}
    said: NounPhrase | None = None                   # the phrase just before
    while i < len(clause.tokens):
        phrase = phrases.get(i)
        if phrase and said and said.is_name and unit.meant[phrase] == unit.meant[said] and are_same(clause, said, phrase):
            words = words[:-1] if words[-1] == "," else words                                     # "Benny, a bear": a bear
            closed = phrase.stop < len(clause.tokens) and clause.tokens[phrase.stop].text == ","
            i, said = phrase.stop + closed, None
            continue
        if phrase is not None:
            said = phrase
            named = phrase.is_name and any(t.lower in {"name", "names"} for t in clause.tokens)
            words.append(spell(phrase.tokens) if named else _retold_phrase(phrase, unit.meant[phrase], described))
            i = phrase.stop
            continue
        token = clause.tokens[i]
        links = not words and (token.lower in table("links") or not token.is_word)
        if not (links or token.quoted or token.text in _MARKS):
            words.append(token.text)
        i += 1
    if not clause.subjects and unit.subjects:
        words.insert(0, " and ".join(describe(e) for e in unit.subjects))
    text = spell([Token(word, 0, 0) for word in words if word]).strip(" ,;:.!?—–-…\"“”()")
    return text[:1].upper() + text[1:] if text else "the scene"


def _after_label(tokens: Sequence[Token]) -> int:
    """Index after "Scene 2:" or "NARRATOR:" at the beginning."""
    colon = next((i for i, t in enumerate(tokens[:6]) if t.text == ":"), 0)
    words = [t for t in tokens[:colon] if t.is_word]
    return colon + 1 if words and words[0].lower in table("not_speakers") | table("weekdays") else 0


def _retold_phrase(phrase: NounPhrase, who: Sequence[Entity], described: list[Entity]) -> str:
    if phrase.preposition == "named" and any(e is d for e in who for d in described):
        return spell(phrase.tokens)
    texts = []
    own_words = len(who) == 1 and not who[0].member and not phrase.is_pronoun and not phrase.is_name
    for entity in who:
        again = any(entity is d for d in described) and not entity.member
        described.append(entity)
        texts.append(f"the {entity.noun}" if again else describe(entity))
    return spell(phrase.tokens) if own_words else " and ".join(texts)


def _free_query(unit: Unit, shown: Sequence[Entity]) -> str:
    """Subject, action and place in common nouns."""
    clause = unit.clause
    thing = clause.subjects[0] if clause.subjects and not unit.subjects else None
    subject = " and ".join(_common(e) for e in (unit.subjects or shown)[:2])
    if thing is not None and not thing.is_pronoun:
        subject = f"the {thing.head.lower}"
    if clause.kind == "speech" or clause.verb is None:
        return f"{subject or 'a person'} talking"
    lemma = clause.tokens[clause.verb].lemma
    words = [subject, "" if lemma == "be" else verb_ing(lemma)]
    after = [p for p in clause.phrases if p.start > clause.verb and not p.is_name and p.head.lower not in table("time_nouns")
             and p.preposition != "of" and clause.kind == "event"]
    placed = False
    for phrase in after[:2]:
        placed = placed or bool(phrase.preposition)
        who = unit.meant.get(phrase)
        if (who and any(e in unit.subjects for e in who)) or (not who and phrase.is_pronoun):
            continue
        noun = _common(who[0]) if who else "home" if phrase.head.lower == "home" else f"the {phrase.head.lower}"
        words.append(f"{phrase.preposition} {noun}".strip() if phrase.preposition != "named" else "")
    text = " ".join(word for word in words if word)
    place = unit.setting.scene
    return f"{text} {_at(place)}" if place and place not in text and not placed else text


def _at(place: str) -> str:
    preposition = "at" if place in table("waters") else "in"
    return f"{preposition} the {place}"


def _common(entity: Entity) -> str:
    noun = entity.member.noun if entity.member else "person" if entity.human and entity.noun in entity.names else entity.noun
    return f"{noun}s" if entity.plural else f"{article(noun)} {noun}"
