"""The characters that are learned to be measured, and what is asked of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from storybook.evaluate.cast import FIRST_NUMBER, PROMPTS_KEPT, make_leads, make_shades
from storybook.evaluate.trials import call
from storybook.world import COLOURS, HELD_OUT
from storybook.world.photos import EXAMPLES

LEADS = make_leads(6)


def test_are_six_creatures_that_no_training_showed() -> None:
    who = [(lead.actor.creature, lead.actor.colour, lead.actor.accessory) for lead in LEADS]
    assert len({creature for creature, _, _ in who}) == 6
    assert set(who) <= HELD_OUT
    assert all(accessory for _, _, accessory in who)
    examples = {(one["creature"], one["colour"], one["accessory"]) for one in EXAMPLES.values()}
    assert not set(who) & examples
    assert make_leads(2) == LEADS[:2]


def test_a_prompt_says_nothing_of_looks() -> None:
    for lead in LEADS:
        trials = lead.trials(20)
        assert len(trials) == 20
        for trial in trials:
            words = set(trial.prompt.replace(",", "").split())
            assert lead.actor.creature in words
            assert not words & {*COLOURS, "scarf", "hat", "patch", "stripes"}
            actor = trial.spec.actors[0]
            assert (actor.creature, actor.colour, actor.accessory) == (
                lead.actor.creature, lead.actor.colour, lead.actor.accessory)
            assert not (actor.accessory == "belly patch" and actor.action in {"sleeping", "swimming"})
        assert len({trial.prompt for trial in trials}) >= 15


def test_shots_name_the_character_and_differ_by_seed() -> None:
    lead = LEADS[1]
    trial = lead.trials(1)[0]
    one, other = (lead.shot(trial, "<kim>", seed) for seed in (0, 1))
    assert one.prompt == other.prompt == trial.prompt.replace("a cat", "a <kim> cat")
    assert one.seed != other.seed
    numbers = [trial.number for lead in LEADS for trial in lead.trials(20)]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) == FIRST_NUMBER


def test_shades_have_no_name_and_words_take_the_nearest() -> None:
    shades = make_shades(4)
    assert [(lead.actor.colour, lead.actor.accessory) for lead in shades] == [(None, None)] * 4
    assert len({lead.actor.creature for lead in shades}) == 4
    numbers = {trial.number for lead in (*LEADS, *shades) for trial in lead.trials(5)}
    assert len(numbers) == 5 * (len(LEADS) + len(shades))
    trial = shades[0].trials(1)[0]
    assert "<kim>" in shades[0].shot(trial, "<kim>", 0).prompt
    olive = replace(shades[0].actor, rgb=(0.52, 0.58, 0.27), creature="dog")
    rose = replace(olive, rgb=(0.95, 0.6, 0.75))
    assert (call(olive), call(rose)) == ("a green dog", "a pink dog")


def test_too_many_prompts() -> None:
    with pytest.raises(ValueError, match="100 prompts"):
        LEADS[0].trials(PROMPTS_KEPT + 1)


def test_pictures_show_it(tmp_path: Path) -> None:
    lead = next(lead for lead in LEADS if lead.actor.colour == "yellow")
    who = lead.take_pictures(tmp_path / "pictures")
    assert (who.name, who.noun, len(who.images)) == (lead.name, lead.actor.creature, 5)
    middles = [np.asarray(Image.open(path))[150:250, 150:250].reshape(-1, 3) for path in who.images]
    yellow = [np.mean((rgb[:, 0] > 150) & (rgb[:, 1] > 120) & (rgb[:, 2] < 120)) for rgb in middles]
    assert min(yellow) > 0.15
