"""Fonts of a few letters, each a box, or each one colour: TrueType tables written by hand."""

from __future__ import annotations

import io
import struct
from pathlib import Path

from PIL import Image

_EM, _STRIKE_PX = 1000, 109


def write_font(path: Path, letters: str, color: tuple[int, int, int] | None = None) -> str:
    """Write a font in which all `letters` are black boxes, or of `color` as pictures in one size; return its path."""
    codes = sorted(map(ord, letters))
    box = struct.pack(">hhhhh", 1, 100, 0, 900, 700) + struct.pack(">HH", 3, 0) + bytes([1, 1, 1, 1]) + struct.pack(
        ">4h4h", 100, 800, 0, -800, 0, 0, 700, 0)
    box += b"\0" * (-len(box) % 4)
    glyphs = [b"", *([box] * len(codes))]
    offsets = [sum(map(len, glyphs[:number])) for number in range(len(glyphs) + 1)]
    count = len(glyphs)
    tables = {
        b"head": struct.pack(">IIIIHHQQhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 11, _EM, 0, 0, 0, 0, _EM, _EM, 0, 8, 2, 1, 0),
        b"hhea": struct.pack(">IhhhHhhhhhhhhhhhH", 0x10000, 900, -200, 0, _EM, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, count),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x10000, count, 4, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
        b"hmtx": struct.pack(">Hh", _EM, 100) * count,
        b"cmap": struct.pack(">HHHHIHHIII", 0, 1, 3, 10, 12, 12, 0, 16 + 12 * len(codes), 0, len(codes)) + b"".join(
            struct.pack(">III", code, code, number + 1) for number, code in enumerate(codes)),
        b"loca": struct.pack(f">{count + 1}I", *offsets), b"glyf": b"".join(glyphs),
    }
    if color:
        del tables[b"loca"], tables[b"glyf"]
        tables |= _pictures(color, count)
    head = struct.pack(">IHHHH", 0x10000, len(tables), 0, 0, 0)
    start, listed, body = len(head) + 16 * len(tables), b"", b""
    for name, table in sorted(tables.items()):
        listed += name + struct.pack(">III", 0, start + len(body), len(table))
        body += table + b"\0" * (-len(table) % 4)
    path.write_bytes(head + listed + body)
    return str(path)


def _pictures(color: tuple[int, int, int], count: int) -> dict[bytes, bytes]:
    """Return the tables of one PNG for all letters: CBLC and CBDT, by OpenType 1.9."""
    png = io.BytesIO()
    Image.new("RGBA", (_STRIKE_PX, _STRIKE_PX), (*color, 255)).save(png, "png")
    picture = struct.pack(">BBbbB", _STRIKE_PX, _STRIKE_PX, 0, 90, _STRIKE_PX) + struct.pack(">I", len(png.getvalue())) + png.getvalue()
    subtable = struct.pack(">HHI", 1, 17, 4) + struct.pack(f">{count}I", *(len(picture) * number for number in range(count)))
    lines = struct.pack(">bbBbbbbbbbbb", 90, -19, _STRIKE_PX, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    size = struct.pack(">IIII", 56, 8 + len(subtable), 1, 0) + lines * 2 + struct.pack(
        ">HHBBBb", 1, count - 1, _STRIKE_PX, _STRIKE_PX, 32, 1)
    return {b"CBLC": struct.pack(">HHI", 3, 0, 1) + size + struct.pack(">HHI", 1, count - 1, 8) + subtable,
            b"CBDT": struct.pack(">HH", 3, 0) + picture * (count - 1)}
