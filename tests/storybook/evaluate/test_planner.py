"""The scorer of planners: what is right, what is wrong, and that nothing is won by saying much."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from storyanim.artifacts import Shot, Storyboard
from storybook.evaluate.metrics import wilson
from storybook.evaluate.planner import PlannerScores, ShotScore, score_story, share, summarize
from storybook.evaluate.planner_bundled import BundledScorer
from storybook.evaluate.planner_english import parse_query
from storybook.evaluate.planner_stories import LabelledStory
from storybook.vocabulary import make_vocabulary

WORDS = make_vocabulary()
LABELS = {"fox": {"who": ["fox"], "action": ["run"], "object": ["fence"], "place": ["forest"], "time": "night", "weather": "rain"},
          "mia": {"who": ["mia"], "action": ["jump"], "with": ["fox"], "place": ["beach"], "time": "", "weather": ""}}
STORY = LabelledStory.model_validate({
    "title": "t", "form": "f", "source": "own",
    "characters": {"fox": {"noun": "fox", "gender": "m"}, "mia": {"noun": "girl", "also": ["child"], "gender": "f", "names": ["Mia"]}},
    "pieces": [{"text": "At night the fox ran along a fence in the rainy forest. ", "label": LABELS["fox"]},
               {"text": "On the beach Mia jumped.", "label": LABELS["mia"]}],
})
RIGHT = ("a fox running in the forest", "A fox runs along a fence in the forest at night, in the rain")
RIGHT_MIA = ("a girl jumping on the beach", "Mia, a girl, jumps on the beach")


def board(*shots: tuple[str, str], texts: tuple[str, ...] = ()) -> Storyboard:
    """A storyboard of the story with these queries and prompts."""
    texts = texts or tuple(piece.text for piece in STORY.pieces)
    return Storyboard(title="t", style="good", shots=tuple(
        Shot(id=f"s{i:02d}", text=text, query=query, prompt=f"{prompt}, good")
        for i, (text, (query, prompt)) in enumerate(zip(texts, shots, strict=True), 1)))


def judge(query: str, prompt: str) -> ShotScore:
    """The verdict on the first shot."""
    return score_story(STORY, board((query, prompt), RIGHT_MIA), None)[1][0]


def judge_drawn(first: str, second: str = "") -> list[ShotScore]:
    """The verdicts on two shots of the bundled profile."""
    return score_story(STORY, board((first, first), (second or first, second or first)), WORDS)[1]


class TestFree:
    def test_what_is_right_has_no_fault(self) -> None:
        cuts, scores = score_story(STORY, board(RIGHT, RIGHT_MIA), None)
        assert [score.faults for score in scores] == [[], []]
        assert cuts.right == cuts.found == 1

    @pytest.mark.parametrize(("query", "prompt", "faults"), [
        ("a dog running in the forest", RIGHT[1], {"who", "query"}),
        ("a fox running in the forest", "A fox and a girl run in the forest at night, in the rain", {"who"}),
        ("a fox running in the forest", "It runs in the forest at night, in the rain", {"who", "wording"}),
        ("a fox sleeping in the forest", "A fox sleeps in the forest at night, in the rain", {"action"}),
        ("a fox sleeping in the forest", RIGHT[1], {"action"}),
        ("a fox running in the forest", "A fox runs at night, in the rain", {"place"}),
        ("a fox running in the forest", "A fox runs in the forest and in a kitchen at night, in the rain", {"place"}),
        ("a fox running in the forest", "A fox runs in the forest, in the rain", {"time"}),
        ("a fox running in the forest", "A fox runs in the forest at night, at dawn, in the rain", {"time"}),
        ("a fox running in the forest", "A fox runs in the forest at night", {"weather"}),
        ("a fox running in the forest", "A fox runs in the forest at night, in rain and fog", {"weather"}),
        ("a fox running along the fence in the forest", RIGHT[1], {"query"}),
        ("a fox running and jumping", RIGHT[1], {"query"}),
        ("a fox runninging", RIGHT[1], {"query", "action"}),
        ("running in the forest", RIGHT[1], {"query", "who"}),
        ("Mia running in the forest", RIGHT[1], {"query", "who"}),
        ("a fox running in the kitchen", RIGHT[1], {"query"}),
        ("a person running in the forest", RIGHT[1], {"query", "who"}),
        ("foxes running in the forest", RIGHT[1], {"query"}),
        ("a fox running in the forest", "1. He sees: A fox runs in the forest at night, in the rain", {"wording"}),
        ("a fox running in the forest", "A fox runs in the forest at night, in the rain" + " and runs" * 20, {"wording"}),
    ])
    def test_each_fault_is_found(self, query: str, prompt: str, faults: set[str]) -> None:
        assert set(judge(query, prompt).faults) == faults

    def test_verbs_that_look_the_same_are_right(self) -> None:
        assert not judge("a fox dashing through the forest", "A fox rushes through the forest at night in the rain").faults


def test_a_vague_query_is_poor_though_it_means_the_right_one() -> None:
    made = board(RIGHT, ("a person jumping on the beach", RIGHT_MIA[1]))
    assert score_story(STORY, made, None)[1][1].faults == ["query"]


class TestGroups:
    STORY = LabelledStory.model_validate({
        "title": "t", "form": "f", "source": "own",
        "characters": {"a": {"noun": "goat", "names": ["Bo"]}, "b": {"noun": "goat", "names": ["Rolf"]}},
        "pieces": [{"text": "Bo and Rolf ran.", "label": {"who": ["a", "b"], "action": ["run"], "place": [], "time": "", "weather": ""}}],
    })

    @pytest.mark.parametrize(("query", "prompt", "right"), [
        ("two goats running", "Two goats, Bo and Rolf, run", True),
        ("two goats running", "Two goats run", True),
        ("a goat and a goat running", "Bo and Rolf run", True),
        ("a goat running", "Bo and Rolf run", False),
        ("two goats running", "Two goats and a troll run", False),
        ("a goat, a man and a goat running", "Bo and Rolf run", False),
    ])
    def test_all_of_them_are_needed(self, query: str, prompt: str, right: bool) -> None:
        made = Storyboard(title="t", shots=(Shot(id="s01", text=self.STORY.text, query=query, prompt=prompt),))
        assert score_story(self.STORY, made, None)[1][0].fields["who"] is right


class TestBundled:
    def test_what_is_right_has_no_fault(self) -> None:
        scores = judge_drawn("an orange fox running in the forest at night in the rain", "an empty scene on the beach")
        assert scores[0].faults == []
        assert set(scores[1].faults) == {"who", "action"}                 # nobody plays the girl
        assert scores[1].empty

    @pytest.mark.parametrize(("prompt", "faults"), [
        ("a brown bear running in the forest at night in the rain", {"who"}),
        ("an orange fox and a brown bear running in the forest at night in the rain", {"who"}),
        ("an orange fox standing in the forest at night in the rain", {"action"}),
        ("an orange fox running in a meadow at night in the rain", {"place"}),
        ("an orange fox running in the forest in the rain", {"time"}),
        ("an orange fox running in the forest at dusk in the rain", {"time"}),
        ("an orange fox running in the forest at night", {"weather"}),
        ("an orange fox running in the forest at night while snow falls", {"weather"}),
    ])
    def test_each_fault_is_found(self, prompt: str, faults: set[str]) -> None:
        assert set(judge_drawn(prompt)[0].faults) == faults

    @pytest.mark.parametrize(("action", "prompt", "right"), [
        (["knit", "walk"], "a fox standing in the forest", None),          # the model lacks what is told first
        (["hop"], "a fox jumping in the forest", True),
        (["hop"], "a fox standing in the forest", False),
        (["hop", "sleep"], "a fox sleeping in the forest", True),
    ])
    def test_an_action_counts_where_the_model_has_it(self, action: list[str], prompt: str, right: bool | None) -> None:
        raw = STORY.model_dump(by_alias=True)
        raw["pieces"] = [{"text": "A fox was in the forest.", "label": {**LABELS["fox"], "action": action}}]
        story = LabelledStory.model_validate(raw)
        made = Storyboard(title="t", shots=(Shot(id="s01", text=story.text, query=prompt, prompt=prompt),))
        assert score_story(story, made, WORDS)[1][0].fields["action"] is right

    def test_standing_is_counted(self) -> None:
        assert judge_drawn("an orange fox standing in the forest at night in the rain")[0].standing


class TestRoles:
    """Who plays whom, as a storyboard's cast tells it."""

    STORY = LabelledStory.model_validate({
        "title": "t", "form": "f", "source": "own",
        "characters": {"tom": {"noun": "boy", "also": ["child"], "gender": "m", "names": ["Tom"]},
                       "cat": {"noun": "cat", "names": ["Miu"]},
                       "me": {"noun": "person", "narrator": True}},
        "pieces": [{"text": "Tom jumped.", "label": {"who": ["tom"], "action": ["jump"], "place": [], "time": "", "weather": ""}},
                   {"text": "Miu slept.", "label": {"who": ["cat"], "action": ["sleep"], "place": [], "time": "", "weather": ""}},
                   {"text": "I ran.", "label": {"who": ["me"], "action": ["run"], "place": [], "time": "", "weather": ""}}],
    })

    def judge(self, piece: int, prompt: str, *roles: tuple[str, str, str, str]) -> bool | None:
        """Whether the right one is shown; a role is (name, noun, pronouns, played_by)."""
        cast = [SimpleNamespace(name=n, noun=noun, pronouns=p, played_by=by) for n, noun, p, by in roles]
        scorer = BundledScorer(self.STORY, SimpleNamespace(cast=cast), WORDS)  # type: ignore[arg-type]
        shot = Shot(id="s01", text=self.STORY.pieces[piece].text, query=prompt, prompt=prompt)
        return scorer.judge(shot, self.STORY.pieces[piece])["who"]

    TOM = ("Tom", "person", "he", "brown bear")
    CAT = ("Miu", "cat", "it", "grey cat")
    ME = ("I", "person", "I", "white fox")

    def test_a_stand_in_is_right(self) -> None:
        assert self.judge(0, "a brown bear jumping in a meadow", self.TOM, self.CAT)
        assert self.judge(2, "a white fox running in a meadow", self.TOM, self.ME)

    def test_another_colour_or_kind_is_somebody_else(self) -> None:
        assert not self.judge(0, "a white bear jumping in a meadow", self.TOM, self.CAT)
        assert not self.judge(0, "a grey cat jumping in a meadow", self.TOM, self.CAT)
        assert not self.judge(2, "a brown bear running in a meadow", self.TOM, self.ME)

    def test_one_figure_for_two_parts_is_wrong(self) -> None:
        assert not self.judge(0, "a brown bear jumping in a meadow", self.TOM, ("I", "person", "I", "brown bear"))

    def test_whom_the_model_draws_is_not_played_by_another_kind(self) -> None:
        assert self.judge(1, "a grey cat sleeping in a meadow", self.CAT)
        assert not self.judge(1, "a blue penguin sleeping in a meadow", ("Miu", "cat", "it", "blue penguin"))

    def test_a_role_without_a_name_is_known_by_its_noun(self) -> None:
        assert self.judge(0, "a brown bear jumping in a meadow", ("boy", "boy", "he", "brown bear"))
        assert not self.judge(0, "a brown bear jumping in a meadow", ("girl", "girl", "she", "brown bear"))


