"""What the review page shows, read from a run's folder; nothing is computed that a run would compute."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from storyanim.artifacts import Film, Shot, Storyboard
from storyanim.config import Settings
from storyanim.engine.run_dir import RunDir
from storyanim.engine.store import load
from storyanim.errors import StoryanimError
from storyanim.film.cards import END_ID, TITLE_ID
from storyanim.film.report import ReportShot
from storyanim.film.timeline import Piece, Timeline, lay_out
from storyanim.generate.capabilities import capabilities_of
from storyanim.planning import Vocabulary, load_vocabulary
from storyanim.run.checked import take_name
from storyanim.run.edits import board_hash, find_shot, list_versions, read_board
from storyanim.run.history import Version
from storyanim.run.pipeline import DRAWN
from storyanim.run.report import report_shot
from storyanim.run.request import read_request
from storyanim.run.storyboard import with_seed

_FILM_FILES = {"film.mp4": "The film, MP4", "film.srt": "Subtitles, SRT", "sheet.png": "Contact sheet, PNG",
               "storyboard.yaml": "Storyboard, YAML"}
# Made when it is asked for: of the storyboard, and of the film.
_OF_BOARD = {"storyboard.pdf": "Storyboard for print, PDF", "storyboard.html": "Storyboard for print, HTML"}
_OF_FILM = {"preview.webp": "Small moving picture, WebP", "project.zip": "Editor's project, all formats, ZIP",
            "project.otio.zip": "Editor's project, OpenTimelineIO, ZIP",
            "project.fcpxml.zip": "Editor's project, Final Cut Pro, ZIP",
            "project.edl.zip": "Editor's project, EDL, ZIP"}


@dataclass(frozen=True)
class Card:
    """A shot in the list."""

    shot: Shot
    number: int                                      # from 1, in the film
    state: str                                       # "drawn", "changed" since it was drawn, or "new"
    picture: str = ""                                # address of its strip of frames; "": not drawn
    start_s: float | None = None                     # in the film as it lies there
    duration_s: float = 0.0


@dataclass(frozen=True)
class Board:
    """A run's storyboard at one moment, and what is drawn of it."""

    name: str                                        # of the run folder
    seen: str                                        # tells this state of the storyboard from others
    storyboard: Storyboard
    cards: tuple[Card, ...]
    film: str = ""                                   # address of the film; "": none yet
    duration_s: float = 0.0
    captions: str = ""                               # address of its subtitles
    poster: str = ""                                 # address of its picture
    files: Mapping[str, str] = field(default_factory=dict)         # address → what can be taken away
    versions: tuple[Version, ...] = ()
    num_shown: int = 0                               # shots of the film as it lies there
    is_known: bool = True                            # False: of a run from before there was a drawn.json

    @property
    def waiting(self) -> int:
        """How many shots the film does not show as the storyboard says."""
        return sum(card.state != "drawn" for card in self.cards)

    @property
    def is_behind(self) -> bool:
        """Whether drawing would change the film: shots wait, were moved, or were removed."""
        starts = [card.start_s or 0.0 for card in self.cards]
        moved = starts != sorted(starts) or self.num_shown != len(self.cards)
        return bool(self.waiting) or not self.film or moved or not self.is_known

    def card(self, shot_id: str) -> Card:
        """Return the card of a shot. Raises StoryError."""
        find_shot(self.storyboard, shot_id)
        return next(card for card in self.cards if card.shot.id == shot_id)

    def beside(self, shot_id: str, step: int) -> str:
        """Return the id of the shot so many places on; "" beyond the ends."""
        ids = [card.shot.id for card in self.cards]
        place = ids.index(shot_id) + step
        return ids[place] if 0 <= place < len(ids) else ""


@dataclass(frozen=True)
class Detail:
    """One shot with all that is known of it."""

    card: Card
    made: ReportShot
    clip: str                                        # address; "": not drawn
    depth: str                                       # address of its strip of depth; "": none
    thumbnails: tuple[str, ...]                      # addresses, one a candidate
    takes: tuple[str, ...]                           # addresses of their pictures
    earlier: str                                     # id of the shot before; "": none
    later: str


