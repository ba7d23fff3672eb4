"""Dependency trees of the small model.

A sentence whose tree is doubtful is parsed again with plain words in place of its own: "went" for a past, "man" for somebody. The
tree with the fewest doubts is kept; words, base forms and letters stay the story's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storyanim.planning.english import (
    FINITE,
    WATCH,
    english_verbs,
    is_intransitive,
    is_no_noun,
    is_participle,
    is_past,
    is_speech,
    load_model,
    lookups,
)
from storyanim.planning.inflection import lemma_of_noun, lemma_of_verb
from storyanim.planning.tree_mends import mend
from storyanim.planning.words import is_animate, words

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span, Token

_HELPERS = frozenset({"be", "have", "do", "call", "name"})
_DETERMINERS = frozenset({"DT", "PRP$", "PRP"})


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
    mend(doc)
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
    if token.pos_ == "NOUN" and (_is_presented(token) or (token.head.lemma_ in WATCH and token.dep_ in {"dobj", "ccomp"})) and is_intransitive(base):
        return "going" if token.lower_.endswith("ing") else "go"           # "saw a fox creep"
    mistaken = _is_mistaken_past(token, token, token.sent.root.pos_ in {"VERB", "AUX"})
    if token.lower_ == "used" and following.lower_ == "to" and mistaken:
        return "had"                                 # "A woman used to sleep"
    kept = base in _HELPERS or (base in WATCH and not mistaken) or base in words("speech", "aspect", "state") or not is_past(token.lower_)
    if kept or (token.pos_ != "VERB" and not mistaken):
        return str(token.text)
    if following.tag_ in _DETERMINERS | {"NN", "NNS", "NNP", "JJ", "CD"}:
        return "took"
    return "went" if mistaken or is_intransitive(base) or token.tag_ != "VBD" else str(token.text)


def _plain_noun(token: Token) -> str:
    """Return "man" or "men" for somebody, and other words as they are."""
    base = lemma_of_noun(token.lower_)
    if not token.is_lower or is_speech(token) or not is_animate(base) or token.pos_ == "VERB":
        return str(token.text)
    return "man" if base == token.lower_ else "men"


def _plain_word(token: Token) -> str:
    verb = _plain_verb(token)
    return verb if verb != token.text else _plain_noun(token)


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
    if not is_past(word):
        return False
    if token.tag_ in {"VB", "VBP"}:
        return word not in english_verbs()
    if token.pos_ in {"NOUN", "PROPN"} or (not told and token.pos_ not in {"VERB", "AUX"}):
        bitten = not told and token.i + 1 < token.sent.end and token.nbor().tag_ == "DT"       # "a waiter bit a bone"
        return is_no_noun(word) or bitten or any(c.dep_ == "nsubj" for c in token.children)
    if token.dep_ == "pobj":
        return True                                  # "as the princess skated"
    if token.tag_ not in {"VBN", "VBD"} or (told and noun.pos_ not in {"NOUN", "PROPN"}):
        return False
    if told:                                         # "took a bag and a cat hid by the lake"
        anew = noun.dep_ in {"conj", "nsubj"} or (noun.left_edge.i > token.sent.start and noun.left_edge.nbor(-1).dep_ in {"cc", "punct"})
        beside = token.i == noun.i + 1 and anew and is_animate(lemma_of_noun(noun.lower_))
        return token.dep_ == "acl" and beside and (is_intransitive(lemma_of_verb(word)) or not is_participle(word))
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
    if watched and token.dep_ in {"compound", "amod", "nsubj"} and head.dep_ in {"dobj", "ccomp", "pobj", "attr", "nsubj"} and head.tag_ not in {"VB", "VBG"} | FINITE:
        return is_intransitive(lemma_of_verb(head.lower_))                # "saw the wolf swim"
    if watched and head.dep_ == "dobj" and head.tag_ == "VBG":
        return True                                  # "saw a fox crying"
    adjective = token.tag_ in {"JJ", "JJR", "JJS"} and word not in lookups().get_table("lemma_index")["adj"]
    return token.dep_ == "npadvmod" or (token.dep_ == "compound" and head.pos_ == "VERB") or (adjective and token.dep_ in {"appos", "amod"})


def _is_presented(noun: Token) -> bool:
    """Tell whether a clause only shows that somebody is there: "There is a baker swimming", "Here is a baker swimming"."""
    return noun.head.lemma_ == "be" and noun.i > noun.head.i and (noun.dep_ == "nsubj" or (
        noun.dep_ == "attr" and any(c.dep_ == "expl" for c in noun.head.children)))


def _is_misread_present(token: Token) -> bool:
    """Tell whether a tree without a verb has what somebody does for a thing, or several: "Oscar dances in the attic"."""
    base = lemma_of_verb(token.lower_)
    strange = token.tag_ == "JJ" and token.lower_ not in lookups().get_table("lemma_index")["adj"]           # "five owls creep"
    if not (strange or token.tag_ in {"NN", "NNS", "VBZ"}) or base not in english_verbs() or token.i == token.sent.start or is_past(token.lower_):
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
    if not is_intransitive(base) or root.pos_ in {"VERB", "AUX"}:
        return False
    somebody = (before.dep_ == "compound" or before in {token.head, *token.children}) and is_animate(lemma_of_noun(before.lower_))
    if token.tag_ != "NNS":                           # "a cat and a girl wave", "two hens wave", "a raccoon marching in the valley"
        shown = token == root and token.lower_.endswith("ing")
        return (somebody and (shown or token.dep_ == "conj" or before.tag_ == "NNS")) or (token == root and token.tag_ == "NN" and bool(subjects))
    noun = before.pos_ == "NOUN" or before.lower_ not in lookups().get_table("lemma_index")["adj"]
    worn = noun and is_animate(lemma_of_noun(root.lower_))                 # "a fox in a red hat sings"
    return token.dep_ in {"pobj", "dobj"} and (worn or somebody)
