"""Training on one character's pictures: what a step draws, and what it changes (AaS 3.3)."""

from __future__ import annotations

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
from storyanim.config import Settings
from storyanim.device import cpu_has_bfloat16
from storyanim.errors import ModelError
from storyanim.personalize.examples import Example
from storyanim.personalize.objective import masked_mse, training_scheduler, training_target
from storyanim.personalize.timeinv import TimeInvTable

_MAX_GRAD_NORM = 1.0
_LOSS_DECAY = 0.95                                   # of the running mean of the loss
_VALIDATION_TIMESTEPS = 4                            # of each held-out view


@dataclass
class TrainState:
    """What is trained, and how far it came."""

    table: TimeInvTable
    weights: dict[str, nn.Parameter]                 # of the U-Net
    optimizer: torch.optim.Optimizer
    loss: Tensor                                     # (1) running mean over the character's own pictures
    losses: Tensor                                   # (num_steps) of each step

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All that the optimizer changes."""
        return [self.table.weight, *self.weights.values()]

    @property
    def token_tensors(self) -> dict[str, Tensor]:
        """All that a token is made of."""
        return {"table": self.table.weight, "drawn": self.table.drawn, "loss": self.loss, **self.weights}

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint holds, apart from the optimizer's own."""
        return {**self.token_tensors, "losses": self.losses}


@dataclass(frozen=True)
class _Batch:
    """B examples, and noise for them."""

    latents: Tensor                                  # (B, C, T, h, w)
    inverse_depth: Tensor                            # (B, T, H, W)
    weight: Tensor                                   # (B, h, w)
    noise: Tensor                                    # (B, C, T, h, w)
    captions: list[str]

    def part(self, some: slice) -> _Batch:
        """Return some of the examples."""
        return _Batch(self.latents[some], self.inverse_depth[some], self.weight[some], self.noise[some],
                      self.captions[some])


