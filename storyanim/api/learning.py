"""A character learned from pictures, a motion from footage: files for `make_film`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storyanim.api.asked import chosen_profile
from storyanim.config import Quality, Settings, load_settings
from storyanim.engine.folders import check_writable, write_file
from storyanim.engine.motion_file import save_motion
from storyanim.engine.store import save_character_token
from storyanim.errors import CharacterError, UsageError
from storyanim.film.character_report import CharacterReport, render_character
from storyanim.film.sheet import character_sheet
from storyanim.run.characters import LearnedCharacter, learn_from_folder
from storyanim.run.models import Confirm, index_pins, ready_settings
from storyanim.run.quality import measure_character, with_metrics
from storyanim.stages import Progress, no_progress

if TYPE_CHECKING:
    from storyanim.run.motions import LearnedMotion


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
    settings = load_settings(chosen_profile(profile, index), quality)
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
    profile = chosen_profile(profile, index)
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


def _with_models(
    settings: Settings, index: str | Path | None, confirm: Confirm | None, progress: Progress
) -> Settings:
    """Return the settings bound to commits, the encoder to the index's, with all weights on this disk."""
    pins = index_pins(None if index is None else Path(index), settings)
    return ready_settings(settings, pins, confirm=confirm, progress=progress)
