"""The Frozen in Time encoder against a slow recomputation, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from slow_frozen import slow_clip
from tiny_clip import save_tiny_clip
from tiny_frozen import VOCABULARY, Tiny, published_weights, save_tiny_frozen
from tolerance import assert_close

from storyanim.artifacts import Frames
from storyanim.config import ModelRef, load_settings
from storyanim.errors import IndexFolderError, ModelError
from storyanim.retrieve.build import build_index
from storyanim.retrieve.encoders import CLIPEncoder, FrozenInTimeEncoder, build_encoder
from storyanim.retrieve.frozen_in_time import FrozenInTime
from storyanim.retrieve.frozen_in_time_config import FrozenInTimeConfig
from storyanim.retrieve.index import VideoIndex
from storyanim.retrieve.windows import read_windows

SMALL = Tiny()
SIZES = {
    "small": SMALL,
    "nine-patches": Tiny(image_px=24, width=12, num_heads=3, depth=1, projection_dim=5),
    "deep": Tiny(image_px=8, patch_px=4, width=8, num_heads=1, depth=3, mlp_width=24, num_frames=6),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_frozen(tmp_path_factory.mktemp("frozen") / "small")


def encoder_of(folder: Path, **settings: int) -> FrozenInTimeEncoder:
    return FrozenInTimeEncoder(ModelRef(repo=str(folder)), **settings)


def clip_of(length: int, shape: tuple[int, int] = (40, 56), seed: int = 1) -> Frames:
    return Frames(np.random.default_rng(seed).integers(0, 256, (length, *shape, 3), np.uint8), 8.0)


class TestEqualToTheSlowOne:
    @pytest.mark.parametrize("tiny", SIZES.values(), ids=SIZES)
    @pytest.mark.parametrize("length", [1, 2, 3, 4])
    def test_sizes_and_lengths(self, tiny: Tiny, length: int, tmp_path: Path) -> None:
        clip = clip_of(length)
        wanted = slow_clip(clip.rgb, published_weights(tiny, 7), tiny)
        found = encoder_of(save_tiny_frozen(tmp_path / "model", tiny, 7)).encode_clips([clip])
        assert np.abs(found[0] - wanted).max() < 1e-5

    @pytest.mark.parametrize("shape", [(16, 16), (18, 18), (9, 31), (70, 20), (300, 301)], ids=str)
    def test_shapes_of_frames(self, folder: Path, shape: tuple[int, int]) -> None:
        clip = clip_of(4, shape)
        wanted = slow_clip(clip.rgb, published_weights(SMALL), SMALL)
        assert np.abs(encoder_of(folder).encode_clips([clip])[0] - wanted).max() < 1e-5

    @pytest.mark.parametrize("num_frames", [1, 2, 6])
    def test_another_number_of_frames_than_it_was_trained_with(self, folder: Path, num_frames: int) -> None:
        clip = clip_of(num_frames)
        wanted = slow_clip(clip.rgb, published_weights(SMALL), SMALL)
        assert np.abs(encoder_of(folder, num_frames=num_frames).encode_clips([clip])[0] - wanted).max() < 1e-5

    def test_clips_of_many_lengths_and_shapes_keep_their_places(self, folder: Path) -> None:
        clips = [clip_of(length, shape, seed) for seed, (length, shape) in
                 enumerate([(4, (20, 30)), (1, (20, 30)), (9, (30, 20)), (3, (16, 16)), (4, (64, 64)), (16, (20, 20))])]
        encoder = encoder_of(folder, batch_size=8)
        wanted = [slow_clip(clip.rgb[encoder.sample_frame_indices(len(clip.rgb))], published_weights(SMALL), SMALL) for clip in clips]
        assert np.abs(encoder.encode_clips(clips) - wanted).max() < 1e-5

    def test_the_order_of_frames_matters(self, folder: Path) -> None:
        clip = clip_of(4)
        turned = Frames(clip.rgb[::-1].copy(), clip.fps)
        forth, back = encoder_of(folder).encode_clips([clip, turned])
        assert np.abs(forth - back).max() > 1e-3

    def test_texts_by_stock_distilbert(self, folder: Path) -> None:
        from transformers import DistilBertConfig, DistilBertModel

        weights = published_weights(SMALL)
        stock = DistilBertModel(DistilBertConfig(**SMALL.config["text"])).eval()
        of_text = {name.removeprefix("text_model."): torch.from_numpy(weight) for name, weight in weights.items()
                   if name.startswith("text_model.")}
        assert not stock.load_state_dict(of_text, strict=False).missing_keys
        said = {"a red bear runs in the forest": ["a", "red", "bear", "run", "##s", "in", "the", "forest"],
                "Blue ox": ["blue", "[UNK]"], "": []}
        wanted = []
        for words in said.values():                  # each alone, so that nothing is padded
            ids = [VOCABULARY.index(word) for word in ["[CLS]", *words, "[SEP]"]]
            with torch.no_grad():
                first = stock(input_ids=torch.tensor([ids])).last_hidden_state[0, 0].numpy()
            vector = weights["txt_proj.1.weight"] @ np.maximum(first, 0) + weights["txt_proj.1.bias"]
            wanted.append(vector / np.linalg.norm(vector))
        assert np.abs(encoder_of(folder).encode_texts(list(said)) - wanted).max() < 1e-5


class TestNetwork:
    def test_the_published_size_has_the_published_names(self) -> None:
        with torch.device("meta"):
            network = FrozenInTime(FrozenInTimeConfig())
        shapes = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
        assert {name.split(".", 1)[0] for name in shapes} == {"text_model", "video_model", "txt_proj", "vid_proj"}
        assert shapes["video_model.pos_embed"] == (1, 197, 768)
        assert shapes["video_model.temporal_embed"] == (1, 4, 768)
        assert shapes["video_model.patch_embed.proj.weight"] == (768, 3, 16, 16)
        assert shapes["video_model.blocks.11.timeattn.qkv.weight"] == (2304, 768)
        assert shapes["text_model.transformer.layer.5.ffn.lin1.weight"] == (3072, 768)
        assert shapes["txt_proj.1.weight"] == shapes["vid_proj.0.weight"] == (256, 768)

    def test_fresh_weights_see_no_time(self) -> None:
        torch.manual_seed(0)
        network = FrozenInTime(FrozenInTimeConfig.model_validate(SMALL.config)).eval()
        block = network.video_model.blocks[0]
        with torch.no_grad():
            assert not block.timeattn(torch.randn(2, 9, 16), 2).any()
            frames = torch.randn(1, 3, 3, 16, 16)
            assert torch.allclose(network.encode_clips(frames), network.encode_clips(frames.flip(1)), atol=1e-5)

    def test_more_frames_than_it_knows(self) -> None:
        network = FrozenInTime(FrozenInTimeConfig.model_validate(SMALL.config))
        with pytest.raises(ValueError, match="5 frames are more than the 4"):
            network.encode_clips(torch.zeros(1, 5, 3, 16, 16))

    @pytest.mark.parametrize("part", [{"width": 15}, {"image_px": 17}, {"depth": 0}, {"colours": 4}])
    def test_sizes_that_cannot_be(self, part: dict[str, int]) -> None:
        config = SMALL.config
        with pytest.raises(ValueError):
            FrozenInTimeConfig.model_validate(config | {"video": config["video"] | part})


class TestFrames:
    @pytest.mark.parametrize(
        ("length", "indices"),
        [(16, [1, 5, 9, 13]), (10, [0, 3, 5, 8]), (300, [37, 112, 187, 262]), (4, [0, 1, 2, 3]), (3, [0, 1, 2]), (1, [0])],
    )
    def test_the_middle_of_each_interval(self, folder: Path, length: int, indices: list[int]) -> None:
        assert encoder_of(folder).sample_frame_indices(length) == indices

    def test_an_index_holds_what_whole_windows_give(self, folder: Path, videos: Path, tmp_path: Path) -> None:
        encoder = encoder_of(folder)
        build_index([videos / "red bear runs.mp4"], tmp_path / "index", encoder)
        windows = [window.frames for window in read_windows(videos / "red bear runs.mp4", 2.0)]
        assert [len(frames.rgb) for frames in windows] == [16, 16, 8]
        held = np.load(tmp_path / "index/embeddings/00000.npy")
        assert_close(held, encoder.encode_clips(windows))
        hits = VideoIndex(tmp_path / "index").search("a red bear", encoder, 3)
        scores = [float(encoder.encode_texts(["a red bear"])[0] @ vector) for vector in held]
        assert sorted(hit.score for hit in hits) == pytest.approx(sorted(scores), abs=1e-5)


class TestFingerprint:
    def test_it_changes_with_weights_sizes_and_frames_but_not_with_the_batch(self, folder: Path, tmp_path: Path) -> None:
        other = save_tiny_frozen(tmp_path / "other", seed=5)
        heads = save_tiny_frozen(tmp_path / "heads", Tiny(num_heads=4))
        one = encoder_of(folder, batch_size=1).fingerprint
        others = {encoder_of(folder, num_frames=2).fingerprint, encoder_of(other).fingerprint, encoder_of(heads).fingerprint}
        assert len({one, *others}) == 4
        assert one == encoder_of(folder, batch_size=64).fingerprint

    def test_nothing_is_loaded_for_it(self, folder: Path) -> None:
        encoder = encoder_of(folder)
        assert encoder.fingerprint.startswith("frozen_in_time:")
        assert encoder.dim == SMALL.projection_dim
        assert "_model" not in vars(encoder)

    def test_an_index_of_another_encoder_is_refused(self, folder: Path, index_folder: Path) -> None:
        with pytest.raises(IndexFolderError, match="another encoder"):
            VideoIndex(index_folder).search("bear", encoder_of(folder), 3)


class TestRefused:
    @pytest.fixture
    def broken(self, folder: Path, tmp_path: Path) -> Path:
        return shutil.copytree(folder, tmp_path / "broken")

    @pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
    @pytest.mark.parametrize("content", [None, b"broken", b"[]"], ids=["missing", "broken", "odd"])
    def test_broken_files(self, broken: Path, name: str, content: bytes | None) -> None:
        (broken / "vocab.txt").unlink()
        (broken / name).unlink()
        if content is not None:
            (broken / name).write_bytes(content)
        with pytest.raises(ModelError) as caught:
            encoder_of(broken).encode_texts(["a"])
        assert caught.value.hint

    def test_no_tokenizer_matters_to_texts_alone(self, broken: Path) -> None:
        for path in [*broken.glob("tokenizer*"), broken / "vocab.txt"]:
            path.unlink()
        assert encoder_of(broken).encode_clips([clip_of(4)]).shape == (1, SMALL.projection_dim)
        with pytest.raises(ModelError, match="tokenizer") as caught:
            encoder_of(broken).encode_texts(["a"])
        assert "--tokenizer" in caught.value.hint

    def test_missing_weights_are_named(self, broken: Path) -> None:
        from safetensors.numpy import save_file

        weights = published_weights(SMALL)
        del weights["video_model.blocks.1.norm3.bias"]
        save_file(weights, broken / "model.safetensors")
        with pytest.raises(ModelError, match=r"lacks 1 weights.*video_model\.blocks\.1\.norm3\.bias"):
            encoder_of(broken).encode_clips([clip_of(4)])

    def test_sizes_that_do_not_fit_the_weights(self, broken: Path) -> None:
        config = SMALL.config
        (broken / "config.json").write_text(json.dumps(config | {"projection_dim": 7}))
        with pytest.raises(ModelError, match=r"of another size.*txt_proj\.1\.bias"):
            encoder_of(broken).encode_clips([clip_of(4)])

    def test_another_kind_of_model_both_ways(self, folder: Path, tmp_path: Path) -> None:
        clip = save_tiny_clip(tmp_path / "clip")
        with pytest.raises(ModelError, match="of kind 'clip'"):
            _ = encoder_of(clip).dim
        with pytest.raises(ModelError):
            CLIPEncoder(ModelRef(repo=str(folder))).encode_texts(["a"])

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="no model folder"):
            _ = encoder_of(tmp_path / "none").fingerprint


def test_a_profile_chooses_it_by_name(folder: Path) -> None:
    settings = load_settings(retrieve={"encoder": "frozen_in_time", "batch_size": 5}, models={"encoder": {"repo": str(folder)}})
    encoder = build_encoder(settings)
    assert isinstance(encoder, FrozenInTimeEncoder)
    assert (encoder.batch_size, encoder.num_frames) == (5, 4)
    assert encoder.encode_texts(["bear"]).shape == (1, SMALL.projection_dim)
