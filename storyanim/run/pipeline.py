"""Story to film, in order: READ THIS FIRST.

    story --plan--> storyboard --retrieve--> candidates --estimate_depth--> depth --draw--> frames
                                                                   frames --write_clip--> clips --join--> film

Each arrow is a step of the run folder (engine/run_dir.py): done once, and again only when its function or an input changed.
The functions here are the steps; the doers that they are handed (stages.py) load their models at first use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from storyanim import video
from storyanim.artifacts import (
    Candidates,
    CastMember,
    Character,
    CharacterToken,
    Clip,
    ClipMatch,
    DepthTrack,
    Film,
    Frames,
    Shot,
    Story,
    Storyboard,
)
from storyanim.config import Settings, cache_folder
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step, step_version
from storyanim.errors import InputError, PartialError, StoryError
from storyanim.film import sheet
from storyanim.film.cards import end_card, title_card
from storyanim.film.clip import write_clip
from storyanim.film.film import join
from storyanim.personalize.images import Survey
from storyanim.plan.script import told
from storyanim.retrieve.choose import choose
from storyanim.retrieve.index import ClipIndex
from storyanim.retrieve.own import OwnFootage, choose_own, is_own, read_own
from storyanim.stages import DepthEstimator, Executor, Planner, ShotGenerator, TextVideoEncoder

Watch = Callable[[float, str], None]                 # share done in [0, 1], what is being done


@dataclass(frozen=True)
class Components:
    """Who does the work."""

    planner: Planner
    encoder: TextVideoEncoder
    index: ClipIndex
    depth: DepthEstimator
    generator: ShotGenerator
    learner: Any                                     # personalize.fit.TimeInvLearner
    executor: Executor


@dataclass
class ShotWork:
    """The steps of one shot, as far as they are done."""

    shot: Shot
    worn: tuple[Step[CharacterToken] | CharacterToken, ...] = ()     # of the characters that play in it
    candidates: Step[Candidates] | None = None
    thumbnails: Step[Path] | None = None
    depth: Step[DepthTrack] | None = None
    frames: Step[Frames] | None = None
    clip: Step[Clip] | None = None
    error: Exception | None = None


@dataclass
class Production:
    """All that a run has: what `report` shows."""

    storyboard: Storyboard
    settings: Settings
    work: list[ShotWork] = field(default_factory=list)
    film: Step[Film] | None = None
    sheet: Step[Path] | None = None
    surveys: dict[str, Survey] = field(default_factory=dict)         # character → what lies in its folder, when it was read

    @property
    def failed(self) -> dict[str, str]:
        """Shot id → why."""
        return {work.shot.id: f"{work.error}" or type(work.error).__name__ for work in self.work if work.error}


# ── the way of the data ──────────────────────────────────────────────────────────────────────────────────────────────


def plan(run: RunDir, story: Story, cast: Sequence[CastMember], components: Components) -> Step[Storyboard]:
    """The storyboard of a story."""
    return run.step("plan", plan_story, story, list(cast), components.planner)


def learn_characters(
    run: RunDir, characters: Sequence[Character | CharacterToken], components: Components, settings: Settings, watch: Watch
) -> dict[str, Step[CharacterToken] | CharacterToken]:
    """Name → token: learned from pictures (and kept for other runs), or as it was given."""
    tokens: dict[str, Step[CharacterToken] | CharacterToken] = {}
    for who in characters:
        if isinstance(who, CharacterToken):
            tokens[who.name] = who
            continue
        watch(0.0, f"learning {who.name} from {len(who.images)} pictures")
        learner = watched(components.learner, who.name, watch)
        count = settings.personalize.num_class_clips
        tokens[who.name] = run.step(
            f"characters/{who.name}", learn_character, who, learner, components.index, components.encoder, count, reuse=True
        )
    return tokens


def make_film(
    run: RunDir, board: Storyboard, tokens: dict[str, Any], components: Components, settings: Settings, watch: Watch
) -> Production:
    """Storyboard to film. A shot that fails is left out and listed in `Production.failed`.

    Raises the shots' own error when none of them could be drawn, and whatever ends a whole run.
    """
    works = [ShotWork(shot, tuple(tokens[name] for name in shot.characters)) for shot in board.shots]
    production = Production(board, settings, works)
    done = 0

    def tell(text: str) -> None:
        watch(done / (4 * len(board.shots) + 1), text)

    previous: tuple[str, ...] = ()
    for work in production.work:
        tell(f"{work.shot.id} looking for footage")
        try:
            previous = find_footage(run, work, previous, components, settings)
        except InputError as error:
            work.error = error
        done += 1

    def make(work: ShotWork) -> None:
        nonlocal done
        tell(f"{work.shot.id} drawing")
        make_shot(run, work, components, settings)
        done += 3

    todo = [work for work in production.work if not work.error]
    for work, problem in zip(todo, components.executor.run(make, todo), strict=True):
        work.error = problem
    made = [work for work in production.work if work.error is None]
    if not made:
        raise next(work.error for work in production.work if work.error)
    tell("joining")
    join_film(run, production, made, settings)
    return production


def find_footage(
    run: RunDir, work: ShotWork, previous: tuple[str, ...], components: Components, settings: Settings
) -> tuple[str, ...]:
    """Retrieves a shot's candidates. Returns the clip ids that the next shot should not take."""
    shot = work.shot
    if shot.pinned is not None and is_own(shot.pinned):
        return _take_own(run, work, shot.pinned, previous, components, settings)
    work.candidates = run.step(
        f"shots/{shot.id}/match", retrieve, shot.query, shot.pinned, list(shot.banned), list(previous), components.index,
        components.encoder, settings.retrieve.candidates,
    )
    return (work.candidates.value.match.clip_id,)


