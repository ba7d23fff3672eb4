"""What every planner must do, run over all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fake_chat_server import FakeChatServer, strict

from storyanim.artifacts import CastMember, Story, Storyboard
from storyanim.config import PlanSettings
from storyanim.errors import StoryError
from storyanim.planning import PLANNERS, Vocabulary
from storyanim.planning.chat import ChatPlanner
from storyanim.planning.rules import RulePlanner
from storyanim.stages import Planner
from storybook.vocabulary import make_vocabulary

BEAR = CastMember(name="bear", noun="bear", token="<bear>")
STORY = Story(title="The bear", text=(
    "  A small brown bear lived in a green forest. It was a cold night.\n\n"
    "The bear ran into a wolf and chased it. “Come back!” he cried — but the wolf was gone…\n"
))


@pytest.fixture(params=["rules", "rules with a vocabulary", "openai", "openai with a vocabulary"])
def planner(request: pytest.FixtureRequest) -> Iterator[Planner]:
    vocabulary: Vocabulary | None = make_vocabulary() if "vocabulary" in request.param else None
    with FakeChatServer(strict) as server:
        settings = PlanSettings(base_url=server.base_url, model="m", shot_duration_s=3.0)
        yield PLANNERS[request.param.split()[0]](settings, vocabulary)


class TestEveryPlanner:
    def test_covers_the_story(self, planner: Planner) -> None:
        board = planner.plan(STORY, [])
        assert "".join(shot.text for shot in board.shots) == STORY.text

    def test_makes_a_storyboard_that_survives_the_disk(self, planner: Planner) -> None:
        board = planner.plan(STORY, [BEAR])
        assert Storyboard.from_yaml(board.to_yaml()) == board

    def test_numbers_and_times_the_shots(self, planner: Planner) -> None:
        board = planner.plan(STORY, [])
        assert len(board.shots) >= 3
        assert [shot.id for shot in board.shots] == [f"s{i:02d}" for i in range(1, len(board.shots) + 1)]
        assert {shot.duration_s for shot in board.shots} == {3.0}

    def test_writes_words_for_each_shot(self, planner: Planner) -> None:
        for shot in planner.plan(STORY, [BEAR]).shots:
            assert shot.query.strip()
            assert shot.prompt.strip()
            assert "<" not in shot.query

    def test_puts_the_pseudo_word_before_the_noun(self, planner: Planner) -> None:
        shots = planner.plan(STORY, [BEAR]).shots
        assert any(shot.characters == ("bear",) for shot in shots)
        for shot in shots:
            assert ("<bear> bear" in shot.prompt) == ("bear" in shot.characters)
            assert "brown <bear>" not in shot.prompt

    def test_is_deterministic(self, planner: Planner) -> None:
        assert planner.plan(STORY, [BEAR]) == planner.plan(STORY, [BEAR])

    def test_a_changed_sentence_leaves_the_other_seeds(self, planner: Planner) -> None:
        before = planner.plan(STORY, []).shots
        after = planner.plan(STORY.model_copy(update={"text": "Hello there, a bird sang. " + STORY.text.lstrip()}), []).shots
        assert {shot.seed for shot in before[1:]} <= {shot.seed for shot in after}
        assert len({shot.seed for shot in before}) == len(before)

    def test_refuses_a_character_that_is_never_named(self, planner: Planner) -> None:
        with pytest.raises(StoryError) as caught:
            planner.plan(STORY, [CastMember(name="owl", noun="owl", token="<owl>")])
        assert "'owl'" in caught.value.message
        assert "bear" in caught.value.hint

    @pytest.mark.parametrize("text", ["", "  \n", "… — !"])
    def test_refuses_a_story_without_words(self, planner: Planner, text: str) -> None:
        with pytest.raises(StoryError):
            planner.plan(Story(title="x", text=text), [])

    def test_fingerprint_is_stable_and_loads_nothing(self, planner: Planner) -> None:
        assert planner.fingerprint == planner.fingerprint != ""


@pytest.mark.parametrize("build", [RulePlanner, ChatPlanner])
def test_fingerprint_follows_settings_and_vocabulary(build: type[RulePlanner] | type[ChatPlanner]) -> None:
    settings = PlanSettings(style="ink")
    base = build(settings).fingerprint
    assert build(settings).fingerprint == base
    assert build(settings.model_copy(update={"style": "oil"})).fingerprint != base
    assert build(settings.model_copy(update={"shot_duration_s": 9.0})).fingerprint != base
    assert build(settings, make_vocabulary()).fingerprint != base


def test_fingerprint_of_chat_follows_model_server_and_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    base = ChatPlanner(PlanSettings()).fingerprint
    assert ChatPlanner(PlanSettings(model="other")).fingerprint != base
    assert ChatPlanner(PlanSettings(base_url="http://127.0.0.1:1/v1")).fingerprint != base
    assert ChatPlanner(PlanSettings(timeout_s=1, attempts=1)).fingerprint == base
    monkeypatch.setattr("storyanim.planning.prompts.read_prompt", lambda name: "other words")
    assert ChatPlanner(PlanSettings()).fingerprint != base
