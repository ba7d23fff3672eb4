"""What the noun phrases of a story say of whom: names, nouns, pronouns, and which words of a text are names at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storyanim.planning.clause_parts import is_listed
from storyanim.planning.english import is_speech
from storyanim.planning.inflection import lemma_of_verb
from storyanim.planning.kinds import RELATIVES
from storyanim.planning.narrative import Gender
from storyanim.planning.parse import is_known_noun
from storyanim.planning.words import is_animate, is_place, words

if TYPE_CHECKING:
    from spacy.tokens import Token

_CALENDAR = frozenset(["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "christmas", "easter"])
_DAYS = frozenset({"today", "tomorrow", "yesterday", "tonight"})
NUMBERS = {"two": 2, "both": 2, "three": 3, "four": 4}
_SOME_OF = frozenset(["some", "most", "all", "both", "each", "many", "none", "neither", "either", "several", "half", "plenty", "lots", "dozens",
                      "hundreds", "thousands", "swarms", "crowds"])
_MALE, _FEMALE = ("man", "master", "father", "boy"), ("woman", "mistress", "mother", "girl")
_BOTH = frozenset({"human", "german", "roman", "norman", "ottoman"})
_RULERS = frozenset({"king", "queen", "emperor", "empress", "sultan", "tsar", "czar"})
_WHERE = frozenset({"in", "at", "to", "from", "near", "through", "into", "for", "of", "on"})
_TITLES: dict[str, Gender] = {"mr": "m", "mister": "m", "sir": "m", "master": "m", "lord": "m", "mrs": "f", "ms": "f", "miss": "f",
                              "madam": "f", "madame": "f", "lady": "f", "dr": "", "doctor": "", "professor": "", "st": "", "old": "",
                              "little": ""}
_CALLINGS = {"dr": "doctor", "doctor": "doctor", "professor": "professor"}


@dataclass(frozen=True)
class Mention:
    """A noun phrase that may speak of somebody."""

    head: Token
    noun: str                                        # lemma of what it says somebody is: "bear" of "Baby Bear"; "" of a bare name
    name: str                                        # as it stands: "Tom Thumb", "Mr. McGregor"; "" without one
    marks: frozenset[str]                            # words that tell two of a kind apart: "baby", "second", "other"
    gender: Gender
    plural: bool
    definite: bool                                   # "the", "his", a name

    @property
    def keys(self) -> frozenset[str]:
        """The words of its name by which it can be found again."""
        return frozenset(word for word in self.name.lower().replace(".", "").split() if word not in _TITLES)


def find_names(tokens: Iterable[Token]) -> frozenset[str]:
    """Return the words, in small letters, that are names of somebody: they act, are spoken of, and are no places."""
    who: Counter[str] = Counter()
    where: Counter[str] = Counter()
    small: set[str] = set()
    common: set[str] = set()                         # that have an article: "the Robin"
    called: set[str] = set()                         # "a girl called zofia"
    first_names: set[str] = set()                    # that act
    tokens = list(tokens)
    careless = not any(t.text[:1].isupper() and t.is_alpha and t.lower_ != "i" and not is_speech(t) for t in tokens)
    for token in tokens:
        word = token.lower_
        if token.dep_ in {"oprd", "attr"} and token.head.lemma_ in {"call", "name"} and (
                token.head.dep_ in {"acl", "relcl"} or any(c.dep_ == "nsubjpass" for c in token.head.children)):
            called.add(word)
        if careless and _is_first_name(word) and token.dep_ == "nsubj" and not any(c.dep_ in {"det", "poss", "amod"} for c in token.children):
            called.add(word)                         # "kim filmed it"
        if token.dep_ in {"nsubj", "attr"} and is_numbered(token) and _is_being_by_verb(token):
            called.add(word)                         # "Unit 7 was a robot"
        if token.is_lower:
            small.add(word)
        if not token.text[:1].isupper() or not token.is_alpha or len(word) < 2 or is_speech(token):
            continue
        unknown = token.pos_ == "NOUN" and token.dep_ == "nsubj" and not is_known_noun(token)      # "Ines ran", taken for many
        month_acts = word in _CALENDAR and _is_first_name(word) and token.dep_ == "nsubj" and token.head.lemma_ not in {"come", "be", "pass", "go"}
        verb = token.is_sent_start and token.dep_ == "ROOT" and lemma_of_verb(word) != word and not _is_first_name(word)
        if verb or word in words("function") or (word in _CALENDAR and not month_acts and not _is_addressed(token)) or (token.pos_ != "PROPN" and (
                (token.is_sent_start and not unknown) or token.pos_ == "ADJ")):
            continue
        if any(c.dep_ == "det" for c in token.children):
            common.add(word)
        if token.dep_ == "pobj" and token.head.lower_ in _WHERE:
            where[word] += token.head.lower_ in {"in", "at"} or not _is_first_name(word)
        elif not (token.dep_ == "compound" and (token.head.pos_ != "PROPN" or is_place(token.head.lemma_.lower()))):
            who[word] += 1
            if (token.dep_ == "nsubj" or (token.dep_ == "conj" and token.head.dep_ == "nsubj")) and _is_first_name(word):
                first_names.add(word)                # "Ben came", who is no hill
            bare = (token.dep_ in {"nsubj", "nsubjpass"} and token.head.pos_ in {"VERB", "AUX"} and token.tag_ == "NNP"
                    and word not in words("backdrop"))
            if is_known_noun(token) and ((token.is_sent_start and not bare) or word in common) and not _is_first_name(word):
                small.add(word)                      # "Logo on black", "the Pitcher"
    return frozenset(called | {word for word, count in who.items() if count >= where[word] and word not in _TITLES
                     and (word not in small or _is_first_name(word)) and (not is_place(word) or word in first_names)
                     and (not is_animate(word) or (_is_first_name(word) and word not in common | small | words("being")))})


def describe(head: Token, names: frozenset[str]) -> Mention:
    """Return what a noun phrase says."""
    parts = _parts(head)
    if len(parts) > 1 and head.text[0].isupper() and is_animate(_lemma(parts[0])) and head.lower_ not in names and _is_thing(head) \
            and parts[0].lower_ not in {*_TITLES, *RELATIVES}:
        return Mention(head, _lemma(head), "", frozenset(), "", False, True)   # "Gull Rock"
    lowered = [t.lower_.rstrip(".") for t in parts]
    named = [t for t in parts if t.lower_ in names and (t.text[0].isupper() or t.pos_ in {"NOUN", "PROPN"})]
    nouns = [lemma for t in reversed(parts) if t not in named and is_animate(lemma := _lemma(t)) and t.dep_ != "amod"
             and not (named and lemma in _TITLES) and (t is head or not _is_thing_of(head))]
    title = next((word for word in lowered if _TITLES.get(word)), "")
    calling = next((_CALLINGS[word] for word in lowered if named and word in _CALLINGS), "")
    noun = _heir(head) or (nouns[0] if nouns else calling if calling else ("" if named else _lemma(head)))
    marks = {word for word in lowered if word in words("distinct") or (title and word == title)} - {noun}
    if not named and len(parts) > 1 and head.text[0].isupper():
        marks |= {t.lower_ for t in parts if t is not head and t.text[0].isupper() and t.lower_ not in words("function")}
    marks |= {c.lower_ for c in head.children if c.dep_ in {"amod", "nummod", "det"} and c.lower_ in words("distinct")}
    if named and is_numbered(head):
        parts = [*parts, head.nbor()]
    name = " ".join(t.text for t in parts if t.text[0].isupper() or t in named or t.like_num) if named or (title and head.text[0].isupper()) else ""
    gender = _TITLES.get(title, "") or gender_of(noun) or next((g for t in named if (g := name_gender(t.lower_))), "")
    plural = (head.tag_ in {"NNS", "NNPS"} and not named) or noun in words("collective")
    definite = bool(name) or head.pos_ == "PROPN" or any(
        c.dep_ == "poss" or c.lower_ in {"the", "this", "that", "these", "those"} for c in head.children)
    return Mention(head, noun, name, frozenset(marks), gender, plural, definite)


def _heir(head: Token) -> str:
    """Return "princess" of "the king's daughter", "prince" of "the son of the queen"; "" of others."""
    title = {"daughter": "princess", "son": "prince"}.get(head.lemma_.lower(), "")
    parents = (c if c.dep_ == "poss" else next(iter(c.children), c) for c in head.children if c.dep_ == "poss" or c.lower_ == "of")
    return title if title and any(p.lemma_.lower() in _RULERS for p in parents) else ""


def gender_of(noun: str) -> Gender:
    """Return the gender that a noun tells: "king" is m."""
    if noun in words("male") or (noun.endswith(_MALE) and is_animate(noun) and noun not in _BOTH and not noun.endswith(_FEMALE)):
        return "m"
    return "f" if noun in words("female") or (noun.endswith(_FEMALE) and is_animate(noun)) else ""


def name_gender(name: str) -> Gender:
    """Return the gender of who bears a first name."""
    return "m" if name in words("man_name") else "f" if name in words("woman_name") else ""


def appositions(head: Token) -> list[Token]:
    """Return the nouns that say who or what a noun is: "Luna, the cat", "a bear called Bruno", "the cat Luna"."""
    found = [c for c in head.children if c.dep_ == "appos" and not is_listed(c) and c.pos_ in {"NOUN", "PROPN"} and not is_speech(c)
             and not (head.pos_ == "PROPN" and _is_called(c))]             # "Odalys, a robot called Chip, and Wum" are three
    for child in head.children:
        if child.dep_ in {"acl", "relcl"} and child.lemma_ in {"call", "name"}:
            found += [c for c in child.children if c.dep_ in {"oprd", "attr", "dobj", "npadvmod"} and c.pos_ in {"PROPN", "NOUN"}]
        if child.dep_ == "relcl" and child.lemma_ == "be" and any(c.lemma_ == "name" for c in child.children):
            found += [c for c in child.children if c.dep_ == "attr" and c.pos_ == "PROPN"]
    return [*found, *(c for other in found for c in appositions(other)), *_beside(head)]


def _is_called(noun: Token) -> bool:
    return any(c.dep_ == "acl" and c.lemma_ in {"call", "name"} for c in noun.children)


def _beside(head: Token) -> list[Token]:
    """Return the noun of "Luna the cat", where the tree has two subjects."""
    edge = head.left_edge
    before = head.doc[edge.i - 1] if edge.i > head.sent.start else None
    if before is not None and edge.lower_ == "the" and before.pos_ == "PROPN" and before.head == head.head and before.dep_ != "conj":
        return [before]
    after = head.right_edge.i + 1
    article = head.doc[after] if head.pos_ == "PROPN" and after < len(head.doc) else None
    noun = article.head if article is not None and article.lower_ == "the" and article.dep_ == "det" else None
    return [noun] if noun is not None and noun.head == head.head and noun.dep_ == head.dep_ else []


def of_which(head: Token) -> Token | None:
    """Return "them" of "one of them", "all three of them"."""
    if head.lower_ not in {"one", *NUMBERS, *_SOME_OF}:
        return None
    return next((p for c in head.children if c.lower_ == "of" for p in c.children if p.dep_ == "pobj"), None)


def is_numbered(token: Token) -> bool:
    """Tell whether a capitalised noun has its number behind it: "Unit 7", "Robot 12"."""
    after = token.nbor() if token.i + 1 < token.sent.end else token
    return token.text[0].isupper() and token.pos_ in {"NOUN", "PROPN"} and after.head == token and after.like_num and (
        after.text[0].isdigit() or after.text[0].isupper())


def _is_being_by_verb(subject: Token) -> bool:
    """Tell whether a verb says that its subject is somebody: "was a robot", "said", "looked"."""
    told = (c for c in subject.head.children if c.dep_ == "attr")
    return any(is_animate(c.lemma_.lower()) for c in told) or subject.head.lemma_.lower() in words("speech", "voice", "gesture")


def _is_first_name(word: str) -> bool:
    return word in words("man_name", "woman_name")


def _is_thing(head: Token) -> bool:
    return is_known_noun(head) and not is_animate(_lemma(head)) and not _is_first_name(head.lower_) and head.lower_ not in _TITLES


def _is_addressed(head: Token) -> bool:
    """Tell whether a word that is no name by itself is one after a relative's: "Father Christmas", "Granny May"."""
    return any(c.dep_ == "compound" and c.text[0].isupper() and c.lower_ in RELATIVES for c in head.children)


