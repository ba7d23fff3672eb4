"""Characters learned as whole weights of the U-Net instead of a LoRA: DreamBooth, Custom Diffusion.

The product has none of this. A baseline is trained by the product's own learner, with other weights and
another table; its weights are kept beside the character's file, and stand in the place of the U-Net's while
its shots are drawn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from storyanim.artifacts import (
    Character,
    CharacterToken,
    ClipMatch,
    DepthTrack,
    Float32,
    Frames,
    Motion,
    Shot,
)
from storyanim.config import Settings
from storyanim.engine.character_file import character_bytes, load_character_token, save_character_token
from storyanim.engine.folders import write_file
from storyanim.errors import CharacterError
from storyanim.generate.generator import StoryGenerator
from storyanim.generate.load import load_pipeline
from storyanim.personalize.fit import TimeInvLearner, Watch
from storyanim.personalize.timeinv import TimeInvTable
from storyanim.personalize.trainer import TimeInvTrainer
from storyanim.stages import DepthEstimator

Finetuned = Literal["cross_attention", "unet"]
_TRAINED = {                                         # names of the parameters that are trained
    "cross_attention": re.compile(r".*attentions\.\d+\.transformer_blocks\.\d+\.attn2\.to_[kv]\.weight"),
    "unet": re.compile(r"(?!.*motion_modules).*"),
}
_TOKEN, _WEIGHTS = "character.safetensors", "weights.safetensors"


@dataclass(frozen=True, eq=False)
class FinetunedToken(CharacterToken):
    """A character that was learned as whole weights of the U-Net; it has no LoRA."""

    weights: dict[str, Float32] = field(default_factory=dict)   # "unet.…" → what replaces the base's


class _WithoutDepthTrainer(TimeInvTrainer):
    static_depth = False


class BaselineLearner(TimeInvLearner):
    """Pictures to a `CharacterToken`, as other papers do it.

    Args:
        settings: of the whole run; `lora_learning_rate` is the rate of whole weights, too.
        load: gives a StoryVideoPipeline, called for the first character. It is left as it was.
        depth: for the pictures' own static depth.
        finetuned: weights of the U-Net to train in place of a LoRA.
        rare_word: the pseudo-word is a word that means nothing, which is not trained.
        static_depth: whether pictures are trained on under their own depth.
    """

    def __init__(
        self, settings: Settings, load: Callable[[], Any], depth: DepthEstimator, *,
        finetuned: Finetuned | None = None, rare_word: bool = False, static_depth: bool = True,
    ) -> None:
        super().__init__(settings, load, depth)
        self._finetuned, self._rare_word = finetuned, rare_word
        if not static_depth:
            self._trainer = _WithoutDepthTrainer
        if finetuned:
            self._weight_decay = 0.0                 # it would pull at what the base knows

    @cached_property
    def fingerprint(self) -> str:
        """Weights, settings and what is trained; loads nothing."""
        return f"{super().fingerprint}:{self._finetuned}:{self._rare_word}:{self._trainer.static_depth}"

    @property
    def _method(self) -> str:
        if not self._finetuned:
            return super()._method
        rows = "rare-word" if self._rare_word else "textual-inversion"
        return f"{rows}+{self._finetuned.replace('_', '-')}"

    def _make_table(self, start: Tensor, timesteps: Tensor, num_train_timesteps: int) -> TimeInvTable:
        if not self._rare_word:
            return super()._make_table(start, timesteps, num_train_timesteps)
        generator = torch.Generator().manual_seed(self._settings.personalize.seed)
        random = torch.randn(start.shape, generator=generator).to(start)
        word = random * (start.norm() / random.norm())   # as long as a word's, in no word's direction
        return TimeInvTable(word, timesteps, num_train_timesteps, num_rows=1).requires_grad_(False)

    def _trainable_weights(self, unet: Any) -> AbstractContextManager[dict[str, nn.Parameter]]:
        if not self._finetuned:
            return super()._trainable_weights(unet)
        return trainable(unet, _TRAINED[self._finetuned])

    def learn(
        self, character: Character, class_clips: Sequence[ClipMatch] = (), watch: Watch | None = None, *,
        checkpoint: Path | None = None,
    ) -> CharacterToken:
        """Return what `TimeInvLearner.learn` does, or a `FinetunedToken`."""
        token = super().learn(character, class_clips, watch, checkpoint=checkpoint)
        if not self._finetuned:
            return token
        return FinetunedToken(**{**vars(token), "lora": {}}, weights=token.lora)


class FinetunedGenerator:
    """A `ShotGenerator` that draws with the whole weights of `FinetunedToken`s."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._generator = StoryGenerator(settings, lambda: self._pipeline)

    @property
    def fingerprint(self) -> str:
        """That of the generator; a token's weights have a key of their own."""
        return self._generator.fingerprint

    def draw(
        self, shot: Shot, depth: DepthTrack | None, tokens: Sequence[CharacterToken],
        motions: Sequence[Motion] = (),
    ) -> Frames:
        """Return the frames of a shot. Raises CharacterError for two such tokens, and what drawing raises."""
        finetuned = [token for token in tokens if isinstance(token, FinetunedToken)]
        if len(finetuned) > 1:
            names = " and ".join(token.name for token in finetuned)
            raise CharacterError(f"{names} both replace weights of the U-Net",
                                 hint="only characters that were learned as a LoRA can share a shot")
        with replaced(self._pipeline.unet, finetuned[0].weights if finetuned else {}):
            return self._generator.draw(shot, depth, tokens, motions)

    @cached_property
    def _pipeline(self) -> Any:
        return load_pipeline(self._settings.models)


