"""Verdicts on shots of a profile whose model knows few words: who is drawn, or plays whom, and the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from storyanim.artifacts import Shot, Storyboard
from storyanim.planning import Vocabulary
from storybook.evaluate.planner_english import noun_forms, same_verbs, tokens_of, verb_forms, world_file
from storybook.evaluate.planner_free import Verdict
from storybook.evaluate.planner_stories import Label, LabelledStory, Piece

_WORDS_FOR = {"snow": ("snowfall", "snowing", "snow"), "storm": ("storm", "rain"), "wind": ("wind", "windy")}


@dataclass(frozen=True)
class Drawn:
    """What a prompt of such a model says."""

    figures: tuple[tuple[str, str], ...]             # (colour, creature) as said
    actions: tuple[str, ...]                         # canonical
    scene: str                                       # canonical; "" for none of them
    time: str                                        # canonical; "" where the prompt says none
    weather: str


class BundledScorer:
    """Judges the shots of one story's storyboard."""

    def __init__(self, story: LabelledStory, board: Storyboard, vocabulary: Vocabulary) -> None:
        self.story = story
        self.vocabulary = vocabulary
        self.roles: Sequence[Any] = getattr(board, "cast", ())

    def judge(self, shot: Shot, piece: Piece) -> Verdict:
        """Return what is right of a shot that is to show a piece."""
        drawn, label = self.read(shot.prompt), piece.label
        return {
            "who": self._who(drawn, label),
            "action": self._action(drawn, label, {word.lower() for word in tokens_of(shot.text)}),
            "place": self._place(drawn, label),
            "time": self._shown("time_of_day", drawn.time, label.time),
            "weather": self._shown("weather", drawn.weather, ("",) if drawn.scene in self.vocabulary.indoors
                                   else label.weather),
        }

    def stands(self, shot: Shot) -> bool:
        """Return whether the first figure just stands."""
        return self.read(shot.prompt).actions[:1] == (self.vocabulary.default_action,)

    def is_empty(self, shot: Shot) -> bool:
        """Return whether nobody is drawn."""
        return not self.read(shot.prompt).figures

    def read(self, prompt: str) -> Drawn:
        """Return what a prompt says, in the vocabulary's values."""
        text = prompt.lower()
        scene = self._said("scene", text)
        before = text.split(self._say("scene", scene))[0] if scene else text
        creatures = {word: value for value, entry in self._kind("creature").items()
                     for word in {value, entry.say}}
        words = tokens_of(before)
        colours = set(self._kind("colour"))
        figures = [(words[i - 1] if i and words[i - 1] in colours else "", creatures[word])
                   for i, word in enumerate(words) if word in creatures]
        actions = {entry.say: value for value, entry in self._kind("action").items()}
        rest = text[len(before):]
        return Drawn(tuple(figures), tuple(actions[word] for word in words if word in actions), scene,
                     self._said("time_of_day", rest), self._said("weather", rest))

    # ── the vocabulary ───────────────────────────────────────────────────────────────────────────────────

    def _kind(self, kind: str) -> dict[str, Any]:
        return self.vocabulary.kinds[kind]           # type: ignore[index]

    def _say(self, kind: str, value: str) -> str:
        return self._kind(kind)[value].say

    def _said(self, kind: str, text: str) -> str:
        found = [value for value, entry in self._kind(kind).items()
                 if entry.say and re.search(rf"\b{re.escape(entry.say)}\b", text)]
        return max(found, key=lambda value: len(self._say(kind, value)), default="")

    def _means(self, kind: str, words: Iterable[str], *, near: bool = True) -> set[str]:
        """Values that some of the words mean, or have for the nearest."""
        wanted = {form for word in words for form in noun_forms(word.lower())}
        return {value for value in self._kind(kind) if wanted & {value, *_listed(kind, value, near=near)}}

    # ── verdicts ─────────────────────────────────────────────────────────────────────────────────────────

    def _keys_of(self, colour: str, creature: str) -> set[str]:
        """Keys of the characters that a figure stands for: whose part it plays, or whose kind it is."""
        playing = [role for role in self.roles if self._plays(role.played_by, colour, creature)]
        if playing:
            meant = [self._keys_of_role(role) for role in playing]
            return {key for key in set.intersection(*meant) if self._may_play(creature, key)}
        if self.roles:
            return set()
        return {key for key, one in self.story.characters.items()
                if creature in self._means("creature", one.kinds)}

    def _may_play(self, creature: str, key: str) -> bool:
        """Whether it is no stand-in of another kind for somebody whom the model can draw."""
        own = self._means("creature", self.story.characters[key].kinds, near=False)
        return not own or creature in own

    def _plays(self, played_by: str, colour: str, creature: str) -> bool:
        words = set(tokens_of(played_by.lower()))
        return creature in words and (not colour or colour in words or not words & set(self._kind("colour")))

    def _keys_of_role(self, role: Any) -> set[str]:
        people = self.story.characters
        if role.pronouns == "I":
            return {key for key, one in people.items() if one.narrator}
        name = _plain(role.name)
        named = {key for key, one in people.items() if name in {_plain(n) for n in one.names}}
        if named:
            return named
        gender = {"he": "m", "she": "f"}.get(role.pronouns, "")
        nouns = {name.split()[-1], role.noun.lower().split()[-1]} if name else {role.noun.lower()}
        return {key for key, one in people.items() if any(set(one.kinds) & noun_forms(noun) or noun in {
            form for kind in one.kinds for form in noun_forms(kind)} for noun in nouns)
            and not (gender and one.gender and gender != one.gender)}

    def _who(self, drawn: Drawn, label: Label) -> bool:
        """Whether the first figure is one who acts, and every other belongs there."""
        allowed = {*label.who, *label.with_}
        keys = [self._keys_of(colour, creature) for colour, creature in drawn.figures]
        if not label.who:
            return all(found & allowed for found in keys)
        return bool(keys) and bool(keys[0] & set(label.who)) and all(found & allowed for found in keys[1:])

    def _action(self, drawn: Drawn, label: Label, words: set[str]) -> bool | None:
        """Whether the first figure does it; None where nobody acts, or the model lacks the verb told first.

        Args: words: of the shot's text, which may be a part of the piece.
        """
        told = [verb for verb in label.action if verb_forms(verb) & words] or label.action
        if not label.who or not told or not self._exactly(told[:1]):
            return None
        return bool(drawn.actions) and drawn.actions[0] in self._exactly(
            [same for verb in label.action for same in (verb, *same_verbs(verb))])

    def _exactly(self, verbs: Iterable[str]) -> set[str]:
        """Actions that one of the verbs means."""
        wanted = set(verbs)
        return {value for value in self._kind("action") if wanted & set(_listed("action", value, near=False))}

    def _place(self, drawn: Drawn, label: Label) -> bool | None:
        """Whether the scene is the place that holds, or the default where none is known.

        None where the model has no such scene.
        """
        right = self._means("scene", [word for word in label.place if word])
        if not right and any(label.place):
            return None
        if not right or "" in label.place:
            right = right | {self.vocabulary.default_scene}
        return drawn.scene in right

    def _shown(self, kind: str, said: str, labelled: Sequence[str]) -> bool:
        right: set[str] = set()
        for value in labelled:
            found = self._means(kind, _WORDS_FOR.get(value, (value,))) if value else set()
            right |= {one if self._say(kind, one) else "" for one in found} or {""}
        if "dawn" in labelled:
            right |= {""}                            # a model without dawn may show it as day
        return said in right


def _listed(kind: str, value: str, *, near: bool) -> tuple[str, ...]:
    known = world_file()[kind].get(value, {})
    return (*known.get("words", ()), *(known.get("near", ()) if near else ()))


def _plain(name: str) -> str:
    """Return a name without its article and title, in lower case."""
    titles = {"the", "a", "an", "mr", "mrs", "dr", "captain"}
    return " ".join(word for word in tokens_of(name.lower()) if word not in titles)
