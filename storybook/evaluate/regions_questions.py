"""Who does what: what `eval regions` asks, and the truth that a reader of the clip should find.

Figures are of held-out kinds and colours. Each place of a group is taken by a figure that was sampled with
its action: its size and azimuth are those of who does that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count as count_up
from typing import Any

import numpy as np

from storyanim.artifacts import Box, CharacterToken, Shot, ShotEntity, ShotEvent
from storyanim.planning.inflection import join_and
from storybook.evaluate.labels import Labels, labels_of
from storybook.evaluate.trials import call, say_setting
from storybook.world import WORDS, ActorSpec, ClipSpec, sample_spec, with_

# first seeds; no other data has them
PAIRS, TRIPLES, EVENTS, LEARNED = 8_600_000, 8_700_000, 8_800_000, 8_850_000
FIGURES = 1_000_000_000                              # of those that take the places
SEEDS_A_QUESTION = 1_000                             # about one in ten has an action that is looked for
# of shots, so that no two share one
FIRST_ID = {"pairs": 1, "triples": 301, "events": 601, "learned_pairs": 901}
# that every scene has
ACTIONS = ("walking", "jumping", "running", "sleeping", "sitting", "waving", "dancing")
# of a lone figure's size; the base was shown pairs as the first ones
_SIZE, _LYING_SIZE = {2: 0.76, 3: 0.56}, {2: 0.58, 3: 0.43}
_AZIMUTH, _SWAY = 0.6, 0.06                          # nearer to the front; of a place's middle


@dataclass(frozen=True)
class Question:
    """What is drawn in two ways, and what a reader of the clip should find, figure by figure."""

    plain: Shot
    regions: Shot
    specs: tuple[ClipSpec, ...]                      # rendered: one clip, or one an event
    truth: tuple[Labels, ...]                        # (5,) of each figure, from the left, or of each event
    who: tuple[str, ...] = ()                        # each figure, in words
    doing: tuple[str, ...] = ()
    tokens: tuple[CharacterToken, ...] = ()          # of learned characters

    def with_entities(self, prompts: Sequence[str] = (), boxes: Sequence[Box] = ()) -> Shot:
        """Return the shot with other texts or places for its figures."""
        entities = tuple(entity.model_copy(update={
            "prompt": prompts[k] if prompts else entity.prompt, "boxes": (boxes[k],) if boxes else ()})
            for k, entity in enumerate(self.regions.entities))
        return self.regions.model_copy(update={"entities": entities})


def figures_of(seed: int, count: int) -> ClipSpec:
    """Return `count` figures side by side in one scene, each doing something else."""
    rng = np.random.default_rng(seed)
    actions = [str(action) for action in rng.permutation(ACTIONS)[:count]]
    first = FIGURES + SEEDS_A_QUESTION * (seed - PAIRS)
    specs = [_doing_so(first + place * SEEDS_A_QUESTION // count, action)
             for place, action in enumerate(actions)]
    actors = []
    for place, spec in enumerate(specs):
        actor = spec.actors[0]
        sizes = _LYING_SIZE if actor.action == "sleeping" else _SIZE
        actors.append(replace(actor, x=(place + 0.5 + float(rng.uniform(-_SWAY, _SWAY))) / count,
                              azimuth_deg=actor.azimuth_deg * _AZIMUTH, size=actor.size * sizes[count]))
    return with_(replace(specs[0], actors=tuple(actors)), camera="fixed")


def ask_together(number: int, kind: str, first_seed: int, count: int) -> Question:
    """Return a question of figures side by side. Each region's text names everybody, doing its own action."""
    spec = figures_of(first_seed + number, count)
    who = [call(actor) for actor in spec.actors]
    return _ask(FIRST_ID[kind] + number, number, spec, who)


def ask_learned(
    number: int, looks: Sequence[Mapping[str, Any]], tokens: Sequence[CharacterToken]
) -> Question:
    """Return a question of two learned characters side by side, by their pseudo-words.

    Args:
        number: of the question.
        looks: fields of an `ActorSpec` that make up who each is, from the left.
        tokens: of both.
    """
    spec = figures_of(LEARNED + number, len(looks))
    actors = tuple(replace(actor, **look) for actor, look in zip(spec.actors, looks, strict=True))
    spec = replace(spec, actors=actors, weather="clear", time_of_day="day")
    who = [f"a {token.token} {token.noun}" for token in tokens]
    asked = _ask(FIRST_ID["learned_pairs"] + number, number, spec, who)
    entities = tuple(entity.model_copy(update={"name": token.name})
                     for entity, token in zip(asked.regions.entities, tokens, strict=True))
    names = {"characters": tuple(token.name for token in tokens)}
    return replace(asked, plain=asked.plain.model_copy(update=names), tokens=tuple(tokens),
                   regions=asked.regions.model_copy(update=names | {"entities": entities}))


def ask_events(number: int) -> Question:
    """Return a question of one figure that does one thing, then another."""
    spec = with_(sample_spec(EVENTS + number, held_out=True), camera="fixed")
    actions = [str(action) for action in np.random.default_rng(EVENTS + number).permutation(ACTIONS)[:2]]
    first = FIGURES + SEEDS_A_QUESTION * (EVENTS - PAIRS + number)
    found = [_doing_so(first + k * SEEDS_A_QUESTION // 2, action).actors[0]
             for k, action in enumerate(actions)]
    pose = ("action", "azimuth_deg", "x", "size")
    specs = tuple(with_(spec, **{name: getattr(actor, name) for name in pose}) for actor in found)
    who, doing = call(spec.actors[0]), [_say_doing(each.actors[0]) for each in specs]
    prompt = f"{who} {doing[0]} and then {doing[1]} {say_setting(spec)}"
    plain = _shot(FIRST_ID["events"] + number, number, prompt, 1)
    events = tuple(ShotEvent(prompt=f"{who} {action} {say_setting(spec)}", start=k / 2, end=(k + 1) / 2)
                   for k, action in enumerate(doing))
    truth = tuple(labels_of(each) for each in specs)
    return Question(plain, plain.model_copy(update={"events": events}), specs, truth, (who,), tuple(doing))


def _ask(shot_number: int, seed: int, spec: ClipSpec, who: Sequence[str]) -> Question:
    where, doing = say_setting(spec), [_say_doing(actor) for actor in spec.actors]
    told = [f"{name} {action}" for name, action in zip(who, doing, strict=True)]
    plain = _shot(shot_number, seed, f"{join_and(told)} {where}", len(who))
    place = WORDS["scene"][spec.scene][0]
    entities = tuple(ShotEntity(prompt=f"{join_and(who)} {action} {where}",
                                query=f"a {WORDS['creature'][actor.creature][0]} {action} {place}")
                     for actor, action in zip(spec.actors, doing, strict=True))
    truth = tuple(labels_of(spec, k) for k in range(len(who)))
    regions = plain.model_copy(update={"entities": entities})
    return Question(plain, regions, (spec,), truth, tuple(who), tuple(doing))


def _doing_so(first_seed: int, action: str) -> ClipSpec:
    """Return the first clip from a seed on whose figure, of a held-out kind, has an action."""
    specs = (sample_spec(first_seed + k, held_out=True) for k in count_up())
    return next(spec for spec in specs if spec.actors[0].action == action)


def _shot(number: int, seed: int, prompt: str, figures: int) -> Shot:
    return Shot(id=f"s{number:02d}", text="", query=prompt, prompt=prompt, figures=figures, seed=seed)


def _say_doing(actor: ActorSpec) -> str:
    return WORDS["action"][actor.action][0]
