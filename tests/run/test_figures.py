"""Footage for each figure of a shot, composed into one guide."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from fakes import Studio, fake_settings

from storyanim.artifacts import DepthTrack, Frames, Motion, Shot, ShotEntity
from storyanim.config import Settings
from storyanim.engine.run_dir import RunDir
from storyanim.retrieve.index import VideoIndex
from storyanim.run.components import Components
from storyanim.run.footage import ShotTask, find_figures, find_footage
from storyanim.run.shots import guide

SHOT = Shot(id="s01", text="", query="a red bear and a green frog", prompt="a bear running and a frog jumping", figures=2,
            entities=(ShotEntity(prompt="both run", query="a red bear runs"),
                      ShotEntity(prompt="both jump", query="a green frog jumps")))


@dataclass
class BlockDepth:
    """A block in the middle of every clip, on a ground; none with `bare`."""

    bare: bool = False
    fingerprint: str = "blocks"

    def estimate(self, frames: Frames) -> DepthTrack:
        depth = np.repeat(np.linspace(0, 0.5, 64, dtype=np.float32)[None, :, None], 64, axis=2)
        depth = np.repeat(depth, len(frames.rgb), axis=0).copy()
        if not self.bare:
            depth[:, 20:50, 24:40] = 0.8
        return DepthTrack(depth, frames.fps)


@pytest.fixture
def components(tmp_path: Path, index: VideoIndex) -> Components:
    made = Studio(tmp_path / "studio", index, guiding(0.2)).components
    return replace(made, depth=BlockDepth())


def guiding(end: float) -> Settings:
    """Return settings that guide figures until a part of the steps."""
    settings = fake_settings()
    wanted = settings.generate.model_copy(update={"control_guidance_end_entities": end})
    return settings.model_copy(update={"generate": wanted})


def guided(folder: Path, shot: Shot, components: Components) -> DepthTrack | None:
    with RunDir(folder) as run:
        candidates, _ = find_footage(run, shot, "", (), components)
        step = guide(run, ShotTask(shot, "", (), candidates, find_figures(run, shot, components)), components)
        return None if step is None else step.value


def test_each_figure_has_footage_of_its_own(tmp_path: Path, components: Components) -> None:
    with RunDir(tmp_path / "run") as run:
        found = find_figures(run, SHOT, components)
    stems = [Path(step.value.match.path).stem for step in found if step.value.match]
    assert "red" in stems[0]
    assert "green" in stems[1]


def test_the_guide_shows_both(tmp_path: Path, components: Components) -> None:
    track = guided(tmp_path / "run", SHOT, components)
    assert track is not None
    ground = np.linspace(0, 0.5, 64, dtype=np.float32)[:, None]
    columns = np.flatnonzero((track.inverse_depth[0] - ground > 0.1).any(axis=0))
    assert (columns < 28).any()
    assert (columns > 36).any()
    assert not ((columns > 29) & (columns < 35)).any()


def test_boxes_are_parts_of_what_is_drawn_not_of_wide_footage(tmp_path: Path, components: Components) -> None:
    @dataclass
    class Wide(BlockDepth):
        fingerprint: str = "wide blocks"

        def estimate(self, frames: Frames) -> DepthTrack:
            depth = super().estimate(frames).inverse_depth
            return DepthTrack(np.pad(depth, ((0, 0), (0, 0), (32, 32)), mode="edge"), frames.fps)

    track = guided(tmp_path / "run", SHOT, replace(components, depth=Wide()))
    assert track is not None
    assert track.inverse_depth.shape == (4, 64, 64)
    out = (track.inverse_depth[0] - np.linspace(0, 0.5, 64, dtype=np.float32)[:, None] > 0.1).any(axis=0)
    assert out[:28].any()
    assert out[36:].any()


def test_a_figure_s_pin_and_ban_change_its_footage_alone(tmp_path: Path, components: Components) -> None:
    def clips(shot: Shot) -> list[str]:
        with RunDir(tmp_path / "run") as run:
            return [step.value.match.clip_id for step in find_figures(run, shot, components) if step.value.match]

    first, second = clips(SHOT)
    one, other = SHOT.entities
    pinned = clips(SHOT.model_copy(update={"entities": (one.model_copy(update={"pinned": second}), other)}))
    assert pinned[0] == second
    banned = clips(SHOT.model_copy(update={"entities": (one, other.model_copy(update={"banned": (second,)}))}))
    assert banned[0] == first
    assert banned[1] != second


def test_footage_without_a_figure_guides_nobody(
    tmp_path: Path, components: Components, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert guided(tmp_path / "run", SHOT, replace(components, depth=BlockDepth(bare=True))) is None
    assert "figure 1" in caplog.text


def test_a_learned_motion_is_guided_in_its_figure_s_box(tmp_path: Path, components: Components) -> None:
    high = BlockDepth().estimate(Frames(np.zeros((4, 64, 64, 3), np.uint8), 8.0)).inverse_depth.copy()
    high[:, 35:50, 24:40] = np.linspace(0, 0.5, 64, dtype=np.float32)[None, 35:50, None]      # half as tall: it floats
    motion = Motion("hovering", {}, DepthTrack(high, 8.0), "fake base")
    shot = SHOT.model_copy(update={"entities": (SHOT.entities[0], ShotEntity(prompt="both hovering", query="a frog"))})
    track = guided(tmp_path / "run", shot, replace(components, motions=(motion,)))
    assert track is not None
    out = track.inverse_depth[0] - np.linspace(0, 0.5, 64, dtype=np.float32)[:, None] > 0.1
    left, right = (np.flatnonzero(half.any(axis=1)) for half in (out[:, :32], out[:, 32:]))
    assert right.max() < 38 < left.max()


@pytest.mark.parametrize("shot", [
    SHOT.model_copy(update={"entities": ()}),
    SHOT.model_copy(update={"entities": tuple(e.model_copy(update={"query": ""}) for e in SHOT.entities)}),
])
def test_others_look_for_none(tmp_path: Path, components: Components, shot: Shot) -> None:
    with RunDir(tmp_path / "run") as run:
        assert find_figures(run, shot, components) == ()


def test_nor_does_a_profile_that_guides_none(tmp_path: Path, index: VideoIndex) -> None:
    with RunDir(tmp_path / "run") as run:
        assert find_figures(run, SHOT, Studio(tmp_path / "studio", index, guiding(0.0)).components) == ()
