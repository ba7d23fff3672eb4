"""A run in other forms: a moving picture, an editor's project and its cut back, a storyboard for print."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storyanim import video
from storyanim.artifacts import ClipMatch, Film
from storyanim.engine.run_dir import RunDir
from storyanim.errors import InputError
from storyanim.film.cards import END_ID, TITLE_ID
from storyanim.film.clip import words_s
from storyanim.film.credentials import Algorithm, sign_film
from storyanim.film.editor_project import Shown, read_cut, write_project
from storyanim.film.film import write_preview
from storyanim.film.printed import write_storyboard
from storyanim.film.timeline import Timeline
from storyanim.run.edits import order_shots, read_board
from storyanim.run.limits import Limits
from storyanim.run.report import finished_film
from storyanim.run.request import read_request

_FOOTAGE_PX, _MAX_FOOTAGE_FRAMES = 480, 600          # of a candidate that somebody wants to see


def write_run_preview(folder: Path, out: Path, width_px: int = 256) -> None:
    """Write a run's film as a small moving picture, .webp or .gif. Raises InputError without a film."""
    read_request(folder)
    with RunDir(folder, beside=True) as run:
        write_preview(_film(run, folder), out, width_px=width_px)


def film_timeline(run: RunDir) -> Timeline:
    """Return which clip a run's film shows when, and what is told meanwhile.

    Raises InputError without a film.
    """
    film, laid_out = _film(run, run.path), run.done("timeline")
    if laid_out is None or laid_out.value.clips != film.clips:
        raise InputError(f"the film of {run.path} is of an earlier state",
                         hint=f"make it again: storyanim run {run.path}")
    timeline: Timeline = laid_out.value
    return timeline


def export_film(folder: Path, path: Path, format_: str) -> list[Path]:
    """Write a run's film as a project of an editing program. Returns what was written.

    Raises InputError for a folder without a film, and what `write_project` raises.
    """
    read_request(folder)
    with RunDir(folder, beside=True) as run:
        sound = run.done("audio/mix")
        extra = [*([sound.value] if sound else []), *(srt for srt in [folder / "film.srt"] if srt.is_file())]
        return write_project(film_timeline(run), path, format_, extra=extra)


def export_zipped(folder: Path, path: Path, format_: str) -> None:
    """Write a project of one format, with the clips that it names, as one archive.

    Raises what `export_film` raises.
    """
    with tempfile.TemporaryDirectory() as here:
        made = Path(here) / folder.name
        made.mkdir()
        export_film(folder, made / f"{folder.name}.{format_}", format_)
        shutil.make_archive(str(path.with_suffix("")), "zip", here)


def write_footage(match: ClipMatch, path: Path) -> None:
    """Write a candidate's part of its video, small, as an mp4 that browsers play.

    Raises VideoError, FilmError.
    """
    info = video.probe(match.path)
    scale = min(1.0, _FOOTAGE_PX / max(info.width_px, info.height_px))
    width_px, height_px = (max(2, round(side * scale / 2) * 2) for side in (info.width_px, info.height_px))
    frames = video.read(match.path, start_s=match.start_s, end_s=match.end_s, max_frames=_MAX_FOOTAGE_FRAMES,
                        size_px=(width_px, height_px))
    video.write(frames, path, width_px=width_px, height_px=height_px, fps=max(1, round(frames.fps)), crf=20)


def export_signed(folder: Path, out: Path, key: Path, certificates: Path, algorithm: Algorithm) -> None:
    """Write a run's film with content credentials. Raises InputError without a film, and as `sign_film`."""
    profile = read_request(folder).profile
    with RunDir(folder, beside=True) as run:
        film, title = _film(run, folder), film_timeline(run).title
        sign_film(film.path, out, key, certificates, algorithm, title=title,
                  made_by=f"storyanim, profile {profile}")


