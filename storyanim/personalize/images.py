"""A folder of ordinary photographs to a `Character`, and a photograph to pixels."""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from storyanim.artifacts import Character, UInt8
from storyanim.errors import CharacterError
from storyanim.near_duplicates import near_duplicate_images
from storyanim.personalize import image_quality

if TYPE_CHECKING:
    from PIL import Image

MIN_IMAGES = 3                                     # AaS: 3 to 10
MAX_IMAGES = 30                                     # of more the sharpest are taken
MIN_SIDE_PX = 64                                   # of a picture from which anything can be learned
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")      # AVIF where Pillow has it
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1")
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif"}
_BACKDROP = (200, 200, 200)                          # under transparent pixels: neutral
_DECODE_SCALE = 2                                    # of the wanted size: that of a large photograph at first
_MAX_PROPORTION = 4                                         # of a whole picture's sides
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Survey:
    """What lies in a character's folder."""

    images: tuple[Path, ...]                         # absolute, ordered by content
    problems: dict[str, str]                         # file name → why it is not used
    warnings: dict[str, str] = field(default_factory=dict)   # file name → what to know of a used one

    def findings(self) -> dict[str, dict[str, str]]:
        """Return what is wrong with the pictures, by file name: `problems` and `warnings`."""
        return {"problems": self.problems, "warnings": self.warnings}

    def warned(self, more: Mapping[str, str]) -> Survey:
        """Return the same with more warnings."""
        both = {file: "; ".join(filter(None, (self.warnings.get(file), more.get(file))))
                for file in {**self.warnings, **more}}
        return replace(self, warnings=both)


@dataclass(frozen=True, eq=False)
class _Picture:
    """A readable file."""

    path: Path
    content: str                                     # sha256 of its bytes
    squeezed: UInt8                                  # see image_quality.small


def read_character(
    folder: Path, *, noun: str, name: str | None = None, survey: Survey | None = None
) -> Character:
    """Return the character of a folder's pictures; hidden files, texts and subfolders are passed over.

    Args:
        folder: of pictures.
        noun: what the story calls it, "bear".
        name: None: the folder's name. The pseudo-word is made of it.
        survey: what `read_pictures` gave for the folder, when it was asked before.

    A file that cannot be used is logged as a warning. Raises CharacterError, naming each bad file, when fewer
    than three pictures remain.
    """
    noun = " ".join(noun.split())
    if not noun:
        raise CharacterError(f"the character in {folder} has no noun",
                             hint="give one, as in --character ./bruno=bear")
    survey = survey or read_pictures(folder)
    name = " ".join((name or character_name(folder)).split()) or noun
    return Character(name=name, token=pseudo_word(name, noun), noun=noun, images=survey.images)


def character_name(folder: Path) -> str:
    """Return what a character of that folder is called."""
    return " ".join(folder.resolve().name.split())


def read_pictures(folder: Path) -> Survey:
    """Do `survey_folder` and log problems and warnings.

    Raises CharacterError when fewer than three can be used.
    """
    if not folder.is_dir():
        raise CharacterError(f"there is no folder {folder}",
                             hint="give a folder with 3 to 30 pictures of the character")
    survey = survey_folder(folder)
    if len(survey.images) < MIN_IMAGES:
        raise CharacterError(_complaint(folder, survey), hint=_advice(folder))
    by_reason: dict[str, list[str]] = {}
    for file, reason in survey.problems.items():
        by_reason.setdefault(reason, []).append(file)
    for reason, files in by_reason.items():
        which = f"{files[0]} is" if len(files) == 1 else f"{', '.join(files)} are"
        log.warning("%s: %s not used: %s", folder, which, reason)
    log_warnings(folder, survey.warnings)
    return survey


def log_warnings(folder: Path, found: Mapping[str, str]) -> None:
    """Log a line a file."""
    for file, warning in found.items():
        log.warning("%s: %s", folder / file, warning)


