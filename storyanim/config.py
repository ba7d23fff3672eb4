"""One frozen class of settings a stage, and how they are loaded.

Order, later wins: defaults of the classes, the profile (TOML), its `quality_settings` table, `storyanim.toml`
in the working folder, the environment (`STORYANIM_GENERATE__GUIDANCE_SCALE=3`), flags. Unknown keys are
errors. The result lies in `run.json`.
"""

from __future__ import annotations

import json
import os
import tomllib
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from storyanim.errors import UsageError

Quality = Literal["draft", "normal", "fine"]
PROFILE_NAMES = ("storybook", "sd15")
ASSETS = "assets:"                                   # prefix of a repo that ships with the package
SPEED: JsonDict = {"changes_results": False}         # marks fields that the keys of steps leave out


class Section(BaseModel):
    """Base of all settings: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelRef(Section):
    """Where a model comes from: `assets:NAME` in this package, a folder, or a hub repository."""

    repo: str
    revision: str = "main"
    subfolder: str = ""
    variant: str | None = None                       # "fp16" where the repository has such files

    @cached_property
    def folder(self) -> Path | None:
        """The folder on this disk; None for a hub repository."""
        if self.repo.startswith(ASSETS):
            return asset(self.repo.removeprefix(ASSETS)) / self.subfolder
        path = Path(self.repo).expanduser()
        return path / self.subfolder if path.exists() or self.repo.startswith((".", "/", "~")) else None

    @cached_property
    def weight_bytes(self) -> int:
        """The size of the files in its folder; 0 of a hub repository."""
        files = self.folder.rglob("*") if self.folder else ()
        return sum(path.stat().st_size for path in files if path.is_file())


class PlanSettings(Section):
    """Story to storyboard."""

    planner: Literal["rules", "openai"] = "rules"
    model: str = "gpt-4o-mini"                       # of the chat planner
    base_url: str | None = None                      # any server that speaks the OpenAI chat protocol
    timeout_s: float = Field(60.0, gt=0)             # for one reply
    attempts: int = Field(3, ge=1, le=10)            # replies asked for a batch of shots
    max_shots_a_batch: int = Field(8, ge=1, le=8)
    shot_duration_s: float = Field(2.0, gt=0, le=60)
    style: str = ""                                  # put after every prompt


# of FAISS: lists, neighbours, times as many to refine
SearchParameter = Literal["nprobe", "efSearch", "k_factor"]


class RetrieveSettings(Section):
    """Query to footage."""

    encoder: Literal["clip", "frozen_in_time"] = "clip"   # what kind models.encoder is
    candidates: int = Field(8, ge=1, le=100)         # kept and shown for each shot
    window_s: float = Field(2.0, gt=0)               # length of an indexed window
    # mean absolute frame difference under which a clip ranks lower
    min_motion: float = Field(0.004, ge=0)
    caption_weight: float = Field(1.0, ge=0)         # of BM25 ranks against vector ranks
    # FAISS `index_factory` string of a new index; None: by its size
    index_factory: str | None = None
    # before what the index says that it is searched with
    search_parameters: dict[SearchParameter, int] = Field(default_factory=dict)
    # what footage must pass, as in "motion>=0.01" (retrieve/filters.py)
    filters: tuple[str, ...] = ()
    # share of contrast (near_duplicates.py); 0: none are
    near_duplicate_threshold: float = Field(0.1, ge=0, lt=1)
    exact: bool = False                              # compare all vectors, whatever kind the index is
    # of a LanceDB that has the index's vectors, as `lancedb.connect` takes it
    lancedb_uri: str | None = None
    batch_size: int = Field(32, ge=1, json_schema_extra=SPEED)


class DepthSettings(Section):
    """Footage to depth."""

    batch_size: int = Field(8, ge=1, json_schema_extra=SPEED)
    percentile: float = Field(0.5, ge=0, lt=50)      # of the clip's depth, cut off at each end before scaling


class GenerateSettings(Section):
    """Depth, prompt and tokens to frames."""

    width_px: int = Field(128, ge=8)
    height_px: int = Field(128, ge=8)
    # drawn at once; a longer shot is drawn in overlapping windows of so many
    num_frames: int = Field(16, ge=1)
    context_stride: int = Field(4, ge=1)              # frames from one window to the next
    max_duration_s: float = Field(8.0, gt=0)         # no shot is drawn longer; what is missing is held
    fps: float = Field(8.0, gt=0)
    num_inference_steps: int = Field(20, ge=1)
    guidance_scale: float = Field(3.0, ge=0)
    # part of the trajectory, from the noisy end, that is guided
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    conditioning_scale: float = Field(1.0, ge=0)  # of what the structure branch adds
    control_guidance_end: float = Field(1.0, ge=0, le=1)  # part of the steps, noisy end first, with structure
    control_guidance_end_multi: float | None = Field(None, ge=0, le=1)  # with several figures; None: the same
    noise_correlation: float = Field(0.0, ge=0, lt=1)  # of any two frames' start noise (arXiv 2305.10474)
    # picture widths a second by which noise moves when a prompt's camera pans
    pan_speed: float = Field(0.0, ge=0, le=1)
    pan_noise_correlation: float = Field(0.5, ge=0, lt=1)   # in place of noise_correlation then
    temporal_filter_range: float = Field(0.0, ge=0, lt=1)  # smaller changes are averaged away; 0: none
    negative_prompt: str = ""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    memory: Literal["auto", "fast", "offload"] = Field("auto", json_schema_extra=SPEED)

    def control_guidance_end_of(self, figures: int) -> float:
        """Return `control_guidance_end` of a shot that shows so many."""
        multi = self.control_guidance_end_multi
        return self.control_guidance_end if figures < 2 or multi is None else multi

    def frames_of(self, duration_s: float) -> int:
        """Return how many frames a shot of so many seconds has; never fewer than are drawn at once."""
        return max(self.num_frames, round(min(duration_s, self.max_duration_s) * self.fps))


class PersonalizeSettings(Section):
    """Pictures to a character's token (AaS 3.3)."""

    num_steps: int = Field(1000, ge=1)
    batch_size: int = Field(4, ge=1)                 # pictures a step; half as many class clips come on top
    embedding_learning_rate: float = Field(1e-4, gt=0)
    lora_learning_rate: float = Field(1e-4, gt=0)
    min_lr_rate: float = Field(1.0, gt=0, le=1)      # share of a rate that is left at the end (cosine)
    lora_rank: int = Field(4, ge=0)                  # 0: the embeddings alone
    embedding_per_timestep: bool = True              # False: one for all timesteps, as in Textual Inversion
    # the embeddings start as the word that fits the pictures best; without any, as the noun
    initializer_words: tuple[str, ...] = ()
    # the one that surely fits the pictures follows the noun; {} stands for each of initializer_words
    appearance_phrases: tuple[str, ...] = ()
    inference_timesteps_only: bool = False           # train at the timesteps of inference instead of at all
    num_frames: int = Field(1, ge=1)                 # length of the static clip made of a picture
    # whether motion modules act on single frames, too: if the base was trained so
    motion_modules_on_images: bool = False
    caption_dropout: float = Field(0.1, ge=0, le=1)  # share of captions left empty
    # of the loss around the character; below 1, captions get contexts of the class clips
    background_loss_weight: float = Field(1.0, ge=0, le=1)
    # clips of the noun, from the index: contexts for captions, prior preservation
    num_class_clips: int = Field(200, ge=0)
    prior_loss_weight: float = Field(1.0, ge=0)      # of class clips; 0: they give contexts alone
    # times that views which are not trained on choose the step; 0: the last step is kept
    num_validations: int = Field(8, ge=0)
    gradient_checkpointing: bool = Field(False, json_schema_extra=SPEED)   # slower, less memory
    guidance_scale: float | None = Field(None, ge=0) # for shots with a character; None: as for all shots
    seed: int = 0


