"""Sentences of stories against captions of another wording, over tiny videos that look almost alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from coloured import ColourEncoder, save_video
from near_reader import NearReader

from storyanim.artifacts import FootageQuery, Shot, Story
from storyanim.config import PlanSettings
from storyanim.planning.forms.manuscript import told
from storyanim.planning.rules import RulePlanner
from storyanim.planning.vocabulary import Vocabulary
from storyanim.retrieve import build
from storyanim.retrieve.build import build_index
from storyanim.retrieve.choose import NOTHING_FITS, choose
from storyanim.retrieve.index import VideoIndex
from storyanim.run.footage import footage_query
from storybook.vocabulary import make_vocabulary

CAPTIONS = {
    "lighthouse": "A tall lighthouse stands on a rocky shore while waves break below",
    "ferry": "A white ferry leaves the harbour and two seagulls fly behind it",
    "baker": "An old baker takes fresh bread out of the oven",
    "children": "Three children build a snowman in a garden",
    "horse": "A brown horse runs across a green field at sunrise",
    "swimmer": "A girl swims in a mountain lake",
    "train": "A red train crosses a stone bridge in the hills",
    "cook": "A woman cuts carrots on a wooden board in a kitchen",
    "violin": "A man with a beard plays the violin on a street",
    "rain": "Rain falls on the windows of a parked car at night",
    "candle": "Somebody lights a candle in a dark room",
    "market": "People buy apples and flowers at a market in a small town",
    "kite": "A boy with a kite runs along a windy hill",
    "nurse": "A nurse in a hospital bandages an arm",
    "goats": "Goats eat leaves from a thorn tree",
    "skater": "A young woman skates on a frozen canal",
    "blacksmith": "A blacksmith hammers glowing iron",
    "letter": "An old man reads a letter at a desk",
    "tent": "Two hikers put up a tent beside a waterfall",
}
# other words, past tenses, irregular forms, fillers
STORY = {
    "The waves broke under the lighthouse.": "lighthouse",
    "Slowly the ferry left, and seagulls flew after it.": "ferry",
    "The baker took a loaf of bread from his oven.": "baker",
    "All morning the child built a snowman.": "children",
    "Over the fields ran the horse.": "horse",
    "She swam far out into the lake.": "swimmer",
    "Then the train went over the bridge.": "train",
    "In her kitchen the woman was cutting carrots.": "cook",
    "A bearded man played his violin for nobody.": "violin",
    "It rained on the car all through the night.": "rain",
    "He lit one candle, for the room was dark.": "candle",
    "In town they bought some apples.": "market",
    "His kite pulled him up the hill.": "kite",
    "At the hospital a nurse bandaged her arm.": "nurse",
    "The goats had eaten all the leaves.": "goats",
    "She skated home over the canal.": "skater",
    "The blacksmith struck the iron until it glowed.": "blacksmith",
    "Grandfather read the letter twice.": "letter",
    "Behind the waterfall they pitched their tent.": "tent",
}


class Alike(ColourEncoder):
    """All texts and clips look alike to it."""

    def encode_texts(self, texts):
        return self._unit(0 * super().encode_texts(texts) + 1)


@pytest.fixture(scope="module")
def make_index(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def make(captions: dict[str, str], seconds: dict[str, float] | None = None) -> Path:
        folder = tmp_path_factory.mktemp("told")
        for number, name in enumerate(captions):     # of other bytes each: copies are left out
            save_video(folder / "v" / f"{name}.mp4", "red", seconds=(seconds or {}).get(name, 2.0), side_px=8 + number)
        (folder / "v" / "captions.tsv").write_text("".join(f"{name}\t{text}\n" for name, text in captions.items()))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(build, "WindowReader", NearReader)
            build_index([folder / "v"], folder / "index", ColourEncoder())
        return folder / "index"

    return make


@pytest.fixture(scope="module")
def folder(make_index: Callable[..., Path]) -> Path:
    return make_index(CAPTIONS)


def first(index: VideoIndex, query: str | FootageQuery) -> str:
    return Path(index.search(query, Alike(), 1)[0].path).stem


@pytest.mark.parametrize("sentence", STORY)
def test_a_sentence_finds_what_it_tells(folder: Path, sentence: str) -> None:
    assert first(VideoIndex(folder, caption_weight=30), sentence) == STORY[sentence]


@pytest.mark.parametrize("sentence", STORY)
def test_a_plan_that_is_mistaken_does_not_hide_it(folder: Path, sentence: str) -> None:
    """As of a model that draws few things: somebody else, elsewhere, who does nothing."""
    shot = Shot(id="s01", text=sentence, query="a dog standing in a garden", prompt="")
    asked = footage_query(shot, shot.text)
    assert first(VideoIndex(folder, caption_weight=30), asked) == STORY[sentence]


@pytest.mark.parametrize("vocabulary", [make_vocabulary(), None], ids=["storybook", "any words"])
def test_a_planned_story_finds_its_footage(folder: Path, vocabulary: Vocabulary | None) -> None:
    """As a run asks: shot by shot, the planner's query with the shot's words; 18 of 19 at least."""
    index = VideoIndex(folder, caption_weight=30)
    found = []
    for sentence, name in STORY.items():
        shots = RulePlanner(PlanSettings(), vocabulary).plan(Story(title="t", text=sentence), ()).shots
        found.append(first(index, footage_query(shots[0], shots[0].text)) == name)
    assert (len(found), sum(found) >= 18) == (19, True)


def test_a_plan_helps_where_the_story_says_little(folder: Path) -> None:
    shot = Shot(id="s01", text="So they did.", query="three children building a snowman", prompt="")
    index = VideoIndex(folder, caption_weight=30)
    assert first(index, footage_query(shot, shot.text)) == "children"


def test_the_query_as_an_encoder_reads_it() -> None:
    shot = Shot(id="s01", text="EXT. LAKE - DAY\nShe  swam.\n", query="a girl swimming", prompt="")
    assert str(footage_query(shot, told([shot.text])[0])) == "a girl swimming She swam."
    assert footage_query(shot, "\n") == "a girl swimming"


class TestWordsCountOnce:
    def test_a_word_that_comes_back_in_the_query(self, make_index: Callable[..., Path]) -> None:
        index = VideoIndex(make_index({"bear": "a bear walks and walks, walking", "moon": "a spaceman on the moon",
                                       "town": "a street in a town", "sea": "waves on a shore"}), caption_weight=30)
        assert first(index, "walking, walk: the spaceman walked and walks on the moon") == "moon"

    def test_over_videos_not_windows(self, make_index: Callable[..., Path]) -> None:
        """A word of a long video is as rare as one of a short video."""
        index = VideoIndex(make_index({"long": "a spaceman walks on the moon", "short": "a street at night",
                                       "other": "a red car", "more": "a cat sleeps"}, {"long": 40.0}), caption_weight=30)
        assert index.info.num_clips > 20
        assert first(index, "a spaceman walks on the moon at night") == "long"
        assert index.search("the moon at night", Alike(), 1)[0].words == pytest.approx(0.5)

    def test_an_older_index_without_the_table_of_videos(self, make_index: Callable[..., Path]) -> None:
        """Its captions' rows are windows."""
        import hashlib
        import json
        import sqlite3

        folder = make_index({"long": "a spaceman walks on the moon", "short": "a street at night", "sea": "waves"},
                            {"long": 20.0})
        new = VideoIndex(folder, caption_weight=30)
        found = new.search("the moon at night", Alike(), 8)
        with sqlite3.connect(folder / "clips.sqlite") as database:
            database.execute("DROP TABLE videos")
            database.execute("INSERT INTO captions (captions) VALUES ('delete-all')")
            database.execute("INSERT INTO captions (rowid, caption) SELECT id, caption FROM clips")
        database.close()
        info = json.loads((folder / "index.json").read_text())
        info["files"]["clips.sqlite"] = hashlib.sha256((folder / "clips.sqlite").read_bytes()).hexdigest()
        (folder / "index.json").write_text(json.dumps(info))
        old = VideoIndex(folder, caption_weight=30)
        assert old.search("the moon at night", Alike(), 8) == found
        assert old.explain("the moon at night", found) == new.explain("the moon at night", found)