@contextmanager
def trainable(unet: Any, names: re.Pattern[str]) -> Iterator[dict[str, nn.Parameter]]:
    """Let the parameters of these names be trained, in float32; at the end all are as before."""
    chosen = {f"unet.{name}": weight for name, weight in unet.named_parameters() if names.fullmatch(name)}
    kept = {key: (weight.data, weight.requires_grad) for key, weight in chosen.items()}
    try:
        for weight in chosen.values():
            weight.data = weight.data.float().clone()
            weight.requires_grad_(True)
        yield dict(sorted(chosen.items()))
    finally:
        for key, weight in chosen.items():
            weight.data, weight.grad = kept[key][0], None
            weight.requires_grad_(kept[key][1])


@contextmanager
def replaced(unet: Any, weights: dict[str, Float32]) -> Iterator[None]:
    """Put whole weights, by `unet.` and their name, in the place of the U-Net's while it is open."""
    parameters = {f"unet.{name}": weight for name, weight in unet.named_parameters()}
    kept = {key: parameters[key].data for key in weights}
    try:
        for key, array in weights.items():
            parameters[key].data = torch.from_numpy(array).to(kept[key])
        yield
    finally:
        for key, data in kept.items():               # drawing may have moved the U-Net to a GPU
            parameters[key].data = data.to(parameters[key].device)


def save_finetuned(folder: Path, token: FinetunedToken) -> None:
    """Write a token into an existing folder. Raises ResourceError."""
    save_character_token(folder / _TOKEN, token)
    write_file(folder / _WEIGHTS, _weights_bytes(token))


def load_finetuned(folder: Path) -> FinetunedToken:
    """Read what `save_finetuned` wrote. Raises CharacterError."""
    from safetensors.numpy import load

    token = load_character_token(folder / _TOKEN)
    return FinetunedToken(**vars(token), weights=load((folder / _WEIGHTS).read_bytes()))


def num_bytes(token: CharacterToken) -> int:
    """Return the size of a character's files."""
    weights = len(_weights_bytes(token)) if isinstance(token, FinetunedToken) else 0
    return len(character_bytes(token)) + weights


def _weights_bytes(token: FinetunedToken) -> bytes:
    from safetensors.numpy import save

    return bytes(save(token.weights))