class FilmSettings(Section):
    """Frames to film."""

    width_px: int = Field(512, ge=16, multiple_of=2)
    height_px: int = Field(512, ge=16, multiple_of=2)
    fps: int = Field(24, ge=1)
    crf: int = Field(18, ge=0, le=51)
    title_s: float = Field(2.0, ge=0)                # title card; 0: none
    reading_chars_per_s: float = Field(17.0, gt=0)   # a shot is held until its words can be read
    max_hold_s: float = Field(2.0, ge=0)
    subtitles: Literal["soft", "burned", "none"] = "soft"


class Models(Section):
    """The repositories of a profile."""

    pipeline: ModelRef                               # tokenizer, text encoder, VAE, U-Net, scheduler
    # AnimateDiff's; None when the U-Net has its motion layers
    motion_adapter: ModelRef | None = None
    structure: ModelRef
    structure_kind: Literal["t2i_adapter", "controlnet"] = "t2i_adapter"
    depth: ModelRef
    encoder: ModelRef


class _ProfileFile(PydanticBaseSettingsSource):
    """The profile's TOML and its quality table as a source of settings."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        profile = self.current_state["profile"]
        data = read_profile(profile)
        table = data.pop("quality_settings", {}).get(self.current_state["quality"], {})
        return _merge(data, table)


class _WorkingFolderFile(PydanticBaseSettingsSource):
    """`storyanim.toml` in the working folder."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        path = Path("storyanim.toml")
        return _read_toml(path) if path.is_file() else {}


