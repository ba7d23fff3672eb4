"""What is searched to be measured: clips of the world that no model was trained on, as an index.

Plain queries.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storyanim import video
from storyanim.artifacts import ClipMatch, Float32, Frames
from storyanim.config import Settings
from storyanim.engine.folders import disk_errors
from storyanim.retrieve.build import build_index
from storyanim.stages import TextVideoEncoder
from storybook.evaluate import trials
from storybook.evaluate.trials import Trial
from storybook.world import ACTIONS, CREATURES, SCENES, WORDS, caption, render_clip, sample_spec
from storybook.world.spec import WATER_SCENES

CLIPS, INDEX = "clips", "index"                      # below the folder of `make_footage`
_SIZE_PX, _FPS = 128, 8.0


@dataclass(frozen=True)
class PlainQuery:
    """A creature, an action and a scene in their plainest words."""

    creature: str
    action: str
    scene: str

    @property
    def text(self) -> str:
        """"a bear walking in the forest"."""
        return f"a {self.creature} {WORDS['action'][self.action][0]} {WORDS['scene'][self.scene][0]}"


def make_queries(num_queries: int) -> list[PlainQuery]:
    """Return the first so many of all that can be asked, in a mixed order that is always the same.

    Fewer where there are no more.
    """
    every = [PlainQuery(creature, action, scene) for creature in CREATURES for action in ACTIONS
             for scene in SCENES
             if action != "swimming" or scene in WATER_SCENES]
    return [every[k] for k in np.random.default_rng(trials.FOOTAGE).permutation(len(every))[:num_queries]]


def make_searches(num_clips: int) -> list[Trial]:
    """Return what is looked for: trial k asks for clip k, in a form and words that its caption need not
    have."""
    specs = [sample_spec(trials.FOOTAGE + k, held_out=True) for k in range(num_clips)]
    return [Trial(k, spec, trials.word(spec, trials.FOOTAGE + k)) for k, spec in enumerate(specs)]


def clip_name(number: int) -> str:
    """Return the file of clip `number`; it tells nothing of what the clip shows."""
    return f"clip-{number:04d}.mp4"


def make_footage(folder: Path, num_clips: int, window_s: float, encoder: TextVideoEncoder) -> Path:
    """Render the clips of `make_searches`, each as long as a window, with captions in varied words, and
    indexes them.

    Returns `folder`, with CLIPS and INDEX in it. Raises ResourceError and what `build_index` raises.
    """
    rows = []
    with disk_errors(folder):
        (folder / CLIPS).mkdir()
        for trial in make_searches(num_clips):
            clip = render_clip(trial.spec, size=_SIZE_PX, num_frames=round(window_s * _FPS), fps=_FPS)
            name = clip_name(trial.number)
            video.write(Frames(clip.rgb, clip.fps), folder / CLIPS / name, width_px=_SIZE_PX,
                        height_px=_SIZE_PX, fps=_FPS)
            rows.append((name, caption(trial.spec, np.random.default_rng([trials.FOOTAGE, trial.number]))))
        with (folder / CLIPS / "captions.tsv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows([("file", "caption"), *rows])
    build_index([folder / CLIPS], folder / INDEX, encoder, window_s=window_s)
    return folder


def frames_of(match: ClipMatch, settings: Settings) -> Frames:
    """Return a found clip as a shot takes its depth from it. Raises VideoError."""
    wanted = settings.generate
    return video.read(match.path, start_s=match.start_s, end_s=match.end_s, fps=wanted.fps,
                      max_frames=wanted.num_frames)


class Blind:
    """An encoder to which every text is like every clip: with it a search goes by the words alone."""

    def __init__(self, encoder: TextVideoEncoder) -> None:
        self.fingerprint, self.dim, self.num_frames = encoder.fingerprint, encoder.dim, encoder.num_frames
        self.sample_frame_indices, self.encode_clips = encoder.sample_frame_indices, encoder.encode_clips

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """Zero (N, dim)."""
        return np.zeros((len(texts), self.dim), np.float32)
