"""Write THIRD_PARTY.md: the licence of everything that the lock file installs, as its own metadata states it.

    python scripts/third_party.py           # part of `make lock`; tests/test_repository.py checks the result
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "THIRD_PARTY.md"
BEGIN = "<!-- written by scripts/third_party.py -->"
_MAX_LICENCE_CHARS = 60                              # a longer `License` field is the licence's whole text


def locked() -> list[str]:
    """Return the names in requirements.lock, in its order."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    return [line.partition("==")[0] for line in lines if line and not line.startswith("#")]


def licence(name: str) -> str:
    """Return the licence of an installed package: SPDX expression, classifiers, or the `License` field.

    Raises importlib.metadata.PackageNotFoundError if it is not installed.
    """
    about: Any = metadata.metadata(name)             # typed without `get`
    if expression := about.get("License-Expression"):
        return expression
    classes = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or []
               if line.startswith("License :: ") and not line.endswith(("OSI Approved", "DFSG approved"))]
    written = (about.get("License") or "").strip()
    field = written if len(written) <= _MAX_LICENCE_CHARS else written.splitlines()[0].strip()
    return ", ".join(classes) or field or "not stated"


def needed_to_run() -> set[str]:
    """Return the packages that `pip install storyanim` brings on this machine, by their canonical names."""
    found: set[str] = set()
    todo = ["storyanim"]
    while todo:
        for text in metadata.requires(todo.pop()) or []:
            need = Requirement(text)
            name = canonicalize_name(need.name)
            if name not in found and (need.marker is None or need.marker.evaluate({"extra": ""})):
                found.add(name)
                todo.append(name)
    return found


def main() -> None:
    """Write the table below the marker; what stands above it is written by hand."""
    head = PAGE.read_text("utf-8").partition(BEGIN)[0]
    running = needed_to_run()
    table = ["| package | licence | needed |", "| --- | --- | --- |"]
    for name in locked():
        table.append(f"| {name} | {licence(name)} | {'to run' if name in running else 'by an extra'} |")
    PAGE.write_text(f"{head}{BEGIN}\n\n" + "\n".join(table) + "\n", "utf-8")


if __name__ == "__main__":
    main()
