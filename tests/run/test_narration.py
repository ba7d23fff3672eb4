"""Films with narration: equally long in picture and sound, resumed, and told early when they cannot be."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import av
import fakes
import numpy as np
import pytest
from fakes import Studio

from storyanim import api
from storyanim.artifacts import Role, Story
from storyanim.config import Settings
from storyanim.engine.run_dir import RunDir
from storyanim.errors import InputError, ResourceError, UsageError
from storyanim.film.sound.music import RATE, write_wav
from storyanim.film.sound.voices import Voice
from storyanim.retrieve.index import VideoIndex
from storyanim.run import sound
from storyanim.run.sound import lines_of


def settings(**sound: object) -> Settings:
    plain = fakes.fake_settings(title_s=0.5, fps=24)
    return plain.model_copy(update={"sound": plain.sound.model_copy(update={"narrate": True, **sound})})


@pytest.fixture
def told(tmp_path: Path, index: VideoIndex) -> Studio:
    return Studio(tmp_path / "told", index, settings())


def lengths(path: Path) -> dict[str, float]:
    with av.open(str(path)) as container:
        return {stream.type: float(stream.duration * stream.time_base) for stream in container.streams if stream.duration}


def test_picture_and_sound_are_equally_long(told: Studio) -> None:
    result = told.make()
    found = lengths(result.path)
    assert abs(found["video"] - found["audio"]) <= 1 / 24
    assert found["video"] == pytest.approx(result.film.value.duration_s, abs=1e-3)


def test_a_shot_lasts_as_long_as_its_words(told: Studio) -> None:
    for made in told.make().shots:
        assert made.speech is not None
        words_s = made.speech.value.duration_s
        assert words_s <= made.clip.value.duration_s < words_s + 0.2


def test_words_of_a_minute_fit_their_shot(told: Studio) -> None:
    story = Story(title="Long", text="A red bear runs " + "and runs and runs and runs and runs and runs " * 22 + ".")
    result = told.make(story)
    (made,) = result.shots
    assert made.speech is not None
    assert made.speech.value.duration_s > 60
    found = lengths(result.path)
    assert found["video"] > 60
    assert abs(found["video"] - found["audio"]) <= 1 / 24


def test_a_story_without_a_word_has_no_sound(told: Studio) -> None:
    result = told.make(Story(title="Dots", text="* * *. …. "))
    assert "audio" not in lengths(result.path)


def test_without_narration_nothing_changes(studio: Studio, whole_film: bytes) -> None:
    studio.make()
    assert studio.film == whole_film
    assert not (studio.folder / "audio").exists()


def test_done_once_and_again_only_where_words_changed(told: Studio) -> None:
    told.make()
    before = told.film
    log = told.folder / "log.jsonl"
    log.write_text("")
    told.make()
    assert log.read_text() == ""
    told.make(s02={"text": "A green frog sings."})
    assert {json.loads(line)["step"] for line in log.read_text().splitlines()} == {
        "audio/s02", "shots/s02/clip", "audio/mix", "timeline", "film", "sheet"}
    assert told.film != before


def test_stopped_after_each_step_it_ends_with_the_same_film(
    told: Studio, tmp_path: Path, index: VideoIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.make()
    other, log, stops = Studio(tmp_path / "other", index, settings()), RunDir.log, 0

    def stop(self: RunDir, event: str, **facts: object) -> None:
        log(self, event, **facts)
        if event == "done":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunDir, "log", stop)
        while True:
            try:
                other.make()
                break
            except KeyboardInterrupt:
                stops += 1
    assert stops == len(list(told.folder.rglob("done.json")))
    assert other.film == told.film


@pytest.mark.parametrize("voice", ["xx-yy", "en-us loud", "pitch 1000"])
def test_a_voice_that_is_missing_is_told_before_anything_is_drawn(tmp_path: Path, index: VideoIndex, voice: str) -> None:
    studio = Studio(tmp_path / "run", index, settings(voice=voice))
    with pytest.raises(UsageError, match="voice"):
        studio.make()
    assert not [call for call in studio.diary.read() if call.startswith(("draw", "depth"))]


def test_a_character_speaks_in_its_own_voice(told: Studio) -> None:
    board = told.make(Story(title="Talk", text='A red bear said, "Hello." A green frog said, "Oh."')).storyboard
    cast = [Role(name=noun, noun=noun, first_shot="s01", num_shots=1, voice=voice)
            for noun, voice in (("bear", ""), ("frog", "female, pitch 91"))]
    lines = lines_of(board.model_copy(update={"cast": tuple(cast)}), ["The bear said, “Hello.”", "The frog said, “Oh.”"], settings().sound)
    assert [[line.text for line in shot] for shot in lines] == [["The bear said, ", "Hello."], ["The frog said, ", "Oh."]]
    assert [shot[0].voice for shot in lines] == [Voice(), Voice()]
    assert lines[0][1].voice.pitch < 40
    assert (lines[1][1].voice.gender, lines[1][1].voice.pitch) == ("female", 91)


def test_music_and_ambience_are_steps_too(tmp_path: Path, index: VideoIndex) -> None:
    write_wav(tmp_path / "song.wav", np.full((RATE, 2), 1000, np.int16))
    studio = Studio(tmp_path / "run", index, settings(narrate=False, music=str(tmp_path / "song.wav"), ambience=True))
    result = studio.make()
    assert {path.parent.name for path in (studio.folder / "audio").rglob("done.json")} == {"music", "ambience", "mix"}
    found = lengths(result.path)
    assert abs(found["video"] - found["audio"]) <= 1 / 24


@pytest.mark.parametrize("narrate", [True, False])
def test_a_crossfade_leaves_a_shot_its_words(tmp_path: Path, index: VideoIndex, narrate: bool) -> None:
    plain = settings(narrate=narrate)
    film = plain.film.model_copy(update={"transition": "crossfade", "transition_s": 0.9, "max_hold_s": 60})
    studio = Studio(tmp_path / "run", index, plain.model_copy(update={"film": film}))
    studio.make(Story(title="Two", text="A red bear runs through the forest and waves to all. A green frog jumps on the beach beside all of the waves."))
    with RunDir(studio.folder, beside=True) as run:
        made = run.done("timeline")
    assert made is not None
    pieces, ends_s = made.value.pieces, made.value.ends_s()
    assert [piece.transition for piece in pieces[2:-1]] == ["crossfade"]
    assert all(piece.start_s + piece.speech.end_s < end_s
               for piece, end_s in zip(pieces, ends_s, strict=True) if piece.speech)
    assert all(sum(map(len, cue.lines)) / (cue.end_s - cue.start_s) <= 20 for cue in made.value.cues() if any(cue.lines))


@pytest.mark.parametrize("asked", [
    {"music": "missing.ogg"}, {"music": "words.ogg"}, {"narrate": True, "voice": "xx-yy"},
    {"narrate": True, "voice": "louder!"}, {"narrate": True, "voices": "missing"},
])
def test_sound_that_cannot_be_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, object]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.ogg").write_text("no sound")
    with pytest.raises((InputError, UsageError)):
        api.make_film(Story(title="Hen", text="A hen swam."), out="film", settings={"sound": asked})
    assert os.listdir() == ["words.ogg"]


def test_scenes_are_faded_into_and_shots_as_they_say(tmp_path: Path, index: VideoIndex) -> None:
    studio = Studio(tmp_path / "run", index, settings())
    changes = {"s01": {"setting": "wood"}, "s02": {"setting": "wood"}, "s03": {"setting": "lake", "transition": "dip"}}
    plain = studio.make(s01={"setting": "wood"}, s02={"setting": "wood"}, s03={"setting": "lake"})
    drawn = studio.diary.read()
    result = studio.make(**changes)
    assert not [call for call in studio.diary.read() if call.startswith("draw")] or not drawn
    assert result.film.value.duration_s == plain.film.value.duration_s
    with av.open(str(result.path)) as container:
        titles = [one["metadata"]["title"] for one in container.chapters()]
    assert titles == ["The colours", "wood", "lake"]
    found = lengths(result.path)
    assert abs(found["video"] - found["audio"]) <= 1 / 24


@pytest.mark.parametrize("step", ["run.sound.speak", "run.sound.fit_music", "run.sound.write_ambience", "run.sound.mix", "run.pipeline.assemble"])
def test_killed_within_a_step_it_ends_with_the_same_film(
    step: str, tmp_path: Path, index: VideoIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wav(tmp_path / "song.wav", np.full((RATE, 2), 1000, np.int16))
    studio = Studio(tmp_path / "run", index, settings(music=str(tmp_path / "song.wav"), ambience=True))
    if (child := os.fork()) == 0:
        monkeypatch.setattr(RunDir, "_compute", _killed_in(RunDir._compute, step.rpartition(".")[2]))
        studio.make()
        os._exit(0)                                  # not reached
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    studio.make()
    assert not list(studio.folder.rglob(".*.partial"))
    other = Studio(tmp_path / "other", index, settings(music=str(tmp_path / "song.wav"), ambience=True))
    other.make()
    assert studio.film == other.film


def _killed_in(compute: Any, name: str) -> Any:
    def until(self: RunDir, place: Path, key: str, function: Any, inputs: Any, **how: bool) -> Any:
        def dies(folder: Path, *values: object) -> None:
            function(folder, *values)
            os.kill(os.getpid(), signal.SIGKILL)

        return compute(self, place, key, dies if function.__name__ == name else function, inputs, **how)
    return until


def test_a_full_disk_is_told_and_leaves_nothing_half_written(told: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path, *values: object) -> Path:
        (folder / "mix.m4a").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sound, "mix", full)
    with pytest.raises(ResourceError):
        told.make()
    assert not (told.folder / "audio/mix").exists()
    assert not (told.folder / "film.mp4").exists()
