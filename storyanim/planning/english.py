"""What the planner knows of English: word lists, base forms, and tokens with their parts of speech.

Tags are the Penn Treebank's, from TextBlob's lexicon tagger, which needs no model download. It takes the commonest use of a
word, so that a few repairs follow for what stories are full of: "the bear walks" and "it waves to the moon".
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

FINITE = frozenset({"VBD", "VBZ", "VBP", "MD"})
NOUN = frozenset({"NN", "NNS", "NNP", "NNPS"})
PRONOUNS = frozenset(["he", "she", "it", "they", "him", "her", "them", "himself", "herself", "itself", "themselves"])
_TELLING = 12                                        # words from which on their language shows
_LATIN = "\u024f"                                    # the last of the Latin letters
_CLITIC = r"n['’]t\b|['’](?:s|re|ve|ll|d|m)\b"
_TOKEN = re.compile(
    r"(?:Mr|Mrs|Ms|Dr|St|Prof|Sr|Jr|Mt|No|vs)\.|(?:[^\W\d_]\.){2,}|[^\W\d_]+(?=n['’]t\b)|" + _CLITIC
    + r"|[^\W_]+(?:['’](?!(?:s|re|ve|ll|d|m)\b)[^\W_]+|-[^\W_]+)*(?<!n(?=['’]t))|[^\w\s]|_"
)


@dataclass(frozen=True)
class Token:
    """A word or a mark, with its place in the story."""

    text: str
    start: int                                       # offset of the first character in the story
    end: int                                         # offset after the last
    tag: str = ""                                    # Penn Treebank
    quoted: bool = False                             # someone says it

    @property
    def lower(self) -> str:
        """The word in small letters, with straight apostrophes."""
        return self.text.lower().replace("’", "'")

    @property
    def is_word(self) -> bool:
        """Not a punctuation mark."""
        return self.text[0].isalnum() or self.text[0] in "'’"

    @property
    def lemma(self) -> str:
        """The base form under the word's tag: "ran" → "run", "wolves" → "wolf"."""
        if self.tag.startswith("VB"):
            return verb_lemma(self.lower)
        return noun_lemma(self.lower) if self.tag in NOUN else self.lower


@cache
def table(name: str) -> Any:
    """A word list of `english.json`: a frozenset, or the dict that it is there."""
    value = _tables()[name]
    return frozenset(value) if isinstance(value, list) else value


@cache
def _tables() -> dict[str, Any]:
    return json.loads(resources.files("storyanim.planning").joinpath("english.json").read_text("utf-8"))


