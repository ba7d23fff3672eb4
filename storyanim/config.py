"""One frozen class of settings a stage, and how they are loaded.

Order, later wins: defaults of the classes, the profile (TOML), its `quality_settings` table, `storyanim.toml`
in the working folder, the environment (`STORYANIM_GENERATE__GUIDANCE_SCALE=3`), flags. Unknown keys are
errors. The result lies in `run.json`.
"""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer, model_validator
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from storyanim.errors import UsageError

Quality = Literal["draft", "normal", "fine"]
PROFILE_NAMES = ("storybook", "sd15", "sd15-lightning", "sd15-lcm", "wan-vace")
DEFAULT_INDEX = "storybook/index"                    # of footage, in the package's assets
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
    file: str = ""                                   # one file of the repository, and nothing else of it

    @cached_property
    def folder(self) -> Path | None:
        """The folder on this disk; None for a hub repository."""
        if self.repo.startswith(ASSETS):
            return asset(self.repo.removeprefix(ASSETS)) / (self.file or self.subfolder)
        path = Path(self.repo).expanduser()
        here = path.exists() or self.repo.startswith((".", "/", "~"))
        return path / (self.file or self.subfolder) if here else None

    @cached_property
    def weight_bytes(self) -> int:
        """The size of the files in its folder; 0 of a hub repository."""
        files = self.folder.rglob("*") if self.folder else ()
        return sum(path.stat().st_size for path in files if path.is_file())


class FileRef(Section):
    """A file of weights that a person brings: a checkpoint, a LoRA, an embedding, an IP-Adapter."""

    file: str                                        # on this disk, or in `repo`
    weight: float = 1.0                              # of a LoRA or an IP-Adapter
    repo: str = ""                                   # of the hub; "": the file lies on this disk
    revision: str = "main"

    @property
    def hub(self) -> ModelRef | None:
        """The file as a model of the hub; None of one on this disk."""
        return ModelRef(repo=self.repo, revision=self.revision, file=self.file) if self.repo else None

    @property
    def token(self) -> str:
        """The word by which prompts call it as a textual inversion: its file's name, "<easynegative>"."""
        return f"<{Path(self.file).stem}>"

    @classmethod
    def parse(cls, text: str) -> FileRef:
        """Read `FILE` or `FILE:0.8`. Raises UsageError for a file that is not there."""
        name, colon, weight = text.rpartition(":")
        if colon and not os.path.exists(text) and re.fullmatch(r"-?\d*\.?\d+", weight):
            text, factor = name, float(weight)
        else:
            factor = 1.0
        if not os.path.isfile(text):
            raise UsageError(f"there is no file {text!r}", hint="give a .safetensors, as FILE or FILE:0.8")
        return cls(file=str(Path(text).resolve()), weight=factor)


def public_url(url: str) -> str:
    """Return a URL without what may be secret: user, password, query and fragment."""
    scheme, authority, path, rest = re.findall(r"(\A[\w+.-]+://|\A)([^/?#]*)([^?#]*)(.*)", url, re.DOTALL)[0]
    if "@" in path + rest and "@" not in authority:  # a password with a / in it ends up there
        return f"{scheme}..."
    return f"{scheme}{authority.rpartition('@')[2]}{path}"


