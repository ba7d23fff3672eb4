"""A review page that tests look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyanim.artifacts import Storyboard
from storyanim.review.app import Review
from storyanim.run import edits

TOKEN = "a-token-of-the-tests"
# Figures of a shot, one of them with a place.
TWO = [{"prompt": "a bear running"}, {"prompt": "a frog jumping", "boxes": [{"x0": 0.5, "y0": 0.2, "x1": 0.9, "y1": 1.0}]}]


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
