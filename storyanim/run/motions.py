"""From a word to a learned motion: clips are found, filtered, cropped and learned from (DreamRunner 3.2).

    words --BM25--> captioned clips --filters--> --crops--> --score--> 4 to 20 clips --learn--> Motion
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from storyanim.artifacts import ClipMatch, Frames, Motion
from storyanim.config import Settings, cache_folder
from storyanim.device import make_room
from storyanim.engine.motion_file import load_motion, save_motion
from storyanim.errors import MotionError, VideoError
from storyanim.personalize.motion import MotionLearner
from storyanim.personalize.motion_clips import MotionClip, has_figure, read_motion_clip
from storyanim.planning.inflection import action_name
from storyanim.retrieve.index import VideoIndex
from storyanim.run.components import Components, build_components, bundled_index, open_index
from storyanim.stages import Progress, TextVideoEncoder

_LOG = logging.getLogger(__name__)
MIN_CLIPS = 4                                        # DreamRunner's floor
_FOUND_A_KEPT = 4                                    # times as many as may be kept are looked at


@dataclass(frozen=True)
class FoundClips:
    """What was found for a motion."""

    kept: tuple[MotionClip, ...]                     # to learn from, the best first
    left_out: tuple[MotionClip, ...]                 # with the reason as `flaw`


@dataclass(frozen=True)
class LearnedMotion:
    """A motion, what it was learned from, and with what."""

    motion: Motion
    clips: FoundClips
    components: Components


def learn_motion(words: str, settings: Settings, index: str | None, progress: Progress) -> LearnedMotion:
    """Learn the motion that `words` name, unless the same was learned before from the same clips.

    A motion is kept in the cache by the content of its clips and the settings; a killed learning goes on.
    Raises MotionError, IndexFolderError, ModelError, ResourceError.
    """
    name = action_name(words)
    components = build_components(settings, index)
    progress(0.0, f"looking for clips of {name}")
    folder = Path(index) if index else bundled_index(components.encoder, progress)
    clips = find_motion_clips(name, components, folder, progress)
    return LearnedMotion(learn_from_clips(name, clips.kept, components, progress), clips, components)


def learn_from_clips(
    name: str, clips: Sequence[MotionClip], components: Components, progress: Progress
) -> Motion:
    """Return the motion of some clips, from the cache when it is there."""
    learner = MotionLearner(components.settings, components.load_pipeline)
    key = learner.key(name, clips)
    kept = cache_folder() / "motions" / f"{key}.safetensors"
    if kept.is_file():
        try:
            return load_motion(kept)
        except MotionError as error:
            _LOG.warning("%s is learned again: %s", name, error)
    checkpoint = cache_folder() / "learning" / f"motion-{key}.safetensors"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    for done in (components.encoder, components.depth):
        make_room(done)
    motion = learner.learn(name, clips, partial(_report, progress, name), checkpoint=checkpoint)
    kept.parent.mkdir(parents=True, exist_ok=True)
    save_motion(kept, motion)
    return motion


def find_motion_clips(name: str, components: Components, index: Path, progress: Progress) -> FoundClips:
    """Return 4 to `motion.max_clips` clips of a motion, and why others are left out.

    By the BM25 of captions; of those that pass the filters, what shows one figure; of these, what scores at
    least `motion.min_score`, or 4 if it is fewer.

    Raises MotionError when the index has too few, IndexFolderError.
    """
    settings, wanted = components.settings, components.settings.motion
    filtered = settings.model_copy(update={"retrieve": settings.retrieve.model_copy(
        update={"filters": (*settings.retrieve.filters, *wanted.filters)})})
    opened = open_index(index, filtered, components.vocabulary)
    most = (_FOUND_A_KEPT if wanted.check_quality else 1) * max(wanted.max_clips, MIN_CLIPS)
    found = opened.search_captions(wanted.query.format(name), name, components.encoder, most)
    _check_enough(name, len(found), opened)
    clips = []
    for number, (match, flaw) in enumerate(found):
        progress(0.3 * number / len(found), f"looking at {match.caption}")
        if clip := _look_at(match, flaw, components):
            clips.append(clip)
    return _select(name, clips, components)


def _look_at(match: ClipMatch, flaw: str, components: Components) -> MotionClip | None:
    """Read one clip, and score it; None when it cannot be read."""
    wanted, drawn = components.settings.motion, components.settings.generate
    try:
        clip = read_motion_clip(match, components.depth, (drawn.width_px, drawn.height_px), drawn.num_frames,
                                drawn.fps, crop=wanted.crop_to_figure)
    except VideoError as error:
        _LOG.warning("%s is left out: %s", match.clip_id, error)
        return None
    flaw = flaw or ("" if has_figure(clip) else "shows no one figure")
    return clip.with_(flaw=flaw if wanted.check_quality else "")


def _select(name: str, clips: Sequence[MotionClip], components: Components) -> FoundClips:
    wanted = components.settings.motion
    sound = [clip for clip in clips if not clip.flaw]
    if len(sound) < MIN_CLIPS:
        reasons = ", ".join(sorted({clip.flaw for clip in clips if clip.flaw}))
        raise MotionError(f"{len(sound)} clips of {name} can be learned from, {MIN_CLIPS} are needed"
                          + f" ({len(clips) - len(sound)} are left out: {reasons})" * bool(reasons),
                          hint="index more footage whose captions say it, or ask less with motion.filters "
                               "and motion.check_quality")
    sound = score_clips(wanted.query.format(name), sound, components.encoder)
    if not wanted.check_quality:                     # as captions rank them; the best guides all the same
        best = max(range(len(sound)), key=lambda k: sound[k].score)
        kept = [sound[best], *sound[:best], *sound[best + 1:]]
        return FoundClips(tuple(kept[:wanted.max_clips]), ())
    ranked = sorted(sound, key=lambda clip: -clip.score)
    scores = np.array([clip.score for clip in ranked])
    least = float(scores.mean() - scores.std()) if wanted.min_score is None else wanted.min_score
    num = sum(clip.score >= least for clip in ranked)
    num = min(max(num, MIN_CLIPS), wanted.max_clips)
    below = [clip.with_(flaw=f"scores below {ranked[num - 1].score:.3f}") for clip in ranked[num:]]
    return FoundClips(tuple(ranked[:num]), (*below, *(clip for clip in clips if clip.flaw)))


def score_clips(query: str, clips: Sequence[MotionClip], encoder: TextVideoEncoder) -> list[MotionClip]:
    """Return clips with their scores: the mean of the whole clip's cosine with the query and its frames'."""
    text = encoder.encode_texts([query])[0]                                                   # (dim,)
    scored = []
    for clip in clips:
        rgb, fps = clip.frames.rgb, clip.frames.fps
        some = Frames(rgb[encoder.sample_frame_indices(len(rgb))], fps)
        stills = [Frames(np.repeat(frame[None], len(some.rgb), axis=0), fps) for frame in some.rgb]
        whole, each = encoder.encode_clips([some]) @ text, encoder.encode_clips(stills) @ text
        scored.append(clip.with_(score=float((whole[0] + each.mean()) / 2)))
    return scored


def _check_enough(name: str, num: int, index: VideoIndex) -> None:
    if num == 0:
        raise MotionError(f"no caption of the index {index.folder} says {name}",
                          hint="say the motion in the captions' words, as in `storyanim search`, or index "
                               "footage that shows it")
    if num < MIN_CLIPS:
        raise MotionError(f"only {num} clips of the index {index.folder} say {name} and pass the filters, "
                          f"{MIN_CLIPS} are needed",
                          hint="index more footage whose captions say it, or ask less with motion.filters")


def _report(progress: Progress, name: str, done: float, figures: dict[str, float]) -> None:
    progress(0.3 + 0.5 * done, f"learning {name}  "
             + "  ".join(f"{key} {value:.4g}" for key, value in figures.items()))
