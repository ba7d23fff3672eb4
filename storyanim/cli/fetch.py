"""`storyanim fetch`, and what a command tells and asks before it downloads models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyanim import console
from storyanim.cli import flags
from storyanim.errors import UsageError

if TYPE_CHECKING:
    from storyanim.hub import Download

_ASK_BYTES = 1e9                                     # a download of so much is not begun unasked
_SPEED = 100e6 / 8                                   # bytes a second, of a line of 100 Mbit/s


def fetch(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="sd15, or a .toml file.")],
    json_: flags.AsJson = False,
) -> None:
    """Download the models of a profile: then it runs without a network.

    Sizes, licences and how long it takes come first; what is on this disk is not fetched again, and what
    broke off goes on.
    """
    from storyanim import hub
    from storyanim.config import load_settings
    from storyanim.run.models import bind, models_of

    models = models_of(bind(load_settings(profile), {}).models)
    downloads = hub.plan_downloads(models)
    for line in download_lines(downloads):
        console.say(line, quiet=json_)
    if downloads:
        with console.progress(f"fetch {profile}") as bar:
            hub.fetch(downloads, bar)
    missing = {name: plan for plan in downloads for name in plan.names}
    told: dict[str, Any] = {}
    for name, ref in models.items():
        told[name] = {"repo": ref.repo, "commit": None if ref.folder else ref.revision,
                      "licence": hub.licence_of(ref),
                      "fetched_bytes": missing[name].num_bytes if name in missing else 0}
    fetched_bytes = sum(plan.num_bytes for plan in downloads)
    facts = {"profile": profile, "fetched_bytes": fetched_bytes, "models": told}
    console.result(facts, f"all models of {profile} are on this disk", json_)


def confirm_downloads(yes: bool, downloads: Sequence[Download]) -> None:
    """Tell what is downloaded; ask, unless `yes`, before a gigabyte. Raises UsageError when it is refused."""
    from storyanim.hub.files import gigabytes

    for line in download_lines(downloads):
        console.say(line)
    total = sum(plan.num_bytes for plan in downloads)
    if total < _ASK_BYTES or yes or console.ask("Download them now?"):
        return
    raise UsageError(f"models of {gigabytes(total)} are not on this disk, and were not downloaded unasked",
                     hint="run it again with --yes, or run `storyanim fetch PROFILE` first; "
                          "`--profile storybook` needs no download")


def download_lines(downloads: Sequence[Download]) -> list[str]:
    """Return what is downloaded, for people: a line a repository with size and licence, then sum and time."""
    from storyanim.hub.files import gigabytes

    if not downloads:
        return []
    total = sum(plan.num_bytes for plan in downloads)
    lines = [f"to download: {gigabytes(plan.num_bytes):>8}  {plan.ref.repo} ({', '.join(plan.names)}), "
             f"licence {plan.info.licence or 'not told'}" for plan in downloads]
    time = duration(total / _SPEED)
    return [*lines, f"to download: {gigabytes(total):>8}  in all, about {time} at 100 Mbit/s"]


def duration(seconds: float) -> str:
    """Return a time for people: "40 s", "9 min", "1.5 h"."""
    if seconds < 90:
        return f"{max(1, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
