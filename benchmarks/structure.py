"""Compare structure branches of a profile: how much moves, how close the depth is, how well prompts are met.

    python -m benchmarks.structure [--profile sd15] [--index FOLDER] [--shots 8] [--json]

Each word of the profile's `models.structures` (the one branch where there are none), and no structure, draw the same
shots from the same seeds under the same footage. Printed, as means over the shots with their standard errors:
motion    mean absolute difference of neighbouring frames, over that of the footage
depth     correlation of the drawn frames' estimated depth with the footage's, the frames' means taken off
text      cosine of the clip and its prompt, by the profile's encoder
seconds   a shot, without loading
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from storyanim import video
from storyanim.artifacts import DepthTrack, Frames, Shot
from storyanim.config import Settings, load_settings
from storyanim.depth.dpt import build_depth_estimator
from storyanim.generate.families import build_generator
from storyanim.generate.generator import fit_depth
from storyanim.planning import load_vocabulary
from storyanim.retrieve.encoders import build_encoder
from storyanim.run.components import bundled_index, open_index

QUERIES = ("a bear is walking in the forest", "a dog is running on the beach", "a cat is jumping in a meadow",
           "a fox is walking in the snow", "a rabbit is dancing in the city", "a penguin is waving at the lake",
           "a bear is running in a meadow", "a cat is walking on the beach")


def with_structure(settings: Settings, word: str) -> Settings:
    """Return the settings with the branch of a word."""
    if word not in settings.models.structures:
        return settings
    models = settings.models.model_copy(update={"structure": settings.models.structures[word]})
    return settings.model_copy(update={"models": models})


def motion(rgb: Any) -> float:
    """Return the mean absolute difference of neighbouring frames of (T, H, W, 3) uint8, in [0, 1]."""
    return float(np.abs(np.diff(rgb.astype(np.float32), axis=0)).mean() / 255)


def depth_correlation(one: Any, other: Any) -> float:
    """Return Pearson's correlation of two tracks (T, H, W) over all their cells, without each frame's mean."""
    a, b = (track - track.mean(axis=(1, 2), keepdims=True) for track in (one, other))
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-9))


def measure(settings: Settings, index: Path | None, count: int) -> dict[str, dict[str, list[float]]]:
    """Return word → measure → one value a shot."""
    encoder, estimator = build_encoder(settings), build_depth_estimator(settings)
    opened = open_index(index or bundled_index(encoder), settings, load_vocabulary(settings), bundled=index is None)
    wanted, found = settings.generate, []
    for query in QUERIES[:count]:
        (match, *_) = opened.search(query, encoder, 1)
        clip = video.read(match.path, start_s=match.start_s, fps=wanted.fps, max_frames=wanted.num_frames)
        found.append((query, clip, estimator.estimate(clip).ping_pong(wanted.num_frames)))
    table: dict[str, dict[str, list[float]]] = {}
    for word in (*(settings.models.structures or ("structure",)), "none"):
        generator, values = build_generator(with_structure(settings, word)), defaultdict(list)
        for seed, (query, clip, track) in enumerate(found):
            shot = Shot(id="s01", text="", query=query, prompt=query, characters=(), seed=seed,
                        duration_s=wanted.num_frames / wanted.fps)
            guide: DepthTrack | None = None if word == "none" else track
            if not seed:
                generator.draw(shot, guide, ())      # loads
            start = time.monotonic()
            drawn = generator.draw(shot, guide, ())
            values["seconds"].append(time.monotonic() - start)
            values["motion"].append(motion(drawn.rgb) / max(motion(clip.rgb), 1e-6))
            size = drawn.rgb.shape[:3]
            values["depth"].append(depth_correlation(estimator.estimate(drawn).inverse_depth, fit_depth(track, size)))
            values["text"].append(_likeness(encoder, drawn, query))
        table[word] = dict(values)
    return table


def _likeness(encoder: Any, clip: Frames, text: str) -> float:
    seen = Frames(clip.rgb[encoder.sample_frame_indices(len(clip.rgb))], clip.fps)
    return float(encoder.encode_clips([seen])[0] @ encoder.encode_texts([text])[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--profile", default="storybook")
    parser.add_argument("--index", type=Path)
    parser.add_argument("--shots", type=int, default=len(QUERIES))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    table = measure(load_settings(asked.profile), asked.index, asked.shots)
    if asked.json:
        print(json.dumps(table))
        return
    for word, values in table.items():
        told = (f"{name} {np.mean(found):6.3f} ±{np.std(found) / max(1, len(found) - 1) ** 0.5:.3f}" for name, found in values.items())
        print(f"{word:14}" + "   ".join(told))


if __name__ == "__main__":
    main()
