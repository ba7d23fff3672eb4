"""Keeps what a person knows a shot by when a story is planned anew: ids, pins and bans of shots whose words are the same."""

from __future__ import annotations

from difflib import SequenceMatcher

from storyanim.artifacts import Shot, Storyboard


def keep_ids(old: Storyboard, new: Storyboard) -> Storyboard:
    """`new` with the ids, pins and bans of those shots of `old` that tell the same words; other shots get ids never used."""
    last = max(int(shot.id[1:]) for shot in old.shots)
    kept: dict[int, Shot] = {}
    words = [[shot.text.strip() for shot in board.shots] for board in (old, new)]
    for block in SequenceMatcher(None, *words, autojunk=False).get_matching_blocks():
        kept |= {block.b + k: old.shots[block.a + k] for k in range(block.size)}
    shots = []
    for number, shot in enumerate(new.shots):
        before = kept.get(number)
        if before is None:
            last += 1
            shots.append(shot.model_copy(update={"id": f"s{last:02d}"}))
        else:
            shots.append(shot.model_copy(update={"id": before.id, "pinned": before.pinned, "banned": before.banned}))
    return new.model_copy(update={"shots": tuple(shots)})
