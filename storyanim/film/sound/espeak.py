"""A process that speaks lines by the library of eSpeak NG, or a voice's model: JSON in, WAV and JSON out.

    echo '{}' | python -m storyanim.film.sound.espeak          # the languages that it speaks

The library keeps its state in globals and may crash on odd input, so that each call gets a process of its
own. It is no part of storyanim: the package `espeakng-loader` brings it, under the GPL, version 3.
"""

from __future__ import annotations

import ctypes as c
import json
import sys
import wave
from itertools import count, takewhile
from typing import Any

_SYNCHRONOUS, _DO_NOT_EXIT, _UTF8 = 2, 0x8000, 1     # AUDIO_OUTPUT_, espeakINITIALIZE_, espeakCHARS_
_RATE, _PITCH = 1, 3                                 # espeak_PARAMETER
_WORD = 1                                            # espeak_EVENT_TYPE
_GENDERS = {"": 0, "male": 1, "female": 2}


class _Event(c.Structure):
    _fields_ = (
        ("type", c.c_int), ("unique_identifier", c.c_uint), ("text_position", c.c_int), ("length", c.c_int),
        ("audio_position", c.c_int), ("sample", c.c_int), ("user_data", c.c_void_p), ("id", c.c_int64))


class _Voice(c.Structure):
    _fields_ = (
        ("name", c.c_char_p), ("languages", c.c_char_p), ("identifier", c.c_char_p), ("gender", c.c_ubyte),
        ("age", c.c_ubyte), ("variant", c.c_ubyte), ("xx1", c.c_ubyte), ("score", c.c_int),
        ("spare", c.c_void_p))


_Callback = c.CFUNCTYPE(c.c_int, c.POINTER(c.c_short), c.c_int, c.POINTER(_Event))


class Speaker:
    """eSpeak NG, set up once in this process."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = c.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_ListVoices.restype = c.POINTER(c.POINTER(_Voice))
        data = espeakng_loader.get_data_path().encode()
        self.sample_rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DO_NOT_EXIT)
        if self.sample_rate <= 0:
            raise OSError("eSpeak NG does not start")
        self._samples = bytearray()
        self._words: list[tuple[int, float]] = []
        self._callback = _Callback(self._hear)       # kept: the library holds but a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    def languages(self) -> list[str]:
        """Return the tags of all languages that it speaks: "en-gb", "fr-fr"."""
        voices = self._library.espeak_ListVoices(None)
        found: set[str] = set()
        for number in count():
            if not voices[number]:
                return sorted(found - {""})
            tags = voices[number].contents.languages or b"\0"
            found.add(tags[1:].decode())             # the first byte is a priority
        raise AssertionError("the list has an end")

    def speak(self, text: str, voice: dict[str, Any]) -> tuple[bytes, list[tuple[int, float]]]:
        """Return 16 bit samples, and where in `text` and when, in seconds, each word begins.

        `voice` is a sound.voices.Voice as a dict. Raises OSError.
        """
        self._samples, self._words = bytearray(), []
        wanted = _Voice(languages=voice["language"].encode(), gender=_GENDERS[voice["gender"]],
                        variant=voice["variant"])
        if self._library.espeak_SetVoiceByProperties(c.byref(wanted)) != 0:
            raise OSError(f"eSpeak NG has no voice for {voice['language']}")
        for parameter, value in ((_RATE, voice["speed"]), (_PITCH, voice["pitch"])):
            self._library.espeak_SetParameter(parameter, value, 0)
        data = text.encode() + b"\0"
        if self._library.espeak_Synth(data, len(data), 0, 0, 0, _UTF8, None, None) != 0:
            raise OSError("eSpeak NG refuses the text")
        return bytes(self._samples), self._words

    def _hear(self, samples: Any, length: int, events: Any) -> int:
        if samples and length > 0:
            self._samples += c.string_at(samples, 2 * length)
        for event in takewhile(lambda event: event.type != 0, (events[number] for number in count())):
            if event.type == _WORD:
                self._words.append((event.text_position - 1, event.audio_position / 1000))
        return 0


def speak_all(order: dict[str, Any]) -> dict[str, Any]:
    """Speak lines into one WAV file; return its rate, and of each line start, end and words in seconds.

    `order` has `out`, `lead_s` and `tail_s` of silence around all, `gap_s` between two lines, `lines` of
    `text` and `voice`, and `models`: name → sound.voice_models.VoiceModel, by which a voice may speak.
    Without `out` it returns the languages that are spoken. Raises OSError.
    """
    speaker = Speaker()
    if "out" not in order:
        return {"languages": speaker.languages()}
    rate, spoken = speaker.sample_rate, []
    others: Any = None
    if models := order.get("models"):
        from storyanim.film.sound.neural import NeuralSpeaker

        others = NeuralSpeaker(models, rate)
    track = bytearray(_silence(order["lead_s"], rate))
    for number, line in enumerate(order["lines"]):
        if number:
            track += _silence(order["gap_s"], rate)
        start_s = len(track) / 2 / rate
        by = others if line["voice"].get("model") else speaker
        samples, words = by.speak(line["text"], line["voice"])
        track += samples
        spoken.append({"start_s": start_s, "end_s": len(track) / 2 / rate,
                       "words": [[at, round(start_s + time_s, 3)] for at, time_s in words]})
    track += _silence(order["tail_s"], rate)
    with wave.open(order["out"], "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(track)
    return {"sample_rate": rate, "duration_s": len(track) / 2 / rate, "lines": spoken}


def _silence(seconds: float, rate: int) -> bytes:
    return bytes(2 * round(seconds * rate))


def main() -> None:
    """Do what stdin orders; an error is one line on stderr and exit code 1."""
    try:
        print(json.dumps(speak_all(json.load(sys.stdin))))
    except Exception as error:                       # onnxruntime's have no common parent
        sys.exit(str(error) or type(error).__name__)


if __name__ == "__main__":
    main()
