"""Flags that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class QualityFlag(StrEnum):
    """The one dial for people."""

    draft = "draft"
    normal = "normal"
    fine = "fine"


class PlannerFlag(StrEnum):
    """Who splits the story."""

    rules = "rules"
    openai = "openai"


class ExecutorFlag(StrEnum):
    """Where work is done."""

    local = "local"
    ray = "ray"


Characters = Annotated[list[str] | None, typer.Option("--character", metavar="DIR[=NOUN]|FILE",
                                                      help="A folder of pictures of a character, or its .safetensors file.")]
Index = Annotated[Path | None, typer.Option("--index", help="Folder made by `storyanim index`. [default: the bundled one]")]
Profile = Annotated[str, typer.Option("--profile", help="storybook, sd15, or a .toml file.")]
Planner = Annotated[PlannerFlag | None, typer.Option("--planner", help="rules (offline) or openai (any server of its kind).")]
Quality = Annotated[QualityFlag, typer.Option("--quality", help="More steps, better pictures.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
