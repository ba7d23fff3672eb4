"""`storyanim personalize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from storyanim.cli import flags, show
from storyanim.errors import CharacterError, UsageError


def personalize(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of 3 to 30 pictures of one character.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Character file to write.")] = Path("character.safetensors"),
    noun: Annotated[str | None, typer.Option(help="What it is: bear, dog, ... [default: from the folder's name]")] = None,
    index: flags.Index = None,
    profile: flags.Profile = "storybook",
    quality: flags.Quality = flags.QualityFlag.normal,
    json_: flags.AsJson = False,
) -> None:
    """Learn a character from pictures, for `storyanim run --character FILE`. Draws a before/after sheet beside the file."""
    if out.suffix != ".safetensors":
        raise UsageError(f"{out} is no character file", hint="name it something.safetensors")
    if not folder.is_dir():
        raise CharacterError(f"there is no folder {folder}", hint="give a folder of 3 to 30 pictures")
    from storyanim.config import load_settings
    from storyanim.engine.folders import check_place, write_file
    from storyanim.engine.store import save_character_token
    from storyanim.order import learn_to_file

    settings = load_settings(profile, quality.value)
    check_place(out)
    with show.progress(f"personalize {folder.name}") as bar:
        token, sheet, survey = learn_to_file(folder, noun, settings, str(index) if index else None, bar)
    save_character_token(out, token)
    picture = out.with_suffix(".png")
    write_file(picture, sheet)
    facts = {"file": str(out), "sheet": str(picture), "name": token.name, "token": token.token, "noun": token.noun}
    lines = [f"{out}: {token.token}, a {token.noun}", f"{picture}: before and after"]
    lines += [f"{file}: not used, {reason}" for file, reason in survey.problems.items()]
    lines += [f"{file}: {warning}" for file, warning in survey.warnings.items()]
    show.result(facts | token.metadata | show.survey(survey), "\n".join(lines), json_)
