"""Reading by a vision model behind any server that speaks OpenAI's protocol; its reply is data to check."""

from __future__ import annotations

import base64
from functools import cached_property
from typing import Any, ClassVar

from PIL import Image
from pydantic import Field

from storyanim.artifacts import Asked, Frames, Reading
from storyanim.config import Settings, public_url
from storyanim.errors import ServiceError
from storyanim.planning import prompts
from storyanim.planning.chat_client import ChatClient
from storyanim.planning.replies import BadReplyError, Reply, Text, parse_reply
from storyanim.sheet import evenly_spaced, png_bytes

_FRAMES, _BEST = 4, 10
_MARK = 0.5
_MOST_REMARKS, _REMARK_CHARS = 5, 120


class ThingEntry(Reply):
    """One thing that the prompt says."""

    synonyms: ClassVar = {"what": ("thing", "name"), "score": ("rating",), "wrong": ("problem", "error")}
    what: Text = ""
    score: float = Field(ge=0, le=_BEST)
    wrong: Text = ""


class ShotReply(Reply):
    """What a model saw."""

    things: list[ThingEntry] = Field(min_length=1)


class VisionReader:
    """A ClipReader that asks the model `check.vision_model` at `plan.base_url`."""

    def __init__(self, settings: Settings) -> None:
        self.mark = _MARK if settings.check.mark is None else settings.check.mark
        self.model = settings.check.vision_model or ""
        self._plan = settings.plan.model_copy(update={"model": self.model})

    @cached_property
    def fingerprint(self) -> str:
        """Server, model, mark and the words that it is asked with."""
        where = public_url(self._plan.base_url or "")
        return f"vision:{where}:{self.model}:{self.mark:g}:{prompts.read_prompt(_PROMPT)}"

    def read(self, frames: Frames, asked: Asked) -> Reading:
        """Return the model's scores and what it finds wrong.

        Raises ServiceError, also when no reply of `plan.attempts` can be used.
        """
        messages = [{"role": "user", "content": _content(frames, asked)}]
        reason = ""
        for _ in range(self._plan.attempts):
            answer = self._client.ask(messages, ShotReply)
            try:
                reply, _ = parse_reply(answer.content, ShotReply)
            except BadReplyError as error:
                reason = str(error)
                continue
            return self._reading(reply)
        raise ServiceError(f"{self._client.where} gave no usable reading of a shot ({reason})",
                           hint="use another check.vision_model, or none")

    def _reading(self, reply: ShotReply) -> Reading:
        """Return a reply as a reading: a shot is as right as the thing in it that is least right."""
        things = [(_short(thing.what), thing.score / _BEST, _short(thing.wrong)) for thing in reply.things]
        wrong = [words for _, score, words in things if words and score < self.mark]
        return Reading(by=self.model, score=min(score for _, score, _ in things), mark=self.mark,
                       scores={what: score for what, score, _ in things if what},
                       remarks=tuple(wrong[:_MOST_REMARKS]))

    @cached_property
    def _client(self) -> ChatClient:
        return ChatClient(self._plan)


_PROMPT = "read_shot"


def _short(words: str) -> str:
    return " ".join(words.split())[:_REMARK_CHARS]


def _content(frames: Frames, asked: Asked) -> list[dict[str, Any]]:
    """Return the question with its pictures, as OpenAI's protocol has it."""
    chosen = evenly_spaced(frames.rgb, _FRAMES)
    pictures = [f"data:image/png;base64,{base64.b64encode(png_bytes(Image.fromarray(frame))).decode()}"
                for frame in chosen]
    return [{"type": "text", "text": prompts.fill(_PROMPT, count=str(len(pictures)), text=asked.text)},
            *({"type": "image_url", "image_url": {"url": picture}} for picture in pictures)]
