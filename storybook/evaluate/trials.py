"""What is drawn to be measured: prompts that no training caption is, and footage to take structure from.

A trial's creature, colour and accessory are a combination that is held out of the generators' training, and
its sentence has a form that no training caption has, in any of the words for each thing. The camera stands
still, so that what changes behind the creature is flicker, water or weather.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, islice

import numpy as np

from storyanim.artifacts import Shot
from storybook.evaluate.metrics import cielab
from storybook.world import COLOURS, STORYBOOK_1, ActorSpec, ClipSpec, World, sample_spec, with_
from storybook.world.cast import PEOPLE
from storybook.world.dataset import SIDE_ON
from storybook.world.voice import article
from storybook.world.words import CLOTHES, WORDS, WORDS_2

# first seeds; no other data has them
PROMPTS, REFERENCES, FLOORS, GUIDES = 8_000_000, 8_100_000, 8_200_000, 8_300_000
PANS = 8_500_000                                     # of clips whose camera is said
PAIRS = 8_400_000                                    # of clips with two creatures
FOOTAGE = 7_900_000                                  # of clips to search
# kept for each trial: about one in ten does the same action
SEEDS_A_GUIDE = 1_000
FORMS = (                                            # none of world/captions.py
    "{where} there is {who}, {doing}",
    "{who}, {where}, is {doing}",
    "{doing} {where}, {who}",
    "{who} is {where}, {doing}",
)

MOVING = {*SIDE_ON, "carrying", "pushing", "cycling", "riding", "carting", "flying", "climbing", "falling"}
CAMERAS_ASKED = ("pan_left", "pan_right", "fixed")
FORMS_OF_TWO = ("{where} there are {who}, {doing}", "{who}, {where}, are {doing}", "{doing} {where}, {who}")
FORMS_APART = (                                      # who do different things, from left to right
    "{where} there are {left}, {does_left}, and {right}, {does_right}",
    "{left}, {where}, is {does_left}; {right} is {does_right}",
    "{where} {left} is {does_left} and {right} is {does_right}",
)


@dataclass(frozen=True)
class Trial:
    """One prompt with what it asks for."""

    number: int
    spec: ClipSpec
    prompt: str
    world: World = STORYBOOK_1

    @property
    def shot(self) -> Shot:
        """To draw; the seed is the trial's number."""
        return Shot(id=f"s{self.number + 1:02d}", text="", query="", prompt=self.prompt, seed=self.number)


def make_trials(num_trials: int, world: World = STORYBOOK_1) -> list[Trial]:
    """Return the first `num_trials` trials of a world, always the same ones."""
    return [Trial(number, spec, word(spec, number), world)
            for number, spec in enumerate(held_out_specs(PROMPTS, num_trials, world))]


def make_pair_trials(num_trials: int, world: World = STORYBOOK_1) -> list[Trial]:
    """Return the same with two creatures, each a combination that is held out; in the first world they do the
    same."""
    specs = [with_(sample_spec(PAIRS + k, held_out=True, num_actors=2, world=world), camera="fixed")
             for k in range(num_trials)]
    return [Trial(number, spec, word(spec, number), world) for number, spec in enumerate(specs)]


def make_camera_trials(num_trials: int, world: World = STORYBOOK_1) -> list[Trial]:
    """Return the same with creatures that stay in their place, the camera panning left, right, or standing
    still in turn."""
    found = []
    specs = (sample_spec(PANS + k, held_out=True, world=world) for k in count())
    staying = (spec for spec in specs if spec.actors[0].action not in MOVING)
    for number, spec in enumerate(islice(staying, num_trials)):
        camera = CAMERAS_ASKED[number % len(CAMERAS_ASKED)]
        said = "" if camera == "fixed" else f", {WORDS['camera'][camera][0]}"
        found.append(Trial(number, with_(spec, camera=camera), word(spec, number) + said, world))
    return found


def held_out_specs(first_seed: int, num_specs: int, world: World = STORYBOOK_1) -> list[ClipSpec]:
    """Return clips of the trials' kind: held-out combinations, the camera still."""
    return [with_(sample_spec(first_seed + k, held_out=True, world=world), camera="fixed")
            for k in range(num_specs)]


