"""What is mended in dependency trees: words under a wrong verb, verbs taken for nouns, and what "and" joins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storyanim.planning.english import FINITE, WATCH, english_verbs, is_intransitive, is_past
from storyanim.planning.inflection import is_plural, lemma_of_noun, lemma_of_verb
from storyanim.planning.words import is_animate, words

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token


def mend(doc: Doc) -> None:
    """Mend the words of a text, then its trees."""
    _mend_words(doc)
    _mend_trees(doc)


def _mend_words(doc: Doc) -> None:
    """Correct base forms ("swam" is left as it is, "rides" is taken for "rid"), numbers, and verbs that are taken for nouns."""
    for token in doc:
        one = any(c.lower_ in {"a", "an"} for c in token.children) and lemma_of_noun(token.lower_) == token.lower_         # "a sheep"
        if token.tag_ == "NNS" and (one or not is_plural(token.lower_)) and token.lower_ not in words("collective"):
            token.tag_ = "NN"                        # "hedgehog"
        if token.pos_ == "VERB" and ((token.lemma_ == token.lower_ and token.tag_ != "VB") or token.lower_.endswith(("ed", "ing", "es"))):
            token.lemma_ = lemma_of_verb(token.lower_)
        elif token.dep_ == "conj" and token.tag_ in {"NN", "NNS"} and (verb := _verb_above(token)) is not None:
            token.tag_, token.pos_, token.lemma_, token.head = verb.tag_, "VERB", lemma_of_verb(token.lower_), verb
            if token.i + 1 < len(doc) and token.nbor().dep_ == "prep" and token.nbor().head == verb:
                token.nbor().head = token


def _mend_trees(doc: Doc) -> None:
    """Hang what is coordinate with a main verb under it, where the tree has it under a word between them; and subjects together."""
    for token in doc:
        _mend_nouns(token)
        _mend_phrases(token)
        if token.tag_ == "PRP$" and token.lower_ == "her" and token.head.lower_.endswith("ing") and token.head.head.lemma_ in WATCH \
                and lemma_of_verb(token.head.lower_) in english_verbs():   # "saw her climbing"
            seen = token.head
            token.tag_, token.dep_ = "PRP", "nsubj"
            seen.tag_, seen.pos_, seen.dep_, seen.lemma_ = "VBG", "VERB", "ccomp", lemma_of_verb(seen.lower_)
        if token.dep_ == "agent" and not _is_passive(token.head):
            token.dep_ = "prep"                      # "slept by the window"
        elif token.dep_ == "advcl" and token.head.dep_ == "dobj" and token.head.head.pos_ == "VERB" and any(c.dep_ == "mark" for c in token.children):
            token.head = token.head.head             # "found a coin as the baker cried"
        elif token.dep_ == "advcl" and token.tag_ == "VBN" and token.i > token.sent.start and token.nbor(-1).text == "," and token.head.tag_ == "VBD" and is_past(token.lower_) \
                and any(c.dep_ in {"dobj", "prt"} for c in token.children) and not _has_subject(token):
            token.dep_, token.tag_ = "conj", "VBD"   # "read a book, put on a coat and left"
        elif token.dep_ == "advcl" and token.tag_ in FINITE and token.tag_ == token.head.tag_ and token.i < token.head.i and _has_subject(token) \
                and not _has_subject(token.head) and not any(c.dep_ in {"mark", "advmod"} for c in token.children):
            token.dep_ = "ccomp"                     # "A farmer swims, carries a basket"
        elif token.dep_ == "dep" and token.tag_ in FINITE and token.head.tag_ == token.tag_ and token.head.i < token.i:
            token.dep_ = "conj"                      # "sighed, licked the knight and followed him"
        elif token.dep_ == "conj" and token.tag_ in FINITE and token.head.tag_ not in FINITE | {"MD"} and not _has_subject(token):
            finite = next((a for a in token.head.ancestors if a.tag_ == token.tag_ and a.i < token.i), None)
            if finite is not None and token.head.pos_ == "VERB":
                token.head = finite                  # "sat down without being asked and lit a lamp"


def _mend_phrases(token: Token) -> None:
    """Give a preposition its noun, and a verb in front of its subject the one behind it: "flew over its head", "Past the mill came a duck"."""
    after = token.nbor() if token.i + 1 < token.sent.end else token
    if token.tag_ not in {"IN", "RP"} or token.head.pos_ != "VERB" or token.n_lefts + token.n_rights:
        return
    noun = next((c for c in token.head.children if c.left_edge == after and c.dep_ in {"dobj", "nsubj"} and c.pos_ in {"NOUN", "PROPN"}), None)
    fronted = token.is_sent_start and is_intransitive(token.head.lemma_)
    if fronted and (noun is None or noun.i + 1 == token.head.i):
        behind = next((c for c in token.head.children if c.left_edge.i == token.head.i + 1 and c.dep_ in {"dobj", "nsubj"}), None)
        if behind is None:
            return
        token.dep_, behind.dep_ = "prep" if noun is not None else "prt", "nsubj"
    if noun is not None and (fronted or (token.dep_ == "prep" and noun.dep_ == "dobj")):
        noun.head, noun.dep_ = token, "pobj"


def _mend_nouns(token: Token) -> None:
    """Make one subject of what "and" joins: "the girl, the queen, and the baker"; "my friend Ella and I" are two."""
    if token.dep_ == "nmod" and token.head.i > token.i and any(c.dep_ == "cc" for c in token.children) and is_animate(token.lower_) \
            and any(c.dep_ == "nummod" for c in token.head.children):      # "a fox and three robots"
        other, dep, above = token.head, token.head.dep_, token.head.head
        for child in [c for c in other.children if c.i < token.i]:
            child.head = token
        token.head, token.dep_ = above, dep
        other.head, other.dep_ = token, "conj"
    elif token.dep_ == "nsubj" and token.left_edge.i > token.sent.start and (word := token.left_edge.nbor(-1)).dep_ == "cc":
        first = next((c for c in token.head.children if c.dep_ == "nsubj" and c.i < word.i and word.head in {c, *c.children}
                      and not any(t.pos_ == "VERB" for t in c.doc[c.i:token.i])), None)
        beside = word.nbor(-1) if word.i > token.sent.start else word      # "At lunch Jonas and I sat"
        if beside.dep_ == "pobj" and beside.pos_ == "PROPN" and beside.head.head == token.head and any(c.dep_ == "pobj" and c.i < beside.i for c in beside.head.children):
            beside.head, beside.dep_, first = token.head, "nsubj", beside
        if first is not None:
            listed = [c for c in first.children if c.dep_ == "appos" and any(k.dep_ == "det" for k in c.children)]
            for noun in (*listed, token):
                noun.dep_, noun.head = "conj", first
    elif token.dep_ == "appos" and token.pos_ == "PROPN" and token.head.pos_ == "NOUN" and token.i == token.head.i + 1:
        for child in list(token.children):
            if child.dep_ in {"cc", "conj"}:
                child.head = token.head
    elif token.dep_ == "nsubj" and token.head.tag_ == "VBG" and token.head.dep_ == "ccomp" and token.i < token.head.i - 1 and token.nbor().text == ",":
        verb = token.head                            # "said Oscar, breaking a plate"
        token.head, verb.dep_ = verb.head, "advcl"


def _is_passive(verb: Token) -> bool:
    """Tell whether a verb may have an agent: "was made by", "a hat made by"; not "the fox slept by"."""
    verbs = [verb]
    while verbs[-1].dep_ == "conj" and verbs[-1].head.pos_ in {"VERB", "AUX"}:
        verbs.append(verbs[-1].head)
    return verb.dep_ in {"acl", "advcl"} or any(c.dep_ in {"auxpass", "nsubjpass"} for v in verbs for c in v.children) \
        or not any(c.dep_ == "nsubj" for v in verbs for c in v.children)


def _has_subject(token: Token) -> bool:
    return any(c.dep_ in {"nsubj", "nsubjpass", "aux", "auxpass"} for c in token.children)


def _verb_above(noun: Token) -> Token | None:
    """Return the verb that goes on in what the tree lists with an object: "wipes his hands and squints at the road"."""
    listed = noun.head
    verb = next((a for a in listed.ancestors if a.pos_ == "VERB"), None)
    bare = not any(c.dep_ in {"det", "poss", "amod", "nummod", "compound"} for c in noun.children)
    owned = any(c.dep_ in {"det", "poss", "nummod"} for c in listed.children)
    base = lemma_of_verb(noun.lower_)
    first = listed.dep_ == "advmod"                  # "reached the sill first and bit into it"
    if verb is None or not bare or not (first or (owned and listed.dep_ in {"dobj", "pobj"})) or base == noun.lower_ or verb.i > listed.i:
        return None
    if verb.tag_ == "VBD":                           # "rolled through the grass and sang"
        return verb if noun.tag_ == "NN" and base in english_verbs() else None
    follows = noun.nbor() if noun.i + 1 < len(noun.doc) else noun
    goes_on = (follows.dep_ == "prep" and follows.lower_ != "of") or base in words("motion", "voice", "gesture")
    return verb if verb.tag_ == "VBZ" and noun.tag_ == "NNS" and base in english_verbs() and goes_on else None
