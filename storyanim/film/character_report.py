"""A page that shows how well a character was learned; with its pictures in it, one file to send."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from storyanim.artifacts import FrozenModel, UInt8
from storyanim.film.report import render_template

Curve = tuple[tuple[int, float], ...]                # (step, value)
_CHART_PX = 720, 220
_EDGE_PX = 44                                        # left of and below a chart, for its numbers


class DrawnPrompt(FrozenModel):
    """One prompt, drawn with the noun alone (before) and with the token (after). Cosines in [-1, 1]."""

    prompt: str
    likeness_before: float                           # of the figures, mean over the character's pictures
    likeness_after: float
    agreement_before: float                          # with the prompt
    agreement_after: float


class SceneCheck(FrozenModel):
    """Whether the text still decides on the surroundings: one prompt, one footage, one noise, N places."""

    prompts: tuple[str, ...]
    figure_hidden: bool  # whether the figure was made grey before pictures were compared
    spread_before: float                             # mean over all pairs of 1 - cosine
    spread_after: float
    ratio: float                                     # after over before
    least: float                                     # ratio under which is warned
    read_before: int  # drawings that are nearer to their own prompt than to the others
    read_after: int

    @property
    def overfits(self) -> bool:
        """Whether the token keeps to a scene: drawings differ too little, or two more show another place."""
        return self.ratio < self.least or self.read_after < self.read_before - 1


class CharacterReport(FrozenModel):
    """All that the page and the JSON tell."""

    name: str
    token: str
    noun: str
    profile: str
    pictures: int
    method: str
    steps: int                                       # learned
    chosen_step: int                                 # whose state was kept
    likeness_before: float                           # means over the prompts
    likeness_after: float
    likeness_of_pictures: float  # of the character's pictures with each other: about the most to hope for
    agreement_before: float
    agreement_after: float
    prompts: tuple[DrawnPrompt, ...]
    scenes: SceneCheck
    loss_curve: Curve                                # on what was learned from
    held_out_curve: Curve  # on views that nothing was learned from; empty without them
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Drawings:
    """Pictures of the page, (H, W, 3) each."""

    photos: Sequence[UInt8]
    before: Sequence[UInt8]                          # one a prompt
    after: Sequence[UInt8]
    places_before: Sequence[UInt8]                   # one a place
    places_after: Sequence[UInt8]


def render_character(report: CharacterReport, drawings: Drawings) -> str:
    """Return the page, as HTML that needs no other file."""
    return render_template(
        "character.html", {"inlined": _inlined}, report=report, drawings=drawings, chart=_chart(report))


def _inlined(rgb: UInt8) -> str:
    """Return a picture as a data address."""
    from PIL import Image

    out = BytesIO()
    Image.fromarray(rgb).save(out, "WEBP", quality=92)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def _chart(report: CharacterReport) -> dict[str, Any]:
    """Return both curves over the steps as SVG points, the axes' numbers, and where the chosen step lies."""
    width, height = _CHART_PX
    values = [value for curve in (report.loss_curve, report.held_out_curve) for _, value in curve]
    low, high = min(values), max(values)
    room = high - low or 1.0

    def across(step: int) -> float:
        return _EDGE_PX + (width - 2 * _EDGE_PX) * step / report.steps

    def down(value: float) -> float:
        return 10 + (height - 20 - _EDGE_PX) * (high - value) / room

    def points(curve: Curve) -> str:
        return " ".join(f"{across(step):.1f},{down(value):.1f}" for step, value in curve)

    return {
        "width": width, "height": height, "left": _EDGE_PX, "bottom": down(low),
        "chosen": across(report.chosen_step),
        "loss": points(report.loss_curve), "held_out": points(report.held_out_curve),
        "steps": [(across(step), step) for step in sorted({0, report.steps // 2, report.steps})],
        "values": [(down(value), f"{value:.3g}") for value in (low, (low + high) / 2, high)],
    }
