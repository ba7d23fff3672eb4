"""How long the review page of a long film takes: to open, to open a shot, to edit, to move a shot.

    python benchmarks/review_page.py runs/demo --shots 200 1000

The run's shots are repeated until there are so many. Prints a line for each number of shots: medians of five, in seconds,
in a Chromium that has its cache empty.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOKEN, TIMES = "token", 5


def make_long(run: Path, folder: Path, shots: int) -> None:
    """Copy a finished run, its shots repeated under new ids; films and depth stay behind."""
    from storyanim.run.edits import read_board
    from storyanim.run.pipeline import DRAWN

    board = read_board(run)
    many = []
    for number in range(shots):
        old = board.shots[number % len(board.shots)]
        many.append(old.model_copy(update={"id": f"s{number + 1:02d}"}))
        shutil.copytree(run / "shots" / old.id, folder / "shots" / many[-1].id, ignore=shutil.ignore_patterns("*.safetensors"))
    for name in ("run.json", "film.mp4", "film.srt", ".storyanim"):
        shutil.copy(run / name, folder / name)
    shutil.copytree(run / "film", folder / "film")
    longer = board.model_copy(update={"shots": tuple(many)})
    (folder / "storyboard.yaml").write_text(longer.to_yaml(), "utf-8")
    (folder / DRAWN).write_text(longer.model_dump_json(), "utf-8")


def serve(run: Path) -> str:
    """Serve a run's page from a thread; return its address."""
    import uvicorn

    from storyanim.review.app import build_app

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    port = listening.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(build_app(run, TOKEN, port), log_level="warning", lifespan="off"))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return f"http://127.0.0.1:{port}/?token={TOKEN}"


def median(act: Callable[[], object]) -> float:
    """Return the median seconds of an action."""
    taken = []
    for _ in range(TIMES):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def measure(run: Path, browser: Any) -> dict[str, float]:
    """Return what each action takes, in seconds."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(120_000)
    address, started = serve(run), time.perf_counter()
    page.goto(address)
    page.wait_for_load_state("load")
    found = {"first open": time.perf_counter() - started}
    found["open again"] = median(lambda: page.reload(wait_until="load"))
    ids = iter(range(2, 100))

    def open_shot() -> None:
        number = next(ids)
        page.locator(f"#card-s{number:02d} a").click()
        page.locator(f"#shot article[data-shot=s{number:02d}]").wait_for()

    found["open a shot"] = median(open_shot)

    def acting(button: str, before: Callable[[], object]) -> Callable[[], None]:
        def act() -> None:
            before()
            with page.expect_response(lambda answer: answer.request.method == "POST"):
                page.locator(button).click()
            page.locator(".htmx-request").first.wait_for(state="detached")

        return act

    found["save an edit"] = median(acting("#save", lambda: page.locator("#text").fill(f"Words at {time.time()}.")))
    found["move a shot"] = median(acting("#move-later", lambda: None))
    return found


def main() -> None:
    """Measure runs of as many shots as asked for."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--shots", type=int, nargs="+", default=[200, 1000])
    asked = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for shots in asked.shots:
            with tempfile.TemporaryDirectory() as folder:
                make_long(asked.run, Path(folder), shots)
                facts = measure(Path(folder), browser)
            print(f"{shots} shots  " + "  ".join(f"{name} {seconds:.2f} s" for name, seconds in facts.items()), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
