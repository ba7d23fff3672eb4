"""Regions: each cell hears its own text, each LoRA acts in its own place, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from peft import LoraConfig
from pydantic import ValidationError
from tolerance import assert_close

from storyanim.artifacts import Box, Shot, ShotEntity, ShotEvent, Storyboard
from storyanim.engine.steps import content_key
from storyanim.errors import UsageError
from storyanim.generate.regions import Region, RegionAttention, assign_cells, regions_of
from storyanim.generate.regions_lora import reads_text
from storyanim.generate.story_pipeline import StoryVideoPipeline

LEFT, RIGHT = Box(x1=0.5), Box(x0=0.5)
SHOT = Shot(id="s01", text="A bear walks.", query="a bear walks", prompt="a bear walks", seed=5)


@pytest.fixture
def pipeline(tmp_path: Path) -> StoryVideoPipeline:
    return tiny.story_pipeline(tmp_path)


def draw(pipeline: StoryVideoPipeline, prompt: Any = "a bear", **changes: Any) -> Any:
    arguments = {"num_frames": 4, "num_inference_steps": 3, "guidance_scale": 2.0, "output_type": "latent",
                 "generator": torch.Generator().manual_seed(7), **changes}
    return pipeline(prompt, **arguments).frames


class TestCells:
    def test_halves(self) -> None:
        found = assign_cells([Region("a", (LEFT,)), Region("b", (RIGHT,))], 2, (2, 4))
        assert found.tolist() == [[[1, 1, 2, 2]] * 2] * 2

    def test_a_box_is_heard_where_it_covers_half_of_a_cell(self) -> None:
        assert assign_cells([Region("a", (Box(x0=0.3, x1=0.9),))], 1, (1, 4)).tolist() == [[[0, 1, 1, 1]]]

    def test_of_two_boxes_the_one_in_front(self) -> None:
        found = assign_cells([Region("back", (Box(),)), Region("front", (RIGHT,))], 1, (2, 2))
        assert found.tolist() == [[[1, 2], [1, 2]]]

    def test_a_box_moves_in_a_line_and_stays_beyond_its_key_moments(self) -> None:
        moving = Region("a", (Box(x0=0.0, x1=0.25, at=0.25), Box(x0=0.75, x1=1.0, at=0.75)))
        found = assign_cells([moving], 8, (1, 4))[:, 0]
        assert [row.nonzero().flatten().tolist() for row in found] == [[0], [0], [0], [1], [2], [3], [3], [3]]

    def test_events_follow_one_another(self) -> None:
        found = assign_cells([Region("a", end=0.5), Region("b", start=0.5)], 4, (1, 1))
        assert found.flatten().tolist() == [1, 1, 2, 2]

    def test_columns_for_entities_without_boxes(self) -> None:
        entities = tuple(ShotEntity(prompt=word) for word in "abc")
        regions = regions_of(SHOT.model_copy(update={"entities": entities}))
        assert assign_cells(regions, 1, (1, 6)).tolist() == [[[1, 1, 2, 2, 3, 3]]]

    def test_one_entity_is_no_region(self) -> None:
        assert regions_of(SHOT.model_copy(update={"entities": (ShotEntity(prompt="a"),)})) == []

    def test_a_region_that_no_cell_hears_is_told(self) -> None:
        with pytest.raises(UsageError, match="no part of the picture shows 'b'"):
            RegionAttention([Region("a"), Region("b", (Box(x1=0.01, y1=0.01),))], 1, (8, 8), 20)


class TestAttention:
    def plain(self, pipeline: StoryVideoPipeline, texts: list[str], regions: list[Region]) -> tuple[Any, Any]:
        """One layer of cross-attention: through the masks, and cell by cell with the cell's own text."""
        layer = next(module for name, module in pipeline.unet.named_modules()
                           if name.endswith("attn2") and reads_text(name))
        states = pipeline.encode_prompts(texts, {})                                             # (texts, L, D)
        cells = torch.randn(4, 16, layer.to_q.in_features, generator=torch.Generator().manual_seed(3))
        attention = RegionAttention(regions, 4, (8, 8), states.shape[1])
        with torch.no_grad(), attention.applied(pipeline.unet):
            found = layer(cells, states.flatten(0, 1)[None].expand(4, -1, -1))
        heard = attention.cells(16)
        with torch.no_grad():
            each = [[layer(cells[t, k][None, None], states[heard[t, k]][None])[0, 0] for k in range(16)] for t in range(4)]
        return found, torch.stack([torch.stack(row) for row in each])

    @pytest.mark.parametrize("regions", [[Region("cat", (LEFT,)), Region("fox", (RIGHT,))],
                                         [Region("cat", (Box(x0=0.25, y0=0.5),))],
                                         [Region("cat", end=0.5), Region("fox", (LEFT,), start=0.25)]])
    def test_equals_each_cell_with_its_own_text(self, pipeline: StoryVideoPipeline, regions: list[Region]) -> None:
        found, expected = self.plain(pipeline, ["a bear", *(region.prompt for region in regions)], regions)
        assert_close(found, expected)

    def test_processors_are_restored_after_an_error(self, pipeline: StoryVideoPipeline) -> None:
        before = dict(pipeline.unet.attn_processors)
        with pytest.raises(KeyboardInterrupt), RegionAttention([Region("a")], 2, (8, 8), 20).applied(pipeline.unet):
            raise KeyboardInterrupt
        assert pipeline.unet.attn_processors == before


