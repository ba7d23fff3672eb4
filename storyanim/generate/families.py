"""One generator for each family of models."""

from __future__ import annotations

from storyanim.config import Settings
from storyanim.generate.generator import StoryGenerator
from storyanim.stages import ShotGenerator


def build_generator(settings: Settings) -> ShotGenerator:
    """Return the generator of a profile."""
    if settings.models.family == "wan_vace":
        from storyanim.generate.wan import WanGenerator

        return WanGenerator(settings)
    if settings.models.family == "cogvideox_fun":
        from storyanim.generate.cogvideox import CogVideoXGenerator

        return CogVideoXGenerator(settings)
    return StoryGenerator(settings)
