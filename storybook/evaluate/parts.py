"""The characters of a measurement: their prompts and guides, learning, drawing, and what is read of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storyanim.artifacts import Character, CharacterToken, DepthTrack, Float32, Frames
from storyanim.engine.run_dir import RunDir
from storyanim.generate.load import load_pipeline
from storyanim.personalize.images import load_image
from storyanim.run import characters
from storyanim.run.components import Components
from storyanim.stages import ShotGenerator
from storybook.evaluate.baselines import load_finetuned
from storybook.evaluate.bench import Bench, Watch, draw_all
from storybook.evaluate.cast import Lead
from storybook.evaluate.labels import ATTRIBUTES, labels_of
from storybook.evaluate.methods import METHODS, build_learner, learn_finetuned
from storybook.evaluate.metrics import coat, interval
from storybook.evaluate.trials import Trial, guide_spec
from storybook.world import WorldClip

IDENTITY, SEMANTIC = ("creature", "colour", "accessory"), ("scene", "action")


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
    text: Float32                                    # (N) cosine of a clip and its prompt by the noun
    image: Float32                                   # (N) cosine of a clip and the character's pictures
    colour_error: Float32                            # (N) ΔE of the coat and the rendered clip's

    def scores(self) -> dict[str, Any]:
        """Return means (of the colour's error the median), and 95 % intervals of the two that count."""
        both = {"semantic": _mean(self.right, SEMANTIC), "identity": _mean(self.right, IDENTITY)}
        means: dict[str, Any] = {name: float(values.mean()) for name, values in both.items()}
        means |= {f"{name}_interval": interval(values) for name, values in both.items()}
        means |= {"clip_text": float(self.text.mean()), "clip_image": float(self.image.mean()),
                  "colour_error": float(np.nanmedian(self.colour_error))}
        return means | {name: float(values.mean()) for name, values in self.right.items()}


def make_part(run: RunDir, bench: Bench, components: Components, lead: Lead, num_prompts: int) -> Part:
    """Write the lead's pictures into the run, and renders its guides and what its prompts should show."""
    character = lead.take_pictures(run.path / "cast" / lead.name)
    side = bench.settings.generate.width_px
    photos = [Frames(load_image(path, side, side)[None], bench.settings.generate.fps)
              for path in character.images]
    mean = components.encoder.encode_clips(photos).mean(axis=0)
    trials = lead.trials(num_prompts)
    guiding, rendered = ([bench.render(spec) for spec in specs]
                         for specs in (map(guide_spec, trials), (trial.spec for trial in trials)))
    return Part(
        lead, character, mean / np.linalg.norm(mean), trials,
        guides=[bench.depth.estimate(Frames(clip.rgb, clip.fps)) for clip in guiding],
        outlines=[clip.mask for clip in guiding], rendered=rendered,
        coats=[coat(clip.rgb, clip.mask) for clip in rendered],
    )


def learn_parts(
    run: RunDir, bench: Bench, components: Components, parts: Sequence[Part], method: str, watch: Watch
) -> list[CharacterToken]:
    """Return the characters of all parts, learned one after the other on one model."""
    models, count = bench.settings.models, bench.settings.personalize.num_class_clips
    learner = build_learner(method, bench.settings, partial(load_pipeline, models), bench.depth)

    def learned(part: Part) -> CharacterToken:
        who, index, encoder = part.character, components.index, components.encoder
        reporting = characters.watched(learner, f"{part.lead.name} by {method}", watch)
        name = f"{method}/{part.lead.name}/learned"
        if METHODS[method].finetuned:
            step = run.step_with_folder(name, learn_finetuned, who, reporting, index, encoder, count)
            return load_finetuned(step.value)
        return run.step(name, characters.learn_character, who, reporting, index, encoder, count).value

    return [learned(part) for part in parts]


def draw_parts(
    run: RunDir, name: str, parts: Sequence[Part], tokens: Sequence[CharacterToken | None],
    generator: ShotGenerator, seeds: int, watch: Watch,
) -> list[list[Frames]]:
    """Return all clips of each part, seed by seed; without a token, by the words for its lead."""
    drawn = []
    for part, token in zip(parts, tokens, strict=True):
        shots = [(part.lead.shot(trial, token.token if token else None, seed), guide)
                 for seed in range(seeds) for trial, guide in zip(part.trials, part.guides, strict=True)]
        drawn.append(draw_all(run, f"{name}/{part.lead.name}", shots, generator, watch,
                              [token] if token else []))
    return drawn


def count_parts(bench: Bench, components: Components, parts: Sequence[Part],
                drawn: Sequence[Sequence[Frames]]) -> Counts:
    """Read the clips of each part; those of several seeds lie behind one another."""
    labels, truth, text, image, errors = [], [], [], [], []
    for part, clips in zip(parts, drawn, strict=True):
        asked = [part.trials[k % len(part.trials)] for k in range(len(clips))]
        images = components.encoder.encode_clips(clips)                             # (N, D)
        prompts = components.encoder.encode_texts([trial.prompt for trial in asked])
        labels.append(bench.judge.read(clips).labels)
        truth.append(np.stack([labels_of(trial.spec) for trial in asked]))
        text.append((images * prompts).sum(axis=1))
        image.append(images @ part.photos)
        errors += [_colour_error(part, k % len(part.trials), clip) for k, clip in enumerate(clips)]
    right = (np.concatenate(labels) == np.concatenate(truth)).astype(np.float32)
    columns = {name: right[:, k] for k, name in enumerate(ATTRIBUTES)}
    return Counts(columns, np.concatenate(text), np.concatenate(image), np.array(errors, np.float32))


def _colour_error(part: Part, number: int, clip: Frames) -> float:
    """Return ΔE of the coat, within the guide's outline, and the character's own in the same light."""
    return float(np.linalg.norm(coat(clip.rgb, part.outlines[number]) - part.coats[number]))


def _mean(right: dict[str, Float32], names: Sequence[str]) -> Float32:
    """Return (N) share of the attributes that are right in each clip."""
    mean: Float32 = np.stack([right[name] for name in names]).mean(axis=0)
    return mean
