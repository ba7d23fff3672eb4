"""Steps of denoising that give no numbers (NaN, infinity) are done once more in float32."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from storyanim.errors import ModelError

log = logging.getLogger(__name__)


class FiniteSteps:
    """Watches the noise that is predicted; tells once that a step had to be done again."""

    def __init__(self) -> None:
        self.told = False

    def predicted(self, predict: Callable[[], Tensor], networks: Sequence[torch.nn.Module], where: str) -> Tensor:
        """Return what `predict` gives, computed again in float32 when it holds NaN or infinity.

        Args:
            predict: one step's prediction; called once more, with the networks in float32.
            networks: that compute it.
            where: the step, for messages: "step 3 of 25".

        Raises ModelError when float32 does not help either.
        """
        noise_pred = predict()
        if bool(noise_pred.isfinite().all()):
            return noise_pred
        floats = {p.dtype for network in networks for p in network.parameters() if p.is_floating_point()}
        halves = sorted(str(dtype).removeprefix("torch.") for dtype in floats - {torch.float32})
        if halves:
            with in_float32(networks):
                noise_pred = predict()
            if bool(noise_pred.isfinite().all()):
                if not self.told:
                    log.warning("%s gave values that are no numbers in %s: done again in float32; if it happens "
                                "often, set generate.dtype to float32", where, halves[0])
                    self.told = True
                return noise_pred
        raise ModelError(f"the model gave values that are not numbers at {where}, also in float32",
                         hint="its weights may be damaged: fetch them again, or leave out what was added to them")


@contextmanager
def finite_calls(network: torch.nn.Module, where: Callable[[], str]) -> Iterator[None]:
    """Watch a network that a stock pipeline calls: what gives no numbers is computed again, as above.

    Args:
        network: whose calls return a tuple with the prediction first.
        where: returns the step, for messages.

    The pipeline raises ModelError when float32 does not help either.
    """
    steps = FiniteSteps()

    def again(module: Any, args: Any, kwargs: Any, output: Any) -> Any:
        def predict() -> Tensor:
            if not computed:
                computed.append(output[0])
                return computed[0]
            args32, kwargs32 = tree_map(_as_float32, (args, kwargs))
            found: Tensor = module.forward(*args32, **kwargs32)[0]
            return found

        computed: list[Tensor] = []
        noise_pred = steps.predicted(predict, [module], where())
        return None if noise_pred is output[0] else (noise_pred, *output[1:])

    hook = network.register_forward_hook(again, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def _as_float32(value: Any) -> Any:
    half = isinstance(value, Tensor) and value.dtype in {torch.float16, torch.bfloat16}
    return value.float() if half else value


@contextmanager
def in_float32(networks: Sequence[torch.nn.Module]) -> Iterator[None]:
    """Hold the floats of networks in float32 while it is open; weights on no device (offloaded) are left."""
    changed = []
    for weight in chain.from_iterable(chain(network.parameters(), network.buffers()) for network in networks):
        if weight.is_floating_point() and weight.dtype != torch.float32 and weight.device.type != "meta":
            changed.append((weight, weight.dtype))
            weight.data = weight.data.float()
    try:
        yield
    finally:
        for weight, dtype in changed:
            weight.data = weight.data.to(dtype)
