"""Command lines in a process of its own, and which heavy libraries they loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHECK = """
import json, sys
from {module} import app
from storyanim.console import run_app
for arguments in json.load(sys.stdin):
    print("BEGIN", file=sys.stderr, flush=True)
    code = run_app(app, arguments)
    loaded = sorted({{"torch", "transformers", "diffusers"}} & set(sys.modules))
    print(f"END {{code}} {{loaded}}", file=sys.stderr, flush=True)
"""


def tried(module: str, command_lines: list[list[str]], folder: Path) -> list[tuple[int, list[str], str]]:
    """Exit code, lines of stderr, and the heavy libraries loaded by then, of each; all in one new process."""
    done = subprocess.run([sys.executable, "-c", CHECK.format(module=module)], input=json.dumps(command_lines), cwd=folder,
                          capture_output=True, text=True, check=True)
    found = []
    for part in done.stderr.split("BEGIN\n")[1:]:
        *lines, end = part.rstrip("\n").split("\n")
        code, loaded = end.removeprefix("END ").split(" ", 1)
        found.append((int(code), lines, loaded))
    assert len(found) == len(command_lines)
    return found
