"""What storyanim does, for Python and for the command line: plan, make a film, learn a character, index.

    import storyanim

    result = storyanim.make_film("story.txt", characters=["./bear"])
    print(result.path, [shot.pictures for shot in result.shots])

Arguments that are None are not given: a default, or what an earlier run in the same folder had, takes their
place. `progress` is called with the share done in [0, 1] and what is being done. Every error is a
StoryanimError with a hint.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from storyanim.artifacts import ClipMatch, Story, Storyboard
from storyanim.config import Quality, Settings, load_settings
from storyanim.engine.folders import check_writable, write_file
from storyanim.engine.motion_file import save_motion
from storyanim.engine.run_dir import RunDir
from storyanim.engine.store import save_character_token
from storyanim.errors import CharacterError, InputError, UsageError
from storyanim.film.character_report import CharacterReport, render_character
from storyanim.film.sheet import character_sheet, search_sheet
from storyanim.generate.capabilities import check_settings
from storyanim.planning import STDIN, build_planner, load_vocabulary, read_story, require_english
from storyanim.planning.chat_store import last_reply_saved
from storyanim.retrieve.build import build_index as _build_index
from storyanim.retrieve.encoders import build_encoder
from storyanim.retrieve.filters import parse_filter
from storyanim.retrieve.index_format import INFO, IndexInfo, read_info
from storyanim.run import models as run_models
from storyanim.run import pipeline
from storyanim.run.characters import LearnedCharacter, learn_from_folder, read_cast
from storyanim.run.components import build_components, open_index
from storyanim.run.limits import Limits
from storyanim.run.models import Confirm, index_pins, ready_settings
from storyanim.run.pipeline import FilmResult
from storyanim.run.quality import measure_character, with_metrics
from storyanim.run.request import CharacterRequest, FilmRequest, read_pins, read_request, read_source
from storyanim.run.storyboard import Replan
from storyanim.stages import Executor, Progress, no_progress
from storyanim.video import check_ffmpeg

if TYPE_CHECKING:
    from storyanim.run.motions import LearnedMotion

log = logging.getLogger(__name__)
ExecutorName = Literal["local", "ray"]


# ── films ────────────────────────────────────────────────────────────────────────────────────────────────


def make_film(  # noqa: PLR0913  one argument a flag of `storyanim run`
    story: str | Path | Story | Storyboard,
    *,
    characters: Sequence[str | Path] = (),
    motions: Sequence[str | Path] = (),
    out: str | Path | None = None,
    index: str | Path | None = None,
    profile: str | Path | None = None,
    quality: Quality | None = None,
    planner: Literal["rules", "openai"] | None = None,
    cast: Literal["auto", "strict", "none"] | None = None,
    seed: int | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    executor: ExecutorName = "local",
    ray_address: str | None = None,
    workers: int = 0,
    replan: Replan = "keep",
    confirm: Confirm | None = None,
    progress: Progress = no_progress,
) -> FilmResult:
    """Make the film of a story, or go on with it: what is done already is not done again.

    Args:
        story: a text, Word, EPUB or PDF file, a storyboard.yaml, a run folder to go on with, "-" for standard
            input, or a Story or Storyboard.
        characters: folders of 3 to 30 pictures, `FOLDER=WHOM`, or files of `learn_character`.
        motions: files of `learn_motion`, for the shots that name the motion.
        out: run folder; None: `runs/TITLE`.
        index: folder of `build_index`; None: the bundled footage.
        profile: "auto", "storybook", "sd15", or a TOML file; None: auto, or what the run folder has.
        quality: how many denoising steps, and how large.
        planner: who splits the story: rules, offline, or a language model at a server.
        cast: whom the model cannot draw: another plays the part, an error, or left out.
        seed: another seed, another film.
        settings: section → settings, as in {"generate": {"guidance_scale": 3}}.
        executor: where shots are drawn: on this machine, or by Ray's workers.
        ray_address: of a Ray cluster; None: on this machine.
        workers: shots drawn at once, each by a process of its own; 0: as many as cores and memory allow for
            small models on a CPU, else one. The film does not depend on it.
        replan: what becomes of edits in the run when story, cast, planner or the storyboard that is given
            changed: "keep" what can be kept, "discard", or a function that is told what cannot be kept and
            may raise. Either way `storyanim.run.edits.undo` goes back.
        confirm: told what has to be downloaded before the first byte; may raise to refuse it.
        progress: called with the share done and what is being done.

    Shots that fail are left out and listed in `FilmResult.failed`. Raises StoryanimError.
    """
    asked = asked_for(
        story, out=out, characters=characters, motions=motions, index=index, profile=profile, quality=quality,
        planner=planner, cast=cast, seed=seed, settings=settings)
    request, folder, loaded = asked.request, asked.folder, asked.settings
    loaded = ready_settings(loaded, asked.pins(), confirm=confirm, progress=progress)
    with (last_reply_saved(folder.with_name(f"{folder.name}.last_reply.txt")), RunDir(folder) as run,
          _shots_executor(run, loaded, request.index, executor, ray_address, workers) as shots):
        if asked.why:
            log.info("profile %s: %s", request.profile, asked.why)
        components = replace(build_components(loaded, request.index, progress), executor=shots)
        result = pipeline.make_film(run, request, components, progress, asked.board, replan)
    return replace(result, folder=folder)


@dataclass(frozen=True)
class FilmAsked:
    """What a call of `make_film` asks for, checked; nothing is written or fetched yet."""

    request: FilmRequest
    board: Storyboard | None                         # when one was given
    folder: Path                                     # of the run
    why: str                                         # the profile was chosen so; "": it was given
    settings: Settings                               # with models as they are named, bound to no commit

    def pins(self) -> dict[str, str]:
        """Return the commits that the run's index and its earlier runs bind models to."""
        index = Path(self.request.index) if self.request.index else None
        return index_pins(index, self.settings) | read_pins(self.folder)


