"""The seams: what a stage needs of the doer that it is handed, one Protocol each.

A doer is cheap to build and loads its model when it is first used, so that a run in which nothing is left to
do loads none. `fingerprint` names everything that can change its results: the name, the settings, the sha256
of the weights; never the device or the batch size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from storyanim.artifacts import (
    Asked,
    CastMember,
    Character,
    CharacterToken,
    ClipMatch,
    DepthTrack,
    Float32,
    Frames,
    Motion,
    Query,
    Reading,
    Shot,
    Story,
    Storyboard,
)

Item = TypeVar("Item")
Progress = Callable[[float, str], None]              # share done in [0, 1], what is being done


def no_progress(done: float, text: str) -> None:
    """Tell nobody."""


class Planner(Protocol):
    """Splits a story into shots."""

    @property
    def fingerprint(self) -> str: ...

    def plan(self, story: Story, cast: Sequence[CastMember]) -> Storyboard:
        """Return every character of the text lands in exactly one shot, in order.

        Raises StoryError, ServiceError.
        """
        ...


class TextVideoEncoder(Protocol):
    """Puts texts and clips into one space, where the inner product is the likeness."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def dim(self) -> int: ...

    num_frames: int                                                     # frames that it wants of a clip

    def sample_frame_indices(self, length: int) -> list[int]:
        """Return the indices of the frames, of `length`, that it reads; others need not be given."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Float32:            # (N, dim), unit length
        ...

    def encode_clips(self, clips: Sequence[Frames]) -> Float32:         # (N, dim), unit length
        ...


class FootageIndex(Protocol):
    """Finds video clips for a text query."""

    @property
    def fingerprint(self) -> str: ...

    def search(self, query: Query, encoder: TextVideoEncoder, k: int) -> list[ClipMatch]:
        """Return at most k clips, best first. Raises IndexFolderError for the encoder of another index."""
        ...

    def find(
        self, clip_id: str, query: Query, encoder: TextVideoEncoder, *, rank: int = 1
    ) -> ClipMatch | None:
        """Return one clip by its id, scored for the query; None when there is no such clip."""
        ...

    def windows_near(self, clip_id: str, query: Query, encoder: TextVideoEncoder) -> list[ClipMatch]:
        """Return the other windows near to a clip in its video, scored for the query, best first."""
        ...

    def near_duplicates_of(self, clip_id: str, among: Sequence[str]) -> set[str]:
        """Return those of some clip ids whose clips are near-duplicates of a clip, or are it."""
        ...


class DepthEstimator(Protocol):
    """Estimates monocular depth."""

    @property
    def fingerprint(self) -> str: ...

    def estimate(self, frames: Frames) -> DepthTrack:
        """Return depth of the same length and size as the frames, with one scale for the clip."""
        ...


class ShotGenerator(Protocol):
    """Draws a shot."""

    @property
    def fingerprint(self) -> str: ...

    def draw(
        self, shot: Shot, depth: DepthTrack | None, tokens: Sequence[CharacterToken],
        motions: Sequence[Motion] = (),
    ) -> Frames:
        """Return frames of the shot under `depth` (None: text only) with the characters' `tokens`.

        `motions` are learned ones that its prompts name.
        """
        ...


class ClipReader(Protocol):
    """Reads a drawn clip back."""

    @property
    def fingerprint(self) -> str: ...

    def read(self, frames: Frames, asked: Asked) -> Reading:
        """Return how well a clip shows what was asked. Raises ModelError, ServiceError."""
        ...


class CharacterLearner(Protocol):
    """Learns a character from its pictures."""

    @property
    def fingerprint(self) -> str: ...

    def learn(
        self, character: Character, class_clips: Sequence[ClipMatch] = (),
        watch: Callable[[float, dict[str, float]], None] | None = None, /, *, checkpoint: Path | None = None,
    ) -> CharacterToken:
        """Learn a character, with clips of its kind as regularisation.

        Args:
            character: its pictures and noun.
            class_clips: footage of its kind, best first.
            watch: told the share done and figures such as the loss.
            checkpoint: file for the state of unfinished work, taken up again when all inputs are equal.
        """
        ...


class FeatureExtractor(Protocol):
    """Puts clips into a space in which sets of clips are compared."""

    @property
    def fingerprint(self) -> str: ...

    def extract(self, clips: Iterable[Frames]) -> Float32:              # (N, D)
        ...


class Executor(Protocol):
    """Does independent tasks, here or elsewhere."""

    def run(self, task: Callable[[Item], object], items: Iterable[Item]) -> list[Exception | None]:
        """Return one entry an item, in order: None when it was done, else the error of its last try."""
        ...


class ShardWorker(Protocol):
    """Does one shard of videos after the other; made once in each process."""

    def work(self, shard: Any) -> Any:
        ...

    def close(self) -> None:
        ...


class ShardExecutor(Protocol):
    """Does shards of many alike tasks, here or elsewhere.

    `start` and shards must be fit for another process.
    """

    shard_size: int                                                     # tasks of a shard

    def map(self, start: Callable[[], ShardWorker], shards: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield shards, or parts of them, with what a worker made of each or the last error; in any order."""
        ...
