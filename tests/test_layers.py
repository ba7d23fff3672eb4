"""The import rows: a file imports only from rows above its own, and rooms of one row never import each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# `config` stands above the rest of its row, since everything that is set up reads its sections.
STORYANIM = (
    {"errors", "fonts", "frame_rate"},
    {"artifacts", "config", "archive", "sheet"},
    {"device"},
    {"stages", "hub", "video", "near_duplicates", "broken_clips", "motion_layers", "engine", "console"},
    {"planning", "retrieve", "depth", "generate", "readback", "film", "personalize"},
    {"run"},
    {"api"},
    {"films"},
    {"review"},
    {"cli"},
    {"__main__", "__init__"},
)
STORYBOOK = ({"world"}, {"vocabulary"}, {"train", "evaluate"}, {"cli"}, {"__main__", "__init__"})
ROWS = {"storyanim": STORYANIM, "storybook": STORYBOOK}
ROW_OF = {package: {room: row for row, rooms in enumerate(rows) for room in rooms} for package, rows in ROWS.items()}
DATA_ROOMS = {"assets", "profiles", "prompts", "weights"}
NOT_FOR_THE_LAB = {"cli", "review"}                            # of storyanim


def imports_of(path: Path) -> set[tuple[str, str]]:
    """(package, room) of each import of ours in a file, anywhere in it."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module in ROWS else [module]
        else:
            continue
        parts = [name.split(".") for name in names]
        found |= {(part[0], part[1] if len(part) > 1 else "__init__") for part in parts if part[0] in ROWS}
    return found


def room_of(path: Path) -> tuple[str, str]:
    package, room, *_ = path.relative_to(ROOT).parts
    return package, room.removesuffix(".py")


FILES = [path for package in ROWS for path in sorted((ROOT / package).rglob("*.py")) if room_of(path)[1] not in DATA_ROOMS]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_come_from_rows_above(path: Path) -> None:
    package, room = room_of(path)
    assert room in ROW_OF[package], f"{room} has no row"
    for theirs, other in imports_of(path) - {(package, room)}:
        if other in DATA_ROOMS:
            continue
        if theirs == package:
            assert ROW_OF[package][other] < ROW_OF[package][room], f"{path.name} ({room}) imports {other}"
        else:
            assert package == "storybook", f"{path.name} imports the lab"
            assert other not in NOT_FOR_THE_LAB, f"{path.name} imports storyanim.{other}"
