"""Learning a motion, end to end on a small random family."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import SIZE_PX, BrightnessDepth
from tolerance import assert_close

from storyanim import hub, video
from storyanim.artifacts import Box, ClipMatch, DepthTrack, Frames, Motion, Shot, ShotEntity
from storyanim.config import Settings
from storyanim.engine.motion_file import motion_bytes
from storyanim.errors import ModelError, MotionError, ResourceError
from storyanim.generate.generator import StoryGenerator
from storyanim.generate.regions import Region, RegionAttention
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.personalize import checkpoint as checkpoints
from storyanim.personalize.motion import MotionLearner, without_anchor
from storyanim.personalize.motion_clips import MotionClip, has_figure, read_motion_clip
from storyanim.personalize.motion_lora import motion_loras

SHOT = Shot(id="s01", text="", query="", prompt="a bear bowing", seed=1)


def clip(number: int, caption: str = "a bear bowing") -> MotionClip:
    rng = np.random.default_rng(number)
    frames = Frames(rng.integers(0, 255, (4, SIZE_PX, SIZE_PX, 3), np.uint8), 8.0)
    match = ClipMatch(clip_id=f"c{number}", path="", sha256="", start_s=0, end_s=2, score=0.5, rank=1, caption=caption)
    return MotionClip(match, frames, DepthTrack(rng.random((4, SIZE_PX, SIZE_PX)).astype(np.float32), 8.0), caption, 1.0)


def settings_with(settings: Settings, **motion: Any) -> Settings:
    few = {"num_steps": 3, "rank": 2, "appearance_rank": 1, "learning_rate": 1e-2}
    return settings.model_copy(update={"motion": settings.motion.model_copy(update=few | motion)})


@pytest.fixture
def learn(shared_pipeline: StoryVideoPipeline, settings: Callable[..., Settings]) -> Callable[..., Motion]:
    def learned(clips: Sequence[MotionClip] = (clip(0), clip(1)), watch: Any = None, checkpoint: Path | None = None,
                **motion: Any) -> Motion:
        learner = MotionLearner(settings_with(settings(), **motion), lambda: shared_pipeline)
        return learner.learn("bowing", clips, watch, checkpoint=checkpoint)

    return learned


class TestMotion:
    def test_holds_temporal_layers_alone(self, learn: Callable[..., Motion], settings: Callable[..., Settings]) -> None:
        motion = learn()
        assert motion.lora
        assert all("motion_modules" in key for key in motion.lora)
        assert {key.rsplit(".lora", 1)[0].split("transformer_blocks.0.")[1] for key in motion.lora} == {
            *(f"attn{n}.{layer}" for n in (1, 2) for layer in ("to_q", "to_k", "to_v", "to_out.0")), "ff.net.0.proj", "ff.net.2"}
        assert any(np.abs(matrix).max() > 0 for key, matrix in motion.lora.items() if ".lora_B." in key)
        assert motion.base == hub.fingerprint_motion(settings().models)
        assert np.array_equal(motion.depth.inverse_depth, clip(0).depth.inverse_depth)
        assert json.loads(motion.metadata["clips"]) == ["c0", "c1"]

    def test_same_inputs_same_bytes(self, learn: Callable[..., Motion]) -> None:
        first = motion_bytes(learn())
        torch.manual_seed(99)
        assert motion_bytes(learn()) == first
        assert motion_bytes(learn(seed=1)) != first

    @pytest.mark.parametrize("change", [{"appearance_rank": 0}, {"debiased_loss_weight": 0.0}, {"temporal_only": 1.0},
                                        {"caption": "a bear"}])
    def test_each_part_of_the_method_counts(self, learn: Callable[..., Motion], change: dict[str, Any]) -> None:
        one, other = learn(), learn(**change)
        assert any(not np.array_equal(one.lora[key], other.lora[key]) for key in one.lora)

    def test_the_pipeline_is_as_before(self, learn: Callable[..., Motion], shared_pipeline: StoryVideoPipeline) -> None:
        names = [name for name, _ in shared_pipeline.unet.named_parameters()]
        before = {name: weight.clone() for name, weight in shared_pipeline.unet.state_dict().items()}
        learn()
        assert [name for name, _ in shared_pipeline.unet.named_parameters()] == names
        assert all(torch.equal(before[name], weight) for name, weight in shared_pipeline.unet.state_dict().items())

    def test_a_killed_learning_goes_on_to_the_same_bits(
        self, learn: Callable[..., Motion], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checkpoints, "SAVE_EVERY_S", 0.0)
        whole, steps = motion_bytes(learn()), []

        def stop(done: float, figures: dict[str, float]) -> None:
            steps.append(figures["step"])
            if figures["step"] == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            learn(watch=stop, checkpoint=tmp_path / "state.safetensors")
        again = learn(watch=lambda done, figures: steps.append(figures["step"]), checkpoint=tmp_path / "state.safetensors")
        assert steps == [1, 2, 3]
        assert motion_bytes(again) == whole
        assert not (tmp_path / "state.safetensors").exists()

    @pytest.mark.parametrize("while_loading", [True, False])
    def test_memory_that_runs_out_in_the_words_of_any_library(
        self, shared_pipeline: StoryVideoPipeline, settings: Callable[..., Settings], while_loading: bool
    ) -> None:
        def full(*_: Any) -> Any:
            raise RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)")

        learner = MotionLearner(settings_with(settings()), full if while_loading else lambda: shared_pipeline)
        with pytest.raises(ResourceError, match="learn a motion"):
            learner.learn("bowing", [clip(0)], None if while_loading else full)

    def test_the_key_knows_what_is_learned_from(self, settings: Callable[..., Settings]) -> None:
        def key(clips: Sequence[MotionClip], **motion: Any) -> str:
            return MotionLearner(settings_with(settings(), **motion), lambda: None).key("bowing", clips)

        same = key([clip(0), clip(1)])
        assert key([clip(0), clip(1)]) == same
        assert key([clip(0), clip(1)], max_clips=7) == same          # it has chosen the clips already
        others = [key([clip(0)]), key([clip(1), clip(0)]), key([clip(0), clip(1, "another caption")]),
                  key([clip(0), clip(1)], num_steps=4), key([clip(0), clip(1)], caption="one for all")]
        assert len({same, *others}) == 6

    def test_a_pipeline_without_motion_modules_is_refused(self, shared_pipeline: StoryVideoPipeline) -> None:
        with pytest.raises(ModelError, match="no layers that a motion can be learned in"), \
                motion_loras(torch_like_without_motion(), 2, 0, 1, 0):
            pass


def torch_like_without_motion() -> Any:
    from small import image_unet

    return image_unet()


class TestLoss:
    def test_what_all_frames_share_hardly_enters(self) -> None:
        """phi(e) of an error that is equal in all frames is (sqrt 2 - 1) e; of the anchor's own frame always."""
        still = torch.randn(1, 2, 1, 3, 3).expand(-1, -1, 4, -1, -1)
        assert_close(without_anchor(still, 2), still * (2**0.5 - 1))
        error = torch.randn(1, 2, 4, 3, 3)
        found = without_anchor(error, 1)
        assert_close(found[:, :, 3], 2**0.5 * error[:, :, 3] - error[:, :, 1])

    def test_independent_errors_keep_their_size(self) -> None:
        """In mean square it is beta² + 1 + beta² = 3 times as large, as in the paper, anchor apart."""
        error = torch.randn(1, 64, 4, 32, 32, generator=torch.Generator().manual_seed(0))
        found = without_anchor(error, 0)[:, :, 1:]
        assert float(found.square().mean()) == pytest.approx(3, rel=0.05)


