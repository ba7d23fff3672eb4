"""Words drawn on pictures: fonts that have their letters, lines that fit, scripts that run leftwards.

No font ships with the package. Pillow's own has plain Latin letters only, so fonts of the system are asked
first: one that has all, else one for each part. Where none has a letter its accent is dropped, an emoji is
left out, and where that does not help either, the words cannot be drawn; `left_out` tells what is not.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import regex  # type: ignore[import-untyped]
from PIL import Image, ImageDraw, ImageFont, features
from PIL.ImageFont import FreeTypeFont

# Serifs first, as in a book; then the ones with many scripts.
_FONTS = (
    "Georgia.ttf", "DejaVuSerif.ttf", "NotoSerif-Regular.ttf", "LiberationSerif-Regular.ttf",
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSerifCJK-Regular.ttc", "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc", "Hiragino Sans GB.ttc", "msyh.ttc", "AppleSDGothicNeo.ttc", "malgun.ttf",
    "NotoNaskhArabic-Regular.ttf", "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf", "NotoSansDevanagari-Regular.ttf", "NotoSansThai-Regular.ttf",
    "NotoSansBengali-Regular.ttf", "NotoSansTamil-Regular.ttf", "Arial Unicode.ttf", "arial.ttf",
    "NotoEmoji-Regular.ttf",
)
_COLOURED = ("NotoColorEmoji.ttf", "Apple Color Emoji.ttc", "seguiemj.ttf")
_STRIKES_PX = (109, 128, 136, 160, 96, 64)           # in which fonts of pictures have theirs
CLOSING = "、。，．！？：；」』）】〉》”’…ー"                # no line begins with one
_NO_LETTER = "\U0010fffe"                            # a code point that no font may have
_EMOJI = regex.compile(r"\p{Emoji_Presentation}|\ufe0f|\u20e3")
_UNSPACED = regex.compile(r"[\p{LB=ID}\p{LB=CJ}]")   # classes of Unicode's rules for line breaks
_SPELLED = str.maketrans({
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "Ł": "L", "đ": "d", "ı": "i", "Æ": "Ae", "Ø": "O",
    "–": "-", "—": "-", "…": "...", "‘": "'", "’": "'", "“": '"', "”": '"', "«": '"', "»": '"', "\u00a0": " ",
})


@dataclass(frozen=True)
class Lettering:
    """Words as the fonts here can draw them, and these fonts at a size."""

    words: str
    size_px: int
    names: tuple[str, ...]                           # of the fonts, the one that has most first

    def length(self, line: str) -> float:
        """Return the width of a part of the words, in pixels."""
        return sum(self._font(name).getlength(run) * self._scale(name) for name, run in self._runs(line))

    def wrap(self, width_px: float) -> list[str]:
        """Return the words in lines no wider than that, broken between words, or inside one too long."""
        lines: list[str] = []
        line = ""
        for word in self.words.split():
            longer = f"{line} {word}".strip()
            if self.length(longer) <= width_px:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            letters = regex.findall(rf"\X[{CLOSING}]*", line)
            while self.length(line) > width_px and len(letters) > 1:
                fits = max(1, bisect_right(range(1, len(letters)), width_px,
                                           key=lambda n: self.length("".join(letters[:n]))))
                lines.append("".join(letters[:fits]))
                letters = letters[fits:]
                line = "".join(letters)
        return [*lines, line] if line else lines

    def wrap_evenly(self, width_px: float) -> list[str]:
        """Return the words in as few lines as `wrap` does, all of about the same width.

        No word is broken that `wrap` leaves whole.
        """
        lines = self.wrap(width_px)
        whole = set(self.words.split()) & set(" ".join(lines).split())
        for share in range(1, 20) if len(lines) > 1 else ():
            narrow = self.wrap(width_px * (0.5 + share / 40))
            if len(narrow) == len(lines) and whole <= set(" ".join(narrow).split()):
                return narrow
        return lines

    def draw(
        self, picture: Image.Image, at: tuple[float, float], line: str, fill: Any, *, anchor: str = "la",
        **stroke: Any,
    ) -> None:
        """Draw a part of the words at a place, by Pillow's anchors "la", and "mm": its middle."""
        leftwards = runs_leftwards(self.words)
        runs, draw = self._runs(line), ImageDraw.Draw(picture)

        def write(at: tuple[float, float], name: str, run: str, anchor: str) -> None:
            font = self._font(name)
            shaped = leftwards and font.layout_engine == ImageFont.Layout.RAQM    # Pillow's own font is not
            draw.text(at, run, fill, font, anchor=anchor, direction="rtl" if shaped else None, **stroke)

        if len(runs) == 1 and not _is_coloured(runs[0][0]):
            write(at, *runs[0], anchor)
            return
        ascent, descent = self._font(self.names[0]).getmetrics()
        x, y = (at[0], at[1] + ascent) if anchor == "la" else (
            at[0] - self.length(line) / 2, at[1] + (ascent - descent) / 2)
        for name, run in reversed(runs) if leftwards else runs:
            if _is_coloured(name):
                _paste_pictures(picture, (x, y), run, self._font(name), self._scale(name))
            else:
                write((x, y), name, run, "ls")
            x += self._font(name).getlength(run) * self._scale(name)

    def smaller(self) -> Lettering:
        """Return the same a pixel smaller."""
        return Lettering(self.words, self.size_px - 1, self.names)

    def _font(self, name: str) -> FreeTypeFont:
        found = _font(name, self.size_px)
        assert found is not None
        return found

    def _scale(self, name: str) -> float:
        """Return how much larger than its own pictures a font is drawn; 1 where it has all sizes."""
        size_px = float(self._font(name).size)
        return 1.0 if size_px == self.size_px else 1.15 * self.size_px / size_px

    def _runs(self, line: str) -> list[tuple[str, str]]:
        """Return the parts of a line, each with the font that draws it; spaces go with words before them."""
        named: list[tuple[str, str]] = []
        for letter in letters_of(line):
            before = named[-1][0] if named and not _is_coloured(named[-1][0]) else self.names[0]
            found = None if letter.isspace() else _name_for(letter, self.names)
            named.append((before if found is None else found, letter))
        return [(name, "".join(letter for _, letter in run))
                for name, run in groupby(named, lambda one: one[0])]


