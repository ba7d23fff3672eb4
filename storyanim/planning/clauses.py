"""A sentence into events, and an event into who does what where.

One event a shot (AaS 3.1): a sentence is cut where a new action begins, "ran into a wolf | and chased it", and not at
"bread and butter", "up and down", inside a quotation or inside "who ...", "when ...", "because ...".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from storyanim.planning.english import FINITE, NOUN, PRONOUNS, Token, table

_MODIFIERS = frozenset({"DT", "PRP$", "CD", "JJ", "JJR", "JJS", "POS", "VBN", "VBG", "PDT"})
_INVERTING = frozenset({"be", "sit", "stand", "lie", "live", "come", "go", "hang"})
_LINKS = frozenset({"and", "but", "then", "so", "or", "yet"})
_BARELY = frozenset({"barely", "hardly", "scarcely"})


@dataclass(frozen=True)
class NounPhrase:
    """A noun with what stands before it, or a pronoun."""

    tokens: tuple[Token, ...]
    head: Token
    start: int                                       # index of its first token in the clause
    stop: int                                        # index after its last
    preposition: str = ""                            # the one just before it; "named" after "called" and "named"

    @property
    def is_pronoun(self) -> bool:
        """he, she, it, they, ..."""
        return self.head.lower in PRONOUNS or self.head.tag == "PRP"

    @property
    def is_definite(self) -> bool:
        """It speaks of someone known: "the bear", "her bear"."""
        return self.tokens[0].tag == "PRP$" or self.tokens[0].lower in {"the", "this", "that", "these", "those"} or self.is_name

    @property
    def is_name(self) -> bool:
        """A proper name."""
        return self.head.tag in {"NNP", "NNPS"}


Kind = Literal["event", "state", "speech", "none"]


@dataclass(frozen=True)
class Clause:
    """A piece of a sentence that is one event, or none."""

    tokens: tuple[Token, ...]                        # of the whole piece
    kind: Kind
    verb: int | None = None                          # index of the verb that says what happens
    phrases: tuple[NounPhrase, ...] = ()
    subjects: tuple[NounPhrase, ...] = ()

    @property
    def start(self) -> int:
        """Offset in the story."""
        return self.tokens[0].start


def cut_events(tokens: Sequence[Token]) -> list[list[Token]]:
    """The sentence's tokens in pieces of one event each, in order and complete."""
    hidden = hide(tokens)
    cuts = [0]
    for i in range(1, len(tokens)):
        if not hidden[i] and _opens_event(tokens, hidden, cuts[-1], i):
            cuts.append(i)
    return [list(tokens[a:b]) for a, b in zip(cuts, [*cuts[1:], len(tokens)], strict=True)]


def _opens_event(tokens: Sequence[Token], hidden: Sequence[bool], start: int, i: int) -> bool:
    """Whether a new event begins at token i, the piece before it having begun at `start`."""
    token = tokens[i]
    after_comma = tokens[i - 1].text in {",", ";", "—", "–"}
    if not (token.lower in {"and", "but", "then"} or after_comma) or token.text in {",", ";"}:
        return False
    if token.lower == "then" and tokens[i - 1].lower in {"and", "but"}:
        return False
    at = i
    while at < len(tokens) and (tokens[at].lower in _LINKS or tokens[at].tag == "RB"):
        at += 1
    if at < len(tokens) and tokens[at].tag == "IN":          # "and at night he slept"
        at = next((j + 1 for j in range(at, min(at + 4, len(tokens))) if tokens[j].lower in table("time_nouns")), at)
    others = at < len(tokens) and tokens[at].tag == "NNP"        # "Bruno swam, Mimi danced": each a picture
    full = _is_full_event(tokens, hidden, start, i, bare=others)
    return full and _begins_with_event(tokens, hidden, at, bare=not _links(tokens, i) and not others)


def _links(tokens: Sequence[Token], i: int) -> bool:
    return tokens[i].lower in _LINKS


def _is_full_event(tokens: Sequence[Token], hidden: Sequence[bool], start: int, stop: int, *, bare: bool = False) -> bool:
    """An action with something after it, unless `bare`, so that it can be a picture of its own; or the weather's, which is
    nobody's action.
    """
    for i in range(start, stop):
        if _is_of_sky(tokens[start:i]) and any(t.lower in _BARELY for t in tokens[start:stop]):
            continue                                 # what happens when it had barely risen is still to come
        if not hidden[i] and tokens[i].tag in FINITE and is_event(tokens, i):
            rest = [t for t in tokens[main_verb(tokens, i) + 1:stop] if t.is_word and not t.quoted]
            return bare or bool(rest) or _is_of_weather(tokens[start:i])
    return False


