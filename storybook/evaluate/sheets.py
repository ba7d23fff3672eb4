"""What was drawn, unpicked, in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from textwrap import wrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from storyanim.artifacts import Character, DepthTrack, Frames, UInt8
from storyanim.personalize.images import load_image
from storybook.evaluate.labels import ATTRIBUTES, Labels, labels_of, words_of
from storybook.evaluate.trials import Trial

FRAME_PX, GAP_PX, WORDS_PX, LEFT_PX = 96, 6, 30, 110
# frames of each shot: on the storybook sheet, in a row of the other
SHOWN, IN_A_ROW = 3, 6
MOST_TRIALS, COLUMNS = 24, 2
_LABEL_CHARACTERS = 17                               # of a line left of the pictures
_WRONG = (190, 30, 30)


def storybook_sheet(asked: Sequence[Trial], drawn: Sequence[Frames], guided: Sequence[Frames],
                    read: Labels) -> bytes:
    """PNG of the first trials: three frames from the text alone, three under structure where it was drawn, the prompt, and
    what the judge read otherwise in the former.
    """
    shown = min(MOST_TRIALS, len(asked))
    wide, high = 2 * SHOWN * FRAME_PX + 3 * GAP_PX, FRAME_PX + WORDS_PX
    page = Image.new("RGB", (COLUMNS * wide, -(-shown // COLUMNS) * high), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(10)
    for k in range(shown):
        left, top = GAP_PX + (k % COLUMNS) * wide, (k // COLUMNS) * high
        _paste(page, drawn[k].rgb, SHOWN, (left, top))
        if k < len(guided):
            _paste(page, guided[k].rgb, SHOWN, (left + SHOWN * FRAME_PX + GAP_PX, top))
        draw.text((left, top + FRAME_PX + 1), wrap(asked[k].prompt, 105)[0], fill="black", font=font)
        draw.text((left, top + FRAME_PX + 13), _misread(asked[k], read[k]), fill=_WRONG, font=font)
    return _png(page)


def structure_sheet(trial: Trial, guide: tuple[Frames, DepthTrack],
                    rows: Sequence[tuple[str, Frames]]) -> bytes:
    """PNG of one shot: the guiding clip, its depth, and the shot drawn in each way."""
    grey = np.repeat(np.rint(guide[1].inverse_depth * 255).astype(np.uint8)[..., None], 3, axis=-1)
    lines = [("the guide", guide[0].rgb), ("its depth", grey), *((name, frames.rgb) for name, frames in rows)]
    page = Image.new("RGB", (LEFT_PX + IN_A_ROW * FRAME_PX, WORDS_PX + len(lines) * (FRAME_PX + GAP_PX)),
                     "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(11)
    draw.text((GAP_PX, GAP_PX), trial.prompt, fill="black", font=font)
    for k, (name, rgb) in enumerate(lines):
        top = WORDS_PX + k * (FRAME_PX + GAP_PX)
        draw.text((GAP_PX, top + FRAME_PX // 2 - 6), name, fill="black", font=font)
        _paste(page, rgb, IN_A_ROW, (LEFT_PX, top))
    return _png(page)


def personalization_sheet(cast: Sequence[Character], shown: dict[str, list[Frames]]) -> bytes:
    """PNG: each character's pictures, and below them its first shot by each method."""
    wide = max(IN_A_ROW, *(len(who.images) for who in cast)) * FRAME_PX
    high = (1 + len(shown)) * (FRAME_PX + GAP_PX) + WORDS_PX
    page = Image.new("RGB", (LEFT_PX + wide, len(cast) * high), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(11)
    for number, who in enumerate(cast):
        top = number * high
        draw.text((GAP_PX, top + FRAME_PX // 2), who.name, fill="black", font=font)
        for column, path in enumerate(who.images):
            page.paste(Image.fromarray(load_image(path, FRAME_PX, FRAME_PX)),
                       (LEFT_PX + column * FRAME_PX, top))
        for row, (method, clips) in enumerate(shown.items(), start=1):
            below = top + row * (FRAME_PX + GAP_PX)
            name = "\n".join(wrap(method.replace("_", " "), _LABEL_CHARACTERS))
            draw.text((GAP_PX, below + FRAME_PX // 2), name, fill="black", font=font)
            _paste(page, clips[number].rgb, IN_A_ROW, (LEFT_PX, below))
    return _png(page)


def retrieval_sheet(asked: Sequence[Trial], footage: dict[str, list[Frames]],
                    drawn: dict[str, list[Frames]]) -> bytes:
    """PNG of the first trials: a row for each, with its prompt; for each way three frames of the footage, if there is any, and
    three of what was drawn under it.
    """
    blocks = [(f"{way}: {what}", clips[way]) for way in drawn for what,
              clips in (("footage", footage), ("drawn", drawn))
              if way in clips]
    wide, high = SHOWN * FRAME_PX + GAP_PX, FRAME_PX + WORDS_PX
    shown = min(MOST_TRIALS, len(asked))
    page = Image.new("RGB", (len(blocks) * wide + GAP_PX, WORDS_PX + shown * high), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(11)
    for column, (title, clips) in enumerate(blocks):
        left = GAP_PX + column * wide
        draw.text((left, GAP_PX), title, fill="black", font=font)
        for k in range(shown):
            _paste(page, clips[k].rgb, SHOWN, (left, WORDS_PX + k * high))
    for k in range(shown):
        draw.text((GAP_PX, WORDS_PX + k * high + FRAME_PX + 2), asked[k].prompt, fill="black", font=font)
    return _png(page)


def _misread(trial: Trial, read: Labels) -> str:
    wanted, found = words_of(labels_of(trial.spec)), words_of(read)
    wrong = [f"{name}: {found[name]} for {wanted[name]}" for name in ATTRIBUTES
             if wanted[name] not in ("?", found[name])]
    return ", ".join(wrong)


def _paste(page: Image.Image, rgb: UInt8, count: int, at: tuple[int, int]) -> None:
    """`count` frames from first to last, side by side."""
    for column, index in enumerate(np.linspace(0, len(rgb) - 1, count).round().astype(int)):
        picture = Image.fromarray(rgb[index]).resize((FRAME_PX, FRAME_PX), Image.Resampling.LANCZOS)
        page.paste(picture, (at[0] + column * FRAME_PX, at[1]))


def _png(page: Image.Image) -> bytes:
    buffer = BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()