def guide_spec(trial: Trial) -> ClipSpec:
    """Return a clip to take the structure from: another creature does the same, wherever and in whatever
    colour."""
    wanted = trial.spec.actors[0]
    specs = (sample_spec(GUIDES + SEEDS_A_GUIDE * trial.number + k, world=trial.world) for k in count())
    return with_(next(spec for spec in specs if _same_action(spec, wanted)), camera="fixed")


def word(spec: ClipSpec, seed: int, who: str | None = None) -> str:
    """Return a clip as a prompt that says all that the judge reads, in varied words.

    Args: who: what to call the actors, "a bear"; None: the colour of each, its kind, and what it wears, see
    `call`.
    """
    rng = np.random.default_rng([PROMPTS, seed])
    said = {"who": who or " and ".join(call(actor, rng) for actor in spec.actors),
            "where": _pick("scene", spec.scene, rng),
            "doing": _pick("action", spec.actors[0].action, rng)}
    setting = _settings(spec, rng)
    forms = FORMS if len(spec.actors) == 1 else FORMS_OF_TWO
    if who is None and len({actor.action for actor in spec.actors}) > 1:
        left, right = sorted(spec.actors, key=lambda actor: actor.x)
        said |= {"left": call(left, rng), "does_left": _pick("action", left.action, rng),
                 "right": call(right, rng), "does_right": _pick("action", right.action, rng)}
        forms = FORMS_APART
    return " ".join([forms[int(rng.integers(len(forms)))].format(**said), *setting])


def call(actor: ActorSpec, rng: np.random.Generator | None = None) -> str:
    """Return "a pink dog with orange stripes", "a girl in a green dress with a red bow"; in plain words or in
    varied ones.

    A colour without a name by the nearest that has one.
    """
    if actor.creature == "santa":                    # always in red and white
        return _pick("creature", actor.creature, rng)
    colour = _pick("colour", actor.colour or _nearest_name(actor.rgb), rng)
    kind = _pick("creature", actor.creature, rng)
    if actor.creature in PEOPLE:
        ways = CLOTHES[actor.creature]
        clothes = f"{colour} {ways[0 if rng is None else int(rng.integers(len(ways)))]}"
        phrase = f"{_one(kind)} in {_one(clothes)}"
    else:
        phrase = _one(f"{colour} {kind}")
    if actor.accessory is None:
        return phrase
    thing = f"{_pick('colour', actor.accessory_colour, rng)} {_pick('accessory', actor.accessory, rng)}"
    return f"{phrase} with {thing if actor.accessory == 'stripes' else _one(thing)}"


def say_setting(spec: ClipSpec) -> str:
    """Return where and when, in plain words: "in the forest at night"."""
    return " ".join([_pick("scene", spec.scene, None), *_settings(spec, None)])


def _settings(spec: ClipSpec, rng: np.random.Generator | None) -> list[str]:
    """Return time of day and weather, unless they go without saying."""
    return [_pick(kind, value, rng) for kind, value, plain in
            (("time_of_day", spec.time_of_day, "day"), ("weather", spec.weather, "clear")) if value != plain]


def _same_action(spec: ClipSpec, wanted: ActorSpec) -> bool:
    actor = spec.actors[0]
    return actor.action == wanted.action and actor.creature != wanted.creature


def _nearest_name(rgb: tuple[float, float, float]) -> str:
    seen = cielab(np.rint(np.array([rgb, *COLOURS.values()]) * 255).astype(np.uint8))
    return list(COLOURS)[int(np.linalg.norm(seen[1:] - seen[0], axis=1).argmin())]


def _pick(kind: str, value: str | None, rng: np.random.Generator | None) -> str:
    ways = WORDS.get(kind, {}).get(str(value)) or WORDS_2[kind][str(value)]
    return ways[0 if rng is None else int(rng.integers(len(ways)))]


def _one(phrase: str) -> str:
    return f"{article(phrase)} {phrase}"
