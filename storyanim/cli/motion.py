"""`storyanim motion`: motions that the model lacks, learned from footage."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from storyanim import console
from storyanim.cli import flags

app = typer.Typer(no_args_is_help=True, help="Learn motions from footage, and look into their files.")


@app.callback()
def _group() -> None:
    """Learn motions from footage, and look into their files."""


@app.command()
def learn(
    motion: Annotated[str, typer.Argument(metavar="MOTION", help='What is done: "bowing".')],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Motion file to write. [default: MOTION.safetensors]")
    ] = None,
    index: flags.Index = None,
    profile: flags.Profile = "auto",
    quality: flags.Quality = flags.QualityFlag.normal,
    steps: Annotated[int | None, typer.Option("--steps", min=1,
                                              help="Of the training. [default: the profile's, 50]")] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Draw with what was learned.")] = True,
    yes: flags.Yes = False,
    json_: flags.AsJson = False,
) -> None:
    """Learn a motion from clips whose captions say it, for `storyanim run --motion FILE`.

    Beside FILE.safetensors it writes FILE.png, a sheet of the clips with their scores and of drawings with
    and without the motion, and FILE.report.json. The same clips and settings are learned from once; a
    learning that was killed goes on.
    """
    from storyanim import api
    from storyanim.cli.fetch import confirm_downloads

    path = out or Path(("-".join(motion.split()) or "motion") + ".safetensors")
    with console.progress(f"motion {motion}") as bar:
        files = api.learn_motion(motion, path, index=index, profile=profile, quality=quality.value,
                                 report=report, settings={"motion": {"num_steps": steps}} if steps else None,
                                 confirm=partial(confirm_downloads, yes), progress=bar)
    learned = files.learned
    kept, left_out = learned.clips.kept, learned.clips.left_out
    facts: dict[str, Any] = {
        "file": str(files.file), "name": learned.motion.name,
        "clips": [clip.match.clip_id for clip in kept], "scores": [round(clip.score, 4) for clip in kept],
        "left_out": {clip.match.clip_id: clip.flaw for clip in left_out}}
    lines = [f"{files.file}: {learned.motion.name}, from {len(kept)} clips ({len(left_out)} left out)"]
    if files.sheet:
        facts |= {"sheet": str(files.sheet), "figures": str(files.figures)}
        lines.append(f"{files.sheet}: the clips, and drawings with and without it")
    console.result(facts, "\n".join(lines), json_)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file made by `storyanim motion learn`.")],
    profile: flags.Profile = "auto",
    json_: flags.AsJson = False,
) -> None:
    """Tell all that a motion file holds, and whether it fits a profile."""
    from storyanim import hub
    from storyanim.config import load_settings
    from storyanim.engine.motion_file import FORMAT, load_motion
    from storyanim.errors import ModelError
    from storyanim.run.models import settle_profile

    if profile != "auto":
        load_settings(profile)                       # a mistake is reported before the file is read
    motion = load_motion(file)
    profile, _ = settle_profile(profile)
    models = load_settings(profile).models
    try:
        fits = hub.fingerprint_motion(models) == motion.base
    except ModelError:
        fits = None                                  # the profile's model is not on this disk
    said = motion.metadata
    facts: dict[str, Any] = {
        "file": str(file), "bytes": file.stat().st_size, "format": FORMAT, "name": motion.name,
        "steps": said.get("steps"), "clips": json.loads(said.get("clips", "[]")),
        "captions": json.loads(said.get("captions", "[]")),
        "rank": max((matrix.shape[0] for key, matrix in motion.lora.items() if "lora_A" in key), default=0),
        "layers": len(motion.lora) // 2, "depth_frames": len(motion.depth.inverse_depth), "base": motion.base,
        "profile": profile, "fits": fits}
    rows = {name: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            for name, value in facts.items()}
    rows["fits"] = ("unknown: the profile's model is not on this disk" if fits is None else
                    "yes" if fits else "no, it was learned for another base model")
    console.result(facts, "" if json_ else console.table(rows), json_)
