"""How well a character was learned: drawn by the noun and by the token, and compared with its pictures.

Single frames, since they say as much of who and where as a clip does, at a sixth of its time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np

from storyanim.artifacts import CharacterToken, DepthTrack, Float32, Frames, Shot, UInt8
from storyanim.config import Settings
from storyanim.film.character_report import CharacterReport, Drawings, DrawnPrompt, SceneCheck
from storyanim.generate.generator import fit_depth
from storyanim.personalize.foreground import foreground
from storyanim.personalize.images import load_image
from storyanim.retrieve.choose import choose
from storyanim.run.characters import LearnedCharacter
from storyanim.run.shots import estimate_depth
from storyanim.stages import Progress, TextVideoEncoder

# Wordings that no caption has which is learned from (personalize/views.py, world/captions.py).
PROMPTS = ("in the forest there is {}, standing", "{}, in the snow, is walking",
           "{} is on the beach, sitting", "waving in a meadow, {}")
SAME, PLACES = "{} standing", ("in the forest", "in the snow", "on the beach", "in the city")
# Of the distances between places: half is gone. The example bear had 1.09 after 300 steps, and 0.91 after 200
# at three times the rate with its pictures' surroundings in the loss.
LEAST_RATIO = 0.5
_SEED = 5
_GREY = 128


@dataclass(frozen=True, eq=False)
class _Pair:
    """N prompts, drawn twice."""

    prompts: list[str]                               # with the noun alone
    before: list[UInt8]                              # (H, W, 3) each
    after: list[UInt8]


def examine(learned: LearnedCharacter, settings: Settings,
            progress: Progress) -> tuple[CharacterReport, Drawings]:
    """Draw 16 frames and measure them; the noun is guided as characters are, so that only the token differs.

    Args: settings: as they were asked for; `learned.components` draw single frames.

    Raises what retrieval, depth and drawing raise.
    """
    token, width_px, height_px = learned.token, settings.generate.width_px, settings.generate.height_px
    photos = [load_image(path, width_px, height_px) for path in learned.character.images]
    guides = [_guide(learned, settings, prompt.format(f"a {token.noun}")) for prompt in PROMPTS]
    told = _draw(learned, PROMPTS, guides, progress, 0.0)
    there = _guide(learned, settings, SAME.format(f"a {token.noun}"))
    placed = _draw(learned, [f"{SAME} {place}" for place in PLACES], [there] * len(PLACES), progress, 0.5)
    # of what was drawn
    components, size = learned.components, (1, *told.before[0].shape[:2])
    depths = [components.depth.estimate(Frames(rgb[None], guides[0].fps)).inverse_depth[0] for rgb in photos]
    looks = [alone(rgb, foreground(inverse_depth)) for rgb, inverse_depth in zip(photos, depths, strict=True)]
    # (H, W) each
    stands = [foreground(fit_depth(guide, size)[0]) for guide in guides]
    prompts, alike = _prompts(components.encoder, told, stands, looks)
    scenes = scene_check(components.encoder, placed.prompts, placed.before, placed.after,
                         foreground(fit_depth(there, size)[0]))
    report = _report(learned, settings, prompts, alike, scenes)
    return report, Drawings(photos, told.before, told.after, placed.before, placed.after)


def scene_check(
    encoder: TextVideoEncoder, prompts: Sequence[str], before: Sequence[UInt8], after: Sequence[UInt8],
    sure: Float32
) -> SceneCheck:
    """Return how far drawings of N places lie apart, before and after.

    Args:
        encoder: whose space the distances are measured in.
        prompts: N, one a place.
        before: N pictures (H, W, 3) by the noun.
        after: N pictures (H, W, 3) by the token.
        sure: (H, W) in [0, 1], how surely the figure is there, see `foreground`; made grey, unless it is
            everywhere.
    """
    hidden = not bool((sure == 1).all())
    spreads, read = [], []
    said = encoder.encode_texts(prompts)                                                          # (N, D)
    for pictures in (before, after):
        covered = [alone(picture, 1 - sure) for picture in pictures] if hidden else pictures
        spreads.append(spread(_seen(encoder, covered)))
        nearest = (_seen(encoder, pictures) @ said.T).argmax(axis=1)
        read.append(int((nearest == np.arange(len(prompts))).sum()))
    ratio = spreads[1] / spreads[0] if spreads[0] > 0 else 1.0
    return SceneCheck(prompts=tuple(prompts), figure_hidden=hidden, spread_before=spreads[0],
                      spread_after=spreads[1],
                      ratio=ratio, least=LEAST_RATIO, read_before=read[0], read_after=read[1])


def spread(embeddings: Float32) -> float:
    """Return (N, D) of unit length → mean over all pairs of 1 - cosine."""
    return float(np.mean([1 - float(embeddings[a] @ embeddings[b]) for a,
                          b in combinations(range(len(embeddings)), 2)]))


def with_figures(token: CharacterToken, report: CharacterReport) -> CharacterToken:
    """Return the token with the report's figures in its metadata."""
    figures = {
        "likeness": report.likeness_after, "likeness_before": report.likeness_before,
        "agreement": report.agreement_after, "agreement_before": report.agreement_before,
        "scenes_kept": report.scenes.ratio,
    }
    said = {name: f"{value:.4f}" for name, value in figures.items()}
    return replace(token, metadata=token.metadata | said)


