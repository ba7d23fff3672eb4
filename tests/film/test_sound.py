"""Speech and the mix: voices, times, loudness, and always the same bytes."""

from __future__ import annotations

import re
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from sounds import loudness, samples_of

from storyanim.artifacts import Clip, Role, Speech
from storyanim.errors import ResourceError, UsageError
from storyanim.film.sound import speech
from storyanim.film.sound.mix import mix
from storyanim.film.sound.music import write_wav
from storyanim.film.sound.speech import check_voices, engine_of, speak
from storyanim.film.sound.voices import Line, Voice, by_script, narrator_of, parse_voice, voice_of
from storyanim.film.timeline import Piece, Timeline, lay_out

TEXT = "A bear walked through the forest. Then 12 bees came by!"


def said(folder: Path, *lines: Line, breath_s: float = 0.4) -> Speech:
    folder.mkdir(exist_ok=True)
    return speak(folder, lines, breath_s, engine_of((), ()))


def role(name: str, noun: str, pronouns: str = "it", **more: str) -> Role:
    return Role.model_validate({"name": name, "noun": noun, "pronouns": pronouns, "first_shot": "s01", "num_shots": 1} | more)


def loud(samples: np.ndarray, rate: int) -> tuple[float, float]:
    """When the first and the last sound is, in seconds."""
    found = np.flatnonzero(np.abs(samples.astype(float)) > 0.02 * np.abs(samples).max())
    return found[0] / rate, found[-1] / rate


