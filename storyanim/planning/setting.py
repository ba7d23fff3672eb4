"""Where and when a story is: place, time of day and weather last until they change."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from storyanim.planning.clauses import Clause, NounPhrase
from storyanim.planning.english import NOUN, Token, table
from storyanim.planning.script import HEADING, LABEL
from storyanim.planning.vocabulary import Found, Vocabulary

_SETTLED = frozenset({"in", "at", "into", "to", "inside", "on", "onto"})
_REACHED = frozenset(["reach", "enter", "visit", "cross", "explore", "search", "climb", "approach", "roam", "wander", "prowl",
                      "patrol", "walk", "tour"])
_ANOTHER = frozenset({"one", "next", "another", "following"})
_UNTIL = frozenset({"until", "till"})
_NOT_NOW = frozenset([*_UNTIL, "before", "after", "than", "like"])
_DENIED = frozenset({"no", "not", "n't", "never"})
_OPENS_PHRASE = frozenset({"DT", "PRP$", "JJ", "CD"})
_ON_THE_WAY = frozenset(["back", "straight", "all", "the", "way", "safely"])
_OUTSIDE = frozenset({"outside", "outdoors"})
_GOING = frozenset({"go", "come", "run", "walk", "step", "creep", "sneak", "slip", "rush", "hurry", "march", "set"})
_HOMEWARD = _GOING | {"return", "head", "fly", "drive", "ride", "hop", "trot", "swim", "race", "wander", "travel", "skip"}
_STAYING = _HOMEWARD | {"stay", "remain", "get", "climb", "jump", "crawl", "sit", "sleep", "play", "wait", "dance", "fly"}
_HOUSE = frozenset({"house", "home", "door", "room", "hut", "cottage", "cabin", "den"})
_LOOKING = frozenset(["look", "see", "watch", "stare", "gaze", "peer", "peek", "glance", "point", "listen", "hear", "wave"])
_MONTHS = frozenset(["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
                     "December"])
_BEDDING = frozenset({"blanket", "quilt", "duvet", "cover"})
_BUILT = frozenset({"snowman", "sandcastle", "igloo"})   # tell where one is who builds them
_ENDED = frozenset(["stop", "end", "cease", "over", "clear"])


@dataclass(frozen=True)
class Setting:
    """Where and when, in canonical values; "" is unknown."""

    scene: str = ""
    place: str = ""                                  # in the story's words: "in a green forest"
    exact: bool = True                               # `scene` means the place, and is not only the nearest
    time_of_day: str = ""
    weather: str = ""
    later: str = ""                                  # time of day from the next event on: "danced until night fell"
    bound_for: str = ""                              # scene from the next event on: "ran home"
    outdoors: str = ""                               # the last scene that was no room

    def words(self) -> str:
        """For people."""
        return ", ".join(part for part in (self.scene, self.time_of_day, self.weather) if part)


def read_setting(before: Setting, clause: Clause, somebody: Container[NounPhrase], vocabulary: Vocabulary) -> Setting:
    """The setting after a clause; phrases in `somebody` are characters, not places."""
    tokens = clause.tokens
    before = replace(before, outdoors=before.outdoors if before.scene in ("", *vocabulary.indoors) else before.scene)
    if before.bound_for and clause.kind == "event":
        before = replace(before, scene=before.bound_for, place="at home", exact=True, bound_for="")
    now = _time_and_weather(replace(before, time_of_day=before.later or before.time_of_day, later=""), clause, vocabulary)
    if before.scene in vocabulary.indoors and _goes_out(clause, somebody, vocabulary):
        now = replace(now, scene=now.outdoors, place="", exact=True)     # where to is said, or it is back again
    if begins_scene(tokens):
        named = vocabulary.scan("scene", tokens[1:])
        if vocabulary.scan("time_of_day", tokens):
            now = replace(now, weather="")           # another day, or another hour
        return replace(now, scene=named[-1].value, exact=named[-1].exact, place="", bound_for="") if named else now
    places = [(phrase, found) for phrase in clause.phrases if (phrase not in somebody or phrase.head.lemma in _BUILT)
              and (found := _place(clause, phrase, vocabulary, nowhere=not now.scene)) is not None]
    if not places:
        return _arrived(_named_place(now, clause, somebody, vocabulary), clause, vocabulary)
    settled = ([item for item in places if item[0].preposition in _SETTLED]
               or [item for item in places if not item[0].preposition] or places)
    phrase, found = next((item for item in reversed(settled) if item[1].exact and item[0].preposition), settled[0])
    if not found.exact and now.scene and phrase.preposition not in _SETTLED:
        return now                                   # "under a tree": still in the meadow
    if phrase.head.lemma in {"water", "wave"} and now.scene in table("waters"):
        return now
    preposition = phrase.preposition if phrase.preposition in table("locatives") else "at"
    now = replace(now, scene=found.value, exact=found.exact, place=f"{preposition} {_spelled_within(phrase)}", bound_for="")
    return replace(now, bound_for=_arrived(now, clause, vocabulary).bound_for)                    # "ran home through the woods"


def begins_scene(tokens: Sequence[Token]) -> bool:
    """Whether a clause is a heading of a script, or of a chapter."""
    words = " ".join(t.text for t in tokens)
    return HEADING.match(words + " ") is not None or LABEL.match(words) is not None


def _arrived(now: Setting, clause: Clause, vocabulary: Vocabulary) -> Setting:
    """After "went home", at home from the next event on; after "came home", "went home to sleep" and "ran inside", in it."""
    tokens = [t for t in clause.tokens if not t.quoted]
    if clause.verb is None or clause.kind == "speech":
        return now
    for phrase in clause.phrases:                    # "until they reached their house"
        found = vocabulary.scan("scene", phrase.tokens)
        if found and phrase.start > clause.verb + 1 and clause.tokens[phrase.start - 1].lemma == "reach":
            return replace(now, bound_for=found[-1].value)
    indoors = vocabulary.indoors[0] if vocabulary.indoors else ""
    for i, token in enumerate(tokens):
        ends = i + 1 == len(tokens) or tokens[i + 1].tag not in {*_OPENS_PHRASE, *NOUN}
        if token.lower in {"inside", "indoors"} and ends and indoors and clause.tokens[clause.verb].lemma in _STAYING:
            return replace(now, scene=indoors, place=token.lower, exact=True, bound_for="")
        home = vocabulary.at("scene", [token], 0) if token.lower == "home" else None
        verb = _verb_before(tokens, i)
        to_bed = verb in _HOMEWARD and {"sleep", "bed"} & {t.lower for t in tokens[i:]}
        if home and (to_bed or verb in {"come", "arrive", "get"}):
            return replace(now, scene=home.value, place="at home", exact=True, bound_for="")
        if home and verb in _HOMEWARD:
            return replace(now, bound_for=home.value)
    return now


def _verb_before(tokens: Sequence[Token], i: int) -> str:
    """The verb that token i belongs to, "run" in "ran all the way back home"; "" when another word is between."""
    while i and (tokens[i - 1].tag in {"RB", "RP"} or tokens[i - 1].lower in _ON_THE_WAY):
        i -= 1
    return tokens[i - 1].lemma if i and tokens[i - 1].tag.startswith("VB") else ""


def _named_place(now: Setting, clause: Clause, somebody: Container[NounPhrase], vocabulary: Vocabulary) -> Setting:
    """After "in Paris": another place, of which only its name is known, and that it is no room."""
    named = [p for p in clause.phrases if p.is_name and p.preposition in {"in", "at"} and p not in somebody
             and p.head.text not in _MONTHS]
    if not named or not (vocabulary.open or now.scene in vocabulary.indoors):
        return now
    return replace(now, scene="", place=f"{named[0].preposition} {spell(named[0].tokens)}")


def spell(tokens: Sequence[Token]) -> str:
    """FrozenModel with blanks, clitics joined: "the child's bedroom"."""
    text = ""
    for token in tokens:
        tight = not text or token.text[0] in "'’" or (not token.is_word and token.text not in {"(", "<", "“", "€", "°"})
        text += token.text if tight or text.endswith(("(", "€")) else " " + token.text
    return text


def _spelled_within(phrase: NounPhrase) -> str:
    """A phrase as it stands within a sentence: "The meadow" is "the meadow"."""
    text = spell(phrase.tokens)
    return text if phrase.tokens[0].tag.startswith("NNP") else text[:1].lower() + text[1:]


def _place(clause: Clause, phrase: NounPhrase, vocabulary: Vocabulary, *, nowhere: bool) -> Found | None:
    """The scene that a phrase names, if the clause happens there; `nowhere`: no scene was named before, so that "the lights of
    the city" tell it.
    """
    tokens = clause.tokens
    of = phrase.stop < len(tokens) and tokens[phrase.stop].lower == "of"            # "a bed of flowers", "a blanket of stars"
    if phrase.head.lemma in _BEDDING and phrase.preposition in {"under", "beneath"} and not of:
        return _scene_of("bed", vocabulary)
    if nowhere and phrase.head.lower == "waves" and phrase.preposition in table("locatives"):
        return _scene_of("sea", vocabulary)
    found = [f for f in vocabulary.scan("scene", phrase.tokens) if f.stop == len(phrase.tokens)]
    if not any(f.exact for f in found):              # "forest path", "city lights", "bedroom window"
        near_end = [f for f in vocabulary.scan("scene", phrase.tokens) if len(phrase.tokens) - f.stop <= 1]
        found = [f for f in near_end if f.exact][-1:] or found or near_end[-1:]
    if not found or phrase.is_pronoun:
        return None
    if phrase.head.lemma == "bed" and of:
        return None
    if phrase.preposition == "to" and [t.lower for t in phrase.tokens] == ["snow"]:
        return None                                  # "began to snow"
    if (nowhere and _starts_where(phrase, clause)) or _is_room_looked_out_of(phrase, clause, found[-1], vocabulary):
        return found[-1]
    if phrase.preposition == "of":
        owner = next((p for p in clause.phrases if p.stop == phrase.start - 1), None)
        return found[-1] if owner and (owner.head.lemma in table("parts") or (nowhere and found[-1].exact)) else None
    if phrase.preposition in table("locatives"):
        looks = clause.verb is not None and tokens[clause.verb].lemma in {"look", "wave", "stare", "gaze", "point", "listen"}
        elsewhere = (looks and phrase.preposition in {"at", "to", "up"}) or (
            phrase.preposition in _OUTSIDE and found[-1].value in vocabulary.indoors)
        return None if elsewhere else found[-1]
    is_object = clause.verb is not None and tokens[clause.verb].lemma in _REACHED and phrase.start > clause.verb
    is_object = is_object and phrase.head.lower != "home"                 # "walked home" is on the way
    leaves = nowhere and clause.verb is not None and tokens[clause.verb].lemma == "leave" and found[-1].exact
    is_object = is_object or (leaves and found[-1].value not in vocabulary.indoors)
    is_object = is_object or (phrase.head.lemma in _BUILT and phrase not in clause.subjects)
    acts = nowhere and found[-1].exact and phrase.tokens[0].lower == "the"           # "The city never sleeps"
    is_described = (clause.kind == "state" or acts) and phrase in clause.subjects
    return found[-1] if (is_object and not phrase.preposition) or is_described else None


def _scene_of(noun: str, vocabulary: Vocabulary) -> Found | None:
    return vocabulary.at("scene", [Token(noun, 0, 0, "NN")], 0)


def _starts_where(phrase: NounPhrase, clause: Clause) -> bool:
    """ "far away, where the mountains touch the sky"."""
    return phrase.start > 0 and not phrase.preposition and clause.tokens[phrase.start - 1].lower == "where"


def _is_room_looked_out_of(phrase: NounPhrase, clause: Clause, found: Found, vocabulary: Vocabulary) -> bool:
    """ "leapt out of bed", "looked out of his bedroom window"."""
    looks = clause.verb is not None and clause.tokens[clause.verb].lemma in _LOOKING
    out = phrase.start > 1 and [t.lower for t in clause.tokens[phrase.start - 2:phrase.start]] == ["out", "of"]
    return out and found.value in vocabulary.indoors and (looks or phrase.head.lemma == "bed")


def _time_and_weather(before: Setting, clause: Clause, vocabulary: Vocabulary) -> Setting:
    tokens = [t for t in clause.tokens if not t.quoted]
    now, told = before, False
    for found in vocabulary.scan("time_of_day", tokens):
        if tokens[found.start].lower == "dark" and _describes_thing(tokens, found.start):
            continue                                 # "a dark wood"
        if any(t.lower in _UNTIL for t in tokens[max(0, found.start - 3):found.start]):
            now = replace(now, later=found.value)
            continue
        if any(t.lower == "all" for t in tokens[max(0, found.start - 1):found.start]) and any(t.lower == "had" for t in tokens):
            continue                                 # "it had snowed all night": now it is over
        if not told and not any(t.lower in _NOT_NOW for t in tokens[max(0, found.start - 2):found.start]):
            now, told = replace(now, time_of_day=found.value), True
    if before.time_of_day and any(t.lower == "day" and last.lower in _ANOTHER for last, t in pairwise(tokens)):
        now = replace(now, time_of_day="day", weather="")
    if any(t.lower in table("weekdays") and last.lower == "on" for last, t in pairwise(tokens)):
        now = replace(now, weather="", time_of_day=now.time_of_day if told else "")
    for found in vocabulary.scan("weather", tokens):
        near = tokens[max(0, found.start - 3):found.stop + 3]
        ended = any(t.lemma in _ENDED for t in near) and tokens[found.start].lower not in {"clear"}
        if not any(t.lower in _NOT_NOW | _DENIED for t in tokens[max(0, found.start - 2):found.start]):
            now = replace(now, weather="clear" if ended and "clear" in vocabulary.kinds["weather"] else found.value)
    return now


def _describes_thing(tokens: Sequence[Token], i: int) -> bool:
    """Whether an adjective stands before a noun that is no time."""
    following = next((t for t in tokens[i + 1:] if t.tag != "JJ"), None)
    return following is not None and following.tag in NOUN and following.lower not in {"sky", *table("time_nouns")}


def _goes_out(clause: Clause, somebody: Container[NounPhrase], vocabulary: Vocabulary) -> bool:
    """ "went outside", "ran out of the house", "left the bedroom"; who only looks out stays in."""
    if clause.kind != "event" or clause.verb is None:
        return False
    if clause.subjects and not any(phrase in somebody for phrase in clause.subjects):
        return False                                 # "the light went out"
    verb, after = clause.tokens[clause.verb].lemma, [t.lower for t in clause.tokens[clause.verb + 1:clause.verb + 3]]
    if verb in _LOOKING:
        return False
    if verb in _HOMEWARD and after[:1] == ["out"] and after[1:] != ["of"]:
        return True
    if any(t.lower in _OUTSIDE and not t.quoted for t in clause.tokens):
        return True
    leaves = verb == "leave"
    return any(_is_inside(phrase, vocabulary) and (_is_after_out_of(phrase, clause) or (leaves and not phrase.preposition))
               for phrase in clause.phrases if phrase.start > clause.verb)


def _is_inside(phrase: NounPhrase, vocabulary: Vocabulary) -> bool:
    """Whether it is a room or a house, or something of one; out of bed one is still in the bedroom."""
    named = any(found.value in vocabulary.indoors for found in vocabulary.scan("scene", phrase.tokens))
    return phrase.head.lemma in _HOUSE or (named and phrase.head.lemma != "bed")


def _is_after_out_of(phrase: NounPhrase, clause: Clause) -> bool:
    return phrase.preposition == "of" and clause.tokens[phrase.start - 2].lower == "out"


def is_setting_word(token: Token, vocabulary: Vocabulary) -> bool:
    """Whether a word only tells when or what weather it is."""
    return token.lower in table("time_nouns") or any(vocabulary.at(kind, [token], 0) for kind in ("time_of_day", "weather"))
