"""One figure stays one figure: counted on maps and clips of which the answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_judge import save_judge

from storyanim.artifacts import Frames
from storybook.evaluate.judge import Judge
from storybook.evaluate.steadiness import FrameReading, count_figures, read_frames, steadiness
from storybook.world import render_clip, sample_spec


def cover(*places: tuple[int, int, float]) -> np.ndarray:
    cells = np.zeros((1, 8, 8), np.float32)
    for row, column, share in places:
        cells[0, row, column] = share
    return cells


@pytest.mark.parametrize(("places", "count"), [
    ((), 0),
    (((2, 2, 0.9),), 1),
    (((2, 2, 0.5),), 0),                             # too small
    (((2, 2, 0.5), (2, 3, 0.5)), 1),
    (((2, 2, 0.9), (3, 3, 0.9)), 2),                 # corners do not touch
    (((2, 2, 0.9), (2, 3, 0.3), (2, 4, 0.9)), 2),    # a gap that is hardly covered
])
def test_pieces_of_a_map_are_counted(places: tuple[tuple[int, int, float], ...], count: int) -> None:
    assert count_figures(cover(*places)).tolist() == [count]


def test_frames_are_compared_with_most_of_their_clip() -> None:
    labels = np.zeros((4, 5), np.int8)
    labels[3, 0] = 2                                 # another creature for one frame of four
    labels[:2, 1] = 1                                # two colours, half of the frames each
    changing = FrameReading(labels, np.array([1, 2, 1, 0]))
    calm = FrameReading(np.ones((4, 5), np.int8), np.ones(4, np.int64))
    assert steadiness([changing, calm]) == {
        "frames_with_wrong_figures": 2 / 8, "frames_of_another_creature": 1 / 8, "frames_of_another_colour": 2 / 8,
    }
    assert steadiness([calm], wanted=2)["frames_with_wrong_figures"] == 1


def test_the_judge_counts_one_figure_in_rendered_clips_and_two_of_two() -> None:
    def found(num_actors: int) -> float:
        specs = [sample_spec(9_700_000 + k, num_actors=num_actors) for k in range(4)]
        clips = [Frames(render_clip(spec, num_frames=3).rgb, 8.0) for spec in specs]
        return steadiness(read_frames(Judge(), clips), num_actors)["frames_with_wrong_figures"]

    assert found(1) == 0
    assert found(2) < 0.5


def test_every_frame_is_read_whatever_the_length(tmp_path: Path) -> None:
    clip = Frames(np.zeros((11, 40, 40, 3), np.uint8), 8.0)
    labels, cells = Judge(save_judge(tmp_path)).read_frames(clip)
    assert labels.shape == (11, 5)
    assert cells.shape == (11, 2, 2)
    assert (labels == labels[0]).all()