def asked_for(  # noqa: PLR0913  as `make_film`
    story: str | Path | Story | Storyboard,
    *,
    out: str | Path | None = None,
    characters: Sequence[str | Path] = (),
    motions: Sequence[str | Path] = (),
    index: str | Path | None = None,
    profile: str | Path | None = None,
    quality: Quality | None = None,
    planner: Literal["rules", "openai"] | None = None,
    cast: Literal["auto", "strict", "none"] | None = None,
    seed: int | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> FilmAsked:
    """Read and check what `make_film` is given, with the same arguments. Raises StoryanimError."""
    if motions:
        files = {"files": [str(Path(file).resolve()) for file in motions]}
        settings = {**(settings or {}), "motion": {**(settings or {}).get("motion", {}), **files}}
    given = {
        "characters": tuple(CharacterRequest.parse(str(who)) for who in characters) or None,
        "index": None if index is None else str(Path(index).resolve()),
        "profile": None if profile is None else _profile(profile),
        "quality": quality, "seed": seed, "flags": _sections(settings, planner, cast) or None,
    }
    request, board, folder = _requested(story, given, out)
    request, why = _with_profile(request, folder)
    return FilmAsked(request, board, folder, why, _checked_settings(request))


def plan(
    story: str | Path | Story,
    *,
    characters: Sequence[str | Path] = (),
    profile: str | Path | None = None,
    planner: Literal["rules", "openai"] | None = None,
    cast: Literal["auto", "strict", "none"] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    progress: Progress = no_progress,
) -> Storyboard:
    """Split a story into shots (arguments as in `make_film`).

    Raises StoryError, CharacterError, ServiceError.
    """
    files = [str(who) for who in characters if Path(who).is_file()]
    loaded = load_settings(_chosen(profile, None, files), "normal", **_sections(settings, planner, cast))
    check_settings(loaded)
    if files:                                        # they must fit the base model, at its commit
        loaded = run_models.bind(loaded, {}, ("pipeline",))
    text = story if isinstance(story, Story) else read_story(Path(story))
    _check_language(text, loaded)
    vocabulary = load_vocabulary(loaded)
    given = read_cast([CharacterRequest.parse(str(who)) for who in characters], text.text, loaded, vocabulary)
    return build_planner(loaded, vocabulary, progress).plan(text, given.members)


def _checked_settings(request: FilmRequest) -> Settings:
    """Load the settings, and look at ffmpeg and the index, before anything is written.

    What is wrong leaves no folder.
    """
    loaded = request.settings()
    check_settings(loaded)
    check_ffmpeg()
    if request.index:
        read_info(Path(request.index))
    if request.story is not None:
        _check_language(request.story, loaded)
    return loaded


def _sections(
    settings: Mapping[str, Mapping[str, Any]] | None, planner: str | None, cast: str | None
) -> dict[str, dict[str, Any]]:
    sections = {name: dict(values) for name, values in (settings or {}).items()}
    given = {name: value for name, value in (("planner", planner), ("cast", cast)) if value is not None}
    if given:
        sections["plan"] = sections.get("plan", {}) | given
    return sections


def _requested(
    story: str | Path | Story | Storyboard, given: Mapping[str, Any], out: str | Path | None
) -> tuple[FilmRequest, Storyboard | None, Path]:
    """Return the request, the storyboard when one was given, and the run folder; None is not given."""
    given = {name: value for name, value in given.items() if value is not None}
    if isinstance(story, (str, Path)):
        path = Path(story)
        if not path.exists() and str(path) != STDIN:
            raise InputError(f"there is no file {path}",
                             hint="give a text file with a story, a storyboard.yaml, or a run folder")
        if path.is_dir():
            if out is not None and Path(out).resolve() != path.resolve():
                raise UsageError("a run goes on in its own folder",
                                 hint="leave out --out, or give the story again")
            had = read_request(path)
            if "flags" in given:                     # those that the run had and are not given again stay
                sections = {*had.flags, *given["flags"]}
                given["flags"] = {name: had.flags.get(name, {}) | dict(given["flags"].get(name, {}))
                                  for name in sections}
            return FilmRequest.model_validate({**had.model_dump(), **given}), None, path
        story = read_source(path, lambda data: _limits(data, given, out).problems(data))
    folder = Path(out) if out is not None else Path("runs") / slug(story.title)
    given = {"profile": run_models.AUTO} | given
    if isinstance(story, Story):
        return FilmRequest(story=story, **given), None, folder
    return FilmRequest(story=None, **given), story, folder


def is_run(source: str | Path) -> bool:
    """Return whether a source is the folder of a run, to go on with."""
    return Path(source).is_dir()


def _limits(data: Any, given: Mapping[str, Any], out: str | Path | None) -> Limits:
    """Return what a run of a storyboard, as it was read, can film."""
    title = data.get("title") if isinstance(data, dict) else ""
    folder = Path(out) if out is not None else Path("runs") / slug(str(title))
    request = FilmRequest(story=None, **({"profile": run_models.AUTO} | dict(given)))
    return Limits(_with_profile(request, folder)[0], folder)


def slug(title: str) -> str:
    """Return a title as the name of a folder: "The Bear & the Lake" → "the-bear-the-lake"."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", title).lower().replace("'", "").replace("’", ""))
    return "-".join(words)[:60].rstrip("-") or "story"


def _with_profile(request: FilmRequest, folder: Path) -> tuple[FilmRequest, str]:
    """Return the request with "auto" settled, by what the run folder had or by the machine, and why."""
    if request.profile != run_models.AUTO:
        return request, ""
    if (folder / "run.json").is_file():
        return request.model_copy(update={"profile": read_request(folder).profile}), "as this run began"
    if request.index is not None:
        read_info(Path(request.index))               # a broken one is reported as such
    files = [who.path for who in request.characters if Path(who.path).is_file()]
    name, why = run_models.choose_profile(request.index, files)
    return request.model_copy(update={"profile": name}), why


def _chosen(profile: str | Path | None, index: str | None, character_files: Sequence[str] = ()) -> str:
    """Return the profile that was given, or the one that fits machine, index and characters."""
    return run_models.settle_profile(run_models.AUTO if profile is None else _profile(profile),
                                     index, character_files)[0]


def _with_models(
    settings: Settings, index: str | Path | None, confirm: Confirm | None, progress: Progress
) -> Settings:
    """Return the settings bound to commits, the encoder to the index's, with all weights on this disk."""
    pins = index_pins(None if index is None else Path(index), settings)
    return ready_settings(settings, pins, confirm=confirm, progress=progress)


def _profile(name: str | Path) -> str:
    """Return a profile's file by its absolute path, so that the run folder finds it again."""
    return str(Path(name).resolve()) if str(name).endswith(".toml") else str(name)


@contextmanager
def _shots_executor(
    run: RunDir, settings: Settings, index: str | None, executor: ExecutorName, ray_address: str | None,
    workers: int,
) -> Iterator[Executor]:
    """Give the executor of the run's shots."""
    from storyanim.run.workers import local_shots, ray_shots

    if executor == "ray":
        yield ray_shots(run, settings, index, ray_address)
    else:
        with local_shots(run, settings, index, workers) as shots:
            yield shots


def _check_language(story: Story, settings: Settings) -> None:
    """Raise StoryError for a story that the planner of the settings cannot read."""
    if settings.plan.planner == "rules":
        require_english(story)


# ── characters ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class CharacterFiles:
    """A learned character, and the files that were written of it."""

    learned: LearnedCharacter
    file: Path                                       # for `make_film(characters=[...])`
    sheet: Path | None = None                        # before and after, PNG
    report: Path | None = None                       # how well it was learned, HTML
    figures: Path | None = None                      # the report's figures, JSON
    quality: CharacterReport | None = None           # the same


def learn_character(  # noqa: PLR0913  one argument a flag of `storyanim personalize`
    folder: str | Path,
    out: str | Path = "character.safetensors",
    *,
    noun: str | None = None,
    index: str | Path | None = None,
    profile: str | Path | None = None,
    quality: Quality = "normal",
    report: bool = True,
    confirm: Confirm | None = None,
    progress: Progress = no_progress,
) -> CharacterFiles:
    """Learn a character from a folder of 3 to 30 pictures, and write its file (AaS 3.3).

    Args:
        folder: of 3 to 30 pictures.
        out: a .safetensors to write.
        noun: what it is: "bear"; None: guessed from the folder's name.
        index: folder of `build_index`; None: the bundled footage, for regularisation.
        profile: "auto", "storybook", "sd15", or a TOML file; None: auto.
        quality: of the drawings of the report.
        report: also draw with it, and write how well it was learned beside the file.
        confirm: told what has to be downloaded before the first byte; may raise to refuse it.
        progress: called with the share done and what is being done.

    Raises CharacterError, UsageError, ModelError, ResourceError.
    """
    source, path = Path(folder), Path(out)
    if not source.is_dir():
        raise CharacterError(f"there is no folder {source}", hint="give a folder of 3 to 30 pictures")
    settings = load_settings(_chosen(profile, None if index is None else str(index)), quality)
    check_writable(path, ".safetensors")
    settings = _with_models(settings, index, confirm, progress)
    learned = learn_from_folder(source, noun, settings, None if index is None else str(index), progress)
    save_character_token(path, learned.token)
    return _examined(path, learned, settings, progress) if report else CharacterFiles(learned, path)


def _examined(path: Path, learned: LearnedCharacter, settings: Settings,
              progress: Progress) -> CharacterFiles:
    """Draw, measure, write the report's files, and the character's again with its figures."""
    quality, drawings = measure_character(learned, settings, progress)
    token = with_metrics(learned.token, quality)
    sheet, page, figures = (path.with_suffix(suffix) for suffix in (".png", ".report.html", ".report.json"))
    write_file(sheet, character_sheet(drawings.photos, drawings.before, drawings.after))
    write_file(page, render_character(quality, drawings).encode())
    write_file(figures, (quality.model_dump_json(indent=1) + "\n").encode())
    save_character_token(path, token)
    return CharacterFiles(replace(learned, token=token), path, sheet, page, figures, quality)


# ── motions ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class MotionFiles:
    """A learned motion, and the files that were written of it."""

    learned: LearnedMotion
    file: Path                                       # for `make_film(motions=[...])`
    sheet: Path | None = None                        # clips, scores, and drawings, PNG
    figures: Path | None = None                      # the same as JSON


def learn_motion(  # noqa: PLR0913  one argument a flag of `storyanim motion learn`
    motion: str,
    out: str | Path = "motion.safetensors",
    *,
    index: str | Path | None = None,
    profile: str | Path | None = None,
    quality: Quality = "normal",
    report: bool = True,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    confirm: Confirm | None = None,
    progress: Progress = no_progress,
) -> MotionFiles:
    """Learn a motion from clips of an index, and write its file (DreamRunner 3.2).

    Args:
        motion: as in "bow" or "bowing".
        out: a .safetensors to write.
        index: folder of `build_index`; None: the bundled footage.
        profile: "storybook", "sd15", or a TOML file.
        quality: of the drawings of the report.
        report: also draw with it, and write a sheet of clips and drawings beside the file.
        settings: section → settings, as in {"motion": {"num_steps": 100}}.
        confirm: told what has to be downloaded before the first byte; may raise to refuse it.
        progress: called with the share done and what is being done.

    Raises MotionError, UsageError, IndexFolderError, ModelError, ResourceError.
    """
    path = Path(out)
    if not motion.strip():
        raise UsageError("the motion is empty", hint='say what is done, as in "bowing"')
    profile = _chosen(profile, None if index is None else str(index))
    loaded = load_settings(profile, quality, **(settings or {}))
    check_writable(path, ".safetensors")
    loaded = _with_models(loaded, index, confirm, progress)
    from storyanim.run.motion_report import draw_motion_report, motion_figures  # they load torch
    from storyanim.run.motions import learn_motion as learn_motion_from_index

    learned = learn_motion_from_index(motion, loaded, None if index is None else str(index), progress)
    save_motion(path, learned.motion)
    if not report:
        return MotionFiles(learned, path)
    sheet, figures = path.with_suffix(".png"), path.with_suffix(".report.json")
    write_file(sheet, draw_motion_report(learned, loaded, progress))
    write_file(figures, motion_figures(learned))
    return MotionFiles(learned, path, sheet, figures)


# ── footage ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Hit:
    """Footage that a search found."""

    match: ClipMatch
    # the query's words in its caption, and what makes it rank lower
    why: str


def build_index(  # noqa: PLR0913  one argument a flag of `storyanim index`
    sources: Sequence[str | Path] | str | Path,
    out: str | Path,
    *,
    append: bool = False,
    captions: str | Path | None = None,
    index_factory: str | None = None,
    profile: str | Path | None = None,
    executor: ExecutorName = "local",
    ray_address: str | None = None,
    progress: Progress = no_progress,
) -> IndexInfo:
    """Index videos, so that shots can move as they do.

    Args:
        sources: folders of videos, videos, tables of videos (.csv, .parquet), archives (.tar), folders of
            embeddings.
        out: index folder to write.
        append: add to the index in `out`, and follow what changed in its sources.
        captions: CSV of file and caption; None: captions.tsv in a source.
        index_factory: a FAISS `index_factory` string; None: by size.
        profile: whose encoder makes the vectors.
        executor: where videos are read: in this process, or by Ray's workers.
        ray_address: of a Ray cluster; None: on this machine.
        progress: called with the share done and what is being done.

    Raises InputError, UsageError, IndexFolderError, ResourceError, and PartialError after writing when some
    could not be read.
    """
    settings = load_settings(_chosen(profile, None),
                             retrieve={} if index_factory is None else {"index_factory": index_factory})
    listed = [sources] if isinstance(sources, (str, Path)) else list(sources)
    shards = None
    if executor == "ray":
        from storyanim.engine.shard_executors import RayShardExecutor

        shards = RayShardExecutor(ray_address)
    check_writable(Path(out))
    pins = index_pins(Path(out), settings) if append and (Path(out) / INFO).is_file() else {}
    settings = ready_settings(settings, pins, ("encoder",), progress=progress)
    return _build_index(
        [Path(source) for source in listed], Path(out), build_encoder(settings),
        window_s=settings.retrieve.window_s,
        captions=None if captions is None else Path(captions), index_factory=settings.retrieve.index_factory,
        append=append,
        executor=shards,
        progress=lambda done, total,
        text: progress(done / max(1, total), f"{done} of {total} videos  {text}"))


def search(
    index: str | Path,
    query: str,
    *,
    count: int = 8,
    filters: Sequence[str] = (),
    exact: bool = False,
    profile: str | Path | None = None,
    sheet: str | Path | None = None,
) -> tuple[Hit, ...]:
    """Find footage in an index, best first.

    Args:
        index: folder of `build_index`.
        query: what should happen: "a dog jumping".
        count: how many hits at most.
        filters: as in "motion>=0.01"; names: duration, aspect, motion, fps, source, licence.
        exact: compare with all clips, whatever kind of index it is.
        profile: whose encoder made the index.
        sheet: a PNG of the hits to write.

    Raises UsageError, IndexFolderError, ModelError, ResourceError.
    """
    if not query.strip():
        raise UsageError("the query is empty", hint='say what to look for, as in "a dog jumping"')
    for text in filters:
        parse_filter(text)                            # a mistake is reported before anything is loaded
    wanted: dict[str,
                 Any] = ({"exact": True} if exact else {}) | ({"filters": list(filters)} if filters else {})
    settings = load_settings(_chosen(profile, str(index)), retrieve=wanted)
    if sheet is not None:
        check_writable(Path(sheet))
    settings = ready_settings(settings, index_pins(Path(index), settings), ("encoder",))
    opened = open_index(Path(index), settings, load_vocabulary(settings))
    matches = opened.search(query, build_encoder(settings), count)
    reasons = opened.explain(query, matches)
    if sheet is not None:
        write_file(Path(sheet), search_sheet(query, matches, reasons))
    return tuple(Hit(match, why) for match, why in zip(matches, reasons, strict=True))