def _take_own(
    run: RunDir, work: ShotWork, pinned: str, previous: tuple[str, ...], components: Components, settings: Settings
) -> tuple[str, ...]:
    """`find_footage` for a person's own footage; what this shot had taken without it stays refused to the next, as it was."""
    shot, own = work.shot, read_own(pinned, work.shot.duration_s)
    work.candidates = run.step(
        f"shots/{shot.id}/match", retrieve_beside, shot.query, own, list(shot.banned), list(previous), components.index,
        components.encoder, settings.retrieve.candidates,
    )
    found = [match.clip_id for match in work.candidates.value.matches[:-1]]
    return tuple(next(([name] for name in found if name not in previous[-1:]), found[:1]))


def make_shot(run: RunDir, work: ShotWork, components: Components, settings: Settings) -> None:
    """Thumbnails, depth, frames and clip of one shot."""
    shot, wanted = work.shot, settings.generate
    assert work.candidates is not None
    work.thumbnails = run.step(f"shots/{shot.id}/thumbnails", draw_thumbnails, work.candidates)
    estimate = estimate_depth_within if is_own(shot.pinned) else estimate_depth
    work.depth = run.step(
        f"shots/{shot.id}/depth", estimate, work.candidates.value.match, components.depth, wanted.frames_of(shot.duration_s),
        wanted.fps,
    )
    drawn = _what_is_drawn(shot)
    work.frames = run.step(f"shots/{shot.id}/frames", draw, drawn, work.depth, list(work.worn), components.generator)
    work.clip = run.step(f"shots/{shot.id}/clip", write_clip, _what_is_told(shot), work.frames, settings.film)


def join_film(run: RunDir, production: Production, made: Sequence[ShotWork], settings: Settings) -> None:
    """Cards, film, subtitles and contact sheet."""
    title = production.storyboard.title
    clips: list[Any] = [work.clip for work in made]
    texts = [told(work.shot.text) for work in made]
    if settings.film.title_s > 0:
        clips = [run.step("cards/title", title_card, title, settings.film), *clips,
                 run.step("cards/end", end_card, "The End", settings.film)]
        texts = ["", *texts, ""]
    production.film = run.step("film", join, title, clips, texts, settings.film)
    shots = [_what_is_told(work.shot) for work in made]
    production.sheet = run.step("sheet", sheet.draw_sheet, title, shots, [work.frames for work in made])
    film = production.film.value
    run.publish(film.path, "film.mp4")
    if (srt := film.path.with_suffix(".srt")).is_file():
        run.publish(srt, "film.srt")
    run.publish(production.sheet.value, "sheet.png")


def check_complete(production: Production) -> None:
    """Raises PartialError when shots failed."""
    if production.failed:
        raise PartialError(f"{len(production.failed)} of {len(production.work)} shots failed, the film was made of the others",
                           hint="mend what is named above and run the same command again", failed=production.failed)


