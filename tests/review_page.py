"""A review page that tests look at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyanim.artifacts import Storyboard
from storyanim.review.app import Review
from storyanim.run import edits

TOKEN = "a-token-of-the-tests"
# Figures of a shot, one of them with a place.
TWO = [{"prompt": "a bear running"}, {"prompt": "a frog jumping", "boxes": [{"x0": 0.5, "y0": 0.2, "x1": 0.9, "y1": 1.0}]}]


def says(page: Any, text: str) -> None:
    """The page's own line says so."""
    page.locator("#message").get_by_text(re.compile(text)).wait_for()


def until(page: Any, expression: str) -> None:
    """It is so within the page's patience; its policy forbids playwright's own way, which evaluates text."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {expression}")


def open_shot(page: Any, shot: str) -> None:
    page.locator(f"#card-{shot} a").click()
    page.locator(f"#shot article[data-shot={shot}]").wait_for()


@dataclass
class Served:
    """A review page that answers on this machine."""

    run: Path
    port: int
    review: Review

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}"

    def board(self) -> Storyboard:
        return edits.read_board(self.run)

    def shot(self, shot_id: str) -> Any:
        return edits.find_shot(self.board(), shot_id)
