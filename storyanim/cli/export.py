"""`storyanim export`: a run's film, or a character, in other forms."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from storyanim import console
from storyanim.cli import flags
from storyanim.errors import UsageError

if TYPE_CHECKING:
    from storyanim.artifacts import CharacterToken
    from storyanim.personalize.export import Loss


class CharacterFormat(StrEnum):
    """What other programs read."""

    lora = "diffusers-lora"
    embedding = "ti-embedding"


class PageFormat(StrEnum):
    """What is printed."""

    pdf = "pdf"
    html = "html"


class ProjectFormat(StrEnum):
    """What editing programs open."""

    otio = "otio"
    edl = "edl"
    fcpxml = "fcpxml"
    zip = "zip"


class SigningAlgorithm(StrEnum):
    """By C2PA's names."""

    es256 = "es256"
    es384 = "es384"
    es512 = "es512"
    ps256 = "ps256"
    ps384 = "ps384"
    ps512 = "ps512"
    ed25519 = "ed25519"


Format = TypeVar("Format", ProjectFormat, PageFormat)

app = typer.Typer(no_args_is_help=True, help="A run's film, or a character, in other forms.")


@app.callback()
def _group() -> None:
    """Write a run's film, or a character, in other forms."""


@app.command()
def lancedb(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="Index folder.")],
    out: Annotated[str, typer.Option("--out", "-o", metavar="URI",
                                     help="Of a LanceDB: a folder, or s3://bucket/folder.")],
    json_: flags.AsJson = False,
) -> None:
    """Copy an index's vectors into a LanceDB; `STORYANIM_RETRIEVE__LANCEDB_URI=URI` searches there."""
    from storyanim.retrieve.index import VideoIndex
    from storyanim.retrieve.lancedb_vectors import export_to_lancedb

    info = VideoIndex(index).info                     # which finds damage
    export_to_lancedb(index, info.num_clips, info.dim, out)
    console.result({"uri": out, "vectors": info.num_clips}, f"{out}: {info.num_clips} vectors", json_)


@app.command()
def preview(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with a finished film.")],
    out: Annotated[Path,
                   typer.Option("--out", "-o", help="A .webp or .gif to write.")] = Path("preview.webp"),
    width: Annotated[int, typer.Option(min=16, max=2048, help="Pixels.")] = 256,
) -> None:
    """Write the film as a small moving picture."""
    from storyanim.engine.folders import check_writable
    from storyanim.run.exports import write_run_preview

    if out.suffix not in {".webp", ".gif"}:
        raise UsageError(f"{out} is neither .webp nor .gif", hint="choose one of the two with -o")
    check_writable(out)
    write_run_preview(run, out, width)
    print(out)


@app.command()
def film(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with a finished film.")],
    format_: Annotated[ProjectFormat | None, typer.Option(
        "--format", help="otio: OpenTimelineIO; edl: CMX 3600; fcpxml: Final Cut Pro; zip: all, in one "
                         "archive. [default: as --out ends, else otio]", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="[default: the run's name, here]",
                                             show_default=False)] = None,
    json_: flags.AsJson = False,
) -> None:
    """Write the film as a project of an editing program, its clips and sounds beside it."""
    from storyanim.run.exports import export_film

    form = _format(ProjectFormat, format_, out)
    path = out or Path(f"{run.absolute().name}.{form.value}")
    written = [str(one) for one in export_film(run, path, form.value)]
    console.result({"written": written}, "\n".join(written), json_)


@app.command()
def signed(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with a finished film.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Your private key, PEM.")],
    certificates: Annotated[Path, typer.Option("--certificates", metavar="FILE",
                                               help="Its chain, PEM, yours first.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="An .mp4 to write.")] = Path("signed.mp4"),
    algorithm: Annotated[SigningAlgorithm, typer.Option("--algorithm", help="Of the key.")] =
        SigningAlgorithm.es256,
) -> None:
    """Write the film with content credentials (C2PA): AI-made and by what, signed by your key."""
    from storyanim.run.exports import export_signed

    if out.suffix != ".mp4":
        raise UsageError(f"{out} does not end in .mp4", hint=f"name it {out.stem}.mp4 with -o")
    export_signed(run, out, key, certificates, algorithm.value)
    print(out)


@app.command()
def storyboard(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, drawn or not.")],
    format_: Annotated[PageFormat | None, typer.Option(
        "--format", help="pdf: A4, seven shots a page; html: one file. [default: as --out ends, else pdf]",
        show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="[default: the run's name, here]",
                                             show_default=False)] = None,
) -> None:
    """Write the storyboard for print: each shot's pictures, words, prompt and seconds."""
    from storyanim.engine.folders import check_writable
    from storyanim.run.exports import print_storyboard

    form = _format(PageFormat, format_, out)
    path = out or Path(f"{run.absolute().name}.{form.value}")
    check_writable(path, f".{form.value}")
    print_storyboard(run, path)
    print(path)


@app.command()
def character(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file made by `storyanim personalize`.")],
    format_: Annotated[CharacterFormat, typer.Option("--format", help="The LoRA, or the table as one "
                                                                      "textual-inversion token.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .safetensors to write.")],
    collapse: Annotated[bool, typer.Option("--collapse",
                                           help="Average the table's rows; tells what that loses.")] = False,
    json_: flags.AsJson = False,
) -> None:
    """Write a character for stock diffusers: `load_lora_weights` or `load_textual_inversion`."""
    from storyanim.engine.character_file import load_character_token
    from storyanim.engine.folders import check_writable, write_file
    from storyanim.personalize.export import embedding_file, lora_file

    if out.exists() and file.exists() and out.samefile(file):
        raise UsageError(f"{out} is the character file itself", hint="choose another name with -o")
    if collapse and format_ is CharacterFormat.lora:
        raise UsageError("--collapse is about the table, which a LoRA file lacks",
                         hint="use it with --format ti-embedding")
    check_writable(out, ".safetensors")
    token = load_character_token(file)
    facts: dict[str, Any] = {"file": str(out), "format": format_.value, "token": token.token}
    if format_ is CharacterFormat.lora:
        data = lora_file(token)
        lines = f"{out}: the LoRA of {token.name}\nleft out: the table: {token.token} means nothing there"
    else:
        data, loss = embedding_file(token, collapse=collapse)
        facts["collapse"] = asdict(loss)
        lines = f"{out}: {token.token}, one embedding for all timesteps\nleft out: {_left_out(loss, token)}"
    if appearance := token.metadata.get("appearance"):
        lines += f"\nsay behind the {token.noun} what it wears: {appearance}"
    write_file(out, data)
    console.result(facts, lines, json_)


def _format(formats: type[Format], given: Format | None, out: Path | None) -> Format:
    """Return the format that was given, else that of the file's name, else the first. Raises UsageError."""
    if given is not None:
        return given
    known: list[Format] = list(formats)
    if out is None:
        return known[0]
    try:
        return formats(out.suffix.removeprefix(".").lower())
    except ValueError:
        endings = " or ".join(f".{one.value}" for one in known)
        raise UsageError(f"{out} does not end in {endings}", hint="name it so, or give --format") from None


def _left_out(loss: Loss, token: CharacterToken) -> str:
    rows = (f"how {loss.rows} rows differ (they lie {100 * loss.mean:.1f} % of their norm from the mean, "
            f"{100 * loss.largest:.1f} % at most)")
    parts = [*(["the LoRA"] if token.lora else []), *([rows] if loss.rows > 1 else [])]
    return ", and ".join(parts) or "nothing"
