"""Verdicts on shots of a profile that takes any words: its query is for footage, its prompt for a painter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from storyanim.artifacts import Shot
from storybook.evaluate.planner_english import (
    Query,
    accepted_forms,
    has_any,
    named_words,
    noun_forms,
    parse_query,
    participle,
    plural,
    same_verbs,
    singulars,
    table,
    tokens_of,
    verb_forms,
    words_file,
)
from storybook.evaluate.planner_stories import Label, LabelledStory, Piece, Somebody

MAX_WORDS = 40
_MARKS = frozenset("#*_>|<{}[]~")
_SCRIPT = frozenset({"INT", "EXT", "FADE", "CUT", "POV", "CONTINUOUS", "TITLE", "CREDIT"})
Verdict = dict[str, bool | None]                     # None: the field says nothing here


class FreeScorer:
    """Judges the shots of one story."""

    def __init__(self, story: LabelledStory, verbs: frozenset[str], style: str = "") -> None:
        """Args: verbs: all forms of verbs that are known to be some. style: what every prompt ends with."""
        self.story = story
        self.style = style
        self.verbs = verbs

    @cached_property
    def _story_words(self) -> frozenset[str]:
        return frozenset(word.lower() for word in tokens_of(self.story.text))

    @cached_property
    def _places(self) -> frozenset[str]:
        """Every word for a place that is known, or told of this story."""
        told = {word.lower() for piece in self.story.pieces for word in piece.label.place if word}
        return table("places") | told

    @cached_property
    def _names(self) -> frozenset[str]:
        """Names in lower case that are no noun for somebody: "Tom", not "Uncle"."""
        kinds = {kind for one in self.story.characters.values() for kind in one.kinds}
        names = [name for one in self.story.characters.values() for name in one.names]
        parts = {part.lower() for name in names for part in tokens_of(name)}
        titles = {"mr", "mrs", "dr", "the"}
        return frozenset(parts - kinds - table("figures") - table("adjectives") - titles)

    def judge(self, shot: Shot, piece: Piece) -> Verdict:
        """Return what is right of a shot that is to show a piece."""
        prompt = shot.prompt.removesuffix(self.style).strip(" ,")
        query, label, words = parse_query(shot.query), piece.label, [w.lower() for w in tokens_of(prompt)]
        own = {word.lower() for word in tokens_of(piece.text)}
        return {
            "who": self._who(query, prompt, label),
            "action": _action(query, words, label),
            "place": _place(words, own, label, self._places),
            "time": _shown(words, own, label.time, "times"),
            "weather": _shown(words, own, label.weather, "weathers"),
            "query": self._usable(query, shot.query, piece, own),
            "wording": _well_worded(prompt),
        }

    def stands(self, shot: Shot) -> bool:
        """Return whether somebody just stands."""
        return "standing" in parse_query(shot.query).verbs

    def is_empty(self, shot: Shot) -> bool:
        """Return whether the query has nobody."""
        subject = parse_query(shot.query).subject
        return not (self._kinds_in(subject, self.story.characters) or set(subject) & table("figures"))

    # ── who ──────────────────────────────────────────────────────────────────────────────────────────────

    def _kinds_in(self, words: Sequence[str], people: Iterable[str]) -> list[str]:
        """Keys of the people whom the words name by what they are."""
        return [key for key in people if has_any(words, self.story.characters[key].kinds)]

    def _who(self, query: Query, prompt: str, label: Label) -> bool:
        return self._subject_is(query, label) and self._prompt_shows(prompt, label)

    def _subject_is(self, query: Query, label: Label) -> bool:
        conjuncts = _conjuncts(query.subject)
        if not label.who:
            return all(not set(part) & table("figures") or self._kinds_in(part, label.with_)
                       for part in conjuncts)
        if not conjuncts:
            return False
        several = len(label.who) > 1
        matched: set[str] = set()
        for i, part in enumerate(conjuncts):
            may_be = label.who if i == 0 else (*label.who, *label.with_)
            left = [key for key in may_be if key not in matched]
            found = self._kinds_in(part, may_be) or self._vaguely(part, left)
            if several and (set(part) & table("groups") or _is_plural_kind(part, self._some(label.who))):
                found = list(label.who)
            if not found:
                return False
            matched.update(found if _counts_all(part, found, self.story.characters) else found[:1])
            matched.update(key for key in found if len(conjuncts) > 1)
        others = [word for group in query.groups for word in group]
        return matched | set(self._kinds_in(others, label.who)) >= set(label.who)

    def _vaguely(self, words: Sequence[str], people: Iterable[str]) -> list[str]:
        """Return whom "a person" may be: anybody human; saying too little is a fault of the query."""
        return [key for key in people if set(words) & table("vague")
                and set(self.story.characters[key].kinds) & table("humans")]

    def _some(self, keys: Iterable[str]) -> list[Somebody]:
        return [self.story.characters[key] for key in keys]

    def _prompt_shows(self, prompt: str, label: Label) -> bool:
        words = _without_owners(prompt)
        lower = [word.lower() for word in words]
        shown = {key for key, one in self.story.characters.items()
                 if _is_named(one, words) or has_any(lower, one.kinds)}
        group = len(label.who) > 1 and bool(set(lower) & table("groups"))
        if not (group or set(label.who) <= shown):
            return False
        allowed = {*label.who, *label.with_}
        nouns = {kind for one in self._some(allowed) for kind in one.kinds}
        nouns |= {word.lower() for word in label.object}
        known = {form for noun in nouns for form in noun_forms(noun)}
        for key in shown - allowed:
            one = self.story.characters[key]
            if _is_named(one, words) or has_any([w for w in lower if w not in known], one.kinds):
                return False
        names = [name for one in self._some(allowed) for name in one.names]
        known |= {part.lower() for name in names for part in tokens_of(name)}
        return not (set(lower) & table("figures")) - known - (table("groups") if group else set())

    # ── the query ────────────────────────────────────────────────────────────────────────────────────────

    def _usable(self, query: Query, text: str, piece: Piece, own: set[str]) -> bool:
        """Return whether it has a kind of subject, one -ing verb, at most one object or place, no name."""
        names = set(query.words) & self._names
        capital = any(word[:1].isupper() for word in tokens_of(text)[1:])
        verb = len(query.verbs) == 1 and query.verbs[0] in self.verbs
        pronouns = table("pronouns") & set(query.words) or {"it"} & set(query.subject)
        if names or capital or not verb or len(query.groups) > 1 or pronouns:
            return False
        if not self._is_kind(query, piece.label):
            return False
        people = self.story.characters
        objects = own | self._justified(piece.label, [*piece.label.who, *piece.label.with_])
        return (all(self._is_word(word, own | self._justified(piece.label, people)) for word in query.subject)
                and all(self._is_word(word, objects) for group in query.groups for word in group))

    def _is_kind(self, query: Query, label: Label) -> bool:
        """Whether the subject is a noun that says what it is, in the right number."""
        subject = [word for word in query.subject if word not in table("determiners")]
        if not subject:
            return False
        vague = set(subject) & table("vague")
        if vague and not has_any(vague, {kind for one in self._some(label.who) for kind in one.kinds}):
            return False
        if len(label.who) == 1 and not set(query.subject) & {"and"}:
            one = self.story.characters[label.who[0]]
            many = any(word in {plural(kind) for kind in one.kinds} - set(one.kinds) for word in subject)
            return many == one.plural or not has_any(subject, one.kinds) or plural(one.noun) == one.noun
        return True

    def _justified(self, label: Label, people: Iterable[str]) -> set[str]:
        """Words that a query may use besides its piece's: what these people are, what the label says."""
        kinds = {kind for one in self._some(people) for kind in one.kinds}
        said = {part.lower() for word in (*label.place, *label.object) for part in word.split()}
        return {form for word in kinds | said for form in noun_forms(word)}

    def _is_word(self, word: str, known: set[str]) -> bool:
        plain = table("determiners") | table("adjectives") | table("groups") | {"and", "of"}
        if word in known or word in plain:
            return True
        if singulars(word) & known or any(word == one for w in known for one in singulars(w)):
            return word not in _wrong_plurals()
        return word in self._story_words and word not in table("figures")