class TestGrouping:
    @pytest.fixture(scope="class")
    def long(self, make_index: Callable[..., Path]) -> VideoIndex:
        return VideoIndex(make_index({"long": "a boat on a lake", "short": "a boat", "none": "a cat"}, {"long": 80.0}),
                          caption_weight=30)

    def test_a_video_is_one_candidate_before_all_others(self, long: VideoIndex) -> None:
        found = long.search("a boat on the lake", Alike(), 6)
        first = [match for match in found[:4] if Path(match.path).stem == "long"]
        assert Path(found[0].path).stem == "long"
        assert "short" in [Path(match.path).stem for match in found[:4]]
        assert all(abs(one.start_s - other.start_s) >= 30 for one in first for other in first if one != other)
        assert [match.rank for match in found] == [1, 2, 3, 4, 5, 6]

    def test_a_filter_chooses_among_the_windows(self, long: VideoIndex) -> None:
        only = VideoIndex(long.folder, caption_weight=30, filters=["duration>=1.9"])
        assert first(only, "a boat on the lake") == "long"

    def test_the_next_shot_stays_in_the_video(self, long: VideoIndex) -> None:
        """Rather than with footage that fits less than half as well."""
        before = choose("the lake", long, Alike(), 3).match
        assert before is not None
        after = choose("the lake again", long, Alike(), 3, previous=[before.clip_id])
        assert after.match is not None
        assert Path(after.match.path).stem == "long"
        assert after.match.clip_id != before.clip_id
        banned = [match.clip_id for match in long.windows_near(before.clip_id, "lake", Alike())]
        again = choose("the lake", long, Alike(), 3, previous=[before.clip_id], banned=banned)
        assert again.match is not None
        assert again.match.clip_id not in banned
        assert long.windows_near("gone@0-2", "lake", Alike()) == []


