"""The verb of a clause that one would see: "run" of "began to run", "catch" of "I saw a heron catch a fish"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storyanim.planning.clause_parts import SUBJECTS, conjuncts, has_child
from storyanim.planning.english import WATCH
from storyanim.planning.words import is_animate, words

if TYPE_CHECKING:
    from spacy.tokens import Token

_NEVER = frozenset({"never", "hardly", "scarcely", "barely", "nearly", "almost", "no", "neither", "nor"})
NOBODY = frozenset({"nobody", "nothing", "none", "noone", "neither"})
_UNREAL = frozenset({"could", "can", "might", "may", "should", "ca"})
_PERCEIVE = frozenset({"see", "hear", "smell", "feel", "find", "remember", "only", "just"})
_STOP = frozenset({"stop", "help"})
SHOWS = WATCH | {"know"}                             # "know a boy who sings"
TELLS_OF = frozenset({"know", "live", "dwell"})
_GO_ON = frozenset({"go", "keep", "carry"})
_ALLOW = frozenset({"allow", "enable", "permit", "force", "make", "invite"})       # "was allowed to stay", and stayed


def visible_verb(head: Token) -> tuple[Token, list[Token]]:
    """Return the verb that one would see, "run" of "began to run", and the verbs around it."""
    outer: list[Token] = []
    verb = head
    while True:
        lemma = verb.lemma_.lower()
        there = lemma == "be" and has_child(verb, {"expl"})
        if (seen := _done_by_object(verb, "attr") if there else _seen_doing(verb) if lemma in SHOWS | {"be"} else None) is not None:
            return seen, [*outer, verb]
        if (there or lemma in TELLS_OF) and (told := _told_of(verb)) is not None:
            return told, [*outer, verb]
        own = {"mark"} if lemma == "help" else SUBJECTS | {"mark"}             # who is helped does it as well
        inner = next((c for c in verb.children if c.dep_ in {"xcomp", "ccomp", "advcl"} and c.i > verb.i
                      and c.pos_ == "VERB" and not has_child(c, own)), None)
        if (on := _going_on(verb, inner)) is not None:
            outer.append(verb)
            verb = on
            continue
        if inner is None:
            return verb, outer
        allowed = lemma in _ALLOW | WATCH and has_child(verb, {"nsubjpass"})
        at_once = lemma in {"go", "stop"} and inner.tag_ == "VB" and inner.i == verb.i + 2 and not is_denied(verb)     # "went to fetch"
        begun = lemma in words("aspect") and (inner.tag_ == "VBG" if lemma in {"come", "go", "get", "keep"} else inner.dep_ != "advcl")
        if not (lemma == "help" or allowed or at_once or begun or is_unstopped(verb, inner)):
            return verb, outer
        outer.append(verb)
        verb = inner


def _going_on(verb: Token, inner: Token | None) -> Token | None:
    """Return what somebody goes on doing, or is about to do: "kneeling" of "went on kneeling"."""
    about = next((c for c in verb.children if c.lower_ == "about" and verb.tag_ in {"VBZ", "VBP"} and verb.lemma_ == "be"), None)
    if about is not None:
        return next((c for c in about.children if c.dep_ == "xcomp"), None)
    if verb.lemma_ not in _GO_ON:
        return None
    on = next((c for c in verb.children if c.lower_ == "on" and c.i == verb.i + 1), None)
    within = next((c for c in on.children if c.dep_ == "pcomp"), inner) if on is not None else None
    return within if within is not None and within.tag_ == "VBG" and within.i == verb.i + 2 else None


def _seen_doing(verb: Token) -> Token | None:
    """Return what somebody is seen, or let, do: "catch" of "I saw a heron catch a fish"."""
    def is_somebody(token: Token) -> bool:
        return token.dep_ == "nsubj" and may_act(token)

    label = "csubj" if verb.lemma_ == "be" else "ccomp"                    # "Here is a fox sleeping"
    told = next((c for c in verb.children if c.dep_ == label and (c.tag_ in {"VB", "VBG"} or (c.pos_ == "VERB" and c.lower_ == c.lemma_)) and c.i > verb.i
                 and not has_child(c, {"mark", "aux", "advmod"}) and any(map(is_somebody, c.children))), None)
    at = next((c for c in verb.children if c.lower_ == "at" and verb.lemma_ == "look"), None)
    return told if told is not None else _done_by_object(verb, "dobj") if at is None else _done_by_object(at, "pobj")


def _told_of(verb: Token) -> Token | None:
    """Return what somebody does of whom a clause only says that there is such a one: "There was a fox who danced"."""
    return next((c for noun in verb.children if noun.dep_ in {"attr", "dobj", "nsubj"} and noun.i > verb.i and may_act(noun)
                 for c in noun.children if c.dep_ == "relcl" and c.pos_ == "VERB" and c.lemma_ not in words("state") and not is_denied(c)
                 and any(t.tag_ in {"WP", "WDT"} and t.dep_ == "nsubj" for t in c.children)), None)


def _done_by_object(verb: Token, label: str) -> Token | None:
    """Return what somebody does by a participle behind him: "reading" of "spotted a princess reading", "There was a king reading"."""
    return next((c for noun in verb.children if noun.dep_ == label and noun.i > verb.i and may_act(noun)
                 for c in noun.children if c.dep_ == "acl" and c.tag_ == "VBG" and c.i == noun.i + 1), None)


def seen_things(verb: Token) -> list[Token]:
    """Return what is seen, or let, do something, and is nobody: "watched it rise", "found the box empty"."""
    told = (c for c in verb.children if verb.lemma_.lower() in WATCH and c.dep_ == "ccomp" and c.i > verb.i
            and not has_child(c, {"mark", "aux", "advmod"}) and c.tag_ not in {"VBD", "VBZ", "VBP"})
    return [t for c in told for s in c.children if s.dep_ == "nsubj" and s.pos_ in {"NOUN", "PROPN", "PRON"} for t in conjuncts(s)]


def is_unstopped(verb: Token, inner: Token) -> bool:
    """Tell whether what is denied is only that somebody stops: "could not stop smiling"."""
    return verb.lemma_ in _STOP and inner.tag_ == "VBG" and is_denied(verb)


def is_denied(verb: Token) -> bool:
    """Tell whether what a verb says does not happen: "could not", "never", "would have", "almost"; "or drink" of "did not eat or drink"."""
    shared = verb.dep_ == "conj" and verb.tag_ == "VB" == verb.head.tag_ and not has_child(verb, SUBJECTS | {"aux"})
    if shared and is_denied(verb.head) and not any(c.lower_ == "but" for c in verb.head.children):
        return True
    for child in verb.children:
        if child.dep_ == "neg" or (child.dep_ in {"advmod", "preconj"} and child.lower_ in _NEVER):
            return True
        if child.dep_ in SUBJECTS and (child.lower_ in NOBODY or any(c.lower_ == "no" for c in child.children)):
            return True
        if child.tag_ == "MD" and child.i < verb.i and child.lower_ in _UNREAL and verb.lemma_.lower() not in _PERCEIVE:
            return True
        if child.lower_ in {"would", "'d"} and child.tag_ == "MD" and any(
                c.lemma_ == "have" or (c.dep_ == "advcl" and any(m.lower_ == "if" for m in c.children)) for c in verb.children):
            return True
        if child.lower_ in {"was", "were"} and child.dep_ == "aux" and verb.lemma_ == "go" and any(
                c.dep_ == "xcomp" and c.tag_ == "VB" for c in verb.children):
            return True                              # "was going to run"; who is going to run now is shown running
    return False


def may_act(subject: Token) -> bool:
    """Tell whether a noun, or a pronoun, may be somebody."""
    return subject.pos_ == "PROPN" or (subject.pos_ == "PRON" and subject.lower_ != "it") or is_animate(subject.lemma_.lower())
