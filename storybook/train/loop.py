"""The training loop that all stages share: budget, optimiser, EMA, resumable checkpoints, log, progress."""

from __future__ import annotations

import itertools
import json
import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from storyanim.errors import UsageError
from storybook.train import checkpoint

_MIN_LR_RATE = 0.02  # of the peak, at the end

Batch = dict[str, Any]
Figures = dict[str, Any]  # name → number, or a tensor of one: reading it would have a GPU wait for the CPU


@dataclass(frozen=True)
class LoopOptions:
    """How long and how fast."""

    minutes: float | None = None  # of computing, over all resumptions
    steps: int | None = None  # instead of minutes
    # peak; warm-up over 2 %, then cosine to 2 % of it; None: the stage's own
    learning_rate: float | None = None
    # share of the budget, at its end, over which the cosine falls: less than 1 leaves the rate at its peak
    # until then, so that a training whose end is not known yet can be prolonged (arXiv 2405.18392)
    decay: float = 1.0
    weight_decay: float = 0.01
    ema: float = 0.998  # at full length; shorter at the start
    clip_norm: float = 1.0
    checkpoint_every_s: float = 180.0
    seed: int = 0
    device: str = "auto"
    threads: int | None = None  # of torch; None: as torch chooses
    # processes that render, and on a GPU make the batches: on a CPU they would take its time from the steps
    workers: int = 2
    # the image denoiser by torch.compile, which needs a C++ compiler: a third faster on CPUs
    compile: bool = False


class Stage(Protocol):
    """What a stage gives the loop."""

    name: str
    network: nn.Module  # everything that is trained
    # A stage with `recordable = True` has batches of tensors of few shapes and a loss that waits for no
    # number on the CPU.

    def batch(self, rng: np.random.Generator) -> Batch: ...

    def loss(self, batch: Batch) -> tuple[torch.Tensor, Figures]: ...

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return parameter groups with `lr_scale`."""
        ...


@dataclass
class LoopState:
    """Where a training stands."""

    step: int = 0
    seconds: float = 0.0
    began: int = 0  # the step from which this run went on


def pick_device(name: str) -> torch.device:
    """Return the device; `auto` takes CUDA where there is one."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


Watch = Callable[[float, LoopState, dict[str, float]], None]


def train(stage: Stage, options: LoopOptions, folder: Path, *, watch: Watch | None = None) -> LoopState:
    """Train `stage.network` until the budget is spent; goes on from the checkpoint in `folder`.

    `watch(done, state, figures)` is called every 20 steps with the part done in [0, 1]. After it the network
    holds the EMA weights. Raises UsageError without a budget.
    """
    if (options.minutes is None) == (options.steps is None):
        raise UsageError("give either minutes or steps", hint="e.g. --minutes 20")
    if options.threads:
        torch.set_num_threads(options.threads)
    network = stage.network.train()
    groups = stage.parameter_groups()
    peak = 1e-3 if options.learning_rate is None else options.learning_rate
    optimizer = torch.optim.AdamW(
        groups, lr=peak, weight_decay=options.weight_decay, betas=(0.9, 0.98), fused=True
    )
    average = {name: value.detach().clone().float() for name, value in _floats(network)}
    state = LoopState()
    path = folder / "checkpoint.safetensors"
    if path.exists():
        state = LoopState(**checkpoint.load(path, network, average, optimizer))
        state.began = state.step
    followed = [(average[name], value.detach()) for name, value in _floats(network)]
    folder.mkdir(parents=True, exist_ok=True)
    log = (folder / "log.jsonl").open("a", encoding="utf-8")
    saved = time.monotonic()
    workers = 0 if pick_device(options.device).type == "cpu" else options.workers
    gradients = _gradients(stage, options.device)
    with make_batches(stage, options.seed, state.step, workers=workers) as batches:
        began = time.monotonic()
        for batch in batches:
            done = _progress(state, options)
            if done >= 1.0:
                break
            for group in optimizer.param_groups:
                group["lr"] = peak * schedule(done, options.decay) * group.get("lr_scale", 1.0)
            loss, figures = gradients(batch)
            norm = nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], options.clip_norm)
            if torch.isfinite(norm):
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            _update(followed, min(options.ema, (1 + state.step) / (20 + state.step)))
            state.step += 1
            now = time.monotonic()
            state.seconds, began = state.seconds + now - began, now
            if state.step % 20 == 0:
                numbers = {name: float(value) for name,
                           value in {**figures, "loss": loss.detach(), "norm": norm}.items()}
                _log(log, state, done, numbers)
                if watch:
                    watch(done, state, numbers)
            if time.monotonic() - saved > options.checkpoint_every_s:
                checkpoint.save(path, network, average, optimizer, asdict(state))
                saved = began = time.monotonic()
    checkpoint.save(path, network, average, optimizer, asdict(state))
    log.close()
    load_average(network, average)
    network.eval()
    return state


def _gradients(stage: Stage, device: str) -> Callable[[Batch], tuple[torch.Tensor, Figures]]:
    """Put a batch's gradients into the network, and return its loss and figures."""
    place = pick_device(device)
    if place.type == "cuda" and getattr(stage, "recordable", False):
        return _Recorded(stage, place)

    def computed(batch: Batch) -> tuple[torch.Tensor, Figures]:
        with _attention(place):
            loss, figures = stage.loss(batch)
            loss.backward()
        return loss, figures

    return computed


