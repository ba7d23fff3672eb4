"""Drawn shots are read back; what is not as asked is drawn again with the next seed, and the best is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from moving_picture import picture

from storyanim.artifacts import Asked, Check, Frames, Reading
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step
from storyanim.errors import ServiceError
from storyanim.run.checked import choose_drawing, draw_checked, keys_of_drawings, what_is_wrong

ASKED = Asked(text="a fox jumping")
BLACK = Frames(np.zeros((4, 64, 64, 3), np.uint8), 8.0)
PLACE = "shots/s03"


@dataclass
class Reader:
    """Scores drawings by how bright they are."""

    fingerprint: str = "reader"
    is_there: bool = True
    reads: int = 0

    def read(self, frames: Frames, asked: Asked) -> Reading:
        if not self.is_there:
            raise ServiceError("no answer", hint="wait")
        self.reads += 1
        score = round(float(frames.rgb.mean()) / 255, 3)
        return Reading(by="test", score=score, mark=0.5, remarks=("the fox does not jump",) if score < 0.5 else ())


def brightness(mean: float) -> Frames:
    rgb = picture().rgb.astype(float)
    return Frames((rgb - rgb.mean() + 255 * mean).clip(0, 255).astype(np.uint8), 8.0)


@dataclass
class Drawer:
    run: RunDir
    drawings: list[Frames]
    fingerprint: str = "drawer"
    drawn: list[int] = field(default_factory=list)

    def __call__(self, name: str, number: int) -> Step[Frames]:
        return self.run.step(name, draw_one, number, self)


def draw_one(number: int, drawer: Drawer) -> Frames:
    drawer.drawn.append(number)
    return drawer.drawings[number]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    with RunDir(tmp_path / "run") as opened:
        yield opened


@pytest.mark.parametrize(("means", "retries", "drawn", "chosen"), [
    ([0.6], 1, [0], 0),
    ([0.4, 0.6], 1, [0, 1], 1),
    ([0.4, 0.3], 1, [0, 1], 0),
    ([0.3, 0.4, 0.6], 1, [0, 1], 1),
    ([0.3, 0.4, 0.6], 2, [0, 1, 2], 2),
    ([0.3], 0, [0], 0),
])
def test_the_best_drawing_is_kept(run: RunDir, means: list[float], retries: int, drawn: list[int], chosen: int) -> None:
    drawer = Drawer(run, [brightness(mean) for mean in means])
    frames, check = draw_checked(run, PLACE, drawer, ASKED, Reader(), retries)
    assert drawer.drawn == drawn
    assert check.value.chosen == chosen
    assert [round(reading.score, 1) for reading in check.value.readings] == means[:len(drawn)]
    assert np.array_equal(frames.value.rgb, drawer.drawings[chosen].rgb)
    assert frames.name == (f"{PLACE}/frames-{chosen + 1}" if chosen else f"{PLACE}/frames")
    assert keys_of_drawings(run, PLACE) >= {frames.key}


@pytest.mark.parametrize(("drawings", "chosen"), [((BLACK, brightness(0.6)), 1), ((BLACK, brightness(0.2)), 1), ((BLACK, BLACK), 0)])
def test_a_broken_drawing_is_never_read_nor_kept(run: RunDir, drawings: tuple[Frames, Frames], chosen: int) -> None:
    check = draw_checked(run, PLACE, Drawer(run, list(drawings)), ASKED, Reader(), 1)[1].value
    assert check.chosen == chosen
    assert check.readings[0] == Reading(score=0.0, faults=("black",))


def test_what_is_done_is_not_done_again_and_retries_only_add(run: RunDir) -> None:
    drawer, reader = Drawer(run, [brightness(mean) for mean in (0.3, 0.4, 0.6)]), Reader()

    def chosen(retries: int) -> int:
        drawer.drawn.clear()
        reader.reads = 0
        return draw_checked(run, PLACE, drawer, ASKED, reader, retries)[1].value.chosen

    assert (chosen(1), drawer.drawn, reader.reads) == (1, [0, 1], 2)
    assert (chosen(1), drawer.drawn, reader.reads) == (1, [], 0)
    assert (chosen(2), drawer.drawn, reader.reads) == (2, [2], 1)
    assert (chosen(0), drawer.drawn, reader.reads) == (0, [], 0)
    with run.only_done():
        assert chosen(0) == 0


def test_a_reader_that_does_not_answer_costs_no_shot(run: RunDir, caplog: pytest.LogCaptureFixture) -> None:
    check = draw_checked(run, PLACE, Drawer(run, [brightness(0.3)]), ASKED, Reader(is_there=False), 1)[1]
    assert check.value == Check(readings=(Reading(),))
    assert "could not be read back" in caplog.text
    later = draw_checked(run, PLACE, Drawer(run, [brightness(0.3), brightness(0.6)]), ASKED, Reader(), 1)[1].value
    assert later.chosen == 1                          # which was not taken for its reading


def test_faults_count_more_than_scores() -> None:
    good, bad, broken = Reading(score=0.4, mark=0.5), Reading(score=0.2, mark=0.5), Reading(score=0.9, faults=("frozen",))
    assert choose_drawing([broken, bad]).reading == bad
    assert choose_drawing([bad, good, broken]).chosen == 1
    assert choose_drawing([good, good]).chosen == 0


@pytest.mark.parametrize(("reading", "words"), [
    (Reading(), ""),
    (Reading(score=0.2, mark=0.5, remarks=("the fox does not jump", "it is not in the snow")),
     "the fox does not jump, it is not in the snow"),
    (Reading(faults=("black",)), "it came out black"),
    (Reading(score=0.2, mark=0.5), "it scores 0.20, below 0.50"),
])
def test_what_is_wrong_in_plain_words(reading: Reading, words: str) -> None:
    assert what_is_wrong(reading) == words
