"""One shot: the depth of its footage is estimated, frames are drawn under it, and a clip is written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storyanim import video
from storyanim.artifacts import (
    Candidates,
    CharacterToken,
    Check,
    Clip,
    ClipMatch,
    DepthTrack,
    Frames,
    Motion,
    Shot,
    Speech,
)
from storyanim.config import GenerateSettings
from storyanim.depth.compose import compose_figures, cut_figure
from storyanim.device import make_room
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step, output_of, step_version
from storyanim.film import sheet
from storyanim.film.clip import write_clip
from storyanim.generate.generator import fit_depth
from storyanim.planning.asked import asked_of
from storyanim.retrieve.choose import is_user_footage
from storyanim.run.checked import draw_checked
from storyanim.run.components import Components
from storyanim.run.footage import ShotTask
from storyanim.run.guides import guide_motion
from storyanim.run.takes import KEEP, record_takes
from storyanim.stages import DepthEstimator, ShotGenerator

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class DrawnShot:
    """A shot with all its steps done; a step's value is read from the disk when it is first asked for."""

    shot: Shot
    subtitle: str
    candidates: Step[Candidates]
    thumbnails: Step[Path]
    depth: Step[DepthTrack] | None                   # None: no footage fits, drawn from the text alone
    frames: Step[Frames]                             # of the drawing that is in the film
    check: Step[Check]                               # how it, and those before it, were read back
    clip: Step[Clip]
    speech: Step[Speech] | None = None

    @property
    def pictures(self) -> Path:
        """A strip of the drawn frames, PNG."""
        return self.frames.folder / "preview.png"


# ── the way of a shot ────────────────────────────────────────────────────────────────────────────────────


def motions_of(shot: Shot, motions: Sequence[Motion]) -> list[Motion]:
    """Return the learned motions that a shot's prompts name."""
    parts = [*(entity.prompt for entity in shot.entities), *(event.prompt for event in shot.events)]
    texts = [shot.prompt, *parts]
    return [motion for motion in motions if motion.is_named_in(*texts)]


def make_shot(run: RunDir, task: ShotTask, components: Components) -> DrawnShot:
    """Draw a shot: thumbnails, depth, frames and clip. Raises what the components raise."""
    shot, place = task.shot, f"shots/{task.shot.id}"
    thumbnails = run.step_with_folder(f"{place}/thumbnails", draw_thumbnails, output_of(task.candidates))
    depth = guide(run, task, components)
    make_room(components.depth)
    frames, check = _draw(run, task, depth, components)
    clip = run.step_with_folder(f"{place}/clip", write_clip, as_shown(shot, task.subtitle), output_of(frames),
                                components.settings.film, output_of(task.speech), task.overlap_s)
    return DrawnShot(shot, task.subtitle, task.candidates, thumbnails, depth, frames, check, clip,
                     task.speech)


def guide(run: RunDir, task: ShotTask, components: Components) -> Step[DepthTrack] | None:
    """Estimate the depth of the shot's footage; figures with footage and learned motions bring their own."""
    shot, match = task.shot, task.candidates.value.match
    place, num_frames = f"shots/{shot.id}/depth", components.settings.generate.frames_of(shot.duration_s)
    motions = motions_of(shot, components.motions)
    if task.figures:
        return _guide_figures(run, task, motions, components)
    in_parts = bool(motions and shot.events)
    depth = None
    if match is not None and (in_parts or not motions):
        depth = _estimate(run, place + "-match" * in_parts, match, shot, components)
    if motions:
        found = None if depth is None else output_of(depth)
        drawn = _as_drawn(shot, components.settings.generate)
        depth = run.step(place, guide_motion, drawn, found, motions, num_frames)
    return depth


def _guide_figures(
    run: RunDir, task: ShotTask, motions: Sequence[Motion], components: Components
) -> Step[DepthTrack] | None:
    """Compose the depth of each entity's footage over the scene's; None where one of them shows no figure."""
    shot, place = task.shot, f"shots/{task.shot.id}/depth"
    num_frames = components.settings.generate.frames_of(shot.duration_s)
    scene_match = task.candidates.value.match
    tracks = []
    for number, (entity, found) in enumerate(zip(shot.entities, task.figures, strict=True), 1):
        learned = [motion for motion in motions if motion.is_named_in(entity.prompt)]
        if learned:
            tracks.append(learned[0].depth.ping_pong(num_frames))
            continue
        match = found.value.match
        if match is None:
            return None
        alone = shot.model_copy(update={"pinned": entity.pinned})
        tracks.append(_estimate(run, f"{place}-{number}", match, alone, components).value)
    figures = []
    for number, track in enumerate(tracks, 1):
        figure = cut_figure(track)
        if figure is None:
            _LOG.warning("%s: depth sets no figure apart in the footage of figure %d, so that the text alone "
                         "guides the shot; another clip: storyanim shot pin RUN %s CLIP --figure %d",
                         shot.id, number, shot.id, number)
            return None
        figures.append(figure)
    scene = tracks[0] if scene_match is None else _estimate(run, f"{place}-scene", scene_match, shot,
                                                            components).value
    wanted = components.settings.generate           # boxes are parts of what is drawn, not of wider footage
    scene = DepthTrack(fit_depth(scene, (num_frames, wanted.height_px, wanted.width_px)), wanted.fps)
    boxes = [list(shot.boxes_of(k)) for k in range(len(tracks))]
    return run.step(place, compose_figures, scene, figures, boxes)


