"""`eval regions`: does each of several figures do its own action, and one figure first this, then that?

Figures of held-out kinds and colours stand side by side, each with another action. They are drawn from one
prompt that says it all ("plain"), and as a film draws them, with a text for each figure's part of the picture
or each event's part of the time ("regions"); rendered clips, read in the same way, are the ceiling. Variants
of pairs: no footage guides the figures, tight boxes, and a caption of each figure alone.
DreamRunner (arXiv 2411.16657) scores stories of one character only. A figure is read in squares about its
place, an event in its part of the time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from storyanim.artifacts import Box, DepthTrack, Frames, Shot
from storyanim.config import Settings, asset
from storyanim.engine.folders import write_file
from storyanim.engine.run_dir import RunDir
from storyanim.generate.families import build_generator
from storyanim.personalize.images import read_character
from storyanim.run.characters import learn_character, watched
from storyanim.run.components import Components, build_components
from storyanim.run.footage import ShotTask, find_figures, find_footage
from storyanim.run.shots import guide
from storybook.evaluate.bench import Bench, Watch, draw_all
from storybook.evaluate.judge import Judge
from storybook.evaluate.labels import ATTRIBUTES, Labels
from storybook.evaluate.metrics import wilson
from storybook.evaluate.regions_questions import (
    PAIRS,
    TRIPLES,
    Question,
    ask_events,
    ask_learned,
    ask_together,
)
from storybook.evaluate.sheets import regions_sheet
from storybook.world.photos import EXAMPLES

READ = ("kind", "colour", "action", "all")
VARIANTS = ("no_footage", "own_boxes", "own_captions")
_COLUMNS = [ATTRIBUTES.index(name) for name in ("creature", "colour", "action")]
# of the height, by how many share the picture: a square about a figure; and where it ends below
_SQUARE, _FOOT = {2: 84 / 128, 3: 64 / 128}, 118 / 128
# the same square in other sizes and higher up: a reading is their mean
_LOOKS = ((1.0, 0.0), (0.94, 0.0), (1.06, 0.0), (1.12, 0.0), (1.0, -0.02))
# tight about who stands there
_BOXES = (Box(x0=0.05, y0=0.2, x1=0.49, y1=0.95), Box(x0=0.51, y0=0.2, x1=0.95, y1=0.95))


@dataclass(frozen=True)
class RegionsSize:
    """How many clips of each kind are drawn, each in two ways, of pairs also in `variants`."""

    pairs: int = 24
    triples: int = 12
    events: int = 24
    learned_pairs: int = 6
    variants: bool = False


QUICK = RegionsSize(pairs=4, triples=2, events=4, learned_pairs=0)


# ── what is read ─────────────────────────────────────────────────────────────────────────────────────────


def crop_figure(clip: Frames, number: int, count: int, scale: float = 1.0, raised: float = 0.0) -> Frames:
    """Return the square about figure `number` of `count` that stand side by side, as wide as the clip again.

    What lies beyond its own part of the picture is filled with its edge, so that no neighbour is read.

    Args:
        clip: of all.
        number: from the left.
        count: of figures.
        scale: of the square's side.
        raised: by what share of the height it ends lower, below 0 higher.
    """
    _, height, width = clip.rgb.shape[:3]
    side, foot = round(_SQUARE[count] * scale * height), round((_FOOT + raised) * height)
    middle = (number + 0.5) * width / count
    columns = np.arange(side) + round(middle - side / 2)
    low, high = round(number * width / count), round((number + 1) * width / count) - 1
    square = clip.rgb[:, foot - side:foot, np.clip(columns, low, high)]
    large = [Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC) for frame in square]
    return Frames(np.stack([np.asarray(frame) for frame in large]), clip.fps)


def look_at(clip: Frames, number: int, count: int) -> Frames:
    """Return several crops of a figure behind one another: of a long clip the judge takes the mean."""
    crops = [crop_figure(clip, number, count, scale, raised) for scale, raised in _LOOKS]
    return Frames(np.concatenate([crop.rgb for crop in crops]), clip.fps)


def read_together(judge: Judge, clips: Sequence[Frames], count: int) -> Labels:
    """Return (N, count, 5): what the judge reads of each figure of each clip."""
    crops = (look_at(clip, number, count) for clip in clips for number in range(count))
    return judge.read(crops).labels.reshape(len(clips), count, len(ATTRIBUTES))


def read_events(judge: Judge, clips: Sequence[Frames]) -> Labels:
    """Return (N, 2, 5): what the judge reads of each half of the time."""
    halves = (Frames(part, clip.fps) for clip in clips for part in np.array_split(clip.rgb, 2))
    return judge.read(halves).labels.reshape(len(clips), 2, len(ATTRIBUTES))


def score_regions(read: Labels, truth: Labels) -> dict[str, float | list[float]]:
    """Return the share of clips with every figure right: in kind, colour, action, and all three.

    Args:
        read: (N, figures, 5).
        truth: (N, figures, 5).

    Returns also the 95 % interval of each, as "all_interval", and "action_each", of single figures.
    """
    right = (read == truth)[:, :, _COLUMNS] | (truth < 0)[:, :, _COLUMNS]                    # (N, figures, 3)
    every = np.concatenate([right.all(axis=1), right.all(axis=(1, 2))[:, None]], axis=1)     # (N, 4)
    found: dict[str, float | list[float]] = {}
    for name, column in zip(READ, every.T, strict=True):
        found[name] = float(column.mean())
        found[f"{name}_interval"] = [round(end, 3) for end in wilson(int(column.sum()), len(column))]
    found["action_each"] = float(right[:, :, 2].mean())
    return found


# ── the whole ────────────────────────────────────────────────────────────────────────────────────────────


def evaluate_regions(run: RunDir, bench: Bench, size: RegionsSize, watch: Watch) -> dict[str, object]:
    """Draw, read, count. Write `eval.json`, `table.md` and a sheet of each kind; return eval.json's content.

    Both files tell what is done so far after each kind. Raises what drawing raises; the same call goes on.
    """
    components = build_components(bench.settings, None)
    result: dict[str, object] = {}
    for name in ("pairs", "events", "triples", "learned_pairs"):
        questions = _questions(run, components, name, size, watch)
        if not questions:
            continue
        arms = ("plain", "regions", *(VARIANTS if size.variants and name == "pairs" else ()))
        clips = {arm: _draw(run, bench, components, name, arm, questions, watch) for arm in arms}
        clips["ceiling"] = [_rendered(bench, question) for question in questions]
        truth = np.array([question.truth for question in questions], np.int8)
        result[name] = {arm: score_regions(_read(bench.judge, drawn, name, truth.shape[1]), truth)
                        for arm, drawn in clips.items()}
        prompts = [question.plain.prompt for question in questions]
        write_file(run.path / f"{name}.png", regions_sheet(prompts, clips))
        run.write("table.md", regions_table(result))
        run.write("eval.json", json.dumps(result, indent=1) + "\n")
    return result


def _questions(
    run: RunDir, components: Components, name: str, size: RegionsSize, watch: Watch
) -> list[Question]:
    if name == "learned_pairs":
        return _ask_learned(run, components, size.learned_pairs, watch) if size.learned_pairs else []
    if name == "events":
        return [ask_events(number) for number in range(size.events)]
    first, count, wanted = {"pairs": (PAIRS, 2, size.pairs), "triples": (TRIPLES, 3, size.triples)}[name]
    return [ask_together(number, name, first, count) for number in range(wanted)]


def _ask_learned(run: RunDir, components: Components, count: int, watch: Watch) -> list[Question]:
    """Learn the bundled example characters, and ask about them, each on the left in turn."""
    tokens = []
    for name in EXAMPLES:
        who = read_character(asset(f"examples/{name}/{name}"), noun=name)
        learner = watched(components.learner, name, watch)
        tokens.append(run.shared_step(f"characters/{name}", learn_character, who, learner, components.index,
                                      components.encoder,
                                      components.settings.personalize.num_class_clips).value)
    looks = list(EXAMPLES.values())
    return [ask_learned(k, looks[::(-1) ** k], tokens[::(-1) ** k]) for k in range(count)]


def _draw(
    run: RunDir, bench: Bench, components: Components, name: str, arm: str, questions: Sequence[Question],
    watch: Watch,
) -> list[Frames]:
    clips: list[Frames] = []
    generator = bench.generator
    if arm == "no_footage":
        settings = _without_footage(components.settings)
        components, generator = replace(components, settings=settings), build_generator(settings)
    for question in questions:
        shot = _shot_of(question, arm)
        depth = None if arm == "plain" else _depth(run, shot, components)
        clips += draw_all(run, f"{name}-{arm}", [(shot, depth)], generator, watch, question.tokens)
    return clips


def _without_footage(settings: Settings) -> Settings:
    """Return settings with which no footage guides figures that do different things."""
    generate = settings.generate.model_copy(update={"control_guidance_end_entities": 0.0})
    return settings.model_copy(update={"generate": generate})


def _shot_of(question: Question, arm: str) -> Shot:
    if arm == "plain":
        return question.plain
    if arm == "own_captions":                        # DreamRunner's: of the figure itself alone
        where = question.plain.prompt.rpartition(question.doing[-1])[2]
        return question.with_entities([f"{who} {doing}{where}" for who, doing
                                       in zip(question.who, question.doing, strict=True)])
    if arm == "own_boxes":
        return question.with_entities(boxes=_BOXES)
    return question.regions


def _depth(run: RunDir, shot: Shot, components: Components) -> DepthTrack | None:
    """Return what guides a shot in a film; a shot without figures of different actions has none here."""
    if not (figures := find_figures(run, shot, components)):
        return None
    candidates, _ = find_footage(run, shot, "", (), components)
    step = guide(run, ShotTask(shot, "", (), candidates, figures), components)
    return None if step is None else step.value


def _read(judge: Judge, clips: Sequence[Frames], name: str, count: int) -> Labels:
    return read_events(judge, clips) if name == "events" else read_together(judge, clips, count)


def _rendered(bench: Bench, question: Question) -> Frames:
    """Return the clip that a question asks for; of events, each one's part of the time."""
    clips = list(bench.frames(question.specs))
    parts = [np.array_split(clip.rgb, len(clips))[k] for k, clip in enumerate(clips)]
    return Frames(np.concatenate(parts), clips[0].fps)


def regions_table(result: dict[str, object]) -> str:
    """Return the figures as Markdown."""
    lines = ["| share of clips with every figure right (95 %) | kind | colour | action | all | one action |",
             "| --- | --- | --- | --- | --- | --- |"]
    for name, arms in result.items():
        assert isinstance(arms, dict)
        for arm, scores in arms.items():
            parts = []
            for key in READ:
                low, high = scores[f"{key}_interval"]
                parts.append(f"{scores[key]:.2f} ({low:.2f} to {high:.2f})")
            label = f"{name}, {arm}".replace("_", " ")
            lines.append(" | ".join([f"| {label}", *parts, f"{scores['action_each']:.2f}"]) + " |")
    return "\n".join(lines) + "\n"
