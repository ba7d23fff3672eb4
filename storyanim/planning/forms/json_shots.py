"""Shot lists in JSON, as StoryMem and many generators of scripts write them, read into a story of numbered items.

    {"title": "The Lake", "scenes": [{"location": "Forest", "video_prompts": ["A bear walks.", "It stops."]}]}

A storyboard is not made of them: their prompts are written for some other model, and ours are made by the planner of the
words. Which key holds the words, differs from one generator to the next; what holds none is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from storyanim.errors import StoryError

_WORDS = ("video_prompt", "prompt", "shot", "text", "visual", "visuals", "visual_description", "visual_prompt", "image_prompt",
          "description", "shot_description", "action", "plot", "event", "caption", "content", "scene_description", "narration",
          "voiceover", "narrative", "summary")
_HEADINGS = ("heading", "slugline", "scene_heading", "location", "setting", "place", "scene_title", "scene", "title")
_TIMES = ("time_of_day", "time")
_TITLES = ("title", "story_title", "name")
_NUMBERS = re.compile(r"(?:.*_)?(?:id|num|number|index|no|order|shot|scene)")
_LISTS = re.compile(
    r"(?:.*_)?(?:scene|shot|panel|beat|frame|clip|segment|prompt|plot|event|act|chapter|sequence|script|storyboard|timeline|item|page|video"
    r"|data)s?|story", re.IGNORECASE)


@dataclass
class _Reading:
    lines: list[str] = field(default_factory=list)
    items: int = 0
    heading: str = ""
    unused: dict[str, None] = field(default_factory=dict)            # keys, in order


def looks_like_json(text: str) -> bool:
    """Whether a text is meant as JSON: it begins as an object, or a list of objects or words."""
    return re.match(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\"])", text) is not None


def read_json_shots(text: str, name: str) -> tuple[str, str, tuple[str, ...]]:
    """Return title, text, and the keys that were not used, of a shot list in JSON or JSON lines.

    Raises StoryError for JSON that is broken, that has no shots, or that is a storyboard.
    """
    value = _parse(text, name)
    top = value if isinstance(value, dict) else {}
    shots = top.get("shots")
    if isinstance(shots, list) and shots and isinstance(shots[0], dict) and {"id", "query", "prompt"} <= shots[0].keys():
        raise StoryError(f"{name} is a storyboard in JSON, not a story", hint="give it the ending .yaml: JSON is YAML, too")
    reading = _Reading()
    _read(value, reading, is_top=True)
    if not reading.items:
        raise StoryError(f"{name} is JSON without a list of shots",
                         hint="each shot is an object with a prompt, text or description; or write the story as plain text")
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(reading.lines)).strip().removesuffix("---").strip()
    return _first(top, _TITLES), text + "\n", tuple(reading.unused)


def _parse(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except json.JSONDecodeError:
            raise StoryError(f"{name} is not valid JSON at line {error.lineno}: {error.msg}",
                             hint="mend that line, or write the story as plain text") from error
    except RecursionError as error:
        raise StoryError(f"{name} is JSON with brackets nested too deeply", hint="write the story as plain text") from error


def _read(value: Any, reading: _Reading, *, is_top: bool = False) -> None:
    """Read a list, or an object, of scenes or shots."""
    if isinstance(value, list):
        for entry in value:
            _read(entry, reading)
            if isinstance(entry, dict) and any(True for _ in _inner_lists(entry)):
                reading.lines += ["", "---", ""]     # a scene ends
    elif isinstance(value, str):
        _add_item(reading, value)
    elif isinstance(value, dict):
        inner = list(_inner_lists(value))
        used = {name for name, _ in inner} | (_read_title(value) if is_top and inner else _read_heading(value, reading))
        for _, entries in inner:
            _read(entries, reading)
        if not inner:
            used |= _read_item(value, reading)
        reading.unused |= dict.fromkeys(name for name in value if name not in used and not _NUMBERS.fullmatch(name))


def _inner_lists(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the lists of scenes or shots in an object."""
    for name, entry in value.items():
        if isinstance(entry, dict) and _LISTS.fullmatch(name) and any(True for _ in _inner_lists(entry)):
            yield name, entry
        if isinstance(entry, list) and entry and _LISTS.fullmatch(name) and all(isinstance(e, (dict, str)) for e in entry):
            yield name, entry


def _read_title(value: dict[str, Any]) -> set[str]:
    return {name for name in _TITLES if name in value}


def _read_heading(value: dict[str, Any], reading: _Reading) -> set[str]:
    """Write an object's place and time as a heading, once; return the keys that were read."""
    names = [name for name in _HEADINGS if isinstance(value.get(name), str) and not value[name].strip().isdigit()]
    times = [name for name in _TIMES if isinstance(value.get(name), str)]
    heading = " - ".join(" ".join(value[name].split()) for name in (*names[:1], *times[:1]))
    if heading and heading != reading.heading:
        reading.heading = heading
        reading.lines += ["", f"## {heading}", ""]
    return {*names[:1], *times[:1]}


def _read_item(value: dict[str, Any], reading: _Reading) -> set[str]:
    """Write an object's words as an item, with what is said below; return the keys that were read."""
    words = next((name for name in _WORDS if isinstance(value.get(name), str) and value[name].strip()), None)
    if words is None:
        return set()
    _add_item(reading, value[words])
    said = value.get("dialogue") or value.get("dialog")
    for line in said if isinstance(said, list) else [said] if said else []:
        who = _first(line, ("character", "speaker", "name")) if isinstance(line, dict) else ""
        what = _first(line, ("line", "text", "dialogue", "content")) if isinstance(line, dict) else str(line)
        reading.lines.append(f"   {who}: {what}" if who else f"   “{what.strip('“”')}”")
    return {words, "dialogue", "dialog"}


def _add_item(reading: _Reading, words: str) -> None:
    if words.strip():
        reading.items += 1
        reading.lines.append(f"{reading.items}. {' '.join(words.split())}")


def _first(value: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((" ".join(value[name].split()) for name in names if isinstance(value.get(name), str)), "")
