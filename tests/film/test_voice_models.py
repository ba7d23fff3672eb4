"""Voices of a person's folder: found, chosen, spoken by their packages' own calls, and told where they are missing.

The packages are replaced by modules of the same calls (piper-tts 1.8, kokoro-onnx 0.6): their models are large.
"""

from __future__ import annotations

import json
import os
import wave
from pathlib import Path

import numpy as np
import pytest

from storyanim.artifacts import Role, Storyboard
from storyanim.config import SoundSettings
from storyanim.errors import InputError, UsageError
from storyanim.film.sound import voice_models
from storyanim.film.sound.speech import engine_of, speak
from storyanim.film.sound.voice_models import find_voices
from storyanim.film.sound.voices import Line, Voice, narrator_of, parse_voice, voice_of
from storyanim.run.sound import lines_of

PACKAGES = {
    "onnxruntime.py": "def set_seed(seed): assert seed == 0\n",
    "piper.py": """
from dataclasses import dataclass
import numpy as np

@dataclass
class SynthesisConfig:
    speaker_id: int | None = None
    length_scale: float | None = None

@dataclass
class AudioChunk:
    sample_rate: int
    audio_float_array: np.ndarray

class PiperVoice:
    @staticmethod
    def load(model_path):
        assert open(model_path).read() == "weights"
        return PiperVoice()

    def synthesize(self, text, syn_config=None):
        for sentence in text.split(". "):
            length = round(len(sentence) * 1000 * syn_config.length_scale)
            yield AudioChunk(16000, np.sin(2 * np.pi * 440 * np.arange(length) / 16000).astype(np.float32) / 2)
""",
    "kokoro_onnx.py": """
import numpy as np

class Tokenizer:
    def phonemize(self, text, lang):
        return text.strip("_ ")

class Kokoro:
    def __init__(self, model_path, voices_path):
        self.voices = np.load(voices_path)
        self.tokenizer = Tokenizer()

    def create(self, text, voice, speed=1.0, lang="en-us", is_phonemes=False):
        assert 0.5 <= speed <= 2.0 and voice in self.voices and lang == "en-us" and is_phonemes
        if not text:
            raise ValueError("Nothing to synthesize")
        return np.full(round(len(text) * 1000 / speed), 0.5, np.float32), 24000
"""}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in PACKAGES.items():
        (tmp_path / "site" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "site" / name).write_text(text)
    for name in ("piper_tts-1.8.0", "kokoro_onnx-0.6.1"):
        (tmp_path / f"site/{name}.dist-info").mkdir()
        package, version = name.split("-")
        (tmp_path / f"site/{name}.dist-info/METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "voices"
    (place / "amy").mkdir(parents=True)
    (place / "amy/en_US-amy.onnx").write_text("weights")
    (place / "amy/en_US-amy.onnx.json").write_text(json.dumps({"espeak": {"voice": "en-us"}, "num_speakers": 1}))
    (place / "amy/MODEL_CARD").write_text("# Amy\n* License: CC BY 4.0\n")
    (place / "kokoro").mkdir()
    (place / "kokoro/kokoro.onnx").write_text("weights")
    with (place / "kokoro/voices.bin").open("wb") as file:
        np.savez(file, af_ann=np.zeros(4), am_bob=np.zeros(4), ff_eva=np.zeros(4))
    return place


def test_what_a_folder_holds(folder: Path) -> None:
    assert [(one.name, one.kind, one.language, one.gender, one.licence) for one in find_voices(folder)] == [
        ("en_us-amy", "piper", "en-us", "", "CC BY 4.0"), ("af_ann", "kokoro", "en-us", "female", ""),
        ("am_bob", "kokoro", "en-us", "male", ""), ("ff_eva", "kokoro", "fr-fr", "female", "")]


@pytest.mark.parametrize("name", ["x.onnx", "x.onnx.json"])
def test_voices_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no voices"):
        find_voices(tmp_path)
    (tmp_path / "x.onnx").write_text("weights")
    (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=r"x\.onnx cannot be read"):
        find_voices(tmp_path)


def test_the_narrator_and_each_of_the_cast_has_one_that_stays(folder: Path) -> None:
    models = find_voices(folder)
    assert (narrator_of("", "", models).model, narrator_of("", "fr", models).model) == ("en_us-amy", "ff_eva")
    assert narrator_of("am_bob, speed 150", "en", models) == Voice(model="am_bob", speed=150)
    assert narrator_of("en-gb", "en", models) == Voice(language="en-gb")                    # eSpeak NG's
    assert narrator_of("", "de", models).model == ""
    cast = [Role(name=name, noun=name, first_shot="s01", num_shots=1, pronouns=pronouns, voice=voice)
            for name, pronouns, voice in (("mouse", "she", ""), ("bear", "he", ""), ("fox", "he", "ff_eva"))]
    narrator = narrator_of("", "en", models)
    mouse, bear, fox = (voice_of(role, narrator, models) for role in cast)
    assert (mouse.model, bear.model, fox.model) == ("af_ann", "am_bob", "ff_eva")
    assert mouse.pitch > bear.pitch
    with pytest.raises(UsageError, match="am_bob") as caught:                               # without the folder
        parse_voice("am_bob", Voice())
    assert "sound.voices" in caught.value.hint


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("model", ["en_us-amy", "am_bob"])
def test_a_line_is_spoken_by_its_model(tmp_path: Path, folder: Path, model: str) -> None:
    models = find_voices(folder)

    def spoken(name: str, **changes: int) -> tuple[float, bytes]:
        (tmp_path / name).mkdir()
        lines = [Line(text="A bear walked. It slept.", voice=Voice(model=model, **changes)), Line(text="Hello.", voice=Voice())]
        engine = engine_of([line.voice for line in lines], models)
        assert [one.name for one in engine.models] == [model]
        speech = speak(tmp_path / name, lines, 0.4, engine)
        with wave.open(str(speech.path)) as file:
            assert file.getnframes() == round(speech.duration_s * file.getframerate())
            samples = file.readframes(file.getnframes())
        assert [word.at for word in speech.words[:5]] == [0, 2, 7, 15, 18]
        assert sorted(word.start_s for word in speech.words) == [word.start_s for word in speech.words]
        return speech.end_s, samples

    usual, again, quick, high = spoken("a"), spoken("b"), spoken("c", speed=320), spoken("d", pitch=99)
    assert again == usual
    assert quick[0] < usual[0] - 0.3
    assert abs(high[0] - usual[0]) < 0.05                                                   # as long, and not the same
    assert high[1] != usual[1] or model == "am_bob"                                         # whose fake has no waves


@pytest.mark.usefixtures("packages")
def test_a_sign_without_a_sound_is_silence(tmp_path: Path, folder: Path) -> None:
    voice = Voice(model="am_bob")
    speech = speak(tmp_path, [Line(text="_", voice=voice)], 0.4, engine_of([voice], find_voices(folder)))
    assert 0.4 < speech.duration_s < 0.7


@pytest.mark.usefixtures("packages")
def test_another_model_of_the_same_name_is_another_engine(folder: Path) -> None:
    def fingerprint() -> str:
        return engine_of([Voice(model="en_us-amy")], find_voices(folder)).fingerprint

    before = fingerprint()
    assert fingerprint() == before
    (folder / "amy/en_US-amy.onnx").write_text("others")
    assert fingerprint() != before


def test_a_package_that_is_missing_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_models, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="piper-tts") as caught:
        engine_of([Voice(model="en_us-amy")], find_voices(folder))
    assert "storyanim[piper]" in caught.value.hint
    assert engine_of([Voice()], find_voices(folder)).models == ()


def test_a_storyboards_lines_have_models(folder: Path) -> None:
    board = Storyboard.model_validate({"title": "t", "shots": [{"id": "s01", "text": "A bear.", "query": "q", "prompt": "p"}]})
    (lines,) = lines_of(board, ["A bear."], SoundSettings(), "en", find_voices(folder))
    assert [line.voice.model for line in lines] == ["en_us-amy"]
