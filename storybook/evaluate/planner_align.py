"""Which piece of a labelled story each shot of a storyboard shows, and which cuts are right.

Positions are counted in letters and digits, so that blanks, quotes and marks fall to neither side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storyanim.artifacts import Storyboard
from storybook.evaluate.planner_stories import LabelledStory

_COVERED = 0.6                                       # part of a piece's letters that a shot holds to show it


def letters(text: str) -> int:
    """Return the number of letters and digits."""
    return sum(char.isalnum() for char in text)


@dataclass(frozen=True)
class Cuts:
    """Places between shots or pieces, in letters from the beginning; without the two ends."""

    needed: frozenset[int]
    allowed: frozenset[int]                          # where a cut may be, or not
    made: tuple[int, ...]

    @property
    def right(self) -> int:
        """Cuts of the planner where a cut may be."""
        return sum(cut in self.needed or cut in self.allowed for cut in self.made)

    @property
    def found(self) -> int:
        """Needed cuts that the planner made."""
        return len(self.needed & set(self.made))


@dataclass(frozen=True)
class AlignedShot:
    """A shot with the pieces that it may show, the most covered first."""

    index: int
    pieces: tuple[int, ...]
    well_cut: bool                                   # both ends are allowed cuts, and no needed one is inside


def _ends(texts: Sequence[str]) -> list[int]:
    ends, total = [], 0
    for text in texts:
        total += letters(text)
        ends.append(total)
    return ends


def align(story: LabelledStory, board: Storyboard) -> tuple[Cuts, list[AlignedShot]]:
    """Return the cuts, and each shot's pieces.

    Raises ValueError when the shots together are not the story's text.
    """
    if "".join(shot.text for shot in board.shots) != story.text:
        raise ValueError(f"the shots of {story.title!r} together are not its text")
    ends = _ends([piece.text for piece in story.pieces])
    optional = {end for end, piece in zip(ends, story.pieces, strict=True) if piece.label.may_join_next}
    starts = [0, *ends[:-1]]
    optional |= {start + end for start, piece in zip(starts, story.pieces, strict=True)
                 for end in _ends(piece.parts)[:-1]}
    shot_ends = _ends([shot.text for shot in board.shots])
    cuts = Cuts(frozenset(set(ends[:-1]) - optional), frozenset(optional), tuple(shot_ends[:-1]))
    return cuts, [_align_shot(i, shot_ends, ends, cuts) for i in range(len(shot_ends))]


def _align_shot(i: int, shot_ends: Sequence[int], ends: Sequence[int], cuts: Cuts) -> AlignedShot:
    start, end = shot_ends[i - 1] if i else 0, shot_ends[i]
    overlaps = {}
    for k, piece_end in enumerate(ends):
        piece_start = ends[k - 1] if k else 0
        if (shared := min(end, piece_end) - max(start, piece_start)) > 0:
            overlaps[k] = (shared, shared / (piece_end - piece_start))
    here = next(k for k, piece_end in enumerate(ends) if piece_end >= end)   # of a shot without a letter
    main = max(overlaps, key=lambda k: overlaps[k][0]) if overlaps else here
    shown = [k for k in overlaps if k != main and overlaps[k][1] >= _COVERED]
    known = cuts.needed | cuts.allowed | {0, ends[-1]}
    well_cut = start in known and end in known and not any(start < cut < end for cut in cuts.needed)
    return AlignedShot(i, (main, *shown), well_cut)
