"""What TimeInv with a LoRA is compared with: other methods, itself without one part (AaS Table 2, Fig. 6).

All go through one code path, `TimeInvLearner`: a method is the settings in which it differs, and what only a
baseline trains (baselines.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from storyanim.artifacts import Character
from storyanim.config import PersonalizeSettings, Settings
from storyanim.errors import UsageError
from storyanim.generate.families import build_generator
from storyanim.personalize.fit import TimeInvLearner
from storyanim.run.characters import learn_character
from storyanim.stages import CharacterLearner, DepthEstimator, FootageIndex, ShotGenerator, TextVideoEncoder
from storybook.evaluate.baselines import (
    BaselineLearner,
    Finetuned,
    FinetunedGenerator,
    FinetunedToken,
    save_finetuned,
)

_FINETUNED_RATE = 0.1                                # of a LoRA's learning rate, as in the paper
_NO_WORDS: dict[str, Any] = {"initializer_words": (), "appearance_phrases": ()}


@dataclass(frozen=True)
class Method:
    """One way to learn a character."""

    settings: Mapping[str, Any] = field(default_factory=dict)    # changes of PersonalizeSettings
    finetuned: Finetuned | None = None               # weights that are trained in place of a LoRA
    rare_word: bool = False                          # the pseudo-word means nothing and is not trained
    static_depth: bool = True

    @property
    def is_baseline(self) -> bool:
        """Whether it needs more than settings."""
        return self.finetuned is not None or self.rare_word or not self.static_depth


_ONE = {"embedding_per_timestep": False}
METHODS = {
    "timeinv_lora": Method(),
    "textual_inversion": Method(_ONE | {"lora_rank": 0}, static_depth=False),             # arXiv 2208.01618
    "dreambooth": Method(_ONE, "unet", rare_word=True, static_depth=False),               # arXiv 2208.12242
    "custom_diffusion": Method(_ONE, "cross_attention", static_depth=False),              # arXiv 2212.04488
    "no_timeinv": Method(_ONE),
    "no_lora": Method({"lora_rank": 0}),
    "no_static_depth": Method(static_depth=False),
    "no_regularisation": Method({"prior_loss_weight": 0.0}),
}
BASELINES = ("timeinv_lora", "textual_inversion", "dreambooth", "custom_diffusion")
# As published: started from the noun, without appearance.
WITHOUT_WORDS = tuple(f"without_words_{method}" for method in BASELINES)
METHODS |= {without_words: replace(METHODS[method], settings=dict(METHODS[method].settings) | _NO_WORDS)
            for without_words, method in zip(WITHOUT_WORDS, BASELINES, strict=True)}
ABLATIONS = ("no_timeinv", "no_lora", "no_static_depth", "no_regularisation")


def settings_of(method: str, settings: Settings) -> Settings:
    """Return the settings with which a method learns and draws. Raises UsageError for an unknown name."""
    if method not in METHODS:
        raise UsageError(f"there is no method {method!r}", hint=f"known are {', '.join(METHODS)}")
    changes, ours = dict(METHODS[method].settings), settings.personalize
    if METHODS[method].finetuned:
        changes |= {"lora_learning_rate": ours.lora_learning_rate * _FINETUNED_RATE}
    wanted = PersonalizeSettings.model_validate(ours.model_dump() | changes)
    return settings.model_copy(update={"personalize": wanted})


def build_learner(
    method: str, settings: Settings, load: Callable[[], Any], depth: DepthEstimator
) -> TimeInvLearner:
    """Return the learner of a method; `load` gives a StoryVideoPipeline. Raises UsageError."""
    own, wanted = settings_of(method, settings), METHODS[method]
    if not wanted.is_baseline:
        return TimeInvLearner(own, load, depth)
    return BaselineLearner(own, load, depth, finetuned=wanted.finetuned, rare_word=wanted.rare_word,
                           static_depth=wanted.static_depth)


def build_method_generator(method: str, settings: Settings) -> ShotGenerator:
    """Return the generator that draws what a method learned. Raises UsageError for an unknown name."""
    own = settings_of(method, settings)
    return FinetunedGenerator(own) if METHODS[method].finetuned else build_generator(own)


def learn_finetuned(
    folder: Path, character: Character, learner: CharacterLearner, index: FootageIndex,
    encoder: TextVideoEncoder, num_class_clips: int,
) -> Path:
    """Learn as `learn_character` does, by a method that trains whole weights; return their folder."""
    token = learn_character(character, learner, index, encoder, num_class_clips)
    assert isinstance(token, FinetunedToken)
    save_finetuned(folder, token)
    return folder
