"""Flags that several commands share."""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from storyanim.errors import UsageError


class QualityFlag(StrEnum):
    """The one dial for people."""

    draft = "draft"
    normal = "normal"
    fine = "fine"


class PlannerFlag(StrEnum):
    """Who splits the story."""

    rules = "rules"
    openai = "openai"


class CastFlag(StrEnum):
    """Who plays whom the model cannot draw."""

    auto = "auto"
    strict = "strict"
    none = "none"


class ReplanFlag(StrEnum):
    """What becomes of a run's edits when its storyboard comes anew."""

    keep = "keep"
    ask = "ask"
    discard = "discard"


class SubtitlesFlag(StrEnum):
    """Where a story's words are shown."""

    soft = "soft"
    burned = "burned"
    none = "none"


class ExecutorFlag(StrEnum):
    """Where work is done."""

    local = "local"
    ray = "ray"


Characters = Annotated[list[str] | None, typer.Option("--character", metavar="DIR[=WHOM]|FILE[=WHOM]",
                                                      help="A folder of pictures of a character, or its "
                                                           ".safetensors file; ./bear=Tom plays Tom.")]
Motions = Annotated[list[str] | None, typer.Option("--motion", metavar="FILE",
                                                   help="A motion of `storyanim motion learn`, for the shots "
                                                        "that name it.")]
Retries = Annotated[
    int | None,
    typer.Option("--retries", min=0, max=9, help="Times that a shot is drawn again which is not as asked. "
                                                 "[default: 1]")
]
Workers = Annotated[
    int, typer.Option("--workers", min=0, help="Shots drawn at once. 0: as the machine allows.")
]
Takes = Annotated[
    int | None,
    typer.Option("--takes", min=1, max=16, help="Drawings of each shot, of which the best is shown. "
                                                "[default: 1]")
]
Cast = Annotated[
    CastFlag | None,
    typer.Option("--cast", help="Whom the model cannot draw: another plays the part, an error, or left "
                                "out. [default: auto]")
]
Index = Annotated[Path | None, typer.Option("--index", help="Folder made by `storyanim index`. [default: the "
                                                            "bundled one]")]
Profile = Annotated[str, typer.Option("--profile", help="auto, storybook, sd15, or a .toml file.")]
GivenProfile = Annotated[
    str | None,
    typer.Option("--profile", help="auto, storybook, sd15, or a .toml file. [default: auto, or the run's]")
]
Planner = Annotated[PlannerFlag | None,
                    typer.Option("--planner", help="rules (offline) or openai (any server of its kind).")]
Quality = Annotated[QualityFlag, typer.Option("--quality", help="More steps, better pictures.")]
GivenQuality = Annotated[
    QualityFlag | None,
    typer.Option("--quality", help="More steps, better pictures. [default: normal, or the run's]")
]
Replan = Annotated[
    ReplanFlag | None,
    typer.Option("--replan", help="Edits in the run when the storyboard comes anew: keep what can be, ask "
                                  "where something cannot, discard. [default: ask on a terminal, else keep]")
]
Executor = Annotated[ExecutorFlag, typer.Option("--executor", help="ray: by many workers at once.")]
RayAddress = Annotated[str | None, typer.Option("--ray-address",
                                                help="Of a Ray cluster, or auto. [default: on this machine]")]
MaxShots = Annotated[
    int | None,
    typer.Option("--max-shots", min=1, metavar="N", help="Merge what matters least until so many are left.")
]
Length = Annotated[
    str | None,
    typer.Option("--length", metavar="60s", help="Of the film, cards included: 60s, 1m30s, 1:30.")
]
Style = Annotated[
    str | None,
    typer.Option("--style", metavar="WORDS", help='Of all pictures, as in "watercolour", by a profile that '
                                                  "draws from any words. [default: the profile's]")
]
Base = Annotated[Path | None, typer.Option("--base", metavar="FILE", help="A single-file checkpoint like "
                                           "Stable Diffusion 1.5, in place of the profile's base.")]
Loras = Annotated[list[str] | None, typer.Option("--lora", metavar="FILE[:WEIGHT]", help="A LoRA of the base "
                                                 "or of its motion layers, as in style.safetensors:0.8.")]
Narrate = Annotated[
    bool | None, typer.Option("--narrate/--no-narrate", help="Speak the story's words. [default: no]")]
Voice = Annotated[
    str | None,
    typer.Option("--voice", metavar="WORDS", help='The narrator\'s, as in "en-gb female 2, pitch 60, '
                                                  'speed 150". [default: en-us]')
]
Subtitles = Annotated[
    SubtitlesFlag | None,
    typer.Option("--subtitles", help="A track, in the picture, or none. [default: soft]")
]
Font = Annotated[
    Path | None,
    typer.Option("--font", metavar="FILE", help="Of cards and burned subtitles, for any script.")
]
Size = Annotated[
    str | None,
    typer.Option("--size", metavar="16:9|9:16|1:1|WxH", help="Of the film's picture. [default: 512x512]")
]
Fps = Annotated[
    str | None, typer.Option("--fps", metavar="24|23.976|24000/1001", help="Frames a second. [default: 24]")]
Author = Annotated[str | None, typer.Option("--author", help="Whose name stands below the title.")]
Music = Annotated[
    Path | None, typer.Option("--music", metavar="FILE", help="Music of any length, quieter under speech.")]
Ambience = Annotated[
    bool | None,
    typer.Option("--ambience/--no-ambience", help="Quiet rain, waves, wind, night or fire. [default: no]")
]
MaxMemory = Annotated[str | None, typer.Option("--max-memory", metavar="8GB",
                                               help="Of the GPU that drawing may take. [default: all]")]