def pitch_of(samples: np.ndarray, rate: int) -> float:
    """The frequency, from 60 to 400 Hz, by which a voice is most like itself a little later."""
    power = np.abs(np.fft.rfft(samples, 2 * len(samples))) ** 2
    likeness = np.fft.irfft(power)
    lags = np.arange(rate // 400, rate // 60)
    return float(rate / lags[likeness[lags].argmax()])


class TestSpeak:
    def test_words_have_places_and_rising_times(self, tmp_path: Path) -> None:
        made = said(tmp_path, Line(text=TEXT, voice=Voice()))
        starts = [found.start() for found in re.finditer(r"\w+", TEXT)]
        assert {word.at for word in made.words} == set(starts)
        times = [word.start_s for word in made.words]
        assert times == sorted(times)
        assert 0.15 <= times[0] < times[-1] < made.end_s < made.duration_s
        assert made.duration_s == pytest.approx(made.end_s + 0.4, abs=0.01)

    def test_the_file_is_as_long_as_it_says_and_sounds_when_it_says(self, tmp_path: Path) -> None:
        made = said(tmp_path, Line(text=TEXT, voice=Voice()))
        with wave.open(str(made.path)) as file:
            rate = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        assert len(samples) / rate == pytest.approx(made.duration_s, abs=1e-3)
        first, last = loud(samples, rate)
        assert first == pytest.approx(made.words[0].start_s, abs=0.1)
        assert made.words[-1].start_s < last <= made.end_s

    def test_lines_follow_one_another_in_their_voices(self, tmp_path: Path) -> None:
        low, high = Voice(pitch=10, gender="male"), Voice(pitch=90, gender="female")
        both = said(tmp_path, Line(text="Hello there.", voice=low), Line(text="Hello there.", voice=high, at=13))
        assert [word.at for word in both.words] == [0, 6, 13, 19]
        with wave.open(str(both.path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(float)
        first, second = (pitch_of(half, 22_050) for half in np.array_split(samples, 2))
        assert second > 1.4 * first

    def test_the_same_lines_give_the_same_bytes(self, tmp_path: Path) -> None:
        made = [said(tmp_path / name, Line(text=TEXT, voice=Voice())).path.read_bytes() for name in "ab"]
        assert made[0] == made[1]

    @pytest.mark.parametrize("text", ["熊 walked", "<i>Oh</i> & {\\an8}", "…", "🐻", "a\u0000b", "x" * 5000])
    def test_odd_words_do_not_end_it(self, text: str, tmp_path: Path) -> None:
        assert said(tmp_path, Line(text=text, voice=Voice())).duration_s > 0.5

    def test_a_minute_of_words(self, tmp_path: Path) -> None:
        made = said(tmp_path, Line(text="The bear went on and on through the deep dark forest. " * 25, voice=Voice()))
        assert made.duration_s > 60

    def test_a_process_that_fails_is_a_resource_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(speech.sys, "executable", str(tmp_path / "nothing"))
        with pytest.raises(ResourceError, match="narration's process failed"):
            said(tmp_path, Line(text=TEXT, voice=Voice()))

    def test_what_the_process_says_last_is_the_hint(self, tmp_path: Path) -> None:
        with pytest.raises(ResourceError) as caught:
            said(tmp_path, Line(text=TEXT, voice=Voice(language="xx")))
        assert "no voice for xx" in caught.value.hint


class TestVoices:
    @pytest.mark.parametrize(("text", "changes"), [
        ("", {}), ("en-gb", {"language": "en-gb"}), ("female 2", {"gender": "female", "variant": 2}),
        ("fr-fr male, pitch 60, speed=120", {"language": "fr-fr", "gender": "male", "pitch": 60, "speed": 120}),
    ])
    def test_words_for_a_voice(self, text: str, changes: dict[str, object]) -> None:
        assert parse_voice(text, Voice()) == Voice().model_copy(update=changes)

    @pytest.mark.parametrize("text", ["a bear's", "pitch 100", "speed 20", "female 77", "en_GB"])
    def test_other_words_are_a_usage_error(self, text: str) -> None:
        with pytest.raises(UsageError, match="is no voice"):
            parse_voice(text, Voice())

    def test_a_mouse_is_no_bear_and_two_bears_differ(self) -> None:
        mouse, bear, other = (voice_of(role(*who), Voice()) for who in (("Tom", "mouse"), ("Ben", "bear"), ("Bo", "bear")))
        assert mouse.pitch > bear.pitch + 30
        assert mouse.speed > bear.speed
        assert bear != other
        assert bear == voice_of(role("Ben", "bear"), Voice())

    def test_pronouns_and_the_storyboard_count(self) -> None:
        assert voice_of(role("Ann", "girl", "she"), Voice(language="en-gb")).gender == "female"
        asked = voice_of(role("Ann", "girl", "she", voice="male, pitch 3"), Voice(language="en-gb"))
        assert (asked.language, asked.gender, asked.pitch) == ("en-gb", "male", 3)

    @pytest.mark.parametrize(("text", "language", "parts"), [
        ("Tom said שלום, עולם and left.", "en-us", [("Tom said", "en-us"), ("שלום, עולם", "he"), ("and left.", "en-us")]),
        ("森の狐、狐狸。", "en-us", [("森の狐", "ja"), ("、狐狸", "cmn")]),
        ("A sign: 狐狸", "en-us", [("A sign", "en-us"), (": 狐狸", "cmn")]),
        ("狐狸 and Tom", "ja", [("狐狸 and Tom", "ja")]), ("Лис", "uk", [("Лис", "uk")]), ("Café, Łódź!", "en-us", [("Café, Łódź!", "en-us")]),
    ])
    def test_foreign_letters_are_read_not_spelled(self, text: str, language: str, parts: list[tuple[str, str]]) -> None:
        found = by_script(Line(text=text, at=7, voice=Voice(language=language, pitch=60)))
        assert [(one.text.strip(), one.voice.language) for one in found] == parts
        assert all(text[one.at - 7:].startswith(one.text) and one.voice.pitch == 60 for one in found)
        check_voices([one.voice for one in found])

    def test_a_chinese_film_has_a_narrator(self) -> None:
        check_voices([narrator_of("", "zh", ())])

    def test_a_language_that_nobody_speaks_is_told(self) -> None:
        check_voices([Voice(), Voice(language="en"), Voice(language="fr-fr")])
        with pytest.raises(UsageError, match="no voice that speaks 'en-xx'") as caught:
            check_voices([Voice(language="en-xx")])
        assert "en-gb" in caught.value.hint


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    folder = tmp_path_factory.mktemp("speech")
    one = said(folder / "1", Line(text=TEXT, voice=Voice()))
    two = said(folder / "2", Line(text="The end of it.", voice=Voice()))
    clips = [Clip(shot_id=shot, path=folder / "1/speech.wav", width_px=8, height_px=8, fps=24, num_frames=frames)
             for shot, frames in (("s00", 41), ("s01", 131), ("s02", 97))]
    return lay_out("", [Piece(clip=clips[0]), Piece(clip=clips[1], speech=one), Piece(clip=clips[2], speech=two)])


class TestMix:
    def test_it_is_as_long_as_the_film_to_the_sample(self, timeline: Timeline, tmp_path: Path) -> None:
        with av.open(str(mix(tmp_path, timeline))) as container:
            stream = container.streams.audio[0]
            assert (stream.codec_context.name, stream.codec_context.sample_rate) == ("aac", 48_000)
            assert (stream.duration, stream.time_base.denominator) == (round(timeline.duration_s * 48_000), 48_000)

    def test_words_sound_when_the_timeline_says(self, timeline: Timeline, tmp_path: Path) -> None:
        samples = samples_of(mix(tmp_path, timeline))
        first, last = loud(samples, 48_000)
        spoken = [piece for piece in timeline.pieces if piece.speech]
        assert spoken[0].speech is not None
        assert spoken[1].speech is not None
        assert first == pytest.approx(spoken[0].start_s + spoken[0].speech.words[0].start_s, abs=0.1)
        assert last == pytest.approx(spoken[1].start_s + spoken[1].speech.end_s, abs=0.15)
        gap = samples[round((spoken[1].start_s - 0.25) * 48_000):round(spoken[1].start_s * 48_000)]
        assert np.abs(gap).max() < 0.02

    def test_it_is_as_loud_as_films_are(self, timeline: Timeline, tmp_path: Path) -> None:
        integrated, peak = loudness(mix(tmp_path, timeline))
        assert integrated == pytest.approx(-16, abs=1)
        assert peak <= -1

    @pytest.mark.parametrize("words", ["Go.", "A bear.", "Oh!"])
    def test_so_is_one_with_a_word_alone(self, tmp_path: Path, words: str) -> None:
        alone = said(tmp_path / "speech", Line(text=words, voice=Voice()))
        clips = [Clip(shot_id=name, path=tmp_path / "no.mp4", width_px=64, height_px=64, fps=24, num_frames=48)
                 for name in ("s00", "s01", "s02")]
        pieces = [Piece(clip=clips[0]), Piece(clip=clips[1], text=words, speech=alone), Piece(clip=clips[2])]
        integrated, peak = loudness(mix(tmp_path, lay_out("t", pieces, "en")))
        assert integrated == pytest.approx(-16, abs=1)
        assert peak <= -1

    def test_so_is_one_of_a_sentence_and_much_music(self, tmp_path: Path) -> None:
        words, seconds = "A fox walks through the wood.", 30
        time = np.arange(seconds * 48_000) / 48_000
        song = np.rint(3000 * np.sin(2 * np.pi * 330 * time) * (1 + np.sin(time))).astype(np.int16)
        write_wav(tmp_path / "song.wav", song[:, None], 48_000)
        speech = said(tmp_path / "speech", Line(text=words, voice=Voice()))
        clips = [Clip(shot_id=name, path=tmp_path / "no.mp4", width_px=64, height_px=64, fps=24, num_frames=12 * seconds)
                 for name in ("s01", "s02")]
        pieces = [Piece(clip=clips[0], text=words, speech=speech), Piece(clip=clips[1])]
        film = lay_out("t", pieces, "en").model_copy(update={"music": tmp_path / "song.wav"})
        integrated, peak = loudness(mix(tmp_path, film))
        assert integrated == pytest.approx(-16, abs=1)
        assert peak <= -1

    def test_the_same_film_gives_the_same_bytes(self, timeline: Timeline, tmp_path: Path) -> None:
        made = []
        for name in "ab":
            (tmp_path / name).mkdir()
            made.append(mix(tmp_path / name, timeline).read_bytes())
        assert made[0] == made[1]
