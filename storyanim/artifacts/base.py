"""The class of all values made of words and numbers, and their YAML."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)      # libyaml's, where it is there

ShotId = Annotated[str, Field(pattern=r"^s\d{2,4}$")]
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


class FrozenModel(BaseModel):
    """A value made of words and numbers: frozen, strict about its fields, one JSON text per value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def canonical(self) -> str:
        """Return the value as JSON with sorted keys: equal values, equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False,
                          separators=(",", ":"))


class _Yaml(yaml.SafeDumper):
    """Quotes what YAML takes for ends of lines, so that it comes back as it was."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text,
                                   style='"' if set(text) & set("\x85\u2028\u2029") else None)


_Yaml.add_representer(str, _quoted)


def to_yaml(value: object) -> str:
    """Return plain values as YAML for people: fields in their order."""
    return yaml.dump(value, Dumper=_Yaml, sort_keys=False, allow_unicode=True, width=110)
