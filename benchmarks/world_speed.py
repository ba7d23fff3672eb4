"""How many frames a second the storybook world renders on one core, depth and mask included.

Run: OMP_NUM_THREADS=1 python benchmarks/world_speed.py [clips]
"""

from __future__ import annotations

import sys
import time

from storybook.world import render_clip, sample_spec


def frames_per_second(clips: int, size: int = 128) -> float:
    """Rendered frames a second over `clips` sampled clips, preparation of each clip included."""
    render_clip(sample_spec(10_000), size=size)
    frames, start_s = 0, time.perf_counter()
    for seed in range(clips):
        frames += len(render_clip(sample_spec(seed), size=size).rgb)
    return frames / (time.perf_counter() - start_s)


def main() -> None:
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    print(f"{frames_per_second(clips):.0f} frames/s at 128x128, {clips} clips of 16 frames")


if __name__ == "__main__":
    main()
