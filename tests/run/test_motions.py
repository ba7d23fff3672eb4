"""From words to clips to learn a motion from, and motions in the way of a film."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coloured import ColourEncoder, save_video
from fakes import Diary, FakeDepth, Studio, fake_components, fake_settings

from storyanim.artifacts import ClipMatch, DepthTrack, Frames, Motion, Shot, ShotEvent
from storyanim.config import Settings
from storyanim.engine.motion_file import save_motion
from storyanim.errors import MotionError
from storyanim.personalize.motion_clips import MotionClip
from storyanim.planning import load_vocabulary
from storyanim.retrieve.build import build_index
from storyanim.retrieve.index import VideoIndex
from storyanim.run import motions as motions_file
from storyanim.run.components import Components, load_motions
from storyanim.run.guides import guide_motion
from storyanim.run.motions import find_motion_clips, learn_from_clips
from storyanim.run.shots import motions_of
from storyanim.stages import no_progress

TRACK = DepthTrack(np.full((4, 64, 64), 0.25, np.float32), 8.0)
SINGING = Motion("sings", {}, TRACK, "fake base")


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index in which six captions say "bowing", three "waving", one of them of a still video."""
    folder = tmp_path_factory.mktemp("motions")
    rows = ["file\tcaption"]
    for number in range(9):
        name = f"{number}.mp4"
        save_video(folder / name, ("red", "green", "blue")[number % 3], still=number == 0,
                   seconds=2.0 + number / 8)             # equal videos would be one
        rows.append(f"{name}\ta person {'bowing' if number < 6 else 'waving'} deeply")
    (folder / "captions.tsv").write_text("\n".join(rows) + "\n")
    build_index([folder], folder / "index", ColourEncoder())
    return folder / "index"


def components(footage: Path, **motion: Any) -> Components:
    settings = fake_settings()
    wanted = settings.motion.model_copy(update={"check_quality": False} | motion)
    settings = settings.model_copy(update={
        "motion": wanted, "retrieve": settings.retrieve.model_copy(update={"min_motion": 0.004, "caption_weight": 1.0})})
    return replace(fake_components(Diary(), VideoIndex(footage), settings), encoder=ColourEncoder())


def find(footage: Path, name: str, **motion: Any) -> list[MotionClip]:
    return list(find_motion_clips(name, components(footage, **motion), footage, no_progress).kept)


class TestFinding:
    def test_only_clips_whose_captions_say_it(self, footage: Path) -> None:
        found = find(footage, "bowing")
        assert len(found) == 6
        assert {clip.caption for clip in found} == {"a person bowing deeply"}

    def test_other_forms_of_the_verb_find_it(self, footage: Path) -> None:
        assert len(find(footage, "bow")) == 6

    def test_unknown_words(self, footage: Path) -> None:
        with pytest.raises(MotionError, match=r"no caption of the index .* says juggling"):
            find(footage, "juggling")

    def test_too_few(self, footage: Path) -> None:
        with pytest.raises(MotionError, match=r"only 3 clips .* say waving") as caught:
            find(footage, "waving")
        assert caught.value.exit_code == 4

    def test_filters_of_the_settings(self, footage: Path) -> None:
        with pytest.raises(Exception, match=r"no clip of the index .* passes duration>=100"):
            find(footage, "bowing", filters=("duration>=100",))

    def test_a_cap(self, footage: Path) -> None:
        assert len(find(footage, "bowing", max_clips=3)) == 3

    def test_the_best_comes_first(self, footage: Path) -> None:
        scores = [clip.score for clip in find(footage, "bowing")]
        assert scores[0] == max(scores)


