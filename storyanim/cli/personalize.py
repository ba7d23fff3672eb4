"""`storyanim personalize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyanim import console
from storyanim.cli import flags
from storyanim.errors import CharacterError, UsageError

if TYPE_CHECKING:
    from storyanim.artifacts import CharacterToken
    from storyanim.config import Settings
    from storyanim.film.character_report import CharacterReport
    from storyanim.run.order import Learned
    from storyanim.run.pipeline import Watch


def personalize(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of 3 to 30 pictures of one character.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Character file to write.")] = Path("character.safetensors"),
    noun: Annotated[str | None, typer.Option(help="What it is: bear, dog, ... [default: from the folder's name]")] = None,
    index: flags.Index = None,
    profile: flags.Profile = "storybook",
    quality: flags.Quality = flags.QualityFlag.normal,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Draw with what was learned, and measure it.")] = True,
    json_: flags.AsJson = False,
) -> None:
    """Learn a character from pictures, for `storyanim run --character FILE`.

    Beside FILE.safetensors it writes FILE.png, a before/after sheet, and FILE.report.html and .json: likeness on prompts
    that were not learned, whether the text still changes the scene, and the step that was kept.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"{out} is no character file", hint="name it something.safetensors")
    if not folder.is_dir():
        raise CharacterError(f"there is no folder {folder}", hint="give a folder of 3 to 30 pictures")
    from storyanim.config import load_settings
    from storyanim.engine.folders import check_place
    from storyanim.engine.store import save_character_token
    from storyanim.run.order import learn_to_file

    settings = load_settings(profile, quality.value)
    check_place(out)
    with console.progress(f"personalize {folder.name}") as bar:
        learned = learn_to_file(folder, noun, settings, str(index) if index else None, bar)
        save_character_token(out, learned.token)
        examined = _examine(out, learned, settings, bar) if report else None
    token, survey = (examined[0] if examined else learned.token), learned.survey
    facts: dict[str, Any] = {"file": str(out), "name": token.name, "token": token.token, "noun": token.noun}
    lines = [f"{out}: {token.token}, a {' '.join(filter(None, (token.noun, token.metadata.get('appearance'))))}"]
    if examined:
        places, told = _places(out), examined[1]
        facts |= {**{name: str(path) for name, path in places.items()}, "report_warnings": list(told.warnings)}
        lines += [f"{places['sheet']}: before and after", f"{places['report']}: likeness {told.likeness_after:.3f} "
                  f"({told.likeness_before:.3f} without {token.token}), scenes change {told.scenes.ratio:.2f} times as much",
                  *told.warnings]
    lines += [f"{file}: not used, {reason}" for file, reason in survey.problems.items()]
    lines += [f"{file}: {warning}" for file, warning in survey.warnings.items()]
    console.result(facts | token.metadata | survey.findings(), "\n".join(lines), json_)


def _places(out: Path) -> dict[str, Path]:
    """Where the report's parts lie."""
    suffixes = {"sheet": ".png", "report": ".report.html", "figures": ".report.json"}
    return {name: out.with_suffix(suffix) for name, suffix in suffixes.items()}


def _examine(out: Path, learned: Learned, settings: Settings, watch: Watch) -> tuple[CharacterToken, CharacterReport]:
    """Draws, measures, writes the report's files, and the character's again with its figures."""
    from storyanim.engine.folders import write_file
    from storyanim.engine.store import save_character_token
    from storyanim.film.character_report import render_character
    from storyanim.personalize.sheet import before_after_sheet
    from storyanim.run.quality import examine, with_figures

    report, drawings = examine(learned, settings, watch)
    places, token = _places(out), with_figures(learned.token, report)
    write_file(places["sheet"], before_after_sheet(learned.character.images, drawings.before, drawings.after))
    write_file(places["report"], render_character(report, drawings).encode())
    write_file(places["figures"], (report.model_dump_json(indent=1) + "\n").encode())
    save_character_token(out, token)
    return token, report