class TestPipeline:
    def test_a_region_of_the_whole_picture_is_the_prompt(self, pipeline: StoryVideoPipeline) -> None:
        assert_close(draw(pipeline, "a bear", regions=[Region("a cat")]), draw(pipeline, "a cat"))

    def test_equal_texts_change_nothing(self, pipeline: StoryVideoPipeline) -> None:
        regions = [Region("a bear", (LEFT,)), Region("a bear", (RIGHT,))]
        assert_close(draw(pipeline, regions=regions), draw(pipeline))

    def test_each_text_counts(self, pipeline: StoryVideoPipeline) -> None:
        one = draw(pipeline, regions=[Region("a cat", (LEFT,)), Region("a fox", (RIGHT,))])
        other = draw(pipeline, regions=[Region("a cat", (LEFT,)), Region("a dog", (RIGHT,))])
        plain = draw(pipeline)
        assert min((one - other).abs().max(), (one - plain).abs().max()) > 1e-3

    def test_no_regions_are_the_same_bits(self, pipeline: StoryVideoPipeline) -> None:
        draw(pipeline, regions=[Region("a cat", (LEFT,))])
        assert torch.equal(draw(pipeline), draw(pipeline, regions=[]))

    def test_works_in_windows(self, pipeline: StoryVideoPipeline) -> None:
        pipeline.enable_free_noise(4, 2)
        assert_close(draw(pipeline, "a bear", regions=[Region("a cat")], num_frames=8), draw(pipeline, "a cat", num_frames=8))

    def test_a_controlnet_reads_the_prompt_alone(self, tmp_path: Path) -> None:
        parts = tiny.parts(tmp_path)
        branch = tiny.controlnet(tiny.unet_2d())
        pipeline = tiny.story_pipeline(tmp_path, unet=parts["unet"], structure=branch)
        seen: list[int] = []
        branch.register_forward_pre_hook(lambda module, args, named: seen.append(named["encoder_hidden_states"].shape[1]),
                                         with_kwargs=True)
        draw(pipeline, regions=[Region("a cat")], structure_frames=torch.rand(4, tiny.SIZE_PX, tiny.SIZE_PX))
        assert set(seen) == {pipeline.tokenizer.model_max_length}

    def test_several_prompts_are_refused(self, pipeline: StoryVideoPipeline) -> None:
        with pytest.raises(UsageError, match="regions belong to one clip"):
            draw(pipeline, ["a bear", "a cat"], regions=[Region("a fox")])


class TestLoras:
    @pytest.fixture
    def worn(self, pipeline: StoryVideoPipeline) -> StoryVideoPipeline:
        targets = ["to_q", "to_k", "to_v", "to_out.0"]
        pipeline.unet.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=targets), "one")
        torch.manual_seed(4)
        for name, parameter in pipeline.unet.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.5)
        return pipeline

    @pytest.mark.parametrize("layer", ["attn1.to_q", "attn2.to_q", "attn2.to_v"])
    def test_acts_in_its_region_only(self, worn: StoryVideoPipeline, layer: str) -> None:
        module = next(m for name, m in worn.unet.named_modules() if name.endswith(layer) and "motion" not in name)
        of_text = layer == "attn2.to_v"
        regions = [Region("a", (LEFT,), adapters=("one",)), Region("b", (RIGHT,))]
        attention = RegionAttention(regions, 2, (8, 8), 5)
        x = torch.randn(2, 15 if of_text else 64, module.in_features, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            everywhere, nowhere = module(x), module.base_layer(x)
            with attention.applied(worn.unet):
                found = module(x)
        inside = torch.arange(15) // 5 == 1 if of_text else (attention.cells(64) == 1)[0]
        assert_close(found[:, inside], everywhere[:, inside])
        assert torch.equal(found[:, ~inside], nowhere[:, ~inside])
        assert not torch.equal(everywhere, nowhere)

    def test_a_region_of_the_whole_picture_wears_it_as_ever(self, worn: StoryVideoPipeline) -> None:
        assert_close(draw(worn, regions=[Region("a bear", adapters=("one",))]), draw(worn))

    def test_is_masked_no_longer_afterwards(self, worn: StoryVideoPipeline) -> None:
        before = draw(worn)
        draw(worn, regions=[Region("a cat", (LEFT,), adapters=("one",))])
        assert torch.equal(draw(worn), before)


class TestShot:
    def test_a_shot_without_entities_has_the_key_that_it_had_before_there_were_any(self) -> None:
        assert content_key(SHOT) == "08cbce7a54b67236600b57dc1bdf890d0a419ed736751a761ccf6e96a4d09e06"

    @pytest.mark.parametrize("change", [{"entities": (ShotEntity(prompt="a"),)}, {"events": (ShotEvent(prompt="a"),)}])
    def test_entities_and_events_change_it(self, change: dict[str, Any]) -> None:
        assert content_key(SHOT.model_copy(update=change)) != content_key(SHOT)

    def test_survive_a_storyboard_file(self) -> None:
        shot = SHOT.model_copy(update={"entities": (ShotEntity(prompt="a", boxes=(LEFT,)), ShotEntity(prompt="b")),
                                       "events": (ShotEvent(prompt="c", end=0.5),)})
        board = Storyboard(title="t", shots=(shot,))
        assert Storyboard.from_yaml(board.to_yaml()) == board

    def test_an_entity_of_nobody_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="bruno"):
            Storyboard(title="t", shots=(SHOT.model_copy(update={"entities": (ShotEntity(name="bruno", prompt="a"),)}),))

    @pytest.mark.parametrize(("start", "end"), [(0.7, 0.3), (0.5, 0.5)])
    def test_an_event_that_ends_before_it_starts_is_refused(self, start: float, end: float) -> None:
        with pytest.raises(ValidationError, match="ends where it begins"):
            ShotEvent(prompt="a", start=start, end=end)

    def test_an_empty_box_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="ends where it begins"):
            Box(x0=0.5, x1=0.5)
