"""Time of day and weather of a clause: what sets them, and what ends them.

A word of time says when it is only where the clause is then ("that night", "every night"; not "until morning"). Sun, moon and
stars are clocks by what they do. Weather ends when the story says so, and with its day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from storyanim.planning.english import is_speech
from storyanim.planning.events import Clause
from storyanim.planning.narrative import Person, Setting
from storyanim.planning.words import words

if TYPE_CHECKING:
    from spacy.tokens import Token

Time = Literal["", "dawn", "day", "dusk", "night"]
Weather = Literal["", "rain", "snow", "storm", "fog", "wind"]
TIMES: dict[str, Time] = {
    **dict.fromkeys(["dawn", "sunrise", "daybreak"], "dawn"),
    **dict.fromkeys(["morning", "noon", "midday", "afternoon", "daylight", "lunchtime", "daytime", "noontime"], "day"),
    **dict.fromkeys(["dusk", "sunset", "evening", "twilight", "sundown", "nightfall"], "dusk"),
    **dict.fromkeys(["night", "midnight", "moonlight", "tonight", "bedtime", "starlight", "nighttime", "dark", "darkness"], "night"),
}
WEATHER: dict[str, Weather] = {
    **dict.fromkeys(["rain", "rainy", "drizzle", "downpour", "shower", "raindrop"], "rain"),
    **dict.fromkeys(["snow", "snowy", "snowflake", "blizzard", "snowfall", "snowstorm"], "snow"),
    **dict.fromkeys(["storm", "stormy", "thunder", "thunderstorm", "lightning", "tempest", "hail"], "storm"),
    **dict.fromkeys(["fog", "foggy", "mist", "misty", "haze"], "fog"),
    **dict.fromkeys(["wind", "windy", "gale", "breeze", "gust"], "wind"),
}
_CLEAR = frozenset({"sunny", "sunshine", "sunlight", "cloudless"})
_FALLING: dict[str, Weather] = {"rain": "rain", "drizzle": "rain", "pour": "rain", "snow": "snow", "hail": "storm", "thunder": "storm"}
_ENDS = frozenset({"stop", "end", "cease", "pass", "die", "clear", "melt", "lift", "fade"})
_NOT_NOW = frozenset({"until", "till", "before", "after", "for", "since", "than", "like", "about", "of", "against", "from"})
_NOT_ONE = frozenset({"every", "each", "all", "many", "any", "some", "no", "other", "several", "another"})
_NEXT = frozenset({"next", "following", "one", "another", "new", "later", "second", "third"})
_ORDINALS = frozenset({"next", "following", "new", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"})
_DAYS = frozenset({"day", "morning", "evening", "night", "afternoon", "week", "month", "year", "weekend"})
_MEALS = frozenset({"breakfast", "lunch", "dinner", "supper", "school", "work", "church"})
_SEASONS = frozenset({"spring", "summer", "autumn", "fall", "winter"})
# What sun, moon and stars do, by the clock.
_UP, _DOWN = frozenset({"rise", "come", "climb", "appear", "peep"}), frozenset({"set", "sink", "go", "dip", "disappear"})
_UNSURE = frozenset({"before", "until", "till", "if", "unless", "like"})


def begins_new_day(clause: Clause) -> bool:
    """Tell whether a clause goes on at another day: "The next morning ...", "On Monday ...", "Two years later ..."."""
    verb = clause.verb.i if clause.verb is not None else clause.tokens.end
    for token in clause.tokens:
        word = token.lemma_.lower()
        if is_speech(token) or token.i > verb or token.dep_ in {"poss", "compound"}:
            continue
        if word in words("weekday") and token.tag_ not in {"NNS", "NNPS"} and (token.dep_ != "pobj" or token.head.lower_ in {"on", "by"}):
            return True
        if word in _SEASONS and token.dep_ == "pobj" and token.head.lower_ == "in" and token.head.head == clause.verb:
            return True
        if word not in _DAYS:
            continue
        if any(c.lower_ in _ORDINALS for c in token.children) and token.dep_ in {"npadvmod", "pobj", "nsubj", "ROOT", "dep"}:
            return True
        if {token.head.lower_, *(c.lower_ for c in token.children)} & {"later", "afterwards"}:
            return True
        if token.dep_ == "nsubj" and token.head.lemma_ == "pass" and word != "night":
            return True
    return False


def is_another_time(clause: Clause) -> bool:
    """Tell whether a clause is at a time of its own: "One morning ...", "the following night"."""
    return any(_is_another(token) for token, _ in _times(clause))


def _is_another(time: Token) -> bool:
    return any(c.lower_ in _NEXT for c in time.children)


def begins_later(clause: Clause) -> bool:
    """Tell whether a clause goes on hours later: "In the afternoon she wrote", "After lunch our teacher read to us"."""
    verb = clause.verb.i if clause.verb is not None else clause.tokens.end
    return any(token.i < verb and token.dep_ == "pobj" and (
        (token.head.lower_ in {"in", "at"} and TIMES.get(token.lemma_.lower()) in {"day", "dusk"})
        or (token.head.lower_ == "after" and token.lemma_.lower() in _MEALS)) for token in clause.tokens)


def read_time(clause: Clause, now: Setting) -> Setting:
    """Return a setting with the time of day that a clause tells."""
    for token, time in _times(clause):
        if _is_another(token) or (time in {"dawn", "day"} and now.time_of_day in {"dusk", "night"}):
            now = replace(now, weather="", time_of_day=time)
        elif time:
            now = replace(now, time_of_day=time)
    return now


def is_next_morning(clause: Clause, now: Setting) -> bool:
    """Tell whether a clause ends a night: "In the morning ...", where it was night."""
    return now.time_of_day in {"dusk", "night"} and any(
        token.lemma_.lower() in {"morning", "sunrise", "dawn", "daybreak"} and all(c.lower_ != "one" for c in token.children)
        for token, _ in _times(clause))


def until_when(clause: Clause) -> Time:
    """Return the time of day at which the next clause is: "He walked until the sun rose", "They talked until midnight"."""
    for token in clause.tokens:
        if token.lower_ not in {"until", "till"} or is_speech(token):
            continue
        if token.dep_ == "prep":
            return next(filter(None, (TIMES.get(t.lemma_.lower(), "") for t in token.children)), "")
        verb = token.head
        subject = next((c.lemma_.lower() for c in verb.children if c.dep_ == "nsubj"), "")
        told = (TIMES.get(c.lemma_.lower(), "") for c in verb.children if c.dep_ in {"acomp", "nsubj"})
        return next(filter(None, told), "") or _sky_time(subject, verb)
    return ""


def _times(clause: Clause) -> Iterator[tuple[Token, Time]]:
    for token in clause.tokens:
        word = token.lemma_.lower()
        if is_speech(token):
            continue
        if word in {"sun", "moon", "star"} and token.dep_ == "nsubj" and (time := _by_the_sky(word, token.head)):
            yield token, time
        elif (word == "day" or word in TIMES) and _is_now(token):
            yield token, TIMES.get(word, "")
        elif _is_seen_above(token) or (TIMES.get(word) == "dawn" and token.dep_ == "pobj" and token.head.lower_ == "before"):
            yield token, "night"


def _is_seen_above(token: Token) -> bool:
    """Tell whether somebody looks at the stars, or is under them."""
    above = token.lower_ in {"stars", "moon"} and any(c.lower_ == "the" for c in token.children)
    verb = token.head.head if token.dep_ == "pobj" else token.head
    under = token.dep_ == "pobj" and token.head.lower_ in {"under", "beneath"}
    return above and (under or (token.dep_ in {"pobj", "dobj"} and verb.lemma_.lower() in {"look", "watch", "count", "gaze", "stare"}))


def _by_the_sky(body: str, verb: Token) -> Time:
    """Return the time of day that the sun, the moon or the stars tell by what they do."""
    particles = {c.lower_ for c in verb.children if c.dep_ in {"prt", "advmod", "mark"}}
    unsure = particles & _UNSURE or any(c.dep_ == "neg" for c in verb.children)
    return "" if unsure else _sky_time(body, verb)


def _sky_time(body: str, verb: Token) -> Time:
    verb = next((c for c in verb.children if c.dep_ == "xcomp"), verb)                  # "began to rise"
    does = {verb.lemma_.lower(), verb.head.lemma_.lower() if verb.dep_ == "conj" else ""}
    particles = {c.lower_ for c in verb.children if c.dep_ in {"prt", "advmod", "mark"}}
    if body not in {"sun", "moon", "star"}:
        return ""
    if body != "sun":
        return "night" if does & (_UP | {"shine", "twinkle", "glitter", "sparkle", "hang", "stand"}) else ""
    if does & _DOWN and (does & {"set", "sink"} or particles & {"down", "behind", "low"}):
        return "dusk"
    if not (does & _UP and (does & {"rise"} or particles & {"up", "out", "over"})):
        return ""
    early = verb.tag_ == "VBG" or verb.dep_ == "xcomp" or particles & {"as", "while", "when"}
    return "dawn" if early else "day"                # "was rising", "began to rise", "As the sun rises"


def read_weather(clause: Clause, meant: Mapping[int, tuple[Person, ...]], now: Setting) -> Setting:
    """Return a setting with the weather that a clause tells. Args: meant: index of a token → people, who are no weather."""
    verb = clause.verb
    falls = (not clause.subjects and clause.lemma != "pour") or any(t.lower_ == "it" and t.dep_ in {"nsubj", "expl"} for t in clause.tokens)           # "Rained all day"
    if verb is not None and clause.lemma in _FALLING and not clause.negated and falls:
        now = replace(now, weather="" if _is_over(verb) else _FALLING[clause.lemma])
    for token in clause.tokens:
        word = token.lemma_.lower()
        if is_speech(token) or token.i in meant or token.pos_ not in {"NOUN", "ADJ", "PROPN"}:
            continue
        if word in _CLEAR and _is_weather(token, clause):
            now = replace(now, weather="")
        elif word in WEATHER and _is_weather(token, clause) and not clause.negated:
            over = token.dep_ == "nsubj" and _is_over(token.head)
            now = replace(now, weather="" if over else WEATHER[word], snow_lies=now.snow_lies or (WEATHER[word] == "snow" and _is_in(token)))
    return now


def is_in_weather(clause: Clause) -> bool:
    """Tell whether somebody is out in it: "ran through the rain", "danced in the snow"."""
    return any(t.lemma_.lower() in WEATHER and _is_in(t) and t.head.head == clause.verb for t in clause.tokens if t.dep_ == "pobj")


def _is_in(token: Token) -> bool:
    return token.dep_ == "pobj" and token.head.lower_ in {"in", "through", "into", "across"}


def _is_now(token: Token) -> bool:
    """Tell whether a word of time says when it is: "that night", "at dawn", "every night"; not "until morning"."""
    usual = token.dep_ == "npadvmod" and any(c.lower_ in {"every", "each", "all"} for c in token.children)               # "every night she sat there"
    if usual and token.tag_ == "NN":
        return True
    if any(c.lower_ in _NOT_ONE for c in token.children if c.dep_ in {"det", "amod"}) or token.dep_ == "poss":
        return False
    if token.lemma_.lower() in {"dark", "darkness"}:     # "in the dark", "it got dark"
        becomes = token.dep_ == "acomp" and (token.head.lemma_ in {"get", "grow", "become"} or any(
            c.dep_ == "nsubj" and c.lower_ == "it" for c in token.head.children))
        early = any(t.lemma_.lower() == "morning" for t in token.sent)                  # "at four in the morning it was dark"
        inside = any(c.lower_ in {"inside", "indoors", "within", "there"} for t in (token, token.head) for c in t.children)        # a cave
        return token.head.lower_ in {"in", "through", "after"} or (becomes and not early and not inside)
    if token.lower_ == "midnight" and token.head.lower_ == "after":
        return True
    if token.dep_ == "pobj":
        return token.head.lower_ not in _NOT_NOW
    return token.tag_ not in {"NNS"} or token.dep_ == "nsubj"


def _is_weather(token: Token, clause: Clause) -> bool:
    """Tell whether a word says what weather there is: rain that falls, a stormy night, in the rain."""
    if token.pos_ == "ADJ":
        return token.dep_ in {"acomp", "conj"} or token.head.lemma_.lower() in {*TIMES, "day", "weather", "sky"}
    if token.dep_ == "pobj":
        covers = token.head.lower_ == "with" and token.head.head.tag_ == "VBN"           # "covered with snow"
        return token.head.lower_ in {"in", "through", "into", "during", "with", "of"} and not covers
    if token.dep_ == "nsubj":
        return token.head.dep_ not in {"relcl", "acl", "ccomp"} or token.head == clause.verb
    return token.dep_ in {"attr", "ROOT", "conj"} or token in clause.subjects


def _is_over(verb: Token) -> bool:
    return any(c.lower_ in {"over", "gone"} and not c.n_rights for c in verb.children) or any(t.lemma_.lower() in _ENDS for t in (verb, verb.head if verb.dep_ in {"xcomp", "conj"} else verb))