class PlanSettings(Section):
    """Story to storyboard."""

    planner: Literal["rules", "openai"] = "rules"
    model: str = "gpt-4o-mini"                       # of the chat planner
    # any server that speaks the OpenAI chat protocol; user, password and query are never shown or saved
    base_url: str | None = Field(None, repr=False)
    timeout_s: float = Field(60.0, gt=0)             # for one whole reply, however slowly it drips
    max_tokens: int | None = Field(None, ge=16)      # of one reply; None: what the server allows by itself
    attempts: int = Field(3, ge=1, le=10)            # replies asked for a batch of shots
    max_shots_a_batch: int = Field(8, ge=1, le=8)
    shot_duration_s: float = Field(2.0, gt=0, le=60)
    style: str = ""                                  # put after every prompt
    # whom the model cannot draw: another plays the part (auto), an error (strict), left out (none)
    cast: Literal["auto", "strict", "none"] = "auto"
    # name in the story → who plays it, as in {"Tom": "brown bear with a red scarf"}; others are chosen
    stand_ins: dict[str, str] = Field(default_factory=dict)
    # a shot lasts as long as reading its words takes, up to 8 s; 0: shot_duration_s
    words_per_second: float = Field(0.0, ge=0, le=20)
    max_shots: int | None = Field(None, ge=1)        # what matters least is merged until no more are left
    # of the film with its cards: shots are merged, and share what is left
    length_s: float | None = Field(None, gt=0)

    @field_serializer("base_url", when_used="json")
    def _without_secrets(self, value: str | None) -> str | None:
        return value and public_url(value)


# of FAISS: lists, neighbours, times as many to refine
SearchParameter = Literal["nprobe", "efSearch", "k_factor"]


class RetrieveSettings(Section):
    """Query to footage."""

    encoder: Literal["clip", "frozen_in_time"] = "clip"   # what kind models.encoder is
    candidates: int = Field(8, ge=1, le=100)         # kept and shown for each shot
    window_s: float = Field(2.0, gt=0)               # length of an indexed window
    # mean absolute frame difference under which a clip ranks lower
    min_motion: float = Field(0.004, ge=0)
    # cosine under which a clip does not fit a shot, unless its caption does; None: all fit
    min_score: float | None = Field(None, ge=-1, le=1)
    caption_weight: float = Field(1.0, ge=0)         # of BM25 ranks against vector ranks
    # ask other footage than the bundled in the story's words, too, beside the planned query
    story_words: bool = True
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
    # steps of which one computes the whole U-Net (DeepCache); 1: each does
    cache_interval: int = Field(1, ge=1, le=10)
    conditioning_scale: float = Field(1.0, ge=0)  # of what the structure branch adds
    control_guidance_end: float = Field(1.0, ge=0, le=1)  # part of the steps, noisy end first, with structure
    control_guidance_end_multi: float | None = Field(None, ge=0, le=1)  # with several figures; None: the same
    # with figures that do different things, each one's depth from footage of its own; None: as with several
    control_guidance_end_entities: float | None = Field(None, ge=0, le=1)
    noise_correlation: float = Field(0.0, ge=0, lt=1)  # of any two frames' start noise (arXiv 2305.10474)
    # picture widths a second by which noise moves when a prompt's camera pans
    pan_speed: float = Field(0.0, ge=0, le=1)
    pan_noise_correlation: float = Field(0.5, ge=0, lt=1)   # in place of noise_correlation then
    temporal_filter_range: float = Field(0.0, ge=0, lt=1)  # smaller changes are averaged away; 0: none
    negative_prompt: str = ""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    memory: Literal["auto", "fast", "offload"] = Field("auto", json_schema_extra=SPEED)
    # of a GPU that this program may take; None: all that is free
    max_memory_gb: float | None = Field(None, gt=0, json_schema_extra=SPEED)

    def control_guidance_end_of(self, figures: int, *, entities: bool = False) -> float:
        """Return `control_guidance_end` of a shot that shows so many; entities: each does something else."""
        multi = self.control_guidance_end_multi
        if entities and self.control_guidance_end_entities is not None:
            return self.control_guidance_end_entities
        return self.control_guidance_end if figures < 2 or multi is None else multi

    def frames_of(self, duration_s: float) -> int:
        """Return how many frames a shot of so many seconds has; never fewer than are drawn at once."""
        return max(self.num_frames, round(min(duration_s, self.max_duration_s) * self.fps))


class PersonalizeSettings(Section):
    """Pictures to a character's token (AaS 3.3)."""

    # 0: nothing is learned, an IP-Adapter sees the pictures
    num_steps: int = Field(1000, ge=0)
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


