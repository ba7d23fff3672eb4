"""Footage of motions that no model was trained on, and a reader that knows them.

The footage is captioned clips of the world, some of them bad: the caption says the motion, and the clip shows
another action, nobody, two who do different things, or two halves of different clips. The bundled judge was
never told of these motions; they are read from its features by a linear probe that is trained on rendered
clips of every action.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from storyanim import video
from storyanim.artifacts import Float32, Frames
from storyanim.engine.folders import disk_errors
from storyanim.retrieve.build import build_index
from storyanim.stages import TextVideoEncoder
from storybook.evaluate.judge import Judge
from storybook.evaluate.metrics import wilson
from storybook.evaluate.trials import call, say_setting
from storybook.world import ACTIONS, ClipSpec, render_clip, sample_spec, with_
from storybook.world.unseen import UNSEEN

CLIPS, INDEX = "clips", "index"                      # below the folder of `make_motion_footage`
MOTIONS = tuple(UNSEEN)
# first seeds; no other data has them
FOOTAGE, PROBE = 9_000_000, 9_200_000
_MOTION_SEEDS = 10_000                               # kept for each motion
_SIZE_PX, _FPS, _NUM_FRAMES = 128, 8.0, 16
PROBED = (*ACTIONS, *MOTIONS)
_TEST_SHARE = 0.25                                   # of the probe's clips
_WEIGHT_DECAY = 1e-2


# ── footage ──────────────────────────────────────────────────────────────────────────────────────────────


def motion_spec(motion: str, number: int, *, first_seed: int = FOOTAGE, held_out: bool = False) -> ClipSpec:
    """Return a clip of one creature that makes the motion; the camera stands still."""
    seed = first_seed + _MOTION_SEEDS * PROBED.index(motion) + number
    return with_(sample_spec(seed, held_out=held_out), camera="fixed", action=motion)


def make_motion_footage(
    folder: Path, motions: Sequence[str], num_good: int, num_bad: int, encoder: TextVideoEncoder
) -> Path:
    """Render captioned clips of each motion, good and bad ones mixed, and index them.

    Returns `folder`, with CLIPS and INDEX in it. Raises ResourceError and what `build_index` raises.
    """
    rows = []
    with disk_errors(folder):
        (folder / CLIPS).mkdir()
        for motion in motions:
            order = np.random.default_rng([FOOTAGE, PROBED.index(motion)]).permutation(num_good + num_bad)
            for place, number in enumerate(order.tolist()):
                spec = motion_spec(motion, number)
                rgb = _render(spec) if number < num_good else _BAD[number % len(_BAD)](motion, spec)
                name = f"{motion}-{place:03d}.mp4"
                video.write(Frames(rgb, _FPS), folder / CLIPS / name, width_px=_SIZE_PX, height_px=_SIZE_PX,
                            fps=_FPS)
                rows.append((name, f"{call(spec.actors[0])} {motion} {say_setting(spec)}"))
        with (folder / CLIPS / "captions.tsv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows([("file", "caption"), *rows])
    build_index([folder / CLIPS], folder / INDEX, encoder)
    return folder


def _render(spec: ClipSpec) -> np.ndarray:
    return render_clip(spec, size=_SIZE_PX, num_frames=_NUM_FRAMES, fps=_FPS).rgb


def _another_action(motion: str, spec: ClipSpec) -> np.ndarray:
    return _render(with_(spec, action=ACTIONS[spec.seed % len(ACTIONS)]))


def _nobody(motion: str, spec: ClipSpec) -> np.ndarray:
    return _render(replace(spec, actors=()))


def _two_things(motion: str, spec: ClipSpec) -> np.ndarray:
    pair = with_(sample_spec(spec.seed % FOOTAGE, num_actors=2), camera="fixed")
    actors = (pair.actors[0], replace(pair.actors[1], action=motion))
    return _render(replace(pair, actors=actors))


def _cut(motion: str, spec: ClipSpec) -> np.ndarray:
    other = with_(sample_spec(spec.seed % FOOTAGE), camera="fixed")
    return np.concatenate([_render(spec)[:_NUM_FRAMES // 2], _render(other)[_NUM_FRAMES // 2:]])


_BAD: tuple[Callable[[str, ClipSpec], np.ndarray], ...] = (_another_action, _nobody, _two_things, _cut)


# ── the reader ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, eq=False)
class MotionProbe:
    """Reads one of `PROBED` from the judge's features."""

    weight: Float32                                  # (D, actions)
    bias: Float32                                    # (actions,)
    mean: Float32                                    # (D,) of the features
    scale: Float32                                   # (D,)
    # action → on rendered clips that it was not trained on: recall, its interval, precision
    tested: dict[str, dict[str, object]]

    def read(self, features: Float32) -> list[str]:
        """Return the action of each clip, of features (N, D)."""
        logits = (features - self.mean) / self.scale @ self.weight + self.bias
        return [PROBED[k] for k in logits.argmax(axis=1).tolist()]


def render_probe_features(folder: Path, judge: Judge, num_clips: int) -> Path:
    """Write the judge's features of `num_clips` rendered clips of each action to `folder`/features.npz."""
    def clips() -> Iterator[Frames]:
        for action in PROBED:
            for number in range(num_clips):
                yield Frames(_render(motion_spec(action, number, first_seed=PROBE)), _FPS)

    with disk_errors(folder):
        np.savez(folder / "features.npz", features=judge.extract(clips()))
    return folder


def train_probe(features: Float32, num_clips: int) -> MotionProbe:
    """Return the probe, trained on the first clips of each action and tested on the others.

    Args:
        features: (actions × num_clips, D), action by action.
        num_clips: of each action.
    """
    import torch

    labels = np.repeat(np.arange(len(PROBED)), num_clips)
    tested = np.tile(np.arange(num_clips) >= round((1 - _TEST_SHARE) * num_clips), len(PROBED))
    mean, scale = features[~tested].mean(0), features[~tested].std(0) + 1e-3
    given = torch.from_numpy((features - mean) / scale).double()
    weight = torch.zeros(features.shape[1], len(PROBED), dtype=torch.double, requires_grad=True)
    bias = torch.zeros(len(PROBED), dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=300, line_search_fn="strong_wolfe")
    wanted, train = torch.from_numpy(labels), torch.from_numpy(~tested)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = given[train] @ weight + bias
        loss = torch.nn.functional.cross_entropy(logits, wanted[train])
        loss = loss + _WEIGHT_DECAY * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    arrays = [array.detach().float().numpy() for array in (weight, bias)]
    probe = MotionProbe(arrays[0], arrays[1], mean, scale, {})
    return replace(probe, tested=_test(probe.read(features[tested]), labels[tested]))


def _test(read: Sequence[str], labels: np.ndarray) -> dict[str, dict[str, object]]:
    found = {}
    names, truth = np.array(read), np.array(PROBED)[labels]
    for action in PROBED:
        right, shown = int(((names == action) & (truth == action)).sum()), int((truth == action).sum())
        said = int((names == action).sum())
        found[action] = {"recall": right / max(1, shown), "interval": wilson(right, shown),
                         "precision": right / max(1, said), "clips": shown}
    return found
