"""One shot: footage is found, its depth estimated, frames are drawn under it, and a clip is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storyanim import video
from storyanim.artifacts import Candidates, CharacterToken, Clip, ClipMatch, DepthTrack, Frames, Shot
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step, output_of, step_version
from storyanim.errors import StoryError
from storyanim.film import sheet
from storyanim.film.clip import write_clip
from storyanim.planning.script import told
from storyanim.retrieve.choose import (
    UserFootage,
    choose,
    choose_user_footage,
    is_user_footage,
    read_user_footage,
)
from storyanim.run.components import Components, Token
from storyanim.stages import DepthEstimator, FootageIndex, ShotGenerator, TextVideoEncoder


@dataclass(frozen=True)
class ShotTask:
    """A shot with its footage found, ready to be drawn, here or in another process."""

    shot: Shot
    tokens: tuple[Token, ...]                        # of the characters that play in it
    candidates: Step[Candidates]


@dataclass(frozen=True)
class DrawnShot:
    """A shot with all its steps done; a step's value is read from the disk when it is first asked for."""

    shot: Shot
    candidates: Step[Candidates]
    thumbnails: Step[Path]
    depth: Step[DepthTrack]
    frames: Step[Frames]
    clip: Step[Clip]

    @property
    def pictures(self) -> Path:
        """A strip of the drawn frames, PNG."""
        return self.frames.folder / "preview.png"


# ── the way of a shot ────────────────────────────────────────────────────────────────────────────────────


def find_footage(
    run: RunDir, shot: Shot, previous: tuple[str, ...], components: Components
) -> tuple[Step[Candidates], tuple[str, ...]]:
    """Retrieve a shot's candidates (AaS 3.1), beside a person's own footage where they pinned some.

    Args:
        run: folder of the run, open.
        shot: to find footage for.
        previous: clip ids that the shot before took, so that this one does not.
        components: whose index and encoder are used.

    Returns the candidates, and the clip ids that the next shot should not take. Raises StoryError,
    VideoError.
    """
    name, k = f"shots/{shot.id}/match", components.settings.retrieve.candidates
    if shot.pinned is None or not is_user_footage(shot.pinned):
        step = run.step(name, retrieve, shot.query, shot.pinned, list(shot.banned), list(previous),
                        components.index,
                        components.encoder, k)
        return step, (step.value.match.clip_id,)
    own = read_user_footage(shot.pinned, shot.duration_s)
    step = run.step(name, retrieve_beside, shot.query, own, list(shot.banned), list(previous),
                    components.index,
                    components.encoder, k)
    # What the shot would have taken without the pin stays refused to the next, so that a pin changes its own
    # shot only.
    found = [match.clip_id for match in step.value.matches[:-1]]
    return step, tuple(next(([clip] for clip in found if clip not in previous[-1:]), found[:1]))


def make_shot(run: RunDir, task: ShotTask, components: Components) -> DrawnShot:
    """Draw a shot: thumbnails, depth, frames and clip. Raises what the components raise."""
    shot, wanted, place = task.shot, components.settings.generate, f"shots/{task.shot.id}"
    thumbnails = run.step_with_folder(f"{place}/thumbnails", draw_thumbnails, output_of(task.candidates))
    estimate = estimate_depth_within if is_user_footage(shot.pinned) else estimate_depth
    depth = run.step(f"{place}/depth", estimate, task.candidates.value.match, components.depth,
                     wanted.frames_of(shot.duration_s), wanted.fps)
    frames = run.step(f"{place}/frames", draw, _as_drawn(shot), output_of(depth),
                      [output_of(t) for t in task.tokens],
                      components.generator)
    clip = run.step_with_folder(f"{place}/clip", write_clip, as_shown(shot), output_of(frames),
                                components.settings.film)
    return DrawnShot(shot, task.candidates, thumbnails, depth, frames, clip)


def _as_drawn(shot: Shot) -> Shot:
    """Return the shot without what its picture does not depend on: a new query or pin redraws nothing."""
    return shot.model_copy(
        update={
            "text": "", "query": "", "setting": "", "pinned": None, "banned": (), "unsupported_words": (),
        })


def as_shown(shot: Shot) -> Shot:
    """Return the shot as its clip and the contact sheet need it: id, subtitle and length."""
    return Shot(id=shot.id, text=told(shot.text), query="", prompt="", duration_s=shot.duration_s)


# ── the steps ────────────────────────────────────────────────────────────────────────────────────────────


def retrieve(
    query: str, pinned: str | None, banned: Sequence[str], previous: Sequence[str], index: FootageIndex,
    encoder: TextVideoEncoder, k: int,
) -> Candidates:
    """Find footage that moves as the query says (AaS 3.1, motion structure retrieval)."""
    return choose(query, index, encoder, k, pinned=pinned, banned=banned, previous=previous)


def retrieve_beside(
    query: str, own: UserFootage, banned: Sequence[str], previous: Sequence[str], index: FootageIndex,
    encoder: TextVideoEncoder, k: int,
) -> Candidates:
    """Find footage, and take a person's own instead."""
    try:
        found = choose(query, index, encoder, k, banned=banned, previous=previous)
    except StoryError:                               # all are banned
        found = None
    return choose_user_footage(own, found, query, encoder)


def draw_thumbnails(folder: Path, candidates: Candidates) -> Path:
    """Draw a picture of each candidate for the report; return their folder."""
    sheet.draw_thumbnails(candidates, folder)
    return folder


@step_version(3)
def estimate_depth(match: ClipMatch, estimator: DepthEstimator, num_frames: int, fps: float) -> DepthTrack:
    """Estimate the depth of matched footage, on past the window's end, then back and forth if short."""
    end_s = max(match.end_s, match.start_s + num_frames / fps)
    return estimate_depth_within(match.model_copy(update={"end_s": end_s}), estimator, num_frames, fps)


@step_version(2)
def estimate_depth_within(match: ClipMatch, estimator: DepthEstimator, num_frames: int,
                          fps: float) -> DepthTrack:
    """Estimate the same of nothing beyond the match's end: a person said where it is."""
    frames = video.read(match.path, start_s=match.start_s, end_s=match.end_s, fps=fps, max_frames=num_frames)
    return estimator.estimate(frames).ping_pong(num_frames)                                   # (T, H, W)


def draw(
    shot: Shot, depth: DepthTrack | None, tokens: Sequence[CharacterToken], generator: ShotGenerator
) -> Frames:
    """Draw frames from text, structure and character tokens (AaS 3.2)."""
    return generator.draw(shot, depth, tokens)
