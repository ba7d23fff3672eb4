"""What the stages find and make for a storyboard: footage, readings, clips, speech, the film."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator, model_validator

from storyanim.artifacts.base import FrozenModel, ShotId
from storyanim.frame_rate import FrameRate


class FootageQuery(FrozenModel):
    """What footage is asked for: words that somebody wrote, and a plan's, which count less."""

    text: str
    planned: str = ""

    @classmethod
    def of(cls, query: Query) -> FootageQuery:
        """Return a query of either form."""
        return cls(text=query) if isinstance(query, str) else query

    def __str__(self) -> str:
        """All words, as an encoder reads them."""
        return " ".join(filter(None, (self.planned, self.text)))


Query = str | FootageQuery


class ClipMatch(FrozenModel):
    """Footage found for a query."""

    clip_id: str                                     # stable name of the window, e.g. "a1b2c3@1.5-3.5"
    path: str                                        # of the video file
    sha256: str                                      # of the video file
    start_s: float = Field(ge=0)
    end_s: float = Field(gt=0)
    score: float = Field(ge=-1.001, le=1.001)        # cosine of query and clip
    caption: str = ""
    rank: int = Field(ge=1)                          # after joining vector and word ranks
    motion: float = Field(default=0.0, ge=0)         # mean absolute frame difference, in [0, 1]
    # share of the query's words that its caption has, rare ones count more
    words: float = Field(default=0.0, ge=0, le=1)
    fits: bool = True                                # False: neither picture nor caption fits the query


class Candidates(FrozenModel):
    """What retrieval found for one shot; `chosen` indexes `matches`, None: no footage fits."""

    query: str
    matches: tuple[ClipMatch, ...] = Field(min_length=1)
    chosen: int | None = Field(default=0, ge=0)
    why: str = ""

    @model_validator(mode="after")
    def _check(self) -> Candidates:
        if self.chosen is not None and self.chosen >= len(self.matches):
            raise ValueError(f"chosen is {self.chosen}, but there are {len(self.matches)} matches")
        return self

    @property
    def match(self) -> ClipMatch | None:
        """The chosen clip; None: the shot is drawn from its text alone."""
        return None if self.chosen is None else self.matches[self.chosen]


class AskedPart(FrozenModel):
    """One thing that a prompt asks to be seen."""

    figure: int = Field(ge=0)                        # in the prompt's order; 0: of the picture
    attribute: str                                   # creature, colour, accessory, action, scene
    value: str
    remark: str                                      # where it is not seen: "the fox does not jump"


class Asked(FrozenModel):
    """What a drawn shot is to show."""

    text: str                                        # the prompt
    parts: tuple[AskedPart, ...] = ()                # that can be looked for one by one


class Reading(FrozenModel):
    """What was read back of a drawing."""

    by: str = ""                                     # "reader", "clip", a vision model; "": nobody could
    score: float = 1.0                               # how well it is what was asked
    mark: float = 0.0                                # below it a shot is drawn again
    scores: dict[str, float] = Field(default_factory=dict)           # "1 action" → likelihood, by figure
    remarks: tuple[str, ...] = ()                    # what is wrong, in plain words
    faults: tuple[str, ...] = ()                     # that make it no picture of anything: "black"

    @property
    def is_right(self) -> bool:
        """Whether it need not be drawn again."""
        return not self.faults and self.score >= self.mark


class Check(FrozenModel):
    """All drawings of a shot as they were read, and which of them is in the film."""

    readings: tuple[Reading, ...] = Field(min_length=1)              # of the shot's seed, the next one, ...
    chosen: int = Field(default=0, ge=0)

    @property
    def reading(self) -> Reading:
        """Of the drawing that is in the film."""
        return self.readings[self.chosen]


class Clip(FrozenModel):
    """A drawn shot on disk, H.264."""

    shot_id: ShotId
    path: Path
    width_px: int
    height_px: int
    fps: FrameRate
    num_frames: int

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return float(self.num_frames / self.fps)


class Word(FrozenModel):
    """A spoken word: where in its shot's text, and when in its track, it begins."""

    at: int
    start_s: float


class Speech(FrozenModel):
    """What is spoken in a shot, a WAV file as long as the shot has to be."""

    path: Path
    duration_s: float                                # with silence before and after
    end_s: float                                     # of the last word
    words: tuple[Word, ...]


class Film(FrozenModel):
    """All clips joined."""

    path: Path
    clips: tuple[Clip, ...]
    duration_s: float


class Character(FrozenModel):
    """A folder of images of one character, checked and sorted by content."""

    name: str
    token: str
    noun: str
    images: tuple[Path, ...] = Field(min_length=1)

    @field_validator("images")
    @classmethod
    def _absolute(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(Path(path) for path in value)
