"""Training on one character's pictures: what a step draws, and what it changes (AaS 3.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from storyanim.artifacts import insert_appearance
from storyanim.config import PersonalizeSettings, Settings
from storyanim.device import cpu_has_bfloat16
from storyanim.errors import ModelError
from storyanim.personalize.examples import Example
from storyanim.personalize.objective import Objective, masked_mse
from storyanim.personalize.timeinv import TimeInvTable

_MAX_GRAD_NORM = 1.0                                 # norm to which gradients are cut
_GUESSED_AT = 48                                     # views of pictures, each at one timestep, that decide on the first word
_WORN_AT, _LIKELY = (8, 80), 4                       # views that decide on what it wears: of all phrases, then of the likely ones
_IN_DOUBT, _AGAIN = 3.0, 160                         # gains of fewer standard errors take so many views more to decide
_SURE = 2.5                                          # standard errors that a phrase must gain, as the best of several
_MIXED = 2.0                                         # standard errors by which two colours must say a coat better than a phrase
_LOSS_MEMORY = 0.95                                  # of the running mean of the loss
_TIMES = 4                                           # timesteps at which a held-out view is looked at


@dataclass
class TrainState:
    """What is being learned, and how far it came."""

    table: TimeInvTable
    weights: dict[str, nn.Parameter]                 # of the U-Net
    optimizer: torch.optim.Optimizer
    loss: Tensor                                     # (1) running mean over the character's own pictures
    losses: Tensor                                   # (num_steps) of each step

    @property
    def learned(self) -> list[nn.Parameter]:
        """All that the optimizer changes."""
        return [self.table.weight, *self.weights.values()]

    @property
    def kept(self) -> dict[str, Tensor]:
        """All that a token is made of."""
        return {"table": self.table.weight, "drawn": self.table.drawn, "loss": self.loss, **self.weights}

    @property
    def parts(self) -> dict[str, Tensor]:
        """All that a checkpoint holds, apart from the optimizer's own."""
        return {**self.kept, "losses": self.losses}

    def scale_learning_rates(self, part: float) -> None:
        """Takes so much of each group's `peak` rate for the next step."""
        for group in self.optimizer.param_groups:
            group["lr"] = part * group["peak"]


@dataclass(frozen=True)
class _Batch:
    """B examples, and noise for them."""

    latents: Tensor                                  # (B, C, T, h, w)
    inverse_depth: Tensor                            # (B, T, H, W)
    weight: Tensor                                   # (B, h, w)
    noise: Tensor                                    # (B, C, T, h, w)
    captions: list[str]