def survey_folder(folder: Path) -> Survey:
    """Return what lies in a folder. Renaming files changes nothing: they are ordered by content.

    Nearly equal pictures count, since they are better than none, but are warned of. Of more than `MAX_IMAGES`
    those that are like no other come first, then the sharpest.
    """
    problems: dict[str, str] = {}
    of_content: dict[str, _Picture] = {}
    for path in _candidates(folder):
        try:
            picture = _read_picture(path)
        except CharacterError as error:
            problems[path.name] = error.message
            continue
        if picture.content in of_content:
            problems[path.name] = f"it is the same picture as {of_content[picture.content].path.name}"
        else:
            of_content[picture.content] = picture
    found = [of_content[content] for content in sorted(of_content)]
    twins = near_duplicate_images([picture.squeezed for picture in found])
    copy_of = {number: found[first] for number, first in twins.items()}
    kept = range(len(found)) if len(found) <= MAX_IMAGES else _best(found, set(copy_of))
    for number in sorted(set(range(len(found))) - set(kept)):
        problems[found[number].path.name] = (
            f"the folder has more than {MAX_IMAGES} pictures, the sharpest were taken")
    told = {found[number].path.name: f"it is nearly the same picture as {first.path.name}"
            for number, first in copy_of.items() if number in kept}
    return Survey(tuple(found[number].path.resolve() for number in kept), problems, told)


def load_image(path: Path, width_px: int, height_px: int) -> UInt8:
    """Return the centre crop of a photograph, upright, (height_px, width_px, 3) uint8.

    Raises CharacterError when it is not readable.
    """
    from PIL import Image, ImageOps

    picture = _opened(path, _DECODE_SCALE * max(width_px, height_px))
    fitted = ImageOps.fit(picture, (width_px, height_px), Image.Resampling.LANCZOS)
    return np.asarray(fitted, np.uint8).copy()


def load_whole(path: Path, side_px: int) -> tuple[UInt8, float]:
    """Return a whole photograph, upright, (H, W, 3) uint8, and its width over its height.

    Its shorter side is `side_px`.

    A long panorama is squeezed to four times its shorter side. Raises CharacterError when it is not readable.
    """
    from PIL import Image

    picture = _opened(path, _DECODE_SCALE * side_px)
    width_px, height_px = (min(round(side_px * side / min(picture.size)), _MAX_PROPORTION * side_px)
                           for side in picture.size)
    pixels = np.asarray(picture.resize((width_px, height_px), Image.Resampling.LANCZOS), np.uint8)
    return pixels.copy(), picture.width / picture.height


def pseudo_word(name: str, noun: str) -> str:
    """"Bruno the Bear" → "<bruno-the-bear>": small letters, digits and hyphens, in any script."""
    for text in (name, noun):
        plain = unicodedata.normalize("NFKC", text).casefold()
        if word := re.sub(r"[\W_]+", "-", plain).strip("-"):
            return f"<{word}>"
    return "<character>"


def _complaint(folder: Path, survey: Survey) -> str:
    found = len(survey.images)
    usable = f"{found or 'no'} usable picture{'' if found == 1 else 's'}"
    bad = "; ".join(f"{file}: {reason}" for file, reason in survey.problems.items())
    return f"{folder} has {usable}, {MIN_IMAGES} are needed" + (f" ({bad})" if bad else "")


def _is_text(path: Path) -> bool:
    """Return whether a file is a licence or a note; one that is called a picture is none of them."""
    if path.suffix.lower() in _SUFFIXES:
        return False
    try:
        with path.open("rb") as file:
            start = file.read(4096)
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    except OSError:
        return False
    return b"\0" not in start


def _candidates(folder: Path) -> Iterator[Path]:
    """Yield files that may be pictures, and links to nothing, which are reported."""
    for path in sorted(folder.iterdir()):
        lost = path.is_symlink() and not path.exists()
        if not path.name.startswith(".") and (lost or (path.is_file() and not _is_text(path))):
            yield path


