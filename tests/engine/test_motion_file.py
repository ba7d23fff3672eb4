"""Motion files: what is written comes back, and what is none is told so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from storyanim.artifacts import CharacterToken, DepthTrack, Motion
from storyanim.engine.character_file import save_character_token
from storyanim.engine.motion_file import load_motion, motion_bytes, save_motion
from storyanim.engine.steps import content_key
from storyanim.errors import MotionError

LAYER = "unet.down_blocks.0.motion_modules.0.transformer_blocks.0.attn1.to_q"


def motion(name: str = "bowing", base: str = "base-1") -> Motion:
    rng = np.random.default_rng(0)
    lora = {f"{LAYER}.lora_A.weight": rng.standard_normal((2, 8)).astype(np.float32),
            f"{LAYER}.lora_B.weight": rng.standard_normal((8, 2)).astype(np.float32)}
    depth = DepthTrack(rng.random((4, 6, 8)).astype(np.float32), 8.0)
    return Motion(name, lora, depth, base, {"steps": "3"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_motion(tmp_path / "bowing.safetensors", motion())
    return tmp_path / "bowing.safetensors"


def complaint(file: Path) -> MotionError:
    with pytest.raises(MotionError) as caught:
        load_motion(file)
    assert caught.value.exit_code == 4
    assert caught.value.hint
    return caught.value


class TestRoundTrip:
    def test_comes_back_equal(self, file: Path) -> None:
        assert content_key(load_motion(file)) == content_key(motion())
        assert motion_bytes(load_motion(file)) == file.read_bytes()

    def test_is_named_in_whole_words_only(self) -> None:
        assert motion().is_named_in("a fox Bowing, at night")
        assert not motion().is_named_in("an elbowing fox", "a bow", "")


class TestOtherFiles:
    def test_none(self, tmp_path: Path) -> None:
        assert "there is no motion file" in complaint(tmp_path / "none.safetensors").message

    def test_a_character(self, tmp_path: Path) -> None:
        token = CharacterToken("bruno", "<bruno>", "bear", np.zeros((10, 4), np.float32), {}, "base-1")
        save_character_token(tmp_path / "bruno.safetensors", token)
        assert "a character file" in complaint(tmp_path / "bruno.safetensors").message

    def test_a_lora(self, tmp_path: Path) -> None:
        save_file({"unet.lora_A.weight": np.zeros((2, 2), np.float32)}, tmp_path / "lora.safetensors")
        assert "but a LoRA" in complaint(tmp_path / "lora.safetensors").message

    def test_text(self, tmp_path: Path) -> None:
        (tmp_path / "text.safetensors").write_text("hello")
        assert "not a readable safetensors file" in complaint(tmp_path / "text.safetensors").message

    @pytest.mark.parametrize("part", ["depth", f"lora.{LAYER}.lora_A.weight"])
    def test_a_changed_value(self, file: Path, part: str) -> None:
        with safe_open(file, framework="numpy") as opened:
            metadata = opened.metadata()
        tensors = load_file(file)
        tensors[part].flat[0] += 0.25
        save_file(tensors, file, metadata)
        assert "changed after it was written" in complaint(file).message

    @pytest.mark.parametrize("length", [10, 100, 400])
    def test_a_torn_file(self, file: Path, length: int) -> None:
        file.write_bytes(file.read_bytes()[:length])
        complaint(file)

    def test_a_later_format(self, file: Path) -> None:
        with safe_open(file, framework="numpy") as opened:
            metadata = opened.metadata()
        save_file(load_file(file) | {"format": np.array([9], np.int64)}, file, metadata)
        assert "another version" in complaint(file).message

    def test_words_that_are_none(self, file: Path) -> None:
        save_file(load_file(file), file, {"storyanim_motion": json.dumps({"name": 3})})
        assert "broken motion file" in complaint(file).message


def test_another_base_is_refused() -> None:
    motion().check_base("base-1", "storybook")
    with pytest.raises(MotionError, match="another base model than that of the profile storybook"):
        motion().check_base("base-2", "storybook")
