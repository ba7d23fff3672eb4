"""From the published checkpoint to a folder: what is taken, and what is refused or never run."""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import sys
import types
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from slow_frozen import slow_clip
from tiny_frozen import VOCABULARY, Tiny, published_weights, save_tiny_frozen, save_tiny_tokenizer
from tolerance import assert_close

from storyanim.artifacts import Frames
from storyanim.config import ModelRef
from storyanim.errors import ModelError, ResourceError, UsageError
from storyanim.retrieve.encoders import FrozenInTimeEncoder
from storyanim.retrieve.frozen_in_time_checkpoint import (
    convert_checkpoint,
    read_checkpoint,
    resize_temporal_embed,
)

HEADS = {"video_heads": 2, "text_heads": 2}
TINY = Tiny()


def state_dict(tiny: Tiny = TINY, prefix: str = "") -> OrderedDict[str, torch.Tensor]:
    return OrderedDict((prefix + name, torch.from_numpy(weight)) for name, weight in published_weights(tiny).items())


def save_checkpoint(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    """As a training loop saves it: optimizer, epoch, and the settings as an object of a module that is gone afterwards."""
    gone = types.ModuleType("parse_config")

    class ConfigParser:
        def __init__(self) -> None:
            self.resume, self._save_dir = None, Path("exps") / "models"
            self._config = OrderedDict(name="WebVid", n_gpu=4, arch={"type": "FrozenInTime", "args": {"rate": 3e-5, "on": True}})
            self.log_levels = {0: logging.WARNING, 1: logging.INFO}

    ConfigParser.__module__, ConfigParser.__qualname__ = gone.__name__, "ConfigParser"
    gone.ConfigParser = ConfigParser
    sys.modules[gone.__name__] = gone
    moments = {i: {"step": 3, "exp_avg": torch.zeros_like(weight)} for i, weight in enumerate(weights.values())}
    try:
        torch.save({"arch": "FrozenInTime", "epoch": 12, "state_dict": weights, "monitor_best": np.float64(0.5),
                    "optimizer": {"state": moments, "param_groups": [{"lr": 3e-5, "params": list(moments)}]},
                    "config": ConfigParser()}, path)
    finally:
        del sys.modules[gone.__name__]
    return path


def read_weights(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


class TestConverted:
    @pytest.mark.parametrize("prefix", ["", "module."])
    def test_a_checkpoint_of_a_training_loop(self, tmp_path: Path, prefix: str) -> None:
        checkpoint = save_checkpoint(tmp_path / "published.pth.tar", state_dict(prefix=prefix))
        words = save_tiny_tokenizer(tmp_path / "words")
        convert_checkpoint(checkpoint, tmp_path / "model", tokenizer=words, **HEADS)
        assert "parse_config" not in sys.modules
        held, wanted = read_weights(tmp_path / "model"), published_weights(TINY)
        assert held.keys() == wanted.keys()
        assert all(np.array_equal(held[name], wanted[name]) for name in wanted)
        assert json.loads((tmp_path / "model/config.json").read_text()) == TINY.config
        assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "published.pth.tar", "words"]

    def test_the_folder_is_read_by_the_encoder(self, tmp_path: Path) -> None:
        checkpoint = save_checkpoint(tmp_path / "published.pth.tar", state_dict())
        convert_checkpoint(checkpoint, tmp_path / "model", tokenizer=save_tiny_tokenizer(tmp_path / "words"), **HEADS)
        made, straight = (FrozenInTimeEncoder(ModelRef(repo=str(folder))) for folder in
                          (tmp_path / "model", save_tiny_frozen(tmp_path / "straight")))
        rgb = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 3), np.uint8)
        assert np.abs(made.encode_clips([Frames(rgb, 8.0)])[0] - slow_clip(rgb, published_weights(TINY), TINY)).max() < 1e-5
        assert_close(made.encode_texts(["a red bear"]), straight.encode_texts(["a red bear"]))

    def test_a_bare_state_dict_in_half_precision_without_a_tokenizer(self, tmp_path: Path) -> None:
        weights = {name: weight.half() for name, weight in state_dict().items()}
        torch.save(weights, tmp_path / "bare.pt")
        convert_checkpoint(tmp_path / "bare.pt", tmp_path / "new" / "model", **HEADS)
        assert {path.name for path in (tmp_path / "new/model").iterdir()} == {"config.json", "model.safetensors"}
        held = read_weights(tmp_path / "new/model")
        assert all(np.array_equal(held[name], weight.float().numpy()) for name, weight in weights.items())

    def test_a_file_of_an_older_torch(self, tmp_path: Path) -> None:
        torch.save({"state_dict": state_dict()}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
        assert convert_checkpoint(tmp_path / "old.pt", tmp_path / "model", **HEADS).model_dump() == TINY.config

    def test_sizes_come_from_the_weights(self, tmp_path: Path) -> None:
        tiny = Tiny(image_px=24, patch_px=4, num_frames=6, width=128, depth=3, mlp_width=20, num_heads=2, text_width=64,
                    text_heads=1, text_depth=1, max_words=9, projection_dim=11)
        torch.save(state_dict(tiny), tmp_path / "bare.pt")
        assert convert_checkpoint(tmp_path / "bare.pt", tmp_path / "model").model_dump() == tiny.config

    def test_positions_of_older_transformers_are_left_out(self, tmp_path: Path) -> None:
        positions = {"text_model.embeddings.position_ids": torch.arange(TINY.max_words)[None]}
        torch.save({"state_dict": state_dict() | positions}, tmp_path / "bare.pt")
        convert_checkpoint(tmp_path / "bare.pt", tmp_path / "model", **HEADS)
        assert read_weights(tmp_path / "model").keys() == state_dict().keys()

    def test_an_earlier_one_is_replaced(self, tmp_path: Path) -> None:
        torch.save(state_dict(), tmp_path / "bare.pt")
        convert_checkpoint(tmp_path / "bare.pt", tmp_path / "model", tokenizer=save_tiny_tokenizer(tmp_path / "words"), **HEADS)
        convert_checkpoint(tmp_path / "bare.pt", tmp_path / "model", **HEADS)
        assert {path.name for path in (tmp_path / "model").iterdir()} == {"config.json", "model.safetensors"}

    def test_temporal_embeddings_are_cut_or_followed_by_zeros(self) -> None:
        known = torch.arange(1, 9).reshape(1, 4, 2)
        assert resize_temporal_embed(known, 4).equal(known)
        assert resize_temporal_embed(known, 2).tolist() == [[[1, 2], [3, 4]]]
        assert resize_temporal_embed(known, 6).tolist() == [[[1, 2], [3, 4], [5, 6], [7, 8], [0, 0], [0, 0]]]


class Harm:
    """Pickled as a call."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.arguments


CALLS = {"system": lambda mark: Harm(os.system, f"touch '{mark}'"), "exec": lambda mark: Harm(exec, f"open({mark!r}, 'w')"),
         "open": lambda mark: Harm(open, mark, "w"), "process": lambda mark: Harm(subprocess.Popen, ["touch", mark]),
         "getattr": lambda mark: Harm(getattr, list, "append"), "mkdir": lambda mark: Harm(os.mkdir, mark)}


class TestNothingIsRun:
    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("place", ["settings", "weight", "all"])
    @pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "old"])
    def test_a_call_in_a_checkpoint(self, tmp_path: Path, call: str, place: str, is_zip: bool) -> None:
        mark = tmp_path / "mark"
        harm = CALLS[call](str(mark))
        content = {"settings": {"state_dict": state_dict(), "config": harm},
                   "weight": {"state_dict": state_dict() | {"vid_proj.0.bias": harm}}, "all": harm}[place]
        torch.save(content, tmp_path / "bad.pt", _use_new_zipfile_serialization=is_zip)
        try:
            weights = read_checkpoint(tmp_path / "bad.pt")
        except ModelError:
            pass
        else:
            assert (place, is_zip) == ("settings", True)                # made inert
            assert all(isinstance(weight, torch.Tensor) for weight in weights.values())
        assert not mark.exists()

    def test_the_calls_would_do_harm(self, tmp_path: Path) -> None:
        torch.save(CALLS["exec"](str(tmp_path / "mark")), tmp_path / "bad.pt")
        torch.load(tmp_path / "bad.pt", weights_only=False)
        assert (tmp_path / "mark").exists()

    def test_what_is_let_through_does_not_stay(self, tmp_path: Path) -> None:
        before = set(torch.serialization.get_safe_globals())
        read_checkpoint(save_checkpoint(tmp_path / "published.pth.tar", state_dict()))
        assert set(torch.serialization.get_safe_globals()) == before


class TestRefused:
    def refused(self, folder: Path, content: object, **options: Any) -> ModelError:
        torch.save(content, folder / "given.pt")
        with pytest.raises(ModelError) as caught:
            convert_checkpoint(folder / "given.pt", folder / "model", **(HEADS | options))
        assert caught.value.hint
        assert not [path for path in folder.iterdir() if "model" in path.name]
        return caught.value

    @pytest.mark.parametrize("lost", ["video_model.blocks.1.timeattn.proj.bias", "video_model.temporal_embed",
                                      "txt_proj.1.weight", "vid_proj.0.weight", "text_model.transformer.layer.0.ffn.lin1.weight"])
    def test_missing_weights_are_named(self, tmp_path: Path, lost: str) -> None:
        weights = state_dict()
        del weights[lost]
        assert lost in self.refused(tmp_path, weights).message

    def test_unknown_weights_are_named(self, tmp_path: Path) -> None:
        weights = state_dict() | {"video_model.head.weight": torch.zeros(2, 2)}
        assert "has unknown 1 weights, such as video_model.head.weight" in self.refused(tmp_path, weights).message

    @pytest.mark.parametrize("name", ["video_model.blocks.0.attn.qkv.weight", "video_model.pos_embed", "txt_proj.1.bias"])
    def test_weights_of_another_size_are_named(self, tmp_path: Path, name: str) -> None:
        weights = state_dict()
        dim = max(0, weights[name].ndim - 2)
        weights[name] = torch.cat([weights[name], weights[name].narrow(dim, 0, 1)], dim)                     # one row more
        assert name in self.refused(tmp_path, weights).message

    @pytest.mark.parametrize("name", ["video_model.patch_embed.proj.weight", "video_model.temporal_embed", "vid_proj.0.weight",
                                      "text_model.embeddings.word_embeddings.weight"])
    def test_weights_of_another_layout(self, tmp_path: Path, name: str) -> None:
        assert "sizes" in self.refused(tmp_path, state_dict() | {name: torch.tensor(1.0)}).message

    def test_widths_that_do_not_tell_the_heads(self, tmp_path: Path) -> None:
        self.refused(tmp_path, state_dict(), video_heads=None)

    @pytest.mark.parametrize("content", [[], {}, {"state_dict": {}}, {"state_dict": {"a": 1}}, {"epoch": 3}, {1: torch.ones(1)}],
                             ids=str)
    def test_no_state_dict(self, tmp_path: Path, content: object) -> None:
        assert "no state_dict" in self.refused(tmp_path, content).message

    @pytest.mark.parametrize("data", [b"", b"broken", pickle.dumps({"a": 1}), b"PK\x03\x04" + bytes(40)],
                             ids=["empty", "text", "pickle", "zip"])
    def test_files_of_another_kind(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "given.pt").write_bytes(data)
        with pytest.raises(ModelError):
            convert_checkpoint(tmp_path / "given.pt", tmp_path / "model")

    def test_half_a_file(self, tmp_path: Path) -> None:
        data = save_checkpoint(tmp_path / "whole.pt", state_dict()).read_bytes()
        (tmp_path / "given.pt").write_bytes(data[:len(data) // 2])
        with pytest.raises(ModelError, match="broken"):
            convert_checkpoint(tmp_path / "given.pt", tmp_path / "model")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="no checkpoint"):
            convert_checkpoint(tmp_path / "none.pt", tmp_path / "model")

    def test_a_tokenizer_that_knows_other_words(self, tmp_path: Path) -> None:
        (tmp_path / "words").mkdir()
        assert "knows 5 words" in self.refused(tmp_path, state_dict(), tokenizer=tmp_path / "words").message
        assert f"its model {len(VOCABULARY)}" in self.refused(tmp_path, state_dict(), tokenizer=tmp_path / "words").message

    def test_a_place_that_holds_something_else(self, tmp_path: Path) -> None:
        torch.save(state_dict(), tmp_path / "bare.pt")
        (tmp_path / "full").mkdir()
        (tmp_path / "full/thesis.txt").write_text("mine")
        for place in ("full", "bare.pt"):
            with pytest.raises(UsageError, match=place):
                convert_checkpoint(tmp_path / "bare.pt", tmp_path / place, **HEADS)
        assert (tmp_path / "full/thesis.txt").read_text() == "mine"

    def test_a_full_disk_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*given: object) -> None:
            raise OSError(28, "No space left on device")

        torch.save(state_dict(), tmp_path / "bare.pt")
        monkeypatch.setattr("storyanim.retrieve.frozen_in_time_checkpoint.save_network", full)
        with pytest.raises(ResourceError):
            convert_checkpoint(tmp_path / "bare.pt", tmp_path / "model", **HEADS)
        assert [path.name for path in tmp_path.iterdir()] == ["bare.pt"]
