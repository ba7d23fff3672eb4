"""A language model's reply is data to check: find the JSON in it, and make it what was asked for."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

Form = Literal["json_schema", "json_object", "prose"]
_DECODER = json.JSONDecoder(strict=False)            # strings may hold line breaks
_MAX_DEPTH = 6                                       # how deep what was asked for may lie in a reply
_MAX_CHARS = 200_000                                 # of a reply; what follows is not read
_MAX_VALUES = 1000                                   # brackets of a reply that may begin a value
_MAX_RANGE = 1000                                    # pieces that "3-9" may mean


class BadReplyError(ValueError):
    """The reply cannot be used; the message says why, for the model to mend."""


class Reply(BaseModel):
    """Base of all replies. Keys that nobody asked for are left out, null counts as not given."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    synonyms: ClassVar[Mapping[str, tuple[str, ...]]] = {}          # field → what models call it as well

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        parts = ((str(name).strip().lower(), part) for name, part in value.items())
        given = {name: _printable(part) for name, part in parts if part is not None}
        for field, others in cls.synonyms.items():
            given.setdefault(field, next((given[name] for name in others if name in given), None))
        return {name: part for name, part in given.items() if part is not None}


def _joined(value: Any) -> Any:
    """Return a list of texts as one text: ["he", "him"] → "he, him"."""
    is_list = isinstance(value, list) and all(isinstance(part, str) for part in value)
    return ", ".join(map(_printable, value)) if is_list else value


Text = Annotated[str, BeforeValidator(_joined)]


class CastEntry(Reply):
    """Who plays in the story."""

    synonyms = {"kind": ("is", "what", "noun", "species", "type"), "looks": ("appearance", "look")}
    name: str = Field(min_length=1)
    kind: Text = ""
    pronouns: Text = ""
    looks: Text = ""


class SceneEntry(Reply):
    """A place at a time in some weather, from a piece on."""

    synonyms = {"first": ("piece", "number", "start", "from"), "time": ("time_of_day", "when"),
                "place": ("where",)}
    first: int = 0
    place: Text = ""
    time: Text = ""
    weather: Text = ""

    @property
    def words(self) -> str:
        """Return the scene in words: "harbour wall, night, rain"."""
        return ", ".join(part for part in (self.place, self.time, self.weather) if part)


class StoryReply(Reply):
    """The cast and the scenes of a story."""

    cast: list[CastEntry]
    scenes: list[SceneEntry] = []


