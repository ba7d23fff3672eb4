"""What a motion was learned from, and how it is drawn: a sheet and figures beside its file."""

from __future__ import annotations

import json

import numpy as np

from storyanim.artifacts import DepthTrack, Motion, Shot, UInt8
from storyanim.config import Settings
from storyanim.film.sheet import motion_sheet
from storyanim.personalize.motion_clips import MotionClip
from storyanim.planning.vocabulary import Actor, Picture, Vocabulary
from storyanim.run.guides import guide_motion
from storyanim.run.motions import LearnedMotion
from storyanim.stages import Progress

_SHOWN_LEFT_OUT = 8
_WHO = ("fox", "bear")                               # of samples, where the profile takes any words
_WORKING_SHARE = 0.8                                 # of the progress, before the samples


def draw_motion_report(learned: LearnedMotion, settings: Settings, progress: Progress) -> bytes:
    """Draw two figures without the motion, under its depth alone, and with both; return a PNG of all."""
    clips = [(clip.frames.rgb, _about(number, clip)) for number, clip in enumerate(learned.clips.kept, 1)]
    clips += [(clip.frames.rgb, f"left out: {clip.flaw}\n{clip.caption}")
              for clip in learned.clips.left_out[:_SHOWN_LEFT_OUT]]
    clips.append((_as_grey(learned.motion.depth), "depth of the first: the guide"))
    samples: list[tuple[UInt8, str]] = []
    shots = sample_shots(learned.motion, learned.components.vocabulary)
    for number, shot in enumerate(shots):
        progress(_WORKING_SHARE + (1 - _WORKING_SHARE) * number / len(shots), f"drawing {shot.prompt}")
        samples += _draw_three_ways(learned, settings, shot)
    num, total = len(learned.clips.kept), len(learned.clips.kept) + len(learned.clips.left_out)
    return motion_sheet(f"{learned.motion.name}: learned from {num} of {total} clips", clips, samples)


def motion_figures(learned: LearnedMotion) -> bytes:
    """Return the figures of the sheet as JSON."""
    def facts(clip: MotionClip) -> dict[str, object]:
        return {"clip_id": clip.match.clip_id, "caption": clip.caption, "score": round(clip.score, 4),
                "figure": round(clip.figure, 3), "left_out": clip.flaw}

    found = {"name": learned.motion.name, "base": learned.motion.base, "metadata": learned.motion.metadata,
             "clips": [facts(clip) for clip in (*learned.clips.kept, *learned.clips.left_out)]}
    return (json.dumps(found, indent=1) + "\n").encode()


def sample_shots(motion: Motion, vocabulary: Vocabulary | None) -> list[Shot]:
    """Return two shots of one figure that makes the motion, in the words that the model knows."""
    if vocabulary is None:
        prompts = [f"a {who} {motion.name}" for who in _WHO]
    else:
        known = vocabulary.with_actions([motion.name])
        action = next(value for value, entry in known.kinds["action"].items() if entry.say == motion.name)
        prompts = [known.say(Picture((Actor(creature, (entry.colours or ("",))[0], action=action),)))
                   for creature, entry in list(known.kinds["creature"].items())[:2]]
    return [Shot(id=f"s{number:02d}", text="", query="", prompt=prompt, seed=number)
            for number, prompt in enumerate(prompts, 1)]


def _draw_three_ways(learned: LearnedMotion, settings: Settings, shot: Shot) -> list[tuple[UInt8, str]]:
    generator, motion = learned.components.generator, learned.motion
    guide = guide_motion(shot, None, [motion], settings.generate.frames_of(shot.duration_s))
    return [(generator.draw(shot, None, ()).rgb, f"{shot.prompt}\nbefore"),
            (generator.draw(shot, guide, ()).rgb, "the guide alone"),
            (generator.draw(shot, guide, (), [motion]).rgb, "with the motion")]


def _about(number: int, clip: MotionClip) -> str:
    return f"{number}. {clip.score:+.3f}\n{clip.caption}\n{clip.match.clip_id}"


def _as_grey(track: DepthTrack) -> UInt8:
    return np.rint(track.inverse_depth * 255).astype(np.uint8)