class _Recorded:
    """The same, each kind of batch recorded once as a CUDA graph and replayed from then on.

    A small network's step is thousands of short kernels, and launching each of them takes time of its own. No
    step of the same network may still be held when one is recorded: its gradients would belong to another
    stream.
    """

    _WARMING = 3  # steps in which libraries choose and allocate, which cannot be recorded

    def __init__(self, stage: Stage, device: torch.device) -> None:
        self._stage, self._device = stage, device
        self._weights = [weight for weight in stage.network.parameters() if weight.requires_grad]
        self._kinds: dict[tuple[Any, ...], _Recording] = {}
        self._memory: Any = torch.cuda.graph_pool_handle()

    def __call__(self, batch: Batch) -> tuple[torch.Tensor, Figures]:
        kind = tuple((name, tuple(value.shape), value.dtype) for name, value in sorted(batch.items()))
        if kind not in self._kinds:
            self._kinds[kind] = self._record(batch)
        recording = self._kinds[kind]
        for name, value in batch.items():
            recording.batch[name].copy_(value, non_blocking=True)
        recording.graph.replay()
        for weight, gradient in zip(self._weights, recording.gradients, strict=True):
            weight.grad = gradient
        return recording.loss, recording.figures

    def _record(self, batch: Batch) -> _Recording:
        held = {name: value.to(self._device, copy=True) for name, value in batch.items()}
        aside = torch.cuda.Stream(self._device)
        aside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(aside):
            for _ in range(self._WARMING):
                self._stage.network.zero_grad(set_to_none=True)
                self._stage.loss(held)[0].backward()
        torch.cuda.current_stream(self._device).wait_stream(aside)
        self._stage.network.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        # Workers' pinned batches may be freed meanwhile, which a stricter mode takes for a mistake.
        with torch.cuda.graph(graph, pool=self._memory, capture_error_mode="thread_local"):
            loss, figures = self._stage.loss(held)
            loss.backward()
        return _Recording(graph, held, loss.detach(), figures, [weight.grad for weight in self._weights])


@dataclass(frozen=True, eq=False)
class _Recording:
    """One kind of step; its tensors stay where they are, and each replay overwrites them."""

    graph: Any
    batch: Batch
    loss: torch.Tensor
    figures: Figures
    gradients: list[torch.Tensor | None]


def _attention(device: torch.device) -> AbstractContextManager[Any]:
    """On CPUs the fused kernel's backward pass in bf16 is several times slower than plain matrix products."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def load_average(network: nn.Module, average: dict[str, torch.Tensor]) -> None:
    """Put the EMA weights into the network."""
    with torch.no_grad():
        for name, value in _floats(network):
            value.copy_(average[name])


def _floats(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in network.state_dict(keep_vars=True).items():
        if value.is_floating_point():
            yield name, value


def _update(followed: list[tuple[torch.Tensor, torch.Tensor]], decay: float) -> None:
    with torch.no_grad():
        torch._foreach_lerp_([a for a, _ in followed], [v.float() for _, v in followed], 1.0 - decay)


def _progress(state: LoopState, options: LoopOptions) -> float:
    if options.steps is not None:
        return state.step / options.steps
    assert options.minutes is not None
    return state.seconds / (60.0 * options.minutes)


def schedule(done: float, decay: float = 1.0) -> float:
    """Return the rate as a share of its peak, when `done` of the budget is spent; see LoopOptions."""
    warm = min(1.0, done / 0.02 + 0.02)
    fallen = max(0.0, min(1.0, done) - (1 - decay)) / max(decay, 1e-6)
    return warm * (_MIN_LR_RATE + (1 - _MIN_LR_RATE) * (1 + math.cos(math.pi * fallen)) / 2)


def _log(log: Any, state: LoopState, done: float, figures: dict[str, float]) -> None:
    row = {"step": state.step, "seconds": round(state.seconds, 1), "done": round(done, 4)}
    row |= {key: float(f"{value:.5g}") for key, value in figures.items()}
    log.write(json.dumps(row) + "\n")
    log.flush()


def make_batches(stage: Stage, seed: int, first: int, *,
                 workers: int = 0) -> AbstractContextManager[Iterable[Batch]]:
    """Return the batches of step `first` and those after it, made ahead in `workers` processes, or in a
    thread.

    The batch of step k depends on the seed and k alone.
    """
    if not workers:
        return _Prefetch(stage, seed, first)
    steps = _Steps(stage, seed, first)
    pinned = torch.cuda.is_available()
    return nullcontext(
        DataLoader(steps, batch_size=None, num_workers=workers, multiprocessing_context="fork",
                   pin_memory=pinned)
    )


class _Steps(IterableDataset[Batch]):
    """The same batches in the same order from several processes, each of which makes every n-th."""

    def __init__(self, stage: Stage, seed: int, first: int) -> None:
        self._stage, self._seed, self._first = stage, seed, first

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        number, count = (worker.id, worker.num_workers) if worker else (0, 1)
        for step in itertools.count(self._first + number, count):
            yield self._stage.batch(np.random.default_rng([self._seed, step]))


class _Prefetch:
    """Makes batches in a thread."""

    def __init__(self, stage: Stage, seed: int, first: int) -> None:
        self._stage, self._seed, self._step = stage, seed, first
        self._queue: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=2)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                item = self._stage.batch(np.random.default_rng([self._seed, self._step]))
                self._step += 1
                while not self._stop.is_set():
                    try:
                        self._queue.put(item, timeout=0.5)
                        break
                    except queue.Full:
                        continue
        except BaseException as error:  # handed over: the loop raises it
            self._queue.put(error)

    def __enter__(self) -> Iterable[Batch]:
        self._thread.start()
        return self._batches()

    def _batches(self) -> Iterator[Batch]:
        while True:
            item = self._queue.get()
            if isinstance(item, BaseException):
                raise item
            yield item

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
