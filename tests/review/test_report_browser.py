"""A run's report in a real browser, from the disk: subtitles, folds, keys, a phone, paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storyanim.engine.run_dir import RunDir
from storyanim.film import report
from storyanim.run.report import write_report
from storyanim.run.request import read_request


@pytest.fixture
def opened(browser: Any, run: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The report in a window of its own; with a parameter, of a film that counts as long from so many shots on."""
    monkeypatch.setattr(report, "MAX_UNFOLDED", getattr(request, "param", 12))
    with RunDir(run) as open_run:
        path = write_report(open_run, read_request(run).settings())
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    yield page
    page.close()
    assert complaints == []


def open_shots(page: Any) -> list[str]:
    return page.locator("details.shot[open]").evaluate_all("all => all.map(shot => shot.id)")


def test_it_shows_the_subtitles(opened: Any) -> None:
    cues = "document.querySelector('.top video').textTracks[0].cues"
    for _ in range(100):
        if opened.evaluate(f"{cues}?.length"):
            break
        opened.wait_for_timeout(50)
    assert opened.evaluate(f"[...{cues}].map(cue => cue.text)") == ["A red bear runs.", "A green frog jumps.", "A blue wave comes."]


def test_a_short_film_is_unfolded(opened: Any) -> None:
    assert open_shots(opened) == ["s01", "s02", "s03"]
    assert "storyanim shot redo run s02" in opened.locator("#s02").inner_text()


@pytest.mark.parametrize("opened", [2], indirect=True)
def test_a_long_film_is_folded(opened: Any) -> None:
    assert open_shots(opened) == []
    opened.locator("nav a").nth(1).click()
    opened.locator("#s02[open]").wait_for()
    assert open_shots(opened) == ["s02"]
    opened.locator("#unfold").click()
    assert open_shots(opened) == ["s01", "s02", "s03"]


@pytest.mark.parametrize("opened", [2], indirect=True)
def test_arrow_keys_go_from_shot_to_shot(opened: Any) -> None:
    for key, shot in (("ArrowRight", "s01"), ("ArrowRight", "s02"), ("ArrowRight", "s03"), ("ArrowRight", "s03"), ("ArrowLeft", "s02")):
        opened.keyboard.press(key)
        assert opened.evaluate("document.activeElement.closest('details').id") == shot
    assert open_shots(opened) == ["s01", "s02", "s03"]


def test_it_fits_a_phone(opened: Any) -> None:
    opened.set_viewport_size({"width": 360, "height": 740})
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360


def test_it_prints_without_videos(opened: Any) -> None:
    opened.emulate_media(media="print")
    assert opened.locator("video:visible").count() == 0
    assert opened.locator("details.shot img.strip:visible").count() >= 3
    assert opened.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("opened", [2], indirect=True)
def test_what_was_not_looked_at_is_printed(opened: Any) -> None:
    opened.wait_for_function("[...document.images].every(picture => picture.complete && picture.naturalWidth)", timeout=20_000)
    assert open_shots(opened) == []
    opened.pdf()
    assert opened.locator("#sheet[open]").count() == 1
