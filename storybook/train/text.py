"""Stage 7: the text encoder alone learns that a sentence means the same in another order and with another
verb."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import UNetMotionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from storybook.train import networks
from storybook.train.denoise import sample_images, text_states
from storybook.train.loop import Batch
from storybook.world import STORYBOOK_1, World, captions, sample_spec

SEED, CLIPS = 11_000_000, 1_000_000  # clips whose words are used: the first seed, how many
KEPT_SHARE = 0.3  # of a batch: sentences as captions have them, which go on to mean what they did
BANK_CLIPS, BANK_STEPS = 16, 8  # clips drawn for the queries, in so many steps each
BANK_QUERIES = 4096  # kept of each layer
QUERIES = 96  # compared in a step


class TextStage:
    """What the picture takes from a new sentence is to be what it took from the usual one.

    A layer of cross-attention asks the text one question a cell of the picture. Such questions (queries) are
    collected while the frozen U-Net draws a few clips; the frozen text encoder's answers to the usual
    sentence are the target, the trained one's answers to the other sentence the output. No picture is needed;
    a step of 64 sentences takes half a second on two cores.
    """

    name = "text"

    def __init__(
        self, text: CLIPTextModel, unet: UNetMotionModel, tokens: CLIPTokenizer, *, batch_size: int = 64,
        device: torch.device, world: World = STORYBOOK_1
    ) -> None:
        self.teacher = copy.deepcopy(text).to(device).eval().requires_grad_(False)
        self.text = text.to(device)
        self.network: nn.Module = self.text
        self.tokens, self.batch_size, self.device, self.world = tokens, batch_size, device, world
        self.unet = unet.to(device).eval().requires_grad_(False)
        self.layers = cross_attention(self.unet)
        self.bank = collect_queries(self.unet, self.layers, self.teacher, tokens, device, world)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one parameter group."""
        return [{"params": list(self.network.parameters())}]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Return sentences in two wordings, and some in one; which queries to compare by."""
        kept = round(KEPT_SHARE * self.batch_size)
        specs = [
            sample_spec(SEED + int(rng.integers(CLIPS)), num_actors=2 if rng.random() < 0.15 else 1,
                        world=self.world)
            for _ in range(self.batch_size)
        ]
        usual = ["", *(captions.caption(spec, rng, self.world) for spec in specs[1:kept])]
        pairs = [captions.two_wordings(spec, rng, self.world) for spec in specs[kept:]]
        return {
            "usual": self._ids([*usual, *(one for one, _ in pairs)]),
            "other": self._ids([*usual, *(other for _, other in pairs)]),
            "chosen": torch.from_numpy(rng.integers(BANK_QUERIES, size=(len(self.layers), QUERIES))),
        }

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Any]]:
        """Return mean over layers of the answers' squared error, over the variance of the target."""
        on = {key: value.to(self.device) for key, value in batch.items()}
        with torch.no_grad():
            wanted = text_states(self.teacher, on["usual"])
        states = text_states(self.text, on["other"])
        errors = []
        for layer, bank, chosen in zip(self.layers, self.bank, on["chosen"], strict=True):
            with torch.no_grad():
                target = answers(layer, bank[chosen], wanted)  # (B, Q, C)
            spread = (target - target.mean(0)).square().mean()
            errors.append((answers(layer, bank[chosen], states) - target).square().mean((1, 2)) / spread)
        each = torch.stack(errors).mean(0)  # (B,)
        kept = round(KEPT_SHARE * self.batch_size)
        return each.mean(), {"other_wording": each[kept:].mean().detach(),
                             "usual_wording": each[:kept].mean().detach()}

    def _ids(self, texts: list[str]) -> Tensor:
        ids: Tensor = self.tokens(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        return ids


def cross_attention(unet: nn.Module) -> list[Any]:
    """Return the layers that read the text, diffusers' `Attention`; the motion layers have none."""
    return [module for name,
            module in unet.named_modules() if name.endswith("attn2") and "motion_modules" not in name]


def answers(layer: Any, queries: Tensor, states: Tensor) -> Tensor:
    """Return what a layer of cross-attention returns: queries (Q, C), text states (B, L, D) → (B, Q, C)."""
    q, k, v = (
        x.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
        for x in (queries.expand(len(states), -1, -1), layer.to_k(states), layer.to_v(states))
    )
    mixed: Tensor = layer.to_out[0](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
    return mixed


@torch.no_grad()
def collect_queries(
    unet: Any, layers: list[Any], text: CLIPTextModel, tokens: CLIPTokenizer, device: torch.device,
    world: World = STORYBOOK_1,
) -> list[Tensor]:
    """Return queries of each layer, (BANK_QUERIES, C), from all timesteps of clips that the U-Net draws, with
    and without guidance."""
    rng = np.random.default_rng(SEED)
    texts = ["", *(captions.caption(sample_spec(SEED - 1 - k, world=world), rng, world) for k in range(BANK_CLIPS))]
    states = text_states(text, tokens(texts, padding="max_length", truncation=True,
                                      return_tensors="pt").input_ids.to(device))
    found: list[list[Tensor]] = [[] for _ in layers]
    share = -(-BANK_QUERIES // (BANK_CLIPS * BANK_STEPS))

    def keep(into: list[Tensor]) -> Any:
        def hook(module: nn.Module, args: Any, output: Tensor) -> None:
            flat = output.flatten(0, 1)
            into.append(flat[torch.from_numpy(rng.integers(len(flat), size=share)).to(device)])

        return hook

    hooks = [layer.to_q.register_forward_hook(keep(into)) for layer, into in zip(layers, found, strict=True)]
    shape = (1, unet.config.in_channels, 16, unet.config.sample_size, unet.config.sample_size)
    blank, *told = states.unsqueeze(1)  # (1, L, D) each
    for k, said in enumerate(told):
        sample_images(unet, networks.scheduler(), said.expand(16, -1, -1), blank, shape, seed=SEED + k,
                      steps=BANK_STEPS)
    for hook in hooks:
        hook.remove()
    return [torch.cat(into).float()[:BANK_QUERIES] for into in found]
