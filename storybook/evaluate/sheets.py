"""What was drawn, unpicked, in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from storyanim.artifacts import Character, DepthTrack, Frames
from storyanim.personalize.images import load_image
from storyanim.sheet import INK, Layout, Row, contact_sheet, evenly_spaced, png_bytes
from storybook.evaluate.labels import ATTRIBUTES, Labels, labels_of, words_of
from storybook.evaluate.trials import Trial

FRAMES_PER_SHOT, FRAMES_PER_ROW = 3, 6               # on the sheets of many trials, of one shot or character
MAX_TRIALS = 24
_CELL_PX = (96, 96)
_WRONG = "#be1e1e"
_TRIALS = Layout(cell_px=_CELL_PX, gap_px=2, columns=2, font_px=10, caption_colors=(INK, _WRONG))
_RETRIEVAL = Layout(cell_px=_CELL_PX, gap_px=2, font_px=11)
_LABELLED = Layout(cell_px=_CELL_PX, label_px=110, font_px=11)


def storybook_sheet(
    asked: Sequence[Trial], drawn: Sequence[Frames], guided: Sequence[Frames], read: Labels
) -> bytes:
    """Return a PNG of the first trials: three frames from the text alone, three under structure if drawn.

    Below them stand the prompt and what the judge read otherwise in the former.
    """
    rows = []
    for k, trial in enumerate(asked[:MAX_TRIALS]):
        images = evenly_spaced(drawn[k].rgb, FRAMES_PER_SHOT)
        images += evenly_spaced(guided[k].rgb, FRAMES_PER_SHOT) if k < len(guided) else []
        rows.append(Row(images, captions=(trial.prompt, _misread(trial, read[k]))))
    return png_bytes(contact_sheet(rows, _TRIALS))


def structure_sheet(
    trial: Trial, guide: tuple[Frames, DepthTrack], rows: Sequence[tuple[str, Frames]]
) -> bytes:
    """Return a PNG of one shot: the guiding clip, its depth, and the shot drawn in each way."""
    depth = np.rint(guide[1].inverse_depth * 255).astype(np.uint8)
    lines = [("the guide", guide[0].rgb), ("its depth", depth)]
    lines += [(name, frames.rgb) for name, frames in rows]
    shown = [Row(evenly_spaced(frames, FRAMES_PER_ROW), name) for name, frames in lines]
    return png_bytes(contact_sheet(shown, _LABELLED, trial.prompt))


def personalization_sheet(cast: Sequence[Character], shown: dict[str, list[Frames]]) -> bytes:
    """Return a PNG of each character's pictures, and below them its first shot by each method."""
    rows = []
    for number, who in enumerate(cast):
        rows.append(Row([load_image(path, *_CELL_PX) for path in who.images], who.name))
        rows += [Row(evenly_spaced(clips[number].rgb, FRAMES_PER_ROW), method.replace("_", " "))
                 for method, clips in shown.items()]
    return png_bytes(contact_sheet(rows, _LABELLED))


def retrieval_sheet(
    asked: Sequence[Trial], footage: dict[str, list[Frames]], drawn: dict[str, list[Frames]]
) -> bytes:
    """Return a PNG of the first trials: of each way three frames of footage, if any, and of the drawing."""
    kinds = (("footage", footage), ("drawn", drawn))
    blocks = [(f"{way}: {what}", clips[way]) for way in drawn for what, clips in kinds if way in clips]
    rows = []
    for k, trial in enumerate(asked[:MAX_TRIALS]):
        images = [frame for _, clips in blocks for frame in evenly_spaced(clips[k].rgb, FRAMES_PER_SHOT)]
        rows.append(Row(images, captions=(trial.prompt,)))
    return png_bytes(contact_sheet(rows, _RETRIEVAL, "  |  ".join(title for title, _ in blocks)))


def regions_sheet(prompts: Sequence[str], clips: Mapping[str, Sequence[Frames]]) -> bytes:
    """Return a PNG, one line a prompt: three moments of each way of drawing beside one another."""
    rows = [Row([frame for drawn in clips.values() for frame in evenly_spaced(drawn[k].rgb, FRAMES_PER_SHOT)],
                captions=[prompt]) for k, prompt in enumerate(prompts)]
    return png_bytes(contact_sheet(rows, _RETRIEVAL, " | ".join(clips)))


def _misread(trial: Trial, read: Labels) -> str:
    labels = labels_of(trial.spec, world=trial.world)
    wanted, found = words_of(labels, trial.world), words_of(read, trial.world)
    wrong = [f"{name}: {found[name]} for {wanted[name]}" for name in ATTRIBUTES
             if wanted[name] not in ("?", found[name])]
    return ", ".join(wrong)
