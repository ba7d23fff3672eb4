"""A small run of five steps in a process of its own; `test_kill.py` ends it at random moments."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from storyanim.artifacts import Clip, DepthTrack, Film, Frames
from storyanim.engine.run_dir import RunDir


def draw(seed: int) -> Frames:
    time.sleep(0.02)
    return Frames(np.random.default_rng(seed).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8), 8.0)


def estimate(frames: Frames) -> DepthTrack:
    time.sleep(0.02)
    return DepthTrack(frames.rgb.mean(-1, dtype=np.float32) / np.float32(255), frames.fps)


def encode(folder: Path, frames: Frames, depth: DepthTrack) -> Clip:
    path = folder / "clip.mp4"
    with path.open("wb") as file:
        for picture, inverse_depth in zip(frames.rgb, depth.inverse_depth, strict=True):
            file.write(picture.tobytes() + inverse_depth.tobytes())
            file.flush()
            time.sleep(0.005)
    return Clip(shot_id="s01", path=path, width_px=16, height_px=16, fps=8, num_frames=len(frames.rgb))


def join(folder: Path, clips: list[Clip]) -> Film:
    path = folder / "film.mp4"
    path.write_bytes(b"".join(clip.path.read_bytes() for clip in clips))
    return Film(path=path, clips=tuple(clips), duration_s=sum(clip.duration_s for clip in clips))


def main(folder: Path) -> None:
    with RunDir(folder) as run:
        print("open", flush=True)
        run.write("run.json", "{}\n")
        clips = []
        for shot in range(2):
            frames = run.step(f"shots/s{shot:02}/frames", draw, shot)
            depth = run.step(f"shots/s{shot:02}/depth", estimate, frames)
            clips.append(run.step_with_folder(f"shots/s{shot:02}/clip", encode, frames, depth))
        film = run.step_with_folder("film", join, clips)
        run.publish(film.value.path, "film.mp4")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
