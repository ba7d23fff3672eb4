"""`storyanim personalize`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyanim import console
from storyanim.cli import flags
from storyanim.cli.fetch import confirm_downloads

if TYPE_CHECKING:
    from storyanim.api import CharacterFiles


def personalize(
    folder: Annotated[Path,
                      typer.Argument(metavar="DIR", help="A folder of 3 to 30 pictures of one character.")],
    out: Annotated[Path, typer.Option("--out", "-o",
                                      help="Character file to write.")] = Path("character.safetensors"),
    noun: Annotated[
        str | None, typer.Option(help="What it is: bear, dog, ... [default: from the folder's name]")
    ] = None,
    index: flags.Index = None,
    profile: flags.Profile = "auto",
    quality: flags.Quality = flags.QualityFlag.normal,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Draw with what was learned, and measure it.")
    ] = True,
    yes: flags.Yes = False,
    json_: flags.AsJson = False,
) -> None:
    """Learn a character from pictures, for `storyanim run --character FILE`.

    Beside FILE.safetensors it writes FILE.png, a before/after sheet, and FILE.report.html and .json: likeness
    on prompts that were not learned, whether the text still changes the scene, and the step that was kept.
    """
    from storyanim import api

    with console.progress(f"personalize {folder.name}") as bar:
        files = api.learn_character(folder, out, noun=noun, index=index, profile=profile,
                                    quality=quality.value,
                                    report=report, confirm=partial(confirm_downloads, yes), progress=bar)
    _show(files, json_)


def _show(files: CharacterFiles, as_json: bool) -> None:
    token, survey, quality = files.learned.token, files.learned.survey, files.quality
    facts: dict[str, Any] = {"file": str(files.file), "name": token.name, "token": token.token,
                             "noun": token.noun}
    lines = [f"{files.file}: {token.token}, a "
             f"{' '.join(filter(None, (token.noun, token.metadata.get('appearance'))))}"]
    if quality:
        written = {"sheet": files.sheet, "report": files.report, "figures": files.figures}
        facts |= {name: str(path) for name,
                  path in written.items()} | {"report_warnings": list(quality.warnings)}
        lines += [f"{files.sheet}: before and after",
                  f"{files.report}: likeness {quality.likeness_after:.3f} ({quality.likeness_before:.3f} "
                  "without "
                  f"{token.token}), scenes change {quality.scenes.ratio:.2f} times as much",
                  *quality.warnings]
    lines += [f"{file}: not used, {reason}" for file, reason in survey.problems.items()]
    lines += [f"{file}: {warning}" for file, warning in survey.warnings.items()]
    console.result(facts | token.metadata | survey.findings(), "\n".join(lines), as_json)
