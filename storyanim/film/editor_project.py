"""A film as a project of an editing program, by OpenTimelineIO and its adapters; the order and lengths back.

The adapters come with `pip install 'storyanim[otio]'`. Clips, narration, sound and subtitles are copied
beside the project, which names them by relative paths. A clip is called as its shot is, so that an order made
in the editor finds back to the storyboard; each carries a marker with the words that it shows.
"""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from storyanim.engine.folders import atomic_replace, check_writable, disk_errors, partial_path, remove_path
from storyanim.errors import InputError, UsageError, extra_needed
from storyanim.film.timeline import Piece, Timeline

# What they count in; a rate of NTSC, 24000/1001, is counted as 24, in whole frames: timecode without drops.
_COUNTED = {".edl": (24, 25, 30, 48, 50, 60), ".fcpxml": (24, 25, 30, 50, 60)}
_NTSC = Fraction(1001, 1000)
_MEDIA = "media"
_CHANNELS = ("V", "A", "A2", "A3")                   # of an EDL: pictures, narration, music, ambience
# OpenTimelineIO; CMX 3600; Final Cut Pro; all three in one archive.
FORMATS = ("otio", "edl", "fcpxml", "zip")


def write_project(
    timeline: Timeline, path: Path, format_: str, *, extra: Sequence[Path] = ()
) -> list[Path]:
    """Write a project at `path`, and what it names in a media folder beside it; or one archive of all.

    Args:
        timeline: of the film.
        path: of the project, ending as its format does.
        format_: one of FORMATS.
        extra: the mixed sound, the subtitles: files that go with it.

    Returns what was written. Raises UsageError without the adapters, for a rate of frames that the format
    does not count in and for a `path` that ends otherwise; ResourceError when it cannot be written.
    """
    otio = _otio()
    check_writable(path, f".{format_}")
    folder = partial_path(path.with_name(f"{path.stem}-project"))
    with disk_errors(path):
        try:
            media = folder / (_MEDIA if format_ == "zip" else f"{path.stem}-{_MEDIA}")
            media.mkdir(parents=True)
            project = _project(otio, timeline, media, extra)
            names = [f"{path.stem}.{one}" for one in FORMATS[:-1]] if format_ == "zip" else [path.name]
            for name in names:
                _write(otio, project, folder / name, timeline.fps)
            return _put(folder, media, path, format_)
        finally:
            remove_path(folder)


@dataclass(frozen=True)
class Shown:
    """A part of a clip that a project shows."""

    name: str                                        # of the shot
    start_s: float                                   # where in the clip it begins, dissolves included
    end_s: float
    dissolves: tuple[bool, bool]                     # with which it begins, ends

    def trimmed(self, timeline: Timeline) -> tuple[int, int]:
        """Return how many frames more than in a project of the film are left out before it, and are behind.

        What the rounding of a reader may be, a frame, is none. Raises KeyError for a clip that is not the
        film's.
        """
        piece, start, end = {piece.clip.shot_id: (piece, start, start + frames)
                             for piece, _, start, frames in _parts(timeline)}[self.name]
        begins = round(self.start_s * timeline.fps) - (0 if self.dissolves[0] else start)
        ends = round(self.end_s * timeline.fps) - (piece.clip.num_frames if self.dissolves[1] else end)
        return begins * (abs(begins) > 1), ends * (abs(ends) > 1)


def read_cut(path: Path) -> list[Shown]:
    """Return the parts of clips that a project shows, in their order.

    Raises UsageError without the adapters, InputError for a file that is no project.
    """
    otio = _otio()
    try:
        project = _read(otio, path)
        tracks = [track for track in project.tracks if track.kind == otio.schema.TrackKind.Video]
        clips = [clip for track in tracks for clip in track.find_clips()]
        starts = [clip.transformed_time_range(clip.trimmed_range(), project.tracks).start_time
                  for clip in clips]
        parts = [_shown(otio, clip) for clip in clips]
    except Exception as error:                       # each adapter has errors of its own
        raise InputError(f"{path} cannot be read as an editor's project ({error})",
                         hint="export it as .otio, .edl or .fcpxml") from error
    return [parts[k] for k in sorted(range(len(parts)), key=lambda k: starts[k])]


def _shown(otio: Any, clip: Any) -> Shown:
    """Return what of a clip is shown; where a dissolve is cut in an EDL is not where it is in the others."""
    span, around = clip.trimmed_range(), clip.parent().neighbors_of(clip)
    before, after = (one if isinstance(one, otio.schema.Transition) else None for one in around)
    start_s = span.start_time.to_seconds() - (before.in_offset.to_seconds() if before else 0.0)
    end_s = span.end_time_exclusive().to_seconds() + (after.out_offset.to_seconds() if after else 0.0)
    return Shown(clip.name, start_s, end_s, (before is not None, after is not None))


