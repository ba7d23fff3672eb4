"""`eval motion`: can a motion that the model was never shown be learned from retrieved clips?

Creatures of held-out looks make a motion that no training clip of any model shows: drawn from the text alone
("plain"), under the depth of the motion's best clip ("guide"), with the learned weights ("lora"), and with
both ("motion"), as a film draws it. A linear probe on the judge's features reads the motion, the judge itself
kind and colour; rendered clips, read in the same way, are the ceiling. Other prompts are drawn with the
weights on, too: they must not be harmed. The arms of `ABLATIONS` are DreamRunner's Tables 5 and 6.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from storyanim.artifacts import DepthTrack, Frames, Motion, Shot
from storyanim.config import MotionSettings
from storyanim.engine.folders import write_file
from storyanim.engine.run_dir import RunDir
from storyanim.run.components import Components, build_components
from storyanim.run.motions import find_motion_clips, learn_from_clips
from storyanim.run.shots import draw, draw_motions
from storyanim.stages import no_progress
from storybook.evaluate.bench import Bench, Watch, draw_all
from storybook.evaluate.labels import ATTRIBUTES, labels_of
from storybook.evaluate.metrics import wilson
from storybook.evaluate.motion_footage import (
    INDEX,
    MOTIONS,
    MotionProbe,
    make_motion_footage,
    motion_spec,
    render_probe_features,
    train_probe,
)
from storybook.evaluate.sheets import regions_sheet
from storybook.evaluate.trials import call, held_out_specs, say_setting
from storybook.world import ClipSpec

PROMPTS, OTHERS = 9_400_000, 9_600_000               # first seeds; no other data has them
WAYS = ("plain", "guide", "lora", "motion")
_LOOKS = [ATTRIBUTES.index(name) for name in ("creature", "colour")]
_UNFILTERED = {"filters": (), "check_quality": False, "crop_to_figure": False}
_ONE_CAPTION = "a creature doing the motion"
# name → settings in which it differs from what a film is made with; all are drawn as "motion"
ABLATIONS: dict[str, dict[str, object]] = {
    "20_unfiltered": _UNFILTERED,
    "3_filtered": {"max_clips": 3},
    "20_filtered": {},
    "one_caption": {"caption": _ONE_CAPTION},
    "without_debiasing": {"appearance_rank": 0, "debiased_loss_weight": 0.0},
    "without_spatial_loras": {"appearance_rank": 0},
}


@dataclass(frozen=True)
class MotionSize:
    """How much is measured."""

    motions: tuple[str, ...] = MOTIONS
    prompts: int = 8                                 # of each motion, each drawn in four ways
    others: int = 8                                  # of known actions, drawn with and without each motion
    good: int = 20                                   # clips to learn from, a motion
    bad: int = 10                                    # whose captions do not fit
    probe: int = 20                                  # rendered clips of each action for the reader
    ablations: tuple[str, ...] = ()                  # names of `ABLATIONS`


QUICK = MotionSize(motions=MOTIONS[:1], prompts=4, others=2, good=8, bad=4, probe=12)


@dataclass(frozen=True)
class Learning:
    """What learns a motion in a step of the run."""

    components: Components

    @property
    def fingerprint(self) -> str:
        """Of all that finds, looks at and draws clips; how a motion is learned stands in its settings."""
        parts = self.components.encoder, self.components.depth, self.components.generator
        return "+".join(part.fingerprint for part in parts)


def learn(motion: str, footage: Path, wanted: MotionSettings, learning: Learning) -> Motion:
    """Find the clips of a motion in the index of `footage`, and learn it."""
    components = replace(learning.components, settings=learning.components.settings.model_copy(
        update={"motion": wanted}))
    found = find_motion_clips(motion, components, footage / INDEX, no_progress)
    return learn_from_clips(motion, found.kept, components, no_progress)


# ── the whole ────────────────────────────────────────────────────────────────────────────────────────────


def evaluate_motion(run: RunDir, bench: Bench, size: MotionSize, watch: Watch) -> dict[str, object]:
    """Learn, draw, read, count. Write `eval.json`, `table.md` and a sheet a motion; return the figures.

    Raises what learning and drawing raise; the same call then goes on.
    """
    probe = _probe(run, bench, size, watch)
    components = build_components(bench.settings, None)
    watch(0.0, "rendering footage")
    footage = run.step_with_folder("footage", make_motion_footage, list(MOTIONS), size.good, size.bad,
                                   components.encoder).value
    learning = Learning(components)
    result: dict[str, object] = {"reader": {name: probe.tested[name] for name in size.motions}}
    scores = {}
    for motion in size.motions:
        watch(0.0, f"learning {motion}")
        learned = run.step(f"{motion}/learned", learn, motion, footage, bench.settings.motion, learning).value
        scores[motion] = _measure(run, bench, size, probe, learned, watch)
        for name in size.ablations:
            wanted = bench.settings.motion.model_copy(update=ABLATIONS[name])
            watch(0.0, f"learning {motion}, {name}")
            other = run.step(f"{motion}/{name}/learned", learn, motion, footage, wanted, learning).value
            clips = draw_way(run, bench, f"{motion}/{name}", motion_shots(motion, size.prompts), other,
                             "motion", watch)
            scores[motion][name] = score(bench, probe, clips, _specs(motion, size.prompts), motion)
    result["motions"] = scores
    result["together"] = _together(scores)
    run.write("table.md", motion_table(result))
    run.write("eval.json", json.dumps(result, indent=1) + "\n")
    return result


def _probe(run: RunDir, bench: Bench, size: MotionSize, watch: Watch) -> MotionProbe:
    watch(0.0, "training the reader")
    folder = run.step_with_folder("probe", render_probe_features, bench.judge, size.probe).value
    return train_probe(np.load(folder / "features.npz")["features"], size.probe)


def _measure(
    run: RunDir, bench: Bench, size: MotionSize, probe: MotionProbe, learned: Motion, watch: Watch
) -> dict[str, dict[str, object]]:
    """Return the figures of one motion, way by way, and of other prompts."""
    motion, specs = learned.name, _specs(learned.name, size.prompts)
    shots = motion_shots(motion, size.prompts)
    clips = {way: draw_way(run, bench, f"{motion}/{way}", shots, learned, way, watch) for way in WAYS}
    clips["ceiling"] = list(bench.frames(specs))
    write_file(run.path / f"{motion}.png", regions_sheet([shot.prompt for shot in shots], clips))
    found = {way: score(bench, probe, drawn, specs, motion) for way, drawn in clips.items()}
    others = held_out_specs(OTHERS, size.others)
    asked = [_shot(number, spec, spec.actors[0].action) for number, spec in enumerate(others)]
    for name, way in (("others_plain", "plain"), ("others_lora", "lora")):
        folder = "others" if way == "plain" else f"{motion}/others"
        drawn = draw_way(run, bench, folder, asked, learned, way, watch)
        found[name] = score_judge(bench, drawn, others)
    return found


def _specs(motion: str, count: int) -> list[ClipSpec]:
    return [motion_spec(motion, number, first_seed=PROMPTS, held_out=True) for number in range(count)]


def motion_shots(motion: str, count: int) -> list[Shot]:
    """Return what is asked: a creature of held-out looks makes the motion."""
    return [_shot(number, spec, motion) for number, spec in enumerate(_specs(motion, count))]


def _shot(number: int, spec: ClipSpec, action: str) -> Shot:
    prompt = f"{call(spec.actors[0])} {action} {say_setting(spec)}"
    return Shot(id=f"s{number + 1:02d}", text="", query="", prompt=prompt, seed=number)


def draw_way(
    run: RunDir, bench: Bench, name: str, shots: Sequence[Shot], motion: Motion, way: str, watch: Watch
) -> list[Frames]:
    """Draw shots in one of `WAYS` into the folder `name` of the run, unless they lie there from before."""
    wanted = bench.settings.generate
    guide: DepthTrack | None = None
    if way in ("guide", "motion"):
        guide = motion.depth.ping_pong(wanted.num_frames)
    if way == "plain":
        return draw_all(run, name, [(shot, None) for shot in shots], bench.generator, watch)
    drawn = []
    for done, shot in enumerate(shots):
        watch(done / len(shots), f"{name}: {shot.prompt}")
        if way == "guide":
            step = run.step(f"{name}/{shot.id}", draw, shot, guide, [], _to_the_end(bench).generator)
        else:
            step = run.step(f"{name}/{shot.id}", draw_motions, shot, guide, [], [motion], bench.generator)
        drawn.append(step.value)
    return drawn


def _to_the_end(bench: Bench) -> Bench:
    """Return the bench with a generator that follows depth to the end, as it does with a motion."""
    from storyanim.generate.families import build_generator

    generate = bench.settings.generate.model_copy(update={"control_guidance_end": 1.0})
    return replace(bench, generator=build_generator(bench.settings.model_copy(update={"generate": generate})))


# ── figures ──────────────────────────────────────────────────────────────────────────────────────────────


def score(
    bench: Bench, probe: MotionProbe, clips: Sequence[Frames], specs: Sequence[ClipSpec], motion: str
) -> dict[str, object]:
    """Return shares of clips read as the motion, with the right kind and colour, and with all three."""
    reading = bench.judge.read(clips)
    made = np.array([name == motion for name in probe.read(reading.features)])
    looks = _looks(reading.labels, specs)
    return _shares(np.column_stack([looks, made]), ("kind", "colour", "motion"))


def score_judge(bench: Bench, clips: Sequence[Frames], specs: Sequence[ClipSpec]) -> dict[str, object]:
    """Return shares of clips with the right kind, colour and (known) action."""
    labels = bench.judge.read(clips).labels
    column = ATTRIBUTES.index("action")
    truth = np.array([labels_of(spec)[column] for spec in specs])
    return _shares(np.column_stack([_looks(labels, specs), labels[:, column] == truth]),
                   ("kind", "colour", "action"))


def _looks(labels: np.ndarray, specs: Sequence[ClipSpec]) -> np.ndarray:
    """Return (N, 2): whether kind and colour are right."""
    plain = [replace(spec, actors=(replace(spec.actors[0], action="standing"),)) for spec in specs]
    truth = np.array([labels_of(spec) for spec in plain])
    return ((labels == truth) | (truth < 0))[:, _LOOKS]


def _shares(right: np.ndarray, names: Sequence[str]) -> dict[str, object]:
    every = right.all(axis=1)
    found: dict[str, object] = {name: float(right[:, k].mean()) for k, name in enumerate(names)}
    counts = right[:, -1].sum(), every.sum()
    return found | {"all": float(every.mean()), "clips": len(right),
                    f"{names[-1]}_interval": [round(end, 3) for end in wilson(int(counts[0]), len(right))],
                    "all_interval": [round(end, 3) for end in wilson(int(counts[1]), len(right))]}


def _together(scores: Mapping[str, Mapping[str, Mapping[str, object]]]) -> dict[str, object]:
    """Return the same over all motions."""
    found: dict[str, object] = {}
    for way in dict.fromkeys(way for each in scores.values() for way in each):
        parts = [each[way] for each in scores.values() if way in each]
        last = "action" if way.startswith("others") else "motion"
        clips = [_number(part["clips"]) for part in parts]
        total = sum(clips)
        means = {name: sum(_number(part[name]) * n for part, n in zip(parts, clips, strict=True)) / total
                 for name in ("kind", "colour", last, "all")}
        ends = {f"{name}_interval": [round(end, 3) for end in wilson(round(means[name] * total), int(total))]
                for name in (last, "all")}
        found[way] = means | {"clips": int(total)} | ends
    return found


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def motion_table(result: Mapping[str, object]) -> str:
    """Return the figures as Markdown."""
    lines = ["| | clips | kind | colour | motion or action (95 %) | all (95 %) |",
             "| --- | --- | --- | --- | --- | --- |"]
    motions, together = result["motions"], result["together"]
    assert isinstance(motions, dict)
    for motion, ways in {**motions, "together": together}.items():
        for way, part in ways.items():
            last = "action" if way.startswith("others") else "motion"
            shares = [f"{part[name]:.2f}" for name in ("kind", "colour")]
            for name in (last, "all"):
                low, high = part[f"{name}_interval"]
                shares.append(f"{part[name]:.2f} ({low:.2f} to {high:.2f})")
            lines.append(" | ".join([f"| {motion}, {way}", str(part["clips"]), *shares]) + " |")
    return "\n".join(lines) + "\n"
