"""Story to film with fakes: what is done, in which order, and what is never done twice."""

from __future__ import annotations

import json
from pathlib import Path

import fakes
import numpy as np
import pytest
from fakes import ALL_CALLS, EDITED, BackwardExecutor, FakeDepth, FakeGenerator, FakeReader, Studio
from family import save_pictures

from storyanim import video
from storyanim.artifacts import Character, ClipMatch
from storyanim.config import CheckSettings
from storyanim.engine.run_dir import RunDir
from storyanim.engine.store import load
from storyanim.retrieve.index import VideoIndex
from storyanim.run.shots import estimate_depth

STEPS = ["plan", *[f"shots/s0{n}/match" for n in (1, 2, 3)],
         *[f"shots/s0{n}/{step}" for n in (1, 2, 3) for step in ("thumbnails", "depth", "frames", "reading", "check", "clip")],
         "timeline", "film", "sheet"]


@pytest.fixture
def bear(tmp_path: Path) -> Character:
    folder = save_pictures(tmp_path / "bear")
    return Character(name="bear", token="<bear>", noun="bear", images=tuple(sorted(folder.iterdir())))


def steps_done(folder: Path) -> list[str]:
    """Of all the runs together, in order."""
    events = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [event["step"] for event in events if event["event"] == "done"]


class TestTheWay:
    def test_every_step_is_done_once_in_order(self, studio: Studio) -> None:
        production = studio.make()
        assert studio.diary.read() == ALL_CALLS
        assert steps_done(studio.folder) == STEPS
        assert production.failed == {}

    def test_the_film_plays_its_shots(self, studio: Studio) -> None:
        production = studio.make()
        assert production.film is not None
        info = video.probe(studio.folder / "film.mp4")
        assert (info.width_px, info.height_px) == (64, 48)
        assert info.duration_s == pytest.approx(production.film.value.duration_s) == pytest.approx(3 * 0.5)
        assert "A green frog jumps." in (studio.folder / "film.srt").read_text()
        assert (studio.folder / "sheet.png").stat().st_size > 1000

    def test_each_shot_moves_as_its_footage_does(self, studio: Studio) -> None:
        for work, colour in zip(studio.make().shots, ("red", "green", "blue"), strict=True):
            assert work.candidates is not None
            assert colour in Path(work.candidates.value.match.path).stem

    @pytest.mark.parametrize(("name", "num_frames", "first_again"), [
        ("red bear runs.mp4", 32, None),                                      # 5 s of footage: on past the window's end
        ("more/green_frog.mp4", 24, 7),                                       # 2 s: frame 16 is frame 14 again, 23 is 7
    ])
    def test_long_shots_go_on_in_the_footage_and_back(
        self, videos: Path, studio: Studio, name: str, num_frames: int, first_again: int | None
    ) -> None:
        match = ClipMatch(clip_id="c", path=str(videos / name), sha256="0" * 64, start_s=0, end_s=2, score=0, rank=1)
        inverse_depth = estimate_depth(match, FakeDepth(studio.diary), num_frames, 8.0).inverse_depth
        assert len(inverse_depth) == num_frames
        differs = [not np.array_equal(inverse_depth[k], inverse_depth[k + 1]) for k in range(num_frames - 1)]
        assert all(differs)
        if first_again is not None:
            assert np.array_equal(inverse_depth[16], inverse_depth[14])
            assert np.array_equal(inverse_depth[23], inverse_depth[first_again])

    def test_progress_runs_from_nothing_to_nearly_all(self, studio: Studio) -> None:
        studio.make()
        shares = [done for done, _ in studio.told]
        assert shares == sorted(shares)
        assert shares[0] == 0
        assert 0.9 < shares[-1] < 1
        assert studio.told[0][1] == "s01 looking for footage"

    def test_cards_open_and_close_the_film(self, tmp_path: Path, index: VideoIndex) -> None:
        studio = Studio(tmp_path / "run", index, fakes.fake_settings(title_s=0.5))
        production = studio.make()
        assert production.film is not None
        assert [clip.shot_id for clip in production.film.value.clips] == ["s00", "s01", "s02", "s03", "s9999"]
        assert "00:00:00,500 -->" in (studio.folder / "film.srt").read_text()

    def test_another_order_of_work_gives_the_same_film(self, studio: Studio, whole_film: bytes) -> None:
        studio.use(executor=BackwardExecutor())
        studio.make()
        assert [call for call in studio.diary.read() if call.startswith("draw")] == ["draw s03", "draw s02", "draw s01"]
        assert studio.film == whole_film

    def test_the_same_clip_is_not_taken_twice_in_a_row(self, studio: Studio) -> None:
        twice = fakes.STORY.model_copy(update={"text": "A red bear runs. A red bear rests."})
        first, second = (work.candidates.value.match.clip_id for work in studio.make(twice).shots if work.candidates)
        assert first != second


