"""Flags that several commands of the lab share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class QualityFlag(StrEnum):
    """How much work is put into a shot."""

    draft = "draft"
    normal = "normal"
    fine = "fine"


Index = Annotated[
    Path | None, typer.Option("--index", help="Folder made by `storyanim index`. [default: the bundled one]")
]
Profile = Annotated[str, typer.Option("--profile", help="storybook, sd15, or a .toml file.")]
Quality = Annotated[QualityFlag, typer.Option("--quality", help="More steps, better pictures.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