class TestDrawing:
    @pytest.fixture
    def motion(self, learn: Callable[..., Motion]) -> Motion:
        learned = learn(learning_rate=0.2)
        return learned

    def test_counts_and_leaves_no_trace(self, motion: Motion, settings: Callable[..., Settings]) -> None:
        generator = StoryGenerator(settings())
        before = generator.draw(SHOT, None, [])
        drawn = generator.draw(SHOT, None, [], [motion])
        assert not np.array_equal(drawn.rgb, before.rgb)
        assert np.array_equal(generator.draw(SHOT, None, []).rgb, before.rgb)
        assert np.array_equal(generator.draw(SHOT, None, [], [motion]).rgb, drawn.rgb)

    def test_guides_to_the_end(self, motion: Motion, settings: Callable[..., Settings]) -> None:
        """With a motion, depth counts in all steps, whatever control_guidance_end says."""
        never = settings().model_copy(update={"generate": settings().generate.model_copy(update={"control_guidance_end": 0.0})})
        one, other = (DepthTrack(np.full((4, SIZE_PX, SIZE_PX), shade, np.float32), 8.0) for shade in (0.1, 0.9))
        generator = StoryGenerator(never)
        assert np.array_equal(generator.draw(SHOT, one, []).rgb, generator.draw(SHOT, other, []).rgb)
        assert not np.array_equal(generator.draw(SHOT, one, [], [motion]).rgb, generator.draw(SHOT, other, [], [motion]).rgb)

    def test_long_shots_and_short_ones_in_turn(self, motion: Motion, settings: Callable[..., Settings]) -> None:
        changes = {"generate": settings().generate.model_copy(update={"max_duration_s": 2.0, "context_stride": 2})}
        generator = StoryGenerator(settings().model_copy(update=changes))
        short = generator.draw(SHOT.model_copy(update={"duration_s": 0.5}), None, [], [motion])
        long_shot = SHOT.model_copy(update={"duration_s": 1.0})
        long = generator.draw(long_shot, None, [], [motion])
        assert len(short.rgb) == 4
        assert len(long.rgb) == 8
        assert not np.array_equal(long.rgb, generator.draw(long_shot, None, []).rgb)
        again = generator.draw(SHOT.model_copy(update={"duration_s": 0.5}), None, [], [motion])
        assert np.array_equal(again.rgb, short.rgb)

    def test_another_base_is_refused(self, motion: Motion, settings: Callable[..., Settings]) -> None:
        foreign = Motion(motion.name, motion.lora, motion.depth, "another", {})
        with pytest.raises(MotionError, match="another base model"):
            StoryGenerator(settings()).draw(SHOT, None, [], [foreign])

    def test_a_lora_that_does_not_fit_is_refused(self, motion: Motion, settings: Callable[..., Settings]) -> None:
        odd = Motion("bowing", {"unet.nowhere.lora_A.weight": np.zeros((2, 2), np.float32)}, motion.depth, motion.base, {})
        with pytest.raises(MotionError, match="does not fit this model"):
            StoryGenerator(settings()).draw(SHOT, None, [], [odd])