def _is_thing_of(head: Token) -> bool:
    """Tell whether a noun is a thing, whoever it is for: "duck pond", "penguin house"."""
    return head.is_lower and head.pos_ == "NOUN" and _is_thing(head) and head.lower_ not in words("collective", "part", "distinct")


def _parts(head: Token) -> Sequence[Token]:
    """Return a head with what is compounded with it, in order: "Mr." and "McGregor"."""
    found = [head]
    for child in head.children:
        day = child.lower_ in _DAYS or (child.lower_ in _CALENDAR and child.pos_ == "PROPN" and not _is_first_name(child.lower_))   # "Every Saturday Leo ..."
        if child.i < head.i and not day and (child.dep_ in {"compound", "nmod"} or (child.dep_ == "amod" and child.text[0].isupper())):
            found += _parts(child)
    return sorted(found, key=lambda t: t.i)


def _lemma(token: Token) -> str:
    """Return a noun's lemma; a name's too, which spaCy leaves as it is: "Bears" is bear."""
    lemma = str(token.lemma_.lower())
    if token.pos_ == "PROPN" and not is_animate(lemma):
        for ending, instead in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", "")):
            if lemma.endswith(ending) and is_animate(lemma.removesuffix(ending) + instead):
                return lemma.removesuffix(ending) + instead
    return lemma
