"""The contract of a `ShotGenerator`, over both families and both kinds of structure; and our own one's way with characters."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from peft import LoraConfig, get_peft_model_state_dict
from tolerance import assert_same_picture

from storyanim import hub
from storyanim.artifacts import CharacterToken, DepthTrack, Frames, Shot, ShotEntity
from storyanim.config import Settings, load_settings
from storyanim.errors import CharacterError, ModelError, ResourceError, UsageError
from storyanim.generate.families import build_generator
from storyanim.generate.generator import StoryGenerator, fit_depth
from storyanim.stages import ShotGenerator

SHOT = Shot(id="s01", text="A bear walks.", query="a bear walks", prompt="a bear walks", seed=5)
DRAWING = {"width_px": tiny.SIZE_PX, "height_px": tiny.SIZE_PX, "num_frames": tiny.NUM_FRAMES, "num_inference_steps": 2,
           "max_duration_s": 0.5, "dtype": "float32"}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The [models] tables of three tiny profiles."""
    folder = tmp_path_factory.mktemp("models")
    sd15 = tiny.save_stable_diffusion(folder / "sd15")
    control = {**sd15, "structure": {"repo": str(folder / "sd15" / "control")}, "structure_kind": "controlnet"}
    return {"storybook": tiny.save_storybook(folder / "storybook"), "sd15": sd15, "sd15 controlnet": control}


def settings(table: dict[str, Any], generate: dict[str, Any] | None = None, **sections: Any) -> Settings:
    unused = {"depth": {"repo": "unused"}, "encoder": {"repo": "unused"}}
    return load_settings(models={**unused, **table}, generate={**DRAWING, **(generate or {})}, **sections)


def ramp(num_frames: int = tiny.NUM_FRAMES, height: int = tiny.SIZE_PX, width: int = tiny.SIZE_PX) -> DepthTrack:
    """A band in the foreground that crosses the picture."""
    x = np.arange(width)[None, None] / width - np.arange(num_frames)[:, None, None] / num_frames
    band = np.broadcast_to(np.exp(-20 * x**2), (num_frames, height, width))
    return DepthTrack(inverse_depth=band.astype(np.float32), fps=8.0)


@pytest.fixture(params=["storybook", "sd15", "sd15 controlnet"])
def generator(request: pytest.FixtureRequest, tables: dict[str, Any]) -> ShotGenerator:
    return build_generator(settings(tables[request.param]))