def known_verbs(stories: Iterable[LabelledStory], more: Iterable[str] = ()) -> frozenset[str]:
    """Return all -ing forms of verbs that some label or list names."""
    labels = [piece.label for story in stories for piece in story.pieces]
    lemmas = {lemma.split()[0] for label in labels for lemma in label.action}
    lemmas |= {lemma for row in words_file()["same_verbs"] for lemma in row}
    lemmas |= set(words_file()["irregular_verbs"])
    lemmas |= {lemma.split()[0] for lemma in more}
    return frozenset(participle(lemma) for lemma in lemmas - {"be"}) | frozenset(
        form for lemma in lemmas for form in verb_forms(lemma) if form.endswith("ing") and lemma != "be")


def _wrong_plurals() -> set[str]:
    return {one + "s" for one, many in words_file()["irregular_plurals"].items() if many != one + "s"}


def _conjuncts(subject: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in subject:
        if word == "and":
            parts.append([])
        elif word not in {"a", "an", "the"}:
            parts[-1].append(word)
    return [part for part in parts if part]


def _is_plural_kind(words: Sequence[str], people: Sequence[Somebody]) -> bool:
    """ "Two goats": a plural that all of them are."""
    return any(all(plural(kind) in words for kind in [kind]) and all(kind in one.kinds for one in people)
               for kind in people[0].kinds) if people else False


def _counts_all(words: Sequence[str], found: Sequence[str], people: Mapping[str, Somebody]) -> bool:
    """Whether one phrase speaks of all that were found: "two girls", not "a girl"."""
    return len(found) == 1 or bool(set(words) & table("groups")) or any(
        plural(kind) in words for key in found for kind in people[key].kinds)


def _without_owners(text: str) -> list[str]:
    """Return the words without whose something is: "the bear's bed" shows no bear."""
    return [word for word in tokens_of(text) if not word.endswith(("'s", "s'"))]


def _is_named(one: Somebody, words: Sequence[str]) -> bool:
    text = f" {' '.join(words)} "
    return any(f" {' '.join(tokens_of(name))} " in text for name in one.names if name != "I")


# ── action, place, time and weather ──────────────────────────────────────────────────────────────────────


def _action(query: Query, prompt: Sequence[str], label: Label) -> bool | None:
    """Whether the query's verb is right, and the prompt has a right one, too."""
    if not label.action:
        return None
    forms = accepted_forms(label.action)
    in_query = bool(query.verbs) and query.verbs[0] in forms
    heads = {same for lemma in label.action for same in same_verbs(lemma)}
    return in_query and any(word in forms or word in heads for word in prompt)


def _place(words: Sequence[str], own: set[str], label: Label, places: frozenset[str]) -> bool:
    """Whether the place that holds is shown, and no other."""
    right = {part for word in label.place for part in (word.lower(), *word.lower().split("-")) if part}
    shown = has_any(words, right)
    allowed = {form for word in right | {w.lower() for w in label.object} for form in noun_forms(word)}
    heads = [word for word, after in zip(words, [*words[1:], ""], strict=True) if after not in allowed]
    others = [word for word in heads if has_any([word], places) and word not in allowed
              and not singulars(word) & allowed and word not in own and not _in_text(word, own)]
    return not others and (shown or not label.place or "" in label.place)


def _in_text(word: str, own: set[str]) -> bool:
    return bool(singulars(word) & own) or any(word in singulars(w) for w in own)


def _shown(words: Sequence[str], own: set[str], right: Sequence[str], kind: str) -> bool:
    """Whether a time of day or a weather that holds is shown, and no other unless the piece tells it."""
    said = set(words)
    for value in words_file()[kind]:
        other = said & named_words(kind, value) - own
        if value not in right and other and not (value == "day" and "dawn" in right):
            return False
    if not right or set(right) & {"", "day", "clear", "wind"}:
        return True                                  # it goes without saying
    return any(said & named_words(kind, value) for value in right)


def _well_worded(prompt: str) -> bool:
    """One plain sentence of at most 40 words: no marks, no script, nobody left as "he" or "I"."""
    words = tokens_of(prompt)
    upper = {word for word in words if word.isupper() and len(word) > 1}
    subjects = {word.lower() for word in words} & {"i", "we", "he", "she", "they", "me", "us", "you"}
    plain = not set(prompt) & _MARKS and not any(ord(char) > 0x2100 for char in prompt)
    begins = bool(words) and prompt[:1].isalpha() and words[0].lower() != "it"
    return 0 < len(words) <= MAX_WORDS and not upper & _SCRIPT and not subjects and plain and begins