def lettering(text: str, size_px: int, own: str = "") -> Lettering | None:
    """Return the words with fonts that can draw them; None when no font here has their letters.

    A person's `own` font file comes first. Where none has all, emoji are left out, then accents.
    """
    names = (*([own] if own else []), *_FONTS, "")
    names = tuple(name for name in dict.fromkeys((*names, *_COLOURED)) if _font(name, size_px))
    plain = _without_pictures(text, names)
    if _needs_layout(text) and not features.check("raqm"):
        return None
    for words in dict.fromkeys((text, plain, _without_accents(plain))):
        if text.strip() and not words.strip():
            return None
        letters = [letter for letter in dict.fromkeys(letters_of(words)) if not letter.isspace()]
        if whole := next((name for name in names if all(_draws(name, letter) for letter in letters)), None):
            return Lettering(words, size_px, (whole,))
        used = [_name_for(letter, names) for letter in letters]
        if None not in used:
            return Lettering(words, size_px, tuple(name for name in names if name in used))
    return None


def drawable(text: str, own: str = "") -> str | None:
    """Return the words as this machine's fonts can draw them; None when they cannot."""
    found = lettering(text, 16, own)
    return found.words if found else None


def left_out(text: str, own: str = "") -> list[str]:
    """Return the letters of drawable words that are not drawn as they are."""
    drawn = letters_of(drawable(text, own) or "")
    return [letter for letter in dict.fromkeys(letters_of(text)) if letter.strip() and letter not in drawn]