class Settings(BaseSettings):
    """All settings of a run."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="STORYANIM_", env_nested_delimiter="__",
        nested_model_default_partial_update=True
    )

    profile: str = "storybook"
    quality: Quality = "normal"
    description: str = ""
    # JSON file of what the model can draw, see planning/vocabulary.py
    vocabulary: str | None = None
    models: Models
    plan: PlanSettings = PlanSettings()
    retrieve: RetrieveSettings = RetrieveSettings()
    depth: DepthSettings = DepthSettings()
    generate: GenerateSettings = GenerateSettings()
    personalize: PersonalizeSettings = PersonalizeSettings()
    film: FilmSettings = FilmSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = _WorkingFolderFile(settings_cls), _ProfileFile(settings_cls)
        return init_settings, EnvSettingsSource(settings_cls), *files

    @property
    def vocabulary_path(self) -> Path | None:
        """The vocabulary's file on this disk."""
        if self.vocabulary is None:
            return None
        if self.vocabulary.startswith(ASSETS):
            return asset(self.vocabulary.removeprefix(ASSETS))
        return Path(self.vocabulary).expanduser()


def load_settings(profile: str = "storybook", quality: Quality = "normal", **flags: Any) -> Settings:
    """Return the settings of a run; `flags` are what was given on the command line (`generate={"seed": 1}`).

    Raises UsageError for unknown profiles, keys and values out of range.
    """
    try:
        return Settings(profile=profile, quality=quality, **flags)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"setting {where}: {first['msg']}",
                         hint="see the settings' names in storyanim/config.py") from error


def read_profile(name: str) -> dict[str, Any]:
    """Return the TOML of a bundled profile, or of a file."""
    if name in PROFILE_NAMES:
        bundled = resources.files("storyanim.profiles").joinpath(f"{name}.toml")
        return tomllib.loads(bundled.read_text("utf-8"))
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return _read_toml(path)
    raise UsageError(
        f"unknown profile {name!r}",
        hint=f"known are {', '.join(PROFILE_NAMES)}, or give a .toml file like theirs"
    )


def asset(name: str) -> Path:
    """Return the path of something that ships with the package."""
    return Path(str(resources.files("storyanim"))) / "assets" / name


def cache_folder() -> Path:
    """Return where results that several runs share are kept; `STORYANIM_CACHE` moves it."""
    base = os.environ.get("STORYANIM_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache",
                                                             "storyanim")
    return Path(base).expanduser()


def canonical(settings: BaseModel) -> str:
    """Return settings as JSON with sorted keys."""
    return json.dumps(settings.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="it must be TOML in UTF-8") from error


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
