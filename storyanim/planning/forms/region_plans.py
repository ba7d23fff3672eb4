"""Plans of DreamRunner (arXiv 2411.16657) for T2V-CompBench, as its authors released them, read into a storyboard.

    ["0001.mp4", "Background:a field\\nFrame_1: [["dog", "running", "A dog runs"], [0.0, 0.0, 0.43, 1.0]], ...\\nFrame_2: ..."]

One line a clip: its name, the place, and at each key moment a list of entities with motion, caption and box. Each becomes a shot
whose entities keep their boxes and the caption that they have longest; a lone entity whose caption changes becomes events.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from pydantic import ValidationError

from storyanim.artifacts import Box, Shot, ShotEntity, ShotEvent, Storyboard
from storyanim.errors import StoryError

_PLAN = re.compile(r'\s*\[\s*"[^"\n]+"\s*,\s*"(?:\\")?Background:')
_BACKGROUND = re.compile(r"(?:the )?background of the event:\s*", re.IGNORECASE)
_HINT = 'each line is ["NAME.mp4", "Background:...\\nFrame_1: [[entity, motion, caption], [x0, y0, x1, y1]], ..."]'
_Moment = list[tuple[str, str, str, tuple[float, ...]]]              # entity, motion, caption, corners


def looks_like_plans(text: str) -> bool:
    """Whether a text begins with such a plan."""
    return _PLAN.match(text) is not None


def read_plans(text: str, name: str) -> Storyboard:
    """Return a storyboard with a shot for each line. Raises StoryError, which names the line that is wrong."""
    shots: list[Shot] = []
    changing: list[str] = []                         # ids of shots with captions that are left out
    for number, line in enumerate(filter(str.strip, text.splitlines()), 1):
        try:
            _, plan = json.loads(line)
            shot, captions = _read_shot(len(shots) + 1, plan.strip('"'))
            shots.append(shot)
            changing += [shot.id] if len(captions) > len(shot.entities) > 1 else []
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else f"{error}"
            raise StoryError(f"plan {number} of {name} cannot be read: {said}", hint=_HINT) from error
    note = f"captions of {', '.join(changing)} change with time: each entity keeps the one that it has longest"
    return Storyboard(title=name.rpartition(".")[0] or name, shots=tuple(shots), notes=(note,) if changing else ())


def _read_shot(number: int, plan: str) -> tuple[Shot, list[str]]:
    """Return the shot of a plan and all captions that it has."""
    head, *rest = [line.strip() for line in plan.splitlines() if line.strip()]
    background = _BACKGROUND.sub("", head.removeprefix("Background:").strip())
    moments = [_read_moment(line.partition(":")[2]) for line in rest if line.startswith("Frame")]
    if not moments:
        raise ValueError("it has no frames")
    count = Counter(len(moment) for moment in moments).most_common(1)[0][0]
    even = [(k, moment) for k, moment in enumerate(moments) if len(moment) == count]      # who comes late is left out
    captions = list(dict.fromkeys(caption for _, moment in even for _, _, caption, _ in moment))
    prompt = background if background.lower() not in {"", "none"} else ". ".join(captions)
    entities = tuple(_entity(j, even, len(moments)) for j in range(count)) if count > 1 else ()
    events = _events(even, len(moments)) if count == 1 else ()
    return Shot(id=f"s{number:02d}", text=prompt, query=prompt, prompt=prompt, figures=max(1, count), seed=number,
                entities=entities, events=events), captions


def _read_moment(text: str) -> _Moment:
    found = []
    for (entity, motion, caption), corners in json.loads(f"[{text}]"):
        found.append((str(entity), str(motion), str(caption), tuple(float(value) for value in corners)))
    return found


def _entity(number: int, moments: list[tuple[int, _Moment]], length: int) -> ShotEntity:
    """Return one entity with the caption that it has longest, and its boxes where they change."""
    own = [(k, moment[number]) for k, moment in moments]
    caption = Counter(said for _, (_, _, said, _) in own).most_common(1)[0][0]
    boxes: list[Box] = []
    for at, (k, (_, _, _, corners)) in enumerate(own):
        beside = [own[other][1][3] for other in (at - 1, at + 1) if 0 <= other < len(own)]
        if at == 0 or any(corners != other for other in beside):
            boxes.append(_box(corners, (k + 0.5) / length))
    still = len({box.corners for box in boxes}) == 1
    return ShotEntity(prompt=caption, query=caption, boxes=tuple(boxes[:1] if still else boxes))


def _box(corners: tuple[float, ...], at: float) -> Box:
    x0, y0, x1, y1 = corners
    return Box(x0=x0, y0=y0, x1=x1, y1=y1, at=at)


def _events(moments: list[tuple[int, _Moment]], length: int) -> tuple[ShotEvent, ...]:
    """Return an event for each caption of a lone entity; none for one."""
    found: list[tuple[int, str]] = []
    for k, moment in moments:
        if not found or found[-1][1] != moment[0][2]:
            found.append((k, moment[0][2]))
    if len(found) < 2:
        return ()
    edges: list[Any] = [k / length for k, _ in found] + [1.0]
    return tuple(ShotEvent(prompt=caption, start=edges[j], end=edges[j + 1]) for j, (_, caption) in enumerate(found))
