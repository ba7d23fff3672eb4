"""Music and ambience: as long as the film, quiet under speech, and files that are none told as such."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from sounds import loudness, samples_of

from storyanim import video
from storyanim.artifacts import Clip
from storyanim.errors import InputError
from storyanim.film.sound import music
from storyanim.film.sound.ambience import Stretch, ambience_of, synthesize, write_ambience
from storyanim.film.sound.mix import mix
from storyanim.film.sound.music import RATE, check_music, fit_music, loop, write_wav
from storyanim.film.sound.speech import engine_of, speak
from storyanim.film.sound.voices import Line, Voice
from storyanim.film.timeline import Piece, Timeline, lay_out


def tune(seconds: float, gap_s: float = 1.5) -> np.ndarray:
    """Chords that fade away every `gap_s`, (N, 2)."""
    time = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * hz * time) for hz in (220, 277, 330)) * np.exp(-2.5 * (time % gap_s)) * 6000
    return np.stack([wave, wave], 1).astype(np.int16)


def song(path: Path, seconds: float = 6) -> Path:
    write_wav(path, tune(seconds))
    return path


class TestLoop:
    @pytest.mark.parametrize(("given_s", "wanted_s"), [(6, 2), (6, 6), (6, 40), (0.02, 3), (1.1, 10)])
    def test_it_has_the_length(self, given_s: float, wanted_s: float) -> None:
        assert loop(tune(given_s), round(wanted_s * RATE)).shape == (round(wanted_s * RATE), 2)

    def test_what_is_long_enough_is_only_cut(self) -> None:
        assert np.array_equal(loop(tune(6), 2 * RATE), tune(6)[: 2 * RATE])

    def test_it_goes_on_without_a_click(self) -> None:
        made = loop(tune(7.2), 30 * RATE).astype(int)
        assert np.abs(np.diff(made, axis=0)).max() <= 1.05 * np.abs(np.diff(tune(7.2).astype(int), axis=0)).max()

    def test_it_joins_where_it_is_quiet(self) -> None:
        given = tune(8, gap_s=8)
        given[: RATE // 10] = 0
        made = loop(given, 30 * RATE)
        power = (made.astype(float) ** 2).mean(axis=1)[: 29 * RATE].reshape(-1, RATE).mean(axis=1)
        assert (power > 1).all()                                      # the silence at its start is not played again

    def test_silence_stays_silent(self) -> None:
        assert not loop(np.zeros((RATE, 2), np.int16), 5 * RATE).any()


class TestFit:
    def test_it_is_faded_at_both_ends(self, tmp_path: Path) -> None:
        made = samples_of(fit_music(tmp_path, song(tmp_path / "song.wav"), 9 * RATE))
        assert len(made) == 9 * RATE
        assert abs(made[0]) == abs(made[-1]) == 0
        assert np.abs(made[: RATE // 20]).max() < 0.3 * np.abs(made[RATE : 2 * RATE]).max()

    @pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".m4a", ".flac"])
    def test_other_formats(self, suffix: str, tmp_path: Path) -> None:
        given = tmp_path / f"song{suffix}"
        video.run_ffmpeg(["-i", str(song(tmp_path / "song.wav")), *(["-strict", "-2"] if suffix == ".ogg" else []), str(given)])
        check_music(given)
        assert len(samples_of(fit_music(tmp_path, given, 8 * RATE))) == 8 * RATE

    def test_of_ten_hours_no_more_is_read_than_needed(self, tmp_path: Path) -> None:
        given = song(tmp_path / "song.wav", 60)
        data = bytearray(given.read_bytes())
        size = 10 * 3600 * 22_050 * 4                                 # a sparse file that says and has ten hours
        data[4:8] = data[40:44] = size.to_bytes(4, "little")
        data[24:28] = (22_050).to_bytes(4, "little")
        given.write_bytes(data)
        os.truncate(given, 44 + size)
        check_music(given)
        assert len(samples_of(fit_music(tmp_path, given, 3 * RATE))) == 3 * RATE

    def test_a_file_cut_off_plays_as_far_as_it_goes(self, tmp_path: Path) -> None:
        given = song(tmp_path / "song.wav")
        given.write_bytes(given.read_bytes()[: given.stat().st_size // 2])
        check_music(given)
        assert len(samples_of(fit_music(tmp_path, given, 8 * RATE))) == 8 * RATE


class TestCheck:
    def test_a_pipe_has_no_end(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(InputError, match="no music file"):
            check_music(tmp_path / "pipe")
        with pytest.raises(InputError, match="no music file"):
            check_music(Path("/dev/zero"))

    def test_what_takes_too_long_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(music, "_START_S", -0.0999)           # less than a tenth of a second with what is read
        with pytest.raises(InputError, match="did not end"):
            check_music(song(tmp_path / "song.wav"))

    @pytest.mark.parametrize("data", [b"", b"hello", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"#EXTM3U\nother.wav\n", bytes(4000)])
    def test_what_is_no_sound_is_told(self, data: bytes, tmp_path: Path) -> None:
        (tmp_path / "song.mp3").write_bytes(data)
        with pytest.raises(InputError, match=r"song\.mp3"):
            check_music(tmp_path / "song.mp3")

    def test_a_video_without_sound_is_told(self, videos: Path) -> None:
        with pytest.raises(InputError, match="cannot be read as music"):
            check_music(next(videos.glob("*.mp4")))


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    """Eight seconds without a word, words, and five without again."""
    folder = tmp_path_factory.mktemp("film")
    words = speak(folder, [Line(text="A bear walked through the forest and came to a lake. " * 2, voice=Voice())], 0.4, engine_of((), ()))
    spoken_frames = round(words.duration_s * 24)
    clips = [Clip(shot_id=shot, path=words.path, width_px=8, height_px=8, fps=24, num_frames=frames)
             for shot, frames in (("s00", 192), ("s01", spoken_frames), ("s02", 192))]
    return lay_out("", [Piece(clip=clips[0]), Piece(clip=clips[1], speech=words), Piece(clip=clips[2])])


def with_music(timeline: Timeline, folder: Path) -> Timeline:
    path = fit_music(folder, song(folder / "song.wav", 9), round(timeline.duration_s * RATE))
    return timeline.model_copy(update={"music": path})


def without_speech(timeline: Timeline) -> Timeline:
    return timeline.model_copy(update={"pieces": tuple(piece.model_copy(update={"speech": None}) for piece in timeline.pieces)})


class TestMixed:
    @pytest.mark.parametrize("spoken", [True, False])
    def test_it_is_as_loud_as_films_are(self, timeline: Timeline, spoken: bool, tmp_path: Path) -> None:
        made = with_music(timeline, tmp_path)
        integrated, peak = loudness(mix(tmp_path, made if spoken else without_speech(made)))
        assert integrated == pytest.approx(-16, abs=1)
        assert peak <= -1

    def test_music_is_quieter_under_speech(self, timeline: Timeline, tmp_path: Path) -> None:
        """Its lowest chord note is measured in a narrow band where the voice has hardly anything."""
        mixed = samples_of(mix(tmp_path, with_music(timeline, tmp_path)))
        start, end = (round(piece.start_s * RATE) for piece in timeline.pieces[1:])
        hz = np.fft.rfftfreq(RATE, 1 / RATE)
        band = (hz > 327) & (hz < 333)

        def power(part: np.ndarray) -> float:
            seconds = part[: len(part) // RATE * RATE].reshape(-1, RATE)
            return float((np.abs(np.fft.rfft(seconds * np.hanning(RATE), axis=1)[:, band]) ** 2).max(axis=1).mean())

        assert power(mixed[start:end]) < 0.25 * power(mixed[2 * RATE : start])

    def test_silent_music_is_a_silent_film(self, timeline: Timeline, tmp_path: Path) -> None:
        write_wav(tmp_path / "none.wav", np.zeros((round(timeline.duration_s * RATE), 2), np.int16))
        silent = without_speech(timeline).model_copy(update={"music": tmp_path / "none.wav"})
        assert np.abs(samples_of(mix(tmp_path, silent))).max() < 1e-3


class TestAmbience:
    @pytest.mark.parametrize(("texts", "kind"), [
        (("It rained all day.", ""), "rain"), (("", "a bear on the beach"), "waves"), (("She walked home.", "a bear in a forest at night"), "night"),
        (("Snow fell.",), "wind"), (("They sat around the campfire at night.",), "fire"), (("The train left.", "a meadow"), ""), ((), ""),
    ])
    def test_words_tell_the_scene(self, texts: tuple[str, ...], kind: str) -> None:
        assert ambience_of(*texts) == kind

    @pytest.mark.parametrize("kind", ["fire", "rain", "waves", "night", "wind"])
    def test_a_sound_is_seeded_and_has_no_seam(self, kind: str) -> None:
        made = synthesize(kind, 0)
        assert np.array_equal(made, synthesize(kind, 0))
        assert not np.array_equal(made, synthesize(kind, 1))
        steps = np.abs(np.diff(np.concatenate([made[-2000:], made[:2000]]).astype(int), axis=0)).max(axis=1)
        assert steps[1999] <= max(steps[:1999].max(), steps[2000:].max())

    def test_each_kind_sounds_otherwise(self) -> None:
        hz = np.fft.rfftfreq(24 * RATE, 1 / RATE)
        centres = {kind: float(np.average(hz, weights=np.abs(np.fft.rfft(synthesize(kind, 0)[:, 0])) ** 2))
                   for kind in ("fire", "rain", "waves", "night", "wind")}
        assert centres["rain"] > 5 * centres["wind"]
        assert len({round(np.log2(centre) * 4) for centre in centres.values()}) == 5

    def test_it_sounds_in_its_scene_only(self, tmp_path: Path) -> None:
        parts = [Stretch(kind=kind, start=start * RATE, end=(start + 5) * RATE) for kind, start in (("", 0), ("rain", 5), ("", 10))]
        made = samples_of(write_ambience(tmp_path, parts, 0))
        assert len(made) == 15 * RATE
        assert not made[: 4 * RATE].any()
        assert not made[11 * RATE :].any()
        assert made[7 * RATE : 8 * RATE].std() > 0.01
        assert 0.2 < made[round(4.9 * RATE) : round(5.1 * RATE)].std() / made[7 * RATE : 8 * RATE].std() < 0.8

    def test_alone_it_stays_quiet(self, timeline: Timeline, tmp_path: Path) -> None:
        parts = [Stretch(kind="rain", start=0, end=round(timeline.duration_s * RATE))]
        quiet = without_speech(timeline).model_copy(update={"ambience": write_ambience(tmp_path, parts, 0)})
        assert loudness(mix(tmp_path, quiet))[0] == pytest.approx(-32, abs=1)
