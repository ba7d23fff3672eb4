"""Query expansion by synonyms, so that "a hound leaps" finds the caption "a dog jumping"."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from functools import cached_property

# Rank fusion does not see how low a word's BM25 score is: without this, every caption with an "a" would gain.
STOP_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "by", "for", "from", "in", "into", "is", "it", "its", "of", "on",
    "or", "that", "the", "their", "this", "to", "with",
})
FTS5_TOKENIZER = "porter unicode61"                  # here and in an index


class Synonyms:
    """Groups of words and phrases that mean the same; inflections are matched by their stems, as FTS5 does.

    The longest phrase counts: in "goes to sleep" there is "go to sleep", and no "go".
    """

    def __init__(self, groups: Sequence[Sequence[str]] = ()) -> None:
        self.groups = tuple(tuple(dict.fromkeys(phrase.lower() for phrase in group)) for group in groups)
        self._stems: dict[str, str] = {}             # of words

    @property
    def fingerprint(self) -> str:
        """Hash of all groups; empty without any."""
        return f"{hashlib.sha256(json.dumps(self.groups).encode()).hexdigest()[:16]}" if self.groups else ""

    def expand(self, query: str, occurs: Callable[[str], bool]) -> list[str]:
        """Return the query's words without stop words, and the synonyms of those that no caption has.

        Words that captions have stay alone: a caption with two words for one thing would gain by both.

        Args:
            query: free text.
            occurs: tells whether a word or phrase is in some caption.
        """
        words, others = words_of(query), list[str]()
        stems = [self._stem(word) for word in words] if self.groups else []
        for phrase, number in self._phrases_in(query):
            parts = [self._stem(word) for word in words_of(phrase)]
            at = next((k for k in range(len(stems)) if stems[k:k + len(parts)] == parts), None)
            if at is None:
                continue
            taken, used_up = slice(at, at + len(parts)), [""] * len(parts)
            is_known = occurs(phrase)
            if not is_known:
                others += self.groups[number]
            if len(parts) > 1:                       # a single word may stand in several groups
                stems[taken] = used_up
                words[taken] = words[taken] if is_known else used_up
        return list(dict.fromkeys([*(word for word in words if word and word not in STOP_WORDS), *others]))

    def _phrases_in(self, query: str) -> list[tuple[str, int]]:
        """Return phrases that share a word with the query, and their groups, the longest first."""
        words = " OR ".join(map(fts5_phrase, words_of(query)))
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


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, in order."""
    return re.findall(r"\w+", text.lower())


def fts5_phrase(phrase: str) -> str:
    """Return a quoted phrase, so that nothing in it is syntax of an FTS5 query."""
    return '"' + " ".join(words_of(phrase)) + '"'