class TestCuts:
    def test_a_cut_inside_and_a_missing_one(self) -> None:
        halves = (STORY.text[:20], STORY.text[20:])
        cuts, scores = score_story(STORY, board(RIGHT, RIGHT_MIA, texts=halves), None)
        assert (cuts.right, cuts.found) == (0, 0)
        assert not any(score.fields["boundaries"] for score in scores)

    def test_one_shot_of_two_pieces_is_badly_cut_and_shows_one(self) -> None:
        cuts, scores = score_story(STORY, board(RIGHT_MIA, texts=(STORY.text,)), None)
        assert scores[0].faults == ["boundaries"]
        assert len(cuts.made) == 0

    def test_blanks_fall_to_either_side(self) -> None:
        first = STORY.pieces[0].text.rstrip()
        cuts, _ = score_story(STORY, board(RIGHT, RIGHT_MIA, texts=(first, STORY.text[len(first):])), None)
        assert cuts.right == 1

    def test_what_may_be_joined_or_split(self) -> None:
        raw = STORY.model_dump(by_alias=True)
        raw["pieces"][0]["label"]["may_join_next"] = True
        raw["pieces"][0]["text"] = ["At night the fox ran ", "along a fence in the rainy forest. "]
        story = LabelledStory.model_validate(raw)
        whole = Storyboard(title="t", shots=(Shot(id="s01", text=story.text, query=RIGHT[0], prompt=RIGHT[1]),))
        cuts, scores = score_story(story, whole, None)
        assert scores[0].fields["boundaries"]
        assert not cuts.needed
        texts = (*story.pieces[0].parts, story.pieces[1].text)
        cuts, scores = score_story(story, board(RIGHT, RIGHT, RIGHT_MIA, texts=texts), None)
        assert cuts.right == 2
        assert all(score.fields["boundaries"] for score in scores)

    def test_a_lost_letter_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="not its text"):
            score_story(STORY, board(RIGHT, RIGHT_MIA, texts=("At night", "Mia jumped.")), None)