def print_storyboard(folder: Path, path: Path) -> None:
    """Write a run's storyboard for print, with pictures of the shots that are drawn.

    Raises InputError for a folder that is no run, and what `write_storyboard` raises.
    """
    board = read_board(folder)
    with RunDir(folder, beside=True) as run:
        drawn = {shot.id: run.done(f"shots/{shot.id}/clip") for shot in board.shots}
        write_storyboard(board, {shot: clip.value for shot, clip in drawn.items() if clip}, path)


@dataclass(frozen=True)
class EditorCut:
    """What of an editor's project came back to a run."""

    order: list[str]
    missing: list[str]                               # shots that the project lacks
    durations_s: dict[str, float]                    # of shots that last otherwise now
    refused: dict[str, str]                          # clip → what was done to it that a film cannot have
    changed: bool


def take_cut(folder: Path, project: Path, *, drop_missing: bool = False) -> EditorCut:
    """Give a run's shots the order and the lengths that its film has in an editor's project.

    Lengths are compared with those of the film as it lies there; without one only the order counts. Shots
    that the project lacks are removed with `drop_missing`, else they stay behind the shot that they stood
    behind. Raises InputError for a file that is no project, or shows no shot of the run, and what an edit
    raises.
    """
    ids, cut = [shot.id for shot in read_board(folder).shots], read_cut(project)
    ordered = list(dict.fromkeys(shown.name for shown in cut if shown.name in ids))
    missing = [shot for shot in ids if shot not in ordered]
    if not ordered:
        raise InputError(f"{project} shows no shot of {folder}",
                         hint="clips are known by the shots' names, s01 and so on")
    if not drop_missing:
        for shot in missing:
            place = ids.index(shot)
            behind = ids[place - 1] if place else None
            ordered.insert(ordered.index(behind) + 1 if behind in ordered else 0, shot)
    durations_s, refused = _lengths(folder, cut)
    return EditorCut(ordered, missing, durations_s, refused, order_shots(folder, ordered, durations_s))


def _lengths(folder: Path, cut: Sequence[Shown]) -> tuple[dict[str, float], dict[str, str]]:
    """Return the seconds of clips that an editor made longer or shorter, and what a film cannot have."""
    with RunDir(folder, beside=True) as run:
        try:
            timeline = film_timeline(run)
        except InputError:
            return {}, {}
    request = read_request(folder)
    film, longest_s = request.settings().film, Limits(request, folder).longest_s
    shown, names = {one.name: one for one in reversed(cut)}, [one.name for one in cut]
    durations_s: dict[str, float] = {}
    refused: dict[str, str] = {}
    for piece, end_s in zip(timeline.pieces, timeline.ends_s(), strict=True):
        clip, name = piece.clip, piece.clip.shot_id
        begins, ends = shown[name].trimmed(timeline) if name in shown else (0, 0)
        lasts_s = float((clip.num_frames + ends) / clip.fps)
        overlap_s = max(0.0, piece.start_s + float(clip.num_frames / clip.fps) - end_s)
        least_s = max(words_s(piece.text, film, piece.speech, overlap_s))
        if names.count(name) > 1:
            refused[name] = "it is shown in parts, and a film shows a shot once, where its first part is"
        elif begins:
            refused[name] = "it begins otherwise, and a film shows a shot from its first frame"
        elif ends and name in (TITLE_ID, END_ID):
            refused[name] = "cards last as long as film.title_s says"
        elif ends < 0 and lasts_s < least_s:
            refused[name] = f"it lasts {lasts_s:.1f} s, and its words take {least_s:.1f} s"
        elif ends > 0 and lasts_s > longest_s:
            refused[name] = f"it lasts {lasts_s:.1f} s, and no shot is longer than {longest_s:g} s"
        elif ends:
            durations_s[name] = round(lasts_s, 3)
    return durations_s, refused


def _film(run: RunDir, folder: Path) -> Film:
    """Return the finished film; `folder` is the run as a person named it. Raises InputError without one."""
    film = finished_film(run)
    if film is None:
        raise InputError(f"{folder} has no film yet", hint=f"make it: storyanim run {folder}")
    return film.value
