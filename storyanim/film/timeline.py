"""The film's time: which clip is shown when, and what is read and spoken then.

One value, from which the film, its sound, its subtitles and its report are made, so that they cannot
disagree. Times are counted in frames, of which all clips have the same rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

from pydantic import Field

from storyanim.artifacts import Clip, FrozenModel, Speech
from storyanim.engine.store import CODECS, json_codec
from storyanim.film.subtitles import Cue, cues_of

Transition = Literal["cut", "crossfade", "fade", "dip"]


class Piece(FrozenModel):
    """A clip on the film's time, with what is told meanwhile."""

    clip: Clip
    text: str = ""                                   # shown as subtitles; "": a card
    speech: Speech | None = None                     # begins with the clip
    transition: Transition = "cut"                   # with which it begins
    chapter: str = ""                                # that begins with it
    ambience: str = ""                               # kind of its scene's quiet sound
    start_frame: int = Field(default=0, ge=0)

    @property
    def start_s(self) -> float:
        """When it begins, in seconds."""
        return float(self.start_frame / self.clip.fps)


class Timeline(FrozenModel):
    """All pieces in order, without gaps; with a crossfade two are shown at once."""

    title: str
    language: str = ""                               # of the words, a tag: "en", "pt-br"; "": unknown
    pieces: tuple[Piece, ...] = Field(min_length=1)
    transition_frames: int = 0                       # of a crossfade, and of each half of a fade or dip
    music: Path | None = None                        # WAV files, as long as the film
    ambience: Path | None = None

    @property
    def fps(self) -> Fraction:
        """Frames a second."""
        return self.pieces[0].clip.fps

    @property
    def num_frames(self) -> int:
        """How many frames the film has."""
        last = self.pieces[-1]
        return last.start_frame + last.clip.num_frames

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return float(self.num_frames / self.fps)

    @property
    def clips(self) -> tuple[Clip, ...]:
        """All clips, in order."""
        return tuple(piece.clip for piece in self.pieces)

    def cues(self) -> tuple[Cue, ...]:
        """Return the film's subtitles."""
        return tuple(cue for piece, end_s in zip(self.pieces, self.ends_s(), strict=True)
                     for cue in cues_of(piece.text, end_s - piece.start_s, piece.start_s,
                                        piece.speech.words if piece.speech else ()))

    def ends_s(self) -> list[float]:
        """Return when each piece gives way to the next, in seconds."""
        return [*(piece.start_s for piece in self.pieces[1:]), self.duration_s]


CODECS["Timeline"] = json_codec(Timeline, "timeline.json")


def lay_out(title: str, pieces: Sequence[Piece], language: str = "", transition_s: float = 0.5) -> Timeline:
    """Return the timeline of pieces that follow one another, wherever they began before.

    A transition for which one of its clips is too short becomes a cut.
    """
    frames = round(transition_s * pieces[0].clip.fps)
    placed: list[Piece] = []
    frame = 0
    for piece in pieces:
        short = not placed or min(piece.clip.num_frames, placed[-1].clip.num_frames) < 2 * frames + 1
        how = "cut" if short else piece.transition
        frame -= frames if how == "crossfade" else 0
        placed.append(piece.model_copy(update={"start_frame": frame, "transition": how}))
        frame += piece.clip.num_frames
    return Timeline(title=title, language=language, pieces=tuple(placed), transition_frames=frames)