def is_font(path: str) -> bool:
    """Return whether a file is a font that can be drawn with."""
    return _font(path, 16) is not None


def letters_of(text: str) -> list[str]:
    """Return what is read as one letter each: with its accents, or all that makes an emoji."""
    return regex.findall(r"\X", text)


def is_unspaced(word: str) -> bool:
    """Return whether a word has letters between which lines may break, as Chinese ones; Korean has spaces."""
    return _UNSPACED.search(word) is not None


def runs_leftwards(text: str) -> bool:
    """Return whether the first letter with a direction is of a script that runs from right to left."""
    return next((way in ("R", "AL") for way in map(unicodedata.bidirectional, text)
                 if way in ("L", "R", "AL")), False)


@lru_cache(maxsize=256)
def _font(name: str, size_px: int) -> FreeTypeFont | None:
    """Return a font at a size, or at the one that it has when it consists of pictures."""
    if not name:
        return ImageFont.load_default(size_px)
    for size in (size_px, *_STRIKES_PX):
        try:
            return ImageFont.truetype(name, size)
        except OSError as error:
            if "pixel size" not in str(error):
                return None
    return None


def _name_for(letter: str, names: Sequence[str]) -> str | None:
    """Return the first font that has a letter; of an emoji, one that has it in colour before others."""
    ordered = names
    if _is_emoji(letter):
        ordered = sorted(names, key=lambda name: not _is_coloured(name))
    return next((name for name in ordered if _draws(name, letter)), None)


@lru_cache(maxsize=4096)
def _draws(name: str, letter: str) -> bool:
    """Return whether a font has a letter; one of pictures has letters and digits, too, that are no text."""
    font = _font(name, 16)
    if font is None or (_is_coloured(name) and not _is_emoji(letter)):
        return False
    parts = [part for part in letter if not part.isspace() and unicodedata.category(part) != "Cf"
             and not 0xFE00 <= ord(part) <= 0xFE0F]
    return all(_glyph(font, part) != _glyph(font, _NO_LETTER) for part in parts)


def _is_coloured(name: str) -> bool:
    font = _font(name, 16)
    return name.endswith(_COLOURED) or (font is not None and font.size != 16)


def _glyph(font: FreeTypeFont, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def _is_emoji(letter: str) -> bool:
    return _EMOJI.search(letter) is not None


def _needs_layout(text: str) -> bool:
    """Return whether letters change places or shapes, which Pillow leaves to Raqm."""
    return any(unicodedata.bidirectional(letter) in ("R", "AL") or unicodedata.category(letter) == "Mc"
               for letter in text)


def _paste_pictures(
    picture: Image.Image, at: tuple[float, float], run: str, font: FreeTypeFont, scale: float
) -> None:
    """Draw emoji in their colours, so large as the letters around are, from `at` on their baseline."""
    left, top, right, bottom = font.getbbox(run, anchor="ls")
    drawn = Image.new("RGBA", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(drawn).text((-left, -top), run, "black", font, anchor="ls", embedded_color=True)
    size = (max(1, round(drawn.width * scale)), max(1, round(drawn.height * scale)))
    small = drawn.resize(size, Image.Resampling.LANCZOS)
    picture.paste(small, (round(at[0] + left * scale), round(at[1] + top * scale)), small)


def _without_pictures(text: str, names: Sequence[str]) -> str:
    """Return the text without the emoji, and other signs, that no font has, and the spaces around them."""
    def kept() -> Iterator[str]:
        for letter in letters_of(text):
            sign = any(unicodedata.category(part) in ("So", "Sk", "Cn") for part in letter)
            lost = (sign or _is_emoji(letter)) and _name_for(letter, names) is None
            yield "\0" if lost else letter
    return regex.sub(r"[ \t]*\0+(?=[\s.,;:!?…]|$)|\0", "", "".join(kept())).strip()


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
