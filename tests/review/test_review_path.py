"""What somebody does who has never seen the page, on a run of a tiny real family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from review_page import Served, open_shot, says, until

from storyanim import api
from storyanim.artifacts import Story
from storyanim.run import edits


@pytest.fixture
def run(tmp_path: Path, profile: Path, real_index: Path) -> Path:
    story = Story(title="A bear", text="A bear runs in the forest. A green frog jumps. The bear sleeps.\n")
    return api.make_film(story, out=tmp_path / "run", profile=profile, index=real_index,
                         settings={"check": {"retries": 0}}).folder


def test_open_dislike_pick_redo_choose_export(page: Any, served: Served) -> None:
    page.set_default_timeout(120_000)
    first = (served.run / "film.mp4").read_bytes()
    page.evaluate("document.querySelector('#player').play()")
    page.locator("#card-s01.now").wait_for()

    open_shot(page, "s03")
    page.locator("#play-2").click()
    until(page, "document.querySelector('.found video')?.currentTime > 0.05")
    clip = page.locator("#pin-2").get_attribute("value")
    page.locator("#pin-2").click()
    says(page, "s03 moves as this footage does")
    page.locator("#redo").click()
    says(page, "the film is up to date")
    assert served.shot("s03").pinned == clip
    assert (served.run / "film.mp4").read_bytes() != first
    old, new = edits.list_takes(served.run, "s03")
    assert (old.in_film, new.in_film, new.take.footage) == (False, True, clip)

    page.locator("#choose-1").click()
    says(page, "take 1 of s03 comes into the film")
    says(page, "the film is up to date")
    page.locator("#export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="The film, MP4").click()
    assert Path(download.value.path()).read_bytes() == first        # nothing was lost on the way
