"""The figure in front, by depth."""

from __future__ import annotations

import numpy as np

from storyanim.personalize.foreground import foreground


def scene(figure: slice | None, value: float = 0.9) -> np.ndarray:
    """Ground that comes nearer towards the lower edge, and a figure that stands on it."""
    inverse_depth = np.repeat(np.linspace(0.0, 0.8, 96, dtype=np.float32)[:, None], 96, axis=1)
    if figure:
        inverse_depth[20:80, figure] = value
    return inverse_depth


def test_figure_counts_and_ground_does_not() -> None:
    sure = foreground(scene(slice(36, 60)))
    assert (sure[20:78, 36:60] > 0.5).all()          # to its feet, which are as near as the ground they stand on
    assert (sure[:, :28] == 0).all()
    assert (sure[:, 68:] == 0).all()
    assert (sure[90:] == 0).all()                    # ground as near as the figure


def test_edges_of_the_figure_are_spared() -> None:
    sure = foreground(scene(slice(36, 60)))
    assert sure[17, 48] == sure[40, 33] == sure[40, 62] == 1


def test_everything_counts_where_no_figure_stands_out() -> None:
    assert (foreground(scene(None)) == 1).all()
    assert (foreground(np.full((40, 60), 0.5, np.float32)) == 1).all()
    assert (foreground(scene(slice(48, 49))) == 1).all()
    assert (foreground(scene(slice(0, 80))) == 1).all()