# ── the steps ────────────────────────────────────────────────────────────────────────────────────────────────────────


def plan_story(story: Story, cast: list[CastMember], planner: Planner) -> Storyboard:
    """AaS 3.1."""
    return planner.plan(story, cast)


def learn_character(
    character: Character, learner: Any, index: ClipIndex, encoder: TextVideoEncoder, num_class_clips: int
) -> CharacterToken:
    """AaS 3.3, with clips of the noun from the index as regularisation."""
    class_clips = index.search(f"a {character.noun}", encoder, num_class_clips) if num_class_clips else []
    token: CharacterToken = learner.learn(character, class_clips)
    return token


def retrieve(
    query: str, pinned: str | None, banned: list[str], previous: list[str], index: ClipIndex, encoder: TextVideoEncoder, k: int
) -> Candidates:
    """AaS 3.1, motion structure retrieval."""
    return choose(query, index, encoder, k, pinned=pinned, banned=banned, previous=previous)


def retrieve_beside(
    query: str, own: OwnFootage, banned: list[str], previous: list[str], index: ClipIndex, encoder: TextVideoEncoder, k: int
) -> Candidates:
    """What retrieval finds, and a person's own footage, which is taken."""
    try:
        found = choose(query, index, encoder, k, banned=banned, previous=previous)
    except StoryError:                               # all are banned
        found = None
    return choose_own(own, found, query, encoder)


def draw_thumbnails(candidates: Candidates, folder: Path) -> Path:
    """Pictures of the candidates for the report; returns their folder."""
    sheet.draw_thumbnails(candidates, folder)
    return folder


@step_version(2)
def estimate_depth(match: ClipMatch, tool: DepthEstimator, num_frames: int, fps: float) -> DepthTrack:
    """Depth of the matched footage at the shot's own frame rate; where it is too short it goes back and forth."""
    end_s = max(match.end_s, match.start_s + num_frames / fps)
    return estimate_depth_within(match.model_copy(update={"end_s": end_s}), tool, num_frames, fps)


def estimate_depth_within(match: ClipMatch, tool: DepthEstimator, num_frames: int, fps: float) -> DepthTrack:
    """The same, of nothing beyond the match's end: a person said where it is."""
    frames = video.read(match.path, start_s=match.start_s, end_s=match.end_s, fps=fps, max_frames=num_frames)   # (T, H, W, 3)
    return tool.estimate(frames).lasting(num_frames)                                                            # (T, H, W)


def draw(shot: Shot, depth: DepthTrack, tokens: list[CharacterToken], tool: ShotGenerator) -> Frames:
    """AaS 3.2: text, structure and character tokens to frames."""
    return tool.draw(shot, depth, tokens)


def _what_is_drawn(shot: Shot) -> Shot:
    """The shot without what the picture does not depend on, so that a new query or pin alone redraws nothing."""
    return shot.model_copy(update={"text": "", "query": "", "setting": "", "pinned": None, "banned": (), "unsaid": ()})


def _what_is_told(shot: Shot) -> Shot:
    """The shot as its clip and the sheet need it: id, words and length."""
    return Shot(id=shot.id, text=told(shot.text), query="", prompt="", duration_s=shot.duration_s)


@dataclass(frozen=True)
class _Watched:
    """The learner with somebody watching; the same tool to the engine."""

    learner: Any
    watch: Callable[[float, dict[str, float]], None]

    @property
    def fingerprint(self) -> str:
        fingerprint: str = self.learner.fingerprint
        return fingerprint

    def learn(self, character: Character, class_clips: Sequence[ClipMatch]) -> CharacterToken:
        unfinished = cache_folder() / "learning" / f"{character.token.strip('<>')}.safetensors"
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        token: CharacterToken = self.learner.learn(character, class_clips, self.watch, checkpoint=unfinished)
        return token


def watched(learner: Any, name: str, watch: Watch) -> Any:
    """The learner, telling `watch` how far it is."""
    return _Watched(learner, partial(_tell, watch, name))


def _tell(watch: Watch, name: str, done: float, figures: dict[str, float]) -> None:
    watch(done, f"learning {name}  " + "  ".join(f"{key} {value:.4g}" for key, value in figures.items()))
