"""A run that fakes made, the review page of a copy of it, and a browser."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import STORY, Diary, install_fakes
from review_page import TOKEN, Served

from storyanim import api
from storyanim.artifacts import Role, Storyboard
from storyanim.retrieve.index import VideoIndex
from storyanim.review.app import Review
from storyanim.review.guard import Guard


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory, index_folder: Path) -> Path:
    """A run of three shots, with somebody in its cast. Not to be changed."""
    folder = tmp_path_factory.mktemp("review") / "run"
    with pytest.MonkeyPatch.context() as patch:
        install_fakes(patch, VideoIndex(index_folder, min_motion=0.004), candidates=3)
        api.make_film(STORY, out=folder, profile="storybook")
    path = folder / "storyboard.yaml"
    head, _, text = path.read_text("utf-8").partition("\n")
    cast = (Role(name="bear", noun="bear", first_shot="s01", num_shots=1, played_by="brown bear"),)
    path.write_text(f"{head}\n" + Storyboard.from_yaml(text).model_copy(update={"cast": cast}).to_yaml(), "utf-8")
    return folder


@pytest.fixture
def diary(index: VideoIndex, monkeypatch: pytest.MonkeyPatch) -> Diary:
    """Of the fakes that take the place of the real doers."""
    return install_fakes(monkeypatch, index, candidates=3)


@pytest.fixture
def run(_made: Path, tmp_path: Path, diary: Diary) -> Path:
    """A finished run of three shots."""
    folder = tmp_path / "run"
    shutil.copytree(_made, folder)
    return folder


@pytest.fixture
def served(run: Path) -> Iterator[Served]:
    """The page of `run`, served by a thread."""
    import uvicorn

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        review = Review(run)
        config = uvicorn.Config(Guard(review.app, TOKEN, port), log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield Served(run, port, review)
        review.drawing.stop()
        review.drawing.wait(30)
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Any]:
    """The review page in a new window; any complaint in its console fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.complaints = complaints
    page.set_default_timeout(20_000)
    page.goto(served.address)
    yield page
    context.close()
    assert complaints == []
