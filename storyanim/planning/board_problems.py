"""All that is wrong with a storyboard's file, each with line, column, shot, and the key that was meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from storyanim.artifacts import YAML_LOADER, Storyboard, parse_yaml

_NO_FIELD = "extra_forbidden"
_MISSING = "missing"
Where = tuple[int | str, ...]


Mark = tuple[int, int]                               # line and column, counted from 0
Problem = tuple[Where, str]                          # where it is in the file's data, and what is wrong with it


def parse_storyboard(
    text: str, check: Callable[[Any], Sequence[Problem]] = lambda data: ()
) -> tuple[Storyboard | None, tuple[str, ...]]:
    """Return the storyboard of a file's text, or None and what is wrong with it, a line each, in its order.

    A key that is there twice is wrong, too: YAML takes the last one in silence.

    Args:
        text: of the file.
        check: file's data, valid or not → what else is wrong with them.
    """
    try:
        board, problems = _parsed(text)
        further = check(board.model_dump() if board else yaml.load(text, Loader=YAML_LOADER))
        node = yaml.compose(text, Loader=YAML_LOADER) if further else None
    except yaml.YAMLError as error:
        return None, (_not_yaml(error),)
    found = [*problems, *((_mark_of(node, where), f"{spell(where, node)}: {what}") for where, what in further)]
    lines = tuple(f"{_place(mark)}{what}" for mark, what in sorted(found, key=lambda one: one[0]))
    return (None, lines) if lines else (board, ())


def _parsed(text: str) -> tuple[Storyboard | None, tuple[tuple[Mark, str], ...]]:
    """Return the storyboard, if it is one, and what is wrong with the file. Raises yaml.YAMLError."""
    try:
        board, repeats = parse_yaml(text)
        if not repeats:
            return board, ()
        found: list[tuple[Mark, str]] = []
    except ValidationError as error:
        board, found = None, list(_explained(error, yaml.compose(text, Loader=YAML_LOADER)))
    node = yaml.compose(text, Loader=YAML_LOADER)
    return board, (*found, *(_repeated(node, node, ()) if node is not None else ()))


def _not_yaml(error: yaml.YAMLError) -> str:
    mark, what = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}, column {mark.column + 1}: not valid YAML: {what}" if mark else (
        f"not valid YAML: {what}")


def _explained(error: ValidationError, node: Any) -> Iterator[tuple[Mark, str]]:
    """Yield the errors; a misspelt key is one error, not also a missing one."""
    found = error.errors()
    spelt = {(problem["loc"][:-1], meant) for problem in found if problem["type"] == _NO_FIELD
             if (meant := _meant(problem["loc"], node))}
    for problem in found:
        where: Where = problem["loc"]
        if problem["type"] == _MISSING and (where[:-1], where[-1]) in spelt:
            continue
        if where == ("shots",) and any(other["loc"][:1] == where != other["loc"] for other in found):
            continue                                 # what is wrong with them is told one by one
        yield _mark_of(node, where), _said(problem, where, node)


def _said(problem: Any, where: Where, node: Any) -> str:
    name, message = spell(where, node), str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == _NO_FIELD:
        meant = _meant(where, node)
        message = f"no such field; did you mean {meant}?" if meant else "no such field"
    return f"{name}: {message}" if name else message


def _repeated(node: Any, root: Any, where: Where) -> Iterator[tuple[Mark, str]]:
    """Yield what is wrong with keys that are in a map twice."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                mark = (key.start_mark.line, key.start_mark.column)
                yield mark, f"{spell((*where, name), root)}: given twice, only the last would count"
            seen.add(name)
            yield from _repeated(value, root, (*where, name))
    elif isinstance(node, yaml.SequenceNode):
        for k, value in enumerate(node.value):
            yield from _repeated(value, root, (*where, k))


# ── where ────────────────────────────────────────────────────────────────────────────────────────────────


def _find(node: Any, where: Sequence[int | str]) -> Iterator[tuple[Any, Any]]:
    """Yield key and value of each step on the way, as far as it goes."""
    for part in where:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            key, node = node.value[part], node.value[part]
        elif isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if pair is None:
                return
            key, node = pair
        else:
            return
        yield key, node


def _mark_of(node: Any, where: Where) -> Mark:
    """Return line and column, counted from 0, of the key that is wrong, or of what lacks it."""
    *_, last = [node, *(key for key, _ in _find(node, where))]
    return (last.start_mark.line, last.start_mark.column) if last is not None else (0, 0)


def _place(mark: Mark) -> str:
    return f"line {mark[0] + 1}, column {mark[1] + 1}: "


def spell(where: Where, node: Any = None) -> str:
    """("shots", 2, "prompt") → "s03: prompt"; without a node, which has the id, "shots[2].prompt"."""
    if where[:1] == ("shots",) and len(where) > 1:
        for _, shot in list(_find(node, where[:2]))[1:]:
            name = next((value.value for _, value in _find(shot, ("id",))), "")
            if name and where[2:3] != ("id",):
                rest = spell(where[2:])
                return f"{name}: {rest}" if rest else str(name)
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _meant(where: Where, node: Any) -> str:
    """Return the field that a misspelt key is nearest to and that its map lacks; "" without one."""
    fields = _fields_at(Storyboard, where[:-1])
    *_, around = [node, *(value for _, value in _find(node, where[:-1]))]
    there = {key.value for key, _ in around.value} if isinstance(around, yaml.MappingNode) else set()
    near = get_close_matches(str(where[-1]), [name for name in fields if name not in there], n=1, cutoff=0.7)
    return near[0] if near else ""


def _fields_at(model: Any, where: Sequence[int | str]) -> list[str]:
    """Return the names of the fields of the model that a place in the file is to hold."""
    for part in where:
        if isinstance(part, str):
            fields = model.model_fields if _is_model(model) else {}
            model = fields[part].annotation if part in fields else None
        else:
            model = next((kind for kind in get_args(model) if kind is not Ellipsis), None)
    while get_origin(model) is UnionType:
        model = get_args(model)[0]
    return list(model.model_fields) if _is_model(model) else []


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
