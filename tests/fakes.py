"""Doers by hand for the six seams (stages.py), which count what they are asked for, and a studio that runs on them.

They look at colours: a shot whose sentence says "red" finds the red footage of the fixture `videos`, and so on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coloured import COLOURS, ColourEncoder

from storyanim.api import films
from storyanim.artifacts import (
    Asked,
    CastMember,
    Character,
    CharacterToken,
    ClipMatch,
    DepthTrack,
    Frames,
    Motion,
    Reading,
    Shot,
    Story,
    Storyboard,
)
from storyanim.config import Settings, load_settings
from storyanim.engine.run_dir import RunDir
from storyanim.planning import load_vocabulary
from storyanim.retrieve.index import VideoIndex
from storyanim.run import characters
from storyanim.run.characters import Cast, learn_characters
from storyanim.run.components import Components
from storyanim.run.pipeline import FilmResult, film_storyboard
from storyanim.run.storyboard import plan_story

SMALL_FILM = {"GENERATE__NUM_FRAMES": "4", "FILM__WIDTH_PX": "64", "FILM__HEIGHT_PX": "48", "FILM__FPS": "8", "FILM__TITLE_S": "0",
              "FILM__MAX_HOLD_S": "0"}
STORY = Story(title="The colours", text="A red bear runs. A green frog jumps. A blue wave comes.")
EDITED = Story(title="The colours", text="A red bear runs. A green frog sings. A blue wave comes.")
# What it takes to make STORY, in order.
ALL_CALLS = [
    "plan The colours", "encode red", "encode green", "encode blue",
    "depth red", "draw s01", "depth green", "draw s02", "depth blue", "draw s03",
]


@dataclass
class Diary:
    """Every call of a fake, in order; `on_call` may raise."""

    calls: list[str] = field(default_factory=list)
    on_call: Callable[[str], None] = lambda call: None

    def write(self, call: str) -> None:
        self.calls.append(call)
        self.on_call(call)

    def read(self) -> list[str]:
        """What was written since the last time."""
        calls, self.calls = self.calls, []
        return calls


@dataclass
class FakePlanner:
    """A shot a sentence; a character is in those that have its noun."""

    diary: Diary
    fingerprint: str = "fake planner"

    def plan(self, story: Story, cast: Sequence[CastMember]) -> Storyboard:
        self.diary.write(f"plan {story.title}")
        sentences = re.findall(r"[^.]*\.\s*", story.text)
        shots = tuple(self._shot(number, text, cast) for number, text in enumerate(sentences, 1))
        return Storyboard(title=story.title, characters=tuple(cast), shots=shots)

    def _shot(self, number: int, text: str, cast: Sequence[CastMember]) -> Shot:
        here = [who for who in cast if who.noun in text]
        prompt = text
        for who in here:
            prompt = prompt.replace(who.noun, f"{who.token} {who.noun}")
        return Shot(id=f"s{number:02d}", text=text, query=text, prompt=prompt, characters=tuple(who.name for who in here),
                    duration_s=0.5, seed=len(text))


class FakeEncoder(ColourEncoder):
    """ColourEncoder, counted."""

    def __init__(self, diary: Diary) -> None:
        super().__init__()
        self.diary = diary

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.diary.write(f"encode {_colour_in(texts[0])}")
        return super().encode_texts(texts)


@dataclass
class FakeDepth:
    """Bright is near."""

    diary: Diary
    fingerprint: str = "fake depth"

    def estimate(self, frames: Frames) -> DepthTrack:
        colour = list(COLOURS)[int(frames.rgb.mean(axis=(0, 1, 2)).argmax())]
        self.diary.write(f"depth {colour}")
        return DepthTrack((frames.rgb.mean(axis=-1) / 255).astype(np.float32), frames.fps)


@dataclass
class FakeGenerator:
    """Grey depth, over squares of the seed that move; with each token it is redder."""

    diary: Diary
    fingerprint: str = "fake generator"

    def draw(self, shot: Shot, depth: DepthTrack | None, tokens: Sequence[CharacterToken],
             motions: Sequence[Motion] = ()) -> Frames:
        worn = [*(token.token for token in tokens), *(motion.name for motion in motions)]
        self.diary.write(f"draw {shot.id}" + "".join(f" {name}" for name in worn))
        rng = np.random.default_rng([shot.seed, *shot.prompt.encode()])
        grey = np.zeros((4, 64, 64), np.float32) if depth is None else depth.inverse_depth
        length, height, width = grey.shape
        squares = np.kron(rng.integers(0, 90, (height // 8 + 1, width // 8 + 1, 3)), np.ones((8, 8, 1)))[:height, :width]
        rgb = grey[..., None] * 150 + np.stack([np.roll(squares, i, axis=1) for i in range(length)])
        rgb[..., 0] += 40 * len(tokens)
        return Frames(np.clip(rgb, 0, 255).astype(np.uint8), depth.fps if depth else 8.0)


@dataclass
class FakeLearner:
    """A table of zeros."""

    diary: Diary
    fingerprint: str = "fake learner"

    def learn(self, character: Character, priors: Sequence[ClipMatch] = (), watch: Any = None, *,
              checkpoint: Path | None = None) -> CharacterToken:
        self.diary.write(f"learn {character.name}")
        if watch:
            watch(1.0, {"loss": 0.5})
        table = np.zeros((10, 4), np.float32)
        return CharacterToken(character.name, character.token, character.noun, table, {}, "fake base")


@dataclass
class FakeReader:
    """All is as asked, but for prompts of which scores are given."""

    scores: dict[str, list[float]] = field(default_factory=dict)     # prompt → of its drawings, in order
    fingerprint: str = "fake reader"

    def read(self, frames: Frames, asked: Asked) -> Reading:
        left = self.scores.get(asked.text.strip())
        score = left.pop(0) if left else 1.0
        return Reading(by="fake", score=score, mark=0.5, remarks=("it is grey",) if score < 0.5 else ())


class BackwardExecutor:
    """Does the last item first, and tries each once."""

    def run(self, task: Callable[[Any], object], items: Iterable[Any]) -> list[Exception | None]:
        errors: list[Exception | None] = []
        for item in reversed(list(items)):
            try:
                task(item)
                errors.append(None)
            except Exception as error:
                errors.append(error)
        return errors[::-1]


def fake_components(diary: Diary, index: VideoIndex, settings: Settings | None = None) -> Components:
    from storyanim.engine.local import LocalExecutor

    settings = settings or fake_settings()
    return Components(settings, load_vocabulary(settings), FakePlanner(diary), FakeEncoder(diary), index, False, FakeDepth(diary),
                      FakeGenerator(diary), FakeReader(), FakeLearner(diary), LocalExecutor())


def fake_settings(**film: Any) -> Settings:
    """Small and short."""
    return load_settings(
        generate={"width_px": 64, "height_px": 64, "num_frames": 4, "max_duration_s": 0.5}, retrieve={"candidates": 2},
        film={"width_px": 64, "height_px": 48, "fps": 8, "title_s": 0, "max_hold_s": 0} | film,
    )


class Studio:
    """A run folder and fakes to fill it."""

    def __init__(self, folder: Path, index: VideoIndex, settings: Settings | None = None) -> None:
        self.folder, self.diary = folder, Diary()
        self.components = fake_components(self.diary, index, settings)
        self.told: list[tuple[float, str]] = []

    @property
    def film(self) -> bytes:
        return (self.folder / "film.mp4").read_bytes()

    def use(self, **components: Any) -> None:
        self.components = replace(self.components, **components)

    def make(self, story: Story = STORY, characters: Sequence[Character | CharacterToken] = (), **changes: Any) -> FilmResult:
        """The way of pipeline.py, from story to film; `changes` are made to each shot whose id they name."""
        with RunDir(self.folder) as run:
            cast = [CastMember(name=who.name, noun=who.noun, token=who.token) for who in characters]
            board = run.step("plan", plan_story, story, cast, self.components.planner).value
            shots = tuple(shot.model_copy(update=changes.get(shot.id, {})) for shot in board.shots)
            return self.shoot(run, board.model_copy(update={"shots": shots}), characters)

    def shoot(self, run: RunDir, board: Storyboard, characters: Sequence[Character | CharacterToken] = ()) -> FilmResult:
        def progress(done: float, text: str) -> None:
            self.told.append((done, text))

        tokens = learn_characters(run, Cast(), characters, self.components, progress)
        return film_storyboard(run, board, tokens, self.components, progress)


def _colour_in(text: str) -> str:
    return next((colour for colour in COLOURS if colour in text.lower()), text)


def install_fakes(patch: pytest.MonkeyPatch, index: VideoIndex, *, candidates: int = 2) -> Diary:
    """Let the fakes take the place of the real doers wherever a run is set up; films are small."""
    diary = Diary()
    for user in (films, characters):
        patch.setattr(user, "build_components", lambda settings, folder, *rest: fake_components(diary, index, settings))
    for name, value in (SMALL_FILM | {"RETRIEVE__CANDIDATES": str(candidates)}).items():
        patch.setenv(f"STORYANIM_{name}", value)
    return diary
