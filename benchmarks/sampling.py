"""How quickly eight frames of a video are had: jumps as storyanim plans them, against one way for all files.

    python benchmarks/sampling.py [--rounds 7] [--lengths 20 120] [--json FILE]

Made videos of 640 x 360 at 25 frames a second (moving gradients with noise, so that no frame is free to
decode), with key frames every 12 frames or every 250, of each length in seconds; eight times, spread over all
of it or over two seconds in its middle. Ways:

    planned      video.sample: decodes on or jumps, by the container's index
    sequential   from the first frame to the last that is wanted
    seek         a jump for each frame
    keyframes    a jump for each, and the key frame is taken as it is: other pictures than those asked for

Each round takes the ways in turn, in another order; figures are medians of the rounds, `of_best` is the time
of the best way that gives the pictures asked for over the planned way's: 1 is the best there is. Asserts
nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np

from storyanim import video

FPS = 25
GOPS = {"short": 12, "long": 250}
PICTURES = 8


def make(path: Path, seconds: int, gop: int) -> None:
    """A video whose key frames are `gop` frames apart."""
    source = f"gradients=size=640x360:rate={FPS}:duration={seconds}:seed=1,noise=alls=12:allf=t"
    subprocess.run([video.ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264",
                    "-preset", "fast",
                    "-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0", "-pix_fmt", "yuv420p",
                    str(path)], check=True)


def sequential(path: Path, times_s: Sequence[float]) -> Any:
    """Frame by frame to the last one."""
    return _walk(path, [times_s])


def seek(path: Path, times_s: Sequence[float]) -> Any:
    """Return a jump for each frame."""
    return _walk(path, [[t] for t in times_s])


def keyframes(path: Path, times_s: Sequence[float]) -> Any:
    """Return the key frame before each time."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        found = []
        for t in times_s:
            container.seek(int(t / stream.time_base), stream=stream)
            found.append(next(container.decode(stream)).to_ndarray(format="rgb24"))
        return np.stack(found)


def _walk(path: Path, runs: Sequence[Sequence[float]]) -> Any:
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for run in runs:
            container.seek(int(run[0] / stream.time_base) if len(runs) > 1 else 0, stream=stream)
            wanted, shown = list(run), None
            for frame in container.decode(stream):
                while wanted and shown is not None and float(frame.pts * stream.time_base) > wanted[0] + 1e-3:
                    found.append(shown.to_ndarray(format="rgb24"))
                    wanted.pop(0)
                if not wanted:
                    break
                shown = frame
            found += [shown.to_ndarray(format="rgb24") for _ in wanted]
    return np.stack(found)


WAYS: dict[str, Callable[[Path, Sequence[float]], Any]] = {
    "planned": video.sample, "sequential": sequential, "seek": seek, "keyframes": keyframes,
}


def measure(path: Path, times_s: Sequence[float], rounds: int) -> dict[str, float]:
    """Median milliseconds of each way, and how near the planned one is to the best."""
    taken: dict[str, list[float]] = {name: [] for name in WAYS}
    pictures = {name: way(path, times_s) for name, way in WAYS.items()}
    same = all(np.array_equal(pictures["planned"], pictures[name]) for name in ("sequential", "seek"))
    names = list(WAYS)
    for number in range(rounds):
        for name in names[number % len(names):] + names[:number % len(names)]:
            began = time.perf_counter()
            WAYS[name](path, times_s)
            taken[name].append(time.perf_counter() - began)
    ms = {name: 1000 * median(values) for name, values in taken.items()}
    best = min(ms["planned"], ms["sequential"], ms["seek"])
    return ms | {"of_best": best / ms["planned"], "same_pictures": float(same)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Times ways to sample frames.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lengths", type=int, nargs="+", default=[20, 120])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in asked.lengths:
            for kind, gop in GOPS.items():
                path = Path(folder) / f"{kind}-{seconds}.mp4"
                make(path, seconds, gop)
                spread = [(k + 0.5) * seconds / PICTURES for k in range(PICTURES)]
                near = [seconds / 2 + k * 2 / PICTURES for k in range(PICTURES)]
                for where, times_s in (("all of it", spread), ("two seconds", near)):
                    rows.append({"gop": kind, "seconds": seconds, "from": where}
                                | measure(path, times_s, asked.rounds))
    print("| key frames | s | from | " + " | ".join(f"{name} ms" for name in WAYS) + " | of best |")
    print("| --- " * (len(WAYS) + 4) + "|")
    for row in rows:
        ms = " | ".join(f"{row[name]:.0f}" for name in WAYS)
        print(f"| {row['gop']} | {row['seconds']} | {row['from']} | {ms} | {row['of_best']:.2f} |")
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