def read_view(folder: Path) -> Board:
    """Return the state of a run. Raises InputError, StoryError."""
    seen = board_hash(folder)
    board = read_board(folder)
    now = {shot.id: shot for shot in with_seed(board, read_request(folder).seed).shots}
    drawn = _drawn(folder)
    film = _film(folder)
    starts = _starts(folder, film) if film else {}
    srt, poster = folder / "film.srt", folder / "poster.jpg"
    cards = []
    for number, shot in enumerate(board.shots, 1):
        picture = _picture(folder, shot.id)
        is_same = drawn.get(shot.id, now[shot.id]) == now[shot.id]
        state = "new" if not picture else "drawn" if is_same else "changed"
        start_s, duration_s = starts.get(shot.id, (None, shot.duration_s))
        cards.append(Card(shot, number, state, picture, start_s, duration_s))
    have = {name: label for name, label in _FILM_FILES.items() if (folder / name).is_file()} | _OF_BOARD
    have |= _OF_FILM if film else {}
    return Board(
        folder.name, seen, board, tuple(cards), film=media(folder, folder / "film.mp4") if film else "",
        duration_s=film.duration_s if film else 0.0,
        poster=media(folder, poster) if film and poster.is_file() else "",
        captions=media(folder, srt).replace("film.srt", "film.vtt") if srt.is_file() else "",
        files={f"export/{name}": label for name, label in have.items()},
        versions=tuple(list_versions(folder)), num_shown=len(starts),
        is_known=bool(drawn))


def read_detail(folder: Path, board: Board, shot_id: str) -> Detail:
    """Return a shot with what was found and drawn for it. Raises StoryError."""
    card = board.card(shot_id)
    with RunDir(folder, beside=True) as run:
        made = report_shot(run, card.shot, {})
    clip = media(folder, made.clip.path) if made.clip else ""
    depth = media(folder, made.depth) if made.depth else ""
    takes = tuple(media(folder, take.picture) for take in made.takes)
    return Detail(card, made, clip, depth, tuple(media(folder, path) for path in made.thumbnails), takes,
                  board.beside(shot_id, -1), board.beside(shot_id, 1))


def media(folder: Path, path: Path) -> str:
    """Return the address of a file of the run, another one when its bytes are others."""
    return f"media/{path.relative_to(folder.absolute()).as_posix()}?v={path.stat().st_mtime_ns}"


def parts_to_choose(folder: Path, board: Board) -> tuple[str, ...]:
    """Return who can play a role: the run's characters, and what its profile draws."""
    vocabulary = _vocabulary(read_request(folder).settings())
    creatures = vocabulary.kinds["creature"].values() if vocabulary else ()
    mine = [who.name for who in board.storyboard.characters]
    return tuple(dict.fromkeys([*mine, *sorted(entry.say for entry in creatures if entry.say)]))


def takes_styles(folder: Path) -> bool:
    """Return whether the run's models draw in styles that words ask for."""
    return capabilities_of(read_request(folder).settings()).styles


def _vocabulary(settings: Settings) -> Vocabulary | None:
    try:
        return load_vocabulary(settings)
    except StoryanimError:
        return None


def _drawn(folder: Path) -> dict[str, Shot]:
    try:
        text = (folder / DRAWN).read_text("utf-8")
        return {shot.id: shot for shot in _parse_drawn(text).shots}
    except (OSError, ValueError):                    # of a run before there was one, or damaged
        return {}


@lru_cache(maxsize=4)
def _parse_drawn(text: str) -> Storyboard:
    return Storyboard.model_validate_json(text)


def _film(folder: Path) -> Film | None:
    """Return the film without reading its bytes again."""
    try:
        found = load("Film", folder / "film")
        return found if (folder / "film.mp4").is_file() and isinstance(found, Film) else None
    except (OSError, ValueError):
        return None


def _starts(folder: Path, film: Film) -> dict[str, tuple[float, float]]:
    """Return shot → start and duration in the film, in seconds, without the cards."""
    return {piece.clip.shot_id: (piece.start_s, piece.clip.duration_s)
            for piece in _timeline(folder, film).pieces if piece.clip.shot_id not in {TITLE_ID, END_ID}}


def _timeline(folder: Path, film: Film) -> Timeline:
    """Return when each clip is shown; of a run from before timelines were kept, one clip behind another."""
    try:
        kept = load("Timeline", folder / "timeline")
        if isinstance(kept, Timeline) and kept.clips == film.clips:
            return kept
    except (OSError, ValueError):
        pass
    return lay_out("", [Piece(clip=clip) for clip in film.clips])


def _picture(folder: Path, shot_id: str) -> str:
    place = f"shots/{shot_id}"
    path = folder / take_name(place, "frames", _chosen(folder / place)) / "preview.png"
    return media(folder, path) if path.is_file() else ""


def _chosen(place: Path) -> int:
    """Return which of a shot's drawings is in the film, 0 for the first."""
    try:
        facts: dict[str, Any] = json.loads((place / "check" / "check.json").read_text("utf-8"))
        return int(facts.get("chosen", 0))
    except (OSError, ValueError):
        return 0