class MotionSettings(Section):
    """Retrieved clips to a motion's LoRA (DreamRunner 3.2), and the motions of a run."""

    # of `storyanim motion learn`; each for the shots and entities whose prompt says its name
    files: tuple[str, ...] = ()
    query: str = "a person or an animal is {}"       # that captions are ranked for; {} is the motion
    # what a clip must pass, as in `retrieve.filters`
    filters: tuple[str, ...] = ("duration>=1.9", "aspect>=0.9")
    # leave out what has cuts or black, hardly moves, or shows no figure
    check_quality: bool = True
    crop_to_figure: bool = True
    max_clips: int = Field(20, ge=1, le=100)
    # mean cosine of a clip and of its frames with the query; None: a standard deviation below that of all
    min_score: float | None = Field(None, ge=-1, le=1)
    num_steps: int = Field(50, ge=1)
    rank: int = Field(32, ge=1)                      # of the LoRA on temporal layers
    learning_rate: float = Field(5e-4, gt=0)
    # of the LoRA on spatial layers that takes up the looks of one clip and is thrown away; 0: none
    appearance_rank: int = Field(4, ge=0)
    temporal_only: float = Field(0.2, ge=0, le=1)    # share of the steps without that LoRA
    debiased_loss_weight: float = Field(1.0, ge=0)   # of the loss on differences from an anchor frame
    caption: str = ""                                # of all clips; "": each has its own
    seed: int = 0


class CheckSettings(Section):
    """Drawn shots are read back."""

    retries: int = Field(1, ge=0, le=9)              # times that a shot below the mark is drawn again
    takes: int = Field(1, ge=1, le=16)               # drawings of each shot, of which the best is shown
    # of a shot's score, below which it is drawn again; None: the reader's own, and of CLIP none
    mark: float | None = Field(None, ge=-1, le=1)
    # a model that sees, at plan.base_url, which then reads them; None: the profile's own means
    vision_model: str | None = None


class FilmSettings(Section):
    """Frames to film."""

    width_px: int = Field(512, ge=16, multiple_of=2)
    height_px: int = Field(512, ge=16, multiple_of=2)
    fps: int = Field(24, ge=1)
    crf: int = Field(18, ge=0, le=51)
    title_s: float = Field(2.0, ge=0)                # title card; 0: none
    reading_chars_per_s: float = Field(17.0, gt=0)   # a shot is held until its words can be read
    max_hold_s: float = Field(60.0, ge=0)
    # what is shown then: the last frame, or all that were drawn
    hold: Literal["still", "back_and_forth"] = "still"
    subtitles: Literal["soft", "burned", "none"] = "soft"
    language: str = ""                               # of the words, a tag: "en", "pt-br"; "": as it seems
    # from shot to shot; auto: a fade to black where the scene changes, else a cut
    transition: Literal["auto", "cut", "crossfade", "fade", "dip"] = "auto"
    transition_s: float = Field(0.5, ge=0.1, le=2)   # of a crossfade, and of each half of a fade or dip
    interpolate: bool = False                        # draw the frames between by the motion that is seen
    author: str = ""                                 # on the title card, and in the film's metadata
    font: str = ""                                   # file of the one that cards and burned subtitles have


class SoundSettings(Section):
    """What is heard in a film; by default nothing."""

    narrate: bool = False                            # speak the story's words
    # of the narrator, as in "en-gb female 2, pitch 60, speed 150"; others by the storyboard's cast
    voice: str = ""
    voices: str | None = None                        # folder of voices of Piper or Kokoro, to speak with
    breath_s: float = Field(0.4, ge=0, le=10)        # of silence after a shot's words
    music: str | None = None                         # a file, of any length
    ambience: bool = False                           # rain, waves, wind, night, fire, where a shot has them
    seed: int = Field(0, ge=0)                       # of the ambience


