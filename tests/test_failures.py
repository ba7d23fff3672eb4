"""Story to film with fakes: what happens when something fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import fakes
import pytest
from coloured import ColourEncoder
from fakes import Studio

from storyanim import video
from storyanim.errors import (
    FilmError,
    IndexFolderError,
    PartialError,
    ResourceError,
    ServiceError,
    VideoError,
)
from storyanim.retrieve.build import build_index
from storyanim.retrieve.index import VideoIndex


class Broken:
    """Raises at one call of the diary, while it is broken."""

    def __init__(self, call: str, error: Exception) -> None:
        self.call, self.error = call, error

    def __call__(self, call: str) -> None:
        if self.call in ("any draw", call) and (self.call == call or call.startswith("draw")):
            raise self.error


class TestFailures:
    @pytest.mark.parametrize("error", [VideoError("cut off", hint="h"), ServiceError("gone", hint="h"), ValueError("odd")])
    def test_a_shot_that_fails_leaves_the_others(self, studio: Studio, whole_film: bytes, error: Exception) -> None:
        studio.diary.on_call = Broken("draw s02", error)
        production = studio.make()
        assert production.failed == {"s02": str(error)}
        assert video.probe(studio.folder / "film.mp4").duration_s == pytest.approx(1.0)
        with pytest.raises(PartialError) as caught:
            production.check_complete()
        assert caught.value.failed == production.failed
        studio.diary.on_call = lambda call: None
        studio.diary.read()
        studio.make().check_complete()
        assert studio.diary.read() == ["draw s02"]
        assert studio.film == whole_film

    def test_what_may_pass_is_tried_once_more(self, studio: Studio) -> None:
        tries: list[str] = []

        def fails_once(call: str) -> None:
            tries.append(call)
            if call == "draw s02" and tries.count(call) == 1:
                raise ServiceError("busy", hint="h")

        studio.diary.on_call = fails_once
        assert studio.make().failed == {}
        assert tries.count("draw s02") == 2

    def test_when_all_fail_the_error_is_theirs(self, studio: Studio) -> None:
        studio.diary.on_call = Broken("any draw", VideoError("cut off", hint="h"))
        with pytest.raises(VideoError, match="cut off"):
            studio.make()
        assert not (studio.folder / "film.mp4").exists()

    def test_when_no_footage_can_be_found_the_error_is_the_index(self, studio: Studio) -> None:
        encoder = fakes.FakeEncoder(studio.diary)
        encoder.fingerprint = "another"  # type: ignore[misc]
        studio.use(encoder=encoder)
        with pytest.raises(IndexFolderError, match="another encoder"):
            studio.make()

    @pytest.mark.parametrize("error", [ResourceError("memory", hint="h"), FilmError("ffmpeg", hint="h"), MemoryError()])
    def test_a_machine_that_fails_ends_the_run(self, studio: Studio, error: Exception) -> None:
        studio.diary.on_call = Broken("draw s02", error)
        with pytest.raises(ResourceError):
            studio.make()
        assert "draw s03" not in studio.diary.read()

    def test_a_lost_video_fails_its_shot_until_it_is_back(self, tmp_path: Path, videos: Path, whole_film: bytes) -> None:
        mine = shutil.copytree(videos, tmp_path / "videos")
        build_index([mine], tmp_path / "index", ColourEncoder())
        studio = Studio(tmp_path / "run", VideoIndex(tmp_path / "index", min_motion=0.004))
        lost = mine / "more" / "green_frog.mp4"
        lost.rename(tmp_path / "away.mp4")
        production = studio.make()
        assert list(production.failed) == ["s02"]
        assert "green_frog.mp4" in production.failed["s02"]
        (tmp_path / "away.mp4").rename(lost)
        studio.diary.read()
        assert studio.make().failed == {}
        assert studio.diary.read() == ["depth green", "draw s02"]
        assert studio.film == whole_film
