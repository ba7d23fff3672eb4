"""Character files that are damaged, foreign or of a later format, and stock diffusers, which must not misread them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from diffusers import AnimateDiffPipeline, StableDiffusionPipeline
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from storyanim.artifacts import CharacterToken
from storyanim.engine.character_file import load_character_token, save_character_token
from storyanim.engine.steps import content_key
from storyanim.errors import CharacterError

LAYER = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


def token(lora: bool = True) -> CharacterToken:
    rng = np.random.default_rng(0)
    halves = {f"{LAYER}.lora_A.weight": rng.standard_normal((2, 8)), f"{LAYER}.lora_B.weight": rng.standard_normal((8, 2))}
    matrices = {key: matrix.astype(np.float32) for key, matrix in halves.items()} if lora else {}
    table = rng.standard_normal((1000, tiny.WIDTH)).astype(np.float32)
    return CharacterToken("bruno", "<bruno>", "bear", table, matrices, "base-1", {"steps": "3"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_character_token(tmp_path / "bruno.safetensors", token())
    return tmp_path / "bruno.safetensors"


@pytest.mark.parametrize("learned", [True, False])
def test_pictures_go_with_it_and_their_absence_changes_no_key(tmp_path: Path, learned: bool) -> None:
    rgb = tuple(np.random.default_rng(1).integers(0, 255, (11, 6, 5, 3)).astype(np.uint8))
    shown = replace(token(), pictures=rgb)
    shown = shown if learned else replace(shown, table=np.zeros((0, 0), np.float32), lora={})
    save_character_token(tmp_path / "shown.safetensors", shown)
    read = load_character_token(tmp_path / "shown.safetensors")
    assert all((one == other).all() for one, other in zip(read.pictures, rgb, strict=True))
    assert read.is_learned is learned
    assert content_key(read) == content_key(shown) != content_key(token())
    # as before there were pictures
    assert content_key(token()) == "998b3e25a30552120a54b44486f0cb19569d3cb5bb188a0c68985c0124c9ea06"
    assert read.expand_prompt("a <bruno> bear runs to <bruno>") == ("a <bruno> bear runs to <bruno>" if learned else "a bear runs to bear")


Change = Callable[[dict[str, Any], dict[str, Any]], None]


def rewritten(file: Path, change: Change) -> Path:
    """The file with its tensors and words changed by `change`, without the checksum, as files of the first version were."""
    with safe_open(file, framework="numpy") as opened:
        words = json.loads(opened.metadata()["storyanim_character"])
    tensors = load_file(file)
    del words["sha256"]
    change(tensors, words)
    save_file(tensors, file, {"storyanim_character": json.dumps(words)})
    return file


def complaint(file: Path) -> CharacterError:
    with pytest.raises(CharacterError) as caught:
        load_character_token(file)
    assert caught.value.exit_code == 4
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value


class TestDamage:
    def test_every_cut_is_told(self, file: Path) -> None:
        data = file.read_bytes()
        for length in (0, 4, 8, 50, len(data) // 2, len(data) - 1):
            file.write_bytes(data[:length])
            assert "not a readable safetensors file" in complaint(file).message

    @pytest.mark.parametrize("where", [0.3, 0.6, 0.99])
    def test_a_changed_value_is_told(self, file: Path, where: float) -> None:
        data = bytearray(file.read_bytes())
        data[int(where * len(data))] ^= 0x01
        file.write_bytes(data)
        assert "changed after it was written" in complaint(file).message

    def test_files_without_a_checksum_are_read(self, file: Path) -> None:
        again = load_character_token(rewritten(file, lambda tensors, words: None))
        assert np.array_equal(again.table, token().table)

    @pytest.mark.parametrize(("change", "word"), [
        (lambda tensors, words: tensors["table"].__setitem__(3, np.nan), "not numbers"),
        (lambda tensors, words: tensors[f"lora.{LAYER}.lora_A.weight"].__setitem__(0, np.inf), "not numbers"),
        (lambda tensors, words: tensors.pop("table"), "table"),
        (lambda tensors, words: tensors.update(table=np.zeros(5, np.float32)), "num_train_timesteps"),
        (lambda tensors, words: tensors.update(table=np.zeros((5, 5), np.float64)), "float32"),
        (lambda tensors, words: tensors.update({"lora.x": np.zeros((2, 2), np.float16)}), "no float32 matrix"),
        (lambda tensors, words: tensors.update(format=np.array([], np.int64)), "format is 0"),
        (lambda tensors, words: tensors.update(format=np.array([1.0])), "format is 0"),
        (lambda tensors, words: words.update(name=3), "no texts"),
        (lambda tensors, words: words.pop("base"), "base"),
        (lambda tensors, words: words.update(metadata={"steps": 3}), "no texts"),
        (lambda tensors, words: words.update(metadata=None), "broken"),
    ])
    def test_what_is_no_character_is_told(self, file: Path, change: Change, word: str) -> None:
        assert word in complaint(rewritten(file, change)).message

    def test_missing(self, tmp_path: Path) -> None:
        assert "no character file" in complaint(tmp_path / "nowhere.safetensors").message


class TestForeign:
    def test_a_later_format_asks_for_an_update(self, file: Path) -> None:
        error = complaint(rewritten(file, lambda tensors, words: tensors.update(format=np.array([2]))))
        assert "format 2, this one reads 1" in error.message
        assert "update storyanim" in error.hint

    def test_tensors_that_no_character_has(self, file: Path) -> None:
        other = {"weights.unet.conv_in.weight": np.zeros((2, 2), np.float32)}
        assert "which no character has" in complaint(rewritten(file, lambda tensors, words: tensors.update(other))).message

    @pytest.mark.parametrize(("names", "word"), [
        ((f"{LAYER}.lora_A.weight", f"{LAYER}.lora_B.weight"), "a LoRA"), (("<bear>",), "a textual inversion"),
        (("table", "format"), "no character file of storyanim"),
    ])
    def test_other_peoples_files(self, tmp_path: Path, names: tuple[str, ...], word: str) -> None:
        save_file({name: np.zeros((2, 2), np.float32) for name in names}, tmp_path / "x.safetensors")
        assert word in complaint(tmp_path / "x.safetensors").message


@pytest.mark.parametrize("lora", [True, False])
class TestStockDiffusers:
    @pytest.fixture(params=["image", "video"])
    def stock(self, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
        parts = tiny.parts(tmp_path)
        if request.param == "video":
            return AnimateDiffPipeline(**parts, motion_adapter=None)
        return StableDiffusionPipeline(**parts | {"unet": tiny.unet_2d()}, safety_checker=None, feature_extractor=None,
                                       requires_safety_checker=False)

    @pytest.mark.parametrize("word", [None, "<bruno>"])
    def test_refuses_it_as_a_textual_inversion(self, stock: Any, tmp_path: Path, lora: bool, word: str | None) -> None:
        save_character_token(tmp_path / "bruno.safetensors", token(lora))
        with pytest.raises(ValueError, match="incorrect"):
            stock.load_textual_inversion(str(tmp_path / "bruno.safetensors"), token=word)
        assert "<bruno>" not in stock.tokenizer.get_vocab()

    def test_refuses_it_as_a_lora(self, stock: Any, tmp_path: Path, lora: bool) -> None:
        save_character_token(tmp_path / "bruno.safetensors", token(lora))
        with pytest.raises(ValueError, match="Invalid LoRA"):
            stock.load_lora_weights(str(tmp_path / "bruno.safetensors"))
        assert not getattr(stock.unet, "peft_config", None)
