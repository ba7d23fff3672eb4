"""Sentences into clauses: what could be a picture, and what is said, only described, or does not happen.

A clause stands around a verb of the main line: the root of a sentence and the verbs that are coordinate with it. What is
subordinate (relative clauses, "when ...", participles) stays with the verb that it belongs to and never wins over it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from storyanim.planning.clause_parts import (
    SUBJECTS,
    conjuncts,
    has_child,
    is_misread_preposition,
    read_modifiers,
    subject_before,
    subjects_of,
    way_of,
)
from storyanim.planning.english import is_speech
from storyanim.planning.narrative import EventKind
from storyanim.planning.parse import Sentence, story_offset
from storyanim.planning.visible_verb import (
    NOBODY,
    SHOWS,
    TELLS_OF,
    is_denied,
    is_unstopped,
    may_act,
    seen_things,
    visible_verb,
)
from storyanim.planning.words import is_place, words

if TYPE_CHECKING:
    from spacy.tokens import Span, Token

_OBJECTS = frozenset({"dobj", "dative", "oprd"})
_PREDICATES = frozenset({"acomp", "attr", "oprd"})
_BELIEVE = frozenset(["think", "know", "believe", "suppose", "wish", "hope", "see", "hear", "feel", "seem", "guess", "mean", "remember", "understand"])
_PREPARE = frozenset({"go", "come", "run", "try", "turn", "stop"})         # "went and sat down"
_AT_ONCE = frozenset({"while", "whilst", "as"})      # of a clause that goes on at the same time
_PARTICIPLES = frozenset({"advcl", "acl", "xcomp", "conj", "dep", "ccomp"})
# "She gave a wave" is waving: light verbs, and the nouns that are deeds.
_LIGHT = frozenset({"take", "have", "give", "make", "do", "let"})
_DEEDS = {**{deed: deed for deed in ["bark", "bite", "bow", "climb", "cry", "dance", "dive", "drink", "growl", "hop", "howl", "hug", "jump", "kick", "kiss",
                                     "laugh", "leap", "look", "nod", "pull", "push", "rest", "ride", "roar", "run", "scream", "shout", "shower", "shrug",
                                     "sigh", "skip", "sleep", "smile", "sneeze", "spin", "step", "stretch", "swim", "twirl", "walk", "wave", "whistle",
                                     "yawn"]},
          "bath": "bathe", "breath": "breathe", "glance": "look", "nap": "sleep", "peek": "look", "sip": "drink", "stroll": "walk"}
_BECOME = frozenset({"grow", "get", "become", "turn", "feel", "stay", "keep", "look", "seem"})
_ACHE = frozenset({"beat", "pound", "race", "ache", "hurt", "throb", "sink", "swell"})
_SENSED = frozenset({"smell", "taste", "sound"})
_LASTS = frozenset({"take", "last"})
_IMAGINE = frozenset({"imagine", "picture", "look", "see", "listen", "think", "remember", "suppose", "wait", "guess"})
_FALLING = frozenset({"rain", "snow", "hail", "drizzle", "thunder", "pour", "storm"})
_DIRECTIONS = frozenset(["about", "ahead", "along", "around", "away", "back", "down", "downstairs", "forward", "in", "inside", "off", "on", "out",
                         "outside", "over", "past", "up", "upstairs", "upward", "upwards"])
_CAMERA_MOVES = frozenset({"pan", "zoom", "tilt", "track", "follow", "circle", "move", "pull", "push"})
_NAMED = frozenset({"call", "name", "know"})
_ACTS = 4                                            # clauses whose doer a thing is, to be somebody
_VOICES = frozenset({"voice", "sign", "letter", "note", "word", "label", "book", "story", "newspaper"})
_CRIES = {"cry": "shout"}                             # with words: nobody weeps
_MEALS = dict.fromkeys(["breakfast", "lunch", "dinner", "supper", "snack", "picnic"], "eat")


@dataclass(frozen=True)
class Clause:
    """What one verb of the main line says, as tokens; people are found later."""

    tokens: Span                                     # its part of the sentence; all parts together are the sentence
    kind: EventKind
    verb: Token | None                               # that one would see: "run" of "began to run"
    lemma: str
    particle: str
    negated: bool
    passive: bool
    subjects: tuple[Token, ...]                      # heads of noun phrases, conjuncts too
    objects: tuple[Token, ...]
    modifiers: tuple[tuple[str, Token], ...]         # preposition, head
    while_doing: tuple[Clause, ...]
    meanwhile: tuple[Clause, ...] = ()               # what somebody else does at the same time: "while the rabbit slept"
    watchers: tuple[Token, ...] = ()                 # who sees it: "I" of "I saw a heron catch a fish"

    @property
    def start(self) -> int:
        """Return its offset in the story."""
        return story_offset(self.tokens[0])


def read_clauses(sentence: Sentence) -> list[Clause]:
    """Return the clauses of a sentence, in order; together they are its tokens."""
    span = sentence.tokens
    if span is None:
        return []
    heads = _main_verbs(span.root)
    starts = sorted({span.start, *(_clause_start(head, heads[:i]) for i, head in enumerate(heads) if i)})
    pieces = [span.doc[a:b] for a, b in pairwise([*starts, span.end])]
    clauses = []
    for piece in pieces:
        head = next((h for h in heads if piece.start <= h.i < piece.end), None)
        clauses.append(_read_clause(piece, head if head is not None else piece.root))
    return clauses


def find_beings(clauses: Iterable[Clause]) -> frozenset[str]:
    """Return the lemmas of things that act like people in a story: they speak, or do a good deal."""
    acts: Counter[str] = Counter()
    for clause in clauses:
        acts.update({t.lemma_.lower(): _ACTS for t in clause.tokens if t.pos_ == "NOUN" and _is_who(t)})
        for subject in clause.subjects:
            lemma = subject.lemma_.lower()
            if subject.pos_ == "NOUN" and lemma not in words("body", "part", "time") and not clause.passive:
                said = clause.kind == "speech" and any(is_speech(t) for t in clause.tokens) and lemma not in _VOICES
                acts[lemma] += _ACTS if said else clause.kind == "event" and lemma not in words("backdrop") and not is_place(lemma)
    return frozenset(lemma for lemma, count in acts.items() if count >= _ACTS)


def _is_who(noun: Token) -> bool:
    """Tell whether a noun is somebody by the clause behind it: "a cartmaker who had three daughters"."""
    return any(c.dep_ == "relcl" and any(t.lower_ == "who" and t.dep_ == "nsubj" for t in c.children) for c in noun.children)


# ── where clauses begin ──

def _main_verbs(root: Token) -> list[Token]:
    """Return the root and the verbs of the main line, in the order of the text."""
    found = [root]
    for child in root.children:
        if _is_coordinate(root, child):
            found += _main_verbs(child)
    return sorted(found, key=lambda token: token.i)


def _is_coordinate(head: Token, child: Token) -> bool:
    if child.pos_ not in {"VERB", "AUX"} or is_speech(child) or is_misread_preposition(child):
        return False
    own_subject = has_child(child, SUBJECTS) or subject_before(child) is not None
    if head.lemma_ == "be" and child.tag_ in {"VBG", "VBN"} and not own_subject:
        return False                                 # "was out of breath and trembling"
    if child.dep_ in {"ccomp", "parataxis"}:         # "He ran; she hid", "He ran, she hid"
        return own_subject and child.i < head.i and _divided(child, head) and not has_child(child, {"mark"}) and not _says(head)
    if child.dep_ != "conj" or head.pos_ not in {"VERB", "AUX"}:
        return False
    if own_subject:
        return True
    if head.lemma_ in _PREPARE and child.i - head.i <= 3 and not _own_words(head, child):
        return False
    instead = is_denied(head) and any(c.lower_ in {"but", "instead"} for c in (*head.children, *child.children))
    return (instead or _own_words(child, None)) and _seen(child) != _seen(head)


def _divided(first: Token, second: Token) -> bool:
    between = first.doc[min(first.i, second.i):max(first.i, second.i)]
    return any(token.text in {";", ",", "-", "—", ":"} for token in between)


def _own_words(verb: Token, before: Token | None) -> bool:
    """Tell whether a verb has words of its own: an object, a place, a particle, how it is done."""
    kids = [c for c in verb.children if before is None or c.i < before.i]
    return any(c.dep_ in _OBJECTS | _PREDICATES | {"prep", "prt", "xcomp", "ccomp", "agent", "npadvmod"}
               or (c.dep_ == "advmod" and c.i > verb.i) for c in kids)


def _clause_start(head: Token, earlier: Sequence[Token]) -> int:
    """Return the index of the token that a clause begins with: its "and", and what precedes its verb."""
    start = max([(subject_before(head) or head).left_edge.i, *(other.right_edge.i + 1 for other in earlier if other.head == head)])
    while head.doc[start].is_punct and not is_speech(head.doc[start]) and start < head.i:
        start += 1
    while start > head.sent.start + 1 and (head.doc[start - 1].dep_ in {"cc", "preconj"} or head.doc[start - 1].lower_ in {"then", "so"}):
        start -= 1
    return int(start)


# ── what a clause says ──

def _read_clause(piece: Span, head: Token, *, depth: int = 0) -> Clause:
    if head.pos_ not in {"VERB", "AUX"}:
        return _read_fragment(piece, head)
    verb, outer = visible_verb(head)
    inside = [t for t in (*outer, verb)]
    subjects, passive = subjects_of(head, verb)
    moved = [t for c in verb.children if _is_small_clause(c) for s in c.children if s.dep_ == "nsubj" and s.i > verb.i for t in conjuncts(s)]
    watchers: tuple[Token, ...] = ()
    if outer and verb.dep_ in {"ccomp", "acl", "relcl", "csubj"} and (verb.dep_ == "csubj" or outer[-1].lemma_.lower() in SHOWS):
        watchers, (subjects, passive) = subjects, (conjuncts(verb.head), False) if verb.dep_ in {"acl", "relcl"} else subjects_of(verb, verb)
    objects = [t for c in verb.children if c.dep_ in _OBJECTS and c not in subjects and c.pos_ != "ADP" and c.i > verb.i - 3 and not is_speech(c)
               and (c.pos_ in {"NOUN", "PROPN", "PRON", "NUM"} or has_child(c, {"det"})) for t in conjuncts(c)]
    objects = [*moved, *(t for t in objects if all(subject_before(c) != t for c in verb.children))]
    objects += [t for c in verb.children if c.dep_ == "prt" and not is_misread_preposition(c) for p in c.children if p.dep_ == "pobj" for t in conjuncts(p)]
    objects = objects or seen_things(verb)
    modifiers = [(how, t) for token in inside for how, t in read_modifiers(token, piece) if t not in subjects]
    modifiers += [("with", t) for token in outer if token.lemma_ == "help" for c in (*token.children, *verb.children)
                  if c.i > token.i and c.dep_ in SUBJECTS | {"dobj"} and c.i < verb.i for t in conjuncts(c)]
    ways = [(how, t) for t in (*objects, *(c for c in verb.children if c.dep_ == "npadvmod")) if (how := way_of(t, verb))]
    objects, modifiers = [t for t in objects if t not in [way for _, way in ways]], [*ways, *modifiers]
    lemma = verb.lemma_.lower()
    if lemma in _LIGHT and (deed := next((_DEEDS[o.lemma_] for o in objects if o.lemma_ in _DEEDS and _is_one(o)), "")):
        lemma, objects = deed, [o for o in objects if o.lemma_ not in _DEEDS]
    lemma = _CRIES.get(lemma, lemma) if any(is_speech(t) for t in piece) else lemma
    asleep = lemma in {"be", "fall", "lie"} and any(c.dep_ in {"acomp", "advmod"} and c.lower_ == "asleep" for c in verb.children)
    lemma = "sleep" if asleep else lemma
    meal = next((o for o in objects if lemma == "have" and o.lemma_ in _MEALS), None)
    lemma, objects = ("eat", [o for o in objects if o is not meal]) if meal is not None else (lemma, objects)
    agents = [t for c in verb.children if c.dep_ == "agent" for p in c.children if p.dep_ == "pobj" for t in conjuncts(p)]
    if agents:
        subjects, objects, passive = tuple(agents), [*subjects, *objects], False
    participles = () if depth else tuple(_participles(verb, piece))
    particle = "" if any(is_misread_preposition(c) and c.lower_ in dict(modifiers) for c in verb.children) else _particle(verb)
    if lemma == "let" and any(c.lemma_ == "go" and c.dep_ in {"xcomp", "ccomp"} for c in verb.children):
        particle = "go of"                           # "let go of the balloon", "let it go"
        objects = objects or [t for c in verb.children for o in c.children if o.lower_ == "of" for p in o.children for t in conjuncts(p)]
    denied = is_denied(verb) or any(is_denied(token) and not is_unstopped(token, verb) for token in outer)
    return Clause(piece, "event" if asleep else _kind(piece, head, verb, lemma, subjects), verb, lemma, "" if particle in dict(ways) else particle,
                  denied or _denies(objects), passive, subjects,
                  tuple(objects), tuple(modifiers), participles, () if depth else tuple(_meanwhile(head, piece)), watchers)


def _particle(verb: Token) -> str:
    """Return "up" of "picked up", "around" of "looked around"; a direction that no phrase follows."""
    fronted = verb.left_edge.i if verb.lemma_.lower() in words("motion") else verb.i + 1       # "Out came a dragon", "Down she went"
    told = [c for c in verb.children if c.dep_ == "prt" or _is_small_clause(c) or (
        c.dep_ == "advmod" and c.lower_ in _DIRECTIONS and c.i in {verb.i + 1, fronted} and not any(k.dep_ in {"prep", "pobj"} for k in c.children))]
    return str(told[0].lower_) if told else ""


def _is_small_clause(child: Token) -> bool:
    """Tell whether a particle has a subject of its own in the tree: "let her in", "let the dog out"."""
    return child.tag_ in {"RP", "RB"} and child.dep_ in {"prt", "ccomp", "advmod"} and has_child(child, {"nsubj"})


def _read_fragment(piece: Span, head: Token) -> Clause:
    """Read a piece without a verb: "A lighthouse on a cliff", or what somebody says."""
    kind: EventKind = "speech" if all(is_speech(t) or t.is_punct for t in piece) else "state"
    deed = _DEEDS.get(head.lemma_.lower(), _MEALS.get(head.lemma_.lower(), ""))
    if deed and kind == "state" and sum(t.is_alpha for t in piece) <= 3:   # "Breakfast!!!"
        return Clause(piece, "event", head, deed, "", False, False, (), (), (), ())
    nouns = conjuncts(head) if head.pos_ in {"NOUN", "PROPN", "PRON"} and not is_speech(head) else ()
    participles = tuple(_participles(head, piece))
    acting = participles[0] if participles and nouns else None
    if acting is not None and kind == "state":       # "Medium shot: an old man climbing the stairs"
        return Clause(piece, "event", acting.verb, acting.lemma, acting.particle, acting.negated, False, nouns,
                      acting.objects, (*read_modifiers(head, piece), *acting.modifiers), participles[1:])
    return Clause(piece, kind, None, "", "", False, False, nouns, (), tuple(read_modifiers(head, piece)), ())


def _participles(verb: Token, piece: Span) -> Iterator[Clause]:
    """Yield what is done at the same time: "shouted Mia, scrambling out after him"."""
    late = [c for s in verb.children if s.dep_ == "nsubj" and s.i > verb.i for c in s.children if c.dep_ == "acl"]
    for child in (*verb.children, *late):
        if child.dep_ in _PARTICIPLES and child.tag_ == "VBG" and piece.start <= child.i < piece.end \
                and not has_child(child, SUBJECTS | {"mark", "prep", "aux"} - {"prep"}):
            yield _read_clause(verb.doc[child.left_edge.i:child.right_edge.i + 1], child, depth=1)


def _meanwhile(head: Token, piece: Span) -> Iterator[Clause]:
    """Yield what others do at the same time: "while the rabbit slept", "as the wolf ran through the forest"."""
    for child in head.children:
        joined = any(c.lower_ in _AT_ONCE and c.dep_ in {"mark", "advmod"} and c.i < child.i for c in child.children)
        if child.dep_ == "advcl" and child.pos_ == "VERB" and joined and has_child(child, {"nsubj"}) \
                and piece.start <= child.left_edge.i and child.right_edge.i < piece.end:
            clause = _read_clause(child.doc[child.left_edge.i:child.right_edge.i + 1], child, depth=1)
            if clause.kind == "event" and not clause.negated:
                yield clause


def _kind(piece: Span, head: Token, verb: Token, lemma: str, subjects: Sequence[Token]) -> EventKind:
    said = any(is_speech(t) for t in piece)
    if lemma in words("speech") and any(c.lower_ == "you" and c.dep_ in _OBJECTS for c in verb.children):
        return "state"                               # "I'll tell you about a baker"
    tells = words("speech") | (words("voice") if said else frozenset())
    if lemma in tells or (said and head.i > piece.start and _inverted(head, piece)):
        return "speech"
    named = lemma in _NAMED and has_child(verb, {"nsubjpass", "auxpass"})       # "was called Bo"
    must = head.lemma_ in {"have", "be", *TELLS_OF} and head != verb             # "had to run", and ran; "There was a king running"
    if named or (head.lemma_.lower() in words("state") and not must) or lemma in words("state") or _is_mood(verb, lemma):
        return "state"
    if subjects and all(s.lemma_.lower() in words("backdrop") for s in subjects) and not any(
            c.dep_ == "dobj" and c.pos_ in {"NOUN", "PRON"} for c in verb.children):    # "The wind took his cap"
        return "state"
    if any(s.lower_ == "you" for s in subjects) and any(c.tag_ == "MD" for c in verb.children):
        return "state"                               # "you may see him": a reader may
    if lemma in _SENSED and not has_child(verb, {"dobj"}) and not any(may_act(s) for s in subjects):
        return "state"                               # "It smelled of vinegar"
    if lemma in _LASTS and any(c.dep_ in {"dobj", "npadvmod"} and c.lemma_ in words("time") for c in verb.children):
        return "state"                               # "The journey took two hours"
    if lemma in _IMAGINE and head.tag_ == "VB" and not subjects and not has_child(head, {"aux", "neg"}):
        return "state"                               # "Imagine a fox": a reader may
    if subjects and lemma in _ACHE and all(s.lemma_.lower() in words("body") for s in subjects):
        return "state"                               # "My heart was beating"
    if lemma in _FALLING and subjects and subjects[0].lower_ == "it":
        return "state"
    if any(t.lemma_.lower() in _CAMERA_MOVES for t in piece) and subjects and all("camera" in {s.lower_, *(c.lower_ for c in s.children)} for s in subjects):
        return "state"
    return "event"


def _is_mood(verb: Token, lemma: str) -> bool:
    """Tell whether a verb says only how somebody comes to be: "grew angry", "got wet", "felt sorry"."""
    return lemma in _BECOME and has_child(verb, {"acomp"}) and not has_child(verb, {"dobj", "prt"})


def _inverted(head: Token, piece: Span) -> bool:
    """Tell whether the verb follows what is said at once: "...," laughed Mia; "...," she laughed."""
    before = [t for t in piece if t.i < head.i and not is_speech(t) and t.dep_ not in {"nsubj", "det", "compound", "amod", "punct", "cc"}]
    return is_speech(piece[0]) and not before


def _denies(objects: Sequence[Token]) -> bool:
    return any(o.lower_ in NOBODY or any(c.lower_ == "no" and c.dep_ == "det" for c in o.children) for o in objects)


def _says(verb: Token) -> bool:
    return verb.lemma_.lower() in words("speech", "voice") | _BELIEVE


def _seen(verb: Token) -> str:
    return str(visible_verb(verb)[0].lemma_.lower())


def _is_one(noun: Token) -> bool:
    return any(c.lower_ in {"a", "an", "another", "one", "his", "her", "its", "their"} for c in noun.children)