def _is_of_weather(before_verb: Sequence[Token]) -> bool:
    """Whether a verb's subject is the sky: "it" rained, the "sun" rose. Who "it" is else, does something first."""
    return _is_of_sky(before_verb) or [t.lower for t in before_verb if t.tag in NOUN or t.tag == "PRP"][-1:] == ["it"]


def _is_of_sky(before_verb: Sequence[Token]) -> bool:
    """The same, "it" left out."""
    sky = {"snow", "sun", "wind"}.union(table("time_nouns"), *table("weather").values())
    nouns = [t for t in before_verb if t.tag in NOUN or t.tag == "PRP"]
    return bool(nouns) and nouns[-1].lower in sky and not nouns[-1].tag.startswith("NNP")         # a cat may be called Snow


def _begins_with_event(tokens: Sequence[Token], hidden: Sequence[bool], at: int, *, bare: bool) -> bool:
    """Whether an action follows at token `at`: a verb of the same subject, or a new subject with its verb."""
    subject = at
    within = NOUN | _MODIFIERS | {"PRP", "RB"}
    while at < len(tokens) and not hidden[at] and (tokens[at].tag in within or tokens[at].lower in {"and", "of"}):
        if tokens[at].lower == "and" and (at + 1 >= len(tokens) or tokens[at + 1].tag not in NOUN | _MODIFIERS):
            return False
        at += 1
    if at >= len(tokens) or hidden[at] or tokens[at].quoted or tokens[at].tag not in FINITE or not is_event(tokens, at):
        return False
    same_subject = at == subject or all(t.tag == "RB" for t in tokens[subject:at])
    rest = [t for t in tokens[main_verb(tokens, at) + 1:] if t.is_word and not t.quoted]
    return bool(rest) if same_subject else not bare or bool(rest)


def is_event(tokens: Sequence[Token], finite: int) -> bool:
    """Whether the verb at `finite` is something that happens before the eye."""
    verb = main_verb(tokens, finite)
    lemma = tokens[verb].lemma
    said = any(t.quoted for t in tokens)
    if lemma in table("speech_verbs") or (said and lemma in table("quoted_verbs")):
        return False
    if lemma in {"have", "take"}:
        return lemma == "take" or any(t.lower in table("event_nouns") for t in tokens[verb + 1:verb + 4])
    if lemma == "be" and any(t.lower == "asleep" for t in tokens[verb + 1:verb + 3]):
        return True                                  # "was fast asleep": a picture like "slept"
    if tokens[verb].tag == "VBN" and tokens[finite].lemma == "be":
        return False                                 # "was hidden", "is called"
    return lemma not in table("state_verbs")


def main_verb(tokens: Sequence[Token], finite: int) -> int:
    """Index of the verb that says what happens: past "was", "can", "began to", "tried to"."""
    at = finite
    for _ in range(4):
        lemma, nxt = tokens[at].lemma, at + 1
        links = {"to", "all", "both"} if lemma in table("aspect_verbs") else set()
        links = links | ({"on"} if lemma in {"keep", "go"} else set())                            # "kept on dancing"
        while nxt < len(tokens) and (tokens[nxt].tag == "RB" or tokens[nxt].lower in links):
            nxt += 1
        if nxt >= len(tokens) or tokens[nxt].tag not in _helped(tokens[at]):
            return at
        at = nxt
    return at


def _helped(verb: Token) -> frozenset[str]:
    """Tags of the verbs that this one only helps: "was running", "had run", "can run", "began to run"."""
    helped = {"be": {"VBG", "VBN"}, "have": {"VBN", "VBD", "VB"}, "do": {"VB"}}.get(verb.lemma, set())
    if verb.lemma in table("aspect_verbs"):
        helped = helped | {"VB", "VBG"}
    return frozenset({"VB", "VBD", "VBG", "VBN", "VBP", "VBZ"} if verb.tag == "MD" else helped)


def hide(tokens: Sequence[Token]) -> list[bool]:
    """Of each token whether it cannot carry the main event: quotations, subordinate clauses, brackets."""
    hidden = [t.quoted for t in tokens]
    depth, all_bracketed = 0, bool(tokens) and tokens[0].text in "(["
    for i, token in enumerate(tokens):
        depth += token.text in {"(", "["}
        hidden[i] = hidden[i] or (depth > 0 and not all_bracketed)
        depth -= token.text in {")", "]"}
    i = _after_camera(tokens)
    hidden[:i] = [True] * i
    while i < len(tokens):
        stop = _subordinate_stop(tokens, hidden, i) if not hidden[i] else None
        if stop is None:
            i += 1
            continue
        hidden[i:stop] = [True] * (stop - i)
        i = stop
    return hidden