class TestLeastScore:
    def test_neither_picture_nor_caption_fits(self, folder: Path) -> None:
        strict = VideoIndex(folder, caption_weight=30, min_score=0.99)
        found = choose("a dragon slept on a heap of gold", strict, Alike(), 3)
        assert (found.chosen, found.match, found.why, len(found.matches)) == (None, None, NOTHING_FITS, 3)
        assert not any(match.fits for match in found.matches)
        assert "does not fit" in strict.explain("a dragon", found.matches)[0]
        lax = VideoIndex(folder, caption_weight=30, min_score=0.3)
        assert choose("a dragon slept on a heap of gold", lax, Alike(), 3).chosen == 0
        assert VideoIndex(folder).search("a dragon", Alike(), 1)[0].fits
        assert len({VideoIndex(folder, min_score=least).fingerprint for least in (None, 0.3, 0.99)}) == 3

    @pytest.mark.parametrize("sentence", STORY)
    def test_a_caption_that_fits_needs_no_picture(self, folder: Path, sentence: str) -> None:
        strict = VideoIndex(folder, caption_weight=30, min_score=0.99)
        match = choose(sentence, strict, Alike(), 3).match
        assert match is not None
        assert Path(match.path).stem == STORY[sentence]

    def test_a_pinned_clip_needs_none_of_both(self, folder: Path) -> None:
        strict = VideoIndex(folder, caption_weight=30, min_score=0.99)
        clip = strict.search("bread", Alike(), 1)[0].clip_id
        found = choose("a dragon", strict, Alike(), 3, pinned=clip)
        assert found.match is not None
        assert found.match.clip_id == clip