class TestSelecting:
    """With the filters on; figures are read by a depth that is told what to see."""

    @pytest.fixture(autouse=True)
    def _scored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(motions_file, "score_clips", lambda query, clips, encoder: list(clips))

    def clips(self, scores: list[float], flaws: list[str] | None = None) -> list[MotionClip]:
        found = []
        for number, score in enumerate(scores):
            match = ClipMatch(clip_id=f"c{number}", path="", sha256="", start_s=0, end_s=2, score=0, rank=number + 1)
            frames = Frames(np.zeros((4, 8, 8, 3), np.uint8), 8.0)
            found.append(MotionClip(match, frames, TRACK, "", 1.0, score, (flaws or [""] * len(scores))[number]))
        return found

    def select(self, footage: Path, clips: list[MotionClip], **motion: Any) -> tuple[list[str], list[str]]:
        made = motions_file._select("bowing", clips, components(footage, check_quality=True, **motion))
        return [clip.match.clip_id for clip in made.kept], [clip.flaw for clip in made.left_out]

    def test_a_threshold(self, footage: Path) -> None:
        kept, left_out = self.select(footage, self.clips([0.1, 0.9, 0.8, 0.7, 0.6, 0.5]), min_score=0.5)
        assert kept == ["c1", "c2", "c3", "c4", "c5"]
        assert left_out == ["scores below 0.500"]

    def test_a_floor_of_four(self, footage: Path) -> None:
        assert self.select(footage, self.clips([0.1, 0.9, 0.2, 0.3, 0.4]), min_score=0.95)[0] == ["c1", "c4", "c3", "c2"]

    def test_a_cap_of_twenty(self, footage: Path) -> None:
        assert len(self.select(footage, self.clips([0.5] * 30))[0]) == 20

    def test_outliers_are_left_out_without_a_threshold(self, footage: Path) -> None:
        assert self.select(footage, self.clips([0.5] * 9 + [0.1]))[0] == [f"c{k}" for k in range(9)]

    def test_flawed_clips_are_left_out_with_their_reasons(self, footage: Path) -> None:
        clips = self.clips([0.5] * 6, ["cut or black", "", "", "", "", "shows no one figure"])
        assert self.select(footage, clips) == (["c1", "c2", "c3", "c4"], ["cut or black", "shows no one figure"])

    def test_too_few_sound_ones(self, footage: Path) -> None:
        with pytest.raises(MotionError, match=r"3 clips of bowing can be learned from, 4 are needed .*hardly moves"):
            self.select(footage, self.clips([0.5] * 5, ["hardly moves"] * 2 + [""] * 3))


