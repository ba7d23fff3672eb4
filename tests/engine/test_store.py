"""What is saved comes back, and equal values have equal bytes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from safetensors.numpy import load_file, save_file

from storyanim.artifacts import (
    Candidates,
    CastMember,
    Character,
    CharacterToken,
    Clip,
    ClipMatch,
    DepthTrack,
    Film,
    Frames,
    Shot,
    Story,
    Storyboard,
)
from storyanim.engine.store import CODECS, load, load_character_token, save, save_character_token
from storyanim.errors import CharacterError

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
LINES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=30)
SHOTS = st.builds(Shot, id=st.just("s01"), text=TEXT, query=LINES, prompt=LINES, characters=st.just(("bear",)), setting=TEXT,
                  seed=st.integers(0, 2**63 - 1), duration_s=st.floats(0.01, 60), banned=st.lists(LINES, max_size=2).map(tuple))
MATCHES = st.builds(ClipMatch, clip_id=TEXT, path=TEXT, sha256=TEXT, start_s=st.floats(0, 9), end_s=st.floats(10, 99),
                    score=st.floats(-1, 1), caption=TEXT, rank=st.integers(1, 9), motion=st.floats(0, 1))
WORDS = (
    st.builds(Story, title=TEXT, text=TEXT)
    | st.builds(Storyboard, title=TEXT, style=TEXT, shots=SHOTS.map(lambda shot: (shot,)),
                characters=st.just((CastMember(name="bear", noun="bear", token="<bear>"),)))
    | MATCHES
    | st.builds(Candidates, query=TEXT, matches=st.lists(MATCHES, min_size=1, max_size=3).map(tuple), why=TEXT)
)
SMALL = hnp.array_shapes(min_dims=3, max_dims=3, max_side=9)
TRACKS = (
    SMALL.flatmap(lambda s: hnp.arrays(np.uint8, (*s, 3))).map(lambda a: Frames(a, 7.5))
    | SMALL.flatmap(lambda s: hnp.arrays(np.float32, s, elements=st.floats(0, 1, width=32))).map(lambda a: DepthTrack(a, 23.976))
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored")


@pytest.mark.parametrize("style", ["\x85", "soft\u2028 light", "a\x85b \u2029", "plain"])
def test_what_yaml_takes_for_ends_of_lines_comes_back(style: str) -> None:
    shot = Shot(id="s01", text="", query="a bear", prompt="a bear", seed=0)
    board = Storyboard(title="", style=style, characters=(), shots=(shot,))
    assert Storyboard.from_yaml(board.to_yaml()) == board


@settings(deadline=None)
@given(WORDS)
def test_words_come_back(folder: Path, value: object) -> None:
    assert load(save(value, folder), folder) == value


@settings(deadline=None)
@given(TRACKS)
def test_tracks_come_back(folder: Path, value: Frames | DepthTrack) -> None:
    again = load(save(value, folder), folder)
    name = "rgb" if isinstance(value, Frames) else "inverse_depth"
    assert again.fps == value.fps
    assert getattr(again, name).dtype == getattr(value, name).dtype
    assert np.array_equal(getattr(again, name), getattr(value, name))


class TestPaths:
    def test_inside_the_run_they_move_with_it(self, tmp_path: Path) -> None:
        root = tmp_path / "run"
        place = root / "shots" / "s01"
        place.mkdir(parents=True)
        clip = Clip(shot_id="s01", path=place / "clip.mp4", width_px=8, height_px=8, fps=8, num_frames=1)
        film = Film(path=root / "film.mp4", clips=(clip,), duration_s=1)
        kind = save(film, place, root)
        assert "run" not in (place / "film.json").read_text()
        assert load(kind, place) == film
        root.rename(tmp_path / "moved")
        assert load(kind, tmp_path / "moved" / "shots" / "s01").clips[0].path == tmp_path / "moved" / "shots" / "s01" / "clip.mp4"

    def test_outside_they_become_absolute(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        place = tmp_path / "run"
        place.mkdir()
        value = Character(name="bear", token="<bear>", noun="bear", images=(Path("photos/1.png"),))
        assert load(save(value, place), place).images == (tmp_path / "photos" / "1.png",)

    def test_a_path_itself(self, tmp_path: Path) -> None:
        assert load(save(tmp_path / "x" / "y", tmp_path), tmp_path) == tmp_path / "x" / "y"


def test_what_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="int"):
        save(3, tmp_path)
    assert not list(tmp_path.iterdir())


class TestPreviews:
    def drawn(self, value: Frames | DepthTrack) -> Image.Image:
        preview = CODECS[type(value).__name__].preview
        assert preview is not None
        return Image.open(io.BytesIO(preview(value)))

    @pytest.mark.parametrize(("length", "shown"), [(1, 1), (5, 5), (16, 8)])
    def test_a_strip_shows_frames_from_first_to_last(self, length: int, shown: int) -> None:
        rgb = np.zeros((length, 128, 128, 3), np.uint8)
        rgb[0] = (255, 0, 0)
        rgb[-1] = (0, 0, 255)
        picture = self.drawn(Frames(rgb, 8.0))
        assert picture.size == (128 * shown + 4 * (shown - 1), 128)
        assert picture.getpixel((picture.width - 5, 64)) == (0, 0, 255, 255)
        assert picture.getpixel((5, 64))[2:] == ((255, 255) if shown == 1 else (0, 255))

    def test_near_is_white(self) -> None:
        inverse_depth = np.zeros((1, 64, 32), np.float32)
        inverse_depth[:, :32] = 1
        picture = self.drawn(DepthTrack(inverse_depth, 8.0))
        assert picture.size == (64, 128)
        assert picture.getpixel((32, 10)) == (255, 255, 255, 255)
        assert picture.getpixel((32, 120)) == (0, 0, 0, 255)


def token(num_lora: int = 2) -> CharacterToken:
    rng = np.random.default_rng(0)
    lora = {f"unet.down_blocks.{i}.lora_A.weight": rng.standard_normal((4, 8)).astype(np.float32) for i in range(num_lora)}
    metadata = {"photos_licence": "unknown", "ä": "ö"}
    return CharacterToken("bear", "<bear>", "bear", rng.standard_normal((10, 8)).astype(np.float32), lora, "base-1", metadata)


class TestCharacterFile:
    @pytest.mark.parametrize("num_lora", [0, 2])
    def test_it_comes_back(self, tmp_path: Path, num_lora: int) -> None:
        before, path = token(num_lora), tmp_path / "bear.safetensors"
        save_character_token(path, before)
        after = load_character_token(path)
        assert [getattr(after, n) for n in ("name", "token", "noun", "base", "metadata")] == \
               [getattr(before, n) for n in ("name", "token", "noun", "base", "metadata")]
        assert np.array_equal(after.table, before.table)
        assert list(after.lora) == sorted(before.lora)
        assert all(np.array_equal(after.lora[name], before.lora[name]) for name in before.lora)

    def test_tensors_have_the_documented_names(self, tmp_path: Path) -> None:
        save_character_token(tmp_path / "x", token())
        names = set(load_file(tmp_path / "x"))
        assert {"table", "lora.unet.down_blocks.0.lora_A.weight"} <= names

    def test_equal_tokens_have_equal_bytes(self, tmp_path: Path) -> None:
        for name in "ab":
            save_character_token(tmp_path / name, token())
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_stock_diffusers_refuses_it_even_without_lora(self, tmp_path: Path) -> None:
        from diffusers.loaders.textual_inversion import (
            TextualInversionLoaderMixin,
            load_textual_inversion_state_dicts,
        )

        class Tokenizer:
            def get_vocab(self) -> dict[str, int]:
                return {}

        save_character_token(tmp_path / "bear.safetensors", token(0))
        states = load_textual_inversion_state_dicts([str(tmp_path / "bear.safetensors")])
        with pytest.raises(ValueError, match="incorrect"):
            TextualInversionLoaderMixin._retrieve_tokens_and_embeddings(["<bear>"], states, Tokenizer())

    @pytest.mark.parametrize("data", [b"", b"nonsense", bytes(200), None])
    def test_broken_files_are_character_errors(self, tmp_path: Path, data: bytes | None) -> None:
        path = tmp_path / "bear.safetensors"
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(CharacterError) as caught:
            load_character_token(path)
        assert "personalize" in caught.value.hint

    def test_a_cut_file_is_a_character_error(self, tmp_path: Path) -> None:
        path = tmp_path / "bear.safetensors"
        save_character_token(path, token())
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(CharacterError, match="not a readable"):
            load_character_token(path)

    def test_a_folder_is_a_character_error(self, tmp_path: Path) -> None:
        with pytest.raises(CharacterError):
            load_character_token(tmp_path)

    @pytest.mark.parametrize("metadata", [None, {"storyanim_character": "{"}, {"storyanim_character": "{}"}])
    def test_foreign_files_are_character_errors(self, tmp_path: Path, metadata: dict | None) -> None:
        tensors = {"table": np.zeros((2, 2), np.float32), "format": np.array([1])}
        save_file(tensors, tmp_path / "x", metadata)
        with pytest.raises(CharacterError):
            load_character_token(tmp_path / "x")

    def test_a_later_format_is_a_character_error(self, tmp_path: Path) -> None:
        tensors = {"table": np.zeros((2, 2), np.float32), "format": np.array([99])}
        save_file(tensors, tmp_path / "x", {"storyanim_character": "{}"})
        with pytest.raises(CharacterError, match="another version"):
            load_character_token(tmp_path / "x")
