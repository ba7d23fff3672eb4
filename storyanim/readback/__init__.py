"""Drawn clips are read back by the profile's own network or by CLIP: what they show of what was asked."""

from __future__ import annotations

from storyanim.config import Settings
from storyanim.readback.encoder import EncoderReader
from storyanim.readback.reader import NetworkReader
from storyanim.stages import ClipReader, TextVideoEncoder


def build_reader(settings: Settings, encoder: TextVideoEncoder) -> ClipReader:
    """Return the profile's reader; without one, what tells how well clips fit texts in search does it."""
    ref, mark = settings.models.reader, settings.check.mark
    return EncoderReader(encoder, mark) if ref is None else NetworkReader(ref, mark)


__all__ = ["EncoderReader", "NetworkReader", "build_reader"]