class TestRegions:
    """In a shot of several, the motion's LoRA acts on the cells of who makes the motion, in each temporal layer."""

    @pytest.mark.parametrize("batch", [1, 2])
    def test_acts_on_the_cells_of_its_region(self, shared_pipeline: StoryVideoPipeline, batch: int) -> None:
        unet = shared_pipeline.unet
        with motion_loras(unet, 2, 0, 0, 0) as loras:
            for key, weight in loras.motion.items():
                if "lora_B" in key:
                    torch.nn.init.normal_(weight, std=0.5)
            layer = next(m for name, m in unet.named_modules() if name.endswith("motion_modules.0.transformer_blocks.0.attn1.to_q"))
            regions = [Region("a", (Box(x1=0.5),), adapters=("motion",), end=0.5), Region("b", (Box(x0=0.5),))]
            attention = RegionAttention(regions, 4, (8, 8), 5)
            x = torch.randn(batch * 64, 4, layer.in_features, generator=torch.Generator().manual_seed(1))
            with torch.no_grad():
                everywhere, nowhere = layer(x), layer.base_layer(x)
                with attention.applied(unet):
                    attention.batch = batch
                    found = layer(x)
            inside = (attention.cells(64) == 1).T.repeat(batch, 1)                                  # (B × h × w, T)
            assert 0 < inside.float().mean() < 0.3
            assert_close(found[inside], everywhere[inside])
            assert torch.equal(found[~inside], nowhere[~inside])

    def test_is_worn_by_the_regions_that_name_it(self, learn: Callable[..., Motion], settings: Callable[..., Settings]) -> None:
        motion = learn(learning_rate=0.2)
        entities = (ShotEntity(prompt="a bear and a cat bowing"), ShotEntity(prompt="a bear and a cat sitting"))
        shot = SHOT.model_copy(update={"prompt": "a bear and a cat", "entities": entities, "figures": 2})
        nobody = shot.model_copy(update={"entities": (ShotEntity(prompt="a bear and a cat bows"), entities[1])})
        generator = StoryGenerator(settings())
        assert not np.array_equal(generator.draw(shot, None, [], [motion]).rgb, generator.draw(shot, None, []).rgb)
        assert generator.draw(nobody, None, [], [motion]).rgb.shape == (4, SIZE_PX, SIZE_PX, 3)


