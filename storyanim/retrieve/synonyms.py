"""Query expansion by synonyms, so that "a hound leaps" finds the caption "a dog jumping"."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from storyanim.retrieve.inflections import base_of, forms_of

# Words of closed classes, which say how a sentence is built and not what can be seen. Rank fusion does not
# see how low a word's BM25 score is: without this, every caption with an "a" would gain.
STOP_WORDS = frozenset(re.findall(r"\w+", """
    a an the this that these those some any each every no such same other another both all i me my mine
    myself you your yours yourself he him his himself she her hers herself it its itself we us our ours
    ourselves they them their theirs themselves one ones who whom whose which what someone somebody
    something anyone anybody anything everyone everybody everything nobody nothing none am is are was were
    be been being do does did done doing have has had having will would shall should can could may might
    must and or but nor so yet if then than because while when where why how as though although until since
    once about above across after against along among around at before behind below beneath beside besides
    between beyond by down during for from in inside into near of off on onto out outside over past through
    throughout to toward towards under up upon with within without not never ever also too very only just
    even still again already almost quite rather much many more most few less here there now soon s t d m ll
    re ve don didn doesn isn wasn weren couldn wouldn shouldn won
"""))
FTS5_TOKENIZER = "porter unicode61"                  # here and in an index


@dataclass(frozen=True)
class Term:
    """One thing that a query asks for."""

    phrases: tuple[str, ...]                         # a word of the query, and those that mean the same
    weight: float = 1.0                              # of it against the others


class Synonyms:
    """Groups of words and phrases that mean the same; inflections are matched by their stems, as FTS5 does.

    The longest phrase counts: in "goes to sleep" there is "go to sleep", and no "go".

    Args:
        groups: of words and phrases.
        weights: how much a word of each group counts in a query; words without a group count 1.
    """

    def __init__(self, groups: Sequence[Sequence[str]] = (), weights: Sequence[float] = ()) -> None:
        self.groups = tuple(tuple(dict.fromkeys(phrase.lower() for phrase in group)) for group in groups)
        self.weights = tuple(weights) or (1.0,) * len(self.groups)
        self._stems: dict[str, str] = {}             # of words

    @property
    def fingerprint(self) -> str:
        """Hash of all groups; empty without any."""
        if not self.groups:
            return ""
        return hashlib.sha256(json.dumps([self.groups, self.weights]).encode()).hexdigest()[:16]

    def expand(self, query: str, occurs: Callable[[str], bool]) -> dict[str, Term]:
        """Return what a query asks for, by stems: each of its words once, without stop words.

        A word gets synonyms when no caption has it; one that captions have stays alone: a caption with two
        words for one thing would gain by both.

        Args:
            query: free text.
            occurs: tells whether a word or phrase is in some caption.
        """
        words = words_of(query)
        stems = [self._stem(base_of(word)) for word in words]
        meanings: dict[int, _Meaning] = {}           # of the word, or of the phrase that begins there
        free = list(stems)                           # "" where a phrase took the word
        for phrase, number in self._phrases_in([base_of(word) for word in words]):
            parts = [self._stem(word) for word in words_of(phrase)]
            at = next((k for k in range(len(free)) if free[k:k + len(parts)] == parts), None)
            if at is None:
                continue
            is_known = _is_known(phrase, occurs)
            known_by = meanings.setdefault(at, _Meaning(" ".join(parts)))
            known_by.weight = max(known_by.weight, self.weights[number])
            known_by.synonyms += () if is_known else self.groups[number]
            if len(parts) > 1:                       # a single word may stand in several groups
                free[at:at + len(parts)] = [""] * len(parts)
                if not is_known:
                    words[at:at + len(parts)] = [""] * len(parts)
        found: dict[str, Term] = {}
        for k, (word, stem) in enumerate(zip(words, stems, strict=True)):
            same = self._forms_to_find(word) if word not in STOP_WORDS else []
            meaning = meanings.get(k, _Meaning(stem))
            others = {*stems} - {stem}               # what the query itself says counts once
            if phrases := (*same, *(one for one in meaning.synonyms if self._stem(one) not in others)):
                term = Term(tuple(dict.fromkeys(phrases)), meaning.weight)
                found.setdefault(stem if same else meaning.stems, term)
        return found

    def _forms_to_find(self, word: str) -> list[str]:
        """Return a word with its irregular forms, without those that stem to a stop word: "ate" to "at"."""
        return [form for form in forms_of(word) if form and self._stem(form) not in STOP_WORDS]

    def _phrases_in(self, query_words: Sequence[str]) -> list[tuple[str, int]]:
        """Return phrases that share a word with the query, and their groups, the longest first."""
        words = " OR ".join(map(fts5_phrase, query_words))
        if not words or not self.groups:
            return []
        rows = self._database.execute(
            "SELECT phrase, number FROM phrases WHERE phrases MATCH ?", (words,)).fetchall()
        return sorted(rows, key=lambda row: (-len(words_of(row[0])), row))

    @cached_property
    def _database(self) -> sqlite3.Connection:
        """All phrases by their stems, in memory."""
        database = sqlite3.connect(":memory:", check_same_thread=False)
        database.execute(
            f"CREATE VIRTUAL TABLE phrases USING fts5(phrase, number UNINDEXED, tokenize='{FTS5_TOKENIZER}')")
        database.execute(f"CREATE VIRTUAL TABLE one USING fts5(word, tokenize='{FTS5_TOKENIZER}')")
        database.execute("CREATE VIRTUAL TABLE stems USING fts5vocab(one, row)")
        phrases = ((phrase, number) for number, group in enumerate(self.groups) for phrase in group)
        database.executemany("INSERT INTO phrases VALUES (?, ?)", phrases)
        return database

    def _stem(self, word: str) -> str:
        if word not in self._stems:
            self._database.execute("DELETE FROM one")
            self._database.execute("INSERT INTO one VALUES (?)", (word,))
            self._stems[word] = " ".join(row[0] for row in self._database.execute("SELECT term FROM stems"))
        return self._stems[word]


@dataclass
class _Meaning:
    """What a word or phrase at some place of a query means."""

    stems: str
    synonyms: tuple[str, ...] = ()
    weight: float = 1.0


def _is_known(phrase: str, occurs: Callable[[str], bool]) -> bool:
    """Return whether captions have a phrase, or in some form its one word that is no stop word."""
    content = [word for word in words_of(phrase) if word not in STOP_WORDS]
    return occurs(phrase) or (len(content) == 1 and any(map(occurs, forms_of(content[0]))))


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, in order."""
    return re.findall(r"\w+", text.lower())


def fts5_phrase(phrase: str) -> str:
    """Return a quoted phrase, so that nothing in it is syntax of an FTS5 query."""
    return '"' + " ".join(words_of(phrase)) + '"'
