"""`storyanim eval personalization`: likeness and obedience of learned characters, one method beside the other (AaS Table 2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storyanim import pipeline
from storyanim.artifacts import Character, CharacterToken, DepthTrack, Float32, Frames
from storyanim.engine.character_file import character_bytes
from storyanim.engine.folders import write_file
from storyanim.engine.run_dir import RunDir
from storyanim.evaluate.bench import Bench, Watch, draw_all
from storyanim.evaluate.cast import Lead, make_leads
from storyanim.evaluate.labels import ATTRIBUTES, labels_of
from storyanim.evaluate.metrics import coat, interval
from storyanim.evaluate.pairs import pair_labels, read_pairs, score_pairs
from storyanim.evaluate.sheets import personalization_sheet
from storyanim.evaluate.tables import personalization_table
from storyanim.evaluate.trials import Trial, guide_spec, make_pair_trials, word
from storyanim.generate.generator import build_generator
from storyanim.generate.load import load_pipeline
from storyanim.order import build_tools
from storyanim.personalize.baselines import ABLATIONS, BASELINES, settings_of
from storyanim.personalize.fit import TimeInvLearner
from storyanim.personalize.images import load_image
from storyanim.pipeline import Tools
from storyanim.stages import ShotGenerator
from storyanim.world import WorldClip, with_

OURS = "timeinv_lora"
UNTIL = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)               # structure_until of the curve
IDENTITY, SEMANTIC = ("creature", "colour", "accessory"), ("scene", "action")


@dataclass(frozen=True)
class PersonalizationSize:
    """How much is learned and drawn: characters × methods learnings, and characters × methods × prompts × seeds shots."""

    characters: int = 6
    prompts: int = 20
    seeds: int = 2
    curve: int = 20                                  # shots of each point over structure_until
    ablations: bool = False
    together: int = 20                               # shots with two of the characters


QUICK = PersonalizationSize(characters=1, prompts=6, seeds=1, curve=2, together=0)


@dataclass(frozen=True, eq=False)
class Part:
    """One lead, learned by no method yet."""

    lead: Lead
    character: Character
    photos: Float32                                  # (D) mean embedding of its pictures, unit length
    trials: list[Trial]
    guides: list[DepthTrack]
    outlines: list[NDArray[np.bool_]]                # (T, H, W) of each trial: where the guide's creature is
    rendered: list[WorldClip]                        # the trials' own clips
    coats: list[Float32]                             # and the colour of each one's figure, see `coat`


@dataclass(frozen=True, eq=False)
class Counts:
    """What was read of N clips."""

    right: dict[str, Float32]                        # attribute → (N) 1 where right
    text: Float32                                    # (N) cosine of a clip and its prompt, the character called by its noun
    image: Float32                                   # (N) cosine of a clip and the character's pictures
    colour_error: Float32                            # (N) ΔE of the coat and the rendered clip's: no word says its shade

    def scores(self) -> dict[str, Any]:
        """Means (of the colour's error the median), and for the two that count the interval in which they lie with 95 %."""
        both = {"semantic": _mean(self.right, SEMANTIC), "identity": _mean(self.right, IDENTITY)}
        means: dict[str, Any] = {name: float(values.mean()) for name, values in both.items()}
        means |= {f"{name}_interval": interval(values) for name, values in both.items()}
        means |= {"clip_text": float(self.text.mean()), "clip_image": float(self.image.mean()),
                  "colour_error": float(np.nanmedian(self.colour_error))}
        return means | {name: float(values.mean()) for name, values in self.right.items()}


def evaluate_personalization(
    run: RunDir, bench: Bench, size: PersonalizationSize, watch: Watch, index: str | None = None
) -> dict[str, object]:
    """Learns, draws, reads, counts; writes `eval.json`, `table.md` and `sheet.png` into the run's folder. Returns eval.json's
    content.

    Args: index: of the regularisation clips; None: the bundled one.

    Raises what learning and drawing raise; the same call then goes on.
    """
    tools = build_tools(bench.settings, index)
    watch(0.0, "taking the characters' pictures")
    parts = [_part(run, bench, tools, lead, size.prompts) for lead in make_leads(size.characters)]
    methods = (*BASELINES, *ABLATIONS) if size.ablations else BASELINES
    found: dict[str, Any] = {}
    shown: dict[str, list[Frames]] = {}
    for method in methods:
        tokens = _learn_all(run, bench, tools, parts, method, watch)
        generator = build_generator(settings_of(method, bench.settings))
        drawn = _draw(run, method, parts, tokens, generator, size.seeds, watch)
        found[method] = _count(bench, tools, parts, drawn).scores() | _costs(run, method, parts, tokens)
        shown[method] = [clips[0] for clips in drawn]
        if method == OURS:
            together = _together(run, bench, parts, tokens, size.together, watch)
            curve = [_point(run, bench, tools, parts, tokens, until, size.curve, watch) for until in UNTIL]
    words = _draw(run, "words", parts, [None] * len(parts), bench.generator, size.seeds, watch)
    rendered = [[Frames(clip.rgb, clip.fps) for clip in part.rendered] for part in parts]
    ceiling = [replace(part, outlines=[clip.mask for clip in part.rendered]) for part in parts]
    result: dict[str, object] = {
        "methods": found, "words": _count(bench, tools, parts, words).scores(),
        "rendered": _count(bench, tools, ceiling, rendered).scores(), "structure_until": curve, "together": together,
    }
    run.write("table.md", personalization_table(result, (len(parts), size.prompts, size.seeds)))
    write_file(run.path / "sheet.png", personalization_sheet([part.character for part in parts], shown))
    run.write("eval.json", json.dumps(result, indent=1) + "\n")
    return result


def _part(run: RunDir, bench: Bench, tools: Tools, lead: Lead, num_prompts: int) -> Part:
    character = lead.photographed(run.path / "cast" / lead.name)
    side = bench.settings.generate.width_px
    photos = [Frames(load_image(path, side, side)[None], bench.settings.generate.fps) for path in character.images]
    mean = tools.encoder.encode_clips(photos).mean(axis=0)
    trials = lead.trials(num_prompts)
    guiding, rendered = ([bench.render(spec) for spec in specs]
                         for specs in (map(guide_spec, trials), (trial.spec for trial in trials)))
    return Part(
        lead, character, mean / np.linalg.norm(mean), trials,
        guides=[bench.depth.estimate(Frames(clip.rgb, clip.fps)) for clip in guiding],
        outlines=[clip.mask for clip in guiding], rendered=rendered, coats=[coat(clip.rgb, clip.mask) for clip in rendered],
    )


def _learn_all(run: RunDir, bench: Bench, tools: Tools, parts: Sequence[Part], method: str, watch: Watch) -> list[CharacterToken]:
    """The characters of all parts, learned one after the other on one model."""
    own = settings_of(method, bench.settings)
    learner = TimeInvLearner(own, partial(load_pipeline, own.models), bench.depth)

    def learned(part: Part) -> CharacterToken:
        told = pipeline.watched(learner, f"{part.lead.name} by {method}", watch)
        token: CharacterToken = run.step(
            f"{method}/{part.lead.name}/learned", pipeline.learn_character, part.character, told, tools.index, tools.encoder,
            own.personalize.num_prior_clips,
        ).value
        return token

    return [learned(part) for part in parts]


def _draw(
    run: RunDir, name: str, parts: Sequence[Part], tokens: Sequence[CharacterToken | None], generator: ShotGenerator, seeds: int,
    watch: Watch,
) -> list[list[Frames]]:
    """All clips of each part, seed by seed; those of a part without a token by the words for its lead."""
    drawn = []
    for part, token in zip(parts, tokens, strict=True):
        shots = [(part.lead.shot(trial, token.token if token else None, seed), guide)
                 for seed in range(seeds) for trial, guide in zip(part.trials, part.guides, strict=True)]
        drawn.append(draw_all(run, f"{name}/{part.lead.name}", shots, generator, watch, [token] if token else []))
    return drawn


def _together(
    run: RunDir, bench: Bench, parts: Sequence[Part], tokens: Sequence[CharacterToken], count: int, watch: Watch
) -> dict[str, float] | None:
    """How often both of two characters in one shot have the right kind and colour, under the depth of two other creatures.

    None when there are no two, or no shots are wanted.
    """
    if len(parts) < 2 or not count:
        return None
    clips, truth = [], []
    for other in make_pair_trials(count):
        places = [(other.number + k) % len(parts) for k in (0, 1)]
        leads, worn = [parts[place].lead for place in places], [tokens[place] for place in places]
        actors = tuple(replace(actor, **lead.look) for actor, lead in zip(other.spec.actors, leads, strict=True))
        spec = with_(other.spec, actors=actors, weather="clear", time_of_day="day")
        who = " and ".join(f"a {token.token} {lead.actor.creature}" for token, lead in zip(worn, leads, strict=True))
        shot = other.shot.model_copy(update={"prompt": word(spec, other.number, who)})
        guide = bench.depth.estimate(next(bench.frames([other.spec])))
        clips += draw_all(run, "together", [(shot, guide)], bench.generator, watch, worn)
        truth.append(Trial(other.number, spec, shot.prompt))
    scores = score_pairs(read_pairs(bench.judge, clips), pair_labels(truth))
    rendered = list(bench.frames(trial.spec for trial in truth))
    ceiling = score_pairs(read_pairs(bench.judge, rendered), pair_labels(truth))["both"]
    return scores | {"rendered": ceiling, "shots": float(count)}


def _count(bench: Bench, tools: Tools, parts: Sequence[Part], drawn: Sequence[Sequence[Frames]]) -> Counts:
    """Reads the clips of each part; those of several seeds lie behind one another."""
    labels, truth, text, image, errors = [], [], [], [], []
    for part, clips in zip(parts, drawn, strict=True):
        asked = [part.trials[k % len(part.trials)] for k in range(len(clips))]
        seen = tools.encoder.encode_clips(clips)                                                  # (N, D)
        said = tools.encoder.encode_texts([trial.prompt for trial in asked])
        labels.append(bench.judge.read(clips).labels)
        truth.append(np.stack([labels_of(trial.spec) for trial in asked]))
        text.append((seen * said).sum(axis=1))
        image.append(seen @ part.photos)
        errors += [_colour_error(part, k % len(part.trials), clip) for k, clip in enumerate(clips)]
    right = (np.concatenate(labels) == np.concatenate(truth)).astype(np.float32)
    columns = {name: right[:, k] for k, name in enumerate(ATTRIBUTES)}
    return Counts(columns, np.concatenate(text), np.concatenate(image), np.array(errors, np.float32))


def _colour_error(part: Part, number: int, clip: Frames) -> float:
    """How far the coat's colour is from the character's own in the same light; the figure fills the guide's outline."""
    return float(np.linalg.norm(coat(clip.rgb, part.outlines[number]) - part.coats[number]))


def _costs(run: RunDir, method: str, parts: Sequence[Part], tokens: Sequence[CharacterToken]) -> dict[str, float]:
    """Of one character: seconds of learning, bytes of its file."""
    spent = run.seconds()
    seconds = [spent[f"{method}/{part.lead.name}/learned"] for part in parts]
    sizes = [len(character_bytes(token)) for token in tokens]
    return {"seconds": float(np.mean(seconds)), "bytes": float(np.mean(sizes))}


def _point(
    run: RunDir, bench: Bench, tools: Tools, parts: Sequence[Part], tokens: Sequence[CharacterToken], until: float, count: int,
    watch: Watch,
) -> dict[str, float]:
    """Scores of our method when the structure, which is of another creature, ends at `until`; `count` shots in all."""
    each = max(1, count // len(parts))
    some = [replace(part, trials=part.trials[:each], guides=part.guides[:each]) for part in parts]
    changed = bench.settings.generate.model_copy(update={"structure_until": until})
    generator = build_generator(bench.settings.model_copy(update={"generate": changed}))
    drawn = _draw(run, f"until-{until:g}", some, tokens, generator, 1, watch)
    scores = _count(bench, tools, some, drawn).scores()
    return {"structure_until": until} | {name: scores[name] for name in ("semantic", "identity", *ATTRIBUTES)}


def _mean(right: dict[str, Float32], names: Sequence[str]) -> Float32:
    """(N) share of the attributes that are right in each clip."""
    mean: Float32 = np.stack([right[name] for name in names]).mean(axis=0)
    return mean
