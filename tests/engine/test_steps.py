"""Keys: equal for equal results, different for different ones, the same in every process."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyanim.artifacts import Clip, ClipMatch, DepthTrack, Frames, Shot
from storyanim.config import FilmSettings, GenerateSettings
from storyanim.engine.steps import Step, content_key, file_key, step_key, step_version
from storyanim.errors import InputError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def tidy(story: str) -> str:
    return story


@step_version(2)
def tidy_better(story: str) -> str:
    return story


def exact(value: object) -> str:
    """A text that tells apart what must be told apart: kinds of numbers too, but not the order of a dict."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{name!r}:{exact(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(exact, value)) + "]"
    return repr(value)


@given(PLAIN, PLAIN)
def test_keys_are_equal_exactly_when_values_are(one: object, other: object) -> None:
    assert (content_key(one) == content_key(other)) == (exact(one) == exact(other))


@given(st.dictionaries(st.text(max_size=4), st.integers(), max_size=5))
def test_order_of_a_dict_does_not_count(value: dict) -> None:
    assert content_key(value) == content_key(dict(reversed(value.items())))


@pytest.mark.parametrize(("one", "other"), [
    (1, 1.0), (1, True), (None, "null"), ("", []), ([], {}), ([1, [2]], [[1], 2]), (["dict"], {}), ("a", ["a"]),
    ({"a": 1}, [["a", 1]]),
])
def test_kinds_are_told_apart(one: object, other: object) -> None:
    assert content_key(one) != content_key(other)


def test_the_key_is_the_same_in_every_process() -> None:
    text = "from storyanim.engine.steps import content_key; print(content_key({'b': [1, 2.5, None], 'a': 'é'}))"
    other = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True,
                           cwd=Path(__file__).parents[2], env={"PYTHONHASHSEED": "7"})
    assert other.stdout.strip() == content_key({"a": "é", "b": (1, 2.5, None)})


def test_a_step_has_the_key_of_its_value() -> None:
    def never(_: Path) -> object:
        pytest.fail("loaded")

    value = {"x": [1, 2]}
    step = Step("name", "key", content_key(value), Path("/nowhere"), False, never)
    assert content_key(step) == content_key(value)
    assert content_key([step, {"deep": step}]) == content_key([value, {"deep": value}])


def test_function_version_and_inputs_count() -> None:
    keys = [*(step_key(tidy, inputs) for inputs in (["a"], ["b"], ["a", "b"], [])), step_key(tidy_better, ["a"])]
    assert len(set(keys)) == len(keys)
    before = step_key(tidy_better, ["a"])
    step_version(3)(tidy_better)
    after = step_key(tidy_better, ["a"])
    step_version(2)(tidy_better)
    assert before != after
    assert before == step_key(tidy_better, ["a"])


def test_hidden_inputs_are_refused() -> None:
    hidden = 3
    for function in (lambda: 1, partial(tidy, "a"), "x".upper, FilmSettings().model_copy, lambda: hidden):
        with pytest.raises(TypeError, match="plain function"):
            step_key(function, [])

    def closes_over() -> int:
        return hidden

    with pytest.raises(TypeError, match="plain function"):
        step_key(closes_over, [])


class TestFiles:
    def test_bytes_count_and_not_the_place(self, tmp_path: Path) -> None:
        one, other = tmp_path / "one", tmp_path / "other"
        one.write_bytes(b"x")
        other.write_bytes(b"x")
        assert content_key(one) == content_key(other)
        other.write_bytes(b"y")
        assert content_key(one) != content_key(other)

    def test_names_and_bytes_count_in_a_folder(self, tmp_path: Path) -> None:
        def key(**files: bytes) -> str:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            for name, data in files.items():
                (folder / name).write_bytes(data)
            return file_key(folder)

        assert key(a=b"1", b=b"2") == key(b=b"2", a=b"1")
        assert len({key(), key(a=b"1"), key(b=b"1"), key(a=b"12"), key(a=b"1", b=b"")}) == 5

    def test_a_missing_file_is_an_input_error(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be read"):
            content_key(tmp_path / "missing")


class TestArtifacts:
    def test_frames_count_by_pixels_shape_and_rate(self) -> None:
        rgb = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
        same = content_key(Frames(rgb, 8.0))
        assert same == content_key(Frames(np.asfortranarray(rgb), 8.0))
        others = [Frames(rgb, 9.0), Frames(rgb.reshape(2, 6, 4, 3), 8.0), Frames(rgb[:1], 8.0), Frames(rgb + np.uint8(1), 8.0)]
        assert same not in {content_key(other) for other in others}

    def test_depth_and_frames_differ(self) -> None:
        inverse_depth = np.zeros((1, 2, 2), np.float32)
        frames = Frames(np.zeros((1, 2, 2, 3), np.uint8), 8.0)
        assert content_key(DepthTrack(inverse_depth, 8.0)) != content_key(frames)

    def test_every_field_of_words_counts(self) -> None:
        shot = Shot(id="s01", text="t", query="q", prompt="p")
        changes = {"text": "T", "query": "Q", "prompt": "P", "seed": 1, "duration_s": 3.0, "pinned": "c", "banned": ("c",)}
        keys = {content_key(shot.model_copy(update={name: value})) for name, value in changes.items()}
        assert len(keys | {content_key(shot)}) == len(changes) + 1

    def test_found_footage_counts_by_its_bytes_not_its_place(self) -> None:
        match = ClipMatch(clip_id="c", path="/a/x.mp4", sha256="1", start_s=0, end_s=1, score=0.5, rank=1)
        assert content_key(match) == content_key(match.model_copy(update={"path": "/b/x.mp4"}))
        assert content_key(match) != content_key(match.model_copy(update={"sha256": "2"}))

    def test_a_clip_counts_by_its_bytes(self, tmp_path: Path) -> None:
        clips = []
        for name, data in (("a", b"1"), ("b", b"1"), ("c", b"2")):
            (tmp_path / name).write_bytes(data)
            clips.append(Clip(shot_id="s01", path=tmp_path / name, width_px=8, height_px=8, fps=8, num_frames=1))
        keys = [content_key(clip) for clip in clips]
        assert keys[0] == keys[1] != keys[2]

    def test_settings_that_are_mere_speed_do_not_count(self) -> None:
        assert content_key(GenerateSettings(memory="fast")) == content_key(GenerateSettings(memory="offload"))
        assert content_key(GenerateSettings()) != content_key(GenerateSettings(guidance_scale=1.0))

    def test_what_has_no_identity_is_refused(self) -> None:
        for value in (object(), {1: 2}, {1, 2}, b"bytes"):
            with pytest.raises(TypeError):
                content_key(value)
