"""The settings of each stage."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal

from pydantic import Field, field_serializer

from storyanim.config.base import SPEED, Section
from storyanim.frame_rate import FrameRate


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
    # folder of the footage that is searched unless a run names another; "": the bundled
    index: str = Field("", json_schema_extra=SPEED)
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
    # of them; steps of drawing that divide it draw at timesteps that were trained. None: as many as are drawn
    num_inference_steps: int | None = Field(None, ge=1)
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
    fps: FrameRate = Field(Fraction(24), ge=1, le=240)  # 23.976 is 24000/1001
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
