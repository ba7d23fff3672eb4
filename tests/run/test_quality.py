"""What the quality report of a character measures, on pictures whose places and figures are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from coloured import COLOURS, ColourEncoder

from storyanim.film.character_report import (
    CharacterReport,
    Drawings,
    DrawnPrompt,
    SceneCheck,
    render_character,
)
from storyanim.personalize.views import ENLARGED, PLAIN, SHRUNK
from storyanim.run.quality import MIN_DISTANCE_RATIO, PROMPTS, check_scenes, mean_distance, on_grey

PLACES = ["a red place", "a green place", "a blue place"]
FIGURE = np.zeros((16, 16), np.float32)
FIGURE[4:12, 4:12] = 1
NOWHERE = np.ones((16, 16), np.float32)              # what `foreground` gives when it sees no figure


def drawn(places: Sequence[str], figure: Sequence[int] = (250, 250, 250)) -> list[np.ndarray]:
    """A square figure on the colour of each place."""
    pictures = []
    for place in places:
        rgb = np.empty((16, 16, 3), np.uint8)
        rgb[:] = COLOURS[place]
        rgb[4:12, 4:12] = figure
        pictures.append(rgb)
    return pictures


def test_a_figure_alone_has_no_scene() -> None:
    red, green = (on_grey(drawn([place], (10, 20, 30))[0], FIGURE) for place in ("red", "green"))
    assert np.array_equal(red, green)
    assert {tuple(pixel) for pixel in red.reshape(-1, 3).tolist()} == {(10, 20, 30), (128, 128, 128)}


class TestScenes:
    def test_scenes_that_change_as_before_are_one(self) -> None:
        all_three = drawn(["red", "green", "blue"])
        found = check_scenes(ColourEncoder(), PLACES, all_three, all_three, FIGURE)
        assert found.ratio == pytest.approx(1)
        assert (found.read_before, found.read_after, found.figure_hidden) == (3, 3, True)

    def test_a_token_that_overfits_to_its_scene_is_below_the_threshold(self) -> None:
        found = check_scenes(ColourEncoder(), PLACES, drawn(["red", "green", "blue"]), drawn(["green"] * 3), FIGURE)
        assert found.ratio == pytest.approx(0, abs=1e-5)
        assert found.ratio < MIN_DISTANCE_RATIO == found.least
        assert found.read_after == 1
        assert found.overfits
        right = found.model_copy(update={"ratio": 0.9, "read_after": 2})
        assert [right.overfits, right.model_copy(update={"read_after": 1}).overfits] == [False, True]

    def test_what_the_figure_looks_like_does_not_count(self) -> None:
        """With the noun alone each drawing may have another creature; with the token all have the same one."""
        same = drawn(["red", "green", "blue"])
        others = [drawn([place], colour)[0] for place, colour in
                  zip(["red", "green", "blue"], [(0, 0, 255), (255, 0, 0), (0, 255, 0)], strict=True)]
        hidden = check_scenes(ColourEncoder(), PLACES, others, same, FIGURE)
        assert hidden.ratio == pytest.approx(1, abs=1e-3)
        assert not check_scenes(ColourEncoder(), PLACES, others, same, NOWHERE).figure_hidden

    def test_spread_is_the_mean_distance_of_pairs(self) -> None:
        assert mean_distance(np.eye(3, dtype=np.float32)) == 1
        assert mean_distance(np.array([[1, 0], [1, 0], [0, 1]], np.float32)) == pytest.approx(2 / 3)


def test_prompts_are_worded_as_no_caption_that_is_learned_from() -> None:
    captions = {caption for kind in (PLAIN, SHRUNK, ENLARGED) for caption in kind.captions}
    assert not captions & set(PROMPTS)
    # Contexts come behind "a <x> bear " and say first what it does; these name the place first, or the figure last.
    assert not any(prompt.startswith("{} ") and " is " not in prompt for prompt in PROMPTS)


def test_the_page_escapes_words_and_names_nothing_else() -> None:
    scenes = SceneCheck(prompts=("<b>", "y"), figure_hidden=True, spread_before=0.2, spread_after=0.05, ratio=0.25, least=0.5,
                        read_before=2, read_after=1)
    prompt = DrawnPrompt(prompt="<script>x</script>", likeness_before=0.1, likeness_after=0.2, agreement_before=0.3,
                         agreement_after=0.4)
    report = CharacterReport(
        name="<i>", token="<i>", noun="bear", profile="p", pictures=1, method="m", steps=10, chosen_step=5, likeness_before=0.1,
        likeness_after=0.2, likeness_of_pictures=0.9, agreement_before=0.3, agreement_after=0.4, prompts=(prompt,),
        scenes=scenes, loss_curve=((5, 0.5), (10, 0.5)), held_out_curve=((0, 0.5),), warnings=("mind <this>",),
    )
    rgb = np.zeros((8, 8, 3), np.uint8)
    page = render_character(report, Drawings([rgb], [rgb], [rgb], [rgb, rgb], [rgb, rgb]))
    assert "<script>x" not in page
    assert "mind &lt;this&gt;" in page
    assert "<i>" not in page
    assert "0.25" in page
    assert page.count("<img src=\"data:image/webp") == page.count("<img") == 7
    assert "later the error" in page
    assert CharacterReport.model_validate_json(report.model_dump_json()) == report