class TimeInvTrainer:
    """Steps of training on one character. What step k draws depends on the seed and k alone."""

    static_depth = True                              # train under the pictures' own depth
    # whether a step's examples go through the networks one by one: half of the memory with one picture a
    # step, and the same sum of gradients, but for rounding
    one_at_a_time = False

    def __init__(
        self, pipeline: Any, settings: Settings, token: str, instances: list[Example],
        class_examples: list[Example],
    ) -> None:
        """Hold the examples; none that is held out is trained on.

        Args:
            pipeline: a StoryVideoPipeline.
            settings: of the whole run.
            token: the pseudo-word.
            instances: views of the character's pictures.
            class_examples: clips of its kind, may be none.

        Raises ModelError for a base model of another family.
        """
        self._pipeline, self._settings, self._token = pipeline, settings.personalize, token
        self._instances = [example for example in instances if not example.held_out]
        self._held_out = [example for example in instances if example.held_out]
        self._class_examples = class_examples
        self._scheduler = training_scheduler(pipeline.scheduler)
        self._autocast = _autocast(pipeline.device, settings.generate.dtype)
        self._attention = _attention(pipeline.device, settings.generate.dtype)

    def step(self, state: TrainState, step: int) -> float:
        """Do one step; return the loss over the character's own pictures.

        Raises ModelError when it is no number.
        """
        batch, places = self._draw(np.random.default_rng([self._settings.seed, step]), state.table)
        state.optimizer.zero_grad(set_to_none=True)
        size = 1 if self.one_at_a_time else len(places)
        now = sum(self._add_gradients(batch, places, state.table, np.s_[first:first + size])
                  for first in range(0, len(places), size))
        nn.utils.clip_grad_norm_(state.parameters, _MAX_GRAD_NORM)
        state.optimizer.step()
        named = [self._token in caption for caption in batch.captions]
        state.table.mark(places[torch.tensor(named, device=places.device)])
        state.losses[step] = now
        state.loss.copy_(_LOSS_DECAY * state.loss + (1 - _LOSS_DECAY) * now if step else torch.tensor([now]))
        return now

    def _add_gradients(self, batch: _Batch, places: Tensor, table: TimeInvTable, some: slice) -> float:
        """Add the gradients of some of a step's examples; return their share of the loss of own pictures."""
        now = places[some]
        losses = self._losses(batch.part(some), table.timesteps[now], table.rows(now))            # (B)
        pictures = self._settings.batch_size         # class examples follow
        split = max(0, pictures - some.start)
        of_pictures, of_class = losses[:split], losses[split:]
        own = of_pictures.sum() / pictures if self.one_at_a_time else of_pictures.mean()
        loss = own
        if len(of_class):
            prior = of_class.sum() / (len(places) - pictures) if self.one_at_a_time else of_class.mean()
            loss = own + self._settings.prior_loss_weight * prior
        if not bool(torch.isfinite(loss)):
            raise ModelError("the model gave values that are not numbers while it learned",
                             hint="set generate.dtype to float32, or smaller learning rates")
        if loss.requires_grad:                       # not when the table is alone and every caption is empty
            with self._attention():                  # checkpointed blocks are computed twice, alike
                loss.backward()
        return float(own.detach())

    @torch.no_grad()
    def caption_losses(self, captions: Sequence[str], num_views: int, grid: Tensor) -> Tensor:
        """Return (N, V) losses of the base model, on the same V views and noise for each of N captions.

        Args:
            captions: without the pseudo-word.
            num_views: V, each at one timestep.
            grid: (R) timesteps of inference.
        """
        rng = np.random.default_rng([self._settings.seed, num_views])
        chosen = [self._instances[i] for i in rng.integers(len(self._instances), size=num_views)]
        timesteps = grid[torch.from_numpy(rng.integers(len(grid), size=num_views))].to(self._pipeline.device)
        batch = self._batch(chosen, [], torch.Generator().manual_seed(self._settings.seed))
        return torch.stack([self._losses(replace(batch, captions=[caption] * num_views), timesteps)
                            for caption in captions])

    def add_appearance(self, noun: str, appearance: str) -> None:
        """Put an appearance, "with a red hat", behind the name in captions; "" changes nothing."""
        who = f"{self._token} {noun}"

        def with_appearance(examples: list[Example]) -> list[Example]:
            return [replace(example, captions=tuple(insert_appearance(caption, who, appearance)
                                                    for caption in example.captions)) for example in examples]

        self._instances, self._held_out = with_appearance(self._instances), with_appearance(self._held_out)
        self._class_examples = with_appearance(self._class_examples)

    @property
    def num_validation_losses(self) -> int:
        """M, how many `validation_losses` there are."""
        return _VALIDATION_TIMESTEPS * len(self._held_out)

    @torch.no_grad()
    def validation_losses(self, state: TrainState) -> Tensor:
        """Return (M) losses on the held-out views, always of the same noise at the same timesteps.

        The table is that of drawing: a row that was never trained is its neighbour's.
        """
        table, device = state.table, self._pipeline.device
        places = torch.linspace(0, len(table.timesteps) - 1, _VALIDATION_TIMESTEPS + 2)[1:-1].round().long()
        timesteps = table.timesteps[places.to(device)].repeat(len(self._held_out))                # (M)
        rows = table.full()[timesteps.cpu()].to(device)                                           # (M, d)
        chosen = [example for example in self._held_out for _ in range(_VALIDATION_TIMESTEPS)]
        noise = torch.Generator().manual_seed(self._settings.seed)
        found = []
        for first in range(0, len(chosen), self._settings.batch_size):
            some = np.s_[first:first + self._settings.batch_size]
            batch = self._batch(chosen[some], [example.captions[0] for example in chosen[some]], noise)
            found.append(self._losses(batch, timesteps[some], rows[some]))
        return torch.cat(found).cpu()

    def _draw(self, rng: np.random.Generator, table: TimeInvTable) -> tuple[_Batch, Tensor]:
        """Draw pictures and half as many class examples at uniform timesteps, some without caption.

        Also returns (B), their places in the table's timesteps.
        """
        num_instances = self._settings.batch_size
        num_class = max(1, num_instances // 2) if self._class_examples else 0
        chosen = [self._instances[i] for i in rng.integers(len(self._instances), size=num_instances)]
        if num_class:
            drawn = rng.integers(len(self._class_examples), size=num_class)
            chosen += [self._class_examples[i] for i in drawn]
        captions = [example.captions[rng.integers(len(example.captions))] for example in chosen]
        dropped = rng.random(num_instances) < self._settings.caption_dropout
        captions[:num_instances] = ["" if drop else caption
                                    for drop, caption in zip(dropped, captions[:num_instances], strict=True)]
        num_rows = len(table.timesteps)
        places = torch.from_numpy(rng.choice(num_rows, size=len(chosen), replace=len(chosen) > num_rows))
        noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
        return self._batch(chosen, captions, noise), places.to(self._pipeline.device)

    def _batch(self, chosen: list[Example], captions: list[str], generator: torch.Generator) -> _Batch:
        frames, device = self._settings.num_frames, self._pipeline.device
        latents = torch.stack([example.latents.expand(frames, -1, -1, -1) for example in chosen])
        latents = latents.transpose(1, 2)
        noise = torch.randn(latents.shape, generator=generator)
        depth = torch.stack([example.inverse_depth.expand(frames, -1, -1) for example in chosen]).float()
        weight = torch.stack([example.weight for example in chosen])
        return _Batch(latents.to(device), depth.to(device), weight.to(device), noise.to(device), captions)

    def _losses(self, batch: _Batch, timesteps: Tensor, rows: Tensor | None = None) -> Tensor:
        """Return the loss of each example, (B).

        Args:
            batch: B examples.
            timesteps: (B).
            rows: (B, d) of the pseudo-word, where captions have it; None while captions are compared, which
                all methods do under the pictures' depth.
        """
        pipeline = self._pipeline
        noisy = self._scheduler.add_noise(batch.latents, batch.noise, timesteps)
        target = training_target(self._scheduler, batch.latents, batch.noise, timesteps)
        with self._attention(), self._autocast():
            text = pipeline.encode_prompts(batch.captions, {} if rows is None else {self._token: rows})
            guided = (rows is None or self.static_depth) and pipeline.structure is not None
            guide = pipeline.structure_guide(batch.inverse_depth) if guided else None
            predicted = pipeline.predict(noisy, timesteps, text, guide)
        return masked_mse(predicted, target, batch.weight)


def uses_bfloat16(device: torch.device, dtype: str) -> bool:
    """Return whether to multiply in bfloat16: where the machine has it, unless float32 is asked for."""
    if dtype == "float32":
        return False
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and cpu_has_bfloat16()


def _autocast(device: torch.device, dtype: str) -> Callable[[], AbstractContextManager[object]]:
    """Return a context of products in bfloat16, see `uses_bfloat16`; what is trained stays float32."""
    if not uses_bfloat16(device, dtype):
        return nullcontext
    return partial(torch.autocast, device.type, torch.bfloat16)


def _attention(device: torch.device, dtype: str) -> Callable[[], AbstractContextManager[object]]:
    """Return a context without a CPU's fused attention, 3 to 7 times slower backwards in bfloat16."""
    plain = device.type == "cpu" and uses_bfloat16(device, dtype)
    return partial(sdpa_kernel, SDPBackend.MATH) if plain else nullcontext
