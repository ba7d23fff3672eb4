"""`storyanim convert`: published checkpoints to folders that a profile can name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from storyanim import console
from storyanim.cli import flags

app = typer.Typer(no_args_is_help=True, help="Published checkpoints to folders that a profile can name.")


@app.callback()
def _group() -> None:
    """Convert published checkpoints to folders that a profile can name."""


@app.command("frozen-in-time")
def frozen_in_time(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT",
                                               help="The .pth.tar file as its authors published it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")],
    tokenizer: Annotated[Path | None,
                         typer.Option(exists=True, file_okay=False, help="Folder with the tokenizer of "
                                                   "distilbert-base-uncased; needed for texts.")] = None,
    json_: flags.AsJson = False,
) -> None:
    """Convert the weights of Frozen in Time; no code that the file may bring is run."""
    from storyanim.engine.folders import check_writable
    from storyanim.retrieve.frozen_in_time_config import check_output_folder

    check_writable(out)
    check_output_folder(out)
    from storyanim.retrieve.frozen_in_time_checkpoint import convert_checkpoint

    config = convert_checkpoint(checkpoint, out, tokenizer=tokenizer)
    if tokenizer is None:
        console.say(f"{out} has no tokenizer: it can look at videos, but at no text; convert again with "
                    "--tokenizer")
    facts = {"folder": str(out), "tokenizer": tokenizer is not None, **config.model_dump()}
    video = config.video
    console.result(facts, f"{out}: {video.num_frames} frames of {video.image_px} px, {config.projection_dim} "
                          "dimensions", json_)