class TestClips:
    def save(self, path: Path, side_px: int, at: tuple[int, int], width_px: int = 160, height_px: int = 120) -> ClipMatch:
        """A bright square on dark ground, which BrightnessDepth takes for near."""
        rgb = np.full((16, height_px, width_px, 3), 20, np.uint8)
        rgb[:, at[1]:at[1] + side_px, at[0]:at[0] + side_px] = 230
        video.write(Frames(rgb, 8.0), path, width_px=width_px, height_px=height_px, fps=8, preset="ultrafast")
        return ClipMatch(clip_id="c", path=str(path), sha256="", start_s=0, end_s=2, score=0.5, rank=1, caption="a square")

    def test_a_small_figure_is_brought_nearer(self, tmp_path: Path) -> None:
        match = self.save(tmp_path / "a.mp4", 24, (120, 40))
        whole = read_motion_clip(match, BrightnessDepth(), (64, 64), 8, 8.0, crop=False)
        near = read_motion_clip(match, BrightnessDepth(), (64, 64), 8, 8.0, crop=True)
        assert near.frames.rgb.shape == whole.frames.rgb.shape == (8, 64, 64, 3)
        assert near.depth.inverse_depth.shape == (8, 64, 64)
        bright = [(each.frames.rgb.mean(axis=-1) > 128).mean() for each in (whole, near)]
        assert bright[1] > 2 * bright[0]
        columns = np.flatnonzero((near.frames.rgb[0].mean(axis=-1) > 128).any(axis=0))
        assert abs((columns[0] + columns[-1]) / 2 - 31.5) < 10                     # it stands in the middle
        assert has_figure(near)

    def test_a_large_figure_stays(self, tmp_path: Path) -> None:
        match = self.save(tmp_path / "a.mp4", 76, (42, 30))
        one, other = (read_motion_clip(match, BrightnessDepth(), (64, 64), 8, 8.0, crop=crop) for crop in (False, True))
        assert np.array_equal(one.frames.rgb, other.frames.rgb)

    def test_an_empty_picture_has_no_figure(self, tmp_path: Path) -> None:
        clip = read_motion_clip(self.save(tmp_path / "a.mp4", 0, (0, 0)), BrightnessDepth(), (64, 64), 8, 8.0, crop=True)
        assert not has_figure(clip)

    def test_a_short_clip_holds_its_last_frame(self, tmp_path: Path) -> None:
        match = self.save(tmp_path / "a.mp4", 60, (40, 30))
        clip = read_motion_clip(match, BrightnessDepth(), (64, 64), 40, 8.0, crop=True)
        assert len(clip.frames.rgb) == 40
        assert np.array_equal(clip.frames.rgb[20], clip.frames.rgb[-1])
