"""`eval retrieval`: is the right footage found, does it move as asked, and what does that do for the
drawing?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from storyanim.artifacts import ClipMatch, DepthTrack, Frames
from storyanim.engine.folders import write_file
from storyanim.engine.run_dir import RunDir
from storyanim.planning import load_vocabulary
from storyanim.retrieve.index import VideoIndex
from storyanim.run.components import Components, build_components, open_index
from storyanim.run.shots import estimate_depth
from storyanim.stages import TextVideoEncoder
from storybook.evaluate import footage, trials
from storybook.evaluate.bench import Bench, Watch, draw_all
from storybook.evaluate.labels import NAMES, labels_of
from storybook.evaluate.metrics import accuracy, recall
from storybook.evaluate.sheets import retrieval_sheet
from storybook.evaluate.tables import Fit, retrieval_table
from storybook.evaluate.trials import Trial
from storybook.world import WORDS

# ways to take structure; folders of the drawn shots
RETRIEVED, RANDOM, NONE = "retrieved", "random", "none"
_POOL = 10_000                                       # clips of an index that random footage is taken from


@dataclass(frozen=True)
class RetrievalSize:
    """How much is searched and drawn: 3 × shots of 6 s each are most of the time."""

    clips: int = 400                                 # held-out ones, each looked for once among all of them
    queries: int = 528                               # plain ones to the index, all that can be asked
    shots: int = 100                                 # drawn in each of three ways
    wordings: int = 200                              # queries to the index in words that no caption need have


QUICK = RetrievalSize(clips=100, queries=80, shots=8, wordings=40)


def evaluate_retrieval(
    run: RunDir, bench: Bench, size: RetrievalSize, watch: Watch, index: str | None = None
) -> dict[str, object]:
    """Search, draws, reads, counts.

    Writes `eval.json`, `table.md` and `sheet.png` into the run's folder. Returns eval.json's
    content.

    Args: index: that shots take their footage from; None: the bundled one.

    Raises what indexing and drawing raise; the same call then goes on.
    """
    components = build_components(bench.settings, index)
    watch(0.0, f"rendering and indexing {size.clips} clips")
    wanted = bench.settings.retrieve
    made = run.step_with_folder("footage", footage.make_footage, size.clips, wanted.window_s,
                                components.encoder).value
    watch(1.0, "indexed")
    found = measure_recall(made / footage.INDEX, bench, components.encoder, size.clips, watch)
    plain = measure_fit(bench, components,
                        [(query.text, query.action) for query in footage.make_queries(size.queries)], watch)
    others = [(trial.prompt, trial.spec.actors[0].action) for trial in trials.make_trials(size.wordings)]
    worded = measure_fit(bench, components, others, watch)
    asked = trials.make_trials(size.shots)
    matches = {RETRIEVED: [components.index.search(trial.prompt, components.encoder, 1)[0]
                           for trial in asked],
               RANDOM: random_matches(components, asked)}
    drawn = {way: draw_way(run, bench, way, asked, matches.get(way), watch)
             for way in (RETRIEVED, RANDOM, NONE)}
    watch(1.0, "judging")
    truth = np.stack([labels_of(trial.spec) for trial in asked])
    shown = {way: [footage.frames_of(match, bench.settings) for match in some] for way,
             some in matches.items()}
    read = {way: accuracy(bench.judge.read(clips).labels, truth) for way, clips in drawn.items()}
    ridden = {way: accuracy(bench.judge.read(clips).labels, truth)["action"] for way, clips in shown.items()}
    ceiling = accuracy(bench.judge.read(bench.frames(trial.spec for trial in asked)).labels, truth)
    result: dict[str, Any] = {
        "recall": found, "motion_fit": plain.by_judge, "motion_fit_worded": worded.by_judge,
        "downstream": {way: right["action"] for way, right in read.items()},
    }
    run.write("table.md", retrieval_table(
        result, (plain, worded), read | {"rendered": ceiling}, ridden, (size.clips, len(asked))
    ))
    write_file(run.path / "sheet.png", retrieval_sheet(asked, shown, drawn))
    run.write("eval.json", json.dumps(result, indent=1) + "\n")
    return result


def measure_recall(
    folder: Path, bench: Bench, encoder: TextVideoEncoder, num_clips: int, watch: Watch
) -> dict[str, dict[str, float]]:
    """Return each clip's own sentence is looked for among all clips: by the vectors alone, by BM25 of the
    captions alone, joined as the
    profile joins them.
    """
    ways: dict[str, tuple[VideoIndex, TextVideoEncoder]] = {
        "clip": (VideoIndex(folder, caption_weight=0.0), encoder),
        "words": (VideoIndex(folder), footage.Blind(encoder)),
        "joined": (open_index(folder, bench.settings, load_vocabulary(bench.settings)), encoder),
    }
    places: dict[str, list[int]] = {name: [] for name in ways}
    for trial in footage.make_searches(num_clips):
        watch(trial.number / num_clips, f"looking for {trial.prompt}")
        for name, (index, reader) in ways.items():
            hits = index.search(trial.prompt, reader, index.info.num_clips)
            places[name].append(_place(hits, footage.clip_name(trial.number)))
    return {name: recall(some) for name, some in places.items()}


def measure_fit(bench: Bench, components: Components, asked: Sequence[tuple[str, str]], watch: Watch) -> Fit:
    """Return queries to the index, each with the action that it asks for."""
    action = list(NAMES).index("action")
    fits, said = [], []
    for done, (query, wanted) in enumerate(asked):
        watch(done / len(asked), f"looking for {query}")
        hit = components.index.search(query, components.encoder, 1)[0]
        read = bench.judge.read([footage.frames_of(hit, bench.settings)]).labels[0, action]
        fits.append(NAMES["action"][read] == wanted)
        said.append(any(way in hit.caption for way in WORDS["action"][wanted]))
    return Fit(len(asked), float(np.mean(fits)), float(np.mean(said)))


def random_matches(components: Components, asked: Sequence[Trial]) -> list[ClipMatch]:
    """Return a clip of the index for each trial, by its number.

    Of an index of more than 10,000 clips, one of so many.
    """
    pool = components.index.search("", components.encoder, _POOL)
    return [pool[int(np.random.default_rng([trials.FOOTAGE, trial.number]).integers(len(pool)))]
            for trial in asked]


def draw_way(
    run: RunDir, bench: Bench, way: str, asked: Sequence[Trial], matches: Sequence[ClipMatch] | None,
    watch: Watch
) -> list[Frames]:
    """Draw the trials under the depth of their footage; None: from the text alone."""
    wanted = bench.settings.generate
    depths: list[DepthTrack | None] = [None] * len(asked)
    for k, match in enumerate(matches or ()):
        watch(k / len(asked), f"{way}: depth of the footage")
        step = run.step(f"depth/{way}/{asked[k].shot.id}", estimate_depth, match, bench.depth,
                        wanted.num_frames,
                        wanted.fps)
        depths[k] = step.value
    return draw_all(run, way, [(trial.shot, depth) for trial, depth in zip(asked, depths, strict=True)],
                    bench.generator, watch)


def _place(hits: Sequence[ClipMatch], name: str) -> int:
    """Of the clip in the file `name`, 1 the first; behind all others where it was not found."""
    return next((place for place, hit in enumerate(hits, 1) if Path(hit.path).name == name), len(hits) + 1)
