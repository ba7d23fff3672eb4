"""What ships fits together: what the rule planner makes of a sentence by the bundled vocabulary is found in the bundled index,
drawn by the bundled weights and read by the bundled judge."""

from __future__ import annotations

import pytest

from storyanim.artifacts import Story, Storyboard
from storyanim.config import load_settings
from storyanim.run.components import Components, build_components
from storybook.evaluate.judge import Judge
from storybook.evaluate.labels import words_of

# The judge is sure of these: the logit of what was asked for leads that of any other word by 7 and more, with bfloat16 and
# float32, so that no processor's rounding changes what is read.
TEXT = "A red fox is dancing on the beach. A white rabbit is jumping in the meadow. An orange cat is waving in the mountains."
ASKED = [("fox", "red", "beach"), ("rabbit", "white", "meadow"), ("cat", "orange", "mountains")]


@pytest.fixture(scope="module")
def bundled() -> Components:
    return build_components(load_settings(quality="draft"), None)


@pytest.fixture(scope="module")
def board(bundled: Components) -> Storyboard:
    return bundled.planner.plan(Story(title="T", text=TEXT), [])


def test_shots_show_what_their_sentences_say(bundled: Components, board: Storyboard) -> None:
    clips = [bundled.generator.draw(shot, None, ()) for shot in board.shots]
    seen = [words_of(labels) for labels in Judge().read(clips).labels]
    assert [(words["creature"], words["colour"], words["scene"]) for words in seen] == ASKED


def test_footage_is_of_the_creature_that_the_query_names(bundled: Components, board: Storyboard) -> None:
    captions = [bundled.index.search(shot.query, bundled.encoder, 1)[0].caption for shot in board.shots]
    assert [creature in caption.split() for caption, (creature, _, _) in zip(captions, ASKED, strict=True)] == [True] * 3
