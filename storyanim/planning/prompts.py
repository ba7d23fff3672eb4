"""The texts that a language model is asked with: files with `$name` holes."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from string import Template

from storyanim.errors import ModelError, UsageError

NAMES = ("read_story", "write_shots", "repair_reply")


def find_prompts() -> Path:
    """Return the folder of prompt files: `prompts/` of a checkout, or `storyanim/prompts` of a package."""
    package = Path(__file__).parents[1]
    for folder in (package / "prompts", package.parent / "prompts"):
        if all((folder / f"{name}.md").is_file() for name in NAMES):
            return folder
    raise ModelError("the prompt files of the chat planner are missing",
                     hint="the package is incomplete: install it again")


@cache
def read_prompt(name: str) -> str:
    """Return the text of one prompt file."""
    return (find_prompts() / f"{name}.md").read_text("utf-8")


def fill(name: str, **holes: str) -> str:
    """Return a prompt with its holes filled.

    Raises UsageError, which names a hole that nothing fills or a word that has no hole.
    """
    template = Template(read_prompt(name))
    wanted = set(template.get_identifiers())
    hint = f"compare prompts/{name}.md with its use in the planner"
    if missing := sorted(wanted - set(holes)):
        raise UsageError(f"nothing fills the hole ${missing[0]} of the prompt {name}", hint=hint)
    if extra := sorted(set(holes) - wanted):
        raise UsageError(f"the prompt {name} has no hole ${extra[0]}", hint=hint)
    return template.substitute(holes)


def fingerprint() -> str:
    """Return the sha256 over the names and texts of all prompt files."""
    digest = hashlib.sha256()
    for name in NAMES:
        digest.update(f"{name}\0{read_prompt(name)}\0".encode())
    return digest.hexdigest()
