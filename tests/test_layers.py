"""The import rows: a file imports only from rows above its own, and rooms of one row never import each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "storyanim"
# `config` stands above the rest of its row, since everything that is set up reads its sections.
ROWS = (
    {"errors"},
    {"artifacts", "config", "archive"},
    {"stages", "hub", "device", "video", "engine", "world"},
    {"plan", "retrieve", "depth", "generate", "film", "personalize"},
    {"pipeline", "cast"},
    {"order"},
    {"ray_shots"},
    {"train", "evaluate"},
    {"cli"},
    {"__main__", "__init__"},
)
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
DATA_ROOMS = {"assets", "profiles", "prompts"}


def imports_of(path: Path) -> set[str]:
    """Rooms of storyanim that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "storyanim" else [node.module or ""]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("storyanim.")}
    return found


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if room_of(path) not in DATA_ROOMS]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_come_from_rows_above(path: Path) -> None:
    room = room_of(path)
    assert room in ROW_OF, f"{room} has no row"
    for other in imports_of(path) - {room} - DATA_ROOMS:
        assert ROW_OF[other] < ROW_OF[room], f"{path.name} ({room}) imports {other}"
