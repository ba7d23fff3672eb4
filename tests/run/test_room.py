"""Who is on a GPU when: what learns, measures depth or finds footage has left it before a shot is drawn.

There is no GPU: networks that are moved to "cuda" are written down, and stay where they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from family import save_pictures
from transformers import CLIPModel

import storyanim
from storyanim import hub
from storyanim.artifacts import ClipMatch, Frames
from storyanim.config import load_settings
from storyanim.depth.dpt import DptEstimator
from storyanim.generate.generator import StoryGenerator
from storyanim.personalize.motion_clips import MotionClip
from storyanim.personalize.motion_lora import MotionLoras
from storyanim.personalize.trainer import TimeInvTrainer
from storyanim.run.components import build_components
from storyanim.run.motions import learn_from_clips
from storyanim.stages import no_progress

Residents = list[tuple[str, set[str]]]
PIPELINE = {"UNetMotionModel", "T2IAdapter", "CLIPTextModel", "AutoencoderTiny"}


@pytest.fixture
def residents(monkeypatch: pytest.MonkeyPatch) -> Residents:
    """What is done, and the networks on the GPU then."""
    there: dict[int, torch.nn.Module] = {}
    seen: Residents = []
    move, cuda = torch.nn.Module.to, torch.device("cuda")

    def to(module: torch.nn.Module, *arguments: Any, **named: Any) -> torch.nn.Module:
        wanted = next((value for value in (*arguments, *named.values()) if isinstance(value, (str, torch.device))), None)
        if wanted is not None:
            (there.__setitem__ if torch.device(wanted) == cuda else lambda key, _: there.pop(key, None))(id(module), module)
            return module
        return move(module, *arguments, **named)

    def watch(owner: Any, name: str, what: str) -> None:
        real = getattr(owner, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            seen.append((what, {type(module).__name__ for module in there.values()}))
            return real(*arguments, **named)
        monkeypatch.setattr(owner, name, watched)

    monkeypatch.setattr(torch.nn.Module, "to", to)
    for module in ("device", "depth.dpt", "generate.generator", "personalize.learning_pipeline"):
        monkeypatch.setattr(f"storyanim.{module}.choose_device", lambda: cuda)
    load = hub.load_transformer
    monkeypatch.setattr(hub, "load_transformer", lambda *arguments, **named: load(*arguments, **named).to(cuda))
    watch(TimeInvTrainer, "step", "learn")
    watch(MotionLoras, "activate", "learn")
    watch(DptEstimator, "_inverse_depth", "depth")
    watch(CLIPModel, "get_text_features", "search")
    watch(StoryGenerator, "_video", "draw")
    return seen


def at_most(residents: Residents) -> dict[str, set[str]]:
    """What is done → all networks that were on the GPU at any time then."""
    found: dict[str, set[str]] = {}
    for what, there in residents:
        found.setdefault(what, set()).update(there)
    return found


def test_what_a_film_needs_one_after_the_other(residents: Residents, profile: Path, real_index: Path, here: Path) -> None:
    storyanim.make_film(storyanim.Story(title="T", text="A red bear runs."), out="film", profile=profile, index=real_index,
                        characters=[f"{save_pictures(here / 'bruno')}=bear"])
    assert at_most(residents) == {"search": {"CLIPModel"}, "depth": {"DPTForDepthEstimation", *PIPELINE},
                                  "learn": PIPELINE, "draw": PIPELINE}


def test_a_motion_is_learned_without_what_found_its_clips(residents: Residents, profile: Path) -> None:
    settings = load_settings(str(profile), motion={"num_steps": 1})
    components = build_components(settings, None)
    still = np.zeros((4, 64, 64, 3), np.uint8)
    depth = components.depth.estimate(Frames(still, 8.0))
    components.encoder.encode_texts(["bowing"])
    match = ClipMatch(clip_id="c", path="", sha256="", start_s=0, end_s=1, score=0.5, rank=1, caption="a bear bowing")
    learn_from_clips("bowing", [MotionClip(match, Frames(still, 8.0), depth, "a bear bowing", 1.0)], components, no_progress)
    components.encoder.encode_texts(["running"])
    assert at_most(residents)["learn"] == PIPELINE
    assert residents[-1] == ("search", set())        # the pipeline has gone, too
