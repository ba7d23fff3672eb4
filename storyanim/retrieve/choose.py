"""Which footage a shot follows: the best clip of the index, a pinned one, or a person's own video.

A storyboard pins a clip by its id, or a video that no index holds: `pinned: /videos/dog.mp4@3.2-5.2`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storyanim import hub, video
from storyanim.artifacts import Candidates, ClipMatch, Frames, Query
from storyanim.errors import StoryError, VideoError
from storyanim.retrieve.windows import read_window
from storyanim.stages import FootageIndex, TextVideoEncoder

_FILE_AND_SPAN = re.compile(r"(?P<path>.+?)(?:@(?P<start>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?))?", re.DOTALL)
NOTHING_FITS = "no footage fits: drawn from the text alone"
_MIN_PART_OF_BEST = 0.5                              # of the best match's words, that one in its place has
_HINT = "give FILE, or FILE@START-END in seconds, as in dog.mp4@3.2-5.2"


@dataclass(frozen=True)
class UserFootage:
    """A span of a person's own video file."""

    path: str                                        # absolute
    sha256: str
    start_s: float
    end_s: float


def choose(
    query: Query, index: FootageIndex, encoder: TextVideoEncoder, k: int = 8, *,
    pinned: str | None = None, banned: Sequence[str] = (), previous: Sequence[str] = (),
) -> Candidates:
    """Return the k candidates for a shot, and the chosen one (AaS 3.1).

    A pinned clip wins. Else it is the best candidate that fits and was not banned. When that is the clip of
    the shot just before, or a near-duplicate of it, another takes its place: the next candidate that fits at
    least half as well by its caption, else another window of the same video, else a copy, and at last that
    one again. Of the shots before only the last counts, so that a changed shot can change the choice of its
    neighbour but hardly that of the whole film. When no candidate fits, none is chosen.

    Args:
        query: what to look for.
        index: the footage.
        encoder: that the index was made with.
        k: number of candidates.
        pinned: clip_id that a person chose; it joins the candidates if it was not among them.
        banned: clip_ids that a person refused; they leave the candidates.
        previous: clip_ids chosen for the shots before, in order.

    Raises StoryError when the pinned clip is unknown or every clip is banned, IndexFolderError of
    `FootageIndex.search`.
    """
    refused = set(banned) - {pinned}
    found = index.search(query, encoder, k + len(refused) + 1)
    allowed = [match for match in found if match.clip_id not in refused]
    matches = allowed[:k]
    if pinned is not None:
        return _choose_pinned(pinned, query, index, encoder, matches)
    if not matches:
        raise StoryError(f"every clip that was found for {str(query)!r} is banned",
                         hint="take some out of the shot's `banned` list")
    best = next((match for match in matches if match.fits), None)
    if best is None:
        return Candidates(query=str(query), matches=tuple(matches), chosen=None, why=NOTHING_FITS)
    last = previous[-1] if previous else ""
    same = index.near_duplicates_of(last, [match.clip_id for match in allowed]) if last else set()
    if best.clip_id not in same:
        return Candidates(
            query=str(query), matches=tuple(matches), chosen=matches.index(best), why="best match")
    windows = [match for match in index.windows_near(best.clip_id, query, encoder)
               if match.clip_id not in refused]
    same |= index.near_duplicates_of(last, [match.clip_id for match in windows])
    chosen = _instead_of(best, last, same, allowed, windows)
    if all(match.clip_id != chosen.clip_id for match in matches):   # one more is shown
        matches = [*matches, chosen.model_copy(update={"rank": len(matches) + 1})]
    ids = [match.clip_id for match in matches]
    why = "best match"
    if chosen.clip_id != best.clip_id:
        why += " but for the clip of the shot before" + ", or a copy" * bool(same - {last})
    return Candidates(query=str(query), matches=tuple(matches), chosen=ids.index(chosen.clip_id), why=why)


def _instead_of(
    best: ClipMatch, last: str, same: set[str], candidates: Sequence[ClipMatch], windows: Sequence[ClipMatch]
) -> ClipMatch:
    """Return what is taken for the best match when the shot before has it, or a near-duplicate.

    Args:
        best: the match.
        last: clip_id of the shot before.
        same: clip_ids of it and of its near-duplicates.
        candidates: that are allowed, best first.
        windows: others of the best match's video.
    """
    fitting = [match for match in candidates if match.fits]
    others = [match for match in fitting if match.words >= _MIN_PART_OF_BEST * best.words]
    fresh = [match for match in (*others, *windows) if match.clip_id not in same]
    copies = [match for match in (*fitting, *windows) if match.clip_id in same - {last}]
    return next(iter((*fresh, *copies)), best)