class TimeInvTrainer:
    """One character's examples, and a step of learning from them. What step k draws depends on the seed and k alone."""

    static_depth = True                              # train under the pictures' own depth (AaS 3.3)

    def __init__(
        self, pipeline: Any, settings: Settings, token: str, own: list[Example], others: list[Example]
    ) -> None:
        """Hold the examples; none that is held out is trained on.

        Args:
            pipeline: a StoryVideoPipeline.
            settings: of the whole run.
            token: the pseudo-word.
            own: examples of the character.
            others: examples of its kind, may be none.
        """
        self._pipeline, self._settings, self._token = pipeline, settings.personalize, token
        self._own, self._others = [example for example in own if not example.held_out], others
        self._held_out = [example for example in own if example.held_out]
        self.appearance = ""                              # said behind the noun
        self._objective = Objective(pipeline.scheduler)
        self._autocast = _autocast(pipeline.device, settings.generate.dtype)
        self._attention = _attention(pipeline.device, settings.generate.dtype)

    def step(self, state: TrainState, step: int) -> float:
        """One step; gives the loss over the character's own pictures. Raises ModelError when it is no number."""
        batch, places = self._draw(np.random.default_rng([self._settings.seed, step]), state.table)
        errors = self._errors(batch, state.table.timesteps[places], state.table.rows(places))   # (B)
        pictures = self._settings.batch_size         # the others follow
        own = errors[:pictures].mean()
        loss = own + self._settings.prior_loss_weight * errors[pictures:].mean() if self._others else own
        if not bool(torch.isfinite(loss)):
            raise ModelError("the model gave values that are not numbers while it learned",
                             hint="set generate.dtype to float32, or smaller learning rates")
        state.optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:                       # not when the table is alone and every caption is blank
            with self._attention():                  # blocks that are computed twice have to be computed alike
                loss.backward()
            nn.utils.clip_grad_norm_([weight for weight in state.learned if weight.grad is not None], _MAX_GRAD_NORM)
            state.optimizer.step()
        named = [self._token in caption for caption in batch.captions]
        state.table.mark(places[torch.tensor(named, device=places.device)])
        now = float(own.detach())
        state.losses[step] = now
        state.loss.copy_(_LOSS_MEMORY * state.loss + (1 - _LOSS_MEMORY) * now if step else torch.tensor([now]))
        return now

    @torch.no_grad()
    def best_initializer_word(self, words: Sequence[str], noun: str, grid: Tensor) -> str:
        """The one of `words` that says before the noun what the pictures show: under it the model as it is denoises them best.

        A diffusion model read as a classifier (arXiv 2303.16203), with the same pictures and noise for each word.

        Args: grid: (R) timesteps of a drawing.
        """
        errors = self._errors_under([f"a {word} {noun}" for word in words], grid, _GUESSED_AT)
        return words[int(errors.mean(dim=1).argmin())]

    @torch.no_grad()
    def best_appearance_phrase(self, word: str, noun: str, phrases: Sequence[str], grid: Tensor) -> str:
        """The one of `phrases` that says behind "a `word` `noun`" what the pictures show beside; "" when none surely does.

        A hat is a few cells of the loss, and one embedding hardly learns it; a model that knows the word draws it. A phrase whose
        colour surely says the pictures better as a second one of the coat, "a green brown penguin", only mends a coat that has no
        name.
        """
        phrases = [phrase for phrase in phrases if word not in phrase.split()]        # its own colour says the same
        if not phrases:
            return ""
        plain = f"a {word} {noun}"
        rough = self._errors_under([f"{plain} {phrase}" for phrase in phrases], grid, _WORN_AT[0]).mean(dim=1)
        likely = [phrases[i] for i in rough.argsort()[:_LIKELY].tolist()]
        errors = self._errors_under([plain, *(f"{plain} {phrase}" for phrase in likely)], grid, _WORN_AT[1])
        gains = errors[0].log() - errors[1:].log()       # (_LIKELY, V); timesteps differ in size, not in what a hat is worth
        best = int(gains.mean(dim=1).argmax())
        gain = gains[best]
        if abs(_certainty(gain)) < _IN_DOUBT:            # a patch that half of the pictures hide
            without, wearing = self._errors_under([plain, f"{plain} {likely[best]}"], grid, _AGAIN)
            gain = torch.cat([gain, without.log() - wearing.log()])
        if not _certainty(gain) >= _SURE:
            return ""
        second = next((own for own in self._settings.initializer_words if own in likely[best].split()), None)
        if second is None:
            return likely[best]
        mixed = self._errors_under([f"a {second} {word} {noun}", f"a {word} {second} {noun}"], grid, _WORN_AT[1])
        return "" if all(_certainty(errors[1 + best].log() - other.log()) > _MIXED for other in mixed) else likely[best]

    def add_appearance(self, noun: str, appearance: str) -> None:
        """Captions that name the character go on with what it wears."""
        self.appearance, who = appearance, f"{self._token} {noun}"

        def worded(examples: list[Example]) -> list[Example]:
            captions = [[insert_appearance(text, who, appearance) for text in each.captions] for each in examples]
            return [replace(each, captions=tuple(texts)) for each, texts in zip(examples, captions, strict=True)]

        self._own, self._others, self._held_out = map(worded, (self._own, self._others, self._held_out))

    def _errors_under(self, captions: Sequence[str], grid: Tensor, count: int) -> Tensor:
        """(N, V): of V views at one timestep each, the same for all N captions."""
        rng = np.random.default_rng([self._settings.seed, count])
        chosen = [self._own[i] for i in rng.integers(len(self._own), size=count)]
        timesteps = grid[torch.from_numpy(rng.integers(len(grid), size=count))].to(self._pipeline.device)
        batch = self._batch(chosen, [], torch.Generator().manual_seed(self._settings.seed))
        return torch.stack([self._errors(replace(batch, captions=[caption] * count), timesteps) for caption in captions])

    def _draw(self, rng: np.random.Generator, table: TimeInvTable) -> tuple[_Batch, Tensor]:
        """Pictures and, half as many, clips of its kind, at uniform timesteps; a share of the captions is blank.

        Also (B), their rows in the table.
        """
        own = self._settings.batch_size
        others = max(1, own // 2) if self._others else 0
        chosen = [self._own[i] for i in rng.integers(len(self._own), size=own)]
        chosen += [self._others[i] for i in rng.integers(len(self._others), size=others)] if others else []
        captions = [example.captions[rng.integers(len(example.captions))] for example in chosen]
        blank = rng.random(own) < self._settings.caption_dropout
        captions[:own] = ["" if hidden else caption for hidden, caption in zip(blank, captions[:own], strict=True)]
        num_rows = len(table.timesteps)
        places = torch.from_numpy(rng.choice(num_rows, size=len(chosen), replace=len(chosen) > num_rows))
        noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
        return self._batch(chosen, captions, noise), places.to(self._pipeline.device)

    def _batch(self, chosen: list[Example], captions: list[str], generator: torch.Generator) -> _Batch:
        frames, device = self._settings.num_frames, self._pipeline.device
        latents = torch.stack([e.latents.expand(frames, -1, -1, -1) for e in chosen]).transpose(1, 2)
        noise = torch.randn(latents.shape, generator=generator)
        inverse_depth = torch.stack([e.inverse_depth.expand(frames, -1, -1) for e in chosen]).float()
        weight = torch.stack([e.weight for e in chosen])
        return _Batch(
            latents.to(device), inverse_depth.to(device), weight.to(device), noise.to(device), captions
        )

    @property
    def num_validation_losses(self) -> int:
        """M, how many errors `validation_losses` gives."""
        return _TIMES * len(self._held_out)

    @torch.no_grad()
    def validation_losses(self, state: TrainState) -> Tensor:
        """(M) errors on the held-out views, always of the same noise at the same timesteps, with the table as it would draw."""
        table, device = state.table, self._pipeline.device
        places = torch.linspace(0, len(table.timesteps) - 1, _TIMES + 2)[1:-1].round().long()
        timesteps = table.timesteps[places.to(device)].repeat(len(self._held_out))                # (M)
        rows = table.full()[timesteps.cpu()].to(device)                                           # (M, d)
        chosen = [example for example in self._held_out for _ in range(_TIMES)]
        noise = torch.Generator().manual_seed(self._settings.seed)
        found = []
        for first in range(0, len(chosen), self._settings.batch_size):
            some = np.s_[first:first + self._settings.batch_size]
            captions = [example.captions[0] for example in chosen[some]]
            batch = self._batch(chosen[some], captions, noise)
            found.append(self._errors(batch, timesteps[some], rows[some]))
        return torch.cat(found).cpu()

    def _errors(self, batch: _Batch, timesteps: Tensor, rows: Tensor | None = None) -> Tensor:
        """(B). Args: timesteps: (B). rows: (B, d) of the pseudo-word, where captions have it; None while words are read off the
        pictures, which all methods do under the pictures' depth.
        """
        pipeline = self._pipeline
        noisy, target = self._objective.noisy_and_target(batch.latents, timesteps, batch.noise)
        with self._attention(), self._autocast():
            text = pipeline.encode_prompts(batch.captions, {} if rows is None else {self._token: rows})
            guided = (rows is None or self.static_depth) and pipeline.structure is not None
            guide = pipeline.structure_guide(batch.inverse_depth) if guided else None
            predicted = pipeline.predict(noisy, timesteps, text, guide)
        return masked_mse(predicted, target, batch.weight)


def filled_phrases(settings: PersonalizeSettings) -> list[str]:
    """What a character may wear: `appearance_phrases` with each of the first words in it."""
    filled = [phrase.replace("{}", word) for phrase in settings.appearance_phrases
              for word in (settings.initializer_words if "{}" in phrase else ("",))]
    return [re.sub(r"\ba (?=[aeiou])", "an ", phrase) for phrase in filled]


def _certainty(gains: Tensor) -> float:
    """How many of its standard errors the mean of (V) gains lies above nothing; NaN, never enough, when all are nothing."""
    return float(gains.mean() / gains.std() * len(gains)**0.5)


def uses_bfloat16(device: torch.device, dtype: str) -> bool:
    """Whether products are bfloat16: where the machine has it and the settings do not ask for float32."""
    if dtype == "float32":
        return False
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and cpu_has_bfloat16()


def _autocast(device: torch.device, dtype: str) -> Callable[[], AbstractContextManager[object]]:
    """Products in bfloat16, see `uses_bfloat16`; what is learned stays float32."""
    return partial(torch.autocast, device.type, torch.bfloat16) if uses_bfloat16(device, dtype) else nullcontext


def _attention(device: torch.device, dtype: str) -> Callable[[], AbstractContextManager[object]]:
    """A CPU's fused attention is three to seven times slower backwards in bfloat16 than plain products."""
    plain = device.type == "cpu" and uses_bfloat16(device, dtype)
    return partial(sdpa_kernel, SDPBackend.MATH) if plain else nullcontext
