"""Results as Markdown, for the README."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storybook.evaluate.labels import ATTRIBUTES

Curve = list[tuple[float, float]]


@dataclass(frozen=True)
class Scores:
    """What was measured of one way of drawing."""

    values: dict[str, float]                         # the keys of eval.json
    change: float                                    # frame to frame, over that of rendered clips
    guide: float | None = None                       # correlation of the drawn frames' depth with the guide's


@dataclass(frozen=True)
class Fit:
    """Of N queries the share whose first hit does what was asked: as the judge reads it, and as its caption
    says, which errs
    where the judge does not.
    """

    count: int
    by_judge: float
    by_caption: float


@dataclass(frozen=True)
class Counts:
    """Shots drawn of each kind."""

    text: int
    structure: int
    long: int
    pairs: int
    camera: int


def storybook_table(
    text: Scores, structure: Scores, rendered: dict[str, float], seams: float, pairs: dict[str, float],
    camera: dict[str, float], counts: Counts,
) -> str:
    """Return text only, under structure, and rendered clips, side by side.

    Args:
        text: scores of shots from the text alone.
        structure: scores of shots under structure.
        rendered: accuracy of the judge on rendered clips of the same prompts.
        seams: change at the edges of windows over that inside, in the longest shots that the profile allows.
        pairs: "both", and "rendered", of prompts with two creatures.
        camera: "right" and "rendered", of prompts that say how the camera moves.
        counts: shots of each kind.
    """
    rows = [[f"right {name}", _percent(text.values[name]), _percent(structure.values[name]),
             _percent(rendered[name])]
            for name in (*ATTRIBUTES, "all")]
    rows += [
        [f"both of two creatures right in kind and colour ({counts.pairs} other prompts)",
         _percent(pairs["both"]), "",
         _percent(pairs["rendered"])],
        [f"camera pans, or stays, as the prompt says ({counts.camera} others)", _percent(camera["right"]), "",
         _percent(camera["rendered"])],
        ["Fréchet distance", *(f"{one.values['frechet']:.2f}" for one in (text, structure)), "0"],
        ["its floor (rendered clips)", *(f"{one.values['frechet_floor']:.2f}" for one in (text, structure)),
         ""],
        ["flicker, times rendered", *(f"{one.values['flicker']:.2f}" for one in (text, structure)), "1"],
        ["frame-to-frame change, times rendered", *(f"{one.change:.2f}" for one in (text, structure)), "1"],
        [f"change at the seams of {counts.long} long shots, times inside", f"{seams:.2f}", "", ""],
        ["depth correlation with the guide", "", "" if structure.guide is None else f"{structure.guide:.2f}",
         ""],
        ["seconds a shot", *(f"{one.values['seconds_a_shot']:.1f}" for one in (text, structure)), ""],
    ]
    head = ["", f"text only ({counts.text} prompts)", f"structure of another clip ({counts.structure})",
            "rendered (the judge's ceiling)"]
    return _markdown(head, rows)


def structure_table(fvd: dict[str, float], curves: dict[str, Curve], counts: tuple[int, int]) -> str:
    """Fréchet distances, the curve over control_guidance_end, and the one over the features' scale.

    Args:
        fvd: "text", "text_depth" and "floor".
        curves: "guide" and "creature" over control_guidance_end, "rescaled_guide" and "rescaled_creature"
            over the scale.
        counts: clips of each Fréchet distance, shots of each point of the curves.
    """
    distances = _markdown([f"Fréchet video distance ({counts[0]} clips)", ""], [
        ["text only", f"{fvd['text']:.2f}"], ["text and depth", f"{fvd['text_depth']:.2f}"],
        ["floor (rendered clips)", f"{fvd['floor']:.2f}"],
    ])
    head = [f"({counts[1]} shots)", "depth correlation with the guide", "creature as the text says"]
    clamped = _curve_rows("control_guidance_end", curves["guide"], curves["creature"])
    rescaled = _curve_rows("features times", curves["rescaled_guide"], curves["rescaled_creature"])
    return "\n".join([distances, _markdown(["clamped", *head[1:]], clamped),
                      _markdown(["rescaled", *head[1:]], rescaled)])


def personalization_table(result: dict[str, Any], counts: tuple[int, int, int]) -> str:
    """Return the methods side by side, and what becomes of likeness as the structure ends later.

    Args:
        result: what `eval personalization` gives.
        counts: characters, prompts and seeds.
    """
    characters, prompts, seeds = counts
    head = [f"{characters} characters × {prompts} prompts × {seeds} seeds", "semantic (scene, action)",
            "identity (creature, colour, accessory)", *(f"right {name}" for name in ATTRIBUTES),
            "CLIP text-frame",
            "CLIP image-frame", "coat's colour off by (ΔE)", "learning", "file"]
    rows = [[name.replace("_", " "), *_likeness(one), f"{one['seconds']:.0f} s",
             f"{one['bytes'] / 1e6:.2f} MB"]
            for name, one in result["methods"].items()]
    rows.append(["words alone", *_likeness(result["words"]), "", ""])
    rows.append(["rendered clips", *_likeness(result["rendered"]), "", ""])
    over = ["structure until", "semantic", "identity", *(f"right {name}" for name in ATTRIBUTES)]
    names = ("semantic", "identity", *ATTRIBUTES)
    curve = [[f"{point['control_guidance_end']:g}", *(_percent(point[name]) for name in names)]
             for point in result["control_guidance_end"]]
    tables = [_markdown(head, rows), _markdown(over, curve)]
    if together := result.get("together"):
        tables.append(_markdown([f"two characters in a shot ({together['shots']:.0f} shots)", "drawn",
                                 "rendered"], [
            ["both right in kind and colour", _percent(together["both"]), _percent(together["rendered"])],
            ["one at least", _percent(together["one"]), ""],
        ]))
    if shades := result.get("shades"):
        columns = {"semantic": _percent, "creature": _percent, "clip_image": "{:.3f}".format,
                   "colour_error": "{:.1f}".format}
        rows = [[way.replace("_", " "), *(show(one[name]) for name, show in columns.items())] for way,
                one in shades.items()]
        tables.append(_markdown(["a colour without a name", "semantic", "right creature", "CLIP image-frame",
                                 "coat's colour off by (ΔE)"], rows))
    return "\n".join(tables)


def retrieval_table(
    result: dict[str, Any], fits: tuple[Fit, Fit], read: dict[str, dict[str, float]],
    footage: dict[str, float],
    counts: tuple[int, int],
) -> str:
    """Recall in three ways, how well the footage fits, and what is right in shots drawn on it.

    Args:
        result: what `eval retrieval` gives.
        fits: of plain queries, and of those in other words.
        read: way of drawing, and "rendered" → accuracy.
        footage: way → share of the footage itself that does what the prompt says.
        counts: clips searched, shots of each way.
    """
    searched = [[name, *(_percent(one[f"r{most}"]) for most in (1, 5, 10)), f"{one['median_rank']:g}"]
                for name, one in result["recall"].items()]
    fitting = [["by the judge", *(_percent(fit.by_judge) for fit in fits)],
               ["by its caption", *(_percent(fit.by_caption) for fit in fits)]]
    rows = [["action of the footage", *(_percent(footage[way]) if way in footage else "" for way in read)]]
    rows += [[f"right {name}", *(_percent(right[name]) for right in read.values())]
             for name in (*ATTRIBUTES, "all")]
    return "\n".join([
        _markdown([f"{counts[0]} held-out clips", "R@1", "R@5", "R@10", "median rank"], searched),
        _markdown(["first hit does what is asked", f"in plain words ({fits[0].count})",
                   f"in held-out ones ({fits[1].count})"],
                  fitting),
        _markdown([f"drawn ({counts[1]} shots each) on footage", *read], rows),
    ])


def loop_table(result: dict[str, Any]) -> str:
    """Return the table of a result, Markdown."""
    before, after, said, seconds = (result[name] for name in ("before", "after", "reader", "seconds"))
    count, redrawn = result["prompts"], result["redrawn"]
    rows = [[f"right {name}", _percent(before[name]), _percent(after[name])] for name in (*ATTRIBUTES, "all")]
    rows += [
        ["drawings", str(count), f"{count + redrawn}"],
        ["seconds of reading, of drawing", "", f"{seconds['reading']:.2f}, {seconds['frames']:.1f}"],
        ["wrong first drawings that the reader found, missed", "",
         f"{said['wrong_found']}, {said['wrong_missed']}"],
        ["right ones that it drew again, passed", "", f"{said['right_redrawn']}, {said['right_passed']}"],
        *([f"planted: {name}, found", "", _percent(share)] for name, share in result["planted"].items()),
        ["right ones that it called broken", "", str(said["right_called_broken"])],
        [f"called broken of {result['rendered']['clips']} rendered clips", "",
         str(result["rendered"]["faults"])],
        ["rendered clips below the mark; wrong by the judge", "",
         f"{result['rendered']['below_mark']}; {result['rendered']['judged_wrong']}"],
    ]
    return _markdown(["", "drawn once", f"drawn again at most {result['retries']} times"], rows)


def _likeness(one: dict[str, Any]) -> list[str]:
    counted = [f"{_percent(one[name])} "
               f"({100 * one[f'{name}_interval'][0]:.0f}–{100 * one[f'{name}_interval'][1]:.0f})"
               for name in ("semantic", "identity")]
    return [*counted, *(_percent(one[name]) for name in ATTRIBUTES), f"{one['clip_text']:.3f}",
            f"{one['clip_image']:.3f}",
            f"{one['colour_error']:.1f}"]


def _curve_rows(name: str, guide: Curve, creature: Curve) -> list[list[str]]:
    points = zip(guide, creature, strict=True)
    return [[f"{name} {at:g}", f"{follow:.3f}", _percent(share)] for (at, follow), (_, share) in points]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