Watch = Annotated[bool, typer.Option("--watch", help="Draw again what a saved edit of the story or the run's "
                                                     "storyboard changed; Ctrl-C ends it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would be done and how long it would take; "
                                                        "write nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Download models of a gigabyte and more unasked.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def check_ray(executor: ExecutorFlag, address: str | None) -> bool:
    """Return whether Ray is to do it. Raises UsageError for an address that nobody would use."""
    if address is not None and executor is not ExecutorFlag.ray:
        raise UsageError("--ray-address is for --executor ray", hint="add --executor ray")
    return executor is ExecutorFlag.ray


def memory_settings(text: str | None) -> dict[str, float]:
    """Return the setting of `--max-memory 8GB`. Raises UsageError."""
    if text is None:
        return {}
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:(g)i?b?|(m)i?b?)?", text.strip().lower())
    if found is None or not float(found[1]) > 0:
        raise UsageError(f"--max-memory {text!r} is no amount of memory", hint="give it as in 8GB or 7500MB")
    return {"max_memory_gb": float(found[1]) / (1000 if found[3] else 1)}


def model_settings(base: Path | None, loras: list[str] | None) -> dict[str, dict[str, Any]]:
    """Return the settings that `--base` and `--lora` stand for. Raises UsageError."""
    from storyanim.config import FileRef

    models: dict[str, Any] = {}
    if base is not None:
        models["base"] = FileRef.parse(str(base)).model_dump()
    if loras:
        models["loras"] = [FileRef.parse(text).model_dump() for text in loras]
    return {"models": models} if models else {}


def sound_settings(
    narrate: bool | None, voice: str | None, music: Path | None, ambience: bool | None
) -> dict[str, dict[str, Any]]:
    """Return the settings that the flags of sound stand for."""
    given = {"narrate": narrate, "voice": voice, "music": None if music is None else str(music.resolve()),
             "ambience": ambience}
    sound = {name: value for name, value in given.items() if value is not None}
    return {"sound": sound} if sound else {}


def parse_rate(text: str) -> int | str:
    """Return frames a second, of 24, 23.976 or 24000/1001, as settings have them. Raises UsageError."""
    from storyanim.frame_rate import frame_rate, plain_rate

    try:
        rate = frame_rate(text)
    except ValueError:
        rate = Fraction(0)
    if not 1 <= rate <= 240:
        raise UsageError(f"--fps {text!r} is no rate of a film",
                         hint="give it as in 24, 23.976 or 24000/1001; from 1 to 240")
    return plain_rate(rate)


_SHORT_SIDE_PX = 512


def parse_size(text: str) -> tuple[int, int]:
    """Return "16:9", "1:1" or "1280x720" as width and height in pixels, both even. Raises UsageError."""
    found = re.fullmatch(r"(\d{1,5})\s*([:x×])\s*(\d{1,5})", text.strip().lower())
    width, height = (int(found[1]), int(found[3])) if found else (0, 0)
    if found and found[2] == ":" and min(width, height) > 0:
        scale = _SHORT_SIDE_PX / min(width, height)
        width, height = round(width * scale / 2) * 2, round(height * scale / 2) * 2
    if min(width, height) < 16 or max(width, height) > 8192 or width % 2 or height % 2:
        raise UsageError(f"--size {text!r} is no size of a film",
                         hint="give it as in 16:9 or 1280x720; even numbers from 16 to 8192")
    return width, height


def film_settings(
    subtitles: SubtitlesFlag | None, font: Path | None, size: str | None, fps: str | None, author: str | None
) -> dict[str, Any]:
    """Return the settings of the film that flags stand for.

    Raises UsageError for what is no font, size or rate.
    """
    given = {"subtitles": subtitles and subtitles.value, "author": author}
    film: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if fps is not None:
        film["fps"] = parse_rate(fps)
    if size is not None:
        film["width_px"], film["height_px"] = parse_size(size)
    if font is not None:
        from storyanim.fonts import is_font

        if not is_font(str(font)):
            raise UsageError(f"{font} is no font", hint="give a .ttf, .otf or .ttc file")
        film["font"] = str(font.resolve())
    return film


_CLOCK = re.compile(r"(?:(?P<h>\d+):)?(?P<m>\d+):(?P<s>[0-5]?\d)")
_UNITS = re.compile(r"(?:(?P<h>\d+)\s*h(?:ours?)?)?\s*(?:(?P<m>\d+(?:\.\d+)?)\s*m(?:in(?:utes?)?)?)?\s*"
                    r"(?:(?P<s>\d+(?:\.\d+)?)\s*(?:s(?:ec(?:onds?)?)?)?)?")


def plan_settings(
    max_shots: int | None, length: str | None, style: str | None = None
) -> dict[str, dict[str, Any]]:
    """Return the settings that these flags stand for; no shot is held beyond a length."""
    plan: dict[str, Any] = {} if style is None else {"style": style.strip()}
    if max_shots is not None:
        plan["max_shots"] = max_shots
    if length is None:
        return {"plan": plan} if plan else {}
    return {"plan": plan | {"length_s": parse_length(length)}, "film": {"max_hold_s": 0.0}}


def parse_length(text: str) -> float:
    """Return "60s", "90", "1m30s", "2 min" or "1:30" in seconds. Raises UsageError."""
    words = text.strip().lower()
    found = _CLOCK.fullmatch(words) or _UNITS.fullmatch(words)
    parts = found.groupdict(default="0") if found else {"h": "0", "m": "0", "s": "0"}
    seconds = 3600 * float(parts["h"]) + 60 * float(parts["m"]) + float(parts["s"])
    if not seconds > 0:
        raise UsageError(f"--length {text!r} is no length", hint="give it as in 60s, 1m30s or 1:30")
    return seconds
