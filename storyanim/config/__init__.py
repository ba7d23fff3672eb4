"""One frozen class of settings a stage, and how they are loaded.

Order, later wins: defaults of the classes, the profile (TOML), its `quality_settings` table, `storyanim.toml`
in the working folder, the environment (`STORYANIM_GENERATE__GUIDANCE_SCALE=3`), flags. Unknown keys are
errors. The result lies in `run.json`.
"""

from storyanim.config.base import (
    ASSETS,
    DEFAULT_INDEX,
    Section,
    asset,
    cache_folder,
    canonical,
)
from storyanim.config.models import (
    WEIGHTS_FILES,
    FileRef,
    ModelRef,
    Models,
)
from storyanim.config.profiles import (
    PROFILE_NAMES,
    read_profile,
)
from storyanim.config.sections import (
    CheckSettings,
    DepthSettings,
    FilmSettings,
    GenerateSettings,
    MotionSettings,
    PersonalizeSettings,
    PlanSettings,
    SoundSettings,
    public_url,
)
from storyanim.config.settings import (
    Quality,
    Settings,
    load_settings,
)

__all__ = [
    "ASSETS",
    "DEFAULT_INDEX",
    "PROFILE_NAMES",
    "WEIGHTS_FILES",
    "CheckSettings",
    "DepthSettings",
    "FileRef",
    "FilmSettings",
    "GenerateSettings",
    "ModelRef",
    "Models",
    "MotionSettings",
    "PersonalizeSettings",
    "PlanSettings",
    "Quality",
    "Section",
    "Settings",
    "SoundSettings",
    "asset",
    "cache_folder",
    "canonical",
    "load_settings",
    "public_url",
    "read_profile",
]
