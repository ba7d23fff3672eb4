"""What a run was asked: its cast, its storyboard, its components, its report. `run.json` holds it: a run folder goes on alone."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from storyanim.artifacts import Character, CharacterToken, FrozenModel, Story, Storyboard
from storyanim.config import Settings, asset, load_settings
from storyanim.depth.dpt import build_depth_estimator
from storyanim.engine.local import LocalExecutor
from storyanim.engine.run_dir import RunDir
from storyanim.engine.store import load_character_token
from storyanim.errors import CharacterError, IndexFolderError, InputError, StoryError
from storyanim.film.report import Report, ReportCharacter, ReportShot, render
from storyanim.generate.generator import build_generator
from storyanim.personalize.images import Survey, character_name, read_character, read_pictures
from storyanim.plan import (
    build_planner,
    guess_noun,
    is_storyboard,
    load_vocabulary,
    nouns_of,
    read_story,
    read_storyboard,
)
from storyanim.plan.keep import keep_ids
from storyanim.retrieve.encoders import build_encoder
from storyanim.retrieve.index import ClipIndex
from storyanim.retrieve.synonyms import Synonyms
from storyanim.run import pipeline
from storyanim.run.cast import Cast, CharacterRequest, check_bases, read_cast, warn_of_cuts
from storyanim.run.pipeline import Components, Production, ShotWork, Watch
from storyanim.stages import Executor

DEFAULT_INDEX = "storybook/index"                    # in the package's assets
_PACKAGES = ("storyanim", "torch", "diffusers", "transformers", "peft", "av", "numpy")
_MARK = "# plan "
_FOLDERS = {"candidates": "match", "thumbnails": "thumbnails", "depth": "depth", "frames": "frames", "clip": "clip"}


class FilmRequest(FrozenModel):
    """All that decides a run's film besides the story."""

    version: int = 1
    story: Story | None                              # None: a storyboard was given
    characters: tuple[CharacterRequest, ...] = ()
    index: str | None = None                         # None: the bundled one
    profile: str = "storybook"
    quality: str = "normal"
    flags: dict[str, dict[str, Any]] = Field(default_factory=dict)   # section → what flags set
    seed: int = 0

    def settings(self) -> Settings:
        """Raises UsageError."""
        return load_settings(self.profile, self.quality, **self.flags)   # type: ignore[arg-type]


@dataclass(frozen=True)
class Learned:
    """A character that was learned for a file."""

    character: Character
    token: CharacterToken
    survey: Survey                                   # what lies in its folder
    components: Components                                     # they draw single frames


def read_source(path: Path) -> Story | Storyboard:
    """A story or a storyboard, told apart by what is in the file. Raises StoryError."""
    return read_storyboard(path) if is_storyboard(path) else read_story(path)