def _after_camera(tokens: Sequence[Token]) -> int:
    """Index after "The camera pans left as", which only says how the rest is seen; 0 where no sentence begins so."""
    at = next((i for i, t in enumerate(tokens) if t.lower in {"as", "while"}), 0)
    seen = any(t.lower == "camera" for t in tokens[:at]) and any(t.tag in FINITE for t in tokens[at:])
    return at + 1 if seen else 0


def _subordinate_stop(tokens: Sequence[Token], hidden: Sequence[bool], i: int) -> int | None:
    """Where the subordinate clause that begins at token i ends; None when none begins there."""
    word = tokens[i].lower
    if word not in table("subordinators") | table("relatives"):
        return None
    if word == "when" and any(t.lower in _BARELY for t in tokens[:i]):
        return None                                  # "the sun had barely risen when the fox trotted off"
    if word == "that" and any(t.lower == "so" for t in tokens[max(0, i - 3):i]):
        happens = any(t.tag in FINITE and not hidden[j] and is_event(tokens, j) for j, t in enumerate(tokens[:i]))
        return len(tokens) if happens else None      # "laughed so loudly that the fish swam away"
    last = tokens[i - 1].tag if i else ""
    if word in table("relatives") and (not last or (word == "that" and last not in NOUN and not last.startswith("VB"))):
        return None
    finite = [j for j in range(i + 1, len(tokens)) if tokens[j].tag in FINITE and not tokens[j].quoted]
    if not finite:
        return None
    main_before = any(t.tag in FINITE for t in tokens[:i]) or (
        tokens[0].tag == "VBG" and not any(t.text == "," for t in tokens[i:]))                    # "dancing till it was day"
    comma = next((j for j in range(finite[0], len(tokens)) if tokens[j].text in {",", ";", "—"}), None)
    if main_before:
        goes_on = comma is not None and comma + 1 < len(tokens) and tokens[comma + 1].lower in _LINKS
        return comma if goes_on else len(tokens)
    if word in table("relatives") and i > 0:
        later = [j for j in finite[1:] if tokens[j - 1].lower not in {"and", "or"}]
        return later[0] if later else len(tokens)
    if comma is None or finite[0] > comma or not any(j > comma for j in finite):
        return None
    return comma + 1


def parse_clause(tokens: Sequence[Token], *, whole: Sequence[Token] | None = None) -> Clause:
    """Who does what in a piece of a sentence; `whole` is the sentence, which tells speech from other words."""
    spoken = any(t.quoted and t.is_word for t in tokens)
    hidden = hide(tokens)
    verbs = [i for i, t in enumerate(tokens) if t.tag in FINITE and not hidden[i]]
    events = [i for i in verbs if is_event(tokens, i)]
    done = (i for i in events if not _is_of_sky(tokens[:i]))          # "the sun had barely risen when the fox trotted off"
    finite = next(done, (events or verbs)[0] if verbs else None)
    if finite is None:
        loose = [i for i, t in enumerate(tokens) if t.tag in {"VBG", "VB", "VBN", "VBD", "VBZ"} and not t.quoted]
        acting = (i for i in loose if tokens[i].tag == "VBG" and is_event(tokens, i))             # "little fox, running home"
        finite = next(acting, loose[0] if loose else None)
    phrases = tuple(noun_phrases(tokens))
    if finite is None:
        speaker = tuple(p for p in phrases[:1] if spoken and not p.preposition)                   # "Bruno: ..."
        return Clause(tuple(tokens), "speech" if spoken else "none", None, phrases, speaker)
    verb = main_verb(tokens, finite)
    subjects = _subjects(tokens, phrases, hidden, finite, verb)
    happens = is_event(tokens, finite)
    kind: Kind = "event" if happens else "speech" if spoken or tokens[verb].lemma in table("speech_verbs") else "state"
    return Clause(tuple(tokens), kind, verb, phrases, subjects)


def is_backdrop(clause: Clause) -> bool:
    """ "The birds were singing": what the world does by itself, and nobody of the story."""
    verb = clause.tokens[clause.verb].lemma if clause.verb is not None else ""
    plural = bool(clause.subjects) and all(p.head.tag == "NNS" and p.head.lemma in table("backdrop") for p in clause.subjects)
    return plural and verb in table("backdrop_verbs")