class Models(Section):
    """The repositories of a profile."""

    # what they are: Stable Diffusion 1.5 with motion layers, Wan-VACE, or a control model of CogVideoX-Fun
    family: Literal["animatediff", "wan_vace", "cogvideox_fun"] = "animatediff"
    pipeline: ModelRef                               # tokenizer, text encoder, VAE, U-Net, scheduler
    # AnimateDiff's; None when the U-Net has its motion layers
    motion_adapter: ModelRef | None = None
    # None: the pipeline has its own, or none
    structure: ModelRef | None = None
    structure_kind: Literal["t2i_adapter", "controlnet"] = "t2i_adapter"
    # word → branch: then `structure = "controlnet"` is enough
    structures: dict[str, ModelRef] = Field(default_factory=dict)
    depth: ModelRef
    encoder: ModelRef
    # of what drawn shots show; None: the encoder tells how well they fit their prompts
    reader: ModelRef | None = None
    # What people bring, by stock loading (generate/extras.py). A single-file checkpoint in place of the
    # pipeline's weights; LoRAs of U-Net, text encoder or motion layers; textual inversions, `<FILENAME>` in
    # prompts; another VAE; a scheduler by its class in diffusers.
    base: FileRef | None = None
    loras: tuple[FileRef, ...] = ()
    embeddings: tuple[FileRef, ...] = ()
    vae: ModelRef | None = None
    scheduler: str | None = None
    # of it, in place of those of the scheduler before
    scheduler_settings: dict[str, str | int | float | bool] = Field(default_factory=dict)
    # that draws a character as its pictures show it, with its image encoder (arXiv 2308.06721)
    ip_adapter: FileRef | None = None
    image_encoder: ModelRef | None = None

    @model_validator(mode="before")
    @classmethod
    def _named_structure(cls, data: Any) -> Any:
        """Take a word for the branch that `structures` has under it."""
        word = data.get("structure") if isinstance(data, dict) else None
        if not isinstance(word, str):
            return data
        known = data.get("structures") or {}
        if word not in known:
            raise ValueError(f"no structure is called {word!r}; known are {', '.join(known) or 'none'}")
        return data | {"structure": known[word]}

    @model_validator(mode="after")
    def _has_image_encoder(self) -> Models:
        if self.ip_adapter is not None and self.image_encoder is None:
            raise ValueError("an ip_adapter needs the image_encoder that it was trained with")
        return self


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
    # (width, height) in pixels that the models draw as well as their own: that of the film's shape is taken
    draw_sizes: tuple[tuple[int, int], ...] = ()
    models: Models
    plan: PlanSettings = PlanSettings()
    retrieve: RetrieveSettings = RetrieveSettings()
    depth: DepthSettings = DepthSettings()
    generate: GenerateSettings = GenerateSettings()
    personalize: PersonalizeSettings = PersonalizeSettings()
    motion: MotionSettings = MotionSettings()
    check: CheckSettings = CheckSettings()
    film: FilmSettings = FilmSettings()
    sound: SoundSettings = SoundSettings()

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

    @model_validator(mode="before")
    @classmethod
    def _drawn_in_the_films_shape(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Choose the size to draw in, unless a person chose one that the profile does not list."""
        generate, film = data.get("generate"), data.get("film")
        if not (data.get("draw_sizes") and isinstance(generate, dict) and isinstance(film, dict)):
            return data
        sizes = [tuple(map(int, size)) for size in data["draw_sizes"]]
        if (int(generate.get("width_px", 0)), int(generate.get("height_px", 0))) not in sizes:
            return data
        shape = int(film.get("width_px", 1)) / int(film.get("height_px", 1))
        width_px, height_px = min(sizes, key=lambda size: abs(math.log(size[0] / size[1] / shape)))
        return data | {"generate": generate | {"width_px": width_px, "height_px": height_px}}

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
    """Return the TOML of a bundled profile, or of a file, with that of the bundled one that it `extends`.

    Raises UsageError.
    """
    data = _profile_toml(name)
    if (below := data.pop("extends", None)) is None:
        return data
    if below not in PROFILE_NAMES:
        raise UsageError(f"{name} extends {below!r}, which is no bundled profile",
                         hint=f"known are {', '.join(PROFILE_NAMES)}")
    return _merge(read_profile(below), data)


def _profile_toml(name: str) -> dict[str, Any]:
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