@cache
def verb_lemma(word: str) -> str:
    """The infinitive of a verb form: "chased" → "chase", "hopping" → "hop", "flies" → "fly"."""
    irregular: dict[str, str] = table("irregular_verbs")
    if word in irregular:
        return irregular[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith("ied"):
        return word[:-3] + "y"
    if word.endswith("eed"):
        return word[:-1] if _is_known(word[:-1]) and len(word) > 4 else word
    for ending, shortest in (("ing", 2), ("ed", 3)):
        stem = word.removesuffix(ending)
        if stem != word and re.search("[aeiouy]", stem) and len(stem) >= shortest:
            return _stem_lemma(stem)
    if re.search(r"(?:[sxz]|ch|sh|o)es$", word) and not _is_known(word[:-1]):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _stem_lemma(stem: str) -> str:
    if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "aeiou":
        return stem if _is_known(stem) and stem[-1] in "lsfz" else stem[:-1]
    one_syllable = re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", stem)
    if one_syllable or re.search(r"[bcdfgkpstz]l$", stem):
        return stem + "e"
    often_silent = re.search(r"(?:[cvuz]|[rn]s|[rd]g)$", stem) and _is_known(stem + "e")
    return stem + "e" if often_silent or (not _is_known(stem) and _is_known(stem + "e")) else stem


@cache
def noun_lemma(word: str) -> str:
    """The singular of a noun."""
    from textblob.en.inflect import singularize

    irregular = {"mice", "geese", "men", "women", "children", "feet", "teeth", "oxen", "wolves", "snowmen"}
    if word not in irregular and (not word.endswith("s") or word.endswith(("ss", "us", "is", "'s")) or len(word) < 4):
        return word
    return singularize(word).lower() or word


@cache
def verb_ing(lemma: str) -> str:
    """The present participle: "run" → "running", "chase" → "chasing"."""
    if lemma in {"be", "see", "flee", "knee", "free", "agree"}:
        return lemma + "ing"
    if lemma.endswith("ie"):
        return lemma[:-2] + "ying"
    if lemma.endswith("e") and not lemma.endswith(("oe", "ye")):
        return lemma[:-1] + "ing"
    one_syllable = re.fullmatch(r"[^aeiou]*(?:qu)?[aeiou][^aeiouwxy]", lemma)
    return lemma + lemma[-1] + "ing" if one_syllable or lemma in {"begin", "forget", "admit"} else lemma + "ing"


def article(word: str) -> str:
    """ "a" or "an"."""
    return "an" if re.match(r"[aeiou](?!ni[cfqtv]|se|uro)", word.lower()) else "a"


def _is_known(word: str) -> bool:
    return lexicon_tag(word).startswith(("VB", "NN", "JJ", "RB", "IN"))


def tokenize(
    text: str, start: int, end: int, quoted: Sequence[bool] | None = None, names: Container[str] = ()
) -> list[Token]:
    """The tokens of text[start:end] with tags.

    Args:
        quoted: of each character of `text` whether someone says it.
        names: words in small letters that are names in this story, when they begin with a capital.
    """
    bare = [Token(m.group(), m.start(), m.end(), quoted=bool(quoted and quoted[m.start()]))
            for m in _TOKEN.finditer(text, start, end)]
    return tag(bare, names)


def find_names(text: str) -> frozenset[str]:
    """FrozenModel, in small letters, that the text writes with a capital where no sentence or quotation begins."""
    inside = re.finditer(r"(?<=[a-zà-ÿ,;] )([A-ZÀ-Þ][a-zà-ÿ]+)", text)
    found = {m.group(1).lower() for m in inside}
    return frozenset(word for word in found if not lexicon_tag(word).startswith(("PRP", "DT", "IN", "CC", "W", "MD")))


def reads_english(text: str) -> bool:
    """Whether a text is English, or too short to tell: a fifth of its words at least are small ones, animals, places, times."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    letters = "".join(words)
    if 2 * sum(char > _LATIN for char in letters) > len(letters):
        return False
    known = table("small_words") | table("animals") | table("places") | table("time_nouns")
    return len(words) < _TELLING or 10 * sum(word in known for word in words) >= 2 * len(words)


def lexicon_tag(word: str) -> str:
    """The commonest part of speech of a word by itself; "" when it is not known."""
    from textblob.en import lexicon

    return lexicon.get(word, "")


def tag(tokens: Sequence[Token], names: Container[str] = ()) -> list[Token]:
    """The same tokens with parts of speech."""
    from textblob.en import parser

    if not tokens:
        return []
    tags = [found[1] for found in parser.find_tags([t.text.replace("’", "'") for t in tokens])]
    tagged = [replace(t, tag="NNP" if t.text[0].isupper() and t.lower in names else _plain_tag(t, tags[i], i))
              for i, t in enumerate(tokens)]
    for i in range(len(tagged)):
        tagged[i] = replace(tagged[i], tag=_repaired(tagged, i))
    return tagged


_SAME_IN_THE_PAST = frozenset({"put", "set", "cut", "hit", "let", "shut", "hurt", "spread", "burst", "split"})
_STATES = frozenset({"asleep", "awake", "alone"})
_OPENERS = frozenset({"first", "second", "third", "last", "next"})
_MAY_BE_NAMES = frozenset({"NN", "JJ", "VB", "VBG", "NNS", "VBP", "VBZ", "FW"})
_FIXED = {
    "he": "PRP", "she": "PRP", "it": "PRP", "they": "PRP", "him": "PRP", "them": "PRP", "we": "PRP", "i": "PRP", "you": "PRP",
    "his": "PRP$", "its": "PRP$", "their": "PRP$", "my": "PRP$", "our": "PRP$", "your": "PRP$", "to": "TO", "and": "CC",
    "but": "CC", "or": "CC", "like": "IN", "past": "IN", "towards": "IN", "onto": "IN", "around": "IN", "all": "DT",
    "every": "DT", "each": "DT", "was": "VBD", "were": "VBD", "had": "VBD", "did": "VBD", "is": "VBZ", "are": "VBP", "has": "VBZ",
    "said": "VBD", "asleep": "JJ", "awake": "JJ", "home": "NN", "alone": "RB", "together": "RB", "once": "RB", "n't": "RB",
    "'ll": "MD", "'re": "VBP", "'m": "VBP", "'ve": "VBP", "'d": "MD", "as": "IN", "while": "IN", "until": "IN", "because": "IN",
}


def _plain_tag(token: Token, found: str, index: int) -> str:
    """The tagger's word, unless the word has but one use here or is not a word at all."""
    if not token.is_word:
        return token.text
    if token.lower in _FIXED:
        return _FIXED[token.lower]
    if token.lower == "'s":
        return "POS"
    if token.text[0].isdigit():
        return "CD"
    if found == "NNP" and not index and token.lower in _OPENERS:
        return "RB"                                  # "First he packs his bag."
    if found == "NNP" and not index and token.lower in table("time_nouns").union(table("places"), *table("weather").values()):
        return "NN"                                  # "Rain fell."
    if index and token.text[0].isupper() and token.text[1:].islower() and found in _MAY_BE_NAMES:
        return "NNP"
    return found


_AFTER_VERBS = frozenset({"IN", "TO", "RB", "RP", "DT", "PRP$"})
_DETERMINERS = frozenset({"DT", "PRP$", "CD", "JJ", "JJR", "JJS", "POS"})


def _repaired(tokens: list[Token], i: int) -> str:
    """The tag of token i, given those before it as repaired and those after it as found."""
    token = tokens[i]
    before = tokens[i - 1].tag if i else ""
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    noun_follows = i + 2 < len(tokens) and tokens[i + 2].tag in NOUN
    if of_its_word := _of_its_word(token, before, after, noun_follows=noun_follows):
        return of_its_word
    if token.tag == "POS" and before == "PRP":
        return "VBZ"
    if token.tag in {"VB", "VBP"} and before in _DETERMINERS and not (before == "DT" and tokens[i - 1].lower == "all"):
        return "NN"
    if _is_asked(tokens, i):
        return "VB"
    if token.tag == "VB" and before == "NN":
        return _noun_or_verb(tokens, i, before, after)        # "a teddy bear", "a bear and a rabbit walk"
    if token.tag == "VBN" and token.lower not in {"named", "called"} and not _has_auxiliary(tokens, i):
        closes = before == "," and not any(t.tag in FINITE for t in tokens[:i])                   # "Daisy, a dog, led the way"
        return "VBD" if closes or before in NOUN | {"PRP", "CC", "RB", "WP"} else token.tag
    if token.tag in {"NN", "NNP"} and token.lower.endswith("ing") and (participle := _participle(tokens, i, after)):
        return participle
    if token.tag in {"NN", "NNS"}:
        return _noun_or_verb(tokens, i, before, after)
    return token.tag


def _is_asked(tokens: list[Token], i: int) -> bool:
    """Whether what looks like a noun is the verb of a question: "Why did the duck cross the meadow?"."""
    may_be = i > 2 and tokens[i].tag in {"NN", "VB"} and tokens[i - 1].tag in NOUN
    if not may_be or verb_lemma(tokens[i].lower) not in _story_verbs():
        return False
    start = i - 2
    while start and tokens[start].tag in {"DT", "PRP$", "JJ"}:
        start -= 1
    return start < i - 2 and tokens[start].lower in {"did", "does", "do", "will", "can", "could", "would"}


def _of_its_word(token: Token, before: str, after: Token | None, *, noun_follows: bool) -> str:
    """The tag of a word that the tagger often takes for another; "" for all others."""
    if token.lower in table("animals") or noun_lemma(token.lower) in table("animals"):
        begins = before in {"", ",", ":", "-", "–", "—", "#", "*"} and after is not None and after.tag[:2] in {"NN", "VB", ","}
        if token.tag == "VBZ" and before in _DETERMINERS:
            return "NNS"                             # "three bears"
        return "NN" if begins and token.tag in {"VB", "VBP"} else ""          # "bear swims"
    does = after is not None and after.lower.endswith("ing") and verb_lemma(after.lower) in _story_verbs() and not noun_follows
    if token.lower == "her" and (does or (after is not None and after.lower in _STATES)):
        return "PRP"                                 # "found her asleep", "saw her dancing"
    if token.lower == "one" and before in {"JJ", "JJS"} and (after is None or after.tag not in NOUN):
        return "NN"                                  # "the smallest one"
    if token.lower == "shot" and after is not None and (after.lower == "of" or after.tag == "CD"):
        return "NN"                                  # "wide shot of a forest"
    if token.lower == "round" and after is not None and after.tag in {"DT", "PRP$"}:
        return "IN"                                  # "ran round the tree"
    if token.lower in _SAME_IN_THE_PAST and before in NOUN | {"PRP", "CC", "RB"}:
        return "VBD"                                 # "the fox put on a hat"
    return ""


def _participle(tokens: list[Token], i: int, after: Token | None) -> str:
    """The tag of a word in -ing, a noun or not: "was dancing", "kept on dancing", "Dancing in the rain, it ..."; "" if open."""
    lemma = verb_lemma(tokens[i].lower)
    goes_on = i > 1 and tokens[i - 1].lower == "on" and verb_lemma(tokens[i - 2].lower) in {"keep", "go", "carry"}
    seen = i > 0 and tokens[i - 1].tag == "PRP" and tokens[i - 1].lower in {"him", "her", "it", "them"}
    if i and tokens[i].tag == "NN" and (tokens[i - 1].lemma == "be" or goes_on or seen):          # "saw her dancing"
        return "VBG" if _is_known(lemma) and tokens[i].lower not in table("time_nouns") else "NN"
    opens = i == 0 and after is not None and after.tag in {",", *_AFTER_VERBS} and after.lower != "of"
    return "VBG" if opens and lemma in _story_verbs() else ""


def _has_auxiliary(tokens: list[Token], i: int) -> bool:
    for token in reversed(tokens[max(0, i - 3):i]):
        if token.lemma in {"be", "have", "get"}:
            return True
        if token.tag not in {"RB", "VBN", "PRP"}:
            return False
    return False


def _noun_or_verb(tokens: list[Token], i: int, before: str, after: Token | None) -> str:
    token, tail = replace(tokens[i], tag="NN" if tokens[i].tag == "VB" else tokens[i].tag), after.tag if after else ""
    if token.lower in table("time_nouns") - {"spring"}:
        return token.tag                             # "one spring day"
    if before == "DT" and tokens[i - 1].lower == "all" and i > 1 and tokens[i - 2].tag == "PRP":
        before = "PRP"                               # "they all share"
    if before in _DETERMINERS and not (before == "DT" and tokens[i - 1].lower == "all"):
        # "the moon waves back": a determiner before makes a noun
        return token.tag
    present = token.lower.endswith("s") and not token.lower.endswith("ss")
    if before == "TO" and not present:
        aspect = i > 1 and verb_lemma(tokens[i - 2].lower) in table("aspect_verbs") and token.lower not in table("places")
        return "VB" if tail in {"DT", "PRP$", "PRP"} or (aspect and token.lower not in {"bed", "school"}) else token.tag
    if before == "PRP" and tokens[i - 1].lower not in {"him", "them", "her"} and token.lower not in {"one", "day"}:
        return "VBZ" if present else "VBP"
    ends = after is None or not after.is_word or after.lower == "and"
    whither = after is not None and after.lower in {"left", "right", "home", "hello", "goodbye"}
    follows = after is not None and after.lower != "of" and tail in {"DT", "PRP$", "IN", "TO", "RB", "PRP", "RP", "JJ"}
    opens = ends or whither or follows
    several = before == "NNS" or any(t.tag == "CC" for t in tokens[max(0, i - 4):i])
    if not present and several and opens and token.lower in _story_verbs() and not _finite_in_clause(tokens, i):
        return "VBP"                                 # "a bear and a rabbit walk"
    is_verb = opens and ((present and verb_lemma(token.lower) in _story_verbs()) or tail in {"DT", "PRP$", "PRP"})
    if before in NOUN | {"RB", "WP", "WDT"} and is_verb and not _finite_in_clause(tokens, i):
        return "VBZ" if present else "VBP"
    apposition = before == "," and i > 3 and tokens[i - 2].tag in NOUN and not any(t.tag in FINITE for t in tokens[:i])
    if apposition and is_verb and present:
        return "VBZ"                                 # "Mimi, a mouse, waves"
    if before == "CC" and is_verb and present and any(t.tag == "VBZ" for t in tokens[:i]):
        return "VBZ"
    return token.tag


def _finite_in_clause(tokens: list[Token], i: int) -> bool:
    """Whether a finite verb stands before token i without a comma or conjunction between them."""
    for token in reversed(tokens[:i]):
        if token.tag in FINITE:
            return token.lemma not in {"think", "know", "believe", "hope", "say", "see", "hear", "feel", "wish", "dream"}
        if not token.is_word or token.tag in {"CC", "WRB", "WP"} or token.lower in {"while", "as", "that"}:
            return False
    return False


@cache
def _story_verbs() -> frozenset[str]:
    """Base forms that are verbs more often than not when they follow a noun."""
    return table("story_verbs") | frozenset(table("irregular_verbs").values())
