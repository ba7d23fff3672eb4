"""How many frames a second the storybook world renders on one core, depth and mask included.

Run: OMP_NUM_THREADS=1 python benchmarks/world_speed.py [clips]   (a line for each world and size)
"""

from __future__ import annotations

import sys
import time

from storybook.world import STORYBOOK_1, WORLDS, World, render_clip, sample_spec

SIZES = (128, 256)


def frames_per_second(clips: int, size: int = 128, world: World = STORYBOOK_1) -> float:
    """Rendered frames a second over `clips` sampled clips, preparation of each clip included."""
    render_clip(sample_spec(10_000, world=world), size=size)
    frames, start_s = 0, time.perf_counter()
    for seed in range(clips):
        frames += len(render_clip(sample_spec(seed, world=world), size=size).rgb)
    return frames / (time.perf_counter() - start_s)


def main() -> None:
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    for name, world in WORLDS.items():
        for size in SIZES:
            rate = frames_per_second(clips, size, world)
            print(f"{name}: {rate:.0f} frames/s, {1000 / rate:.1f} ms a frame at {size}x{size}, {clips} "
                  "clips of 16 frames")


if __name__ == "__main__":
    main()
