"""Changes to a storyboard that keep what a person knows a shot by: its id, given once and never reused, pins and bans."""

from __future__ import annotations

import hashlib
from difflib import SequenceMatcher

from storyanim.artifacts import Shot, Storyboard


def keep_ids(old: Storyboard, new: Storyboard) -> Storyboard:
    """`new` with the ids, pins and bans of those shots of `old` that tell the same words; other shots get ids never used."""
    last = max(int(shot.id[1:]) for shot in old.shots)
    kept: dict[int, Shot] = {}
    words, wanted = ([shot.text.strip() for shot in board.shots] for board in (old, new))
    for block in SequenceMatcher(None, words, wanted, autojunk=False).get_matching_blocks():
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


def insert_shot(board: Storyboard, behind: str, prompt: str, query: str, text: str) -> Storyboard:
    """`board` with a new shot behind the shot `behind`; its seed comes from its words."""
    number = max(int(shot.id[1:]) for shot in board.shots) + 1
    place = [shot.id for shot in board.shots].index(behind) + 1
    characters = tuple(member.name for member in board.characters if member.token in prompt)
    seed = int.from_bytes(hashlib.sha256(f"{prompt}\0{text}".encode()).digest()[:6], "big")
    new = Shot(id=f"s{number:02d}", text=text, query=query, prompt=prompt, characters=characters, seed=seed)
    return board.model_copy(update={"shots": (*board.shots[:place], new, *board.shots[place:])})