def is_user_footage(pinned: str | None) -> bool:
    """Return whether what is pinned is a video file rather than the id of a clip, which is no path."""
    path, _ = _path_and_span(pinned or "")
    return os.path.isabs(path) or Path(path).suffix.lower() in video.SUFFIXES


def with_absolute_path(pinned: str) -> str:
    """Return pinned footage with an absolute path, which any working folder understands."""
    path, _ = _path_and_span(pinned)
    return os.path.abspath(path) + pinned[len(path):]


def user_footage_file(pinned: str) -> Path:
    """Return the absolute path of the file that pinned footage is a part of."""
    return Path(os.path.abspath(_path_and_span(pinned)[0]))


def read_user_footage(pinned: str, duration_s: float) -> UserFootage:
    """Return the footage that `pinned` names.

    Without a span its first `duration_s`, or all of it when it is shorter.

    Raises VideoError when there is no such file, when it is no video, and when the span is empty or lies
    outside of it.
    """
    path, span = _path_and_span(with_absolute_path(pinned))
    try:
        info, sha256 = video.probe(path), hub.file_sha256(Path(path))
    except VideoError as error:
        raise VideoError(error.message, hint=_HINT) from error
    except OSError as error:
        raise VideoError(f"{path} cannot be read ({error.strerror})",
                         hint="give a file, with the right to read it") from error
    start_s, end_s = span or (0.0, min(duration_s, info.duration_s))
    if start_s >= end_s:
        raise VideoError(f"the span {start_s:g}-{end_s:g} ends before it begins", hint=_HINT)
    if end_s > info.duration_s + 1 / info.fps:
        raise VideoError(f"{path} lasts {info.duration_s:.4g} s, so {start_s:g}-{end_s:g} lies outside of it",
                         hint=_HINT)
    return UserFootage(path, sha256, start_s, end_s)


def choose_user_footage(
    footage: UserFootage, found: Candidates | None, query: Query, encoder: TextVideoEncoder
) -> Candidates:
    """Return the footage as the chosen candidate behind those that a search found, scored as in an index.

    Raises VideoError.
    """
    window = read_window(Path(footage.path), footage.start_s, footage.end_s)
    rgb = window.frames.rgb
    frames = Frames(rgb[encoder.sample_frame_indices(len(rgb))], window.frames.fps)
    score = float(encoder.encode_clips([frames])[0] @ encoder.encode_texts([str(query)])[0])
    others = found.matches if found else ()
    name = Path(footage.path).name
    match = ClipMatch(
        clip_id=f"{footage.sha256[:12]}@{footage.start_s:g}-{footage.end_s:g}", path=footage.path,
        sha256=footage.sha256, start_s=footage.start_s, end_s=footage.end_s, score=score, caption=name,
        rank=len(others) + 1, motion=window.motion)
    why = f"footage of your own, pinned by a person: {name} from {footage.start_s:g} s to {footage.end_s:g} s"
    return Candidates(query=str(query), matches=(*others, match), chosen=len(others), why=why)


def _choose_pinned(
    clip_id: str, query: Query, index: FootageIndex, encoder: TextVideoEncoder, matches: list[ClipMatch]
) -> Candidates:
    ids = [match.clip_id for match in matches]
    if clip_id not in ids:
        match = index.find(clip_id, query, encoder, rank=len(matches) + 1)
        if match is None:
            raise StoryError(f"the pinned clip {clip_id!r} is not in the index",
                             hint="pin one of the candidates in the report, or remove `pinned`")
        matches, ids = [*matches, match], [*ids, clip_id]
    return Candidates(
        query=str(query), matches=tuple(matches), chosen=ids.index(clip_id), why="pinned by a person")


def _path_and_span(pinned: str) -> tuple[str, tuple[float, float] | None]:
    form = _FILE_AND_SPAN.fullmatch(pinned)
    if form is None:
        return "", None
    return form["path"], (float(form["start"]), float(form["end"])) if form["end"] else None