class TestEveryShotGenerator:
    def test_gives_the_frames_that_are_set(self, generator: ShotGenerator) -> None:
        frames = generator.draw(SHOT, ramp(), ())
        assert isinstance(frames, Frames)
        assert frames.rgb.shape == (tiny.NUM_FRAMES, tiny.SIZE_PX, tiny.SIZE_PX, 3)
        assert frames.fps == 8.0
        assert frames.rgb.std() > 0

    def test_same_shot_same_bytes(self, generator: ShotGenerator) -> None:
        first = generator.draw(SHOT, ramp(), ()).rgb
        generator.draw(SHOT.model_copy(update={"seed": 6}), None, ())
        assert generator.draw(SHOT, ramp(), ()).rgb.tobytes() == first.tobytes()

    @pytest.mark.parametrize("change", [{"seed": 6}, {"prompt": "a cab sits"}])
    def test_seed_and_prompt_matter(self, generator: ShotGenerator, change: dict[str, Any]) -> None:
        assert (generator.draw(SHOT, ramp(), ()).rgb != generator.draw(SHOT.model_copy(update=change), ramp(), ()).rgb).any()

    def test_depth_matters_and_may_be_absent(self, generator: ShotGenerator) -> None:
        assert (generator.draw(SHOT, ramp(), ()).rgb != generator.draw(SHOT, None, ()).rgb).any()

    def test_takes_depth_of_any_length_and_size(self, generator: ShotGenerator) -> None:
        assert generator.draw(SHOT, ramp(7, 40, 90), ()).rgb.shape == (tiny.NUM_FRAMES, tiny.SIZE_PX, tiny.SIZE_PX, 3)

    def test_a_long_shot_is_drawn_in_windows_and_a_short_one_after_it_is_as_ever(self, tables: dict[str, Any]) -> None:
        long_shots = settings(tables["storybook"], {"max_duration_s": 8.0, "context_stride": 2})
        generator, short = build_generator(long_shots), SHOT.model_copy(update={"duration_s": 0.5})
        first = generator.draw(short, ramp(), ()).rgb
        long = generator.draw(SHOT, ramp(16), ()).rgb
        assert long.shape == (16, tiny.SIZE_PX, tiny.SIZE_PX, 3)                   # 2 s at 8 a second
        assert (long[12:] != long[:4]).any()
        assert generator.draw(SHOT, ramp(16), ()).rgb.tobytes() == long.tobytes()
        assert generator.draw(short, ramp(), ()).rgb.tobytes() == first.tobytes()

    def test_fingerprint_is_known_before_loading(self, generator: ShotGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
        from storyanim.generate import load

        monkeypatch.setattr(load, "load_pipeline", lambda models: pytest.fail("it loaded the model"))
        assert generator.fingerprint.startswith("story_video:")


class TestPans:
    def asked(self, tables: dict[str, Any], prompt: str, **generate: Any) -> tuple[float, float]:
        """noise_correlation and noise_shift of a shot."""
        given: dict[str, Any] = {}
        generator = build_generator(settings(tables["storybook"], {"noise_correlation": 0.3, **generate}))
        pipeline = generator._loaded.pipeline
        own = pipeline._noise

        def noise(shape: Any, source: Any, latents: Any, shared: float, shift: float) -> Any:
            given.update(shared=shared, shift=shift)
            return own(shape, source, latents, shared, shift)

        pipeline._noise = noise
        generator.draw(SHOT.model_copy(update={"prompt": prompt}), None, ())
        return given["shared"], given["shift"]

    def test_the_noise_moves_as_the_prompt_says(self, tables: dict[str, Any]) -> None:
        left = self.asked(tables, "a cab, the camera pans left", pan_speed=0.2, pan_noise_correlation=0.6)
        assert left == (0.6, 0.2 / 8)
        assert self.asked(tables, "a cab, panning right", pan_speed=0.2) == (0.5, -0.2 / 8)

    def test_it_stays_where_no_pan_is_said_or_wanted(self, tables: dict[str, Any]) -> None:
        assert self.asked(tables, "a cab", pan_speed=0.2) == (0.3, 0)
        assert self.asked(tables, "a cab, the camera pans left", pan_speed=0) == (0.3, 0)


class TestFingerprint:
    def test_needs_no_heavy_library(self) -> None:
        code = "import storyanim.generate.generator, sys; sys.exit(bool({'torch', 'diffusers'} & set(sys.modules)))"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    def test_changes_with_what_changes_the_frames(self, tables: dict[str, Any]) -> None:
        made = [settings(tables["storybook"]), settings(tables["sd15"]), settings(tables["sd15 controlnet"]),
                settings(tables["storybook"], {"guidance_scale": 4.0}),
                settings(tables["storybook"], {"control_guidance_end": 0.4}),
                settings(tables["storybook"], personalize={"guidance_scale": 7.5})]
        assert len({StoryGenerator(each).fingerprint for each in made}) == len(made)

    def test_ignores_the_machine(self, tables: dict[str, Any]) -> None:
        made = [settings(tables["storybook"], change) for change in ({}, {"dtype": "bfloat16"}, {"memory": "offload"})]
        assert len({StoryGenerator(each).fingerprint for each in made}) == 1


# ── characters ───────────────────────────────────────────────────────────────────────────────────────────────────────

SPATIAL = r".*\.attentions\.\d+\.transformer_blocks\.\d+\.attn[12]\.to_[qkv]"


def lora_of(generator: StoryGenerator, seed: int) -> dict[str, np.ndarray]:
    """Random low-rank weights as peft makes and names them, with diffusers' prefix."""
    unet = build_generator(generator._settings)._loaded.pipeline.unet
    torch.manual_seed(seed)
    unet.add_adapter(LoraConfig(r=2, lora_alpha=2, init_lora_weights=False, target_modules=SPATIAL), "mine")
    state = get_peft_model_state_dict(unet, adapter_name="mine")
    return {f"unet.{name}": weight.numpy() * 3 for name, weight in state.items()}


def character(generator: StoryGenerator, seed: int = 0, **changes: Any) -> CharacterToken:
    table = np.random.default_rng(seed).normal(size=(1000, tiny.WIDTH)).astype(np.float32)
    fields = {"name": "bear", "token": "<bear>", "noun": "bear", "table": table, "lora": {}, "base": generator.base, **changes}
    return CharacterToken(**fields)


@pytest.fixture
def ours(tables: dict[str, Any]) -> StoryGenerator:
    return build_generator(settings(tables["storybook"]))


NAMED = SHOT.model_copy(update={"prompt": "a <bear> walks", "characters": ("bear",)})


class TestCharacters:
    def test_table_draws_another_picture(self, ours: StoryGenerator) -> None:
        first, second = (ours.draw(NAMED, None, [character(ours, seed)]).rgb for seed in (0, 1))
        assert (first != second).any()

    def test_lora_keys_are_diffusers_and_spatial(self, ours: StoryGenerator) -> None:
        names = list(lora_of(ours, 0))
        assert "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight" in names
        assert not [name for name in names if "motion_modules" in name or ".to_out" in name]

    def test_lora_is_active_for_its_shot_only(self, ours: StoryGenerator) -> None:
        plain = ours.draw(SHOT, None, ()).rgb
        bare = ours.draw(NAMED, None, [character(ours)]).rgb
        adapted = {seed: character(ours, lora=lora_of(ours, seed)) for seed in (1, 2)}
        first = ours.draw(NAMED, None, [adapted[1]]).rgb
        second = ours.draw(NAMED, None, [adapted[2]]).rgb
        assert (first != bare).any()
        assert (first != second).any()
        assert (ours.draw(SHOT, None, ()).rgb == plain).all()
        assert (ours.draw(NAMED, None, [character(ours)]).rgb == bare).all()
        assert (ours.draw(NAMED, None, [adapted[1]]).rgb == first).all()

    def test_lora_equals_diffusers_own_loading(self, ours: StoryGenerator) -> None:
        lora = lora_of(ours, 1)
        adapted = ours.draw(SHOT, None, [character(ours, lora=lora)]).rgb
        stock = build_generator(settings({name: ref.model_dump() for name, ref in ours._settings.models
                                          if name in {"pipeline", "structure"}},
                                         {"guidance_scale": ours._settings.personalize.guidance_scale}))
        stock._loaded.pipeline.load_lora_weights({name: torch.from_numpy(array) for name, array in lora.items()})
        assert_same_picture(stock.draw(SHOT, None, ()).rgb, adapted)

    def test_nothing_is_said_to_the_terminal(self, ours: StoryGenerator, capfd: pytest.CaptureFixture[str],
                                             recwarn: pytest.WarningsRecorder) -> None:
        for seed in (1, 2):
            ours.draw(NAMED, ramp(), [character(ours, lora=lora_of(ours, seed))])
        assert capfd.readouterr() == ("", "")
        assert not [warning for warning in recwarn if "peft_config" in str(warning.message)]

    def test_the_base_is_loaded_once(self, ours: StoryGenerator) -> None:
        ours.draw(SHOT, None, ())
        unet = ours._loaded.pipeline.unet
        ours.draw(NAMED, None, [character(ours, lora=lora_of(ours, 1))])
        ours.draw(NAMED, None, [character(ours, lora=lora_of(ours, 1))])
        assert ours._loaded.pipeline.unet is unet
        assert len(unet.peft_config) == 1

    def test_lora_takes_the_models_numbers(self, tables: dict[str, Any]) -> None:
        lora = lora_of(build_generator(settings(tables["storybook"])), 1)
        ours = build_generator(settings(tables["storybook"], {"dtype": "bfloat16"}))
        ours.draw(NAMED, ramp(), [character(ours, lora=lora)])
        pipeline = ours._loaded.pipeline
        assert {weight.dtype for weight in pipeline.unet.state_dict().values()} == {torch.bfloat16}
        assert {pipeline.vae.dtype, pipeline.text_encoder.dtype} == {torch.float32}

    def test_two_characters_in_a_shot(self, ours: StoryGenerator) -> None:
        both = NAMED.model_copy(update={"prompt": "a <bear> sees a <cat>"})
        bear, cat = character(ours, lora=lora_of(ours, 1)), character(ours, 1, token="<cat>", name="cat", lora=lora_of(ours, 2))
        drawn = ours.draw(both, ramp(), [bear, cat]).rgb
        assert (drawn != ours.draw(both, ramp(), [bear, character(ours, 1, token="<cat>", name="cat")]).rgb).any()

    def test_two_characters_with_regions_wear_their_own_weights_in_full(
        self, ours: StoryGenerator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bear = character(ours, lora=lora_of(ours, 1))
        cat = character(ours, 1, token="<cat>", name="cat", noun="cat", lora=lora_of(ours, 2))
        prompt = "a <bear> bear and a <cat> cat"
        shot = NAMED.model_copy(update={"prompt": f"{prompt} there", "figures": 2, "entities": (
            ShotEntity(name="bear", prompt=f"{prompt} run"), ShotEntity(name="cat", prompt=f"{prompt} sleep"))})
        seen: list[Any] = []
        real = type(ours._loaded.pipeline).__call__

        def call(pipeline: Any, *args: Any, **given: Any) -> Any:
            seen.append((given["regions"], {name: layer.scaling for name, layer in pipeline.unet.named_modules()
                                            if hasattr(layer, "lora_B")}))
            return real(pipeline, *args, **given)

        monkeypatch.setattr(type(ours._loaded.pipeline), "__call__", call)
        both = ours.draw(shot, None, [bear, cat]).rgb
        (one, other), scales = seen[0]
        assert len({*one.adapters, *other.adapters}) == 2                      # each its own, in its own region
        assert all(set(scale.values()) == {1.0} for scale in scales.values())
        plain = ours.draw(shot.model_copy(update={"entities": ()}), None, [bear, cat]).rgb
        assert any(0.5 in scale.values() for scale in seen[1][1].values())     # without regions each has half a say
        assert not np.array_equal(both, plain)
        swapped = shot.model_copy(update={"entities": tuple(entity.model_copy(update={"name": name}) for entity, name
                                                            in zip(shot.entities, ("cat", "bear"), strict=True))})
        assert not np.array_equal(both, ours.draw(swapped, None, [bear, cat]).rgb)

    def test_structure_may_end_sooner_for_two(self, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        ended: list[float] = []
        ends = {"control_guidance_end": 0.7, "control_guidance_end_multi": 0.2, "control_guidance_end_entities": 0.5}
        ours = build_generator(settings(tables["storybook"], ends))
        own = ours._loaded.pipeline.__class__.__call__

        def call(pipeline: Any, *args: Any, **given: Any) -> Any:
            ended.append(given["control_guidance_end"])
            return own(pipeline, *args, **given)

        monkeypatch.setattr(ours._loaded.pipeline.__class__, "__call__", call)
        bear, cat = character(ours), character(ours, 1, token="<cat>", name="cat")
        for tokens in ([], [bear], [bear, cat]):
            ours.draw(SHOT, ramp(), tokens)
        ours.draw(SHOT.model_copy(update={"figures": 2}), ramp(), [bear])
        entities = (ShotEntity(prompt="both run"), ShotEntity(prompt="both sleep"))
        ours.draw(SHOT.model_copy(update={"figures": 2, "entities": entities}), ramp(), [])
        assert ended == [0.7, 0.7, 0.2, 0.2, 0.5]

    def test_characters_have_their_own_guidance(self, tables: dict[str, Any]) -> None:
        own = build_generator(settings(tables["storybook"], personalize={"guidance_scale": 4.0}))
        same = build_generator(settings(tables["storybook"], {"guidance_scale": 4.0}, personalize={"guidance_scale": 1.2}))
        assert_same_picture(own.draw(SHOT, None, [character(own)]).rgb, same.draw(SHOT, None, ()).rgb)
        assert (own.draw(SHOT, None, ()).rgb != same.draw(SHOT, None, ()).rgb).any()

    def test_token_of_another_base_is_refused(self, ours: StoryGenerator) -> None:
        assert ours.base == hub.fingerprint(ours._settings.models.pipeline)
        with pytest.raises(CharacterError, match="another base model"):
            ours.draw(NAMED, None, [character(ours, base="other")])

    def test_pseudo_word_without_a_token_is_refused(self, ours: StoryGenerator) -> None:
        with pytest.raises(CharacterError, match="<bear>"):
            ours.draw(NAMED, None, ())

    def test_an_embedding_that_is_not_given_is_refused(self, tables: Any) -> None:
        avoiding = build_generator(settings(tables["storybook"], {"negative_prompt": "<easynegative>, bad"}))
        with pytest.raises(UsageError, match="negative_prompt names <easynegative>"):
            avoiding.draw(SHOT, None, ())

    @pytest.mark.parametrize("lora", [
        {"unet.mid_block.attentions.0.no_layer.lora_A.weight": np.ones((2, 16), np.float32)},
        {"unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight": np.ones((2, 5), np.float32)},
        {"lora_unet_something": np.ones((2, 16), np.float32)},
    ], ids=["layer", "width", "name"])
    def test_lora_that_does_not_fit_is_refused(self, ours: StoryGenerator, lora: dict[str, np.ndarray]) -> None:
        plain = ours.draw(SHOT, None, ()).rgb
        with pytest.raises(CharacterError, match="LoRA"):
            ours.draw(NAMED, None, [character(ours, lora=lora)])
        assert (ours.draw(SHOT, None, ()).rgb == plain).all()


class TestErrors:
    def test_too_many_frames(self, tables: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match="frames"):
            build_generator(settings(tables["storybook"], {"num_frames": 9})).draw(SHOT, None, ())

    def test_size_that_the_autoencoder_cannot_halve(self, tables: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match="60x64") as caught:
            build_generator(settings(tables["storybook"], {"width_px": 60})).draw(SHOT, None, ())
        assert "multiples of 8" in caught.value.hint

    def test_memory(self, ours: StoryGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise torch.OutOfMemoryError("out of memory")

        monkeypatch.setattr(ours._loaded.pipeline.unet, "forward", fail)
        ours._loaded.ladder._rungs = ("fast",)
        with pytest.raises(ResourceError):
            ours.draw(SHOT, None, ())

    def test_numbers_that_are_none(self, ours: StoryGenerator) -> None:
        torch.nn.init.constant_(ours._loaded.pipeline.unet.conv_in.weight, float("nan"))
        with pytest.raises(ModelError, match="not numbers"):
            ours.draw(SHOT, None, ())


class TestFitDepth:
    def test_same_size_is_kept(self) -> None:
        depth = ramp()
        assert np.array_equal(fit_depth(depth, depth.inverse_depth.shape), depth.inverse_depth)

    def test_time_takes_first_and_last_moment_and_mixes_none(self) -> None:
        depth = ramp(7)
        fitted = fit_depth(depth, (3, tiny.SIZE_PX, tiny.SIZE_PX))
        assert np.array_equal(fitted, depth.inverse_depth[[0, 3, 6]])
        longer = fit_depth(depth, (14, tiny.SIZE_PX, tiny.SIZE_PX))
        assert np.array_equal(longer[[0, -1]], depth.inverse_depth[[0, 6]])

    @pytest.mark.parametrize("size", [(64, 128), (128, 64), (50, 90)])
    def test_picture_is_cropped_around_its_centre(self, size: tuple[int, int]) -> None:
        inverse_depth = np.zeros((1, *size), np.float32)
        y, x = (side // 2 for side in size)
        inverse_depth[:, y - 8:y + 8, x - 8:x + 8] = 1.0
        fitted = fit_depth(DepthTrack(inverse_depth=inverse_depth, fps=8.0), (2, 32, 32))
        assert fitted.shape == (2, 32, 32)
        rows, columns = np.nonzero(fitted[0] > 0.5)
        assert abs(rows.mean() - 15.5) < 1
        assert abs(columns.mean() - 15.5) < 1
        assert np.ptp(rows) == np.ptp(columns)                                                   # squares stay square