def _read(otio: Any, path: Path) -> Any:
    """Return a project; an EDL does not say its rate, which is the lowest that has all of its frames."""
    if path.suffix.lower() != ".edl":
        return otio.adapters.read_from_file(str(path))
    errors: list[Exception] = []
    rates: list[Fraction | int] = [*_COUNTED[".edl"], 30 / _NTSC, 60 / _NTSC]    # two with drops
    for rate in rates:
        try:
            return otio.adapters.read_from_file(str(path), rate=float(rate))
        except Exception as error:                   # by a wrong rate clips have other frames than lengths
            errors.append(error)
    raise errors[0]


def _put(folder: Path, media: Path, path: Path, format_: str) -> list[Path]:
    """Give what was made its place: the media first, since the project names them."""
    if format_ == "zip":
        archive = Path(shutil.make_archive(str(folder), "zip", folder))
        archive.replace(path)
        return [path]
    place = path.with_name(media.name)
    atomic_replace(media, place)
    (folder / path.name).replace(path)
    return [path, place]


def _write(otio: Any, project: Any, path: Path, fps: Fraction) -> None:
    """Write one format; EDL and Final Cut Pro count in rates that `fps` has to be a part of.

    Raises UsageError for a rate that is not.
    """
    if path.suffix == ".otio":
        otio.adapters.write_to_file(project, str(path))
        return
    slower = _NTSC if fps.denominator == _NTSC.numerator else Fraction(1)
    rate = next((one for one in _COUNTED[path.suffix] if one % (fps * slower) == 0), None)
    if rate is None:
        raise UsageError(f"a {path.suffix} project cannot have {float(fps):g} frames a second",
                         hint="choose --format otio, or draw the film with --fps 24")
    counted = project.deepcopy()
    _count_in(otio, counted, rate, round(rate / (fps * slower)))
    text = _edl(otio, counted, rate) if path.suffix == ".edl" else _fcpxml(otio, counted, rate / slower)
    path.write_text(text, "utf-8")


def _fcpxml(otio: Any, project: Any, rate: Fraction) -> str:
    """Return Final Cut Pro's XML of a project that is counted in a whole rate, with times of the true one.

    The adapter rounds rates of NTSC, and says neither how timecode counts nor which tracks are off.
    """
    tree = ET.fromstring(otio.adapters.write_to_string(project, "fcpx_xml"))
    frame_s = 1 / rate
    for element in tree.iter():
        for name, value in element.items():
            if name == "frameDuration":
                element.set(name, f"{frame_s}s")
            elif re.fullmatch(r"\d+(/\d+)?s", value):
                element.set(name, f"{Fraction(value[:-1]) * round(rate) * frame_s}s")
    for sequence in tree.iter("sequence"):
        sequence.set("tcFormat", "NDF")
    off = {clip.name for track in project.tracks if not track.enabled for clip in track.find_clips()}
    for clip in tree.iterfind(".//spine//clip"):
        if clip.get("name") in off:
            clip.set("enabled", "0")
    return '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n' + ET.tostring(tree, "unicode") + "\n"


def _edl(otio: Any, project: Any, rate: int) -> str:
    """Return CMX 3600: events of pictures, then of each track of sound in a channel of its own.

    The adapter writes one track at a time, and says A of every sound. A dissolve is two lines of one number.
    """
    from otio_cmx3600_adapter.cmx_3600 import EDLWriter

    writer, last, before = EDLWriter(project.tracks, rate, "avid"), 0, 0
    heard = [index for index, track in enumerate(project.tracks)
             if track.kind == otio.schema.TrackKind.Audio and track.enabled]
    lines: list[str] = []
    for index, channel in zip([0, *heard], _CHANNELS, strict=False):
        events = writer.get_content_for_track_at_index(index, "" if lines else project.name)
        for line in events.splitlines():
            event = re.match(r"(\d+)(  \S+ +)[VA] {4}", line)
            if event:
                last = before + int(event[1])
                line = f"{last:03d}{event[2]}{channel:5}{line[event.end():]}"
            lines.append(line)
        before = last
    title = lines[0].startswith("TITLE")
    return "\n".join([*lines[:title], "FCM: NON-DROP FRAME", *lines[title:]]) + "\n"


def _count_in(otio: Any, project: Any, rate: int, times: int) -> None:
    """Say every time of a project in another rate, of which `times` frames are one of the film's."""

    def counted(time: Any) -> Any:
        return otio.opentime.RationalTime(time.value * times, rate)

    def rescaled(span: Any) -> Any:
        return otio.opentime.TimeRange(counted(span.start_time), counted(span.duration))

    for change in project.find_children(descended_from_type=otio.schema.Transition):
        change.in_offset, change.out_offset = (
            counted(offset) for offset in (change.in_offset, change.out_offset))
    for item in project.find_children(descended_from_type=otio.core.Item):
        if item.source_range is not None:
            item.source_range = rescaled(item.source_range)
        for marker in item.markers:
            marker.marked_range = rescaled(marker.marked_range)
        reference = getattr(item, "media_reference", None)
        if reference is not None and reference.available_range is not None:
            reference.available_range = rescaled(reference.available_range)


