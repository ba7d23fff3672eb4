"""How long a film takes on this machine: idle and beside busy processes, and, if asked, against another checkout.

    python benchmarks/film_speed.py [STORY] [--character DIR]... [--runs 3] [--busy 2] [--quality normal]
                                    [--baseline DIR] [--json FILE]

Each checkout first makes the film of the example story once, in a cache of its own, so that the character is learned;
then come films with the character ready, imports and all, in new run folders: first with nothing else to do, then
beside `--busy` processes that only count. With `--baseline`, a folder with another state of this repository, the two
take turns. Figures are medians of the runs with the least and the greatest; ratios are of pairs. CPU is that of all
processes of a run. Needs a machine on which nothing else runs. Asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "storyanim" / "assets" / "examples" / "bear"


@dataclass(frozen=True)
class Run:
    """One whole `storyanim run`."""

    wall_s: float
    cpu_s: float                                     # user and system


@dataclass
class Checkout:
    """A state of the repository, and what was measured of it."""

    name: str
    root: Path
    flags: list[str]                                 # of `storyanim run`
    place: Path                                      # for its cache and its runs
    runs: dict[str, list[Run]] = field(default_factory=dict)         # "idle" → one a run

    def measure(self, kind: str, out: str | None = None) -> None:
        """Make the film in a new run folder, or in `out`."""
        folder = self.place / (out or f"{kind}-{len(self.runs.get(kind, []))}")
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        command = [sys.executable, "-m", "storyanim", "run", *self.flags, "--out", str(folder)]
        environment = os.environ | {"STORYANIM_CACHE": str(self.place / "cache"), "PYTHONPATH": str(self.root)}
        subprocess.run(command, check=True, env=environment, cwd=self.place, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        wall_s, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.runs.setdefault(kind, []).append(Run(wall_s, cpu_s))
        print(f"  {self.name:9s} {kind:24s} {wall_s:7.1f} s {cpu_s:7.1f} CPU s", file=sys.stderr, flush=True)

    def steps(self, out: str) -> dict[str, list[float]]:
        """Step kind → seconds of each in a run."""
        found: dict[str, list[float]] = {}
        for line in (self.place / out / "log.jsonl").read_text("utf-8").splitlines():
            event = json.loads(line)
            if event["event"] == "done":
                kind = event["step"].rsplit("/", 1)[-1] if "shots/" in event["step"] else event["step"]
                found.setdefault(kind, []).append(event["seconds"])
        return found


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that take all the time they can get."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def told(runs: list[Run]) -> str:
    """Median, least and greatest."""
    walls = [run.wall_s for run in runs]
    cpu_s = statistics.median(run.cpu_s for run in runs)
    return f"{statistics.median(walls):7.1f} s  {min(walls):.1f} to {max(walls):.1f}, {cpu_s:.0f} CPU s"


def show(checkouts: list[Checkout], kinds: list[str], beside: str) -> None:
    """Print what was measured."""
    for checkout in checkouts:
        print(f"{checkout.name}:")
        for kind in kinds:
            print(f"  {kind:34s} {told(checkout.runs[kind])}")
        idle, loaded = (statistics.median(run.wall_s for run in checkout.runs[kind]) for kind in ("idle", beside))
        print(f"  {f'{beside} / idle':34s} {loaded / idle:7.2f}")
    if len(checkouts) == 2:
        for kind in ("idle", beside):
            pairs = zip(*(checkout.runs[kind] for checkout in checkouts), strict=True)
            ratios = [ours.wall_s / theirs.wall_s for ours, theirs in pairs]
            name = f"{kind}: this / baseline"
            print(f"{name:36s} {statistics.median(ratios):7.2f}    {min(ratios):.2f} to {max(ratios):.2f}")


def show_steps(checkout: Checkout) -> None:
    """Print how long each kind of step took, in the first film with the character ready."""
    learned = {name: times for name, times in checkout.steps("first").items() if name.startswith("characters/")}
    for name, times in sorted((checkout.steps("idle-0") | learned).items()):
        print(f"  {name:34s} {statistics.median(times):7.2f} s  median of {len(times)}, longest {max(times):.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("story", nargs="?", type=Path, default=EXAMPLE / "story.txt")
    parser.add_argument("--character", action="append")
    parser.add_argument("--runs", type=int, default=3, help="of each kind")
    parser.add_argument("--busy", type=int, default=2, help="processes beside")
    parser.add_argument("--quality", default="normal")
    parser.add_argument("--baseline", type=Path, help="another state of this repository")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    characters = [str(Path(who).resolve()) for who in given.character or [str(EXAMPLE / "bear")]]
    flags = [str(given.story.resolve()), *(part for who in characters for part in ("--character", who)),
             "--quality", given.quality]
    roots = {"this": ROOT} | ({"baseline": given.baseline.resolve()} if given.baseline else {})
    beside = f"beside {given.busy} busy"
    with tempfile.TemporaryDirectory() as folder:
        checkouts = [Checkout(name, root, flags, Path(folder, name)) for name, root in roots.items()]
        for checkout in checkouts:
            checkout.place.mkdir()
            checkout.measure("first, character learned", out="first")
            checkout.measure("again, nothing to do", out="first")
        for _ in range(given.runs):
            for checkout in checkouts:
                checkout.measure("idle")
        with busy(given.busy):
            for _ in range(given.runs):
                for checkout in checkouts:
                    checkout.measure(beside)
        show(checkouts, ["first, character learned", "again, nothing to do", "idle", beside], beside)
        show_steps(checkouts[0])
        if given.json:
            figures = {checkout.name: {kind: [asdict(run) for run in runs] for kind, runs in checkout.runs.items()}
                       for checkout in checkouts}
            given.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