def read_request(folder: Path) -> FilmRequest:
    """The order of an existing run. Raises InputError."""
    try:
        data = json.loads((folder / "run.json").read_text("utf-8"))
        return FilmRequest.model_validate(data["order"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(f"{folder} is no run folder, or its run.json is damaged",
                         hint="give the story again: `storyanim run STORY --out FOLDER`") from error


def build_components(settings: Settings, index: str | None) -> Components:
    """The doers of the settings. Cheap: models are loaded at first use. Raises UsageError, ModelError, IndexFolderError."""
    from storyanim.personalize.fit import TimeInvLearner

    depth, encoder = build_depth_estimator(settings), build_encoder(settings)
    opened = open_index(Path(index) if index else asset(DEFAULT_INDEX), settings)
    if opened.info.encoder != encoder.fingerprint:
        raise IndexFolderError(f"the index {opened.folder} was made with another encoder than this profile's",
                               hint=f"index the videos again with `storyanim index ... --profile {settings.profile}`")
    learner = TimeInvLearner(settings, partial(_load_pipeline, settings), depth)
    generator = build_generator(settings)
    _ = depth.fingerprint, generator.fingerprint     # a model that is missing is told before any work
    return Components(build_planner(settings), encoder, opened, depth, generator, learner, LocalExecutor())


def open_index(folder: Path, settings: Settings) -> ClipIndex:
    """The index, searched as the settings say, by all words that the profile's vocabulary knows for a thing.

    Raises IndexFolderError, UsageError, ModelError.
    """
    wanted, vocabulary = settings.retrieve, load_vocabulary(settings)
    index = ClipIndex(folder, caption_weight=wanted.caption_weight, min_motion=wanted.min_motion, exact=wanted.exact,
                      search={str(name): value for name, value in wanted.search.items()}, filters=wanted.filters,
                      near_duplicate_threshold=wanted.near_duplicate_threshold, lance=wanted.lance)
    index.synonyms = Synonyms(vocabulary.synonyms if vocabulary else ())
    return index


def make_requested_film(
    run: RunDir, order: FilmRequest, given: Storyboard | None, watch: Watch, executor: Executor | None = None
) -> Production:
    """Makes, or goes on making, the film of an order. Raises StoryanimError; PartialError once the rest of the film is made.

    Args: executor: who draws the shots; None: this process, one after the other.
    """
    settings = order.settings()
    components = build_components(settings, order.index)
    if executor is not None:
        components = replace(components, executor=executor)
    text = order.story.text if order.story else "\n".join(shot.text for shot in given.shots) if given else ""
    cast = read_cast(order.characters, text, settings)
    check_bases(cast, settings)
    facts = {"order": order.model_dump(mode="json"), "settings": settings.model_dump(mode="json"), "versions": versions()}
    run.write("run.json", json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    watch(0.0, "planning")
    board = settle_storyboard(run, order, given, cast, components)
    used = {name for shot in board.shots for name in shot.characters}
    if missing := used - {who.name for who in cast.characters}:
        raise CharacterError(f"the storyboard names {', '.join(sorted(missing))}, but no such character was given",
                             hint="give each with --character")
    playing = [who for who in cast.characters if who.name in used]
    for who in playing:
        if isinstance(who, Character) and run.done(f"characters/{who.name}") is None:
            cast.surveys[who.name] = warn_of_cuts(who, cast.surveys[who.name], components.depth, settings)
    tokens = pipeline.learn_characters(run, playing, components, settings, watch)
    production = pipeline.make_film(run, _seeded(board, order.seed), tokens, components, settings, watch)
    production.surveys = cast.surveys
    run.write("report.html", render(report_of(run, production), run.path))
    watch(1.0, "done")
    return production


def settle_storyboard(
    run: RunDir, order: FilmRequest, given: Storyboard | None, cast: Cast, components: Components
) -> Storyboard:
    """The storyboard to film: the plan of the story, or a person's edit of it in the run folder, or the one given.

    A plan carries a mark in its first line. While the story stays the same, what stands in `storyboard.yaml` counts; a new
    plan keeps ids, pins and bans of shots whose words did not change, and the edited file is kept beside as `.before.yaml`.
    """
    path = run.path / "storyboard.yaml"
    if given is not None:
        _check_named(given, cast, order.settings())
        return _write_board(run, given, "given")
    if order.story is None:
        return read_storyboard(path)
    step = pipeline.plan(run, order.story, cast.members, components)
    mark = step.content[:16]
    if not path.is_file():
        return _write_board(run, step.value, mark)
    marked = path.read_text("utf-8").split("\n", 1)[0]
    if not marked.startswith(_MARK) or marked.split()[2:3] == [mark]:
        return read_storyboard(path)
    try:
        old = read_storyboard(path)
    except StoryError:
        return _write_board(run, step.value, mark)
    run.write("storyboard.before.yaml", path.read_text("utf-8"))
    return _write_board(run, keep_ids(old, step.value), mark)


def _check_named(board: Storyboard, cast: Cast, settings: Settings) -> None:
    """Raises CharacterError, with the nouns found, for a character that no shot names; planners do so for their own."""
    named = {name for shot in board.shots for name in shot.characters}
    if idle := [who for who in cast.characters if who.name not in named]:
        nouns = nouns_of("\n".join(shot.text for shot in board.shots), load_vocabulary(settings))
        found = f"it tells of {', '.join(nouns)}" if nouns else "it tells of nobody"
        raise CharacterError(f"no shot names {' or '.join(f'{who.name}, a {who.noun}' for who in idle)}; {found}",
                             hint="say what the story calls it: --character FOLDER=NOUN")


def edit_storyboard(run: RunDir, change: Callable[[Storyboard], Storyboard]) -> None:
    """Changes the run's `storyboard.yaml`, keeping its first line. Raises StoryError and what `change` raises."""
    path = run.path / "storyboard.yaml"
    board = change(read_storyboard(path))
    first = path.read_text("utf-8").split("\n", 1)[0]
    run.write("storyboard.yaml", (f"{first}\n" if first.startswith("#") else "") + board.to_yaml())


def production_of(run: RunDir) -> Production:
    """What lies finished in a run's folder; loads no model. Raises InputError, StoryError."""
    board = read_storyboard(run.path / "storyboard.yaml")
    production = Production(board, read_request(run.path).settings())
    for shot in board.shots:
        steps = {name: run.done(f"shots/{shot.id}/{folder}") for name, folder in _FOLDERS.items()}
        production.work.append(ShotWork(shot, **steps))  # type: ignore[arg-type]
    production.film, production.sheet = run.done("film"), run.done("sheet")
    return production


def learn_to_file(folder: Path, noun: str | None, settings: Settings, index: str | None, watch: Watch) -> Learned:
    """Learns the character of a folder's pictures. Raises what reading, retrieving and learning raise."""
    components = build_components(_stills(settings), index)
    survey = read_pictures(folder)
    character = read_character(folder, noun=noun or guess_noun(folder.name, "", load_vocabulary(settings)), survey=survey)
    survey = warn_of_cuts(character, survey, components.depth, settings)
    count = settings.personalize.num_class_clips
    learner = pipeline.watched(components.learner, character.name, watch)
    token = pipeline.learn_character(character, learner, components.index, components.encoder, count)
    return Learned(character, token, survey, components)


def _stills(settings: Settings) -> Settings:
    """The settings, but for shots of one frame, all drawn under the guidance scale of characters; learning is the same."""
    scale = settings.personalize.guidance_scale
    changes: dict[str, Any] = {"num_frames": 1} | ({} if scale is None else {"guidance_scale": scale})
    return settings.model_copy(update={"generate": settings.generate.model_copy(update=changes)})


def report_of(run: RunDir, production: Production) -> Report:
    """What `report.html` shows."""
    seconds = run.seconds()
    shots = tuple(_report_shot(work, seconds) for work in production.work)
    return Report(
        storyboard=production.storyboard, shots=shots, cast=_report_cast(run, production),
        film=production.film.value.model_copy(update={"path": run.path / "film.mp4"}) if production.film else None,
        sheet=run.path / "sheet.png" if production.sheet else None,
        settings=production.settings.model_dump(mode="json"), versions=versions(),
        seconds={name: value for name, value in seconds.items() if not name.startswith("shots/")},
    )


def _report_cast(run: RunDir, production: Production) -> tuple[ReportCharacter, ...]:
    """Who each pseudo-word of the storyboard was bound to."""
    sources, given = _given_characters(run)
    found = []
    for who in production.storyboard.characters:
        learned: Any = run.done(f"characters/{who.name}")
        token: CharacterToken | None = learned.value if learned else given.get(who.name)
        said = token.metadata if token else {}
        shots = tuple(shot.id for shot in production.storyboard.shots if who.name in shot.characters)
        found.append(ReportCharacter(
            name=who.name, token=who.token, noun=who.noun, source=sources.get(who.name, ""),
            method=said.get("method", "by other means") if token else "", pictures=said.get("pictures", ""),
            appearance=said.get("appearance", ""), shots=shots,
        ))
    return tuple(found)


def _given_characters(run: RunDir) -> tuple[dict[str, str], dict[str, CharacterToken]]:
    """Name → the folder or file that was given, and name → what its file holds; without those that are gone."""
    sources, tokens = {}, {}
    for asked in read_request(run.path).characters if (run.path / "run.json").is_file() else ():
        path = Path(asked.path)
        name = character_name(path)
        if not path.is_dir():
            try:
                token = load_character_token(path)
            except CharacterError:
                continue
            name, tokens[token.name] = token.name, token
        sources[name] = f"folder {path.name}" if path.is_dir() else path.name
    return sources, tokens


def versions() -> dict[str, str]:
    """Of what makes the pictures."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:        # run from a checkout that was never installed
            found[package] = "unknown"
    return found


def _report_shot(work: ShotWork, seconds: dict[str, float]) -> ReportShot:
    before = f"shots/{work.shot.id}/"
    pictures = tuple(sorted(work.thumbnails.folder.glob("candidate-*.png"), key=lambda p: int(p.stem.split("-")[1]))) \
        if work.thumbnails else ()
    return ReportShot(
        shot=work.shot, candidates=work.candidates.value if work.candidates else None, thumbnails=pictures,
        depth=work.depth.folder / "preview.png" if work.depth else None,
        frames=work.frames.folder / "preview.png" if work.frames else None,
        clip=work.clip.value if work.clip else None, error=f"{work.error or ''}",
        seconds={name.removeprefix(before): value for name, value in seconds.items() if name.startswith(before)},
    )


def _write_board(run: RunDir, board: Storyboard, mark: str) -> Storyboard:
    head = f"{_MARK}{mark} — edit this file, then `storyanim run` this folder\n"
    run.write("storyboard.yaml", head + board.to_yaml())
    return board


def _seeded(board: Storyboard, seed: int) -> Storyboard:
    """The run's seed moves the seeds of all shots."""
    shots = tuple(shot.model_copy(update={"seed": (shot.seed + seed) % 2**63}) for shot in board.shots)
    return board.model_copy(update={"shots": shots})


def _load_pipeline(settings: Settings) -> Any:
    from storyanim.generate.load import load_pipeline

    return load_pipeline(settings.models)
