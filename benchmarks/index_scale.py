"""How many clips a second an index grows by, with Ray's workers, and what the time goes to.

Then 10.7 million clips on paper.

    python benchmarks/index_scale.py [--videos 64] [--seconds 20] [--workers 1 2] [--json FILE]

Made videos of 640 x 360 at 25 frames a second are indexed with the storybook profile by each number of
workers, each on one thread with a process beside it that decodes. A rate is of the videos after the first
answer: the start of Ray and its workers stands apart. The shares are of one local build: `decode` is the time
that reading alone takes, `encode` the encoder's, `write` all that is left (listing, hashing, SQLite, FAISS).
`clip-vit-b-32` is the time of CLIP ViT-B/32's image tower with random weights, which is what the profile sd15
would spend on encoding. Asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ray
import torch

from storyanim import video
from storyanim.artifacts import Float32, Frames
from storyanim.config import load_settings
from storyanim.engine.shard_executors import RayShardExecutor
from storyanim.retrieve.build import build_index
from storyanim.retrieve.decoder_process import WindowReader
from storyanim.retrieve.encoders import build_encoder
from storyanim.retrieve.index_format import read_info
from storyanim.retrieve.windows import DEFAULT_LIMITS
from storyanim.stages import TextVideoEncoder

WEBVID, CLIP_S = 10_700_000, 18.0                    # clips, and seconds of one, of WebVid-10M
VIT_B_32_PX = 224


def make_videos(folder: Path, count: int, seconds: int) -> None:
    """Videos that all differ."""
    for number in range(count):
        source = f"gradients=size=640x360:rate=25:duration={seconds}:seed={number},noise=alls=8:allf=t"
        subprocess.run([video.ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264",
                        "-preset", "fast",
                        "-pix_fmt", "yuv420p", str(folder / f"{number:04d}.mp4")], check=True)


class Timed:
    """A ShardExecutor that notes when answers come."""

    def __init__(self, executor: Any) -> None:
        self.executor, self.shard_size, self.times = executor, executor.shard_size, []

    def map(self, start: Callable[[], Any], shards: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        began = time.perf_counter()
        for shard, pieces in self.executor.map(start, shards):
            self.times.append((time.perf_counter() - began, sum(len(piece.spans) for piece in pieces)))
            yield shard, pieces

    @property
    def start_s(self) -> float:
        """Until the first answer."""
        return self.times[0][0]

    @property
    def rate(self) -> float:
        """Clips a second after it."""
        return sum(clips for _, clips in self.times[1:]) / (self.times[-1][0] - self.times[0][0])


class Counted:
    """An encoder whose seconds are counted."""

    def __init__(self, encoder: TextVideoEncoder) -> None:
        self.encoder, self.seconds = encoder, 0.0
        self.fingerprint, self.dim, self.num_frames = encoder.fingerprint, encoder.dim, encoder.num_frames
        self.sample_frame_indices, self.encode_texts = encoder.sample_frame_indices, encoder.encode_texts

    def encode_clips(self, clips: Sequence[Frames]) -> Float32:
        """As the encoder does."""
        began = time.perf_counter()
        vectors = self.encoder.encode_clips(clips)
        self.seconds += time.perf_counter() - began
        return vectors


def shares(videos: Path, out: Path, encoder: TextVideoEncoder, window_s: float) -> dict[str, float]:
    """Return seconds a clip of decoding, encoding and the rest, on one thread."""
    torch.set_num_threads(1)
    counted = Counted(encoder)
    began = time.perf_counter()
    info = build_index([videos], out, counted, window_s=window_s)
    total = time.perf_counter() - began
    began = time.perf_counter()
    with WindowReader(window_s, DEFAULT_LIMITS) as reader:
        for path in sorted(videos.iterdir()):
            for _ in reader.read(path, encoder.sample_frame_indices):
                pass
    decode = time.perf_counter() - began
    parts = {"decode": decode, "encode": counted.seconds, "write": max(0.0, total - decode - counted.seconds)}
    return {name: seconds / info.num_clips for name, seconds in parts.items()}


def with_workers(videos: Path, out: Path, encoder: TextVideoEncoder, window_s: float,
                 count: int) -> dict[str, float]:
    """Return clips a second and the start's seconds."""
    ray.init(address="local", num_cpus=count, include_dashboard=False, log_to_driver=False,
             configure_logging=False)
    executor = RayShardExecutor()
    executor.shard_size = 2
    timed = Timed(executor)
    build_index([videos], out, encoder, window_s=window_s, executor=timed)
    ray.shutdown()
    return {"workers": count, "clips_per_s": timed.rate, "start_s": timed.start_s,
            "clips": read_info(out).num_clips}


def vit_b_32_s(num_frames: int, rounds: int = 5) -> float:
    """Return seconds a clip of CLIP ViT-B/32's image tower on one thread."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.set_num_threads(1)
    tower = CLIPVisionModelWithProjection(CLIPVisionConfig()).eval()
    pixels = torch.randn(num_frames, 3, VIT_B_32_PX, VIT_B_32_PX)
    with torch.inference_mode():
        tower(pixels)
        began = time.perf_counter()
        for _ in range(rounds):
            tower(pixels)
    return (time.perf_counter() - began) / rounds


def on_paper(seconds_a_clip: float, bytes_a_clip: float, window_s: float) -> dict[str, float]:
    """WebVid-10M: windows, core hours, machines of 64 cores for a day, bytes."""
    windows = WEBVID * CLIP_S / window_s
    hours = windows * seconds_a_clip / 3600
    return {"windows": windows, "core_hours": hours, "machines_for_a_day": hours / 24 / 64,
            "gigabytes": windows * bytes_a_clip / 1e9}


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the building of an index by workers.")
    parser.add_argument("--videos", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    settings = load_settings("storybook")
    encoder, window_s = build_encoder(settings), settings.retrieve.window_s
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "videos").mkdir()
        make_videos(folder / "videos", asked.videos, asked.seconds)
        rows = [with_workers(folder / "videos", folder / f"by-{count}", encoder, window_s, count)
                for count in asked.workers]
        parts = shares(folder / "videos", folder / "local", encoder, window_s)
        size = sum(path.stat().st_size for path in (folder / "local").rglob("*") if path.is_file())
        bytes_a_clip = size / read_info(folder / "local").num_clips
    whole, other = sum(parts.values()), vit_b_32_s(encoder.num_frames)
    papers = {"storybook": on_paper(whole, bytes_a_clip, window_s),
              "clip-vit-b-32": on_paper(whole - parts["encode"] + other,
                                        bytes_a_clip + 4 * 4 * (512 - encoder.dim), window_s)}
    for row in rows:
        print(f"{row['workers']} workers: {row['clips_per_s']:.2f} clips/s, {row['start_s']:.1f} s to the "
              "first answer, "
              f"{row['clips']} clips")
    print("of a clip: "
          + ", ".join(f"{part} {1000 * s:.1f} ms ({100 * s / whole:.0f} %)" for part, s in parts.items())
          + f"; CLIP ViT-B/32 would encode in {1000 * other:.0f} ms; {bytes_a_clip:.0f} bytes a clip")
    for title, paper in papers.items():
        told = ", ".join(f"{key} {value:,.1f}" for key, value in paper.items())
        print(f"{WEBVID:,} videos of {CLIP_S:g} s, {title}: {told}")
    if asked.json:
        facts = {"workers": rows, "parts_s": parts, "vit_b_32_s": other, "paper": papers}
        asked.json.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
