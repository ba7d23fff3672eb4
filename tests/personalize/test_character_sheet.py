"""The before and after sheet."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from storyanim.artifacts import Character
from storyanim.personalize.sheet import before_after_sheet


def test_shows_photographs_and_both_rows(character: Character) -> None:
    def flat(colour: tuple[int, int, int]) -> np.ndarray:
        return np.broadcast_to(np.array(colour, np.uint8), (32, 32, 3)).copy()

    data = before_after_sheet(character.images, [flat((255, 0, 0))] * 2, [flat((0, 255, 0))] * 4)
    sheet = Image.open(BytesIO(data))
    assert sheet.format == "PNG"
    colours = sheet.convert("RGB").getcolors(2**20)
    assert colours is not None
    counts = {colour: count for count, colour in colours}
    assert counts[(255, 0, 0)] == 2 * 160 * 160
    assert counts[(0, 255, 0)] == 4 * 160 * 160