def _estimate(
    run: RunDir, name: str, match: ClipMatch, shot: Shot, components: Components
) -> Step[DepthTrack]:
    """Estimate the depth of footage that was found for a shot."""
    wanted = components.settings.generate
    estimate = estimate_depth_within if is_user_footage(shot.pinned) else estimate_depth
    return run.step(name, estimate, _as_footage(match), components.depth, wanted.frames_of(shot.duration_s),
                    wanted.fps)


def _draw(
    run: RunDir, task: ShotTask, depth: Step[DepthTrack] | None, components: Components
) -> tuple[Step[Frames], Step[Check]]:
    """Draw the frames, as often as the check asks for.

    The step of a shot without learned motions is what it was before there were any.
    """
    given = None if depth is None else output_of(depth)
    tokens = [output_of(token) for token in task.tokens]
    motions = motions_of(task.shot, components.motions)

    drawings: list[tuple[Step[Frames], Shot]] = []

    def one(name: str, number: int) -> Step[Frames]:
        shot = _as_drawn(task.shot.reseeded(number), components.settings.generate)
        if motions:
            made = run.kept_step(name, KEEP, draw_motions, shot, given, tokens, motions, components.generator)
        else:
            made = run.kept_step(name, KEEP, draw, shot, given, tokens, components.generator)
        drawings.append((made, _with_footage(task).reseeded(number)))
        return made

    learned = [token.value if isinstance(token, Step) else token for token in task.tokens]
    asked = asked_of(task.shot.styled(), learned, components.vocabulary)
    wanted = components.settings.check
    frames, check = draw_checked(run, f"shots/{task.shot.id}", one, asked, components.reader,
                                 0 if task.shot.takes else wanted.retries, task.shot.takes or wanted.takes)
    record_takes(run, task.shot, _footage_name(task), drawings, check.value.readings)
    return frames, check


def _with_footage(task: ShotTask) -> Shot:
    """Return the shot with what its figures move as pinned, so that it finds the same again."""
    found = [step.value.match for step in task.figures]
    entities = tuple(
        entity.model_copy(update={"pinned": entity.pinned or (match.clip_id if match else None)})
        for entity, match in zip(task.shot.entities, found, strict=True)) if found else task.shot.entities
    return task.shot.model_copy(update={"entities": entities})


def _footage_name(task: ShotTask) -> str:
    """Return what a person would pin to have the shot move as it does; "" for one without footage."""
    match, pinned = task.candidates.value.match, task.shot.pinned
    if match is not None and pinned is not None and is_user_footage(pinned):
        return pinned
    return match.clip_id if match else ""


def _as_footage(match: ClipMatch) -> ClipMatch:
    """Return the match without how well it fits, which its depth does not depend on."""
    return match.model_copy(update={"score": 0.0, "rank": 1, "caption": "", "words": 0.0, "fits": True})


def _as_drawn(shot: Shot, settings: GenerateSettings) -> Shot:
    """Return the shot without what its picture does not depend on: a new query or pin redraws nothing."""
    shot, usual_s = shot.styled(), Shot.model_fields["duration_s"].default
    if settings.frames_of(shot.duration_s) == settings.frames_of(usual_s):       # a shorter one is cut
        shot = shot.model_copy(update={"duration_s": usual_s})
    return shot.model_copy(
        update={
            "text": "", "query": "", "setting": "", "pinned": None, "banned": (), "unsupported_words": (),
            "transition": "",
            "takes": 0,
            "entities": tuple(entity.model_copy(update={"query": "", "pinned": None, "banned": ()})
                              for entity in shot.entities),
        })


def as_shown(shot: Shot, subtitle: str) -> Shot:
    """Return the shot as its clip and the contact sheet need it: id, subtitle and length."""
    return Shot(id=shot.id, text=subtitle, query="", prompt="", duration_s=shot.duration_s)


# ── the steps ────────────────────────────────────────────────────────────────────────────────────────────


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


def draw_motions(
    shot: Shot, depth: DepthTrack | None, tokens: Sequence[CharacterToken], motions: Sequence[Motion],
    generator: ShotGenerator,
) -> Frames:
    """Draw the same with learned motions (DreamRunner 3.2)."""
    return generator.draw(shot, depth, tokens, motions)
