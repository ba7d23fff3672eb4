"""A story as sentences with spaCy's dependency trees, without losing a letter: together they are the text.

What is said in quotation marks, or under a cue, stands in a tree as one word (`SPEECH`), so that a long speech cannot
break the sentence around it. Sentences end where punctuation and layout allow it; spaCy decides only what they leave open.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from storyanim.planning.english import english_verbs, is_speech, load_model, lookups
from storyanim.planning.forms import Manuscript, Mark
from storyanim.planning.inflection import lemma_of_noun, lemma_of_verb
from storyanim.planning.quotes import Quotation, find_speech
from storyanim.planning.trees import read_trees
from storyanim.planning.words import words

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span, Token

SPEECH = "Yes"                                       # stands for what is said, in a tree
_TERMINAL = frozenset({".", "!", "?", "…", "...", "?!", "!?", "!!", "!!!", "??", "....", ".."})
_CLOSERS = frozenset({'"', ")", "]", "”", "’", "'"})
_ARTICLES = frozenset({"a", "an", "the", "his", "her", "their", "this", "that"})
_ITEM = re.compile(r"[^\S\n]*(?:[-*•+–]|\d{1,3}[.):])[^\S\n]+")
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "–": "-", "\n": " ", "\t": " ", "\u00a0": " "})
_SYMBOLS = re.compile(r"[^\w\s.,;:!?'\"()\[\]…—%&$£€/°-]|(?<!\w)[*_#~`]+|[*_#~`]+(?!\w)")
_EMOJI = "[\u2600-\u27bf\u2b50\ufe0f\u200d\U0001f000-\U0001faff]"
_EMOJI_END = re.compile(rf"(?<=\w )(?:{_EMOJI}+\s*)+(?=(?:i|he|she|we|they|then|but|so)\b)", re.IGNORECASE)
_RUNS = re.compile(r"(([^\w\s])\2{3})\2{4,}")        # of one mark, over which spaCy's tokenizer takes long
_CONTRACTED = {"s": "'s", "nt": "n't", "m": "'m", "ve": "'ve", "ll": "'ll", "re": "'re", "d": "'d"}
_MAX_TOKENS = 40                                     # of a stretch without a full stop, and with few commas
_FORCED = frozenset({"heading", "number", "date", "cut"})
_FORWARD = _FORCED | {"cue", "parenthetical", "markup"}  # marks that belong to what follows them


@dataclass(frozen=True)
class Sentence:
    """A piece of the story: text[start:end], with the blanks that follow it."""

    start: int
    end: int
    tokens: Span | None = None                       # without marks, emoji and what is said; None: a heading, or marks alone
    new_paragraph: bool = False
    marks: tuple[Mark, ...] = ()                     # what stands before it, or is it
    spoken: bool = False                             # nothing but speech
    forced: bool = False                             # a shot begins here, whatever it says


@dataclass
class _Words:
    """The tokens of a block, as spaCy is to see them."""

    words: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # offsets in the story
    ends: list[int] = field(default_factory=list)
    speech: set[int] = field(default_factory=set)    # indices of tokens that stand for speech, marks included

    def add(self, word: str, start: int, end: int) -> None:
        self.words.append(word)
        self.starts.append(start)
        self.ends.append(end)


def story_offset(token: Token) -> int:
    """Return where a token begins in the story."""
    return int(token.doc.user_data["starts"][token.i])


def story_end(token: Token) -> int:
    """Return where a token ends in the story."""
    return int(token.doc.user_data["ends"][token.i])


def is_known_noun(token: Token) -> bool:
    """Tell whether a word is a noun of English, and not only a name."""
    known = lookups().get_table("lemma_index")["noun"]
    return token.lower_ in known or (token.pos_ == "NOUN" and token.lemma_ in known)


@lru_cache(maxsize=2)
def parse_sentences(manuscript: Manuscript) -> tuple[Sentence, ...]:
    """Return the sentences of a text, in order; together they are the text exactly. Raises StoryError.

    Kept: who is cast, the plan, and a chat plan's pieces are all read off the same text.
    """
    text = _end_at_emoji(manuscript)
    blocks = list(_blocks(manuscript))
    quotations = _quotations(manuscript)
    nlp = load_model()
    small = frozenset(re.findall(r"\b[a-z]{2,}\b", text))
    docs = [_make_doc(nlp, text, block, _within(quotations, block), small) for block in blocks]
    starts: list[tuple[int, Any, bool, int]] = []
    for parsed in nlp.pipe((doc for doc in docs if len(doc)), batch_size=64):
        doc = read_trees(parsed)
        starts += [(story_offset(sent[0]), sent, sent.start == 0, story_end(sent[-1])) for sent in doc.sents]
    starts += [(mark.start, None, True, mark.end) for mark in manuscript.marks if mark.kind == "heading"]
    starts.sort(key=lambda item: item[0])
    begun = [item[0] for item in starts]
    starts += [(start, None, True, start) for start, end in manuscript.shots             # "4. Fade to black"
               if bisect_left(begun, start) == bisect_left(begun, end)]
    starts.sort(key=lambda item: item[0])
    return tuple(_lossless(manuscript, starts))


def _end_at_emoji(manuscript: Manuscript) -> str:
    """Return the text without marks, with a full stop for emoji that end a sentence: "stole my hotdog 🌭 i chased it"."""
    blanked, at, pieces = manuscript.blanked(), 0, list[str]()
    for found in _EMOJI_END.finditer(manuscript.text):
        pieces += [blanked[at:found.start()], "."]
        at = found.start() + 1
    return "".join([*pieces, blanked[at:]])


def _lossless(manuscript: Manuscript, found: Sequence[tuple[int, Any, bool, int]]) -> list[Sentence]:
    """Give each letter to one sentence: what lies between two goes to the first, but for marks that belong to the second."""
    text = manuscript.text
    if not found:
        return [Sentence(0, len(text))] if text else []
    cuts, leading = [0], [tuple(m for m in manuscript.marks if m.end <= found[0][0] or m.start == found[0][0])]
    marks = manuscript.marks
    offsets = [mark.start for mark in marks]
    for (_, _, _, before), (start, span, _, _) in pairwise(found):
        between = marks[bisect_left(offsets, before):bisect_right(offsets, start)]
        own = [m for m in between if m.kind in _FORWARD and (m.end <= start or span is None) and _leads(text, before, m, start)]
        cut = own[0].start if own else start
        while cut > before and not text[cut - 1].isspace():
            cut -= 1                                 # an opening mark, a bullet
        if not own and (item := re.search(r"\n[^\S\n]*(?:[-*•+–]|\d{1,3}[.):])[^\S\n]+$", text[before:cut])):
            cut = before + item.start() + 1
        forced = manuscript.cuts[bisect_right(manuscript.cuts, start) - 1]
        cuts.append(forced if forced >= before else max(cut, before))
        leading.append(tuple(own))
    ends, forced_at = [*cuts[1:], len(text)], set(manuscript.cuts)
    return [Sentence(cut, end, span, fresh, own, span is not None and all(is_speech(t) for t in span), cut > 0 and cut in forced_at)
            for cut, end, (_, span, fresh, _), own in zip(cuts, ends, found, leading, strict=True)]


def _leads(text: str, before: int, mark: Mark, start: int) -> bool:
    """Tell whether a mark between two sentences belongs to the second: it stands in its line, or in a line of its own."""
    if mark.kind == "markup" and "\n" in text[mark.end:start]:
        return False                                 # emoji and asterisks behind the first
    return not text[before:mark.start].strip() or "\n" in text[before:mark.start]


def _quotations(manuscript: Manuscript) -> list[Quotation]:
    """Return what is said: in quotation marks, and after a cue, down to the end of the line or, under it, a blank line."""
    text = manuscript.blanked()
    found = []
    for mark in manuscript.marks:
        if mark.kind != "cue":
            continue
        line_end = text.find("\n", mark.end)
        line_end = len(text) if line_end < 0 else line_end
        if not text[mark.end:line_end].strip():      # the name stands above the words
            blank = re.compile(r"\n\s*\n|\Z").search(text, line_end + 1)
            line_end = blank.start() if blank else len(text)
        if said := text[mark.end:line_end].strip():
            start = text.index(said[0], mark.end)
            found.append(Quotation(start, start + len(said), said[-1]))
    found.sort(key=lambda q: q.start)
    quoted = [q for q in find_speech(text) if not _within(found, (q.start, q.end))]
    return sorted([*found, *quoted], key=lambda q: q.start)


def _blocks(manuscript: Manuscript) -> Iterator[tuple[int, int]]:
    """Yield the stretches that no sentence crosses: paragraphs, items of lists, lines where each is a sentence."""
    text = manuscript.blanked()
    forced = sorted({*(m.start for m in manuscript.marks if m.kind in _FORCED | {"cue", "transition"}), *manuscript.cuts,
                     *(start for start, _ in manuscript.shots)})
    for paragraph in re.finditer(r"(?:[^\n]|\n(?!\s*\n))+", text):
        a, b = paragraph.span()
        lines = [(m.start(), m.end()) for m in re.finditer(r"[^\n]+\n?|\n", text[a:b])]
        each = _is_sentence_each([text[a + s:a + e].strip() for s, e in lines])
        cuts = [a, *(a + s for s, _ in lines[1:] if each or _ITEM.match(manuscript.text, a + s)), b]
        cuts = sorted({*cuts, *forced[bisect_right(forced, a):bisect_left(forced, b)]})
        for start, end in pairwise(cuts):
            if text[start:end].strip():
                yield start, end


def _is_sentence_each(lines: Sequence[str]) -> bool:
    """Tell whether lines are sentences without full stops: none ends with punctuation, each begins with a capital."""
    lines = [line for line in lines if line]
    return len(lines) > 1 and not any(line[-1] in ".,;:!?…—-\"”’'" for line in lines) and all(line[0].isupper() for line in lines)


def _within(quotations: Sequence[Quotation], block: tuple[int, int]) -> Sequence[Quotation]:
    """Return the quotations that a block has a part of."""
    first = bisect_right(quotations, block[0], key=lambda q: q.end)
    return quotations[first:bisect_left(quotations, block[1], key=lambda q: q.start)]


def _make_doc(nlp: Any, text: str, block: tuple[int, int], quotations: Sequence[Quotation], small: frozenset[str]) -> Doc:
    """Return the tokens of a block. Args: small: the words that the story writes in small letters."""
    from spacy.tokens import Doc

    found = _Words()
    at, stop = block
    for quotation in quotations:
        _add_plain(nlp, text, at, max(at, quotation.start), found)
        goes_on = quotation.end < stop and _goes_on(text, quotation, stop)
        start, end = max(at, quotation.start), min(quotation.end, stop)
        for word in ('"', SPEECH, "," if goes_on else ".", '"'):
            found.speech.add(len(found.words))
            found.add(word, start, end)
        at = end
    _add_plain(nlp, text, at, stop, found)
    _lower_shouts(text, found, small)
    _lower_nouns(found, lookups().get_table("lemma_index"))
    spaces = [end < start for end, start in zip(found.ends, [*found.starts[1:], stop], strict=False)]
    for i in found.speech:
        spaces[i] = found.words[i] == '"' and i + 1 not in found.speech
    doc = Doc(nlp.vocab, words=_with_known_names(found, nlp), spaces=spaces)
    doc.user_data.update(starts=found.starts, ends=found.ends, speech=frozenset(found.speech), words=found.words)
    starts: list[bool | None] = [_starts_sentence(text, found, i) for i in range(len(doc))]
    for first, last in pairwise([i for i, start in enumerate(starts) if start] + [len(doc)]):
        if last - first > _MAX_TOKENS and sum(word in ",;:-—" for word in found.words[first:last]) < (last - first) / _MAX_TOKENS * 2:
            starts[first + 1:last] = [None] * (last - first - 1)           # somebody writes without full stops
    for token, begins in zip(doc, starts, strict=True):
        token.is_sent_start = begins
    return doc


def _add_plain(nlp: Any, text: str, start: int, stop: int, found: _Words) -> None:
    """Add the words of text[start:stop]; symbols and emoji are no words."""
    plain = _SYMBOLS.sub(lambda m: " " * len(m.group()), text[start:stop].translate(_PLAIN))
    plain = _RUNS.sub(lambda m: m[1] + " " * (len(m[0]) - len(m[1])), plain)
    for token in nlp.tokenizer(plain):
        if not token.is_space:
            if token.text == "I.":                   # taken for an initial
                found.add("I", start + token.idx, start + token.idx + 1)
                found.add(".", start + token.idx + 1, start + token.idx + 2)
                continue
            joined = token.i > 0 and not token.nbor(-1).whitespace_ and token.nbor(-1).is_alpha
            word = _CONTRACTED.get(token.lower_, token.text) if joined else token.text                  # "hes", "couldnt"
            found.add(word, start + token.idx, start + token.idx + len(token.text))


def _goes_on(text: str, quotation: Quotation, stop: int) -> bool:
    """Tell whether the sentence goes on behind what is said: with a small letter, or with a name and how it is said."""
    after = text[quotation.end:stop].lstrip(" ,—–-\n")
    if quotation.last in ",—–-;:" or not after[:1].isalpha():
        return quotation.last not in ".!?…" and bool(after)
    if after[0].islower():
        return True
    following = re.findall(r"[\w'’]+|[.,;:!?]", after)[:4]
    spoken = (word.lower() in _said() for word in following[1:])
    return following[0].lower() not in words("opening") and any(spoken)


@cache
def _said() -> frozenset[str]:
    """Return the past and present of verbs of speech."""
    return frozenset(form for verb in words("speech", "voice") for form in (f"{verb}s", f"{verb}ed", f"{verb}d")) | {
        "said", "cried", "replied", "told", "spoke", "began", "sang", "thought", "begged", "pleaded", "went", "shouted"}


def _lower_shouts(text: str, found: _Words, small: frozenset[str]) -> None:
    """Write NEVER as "never", and a name in capitals as a name, for a model that knows no shouting."""
    whole = all(word.isupper() for word in found.words if word.isalpha())
    for i, word in enumerate(found.words):
        if i in found.speech or len(word) < 2 or not word.isalpha() or not word.isupper():
            starts_line = i and "\n" in text[found.ends[i - 1]:found.starts[i]]
            if starts_line and word != "I" and found.words[i - 1] not in _TERMINAL and (
                    word.lower() in words("function") or (lemma_of_verb(word.lower()) in english_verbs() and word.lower() not in words("man_name", "woman_name"))):
                found.words[i] = word.lower()        # a verse
            continue
        is_word = whole or word.lower() in words("function", "person", "animal") or word.lower() in small
        found.words[i] = word.lower() if is_word else word.capitalize()


def _with_known_names(found: _Words, nlp: Any) -> list[str]:
    """Return the words with "Mary" and "John" for names that spaCy may take for verbs, adjectives or plurals."""
    known = lookups().get_table("lemma_index")

    def is_name(i: int) -> bool:
        word = found.words[i].lower()
        told = found.words[i].istitle() and len(word) > 2 and word.isalpha() and i not in found.speech
        listed = word in words("man_name", "woman_name")
        forms = {word} if listed else {word, lemma_of_noun(word), lemma_of_verb(word)}
        kinds = {"verb", "adj", "adv"} if listed else {"noun", "verb", "adj", "adv"}
        common = word in words("function", "title", "weekday", "month", "person") or nlp.vocab[word].is_stop       # "Something", "Everybody"
        return told and not common and not any(form in known[kind] for kind in kinds for form in forms)

    return [("Mary" if word.lower() in words("woman_name") else "John") if is_name(i) and not (i and is_name(i - 1)) else word
            for i, word in enumerate(found.words)]


def _lower_nouns(found: _Words, known: Any) -> None:
    """Write "a thirsty Crow" and "the North Wind" in small letters, which spaCy would take for names."""
    i = 0
    while i < len(found.words):
        stop = i + 1
        if found.words[i].lower() in _ARTICLES:
            while stop < len(found.words) and found.words[stop].isalpha() and (
                    found.words[stop].istitle() or found.words[stop].lower() in known["adj"]):
                stop += 1
            run = [word.lower() for word in found.words[i + 1:stop]]
            if run and all((_is_noun(word, known) or word in known["adj"]) and word not in words("title") for word in run):
                found.words[i + 1:stop] = run
        i = stop


def _is_noun(word: str, known: Any) -> bool:
    return word in known["noun"] or lemma_of_noun(word) in known["noun"]


def _starts_sentence(text: str, found: _Words, i: int) -> bool | None:
    """Tell whether a sentence starts with token i; None where the model may decide."""
    if i == 0:
        return True
    if i in found.speech and i - 1 in found.speech and found.starts[i] == found.starts[i - 1]:
        return False
    opens = i in found.speech
    last = i - 1
    while last > 0 and found.words[last] in _CLOSERS:
        last -= 1
    before, word = found.words[last], found.words[i]
    if not opens and (word in _CLOSERS or not (word[0].isalnum() or word in "([")):
        return False
    if before in _TERMINAL:
        follows = text[found.starts[i]]
        return not (follows.islower() and before != ".")
    if before[-1] == "." and len(before) > 1:        # "at 6 p.m. He went"
        return None if word[0].isupper() and before.lower().rstrip(".") not in words("title") else False
    broken = "\n" in text[found.ends[i - 1]:found.starts[i]] and (before[-1].isalnum() or before in {";", ":", "—", "-"})
    return None if broken and text[found.starts[i]].isupper() else False