class TestResume:
    def test_stopped_after_each_step_it_ends_with_the_same_film(
        self, studio: Studio, whole_film: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = RunDir.log

        def stop(self: RunDir, event: str, **facts: object) -> None:
            log(self, event, **facts)
            if event == "done":
                raise KeyboardInterrupt

        stops = 0
        with monkeypatch.context() as patch:
            patch.setattr(RunDir, "log", stop)
            for _ in STEPS:
                with pytest.raises(KeyboardInterrupt):
                    studio.make()
                stops += 1
                assert steps_done(studio.folder) == STEPS[:stops]
        studio.make()
        assert steps_done(studio.folder) == STEPS
        assert studio.diary.read() == ALL_CALLS
        assert studio.film == whole_film

    def test_stopped_inside_each_step_only_that_one_is_done_again(self, studio: Studio, whole_film: bytes) -> None:
        seen: set[str] = set()

        def first_time_stops(call: str) -> None:
            if call not in seen:
                seen.add(call)
                raise KeyboardInterrupt

        studio.diary.on_call = first_time_stops
        for _ in ALL_CALLS:
            with pytest.raises(KeyboardInterrupt):
                studio.make()
            assert not list(studio.folder.rglob(".*.partial"))
        studio.make()
        assert studio.diary.read() == [call for call in ALL_CALLS for _ in range(2)]
        assert studio.film == whole_film

    def test_again_it_calls_nobody_and_changes_no_file(self, studio: Studio) -> None:
        studio.make()
        before = {path: path.stat().st_mtime_ns for path in studio.folder.rglob("*") if path.is_file()}
        studio.diary.read()
        production = studio.make()
        assert studio.diary.read() == []
        assert {path: path.stat().st_mtime_ns for path in before} == before
        assert not any(step.fresh for work in production.shots for step in (work.candidates, work.depth, work.frames) if step)


class TestWhatAChangeRedoes:
    @pytest.fixture
    def made(self, studio: Studio) -> Studio:
        studio.make()
        studio.diary.read()
        return studio

    def redone(self, studio: Studio, before: int) -> set[str]:
        return set(steps_done(studio.folder)[before:])

    def test_a_changed_sentence_its_own_shot(self, made: Studio) -> None:
        made.make(EDITED)
        assert made.diary.read() == ["plan The colours", "encode green", "draw s02"]

    def test_a_changed_query_the_footage_and_what_follows(self, made: Studio) -> None:
        made.make(s02={"query": "red"})
        # The neighbour looks again, since it must not take the same clip; it finds what it had.
        assert made.diary.read() == ["encode red", "encode blue", "depth red", "draw s02"]

    def test_a_changed_prompt_the_frames(self, made: Studio) -> None:
        made.make(s02={"prompt": "A yellow frog."})
        assert made.diary.read() == ["draw s02"]

    def test_a_changed_seed_the_frames(self, made: Studio) -> None:
        old = made.film
        made.make(s03={"seed": 77})
        assert made.diary.read() == ["draw s03"]
        assert made.film != old

    def test_changed_words_alone_the_clip_and_the_subtitles(self, made: Studio) -> None:
        before = len(steps_done(made.folder))
        made.make(s02={"text": "A green frog sings."})
        assert made.diary.read() == []
        assert self.redone(made, before) == {"shots/s02/clip", "timeline", "film", "sheet"}
        assert "sings" in (made.folder / "film.srt").read_text()

    def test_a_changed_film_setting_the_clips(self, made: Studio) -> None:
        made.use(settings=fakes.fake_settings(crf=30))
        before = len(steps_done(made.folder))
        made.make()
        assert made.diary.read() == []
        assert self.redone(made, before) == {*[f"shots/s0{n}/clip" for n in (1, 2, 3)], "timeline", "film"}

    @pytest.mark.parametrize(("tool", "redone"), [
        (FakeGenerator, {"draw s01", "draw s02", "draw s03"}), (FakeDepth, {"depth red", "depth green", "depth blue"}),
    ])
    def test_another_tool_what_it_does(self, made: Studio, tool: type, redone: set[str]) -> None:
        name = {FakeGenerator: "generator", FakeDepth: "depth"}[tool]
        made.use(**{name: tool(made.diary, fingerprint="newer")})
        made.make()
        assert set(made.diary.read()) == redone          # equal depth: nothing is drawn again

    def test_a_film_without_a_shot_joins_the_others(self, made: Studio) -> None:
        shorter = fakes.STORY.model_copy(update={"text": "A red bear runs. A green frog jumps. "})
        made.make(shorter)
        assert made.diary.read() == ["plan The colours"]
        assert video.probe(made.folder / "film.mp4").duration_s == pytest.approx(1.0)


class TestChoices:
    def test_a_pinned_clip_is_taken(self, studio: Studio) -> None:
        work = studio.make().shots
        blue = work[2].candidates.value.match.clip_id
        studio.diary.read()
        production = studio.make(s01={"pinned": blue})
        assert production.shots[0].candidates.value.match.clip_id == blue
        assert studio.diary.read()[0] == "encode red"
        assert "blue" in production.shots[0].candidates.value.match.path

    def test_own_footage_is_taken_and_the_neighbours_stay(self, studio: Studio, videos: Path) -> None:
        before = [work.candidates.value.match.clip_id for work in studio.make().shots]
        studio.diary.read()
        own = f"{videos / 'red bear runs.mp4'}@4-4.25"
        banned = tuple(match.clip_id for match in studio.components.index.search("green", studio.components.encoder, 9))
        production = studio.make(s02={"pinned": own, "banned": banned})
        found = [work.candidates.value for work in production.shots]
        assert [found[0].match.clip_id, found[2].match.clip_id] == [before[0], before[2]]
        assert (found[1].match.start_s, found[1].match.end_s, len(found[1].matches)) == (4, 4.25, 1)
        assert [call for call in studio.diary.read() if "encode" not in call] == ["depth red", "draw s02"]
        assert [work.shot.id for work in production.shots if work.frames.fresh] == ["s02"]
        inverse_depth = production.shots[1].depth.value.inverse_depth
        # Two frames, back and forth: nothing beyond the span is read.
        assert np.array_equal(inverse_depth[2:], inverse_depth[:2])

    def test_a_banned_clip_is_not_even_a_candidate(self, studio: Studio) -> None:
        green = studio.make().shots[1].candidates.value.match.clip_id
        found = studio.make(s02={"banned": (green,)}).shots[1].candidates
        assert found is not None
        assert green not in [match.clip_id for match in found.value.matches]

    def test_an_unknown_pin_fails_its_own_shot(self, studio: Studio) -> None:
        production = studio.make(s02={"pinned": "nonsense"})
        assert list(production.failed) == ["s02"]
        assert "nonsense" in production.failed["s02"]
        assert [call for call in studio.diary.read() if call.startswith("draw")] == ["draw s01", "draw s03"]


class TestReadBack:
    def test_a_shot_that_is_not_as_asked_is_drawn_again_and_the_best_is_in_the_film(self, studio: Studio) -> None:
        studio.use(reader=FakeReader({"A green frog jumps.": [0.2, 0.9], "A blue wave comes.": [0.3, 0.1]}))
        production = studio.make()
        assert [call for call in studio.diary.read() if "draw" in call] == ["draw s01", *["draw s02"] * 2, *["draw s03"] * 2]
        assert {shot: check.chosen for shot, check in production.checks.items()} == {"s01": 0, "s02": 1, "s03": 0}
        assert [made.frames.name for made in production.shots] == ["shots/s01/frames", "shots/s02/frames-2", "shots/s03/frames"]
        assert production.redrawn == ("s01", "s02", "s03")
        assert not np.array_equal(production.shots[1].frames.value.rgb, load("Frames", studio.folder / "shots/s02/frames").rgb)
        again = studio.make()
        assert (studio.diary.read(), again.redrawn) == ([], ())
        assert again.checks == production.checks

    def test_without_retries_the_first_drawing_stays(self, studio: Studio) -> None:
        settings = fakes.fake_settings().model_copy(update={"check": CheckSettings(retries=0)})
        studio.use(settings=settings, reader=FakeReader({"A green frog jumps.": [0.2, 0.9]}))
        assert studio.make().checks["s02"].reading.remarks == ("it is grey",)
        assert studio.diary.read().count("draw s02") == 1


class TestCharacters:
    def test_one_is_learned_before_it_is_drawn(self, studio: Studio, bear: Character) -> None:
        studio.make(characters=[bear])
        calls = studio.diary.read()
        assert calls.index("learn bear") < calls.index("draw s01 <bear>")
        assert "draw s02" in calls
        assert any("learning bear" in text for _, text in studio.told)

    def test_another_run_takes_what_was_learned(self, studio: Studio, bear: Character, tmp_path: Path, index: VideoIndex) -> None:
        studio.make(characters=[bear])
        other = Studio(tmp_path / "other", index)
        other.make(characters=[bear])
        assert not [call for call in other.diary.read() if call.startswith("learn")]
        assert other.film == studio.film

    def test_other_pictures_are_learned_again(self, studio: Studio, bear: Character) -> None:
        studio.make(characters=[bear])
        studio.diary.read()
        studio.make(characters=[bear.model_copy(update={"images": bear.images[:2]})])
        calls = studio.diary.read()
        assert "learn bear" in calls
        assert "depth red" not in calls


class TestFootage:
    def test_it_is_asked_in_the_words_of_the_story(self, studio: Studio) -> None:
        """Where a plan's query is mistaken; of the bundled footage it is asked alone."""
        planned = {shot: {"query": "something blue"} for shot in ("s01", "s02", "s03")}
        stems = [Path(work.candidates.value.match.path).stem for work in studio.make(**planned).shots]
        assert set(stems[::2]) == {"it's blue ü"}
        studio.use(story_words=True, index=VideoIndex(studio.components.index.folder, caption_weight=30))
        made = studio.make(s02={"query": "something blue"})
        assert Path(made.shots[1].candidates.value.match.path).stem == "green_frog"
        assert made.shots[1].candidates.value.query == "something blue A green frog jumps."

    def test_what_no_footage_fits_is_drawn_from_the_text_alone(
        self, studio: Studio, caplog: pytest.LogCaptureFixture
    ) -> None:
        studio.make()
        strict = VideoIndex(studio.components.index.folder, min_score=0.9)
        studio.use(index=strict)
        studio.diary.read()
        story = fakes.STORY.model_copy(update={"text": "A red bear runs. An owl sings. A blue wave comes."})
        made = studio.make(story)
        assert [work.depth is None for work in made.shots] == [False, True, False]
        found = made.shots[1].candidates.value
        assert (found.match, len(found.matches)) == (None, 2)
        assert "s02: no footage fits" in caplog.text
        assert "draw s02" in studio.diary.read()
        clip = found.matches[1].clip_id
        assert studio.make(story, s02={"pinned": clip}).shots[1].depth is not None