def test_a_query_is_cut_into_phrases() -> None:
    query = parse_query("two small boys quickly picking up a cup of tea and the bread in the old kitchen")
    assert query.subject == ("two", "small", "boys", "quickly")
    assert query.verbs == ("picking",)
    assert query.groups == (("cup", "tea", "bread"), ("old", "kitchen"))


@pytest.mark.parametrize(("query", "verbs"), [
    ("two fishing boats rocking in the harbour", ("rocking",)),
    ("a boy taking a crumpled drawing", ("taking",)),
    ("an elephant opening the gate", ("opening",)),
    ("a sleeping dog", ("sleeping",)),
    ("a king eating pudding", ("eating",)),
])
def test_participles_of_a_query(query: str, verbs: tuple[str, ...]) -> None:
    assert parse_query(query).verbs == verbs


def test_intervals_and_summary() -> None:
    low, high = wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert wilson(0, 0) == (0.0, 1.0)
    assert share([True, None, False])["count"] == 2
    cuts, shots = score_story(STORY, board(RIGHT, RIGHT), None)
    result = summarize(PlannerScores(shots, [cuts], num_pieces=2, num_stories=1))
    assert result["faultless_shots"]["right"] == 1
    assert result["fields"]["who"]["right"] == 1
    assert result["cuts"]["f1"] == 1.0
