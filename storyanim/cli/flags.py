"""Flags that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from storyanim.errors import UsageError


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
                                                      help="A folder of pictures of a character, or its "
                                                           ".safetensors file.")]
Index = Annotated[Path | None, typer.Option("--index", help="Folder made by `storyanim index`. [default: the "
                                                            "bundled one]")]
Profile = Annotated[str, typer.Option("--profile", help="storybook, sd15, or a .toml file.")]
GivenProfile = Annotated[
    str | None,
    typer.Option("--profile", help="storybook, sd15, or a .toml file. [default: storybook, or the run's]")
]
Planner = Annotated[PlannerFlag | None,
                    typer.Option("--planner", help="rules (offline) or openai (any server of its kind).")]
Quality = Annotated[QualityFlag, typer.Option("--quality", help="More steps, better pictures.")]
GivenQuality = Annotated[
    QualityFlag | None,
    typer.Option("--quality", help="More steps, better pictures. [default: normal, or the run's]")
]
Executor = Annotated[ExecutorFlag, typer.Option("--executor", help="ray: by many workers at once.")]
RayAddress = Annotated[str | None, typer.Option("--ray-address",
                                                help="Of a Ray cluster, or auto. [default: on this machine]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def check_ray(executor: ExecutorFlag, address: str | None) -> bool:
    """Return whether Ray is to do it. Raises UsageError for an address that nobody would use."""
    if address is not None and executor is not ExecutorFlag.ray:
        raise UsageError("--ray-address is for --executor ray", hint="add --executor ray")
    return executor is ExecutorFlag.ray
