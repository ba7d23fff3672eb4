"""`storyanim character`: what a character file holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyanim import console
from storyanim.cli import flags
from storyanim.errors import ModelError

if TYPE_CHECKING:
    from storyanim.artifacts import CharacterToken

app = typer.Typer(no_args_is_help=True, help="Look into character files.")
_NAMED = ("appearance", "method", "version", "steps", "chosen_step", "pictures", "class_clips", "settings",
          "fingerprint")


@app.callback()
def _group() -> None:
    """Look into character files."""


@app.command("show")
def show_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file made by `storyanim personalize`.")],
    profile: flags.Profile = "auto",
    json_: flags.AsJson = False,
) -> None:
    """Tell all that a character file holds, and whether it fits a profile."""
    from storyanim.config import load_settings
    from storyanim.engine.character_file import FORMAT, load_character_token
    from storyanim.run.models import settle_profile

    if profile != "auto":
        load_settings(profile)                       # a mistake is reported before the file is read
    token = load_character_token(file)
    profile, _ = settle_profile(profile, character_files=[str(file)])
    models = load_settings(profile).models
    facts = {"file": str(file), "bytes": file.stat().st_size, "format": FORMAT, **_facts(token),
             "profile": profile, "fits": _fits(token, models.pipeline)}
    console.result(facts, "" if json_ else console.table(_rows(facts)), json_)


def _facts(token: CharacterToken) -> dict[str, Any]:
    import numpy as np

    said, halves = token.metadata, [matrix.shape[0] for key,
                                    matrix in token.lora.items() if key.endswith("lora_A.weight")]
    modules = sorted({key.removeprefix("unet.").rsplit(".", 2)[0] for key in token.lora})
    return {
        "name": token.name, "token": token.token, "noun": token.noun, "base": token.base,
        **{name: _value(said[name]) if name in said else None for name in _NAMED},
        "table": {"shape": list(token.table.shape),
                  "different_rows": len(np.unique(token.table, axis=0)) if token.is_learned else 0},
        "lora": {"rank": max(halves, default=0), "modules": modules},
        "metrics": {name: _value(text) for name, text in said.items() if name not in _NAMED},
    }


def _value(text: str) -> Any:
    """Return numbers and settings are JSON, other words stand as they are."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _fits(token: CharacterToken, pipeline: Any) -> bool | None:
    """None: the profile's model is not on this disk."""
    from storyanim import hub

    try:
        return hub.fingerprint(pipeline) == token.base
    except ModelError:
        return None


def _rows(facts: dict[str, Any]) -> dict[str, str]:
    """For people: one line a fact, the LoRA's layers by their blocks."""
    rows: dict[str, str] = {}
    for name, value in facts.items():
        if isinstance(value, dict):
            rows |= {f"{name} {part}": _text(inner) for part, inner in value.items()}
        elif value is not None or name == "fits":
            rows[name] = _text(value)
    rows["fits"] = {"True": "yes", "False": "no, it was learned for another base model"}.get(
        rows["fits"], "unknown: the profile's model is not on this disk")
    rows["lora modules"] = _layers(facts["lora"]["modules"])
    rows["table shape"] += "  (timesteps, width)"
    return rows


def _text(value: Any) -> str:
    """Return shapes as 10 x 8, a curve as its points, words one after the other."""
    if isinstance(value, list) and all(isinstance(point, list) for point in value):
        return ", ".join(f"{step}: {height:g}" for step, height in value) or "none"
    if not isinstance(value, list):
        return str(value)
    return (" x " if all(isinstance(part, int) for part in value) else ", ").join(map(str, value))


def _layers(modules: list[str]) -> str:
    """Return how many, which layers, and a line for each block that has them."""
    blocks = sorted({module.partition(".transformer_blocks.")[0] for module in modules})
    layers = sorted({".".join(module.split(".")[-2:]) for module in modules})
    return "\n".join([f"{len(modules)}: {', '.join(layers)} of", *blocks]) if modules else "none"
