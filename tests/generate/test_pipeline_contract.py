"""What diffusers' own tests ask of every pipeline (its `PipelineTesterMixin` and AnimateDiff's tests), asked of ours.

Their package is not in diffusers' wheel; the checks are written anew. What the loop refuses is at the end.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tiny
import torch
from diffusers import AnimateDiffPipeline, DDIMScheduler, EulerDiscreteScheduler, LCMScheduler
from diffusers.callbacks import SDCFGCutoffCallback
from ip_adapter import save_image_encoder, save_ip_adapter
from tolerance import assert_close
from transformers import CLIPVisionModelWithProjection

from storyanim.errors import UsageError
from storyanim.generate.regions import Region
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.generate.tokens import TokenTable

STEPS = 3
DEPTH = np.random.default_rng(3).random((2, tiny.SIZE_PX, tiny.SIZE_PX)).astype(np.float32)


@pytest.fixture
def pipeline(tmp_path: Path) -> StoryVideoPipeline:
    return tiny.story_pipeline(tmp_path, structure=tiny.t2i_adapter())


def draw(pipeline: Any, prompt: Any = "a bear", **changes: Any) -> Any:
    ours = {"structure_frames": DEPTH} if getattr(pipeline, "structure", None) is not None else {}
    arguments = {"num_frames": 2, "num_inference_steps": STEPS, "guidance_scale": 3.0, "output_type": "pt",
                 "generator": torch.Generator().manual_seed(7), **ours, **changes}
    return pipeline(prompt, **arguments).frames


class TestComponents:
    def test_saved_and_loaded_it_draws_the_same(self, pipeline: StoryVideoPipeline, tmp_path: Path) -> None:
        pipeline.save_pretrained(tmp_path / "saved")
        again = StoryVideoPipeline.from_pretrained(tmp_path / "saved", local_files_only=True)
        again.set_progress_bar_config(disable=True)
        assert torch.equal(draw(again), draw(pipeline))
        assert type(again.scheduler) is type(pipeline.scheduler)

    @pytest.mark.parametrize("left_out", StoryVideoPipeline._optional_components)
    def test_saved_without_an_optional_component(self, pipeline: StoryVideoPipeline, tmp_path: Path, left_out: str) -> None:
        setattr(pipeline, left_out, None)
        pipeline.save_pretrained(tmp_path / "saved")
        again = StoryVideoPipeline.from_pretrained(tmp_path / "saved", local_files_only=True)
        again.set_progress_bar_config(disable=True)
        assert getattr(again, left_out) is None
        assert torch.equal(draw(again), draw(pipeline))

    def test_variants(self, pipeline: StoryVideoPipeline, tmp_path: Path) -> None:
        pipeline.save_pretrained(tmp_path / "saved", variant="fp16")
        names = {path.name for path in (tmp_path / "saved").rglob("*.safetensors")}
        assert names == {"model.fp16.safetensors", "diffusion_pytorch_model.fp16.safetensors"}
        again = StoryVideoPipeline.from_pretrained(tmp_path / "saved", variant="fp16", local_files_only=True)
        assert torch.equal(draw(again), draw(pipeline))
        with pytest.raises(OSError, match="no file named"):
            StoryVideoPipeline.from_pretrained(tmp_path / "saved", local_files_only=True)

    def test_components_make_another(self, pipeline: StoryVideoPipeline) -> None:
        assert set(pipeline.components) == set(inspect.signature(StoryVideoPipeline.__init__).parameters) - {"self"}
        assert torch.equal(draw(StoryVideoPipeline(**pipeline.components)), draw(pipeline))

    def test_to_and_from_the_plain_pipeline(self, pipeline: StoryVideoPipeline) -> None:
        """The plain one has no place for `structure`; `from_pipe` leaves it out, and ours is the same without it."""
        with pytest.raises(TypeError, match="structure"):
            AnimateDiffPipeline(**pipeline.components)
        plain = AnimateDiffPipeline.from_pipe(pipeline)
        plain.set_progress_bar_config(disable=True)
        back = StoryVideoPipeline.from_pipe(plain)
        assert set(back.components) - set(plain.components) == {"structure"}
        assert back.structure is None
        theirs = draw(plain)
        assert_close(draw(back), theirs)
        assert_close(draw(StoryVideoPipeline(**plain.components)), theirs)
        with_structure = StoryVideoPipeline.from_pipe(plain, structure=pipeline.structure)
        assert torch.equal(draw(with_structure), draw(pipeline))

    def test_casting(self, pipeline: StoryVideoPipeline) -> None:
        before = draw(pipeline)
        pipeline.to(torch.bfloat16)
        networks = (pipeline.unet, pipeline.vae, pipeline.text_encoder, pipeline.structure)
        assert {network.dtype for network in networks} == {torch.bfloat16}
        drawn = draw(pipeline)
        assert drawn.isfinite().all()
        assert (drawn.float() - before).abs().mean() < 0.05          # eight bits of mantissa, through all layers


class TestText:
    def test_encoded_apart(self, pipeline: StoryVideoPipeline) -> None:
        """One pipeline holds the text encoder alone, the other all but it."""
        wanted = draw(pipeline, negative_prompt="a bee")
        none = dict.fromkeys(("vae", "unet", "scheduler", "structure"))
        reader = StoryVideoPipeline(**{**pipeline.components, **none})
        embeds = reader.encode_prompt("a bear", torch.device("cpu"), 1, True, "a bee")
        drawer = StoryVideoPipeline(**{**pipeline.components, "text_encoder": None, "tokenizer": None})
        drawer.set_progress_bar_config(disable=True)
        given = dict(zip(("prompt_embeds", "negative_prompt_embeds"), embeds, strict=True))
        assert_close(draw(drawer, None, **given), wanted)
        assert (draw(drawer, None, **{**given, "negative_prompt_embeds": embeds[0]}) - wanted).abs().max() > 1e-3

    def test_a_batch_has_as_many_clips_as_prompts(self, pipeline: StoryVideoPipeline) -> None:
        for count in (1, 2, 3):
            assert len(draw(pipeline, ["a bear", "a bee", "a cab"][:count])) == count

    def test_one_of_a_batch_is_drawn_as_alone(self, pipeline: StoryVideoPipeline) -> None:
        seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
        both = draw(pipeline, ["a bear", "a long cab beside a bee"], generator=seeds)
        alone = draw(pipeline, "a long cab beside a bee", generator=torch.Generator().manual_seed(2))
        assert_close(both[1:], alone)
        assert (both[:1] - alone).abs().max() > 1e-3


class TestCalls:
    def test_signature(self) -> None:
        asked = set(inspect.signature(StoryVideoPipeline.__call__).parameters)
        assert asked >= {"prompt", "negative_prompt", "prompt_embeds", "negative_prompt_embeds", "num_inference_steps", "generator",
                         "latents", "output_type", "return_dict", "guidance_scale", "eta", "ip_adapter_image", "callback_on_step_end",
                         "callback_on_step_end_tensor_inputs", "height", "width", "num_frames", "decode_chunk_size"}

    def test_tuple_and_output_are_the_same(self, pipeline: StoryVideoPipeline) -> None:
        asked = {"num_frames": 2, "num_inference_steps": STEPS}
        one, other = (pipeline("a bear", generator=torch.Generator().manual_seed(1), return_dict=kind, **asked) for kind in (True, False))
        assert isinstance(other, tuple)
        assert np.array_equal(one.frames, other[0])

    def test_callbacks_see_what_is_offered_and_no_more(self, pipeline: StoryVideoPipeline) -> None:
        def blank_at_the_end(pipe: Any, i: int, t: Any, given: dict[str, Any]) -> dict[str, Any]:
            assert set(given) <= set(pipe._callback_tensor_inputs)
            if i == pipe.num_timesteps - 1:
                given["latents"] = torch.zeros_like(given["latents"])
            return given

        offered = StoryVideoPipeline._callback_tensor_inputs
        assert not draw(pipeline, output_type="latent", callback_on_step_end=blank_at_the_end,
                        callback_on_step_end_tensor_inputs=offered).any()
        for refused in ({"callback_on_step_end_tensor_inputs": ["prompt_embeds"]},
                        {"callback_on_step_end": SDCFGCutoffCallback(cutoff_step_ratio=0.5)}):
            with pytest.raises(UsageError, match="cannot have prompt_embeds"):
                draw(pipeline, **refused)

    def test_callbacks_change_guidance_and_stop(self, pipeline: StoryVideoPipeline) -> None:
        def more(pipe: Any, *_: Any) -> dict[str, Any]:
            pipe._guidance_scale += 1.0
            return {}

        def stop(pipe: Any, *_: Any) -> dict[str, Any]:
            pipe._interrupt = True
            return {}

        plain, changed = draw(pipeline), draw(pipeline, callback_on_step_end=more)
        assert pipeline.guidance_scale == 3.0 + STEPS
        assert (plain - changed).abs().max() > 1e-4
        seen: list[int] = []
        hook = pipeline.unet.register_forward_pre_hook(lambda *_: seen.append(1))
        draw(pipeline, callback_on_step_end=stop)
        hook.remove()
        assert len(seen) == 1
        assert torch.equal(draw(pipeline), plain)    # neither lasts


class TestSavingMemory:
    @pytest.mark.parametrize(("on", "off"), [
        (lambda pipe: pipe.enable_attention_slicing(slice_size="max"), lambda pipe: pipe.disable_attention_slicing()),
        (lambda pipe: pipe.enable_attention_slicing(slice_size=1), lambda pipe: pipe.disable_attention_slicing()),
        (lambda pipe: pipe.vae.enable_slicing(), lambda pipe: pipe.vae.disable_slicing()),
        (lambda pipe: pipe.vae.enable_tiling(), lambda pipe: pipe.vae.disable_tiling()),
    ], ids=["attention in the largest slices", "attention in slices of one", "pictures one by one", "tiles"])
    def test_in_slices_the_same_is_drawn(self, pipeline: StoryVideoPipeline, on: Any, off: Any) -> None:
        regions = {"regions": [Region("a bee", end=0.5)]}
        for more in ({}, regions):
            before = draw(pipeline, **more)
            on(pipeline)
            assert_close(draw(pipeline, **more), before)
            off(pipeline)
            assert_close(draw(pipeline, **more), before)

    def test_free_u(self, pipeline: StoryVideoPipeline) -> None:
        plain = draw(pipeline)
        pipeline.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)
        assert (draw(pipeline) - plain).abs().max() > 1e-4
        pipeline.disable_freeu()
        assert_close(draw(pipeline), plain)


class TestSchedulers:
    @pytest.mark.parametrize("scheduler", [DDIMScheduler, EulerDiscreteScheduler, LCMScheduler])
    def test_any_of_diffusers(self, pipeline: StoryVideoPipeline, scheduler: Any) -> None:
        pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
        one, other = draw(pipeline), draw(pipeline)
        assert one.isfinite().all()
        assert torch.equal(one, other)


class TestPicturesOfWhoIsDrawn:
    def test_ip_adapter(self, pipeline: StoryVideoPipeline, tmp_path: Path) -> None:
        plain = draw(pipeline)
        save_ip_adapter(pipeline.unet, tiny.WIDTH, tmp_path / "ip-adapter_tiny.safetensors")
        encoder = CLIPVisionModelWithProjection.from_pretrained(save_image_encoder(tmp_path / "seer"))
        pipeline.register_modules(image_encoder=encoder)
        pipeline.load_ip_adapter(str(tmp_path), subfolder="", weight_name="ip-adapter_tiny.safetensors", image_encoder_folder=None)
        shown = {"ip_adapter_image": [np.full((32, 32, 3), 90, np.uint8)]}
        assert_close(draw(pipeline, **shown, ip_adapter_scale=0.0), plain)
        assert (draw(pipeline, **shown, ip_adapter_scale=1.0) - plain).abs().max() > 1e-3
        unguided = {"guidance_scale": 1.0}
        assert (draw(pipeline, **shown, **unguided) - draw(pipeline, **unguided)).abs().max() > 1e-3
        pipeline.unload_ip_adapter()
        assert_close(draw(pipeline), plain)


class TestLongClips:
    LONG: ClassVar[dict[str, Any]] = {"num_frames": 12, "structure_frames": None}

    def test_free_noise_on_and_off(self, pipeline: StoryVideoPipeline) -> None:
        plain = draw(pipeline)
        for length, stride in ((4, 2), (8, 4)):
            pipeline.enable_free_noise(length, stride)
            assert draw(pipeline, **self.LONG).shape[1] == 12
            pipeline.disable_free_noise()
            assert torch.equal(draw(pipeline), plain)

    def test_split_inference(self, pipeline: StoryVideoPipeline) -> None:
        pipeline.enable_free_noise(8, 4)
        whole = draw(pipeline, **self.LONG)
        pipeline.enable_free_noise_split_inference(spatial_split_size=16, temporal_split_size=4)
        assert_close(draw(pipeline, **self.LONG), whole, 1e-4)       # sums over parts, step after step

    def test_several_texts_are_regions(self, pipeline: StoryVideoPipeline) -> None:
        pipeline.enable_free_noise(8, 4)
        with pytest.raises(UsageError, match="prompts of single frames") as caught:
            draw(pipeline, {0: "a bear", 6: "a bee"}, **self.LONG)
        assert "regions" in caught.value.hint
        one, two = (draw(pipeline, "a bear", regions=regions, **self.LONG) for regions in ([], [Region("a bee", start=0.5)]))
        assert (one - two).abs().max() > 1e-3


class TestRefusals:
    @pytest.mark.parametrize(("asked", "words"), [
        ({"prompt": None}, "a prompt or prompt_embeds"),
        ({"prompt_embeds": torch.zeros(1, 20, tiny.WIDTH)}, "not both"),
        ({"prompt": None, "prompt_embeds": torch.zeros(1, 20, tiny.WIDTH), "regions": [Region("a bee")]}, "in words"),
        ({"prompt": None, "prompt_embeds": torch.zeros(1, 20, tiny.WIDTH), "tokens": [TokenTable("<a>", torch.zeros(1000, 16))]}, "in words"),
    ])
    def test_prompts(self, pipeline: StoryVideoPipeline, asked: dict[str, Any], words: str) -> None:
        with pytest.raises(UsageError, match=words):
            draw(pipeline, **asked)

    def test_free_init(self, pipeline: StoryVideoPipeline) -> None:
        pipeline.enable_free_init(num_iters=2)
        with pytest.raises(UsageError, match="FreeInit"):
            draw(pipeline)
        pipeline.disable_free_init()
        assert draw(pipeline).isfinite().all()
