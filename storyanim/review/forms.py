"""What a person wrote into the page's forms, as fields of a shot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from storyanim.artifacts import Shot, ShotEntity
from storyanim.errors import UsageError

Fields = Mapping[str, Sequence[str]]
_WORDS = ("text", "prompt", "query", "style")
_CORNERS = ("x0", "y0", "x1", "y1", "at")
_NEW_ROWS = 1                                        # of figures and events, for one more


def read_form(body: bytes) -> dict[str, list[str]]:
    """Return name → values of a form. Raises UsageError for one that no browser sends."""
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=2000)
    except ValueError as error:
        raise UsageError("the form cannot be read", hint="load the page again") from error
    for name, value in pairs:
        found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return found


def one(fields: Fields, name: str, default: str = "") -> str:
    """Return the last value of a field."""
    values = fields.get(name, ())
    return values[-1] if values else default


def number(text: str, what: str) -> float:
    """Return a number. Raises UsageError."""
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{what}: {text!r} is no number", hint="write it as in 2.5") from error


def whole_number(text: str, what: str) -> int:
    """Return a whole number. Raises UsageError."""
    if not text.strip().isdecimal():
        raise UsageError(f"{what}: {text!r} is no whole number", hint="write it as in 7")
    return int(text)


def shot_changes(shot: Shot, fields: Fields) -> dict[str, Any]:
    """Return the fields of a shot that the form changes.

    A new prompt says all that is drawn: figures and events that stayed as they were go, as by
    `storyanim shot replace`. Raises UsageError.
    """
    wanted: dict[str, Any] = {name: one(fields, name).strip() for name in _WORDS if name in fields
                              and one(fields, name).strip() != getattr(shot, name).strip()}
    if "duration_s" in fields:
        wanted["duration_s"] = number(one(fields, "duration_s"), "seconds")
    if "has_characters" in fields:
        chosen = tuple(fields.get("characters", ()))
        wanted["characters"] = shot.characters if {*chosen} == {*shot.characters} else chosen
    if "figures" in fields:
        wanted["entities"] = _entities(shot, fields, whole_number(one(fields, "figures"), "figures"))
    if "events" in fields:
        wanted["events"] = _events(fields, whole_number(one(fields, "events"), "events"))
    before = _rounded(shot.model_dump(mode="json"))
    changes = {name: value for name, value in wanted.items() if _rounded(value) != before[name]}
    if "prompt" in changes:
        changes |= {name: () for name in ("entities", "events") if before[name] and name not in changes}
    return changes


def _rounded(value: Any) -> Any:
    """Return it as the form shows it: shares with four digits, lists instead of tuples."""
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value


def _entities(shot: Shot, fields: Fields, count: int) -> list[dict[str, Any]]:
    found = []
    for k in range(count + _NEW_ROWS):
        prompt = one(fields, f"figure-{k}-prompt").strip()
        if not prompt:
            continue                                 # an emptied row is a figure taken away
        rows = whole_number(one(fields, f"figure-{k}-boxes", "0"), "boxes")
        boxes = [box for n in range(rows + 1) if (box := _box(fields, f"figure-{k}-box-{n}"))]
        old = shot.entities[k] if k < len(shot.entities) else ShotEntity(prompt=prompt)
        name = one(fields, f"figure-{k}-name")
        found.append(old.model_dump(mode="json") | {"name": name, "prompt": prompt, "boxes": boxes})
    return found


def _box(fields: Fields, name: str) -> dict[str, float] | None:
    texts = {corner: one(fields, f"{name}-{corner}").strip() for corner in _CORNERS}
    if not all(texts[corner] for corner in _CORNERS[:4]):
        return None
    return {corner: round(number(text or "0", "box") / 100, 4) for corner, text in texts.items()}


def _events(fields: Fields, count: int) -> list[dict[str, Any]]:
    found = []
    for k in range(count + _NEW_ROWS):
        if prompt := one(fields, f"event-{k}-prompt").strip():
            start, end = (number(one(fields, f"event-{k}-{name}", default) or default, "event") / 100
                          for name, default in (("start", "0"), ("end", "100")))
            found.append({"prompt": prompt, "start": round(start, 4), "end": round(end, 4)})
    return found
