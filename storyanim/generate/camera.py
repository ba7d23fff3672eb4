"""What a prompt says of the camera, for the start noise to move along."""

from __future__ import annotations

import re

_PAN = re.compile(r"\bpan(?:s|ned|ning)?\s+(?:\w+ly\s+)?(?:to(?:wards?)?\s+)?(?:(?:the|its)\s+)?(left|right)\b", re.IGNORECASE)


def pan_of(prompt: str) -> int:
    """1 when the camera pans left, so that the picture moves to the right; -1 when it pans right; else 0."""
    said = _PAN.search(prompt)
    return 0 if said is None else 1 if said[1].lower() == "left" else -1
