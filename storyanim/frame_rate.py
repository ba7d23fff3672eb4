"""Frames a second as exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

_NTSC = Fraction(1000, 1001)                         # of a whole rate: 23.976, 29.97, 59.94
_ROUNDED = 0.005                                     # by which such a rate may be written otherwise


def frame_rate(value: object) -> Fraction:
    """Return frames a second, of 24, "24000/1001", or 23.976 or 23.98, which stand for that.

    Raises ValueError.
    """
    try:
        rate = Fraction(str(value).strip())
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{value!r} is no rate of frames, as in 24, 23.976 or 24000/1001") from error
    ntsc = math.ceil(rate) * _NTSC
    if rate.denominator > 1 and abs(rate - ntsc) < _ROUNDED:
        return ntsc
    return rate.limit_denominator(1001)


def plain_rate(rate: Fraction) -> int | str:
    """Return a rate as files have it: 24, "24000/1001"."""
    return rate.numerator if rate.denominator == 1 else str(rate)


# Exact: 23.976 in place of 24000/1001 would be two frames off in a film of a day.
FrameRate = Annotated[
    Fraction, BeforeValidator(frame_rate), PlainSerializer(plain_rate, return_type=int | str), Field(gt=0)]