def _guide(learned: LearnedCharacter, settings: Settings, query: str) -> DepthTrack:
    """Return the middle moment of the depth of the footage that is found."""
    components, wanted = learned.components, settings.generate
    match = choose(query, components.index, components.encoder, 1).match
    track = estimate_depth(match, components.depth, wanted.num_frames, wanted.fps)
    middle = len(track.inverse_depth) // 2
    return DepthTrack(track.inverse_depth[middle:middle + 1], track.fps)


def _draw(
    learned: LearnedCharacter, sentences: Sequence[str], guides: Sequence[DepthTrack], progress: Progress,
    done: float
) -> _Pair:
    """Return each sentence with the noun alone and with the token, under the same depth and noise."""
    token, components = learned.token, learned.components
    plain = [sentence.format(f"a {token.noun}") for sentence in sentences]
    named = [sentence.format(f"a {token.token} {token.noun}") for sentence in sentences]
    drawn: list[UInt8] = []
    for (prompts, tokens), k in product(((plain, []), (named, [token])), range(len(sentences))):
        progress(done + 0.5 * len(drawn) / (2 * len(sentences)), f"drawing: {prompts[k]}")
        shot = Shot(id="s01", text="", query="", prompt=prompts[k], seed=_SEED, duration_s=1 / guides[k].fps)
        rgb = components.generator.draw(shot, guides[k], tokens).rgb
        drawn.append(rgb[len(rgb) // 2])
    return _Pair(plain, drawn[:len(sentences)], drawn[len(sentences):])


def _prompts(
    encoder: TextVideoEncoder, told: _Pair, stands: Sequence[Float32], photos: Sequence[UInt8]
) -> tuple[list[DrawnPrompt], float]:
    """Return each prompt's cosines, and the mean cosine of the photographs with each other.

    Args:
        encoder: whose space the cosines are measured in.
        told: the prompts and their drawings.
        stands: (H, W) each, where the figure stands in a prompt's drawings.
        photos: the figures alone.
    """
    looks, said = _seen(encoder, photos), encoder.encode_texts(told.prompts)      # (M, D), (N, D)
    found: dict[str, list[float]] = {}
    for when, pictures in (("before", told.before), ("after", told.after)):
        figures = _seen(encoder, [alone(rgb, sure) for rgb, sure in zip(pictures, stands, strict=True)])
        found[f"likeness_{when}"] = (figures @ looks.T).mean(axis=1).tolist()
        found[f"agreement_{when}"] = (_seen(encoder, pictures) * said).sum(axis=1).tolist()
    each = [DrawnPrompt(prompt=prompt, **{name: values[k] for name, values in found.items()})
            for k, prompt in enumerate(told.prompts)]
    return each, 1 - spread(looks)


def _report(
    learned: LearnedCharacter, settings: Settings, prompts: Sequence[DrawnPrompt], alike: float,
    scenes: SceneCheck
) -> CharacterReport:
    token, said = learned.token, learned.token.metadata

    def mean(name: str) -> float:
        return float(np.mean([getattr(prompt, name) for prompt in prompts]))

    means = {name: mean(name)
             for name in ("likeness_before", "likeness_after", "agreement_before", "agreement_after")}
    warnings = []
    if scenes.holds_on:
        warnings.append(f"the text changes the scene too little: {scenes.read_after} of "
                        f"{len(scenes.prompts)} places are right "
                        f"({scenes.read_before} with the noun), and drawings of them differ "
                        f"{scenes.ratio:.2f} times as much as "
                        f"without {token.token}; learn fewer steps (personalize.num_steps), or from other "
                        "surroundings")
    if means["likeness_after"] <= means["likeness_before"]:
        warnings.append(f"drawings with {token.token} are no more like the pictures than those without: "
                        "learn more steps (personalize.num_steps), or give other pictures")
    steps = int(said.get("steps", 1))
    return CharacterReport(
        name=token.name, token=token.token, noun=token.noun, profile=settings.profile,
        pictures=len(learned.character.images),
        method=said.get("method", ""), steps=steps, chosen_step=int(said.get("chosen_step", steps)),
        likeness_of_pictures=alike,
        prompts=tuple(prompts), scenes=scenes, loss_curve=_curve(said, "loss_curve") or ((0, 0.0),),
        held_out_curve=_curve(said, "held_out_curve"), warnings=tuple(warnings), **means,
    )


def _curve(said: dict[str, str], name: str) -> tuple[tuple[int, float], ...]:
    return tuple((int(step), float(value)) for step, value in json.loads(said.get(name, "[]")))


def _seen(encoder: TextVideoEncoder, pictures: Sequence[UInt8]) -> Float32:
    """Return (N, D); each picture is a clip that stands still."""
    return encoder.encode_clips([Frames(np.repeat(rgb[None], encoder.num_frames, axis=0), 1.0)
                                 for rgb in pictures])


def alone(rgb: UInt8, sure: Float32) -> UInt8:
    """Return the figure on grey: (H, W, 3) and, (H, W) in [0, 1], how surely it is there."""
    mixed = rgb * sure[..., None] + _GREY * (1 - sure[..., None])
    return np.rint(mixed).astype(np.uint8)