def _project(otio: Any, timeline: Timeline, media: Path, extra: Sequence[Path]) -> Any:
    """Return the film as OpenTimelineIO's timeline; what it names is copied to `media`."""
    project = otio.schema.Timeline(
        timeline.title, global_start_time=otio.opentime.RationalTime(0, float(timeline.fps)))
    project.tracks.append(_pictures(otio, timeline, media))
    if any(piece.speech for piece in timeline.pieces):
        project.tracks.append(_narration(otio, timeline, media))
    for name, path in (("Music", timeline.music), ("Ambience", timeline.ambience)):
        if path is not None:
            project.tracks.append(_whole_track(otio, name, _copied(path, media, name.lower()), timeline))
    for path in extra:
        copied = _copied(path, media, path.stem)
        if path.suffix == ".m4a":
            mixed = _whole_track(otio, "Mix", copied, timeline)
            mixed.enabled = False                    # the other tracks are in it
            project.tracks.append(mixed)
    return project


def _pictures(otio: Any, timeline: Timeline, media: Path) -> Any:
    """Return the track of clips: two that crossfade are cut in the middle of it, with their rests as handles.

    Fades to black stand in the metadata of the clip that they begin: the formats have no black of their own.
    """
    track = otio.schema.Track("Pictures", kind=otio.schema.TrackKind.Video)
    for piece, lead, trimmed, shown in _parts(timeline):
        if lead:
            half = otio.opentime.RationalTime(trimmed, float(timeline.fps))
            rest = otio.opentime.RationalTime(lead - trimmed, float(timeline.fps))
            track.append(otio.schema.Transition(transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
                                                in_offset=half, out_offset=rest))
        name = piece.clip.shot_id
        clip = _clip(otio, name, _copied(piece.clip.path, media, name), piece.clip.num_frames, timeline.fps)
        clip.source_range = _span(otio, shown, timeline.fps, trimmed)
        clip.metadata["storyanim"] = {"shot": name, "transition": piece.transition}
        if piece.text:
            clip.markers.append(otio.schema.Marker(name=piece.text, marked_range=clip.source_range))
        track.append(clip)
    return track


def _parts(timeline: Timeline) -> Iterator[tuple[Piece, int, int, int]]:
    """Yield each piece, the frames of a crossfade before it, where in its clip it begins, and its frames."""
    starts = [piece.start_frame for piece in timeline.pieces]
    overlaps = [max(0, before.start_frame + before.clip.num_frames - start)
                for before, start in zip(timeline.pieces, starts[1:], strict=False)]
    for piece, lead, tail in zip(timeline.pieces, [0, *overlaps], [*overlaps, 0], strict=True):
        yield piece, lead, lead // 2, piece.clip.num_frames - lead // 2 - (tail - tail // 2)


def _whole_track(otio: Any, name: str, relative: str, timeline: Timeline) -> Any:
    track = otio.schema.Track(name, kind=otio.schema.TrackKind.Audio)
    track.append(_clip(otio, name.lower(), relative, timeline.num_frames, timeline.fps))
    return track


def _narration(otio: Any, timeline: Timeline, media: Path) -> Any:
    """Return the track of what is spoken, each where its clip begins, with gaps between."""
    track, reached = otio.schema.Track("Narration", kind=otio.schema.TrackKind.Audio), 0
    for piece in timeline.pieces:
        if piece.speech is None:
            continue
        if piece.start_frame > reached:
            track.append(otio.schema.Gap(source_range=_span(otio, piece.start_frame - reached, timeline.fps)))
        frames = _spoken_frames(piece, timeline.fps)
        name = f"{piece.clip.shot_id} narration"
        track.append(_clip(otio, name, _copied(piece.speech.path, media, piece.clip.shot_id), frames,
                           timeline.fps))
        reached = piece.start_frame + frames
    return track


def _spoken_frames(piece: Piece, fps: Fraction) -> int:
    """Return how many whole frames a shot's narration fills, the clip's at most."""
    spoken = round(piece.speech.duration_s * fps) if piece.speech else 0
    return max(1, min(spoken, piece.clip.num_frames))


def _clip(otio: Any, name: str, relative: str, num_frames: int, fps: Fraction) -> Any:
    span = _span(otio, num_frames, fps)
    return otio.schema.Clip(name, otio.schema.ExternalReference(relative, span), span)


def _span(otio: Any, num_frames: int, fps: Fraction, start: int = 0) -> Any:
    return otio.opentime.TimeRange(otio.opentime.RationalTime(start, float(fps)),
                                   otio.opentime.RationalTime(num_frames, float(fps)))


def _copied(path: Path, media: Path, stem: str) -> str:
    """Copy a file to the media; return its path from the project."""
    place = media / f"{stem}{path.suffix}"
    shutil.copyfile(path, place)
    return f"{media.name}/{place.name}"


def _otio() -> Any:
    """Return the package. Raises UsageError without it, or without an adapter."""
    with extra_needed("otio", "editors' projects are written by OpenTimelineIO, which is not installed"):
        import opentimelineio
        import otio_cmx3600_adapter  # noqa: F401  its adapters are found as plug-ins
        import otio_fcpx_xml_adapter  # noqa: F401
    return opentimelineio

