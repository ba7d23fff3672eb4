"""The cast and the scenes of a story, as a language model found them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from storyanim.planning.replies import BadReplyError, CastEntry, SceneEntry, StoryReply

_MAX_CAST, _MAX_WORDS = 30, 120                      # entries; characters of one of their fields
_LATIN = "\u024f"                                    # the last Latin letter
Entry = TypeVar("Entry", CastEntry, SceneEntry)
_NOTHING = frozenset({"unknown", "none", "n/a", "not known", "unspecified", "not specified", "null"})


@dataclass(frozen=True)
class Overview:
    """Who plays in a story; its scenes by the piece, from 0, at which each begins."""

    cast: tuple[CastEntry, ...] = ()
    scenes: tuple[SceneEntry, ...] = ()

    def joined(self, later: Overview, first: int) -> Overview:
        """Return both as one; `later` is of the stretch that begins at the piece `first`."""
        known = {entry.name.casefold() for entry in self.cast}
        new = [entry for entry in later.cast if entry.name.casefold() not in known]
        scenes = [scene.model_copy(update={"first": scene.first + first}) for scene in later.scenes]
        return Overview((*self.cast, *new)[:_MAX_CAST], (*self.scenes, *scenes))

    def cast_line(self) -> str:
        """Return the cast in a line: "Mia (girl), Rex (dog)"."""
        return ", ".join(f"{entry.name} ({entry.kind})" if entry.kind else entry.name for entry in self.cast)

    def cast_lines(self, text: str) -> str:
        """Return the cast with their looks, a line each; of a large one the first, and those in a text."""
        low = text.casefold()
        first = self.cast[:_MAX_CAST // 3]
        shown = [entry for entry in self.cast if entry in first or entry.name.casefold() in low]
        facts = ((f"{entry.name}: {entry.kind}", entry.pronouns, entry.looks) for entry in shown)
        return "".join("\n- " + ", ".join(filter(None, parts)) for parts in facts)

    def scene_at(self, piece: int) -> str:
        """Return the scene of a piece in words; "" when it is not known."""
        return next((scene.words for scene in reversed(self.scenes) if scene.first <= piece), "")

    def scene_lines(self, first: int, stop: int) -> str:
        """Return the scenes of pieces `first` to `stop`, numbered from 1."""
        lines: list[str] = []
        for piece in range(first, stop):
            words = self.scene_at(piece)
            if words and (piece == first or words != self.scene_at(piece - 1)):
                lines.append(f"\n- from {piece - first + 1} on: {words}")
        return "".join(lines)


def check_overview(reply: StoryReply, count: int) -> Overview:
    """Return what a model found in a stretch of `count` pieces. Raises BadReplyError."""
    cast = [_cleaned(entry, ("name", "kind", "pronouns", "looks")) for entry in reply.cast]
    cast = [entry for entry in cast if entry.name]
    if reply.cast and not cast:
        raise BadReplyError("- `cast` holds only placeholders; name who plays, or give an empty list")
    scenes = [_cleaned(scene, ("place", "time", "weather")) for scene in reply.scenes]
    lowest = min((scene.first for scene in scenes), default=1)
    shift = 0 if lowest == 0 else 1
    scenes = sorted((scene.model_copy(update={"first": scene.first - shift}) for scene in scenes),
                    key=lambda scene: scene.first)
    words = "".join(entry.kind + entry.looks for entry in cast) + "".join(scene.words for scene in scenes)
    letters = re.findall(r"[^\W\d_]", words)
    if 5 * sum(char > _LATIN for char in letters) > len(letters):
        raise BadReplyError("- `kind`, `looks` and the scenes must be in English")
    return Overview(tuple(cast[:_MAX_CAST]), tuple(_usable(scenes, count)))


def _usable(scenes: Sequence[SceneEntry], count: int) -> list[SceneEntry]:
    """Return the scenes that begin within the stretch; a single one holds from its beginning."""
    kept = [scene for scene in scenes if 0 <= scene.first < count and scene.words]
    return [kept[0].model_copy(update={"first": 0})] if len(kept) == 1 else kept


def _cleaned(entry: Entry, fields: Sequence[str]) -> Entry:
    """Return an entry without fields that say nothing ("...", "unknown")."""
    given = {name: str(getattr(entry, name)) for name in fields}
    empty = {name for name, text in given.items()
             if text.strip(" .").lower() in _NOTHING or not re.search(r"[^\W\d_]", text)}
    kept = {name: "" if name in empty else text[:_MAX_WORDS] for name, text in given.items()}
    return entry.model_copy(update=kept)