def _advice(folder: Path) -> str:
    """Return what to do about a folder with too few pictures."""
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    for path in inner:
        if sum(file.suffix.lower() in _SUFFIXES for file in path.glob("*")) >= MIN_IMAGES:
            return f"pictures in subfolders are not looked at: give {path} if the character's lie there"
    return (f"put {MIN_IMAGES} to {MAX_IMAGES} different pictures of the character, JPEG, PNG, WebP, AVIF "
            f"or BMP of {MIN_SIDE_PX} pixels or more a side, into the folder")


def _read_picture(path: Path) -> _Picture:
    """Read a file. Raises CharacterError, whose message says what is wrong with the picture."""
    picture = _opened(path, MIN_SIDE_PX)
    if min(picture.size) < MIN_SIDE_PX:
        raise CharacterError(f"it is too small, {picture.width}x{picture.height} pixels",
                             hint="take a larger picture")
    squeezed = image_quality.small(picture)
    if image_quality.is_blank(squeezed):
        raise CharacterError("it shows nothing but one colour", hint="take another picture")
    return _Picture(path, hashlib.sha256(path.read_bytes()).hexdigest(), squeezed)


def _best(found: list[_Picture], copies: set[int]) -> list[int]:
    """Return the places of the `MAX_IMAGES` pictures to take, rising."""
    sharp = [image_quality.sharpness(_opened(picture.path, image_quality.SHARP_PX)) for picture in found]
    order = sorted(range(len(found)), key=lambda number: (number in copies, -sharp[number], number))
    return sorted(order[:MAX_IMAGES])


def _opened(path: Path, enough_px: int) -> Image.Image:
    """Return a picture, upright, RGB; a large JPEG is decoded smaller, both sides at least `enough_px`."""
    from PIL import Image, ImageOps

    Image.init()                                     # else the rarer formats are not known yet
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")          # of files that are odd but readable, or large
            with Image.open(path, formats=[name for name in _FORMATS if name in Image.OPEN]) as file:
                file.draft("RGB", (enough_px, enough_px))
                file.load()
                return _flat(ImageOps.exif_transpose(file))
    except FileNotFoundError as error:
        raise CharacterError(f"there is no picture {path}",
                             hint="it was moved or deleted: put it back") from error
    except (Image.DecompressionBombError, MemoryError) as error:
        raise CharacterError("it has too many pixels", hint="make it smaller") from error
    except Exception as error:                       # Pillow raises nearly all built-in classes
        if path.stat().st_size == 0:
            raise CharacterError("it is empty", hint="copy it again") from error
        if isinstance(error, OSError) and error.errno:
            raise CharacterError(f"it cannot be read ({error.strerror})",
                                 hint="check its permissions") from error
        unknown = isinstance(error, Image.UnidentifiedImageError)
        raise CharacterError(_unknown(path) if unknown else "it is damaged or cut off",
                             hint="convert it to JPEG or PNG") from error


def _unknown(path: Path) -> str:
    """Return what a file is that Pillow does not know."""
    with path.open("rb") as file:
        start = file.read(12)
    heif = start[4:8] == b"ftyp" and start[8:] in _HEIF_BRANDS
    return "it is a HEIC photograph: save it as JPEG" if heif else "it is no picture that can be read"


def _flat(picture: Image.Image) -> Image.Image:
    """Return RGB of 8 bits from any mode; what is transparent lies on a neutral ground."""
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":
        deep = np.nan_to_num(np.asarray(picture, np.float64))
        most = 65535.0 if deep.max() > 255 or picture.mode != "F" else 255.0
        if picture.mode == "F" and deep.max() <= 1:
            most = 1.0
        return Image.fromarray(np.clip(deep / most * 255, 0, 255).astype(np.uint8)).convert("RGB")
    if "A" in picture.mode or "a" in picture.mode or "transparency" in picture.info:
        over = picture.convert("RGBA")
        ground = Image.new("RGBA", over.size, (*_BACKDROP, 255))
        return Image.alpha_composite(ground, over).convert("RGB")
    return picture.convert("RGB")
