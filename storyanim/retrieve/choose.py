"""Which of the found clips a shot rides on."""

from __future__ import annotations

from collections.abc import Sequence

from storyanim.artifacts import Candidates, ClipMatch
from storyanim.errors import StoryError
from storyanim.stages import FootageIndex, TextVideoEncoder


def choose(
    query: str, index: FootageIndex, encoder: TextVideoEncoder, k: int = 8, *,
    pinned: str | None = None, banned: Sequence[str] = (), previous: Sequence[str] = (),
) -> Candidates:
    """The k candidates for a shot, and the chosen one (AaS 3.1).

    A pinned clip wins. Else it is the best candidate that was not refused and that is not the clip of the shot just before,
    nor a near-duplicate of it; only when there is no other is one taken, and at last that one again. Of the shots before only
    the last counts, so that a changed shot can change the choice of its neighbour but hardly that of the whole film.

    Args:
        pinned: clip_id that a person chose; it joins the candidates if it was not among them.
        banned: clip_ids that a person refused; they leave the candidates.
        previous: clip_ids chosen for the shots before, in order.

    Raises StoryError when the pinned clip is unknown or every clip is banned, IndexFolderError of `FootageIndex.search`.
    """
    refused = set(banned) - {pinned}
    found = index.search(query, encoder, k + len(refused) + 1)
    allowed = [match for match in found if match.clip_id not in refused]
    matches = allowed[:k]
    if pinned is not None:
        return _pinned(pinned, query, index, encoder, matches)
    if not matches:
        raise StoryError(f"every clip that was found for {query!r} is banned", hint="take some out of the shot's `banned` list")
    last = set(previous[-1:])
    near = index.near_duplicates_of(previous[-1], [match.clip_id for match in allowed]) if previous else set()
    if all(match.clip_id in near for match in matches):
        matches = allowed                            # only with k = 1: show one more rather than the same clip twice
    others = ([i for i, match in enumerate(matches) if match.clip_id not in refused_too] for refused_too in (near, last, ()))
    chosen = next(found[0] for found in others if found)
    why = "best match" if chosen == 0 else "best match but for the clip of the shot before" + ", or a copy" * (near > last)
    return Candidates(query=query, matches=tuple(matches), chosen=chosen, why=why)


def _pinned(clip_id: str, query: str, index: FootageIndex, encoder: TextVideoEncoder, matches: list[ClipMatch]) -> Candidates:
    ids = [match.clip_id for match in matches]
    if clip_id not in ids:
        match = index.find(clip_id, query, encoder, rank=len(matches) + 1)
        if match is None:
            raise StoryError(f"the pinned clip {clip_id!r} is not in the index",
                             hint="pin one of the candidates in the report, or remove `pinned`")
        matches, ids = [*matches, match], [*ids, clip_id]
    return Candidates(query=query, matches=tuple(matches), chosen=ids.index(clip_id), why="pinned by a person")
