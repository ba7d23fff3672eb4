"""Changes to the text of a storyboard's file that leave a person's comments and quotes as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

import yaml

from storyanim.artifacts import YAML_LOADER, Shot, Storyboard, remember_parsed, to_yaml

if TYPE_CHECKING:
    from ruamel.yaml import YAML

_WIDTH = 110
_ANCHOR = re.compile(r"(?<!\S)[&*]\w|(?<!\S)<<:")   # by which one block may say what another does


def changed_text(text: str, board: Storyboard) -> str:
    """Return the text of a storyboard's file after a change.

    Args:
        text: of the file as it is, readable as a storyboard.
        board: as it should be.

    A comment on a line of its own belongs to the shot below it, and moves and goes with it. What is laid out
    in a way that cannot be kept (shots in braces, anchors) is written anew, without comments.
    """
    from ruamel.yaml.error import YAMLError

    was = Storyboard.from_yaml(text)
    old, new = was.model_dump(mode="json"), board.model_dump(mode="json")
    if old == new:
        return text
    try:
        changed = _with_fields(text, _different(old, new))
        if old["shots"] != new["shots"]:
            changed = _with_shots(changed, old["shots"], new["shots"])
            if not _different(old, new) and not _ANCHOR.search(text):
                remember_parsed(changed, board)      # each block that is another was read again by itself
        if Storyboard.from_yaml(changed) == board:
            return changed
    except (yaml.YAMLError, YAMLError, ValueError, LookupError):
        pass
    head = text.split("\n", 1)[0]
    return (f"{head}\n" if head.startswith("#") else "") + board.to_yaml()


def _different(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in new.items() if name != "shots" and value != old.get(name)}


def _with_fields(text: str, changes: Mapping[str, Any]) -> str:
    """Change fields of the map that a text holds, by its keys."""
    if not changes:
        return text
    printer = _printer()
    tree = printer.load(text)
    for name, value in changes.items():
        tree[name] = _quoted(value)
    return _print(printer, tree)


def _with_shots(text: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> str:
    """Put the file's blocks of lines, one a shot, in another order, and change those of changed shots."""
    lines = text.splitlines(keepends=True)
    node: Any = yaml.compose(text, Loader=YAML_LOADER)
    shots = next(value for key, value in node.value if key.value == "shots")
    if shots.flow_style:
        raise ValueError("shots in braces have no lines of their own")
    start, indent = shots.start_mark.line, shots.start_mark.column
    while lines[start - 1].lstrip().startswith("#") or not lines[start - 1].strip():
        start -= 1                                   # comments above the first shot are its own
    blocks, first = {}, start
    for shot, item in zip(old, shots.value, strict=True):
        end = _last_line(item, lines) + 1
        blocks[shot["id"]] = "".join(lines[start:end])
        start = end
    before = {shot["id"]: shot for shot in old}
    written = [_changed_block(blocks[shot["id"]], indent, before[shot["id"]], shot)
               if shot["id"] in before else _indented(to_yaml([shot]), indent) for shot in new]
    parts = [block if block.endswith("\n") else f"{block}\n" for block in written]
    return "".join([*lines[:first], *parts, *lines[start:]])


def _last_line(node: Any, lines: Sequence[str]) -> int:
    """Return the number of the last line with something of a node; comments and empty lines are not."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    first, end = node.start_mark.line, node.end_mark
    if getattr(node, "style", None) not in ("|", ">"):
        return int(end.line if end.column > 0 or end.line == first else end.line - 1)
    found = int(end.line) - 1                        # YAML counts what follows until the next key to these
    indent = _indent_of(next(filter(str.strip, lines[first + 1:]), ""))
    while found > first and _is_aside(lines[found], indent):
        found -= 1
    return found


def _is_aside(line: str, indent: int) -> bool:
    """Whether a line is empty, or a comment that stands before the column where texts begin."""
    return not line.strip() or (line.lstrip().startswith("#") and _indent_of(line) < indent)


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _changed_block(block: str, indent: int, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Change the fields of one shot in its lines."""
    changes = {name: value for name, value in new.items() if value != old.get(name)}
    if not changes:
        return block
    changed = _with_changes(block, indent, changes)
    if Shot.model_validate(yaml.load(changed, Loader=YAML_LOADER)[0]) != Shot.model_validate(new):
        raise ValueError("the lines do not say what the shot is to be")
    return changed


def _with_changes(block: str, indent: int, changes: Mapping[str, Any]) -> str:
    printer = _printer()
    tree = printer.load(_dedented(block, indent))
    for name, value in changes.items():
        tree[0][name] = _quoted(value)
    empty = block[:len(block) - len(block.lstrip("\n"))]
    return empty + _indented(_print(printer, tree), indent)


def _printer() -> YAML:
    from ruamel.yaml import YAML

    printer = YAML()
    printer.preserve_quotes = True
    printer.width = _WIDTH
    printer.allow_duplicate_keys = True              # told where a storyboard is read
    printer.representer.add_representer(
        type(None), lambda represent, _: represent.represent_scalar("tag:yaml.org,2002:null", "null"))
    return printer


def _print(printer: YAML, tree: Any) -> str:
    out = StringIO()
    printer.dump(tree, out)
    return out.getvalue()


def _dedented(text: str, columns: int) -> str:
    return "".join(line[min(columns, _indent_of(line)):] for line in text.splitlines(keepends=True))


def _indented(text: str, columns: int) -> str:
    return "".join(" " * columns * bool(line.strip()) + line for line in text.splitlines(keepends=True))


def _quoted(value: Any) -> Any:
    """Return a value whose texts come back as texts: quoted where YAML 1.1 takes them for something else."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, dict):
        return {name: _quoted(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_quoted(part) for part in value]
    if isinstance(value, str) and not _is_plain(value):
        return DoubleQuotedScalarString(value)
    return value


def _is_plain(text: str) -> bool:
    try:
        return bool(yaml.safe_load(text) == text)
    except yaml.YAMLError:
        return False