def _subjects(
    tokens: Sequence[Token], phrases: Sequence[NounPhrase], hidden: Sequence[bool], finite: int, verb: int
) -> tuple[NounPhrase, ...]:
    free = [p for p in phrases if not p.preposition and not p.head.quoted]
    shared = _first_of_joined(tokens, hidden, finite)
    before = [p for p in free if p.stop <= shared and not hidden[p.start] and p.head.lower not in table("time_nouns")]
    after = [p for p in free if p.start > verb]
    inverted = tokens[verb].lemma in table("speech_verbs") | table("quoted_verbs") | _INVERTING
    if before:
        chosen = [before[-1]]
        for phrase in reversed(before[:-1]):         # "the cat, the dog and Mimi the mouse"
            if not all(t.lower in {"and", ","} for t in tokens[phrase.stop:chosen[0].start]):
                break
            chosen.insert(0, phrase)
        return tuple(chosen)
    joined = [p for p in free if shared < finite and p.start == shared + 1]
    if joined and tokens[shared].lemma in table("speech_verbs") | table("quoted_verbs"):          # "said the fox and trotted off"
        return (joined[0],)
    if after and inverted and all(t.tag in {"RB", "RP"} for t in tokens[verb + 1:after[0].start]):
        return (after[0],)
    return ()


def _first_of_joined(tokens: Sequence[Token], hidden: Sequence[bool], finite: int) -> int:
    """The verb before which the subject stands: "he said goodbye and walked" says it before "said"."""
    at = finite
    while at and tokens[at - 1].tag == "RB":
        at -= 1
    if not at or tokens[at - 1].lower not in {"and", "but", "then"}:
        return finite
    return next((i for i in range(at - 1) if tokens[i].tag in FINITE and not hidden[i]), finite)


def _preposition(tokens: Sequence[Token], i: int, stop: int) -> str:
    """The preposition before the noun phrase tokens[i:stop]; a subject has none."""
    before = tokens[i - 1] if i else None
    if before is None or tokens[i].lower in {"he", "she", "they", "i", "we"}:
        return ""
    if tokens[i].tag == "PRP" and stop < len(tokens) and tokens[stop].tag in FINITE:
        return ""
    if before.lower in {"named", "called"}:
        return "named"
    is_preposition = before.tag in {"IN", "TO", "RP"} or before.lower == "wearing"
    subordinates = before.lower in table("subordinators") - {"before", "after", "until", "till"}
    return before.lower if is_preposition and not subordinates else ""


def noun_phrases(tokens: Sequence[Token]) -> list[NounPhrase]:
    """All noun phrases outside of quotations, from left to right."""
    found: list[NounPhrase] = []
    i = 0
    while i < len(tokens):
        stop = _phrase_stop(tokens, i)
        if stop is None:
            i += 1
            continue
        words = tuple(tokens[i:stop])
        head = next((t for t in reversed(words) if t.tag in NOUN or t.tag in {"PRP", "JJS"}), None)
        if head is not None:
            preposition = _preposition(tokens, i, stop)
            if preposition == "of" and found and found[-1].head.lower in table("groups") and found[-1].stop == i - 1:
                group = found.pop()                  # "a group of students": the students
                preposition, i = group.preposition, group.start
                words = tuple(tokens[i:stop])
            found.append(NounPhrase(words, head, i, stop, preposition))
        i = stop
    return found


def _phrase_stop(tokens: Sequence[Token], i: int) -> int | None:
    """Index after the noun phrase that begins at token i; None when none begins there."""
    if tokens[i].quoted:
        return None
    if tokens[i].tag == "PRP":
        return i + 1
    if tokens[i].tag not in NOUN | (_MODIFIERS - {"POS", "VBN", "VBG"}):
        return None
    stop = i + 1
    while stop < len(tokens) and not tokens[stop].quoted and _continues(tokens, stop) and not _names_another(tokens, i, stop):
        stop += 1
    return stop if any(t.tag in NOUN for t in tokens[i:stop]) or tokens[stop - 1].tag == "JJS" else None


def _names_another(tokens: Sequence[Token], i: int, j: int) -> bool:
    """ "At the beach | Big Bear swam"."""
    where = i > 0 and tokens[i - 1].tag == "IN" and tokens[j - 1].tag == "NN" and tokens[j].tag == "NNP"
    return where and tokens[j - 1].lower in table("places") | table("time_nouns")


def _continues(tokens: Sequence[Token], j: int) -> bool:
    tag, after = tokens[j].tag, tokens[j + 1].tag if j + 1 < len(tokens) else ""
    if tag == "JJS" and tokens[j - 1].lower == "the":
        return True                                  # "the smallest"
    if tag in NOUN:
        return True
    if tag in {"JJ", "JJR", "JJS", "CD"}:
        return after in NOUN | _MODIFIERS | {"CC", ","}  or tokens[j - 1].tag in {"DT", "PRP$"}
    if tag in {"VBG", "VBN", "RB"}:
        return tokens[j - 1].tag in _MODIFIERS and after in NOUN | {"JJ"}
    return tag == "POS" and after in NOUN | _MODIFIERS
