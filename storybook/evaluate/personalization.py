"""`eval personalization`: identity and text alignment of learned characters, by method (AaS Table 2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from storyanim.artifacts import CharacterToken, Frames
from storyanim.engine.folders import write_file
from storyanim.engine.run_dir import RunDir
from storyanim.generate.families import build_generator
from storyanim.run.components import Components, build_components
from storybook.evaluate.baselines import num_bytes
from storybook.evaluate.bench import Bench, Watch, draw_all
from storybook.evaluate.cast import make_leads, make_shades
from storybook.evaluate.labels import ATTRIBUTES
from storybook.evaluate.methods import ABLATIONS, BASELINES, WITHOUT_WORDS, build_method_generator
from storybook.evaluate.pairs import pair_labels, read_pairs, score_pairs
from storybook.evaluate.parts import Counts, Part, count_parts, draw_parts, learn_parts, make_part
from storybook.evaluate.sheets import personalization_sheet
from storybook.evaluate.tables import personalization_table
from storybook.evaluate.trials import Trial, make_pair_trials, word
from storybook.world import with_

OURS = "timeinv_lora"
SHADED = (OURS, "textual_inversion")                 # methods that learn colours without a name
UNTIL = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)               # control_guidance_end of the curve


@dataclass(frozen=True)
class PersonalizationSize:
    """How much is learned and drawn: characters × methods tokens, and × prompts × seeds shots."""

    characters: int = 6
    prompts: int = 20
    seeds: int = 2
    curve: int = 20                                  # shots of each point over control_guidance_end
    ablations: bool = False
    without_words: bool = False                      # all methods also without words read off the pictures
    together: int = 20                               # shots with two of the characters
    shades: int = 2                                  # further characters, whose colour has no name


QUICK = PersonalizationSize(characters=1, prompts=6, seeds=1, curve=2, together=0, shades=0)


def evaluate_personalization(
    run: RunDir, bench: Bench, size: PersonalizationSize, watch: Watch, index: str | None = None
) -> dict[str, object]:
    """Learn, draw, read, count; return the content of eval.json.

    Writes `eval.json`, `table.md`, `sheet.png` and `shades.png` into the run's folder.

    Args:
        run: where each character and each shot is a step.
        bench: what draws and reads.
        size: how much.
        watch: called with the share done and what is being done.
        index: of the class clips; None: the bundled one.

    Raises what learning and drawing raise; the same call then goes on.
    """
    components = build_components(bench.settings, index)
    watch(0.0, "taking the characters' pictures")
    parts = [make_part(run, bench, components, lead, size.prompts) for lead in make_leads(size.characters)]
    methods = (*BASELINES, *(WITHOUT_WORDS if size.without_words else ()))
    methods += ABLATIONS if size.ablations else ()
    found: dict[str, Any] = {}
    shown: dict[str, list[Frames]] = {}
    for method in methods:
        tokens, drawn = _learn_and_draw(run, bench, components, parts, method, size.seeds, watch)
        scores = count_parts(bench, components, parts, drawn).scores()
        found[method] = scores | _costs(run, method, parts, tokens)
        shown[method] = [clips[0] for clips in drawn]
        if method == OURS:
            together = _together(run, bench, parts, tokens, size.together, watch)
            curve = [_curve_point(run, bench, components, parts, tokens, until, size.curve, watch)
                     for until in UNTIL]
    words = draw_parts(run, "words", parts, [None] * len(parts), bench.generator, size.seeds, watch)
    rendered = [[Frames(clip.rgb, clip.fps) for clip in part.rendered] for part in parts]
    ceiling = [replace(part, outlines=[clip.mask for clip in part.rendered]) for part in parts]
    result: dict[str, object] = {
        "methods": found, "words": count_parts(bench, components, parts, words).scores(),
        "rendered": count_parts(bench, components, ceiling, rendered).scores(),
        "control_guidance_end": curve, "together": together,
        "shades": _shades(run, bench, components, size, watch),
    }
    run.write("table.md", personalization_table(result, (len(parts), size.prompts, size.seeds)))
    write_file(run.path / "sheet.png", personalization_sheet([part.character for part in parts], shown))
    run.write("eval.json", json.dumps(result, indent=1) + "\n")
    return result


def _learn_and_draw(
    run: RunDir, bench: Bench, components: Components, parts: Sequence[Part], method: str, seeds: int,
    watch: Watch
) -> tuple[list[CharacterToken], list[list[Frames]]]:
    """Return all parts learned by a method, and their clips as it draws them."""
    tokens = learn_parts(run, bench, components, parts, method, watch)
    generator = build_method_generator(method, bench.settings)
    return tokens, draw_parts(run, method, parts, tokens, generator, seeds, watch)


def _together(
    run: RunDir, bench: Bench, parts: Sequence[Part], tokens: Sequence[CharacterToken], count: int,
    watch: Watch
) -> dict[str, float] | None:
    """Return how often both of two characters in one shot have the right kind and colour.

    Their guide is the depth of two other creatures, as far as the profile guides such shots. None when there
    are no two, or no shots are wanted.
    """
    if len(parts) < 2 or not count:
        return None
    clips, truth = [], []
    for other in make_pair_trials(count):
        places = [(other.number + k) % len(parts) for k in (0, 1)]
        leads, given = [parts[place].lead for place in places], [tokens[place] for place in places]
        pairs = zip(other.spec.actors, leads, strict=True)
        actors = tuple(replace(actor, **lead.look) for actor, lead in pairs)
        spec = with_(other.spec, actors=actors, weather="clear", time_of_day="day")
        names = [f"a {token.token} {lead.actor.creature}" for token, lead in zip(given, leads, strict=True)]
        shot = other.shot.model_copy(update={"prompt": word(spec, other.number, " and ".join(names))})
        guide = bench.depth.estimate(next(bench.frames([other.spec])))
        clips += draw_all(run, "together", [(shot, guide)], bench.generator, watch, given)
        truth.append(Trial(other.number, spec, shot.prompt))
    scores = score_pairs(read_pairs(bench.judge, clips), pair_labels(truth))
    rendered = list(bench.frames(trial.spec for trial in truth))
    ceiling = score_pairs(read_pairs(bench.judge, rendered), pair_labels(truth))["both"]
    return scores | {"rendered": ceiling, "shots": float(count)}


def _shades(
    run: RunDir, bench: Bench, components: Components, size: PersonalizationSize, watch: Watch
) -> dict[str, Any] | None:
    """Return the same of characters whose colour has no name: what is learned beyond words.

    "words" takes the nearest name. The judge knows no such colour, so that its error counts. None when none
    are wanted.
    """
    if not size.shades:
        return None
    methods = (*SHADED, *ABLATIONS) if size.ablations else SHADED
    parts = [make_part(run, bench, components, lead, size.prompts) for lead in make_shades(size.shades)]
    drawn = {}
    for method in methods:
        _, drawn[method] = _learn_and_draw(run, bench, components, parts, method, size.seeds, watch)
    drawn["words"] = draw_parts(run, "words", parts, [None] * len(parts), bench.generator, size.seeds, watch)
    shown = {way: [clips[0] for clips in of_parts] for way, of_parts in drawn.items()}
    write_file(run.path / "shades.png", personalization_sheet([part.character for part in parts], shown))
    return {way: _shade_scores(count_parts(bench, components, parts, clips)) for way, clips in drawn.items()}


def _shade_scores(counts: Counts) -> dict[str, Any]:
    unscored = {"colour", "identity", "identity_interval"}
    return {name: score for name, score in counts.scores().items() if name not in unscored}


def _costs(
    run: RunDir, method: str, parts: Sequence[Part], tokens: Sequence[CharacterToken]
) -> dict[str, float]:
    """Return seconds of learning and bytes of the files of one character, on the mean."""
    spent = run.seconds()
    seconds = [spent[f"{method}/{part.lead.name}/learned"] for part in parts]
    sizes = [num_bytes(token) for token in tokens]
    return {"seconds": float(np.mean(seconds)), "bytes": float(np.mean(sizes))}


def _curve_point(
    run: RunDir, bench: Bench, components: Components, parts: Sequence[Part],
    tokens: Sequence[CharacterToken], until: float, count: int, watch: Watch,
) -> dict[str, float]:
    """Return scores of `count` shots of our method whose structure, of another creature, ends at `until`."""
    each = max(1, count // len(parts))
    some = [replace(part, trials=part.trials[:each], guides=part.guides[:each]) for part in parts]
    changed = bench.settings.generate.model_copy(update={"control_guidance_end": until})
    generator = build_generator(bench.settings.model_copy(update={"generate": changed}))
    drawn = draw_parts(run, f"until-{until:g}", some, tokens, generator, 1, watch)
    scores = count_parts(bench, components, some, drawn).scores()
    names = ("semantic", "identity", *ATTRIBUTES)
    return {"control_guidance_end": until} | {name: scores[name] for name in names}