class ShotEntry(Reply):
    """A shot: which pieces it shows, what to look for and what to draw."""

    synonyms = {"pieces": ("piece", "numbers", "number"), "characters": ("character", "cast")}
    pieces: list[int] = []
    query: str
    prompt: str
    characters: list[str] = []

    @field_validator("pieces", mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        values = value if isinstance(value, list) else [value]
        return [number for part in values for number in _numbers_in(part)]

    @field_validator("characters", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [name.strip() for name in value.split(",") if name.strip()]
        parts = value if isinstance(value, list) else []
        names = (part.get("name") if isinstance(part, dict) else part for part in parts)
        return [name for name in names if isinstance(name, str) and name.strip()]


class ShotsReply(Reply):
    """The shots of a batch of pieces."""

    shots: list[ShotEntry] = Field(min_length=1)


Wanted = TypeVar("Wanted", bound=Reply)


def parse_reply(content: str, wanted: type[Wanted]) -> tuple[Wanted, bool]:
    """Return the reply as `wanted`, and whether it breaks off: then its last part is missing.

    Raises BadReplyError.
    """
    text = _without_thoughts(content[:_MAX_CHARS])
    if not text:
        is_thought = bool(content.strip())
        raise BadReplyError(f"- the reply is {'a thought without an answer' if is_thought else 'empty'}")
    whole = list(_whole_values(text))
    is_cut_off = not whole and text.count("{") > text.count("}")
    problem: BadReplyError | None = None
    for value in chain(whole, _embedded_values(text, wanted, is_cut_off)):
        if (shaped := _shaped(value, wanted)) is None:
            continue
        try:
            return wanted.model_validate(shaped), is_cut_off
        except ValidationError as error:
            lines = [f"- {'.'.join(str(p) for p in e['loc']) or 'reply'}: {e['msg']}"
                     for e in error.errors()[:8]]
            problem = problem or BadReplyError("\n".join(lines))
    nothing = "was cut off" if is_cut_off else "holds no JSON of the form that was asked for"
    raise problem or BadReplyError(f"- the reply {nothing}")


def _printable(value: Any) -> Any:
    """Return a string without control characters, blanks made one; other values as they are."""
    if not isinstance(value, str):
        return value
    kept = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in value)
    return " ".join(kept.split())


def _numbers_in(part: Any) -> list[Any]:
    """Return the numbers that a model meant: 3, "3", "piece 3", "3-5"."""
    if not isinstance(part, str):
        return [part]
    if found := re.fullmatch(r"\D*(\d{1,6})\s*(?:-|–|to|\.\.)\s*(\d{1,6})\D*", part):
        first, last = int(found[1]), int(found[2])
        return list(range(first, min(last, first + _MAX_RANGE) + 1))
    return [int(number) for number in re.findall(r"\d{1,6}", part)]


# ── finding JSON ──


def _without_thoughts(content: str) -> str:
    text = re.sub(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", "", content, flags=re.DOTALL).strip()
    return re.split(r"</think(?:ing)?>", text)[-1].strip()


def _whole_values(text: str) -> Iterator[Any]:
    """Yield the reply as JSON, then what is fenced in it, the last first."""
    fenced = re.findall(r"```\w*\s*(.*?)(?:```|\Z)", text, flags=re.DOTALL)
    for candidate in (text, *reversed(fenced)):
        yield from _tried(_DECODER.decode, candidate.strip())


def _embedded_values(text: str, wanted: type[Reply], is_cut_off: bool) -> Iterator[Any]:
    """Yield what may be meant amid other words: the last value first, then entries, then repaired JSON."""
    loose = list(_embedded(text))
    entries = [value for value in loose if isinstance(value, dict) and _is_entry(value, wanted)]
    yield from (value for value in reversed(loose) if value not in entries)
    if is_cut_off or (len(entries) > 1 and len(entries) == len(loose)):
        yield entries
    start = re.search(r"[{\[](?=\s*[\"'{\[\w])", text)
    if start and not is_cut_off:
        yield from _tried(_repaired, text[start.start():])
    yield entries


def _embedded(text: str) -> Iterator[Any]:
    """Yield the objects and arrays that stand in a text, none inside another."""
    at, bracket = 0, re.compile(r"[{\[]")
    for _ in range(_MAX_VALUES):
        match = bracket.search(text, at)
        if match is None:
            return
        found = list(_tried(_DECODER.raw_decode, text, match.start()))
        yield from (value for value, _ in found)
        at = found[0][1] if found else match.start() + 1


def _tried(load: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
    try:
        yield load(*arguments)
    except (ValueError, RecursionError):
        return


def _repaired(text: str) -> Any:
    import json_repair

    return json_repair.loads(text)


# ── giving it the shape that was asked for ──


def _shaped(value: Any, wanted: type[Reply], depth: int = 0) -> Any:
    """Return the object with the fields of `wanted`, wherever it lies; None when there is none."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, list):
        entries = [part for part in value if isinstance(part, dict)]
        if entries and all(_is_entry(part, wanted) for part in entries):
            return {_list_field(wanted): entries}
        inner: list[Any] = [*value]
    elif isinstance(value, dict):
        if _is_entry(value, wanted):
            return {_list_field(wanted): [value]}
        lists = {name: [*part.values()] if isinstance(part, dict) else part for name, part in value.items()}
        if any(isinstance(lists.get(name), list) for name in wanted.model_fields):
            return lists
        inner = [*value.values()]
    else:
        return None
    return next((found for part in inner if (found := _shaped(part, wanted, depth + 1)) is not None), None)


def _list_field(wanted: type[Reply]) -> str:
    return next(iter(wanted.model_fields))


def _is_entry(value: Mapping[str, Any], wanted: type[Reply]) -> bool:
    """Return whether an object is one entry of the list that `wanted` is about."""
    entry = wanted.model_fields[_list_field(wanted)].annotation.__args__[0]       # type: ignore[union-attr]
    required = {name for name, field in entry.model_fields.items() if field.is_required()}
    return required <= {str(name).strip().lower() for name in value}


# ── schemas ──


def strict_schema(wanted: type[Reply]) -> dict[str, Any]:
    """Return the JSON schema of a reply as strict servers want it: every key required, no others."""
    schema = wanted.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        part["additionalProperties"] = False
        part["required"] = list(part["properties"])
        for value in part["properties"].values():
            for unsupported in ("default", "minLength", "minItems"):
                value.pop(unsupported, None)
    return schema
