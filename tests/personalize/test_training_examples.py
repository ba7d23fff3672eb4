"""What is learned from: words that fit a story's sentences, and a loss that sees the character."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small import BrightnessDepth, make_settings

from storyanim.artifacts import Character, ClipMatch
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.personalize.examples import Example, ExampleMaker, contexts_of


def clip(caption: str) -> ClipMatch:
    return ClipMatch(clip_id="c@0-2", path="c.mp4", sha256="0" * 64, start_s=0, end_s=2, score=0, caption=caption, rank=1)


def test_contexts_are_what_is_said_after_the_noun() -> None:
    clips = [clip(text) for text in ("a red bear walking in the snow", "a bear walking in the snow", "the bear at the lake",
                                     "a fox in a meadow", "a bear", "")]
    assert contexts_of(clips, "bear") == ("walking in the snow", "at the lake")
    assert contexts_of(clips, "horse") == ()


@pytest.fixture
def who(tmp_path: Path) -> Character:
    """A bright figure on a ground that grows brighter, and so nearer, towards the lower edge."""
    rgb = np.repeat(np.linspace(0, 200, 96, dtype=np.uint8)[:, None, None], 96, axis=1).repeat(3, axis=2)
    rgb[20:70, 36:60] = 250
    Image.fromarray(rgb).save(tmp_path / "one.png")
    return Character(name="bo", token="<bo>", noun="bear", images=(tmp_path / "one.png",))


def examples(pipeline: StoryVideoPipeline, family: Path, who: Character, contexts: tuple[str, ...] = (), **wanted: float
             ) -> list[Example]:
    return list(ExampleMaker(pipeline, BrightnessDepth(), make_settings(family, **wanted)).of_character(who, contexts))


def test_half_of_the_captions_get_a_context(shared_pipeline: StoryVideoPipeline, family: Path, who: Character) -> None:
    contexts = ("walking in the snow", "at the lake")
    plain, told = (examples(shared_pipeline, family, who, some) for some in ((), contexts))
    for one, other in zip(plain, told, strict=True):
        assert other.captions[:len(one.captions)] == one.captions
        assert not any(caption.endswith(contexts) for caption in one.captions)
        more = other.captions[len(one.captions):]
        assert len(more) == len(one.captions)
        assert all(caption.endswith(contexts) and "<bo> bear " in caption for caption in more)
    assert {caption.endswith("lake") for one in told for caption in one.captions[6:]} == {True, False}


def test_the_ground_counts_as_little_as_is_wanted(shared_pipeline: StoryVideoPipeline, family: Path, who: Character) -> None:
    full, little = (examples(shared_pipeline, family, who, background_loss_weight=share)[0].weight for share in (1.0, 0.25))
    assert full.min() == full.max() == 1
    assert little.min() == pytest.approx(0.25)
    assert little.max() == pytest.approx(1)
