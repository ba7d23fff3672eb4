"""Clips joined to a film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from storyanim import video
from storyanim.artifacts import Clip, Film, Frames, Shot
from storyanim.config import FilmSettings
from storyanim.film.cards import title_card
from storyanim.film.clip import write_clip
from storyanim.film.film import assemble
from storyanim.film.timeline import Piece, lay_out

SMALL = FilmSettings(width_px=64, height_px=64, title_s=1.0)
TEXTS = ("", "Once upon a time — “there” was a bear.", "It rained {a lot}.")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, ...]:
    folders = [tmp_path_factory.mktemp(name) for name in ("title", "one", "two")]
    made = [title_card(folders[0], "The Bear", SMALL)]
    for number, folder in enumerate(folders[1:], start=1):
        rgb = np.full((8, 16, 16, 3), 80 * number, np.uint8)
        shot = Shot(id=f"s0{number}", text=TEXTS[number], query="q", prompt="p", duration_s=1.0)
        made.append(write_clip(folder, shot, Frames(rgb, 8.0), SMALL))
    return tuple(made)


def join(folder: Path, title: str, clips: Sequence[Clip], texts: Sequence[str], settings: FilmSettings) -> Film:
    pieces = [Piece(clip=clip, text=text) for clip, text in zip(clips, texts, strict=True)]
    return assemble(folder, lay_out(title, pieces), None, settings)


def tracks(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams]


def told(path: Path) -> list[tuple[float, float, str]]:
    """Start, end and words of each subtitle in the film's own track; empty ones fill the gaps."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        packets = [(packet, bytes(packet)) for packet in container.demux(stream) if packet.size > 2]
        return [(float(p.pts * p.time_base), float((p.pts + p.duration) * p.time_base), data[2:].decode()) for p, data in packets]


def test_the_film_is_as_long_as_its_clips(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    film = join(tmp_path, "The Bear", clips, TEXTS, SMALL)
    seen = video.probe(film.path)
    assert seen.num_frames == sum(clip.num_frames for clip in clips)
    assert film.duration_s == pytest.approx(seen.duration_s, abs=1e-3)
    assert film.clips == clips
    assert film.path == tmp_path / "film.mp4"
    with Image.open(tmp_path / "poster.jpg") as poster:
        assert np.abs(np.asarray(poster).astype(int) - video.read(film.path).rgb[0]).mean() < 3


def test_pictures_are_copied_not_coded_again(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    joined = video.read(join(tmp_path, "The Bear", clips, TEXTS, SMALL).path).rgb
    assert np.array_equal(joined, np.concatenate([video.read(clip.path).rgb for clip in clips]))


def test_words_are_a_track_and_a_file(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    film = join(tmp_path, "The Bear", clips, TEXTS, SMALL)
    assert tracks(film.path) == ["h264", "mov_text"]
    starts = [clips[0].duration_s, clips[0].duration_s + clips[1].duration_s]
    words = told(film.path)
    assert [text for _, _, text in words] == list(TEXTS[1:])
    assert [start for start, _, _ in words] == pytest.approx(starts, abs=2e-3)
    assert words[-1][1] == pytest.approx(film.duration_s, abs=2e-3)
    assert TEXTS[2] in (tmp_path / "film.srt").read_text("utf-8")


@pytest.mark.parametrize("subtitles", ["burned", "none"])
def test_no_track_when_words_are_burned_in_or_not_wanted(clips: tuple[Clip, ...], tmp_path: Path, subtitles: str) -> None:
    film = join(tmp_path, "The Bear", clips, TEXTS, SMALL.model_copy(update={"subtitles": subtitles}))
    assert tracks(film.path) == ["h264"]
    assert not (tmp_path / "film.srt").exists()


def test_a_film_without_words_has_no_track(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    assert tracks(join(tmp_path, "", clips[:1], [""], SMALL).path) == ["h264"]


def test_the_same_clips_give_the_same_bytes_anywhere(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    for name in ("a", "b folder's"):
        (tmp_path / name).mkdir()
        join(tmp_path / name, "The Bear", clips, TEXTS, SMALL)
    assert (tmp_path / "a" / "film.mp4").read_bytes() == (tmp_path / "b folder's" / "film.mp4").read_bytes()
    assert str(tmp_path).encode() not in (tmp_path / "a" / "film.mp4").read_bytes()


def test_markup_in_a_story_is_text_in_the_track(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    text = "He wrote <i>Oh</i>, {\\an8} & \\N, <b>loud</b>."
    film = join(tmp_path, "", clips[1:2], [text], SMALL)
    assert " ".join(told(film.path)[0][2].replace("\u2060", "").split()) == text
    assert "&lt;i&gt;" in (tmp_path / "film.vtt").read_text("utf-8").replace("\u2060", "")


def test_tracks_have_the_language(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    film = assemble(tmp_path, lay_out("", [Piece(clip=clips[1], text="Es war einmal.")], "de"), None, SMALL)
    with av.open(str(film.path)) as container:
        assert container.streams.subtitles[0].metadata["language"] == "deu"
