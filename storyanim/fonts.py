"""FrozenModel drawn on pictures: a font that has their letters, and lines that fit.

No font ships with the package. Pillow's own has plain Latin letters only, so fonts of the system are asked
first; where none has a letter, its accent is dropped, and where that does not help either, the words cannot
be drawn.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

# Serifs first, as in a book; then the ones with many scripts.
_FONTS = (
    "Georgia.ttf", "DejaVuSerif.ttf", "NotoSerif-Regular.ttf", "LiberationSerif-Regular.ttf",
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSerifCJK-Regular.ttc", "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc", "Hiragino Sans GB.ttc", "msyh.ttc",
    "NotoNaskhArabic-Regular.ttf", "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf", "NotoSansDevanagari-Regular.ttf", "Arial Unicode.ttf", "arial.ttf",
)
_NO_LETTER = "\U0010fffe"                            # a code point that no font may have
_SPELLED = str.maketrans({
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "Ł": "L", "đ": "d", "ı": "i", "Æ": "Ae", "Ø": "O",
    "–": "-", "—": "-", "…": "...", "‘": "'", "’": "'", "“": '"', "”": '"', "«": '"', "»": '"', "\u00a0": " ",
})


def font_for(text: str, size_px: int, own: str = "") -> tuple[FreeTypeFont, str] | None:
    """Return a font and the words as it can draw them; None when no font here has their letters.

    A person's `own` font file comes first. Where none has all, emoji are left out, then accents.
    """
    plain = _without_pictures(text)
    for words in dict.fromkeys((text, plain, _without_accents(plain))):
        if text.strip() and not words.strip():
            return None
        for name in (*([own] if own else []), *_FONTS, ""):
            font = _font(name, size_px)
            if font is not None and _has_letters(font, words):
                return font, words
    return None


def drawable(text: str, own: str = "") -> str | None:
    """Return the words as this machine's fonts can draw them; None when they cannot."""
    found = font_for(text, 16, own)
    return found[1] if found else None


def is_font(path: str) -> bool:
    """Return whether a file is a font that can be drawn with."""
    return _font(path, 16) is not None


def wrap(text: str, font: FreeTypeFont, width_px: float) -> list[str]:
    """Return `text` in lines no wider than `width_px`, broken between words, or inside one too long."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if font.getlength(longer) <= width_px:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while font.getlength(line) > width_px and len(line) > 1:
            fits = next((n for n in range(len(line) - 1, 1, -1) if font.getlength(line[:n]) <= width_px), 1)
            lines.append(line[:fits])
            line = line[fits:]
    return [*lines, line] if line else lines


@lru_cache(maxsize=64)
def _font(name: str, size_px: int) -> FreeTypeFont | None:
    if not name:
        return ImageFont.load_default(size_px)
    try:
        return ImageFont.truetype(name, size_px)
    except OSError:
        return None


def _has_letters(font: FreeTypeFont, text: str) -> bool:
    missing = _glyph(font, _NO_LETTER)
    return all(_glyph(font, letter) != missing for letter in set(text)
               if not letter.isspace() and unicodedata.category(letter) != "Cf")


def _glyph(font: FreeTypeFont, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def _without_pictures(text: str) -> str:
    """Return the text without emoji and the marks that join or colour them."""
    kept = (letter for letter in text if unicodedata.category(letter) not in ("So", "Sk", "Cn")
            and letter not in "\ufe0e\ufe0f\u200d\u20e3")
    return re.sub(r"[ \t]+", " ", "".join(kept)).strip()


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
