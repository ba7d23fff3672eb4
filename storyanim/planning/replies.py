"""A language model's reply is data to check: find the JSON in it, and make it the values that were asked for."""

from __future__ import annotations

import json
import re
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Reply(BaseModel):
    """Base of all replies; keys that nobody asked for are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SplitShot(Reply):
    """A piece of the story."""

    text: str = Field(min_length=1)


class SplitReply(Reply):
    """The story in pieces."""

    shots: list[SplitShot] = Field(min_length=1)


class WrittenShot(Reply):
    """What to look for and what to draw."""

    number: int
    query: str = Field(min_length=3)
    prompt: str = Field(min_length=3)
    characters: list[str] = []
    setting: str = ""


class WriteReply(Reply):
    """The words of a batch of shots."""

    shots: list[WrittenShot] = Field(min_length=1)


Form = Literal["json_schema", "json_object", "prose"]
Wanted = TypeVar("Wanted", bound=Reply)


class BadReply(ValueError):
    """The reply cannot be used; the message says why, for the model to mend."""


def parse_reply(content: str, wanted: type[Wanted]) -> Wanted:
    """The reply as `wanted`. Raises BadReply."""
    value = find_json(content)
    if isinstance(value, list):
        value = {"shots": value}
    elif isinstance(value, dict) and "shots" not in value:
        inner = [v for v in value.values() if isinstance(v, (list, dict))]
        value = {"shots": inner[0]} if len(inner) == 1 and isinstance(inner[0], list) else inner[0] if len(inner) == 1 else value
    try:
        return wanted.model_validate(value)
    except ValidationError as error:
        problems = [f"- {'.'.join(str(p) for p in e['loc']) or 'reply'}: {e['msg']}" for e in error.errors()[:8]]
        raise BadReply("\n".join(problems)) from error


def find_json(content: str) -> Any:
    """The JSON value in a reply: alone, fenced, after a thought, or amid prose. Raises BadReply."""
    text = re.sub(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", "", content, flags=re.DOTALL).strip()
    if "</think>" in text:
        text = text.rpartition("</think>")[2].strip()
    if not text:
        raise BadReply("- the reply is empty")
    fenced = re.findall(r"```(?:json)?\s*\n(.*?)```", text, flags=re.DOTALL)
    for candidate in (text, *reversed(fenced)):
        try:
            return json.loads(candidate)
        except json.JSONDecodeError:
            continue
    return _largest_json(text)


def _largest_json(text: str) -> Any:
    """The longest object or array that begins anywhere in the text."""
    decoder, best, length, at = json.JSONDecoder(), None, 0, 0
    while match := re.compile(r"[{\[]").search(text, at):
        try:
            value, end = decoder.raw_decode(text, match.start())
        except json.JSONDecodeError:
            at = match.start() + 1
            continue
        if end - match.start() > length:
            best, length = value, end - match.start()
        at = end
    if best is None or length < 2:
        cut = " (it seems to be cut off)" if text.count("{") > text.count("}") else ""
        raise BadReply(f"- the reply holds no complete JSON{cut}")
    return best


def strict_schema(wanted: type[Reply]) -> dict[str, Any]:
    """The JSON schema of a reply as strict servers want it: every key required, no others."""
    schema = wanted.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        part["additionalProperties"] = False
        part["required"] = list(part["properties"])
        for value in part["properties"].values():
            for unsupported in ("default", "minLength", "minItems"):
                value.pop(unsupported, None)
    return schema
