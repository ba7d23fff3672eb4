"""Write requirements.lock: the newest releases that pyproject.toml's ranges allow, resolved together by pip.

    python scripts/lock.py                  # `make lock`

The lock names exact releases for Linux on x86-64 and any Python from 3.11 on. It leaves out what a build of
PyTorch pins by itself (CUDA's libraries, triton), so that a CPU build, or one for another CUDA, installs from
the same file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
HEAD = """\
# Exact releases that `make setup` installs on Linux x86-64. Written by scripts/lock.py (`make lock`).
# CUDA's libraries and triton are left out: each build of PyTorch pins its own.
"""
OF_THE_TORCH_BUILD = ("nvidia-", "cuda-", "triton")


def resolve(project: Path) -> list[dict[str, Any]]:
    """Return what pip would install for the project with the extras dev and docs, as in its report."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "-qqq"]
    command += ["--report", "-", "-e", f"{project}[dev,docs]"]
    report = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    installs: list[dict[str, Any]] = json.loads(report)["install"]
    return installs


def lock_lines(installs: list[dict[str, Any]]) -> list[str]:
    """Return sorted `name==version` lines, without the project itself and the parts of a torch build."""
    releases = {
        entry["metadata"]["name"].lower().replace("_", "-"): entry["metadata"]["version"].partition("+")[0]
        for entry in installs
    }
    kept = {name: version for name, version in releases.items()
            if name != "storyanim" and not name.startswith(OF_THE_TORCH_BUILD)}
    return [f"{name}=={version}" for name, version in sorted(kept.items())]


def main() -> None:
    """Resolve and write the lock."""
    lines = lock_lines(resolve(ROOT))
    LOCK.write_text(HEAD + "\n".join(lines) + "\n", "utf-8")
    print(f"{LOCK.relative_to(ROOT)}: {len(lines)} releases")


if __name__ == "__main__":
    main()