def test_equal_clips_are_learned_once(footage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[str] = []

    class Learner:
        def __init__(self, settings: Settings, load: Any) -> None: ...

        def key(self, name: str, clips: Any) -> str:
            return f"{name}-{len(clips)}"

        def learn(self, name: str, clips: Any, watch: Any = None, *, checkpoint: Path | None = None) -> Motion:
            learned.append(name)
            assert checkpoint is not None
            assert checkpoint.parent.is_dir()
            return Motion(name, {}, TRACK, "fake base")

    monkeypatch.setattr(motions_file, "MotionLearner", Learner)
    made = components(footage)
    clips = find(footage, "bowing")
    for some in (clips, clips, clips[:4]):
        learn_from_clips("bowing", some, made, no_progress)
    assert len(learned) == 2


class TestInAFilm:
    def test_shots_that_name_it_are_drawn_with_it_under_its_depth(self, studio: Studio) -> None:
        studio.make()
        studio.diary.read()
        studio.use(motions=(SINGING,))
        named = {"s02": {"prompt": "A green frog sings."}}
        made = studio.make(**named)
        assert studio.diary.read() == ["draw s02 sings"]
        assert made.shots[1].depth is not None
        assert np.array_equal(made.shots[1].depth.value.inverse_depth, TRACK.inverse_depth)
        assert [shot.id for shot in (step.shot for step in made.shots)] == ["s01", "s02", "s03"]

    def test_another_motion_draws_its_shots_again(self, studio: Studio) -> None:
        studio.use(motions=(SINGING,))
        named = {"s02": {"prompt": "A green frog sings."}}
        studio.make(**named)
        studio.diary.read()
        studio.make(**named)
        assert studio.diary.read() == []
        brighter = DepthTrack(TRACK.inverse_depth * 2, 8.0)
        studio.use(motions=(replace(SINGING, depth=brighter),))
        studio.make(**named)
        assert studio.diary.read() == ["draw s02 sings"]

    def test_who_names_none_keeps_the_key(self, studio: Studio) -> None:
        studio.make()
        log = (studio.folder / "log.jsonl").read_text()
        studio.use(motions=(SINGING,))
        studio.make()
        assert (studio.folder / "log.jsonl").read_text() == log

    def test_events_are_guided_in_their_time(self) -> None:
        events = (ShotEvent(prompt="a frog jumps", end=0.5), ShotEvent(prompt="a frog sings", start=0.5))
        shot = Shot(id="s01", text="", query="", prompt="a frog", events=events)
        other = DepthTrack(np.full((8, 32, 32), 0.75, np.float32), 8.0)
        track = guide_motion(shot, other, [SINGING], 8).inverse_depth
        assert track.shape == (8, 32, 32)
        assert track[:4].min() == track[:4].max() == pytest.approx(0.75)
        assert track[4:].min() == track[4:].max() == pytest.approx(0.25)

    def test_named_by_any_prompt_of_the_shot(self) -> None:
        shot = Shot(id="s01", text="", query="", prompt="a frog", events=(ShotEvent(prompt="a frog sings"),))
        assert motions_of(shot, [SINGING]) == [SINGING]
        assert motions_of(shot.model_copy(update={"events": ()}), [SINGING]) == []


class TestSettings:
    def given(self, tmp_path: Path, *motions: Motion) -> Settings:
        files = []
        for number, motion in enumerate(motions):
            save_motion(tmp_path / f"{number}.safetensors", motion)
            files.append(str(tmp_path / f"{number}.safetensors"))
        settings = fake_settings()
        return settings.model_copy(update={"motion": settings.motion.model_copy(update={"files": tuple(files)})})

    def test_the_planner_knows_the_words(self, tmp_path: Path) -> None:
        from storyanim.artifacts import Story
        from storyanim.planning import build_planner

        settings = self.given(tmp_path, Motion("bowing", {}, TRACK, "x"))
        story = Story(title="t", text="The fox bowed in the forest.")
        with_it, without = (build_planner(each, load_vocabulary(each)).plan(story, []).shots[0]
                            for each in (settings, fake_settings()))
        assert "bowing" in with_it.prompt
        assert "bowing" in with_it.query
        assert "bowing" not in without.prompt

    def test_a_word_that_was_only_near_is_the_motions_now(self) -> None:
        vocabulary = load_vocabulary(fake_settings())
        assert vocabulary is not None
        entry = next(entry for entry in vocabulary.kinds["action"].values() if entry.near)
        from storyanim.planning.inflection import action_name

        name = action_name(entry.near[0])
        found = vocabulary.with_actions([name]).find("action", entry.near[0])
        assert found is not None
        assert found.value == name
        assert vocabulary.with_actions([]).fingerprint == vocabulary.fingerprint

    def test_another_base_is_refused_before_any_work(self, tmp_path: Path) -> None:
        with pytest.raises(MotionError, match="another base model"):
            load_motions(self.given(tmp_path, Motion("bowing", {}, TRACK, "x")))

    def test_two_of_one_name_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(MotionError, match="two motions have the same name"):
            load_motions(self.given(tmp_path, SINGING, replace(SINGING, depth=TRACK)))


def test_depth_of_fakes_is_no_figure(footage: Path) -> None:
    """So that the tests above say why their filters are off: with them every clip of this footage is left out."""
    made = replace(components(footage, check_quality=True), depth=FakeDepth(Diary()))
    with pytest.raises(MotionError, match=r"are left out: .*shows no one figure"):
        find_motion_clips("bowing", made, footage, no_progress)


def test_figures_of_a_report_are_json() -> None:
    from storyanim.run.motion_report import motion_figures
    from storyanim.run.motions import FoundClips, LearnedMotion

    match = ClipMatch(clip_id="c", path="", sha256="", start_s=0, end_s=2, score=0, rank=1)
    clip = MotionClip(match, Frames(np.zeros((4, 8, 8, 3), np.uint8), 8.0), TRACK, "a fox bowing", 1.0, 0.5)
    learned = LearnedMotion(SINGING, FoundClips((clip,), (clip.with_(flaw="hardly moves"),)), None)    # type: ignore[arg-type]
    told = json.loads(motion_figures(learned))
    assert [part["left_out"] for part in told["clips"]] == ["", "hardly moves"]
