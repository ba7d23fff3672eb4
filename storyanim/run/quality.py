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
from storyanim.run.characters import LearnedCharacter
from storyanim.run.shots import estimate_depth
from storyanim.stages import Progress, TextVideoEncoder

# Wordings that no caption has which is trained on (personalize/views.py, world/captions.py).
PROMPTS = ("in the forest there is {}, standing", "{}, in the snow, is walking",
           "{} is on the beach, sitting", "waving in a meadow, {}")
POSE, PLACES = "{} standing", ("in the forest", "in the snow", "on the beach", "in the city")
# Of the distances between places: half is gone. The example bear had 1.09 after 300 steps, and 0.91 after 200
# at three times the rate with its pictures' surroundings in the loss.
MIN_DISTANCE_RATIO = 0.5
_SEED = 5
_GREY_LEVEL = 128


@dataclass(frozen=True, eq=False)
class _BeforeAfter:
    """N prompts, drawn twice."""

    prompts: list[str]                               # with the noun alone
    before: list[UInt8]                              # (H, W, 3) each
    after: list[UInt8]


def measure_character(
    learned: LearnedCharacter, settings: Settings, progress: Progress
) -> tuple[CharacterReport, Drawings]:
    """Draw 16 frames and measure them; the noun is guided as characters are, so that only the token differs.

    Args:
        learned: the character; its components draw single frames.
        settings: as they were asked for.
        progress: called with the share done and what is being done.

    Raises what retrieval, depth and drawing raise.
    """
    token, width_px, height_px = learned.token, settings.generate.width_px, settings.generate.height_px
    encoder, depth = learned.components.encoder, learned.components.depth
    photos = [load_image(path, width_px, height_px) for path in learned.character.images]
    guides = [_guide(learned, settings, prompt.format(f"a {token.noun}")) for prompt in PROMPTS]
    prompted = _draw(learned, PROMPTS, guides, progress, 0.0)
    guide = _guide(learned, settings, POSE.format(f"a {token.noun}"))
    placed = _draw(learned, [f"{POSE} {place}" for place in PLACES], [guide] * len(PLACES), progress, 0.5)
    size = 1, *prompted.before[0].shape[:2]
    masks = [foreground(fit_depth(each, size)[0]) for each in (*guides, guide)]   # (H, W) each
    depths = [depth.estimate(Frames(rgb[None], guides[0].fps)).inverse_depth[0] for rgb in photos]
    figures = [on_grey(rgb, foreground(near)) for rgb, near in zip(photos, depths, strict=True)]
    prompts, likeness = _measure_prompts(encoder, prompted, masks[:-1], figures)
    scenes = check_scenes(encoder, placed.prompts, placed.before, placed.after, masks[-1])
    report = _report(learned, settings, prompts, likeness, scenes)
    return report, Drawings(photos, prompted.before, prompted.after, placed.before, placed.after)


def check_scenes(
    encoder: TextVideoEncoder, prompts: Sequence[str], before: Sequence[UInt8], after: Sequence[UInt8],
    mask: Float32
) -> SceneCheck:
    """Measure how far drawings of N places lie apart, before and after.

    Args:
        encoder: whose space the distances are measured in.
        prompts: N, one a place.
        before: N pictures (H, W, 3) by the noun.
        after: N pictures (H, W, 3) by the token.
        mask: (H, W) in [0, 1], how surely the figure is there, see `foreground`; made grey, unless it is
            everywhere.
    """
    hidden = not bool((mask == 1).all())
    distances, read = [], []
    texts = encoder.encode_texts(prompts)                                         # (N, D)
    for pictures in (before, after):
        scenes = [on_grey(picture, 1 - mask) for picture in pictures] if hidden else pictures
        distances.append(mean_distance(_encode(encoder, scenes)))
        nearest = (_encode(encoder, pictures) @ texts.T).argmax(axis=1)
        read.append(int((nearest == np.arange(len(prompts))).sum()))
    ratio = distances[1] / distances[0] if distances[0] > 0 else 1.0
    return SceneCheck(
        prompts=tuple(prompts), figure_hidden=hidden, spread_before=distances[0], spread_after=distances[1],
        ratio=ratio, least=MIN_DISTANCE_RATIO, read_before=read[0], read_after=read[1])


def mean_distance(embeddings: Float32) -> float:
    """Return the mean over all pairs of 1 - cosine, of (N, D) of unit length."""
    pairs = combinations(embeddings, 2)
    return float(np.mean([1 - float(one @ other) for one, other in pairs]))


def with_metrics(token: CharacterToken, report: CharacterReport) -> CharacterToken:
    """Return the token with the report's metrics in its metadata."""
    metrics = {
        "likeness": report.likeness_after, "likeness_before": report.likeness_before,
        "agreement": report.agreement_after, "agreement_before": report.agreement_before,
        "scenes_kept": report.scenes.ratio,
    }
    return replace(token, metadata=token.metadata | {name: f"{value:.4f}" for name, value in metrics.items()})


def on_grey(rgb: UInt8, mask: Float32) -> UInt8:
    """Return a picture (H, W, 3) that is grey where the mask (H, W) in [0, 1] is 0."""
    mixed = rgb * mask[..., None] + _GREY_LEVEL * (1 - mask[..., None])
    return np.rint(mixed).astype(np.uint8)


def _guide(learned: LearnedCharacter, settings: Settings, query: str) -> DepthTrack:
    """Return the middle moment of the depth of the footage that is found."""
    components, wanted = learned.components, settings.generate
    match = components.index.search(query, components.encoder, 1)[0]
    track = estimate_depth(match, components.depth, wanted.num_frames, wanted.fps)
    middle = len(track.inverse_depth) // 2
    return DepthTrack(track.inverse_depth[middle:middle + 1], track.fps)


def _draw(
    learned: LearnedCharacter, sentences: Sequence[str], guides: Sequence[DepthTrack], progress: Progress,
    done: float
) -> _BeforeAfter:
    """Draw each sentence with the noun alone and with the token, under the same depth and noise."""
    token, generator = learned.token, learned.components.generator
    plain = [sentence.format(f"a {token.noun}") for sentence in sentences]
    named = [sentence.format(f"a {token.token} {token.noun}") for sentence in sentences]
    drawn: list[UInt8] = []
    for (prompts, tokens), k in product(((plain, []), (named, [token])), range(len(sentences))):
        progress(done + 0.5 * len(drawn) / (2 * len(sentences)), f"drawing: {prompts[k]}")
        shot = Shot(id="s01", text="", query="", prompt=prompts[k], seed=_SEED, duration_s=1 / guides[k].fps)
        rgb = generator.draw(shot, guides[k], tokens).rgb
        drawn.append(rgb[len(rgb) // 2])
    return _BeforeAfter(plain, drawn[:len(sentences)], drawn[len(sentences):])


def _measure_prompts(
    encoder: TextVideoEncoder, drawn: _BeforeAfter, masks: Sequence[Float32], photos: Sequence[UInt8]
) -> tuple[list[DrawnPrompt], float]:
    """Return each prompt's cosines, and the mean cosine of the photographs with each other.

    Args:
        encoder: whose space the cosines are measured in.
        drawn: the prompts and their drawings.
        masks: (H, W) each, where the figure stands in a prompt's drawings.
        photos: the figures on grey.
    """
    images, texts = _encode(encoder, photos), encoder.encode_texts(drawn.prompts)   # (M, D), (N, D)
    found: dict[str, list[float]] = {}
    for when, pictures in (("before", drawn.before), ("after", drawn.after)):
        figures = _encode(encoder, [on_grey(rgb, mask) for rgb, mask in zip(pictures, masks, strict=True)])
        found[f"likeness_{when}"] = (figures @ images.T).mean(axis=1).tolist()
        found[f"agreement_{when}"] = (_encode(encoder, pictures) * texts).sum(axis=1).tolist()
    prompts = [DrawnPrompt(prompt=prompt, **{name: values[k] for name, values in found.items()})
               for k, prompt in enumerate(drawn.prompts)]
    return prompts, 1 - mean_distance(images)


def _report(
    learned: LearnedCharacter, settings: Settings, prompts: Sequence[DrawnPrompt], likeness: float,
    scenes: SceneCheck
) -> CharacterReport:
    token, metadata = learned.token, learned.token.metadata
    names = "likeness_before", "likeness_after", "agreement_before", "agreement_after"
    means = {name: float(np.mean([getattr(prompt, name) for prompt in prompts])) for name in names}
    steps = int(metadata.get("steps", 1))
    return CharacterReport(
        name=token.name, token=token.token, noun=token.noun, profile=settings.profile,
        pictures=len(learned.character.images), method=metadata.get("method", ""), steps=steps,
        chosen_step=int(metadata.get("chosen_step", steps)), likeness_of_pictures=likeness,
        prompts=tuple(prompts), scenes=scenes, loss_curve=_curve(metadata, "loss_curve") or ((0, 0.0),),
        held_out_curve=_curve(metadata, "held_out_curve"), warnings=_warnings(token.token, scenes, means),
        **means,
    )


def _warnings(token: str, scenes: SceneCheck, means: dict[str, float]) -> tuple[str, ...]:
    warnings = []
    if scenes.overfits:
        warnings.append(
            f"the text changes the scene too little: {scenes.read_after} of {len(scenes.prompts)} places are "
            f"right ({scenes.read_before} with the noun), and drawings of them differ {scenes.ratio:.2f} "
            f"times as much as without {token}; learn fewer steps (personalize.num_steps), or from other "
            "surroundings")
    if means["likeness_after"] <= means["likeness_before"]:
        warnings.append(f"drawings with {token} are no more like the pictures than those without: "
                        "learn more steps (personalize.num_steps), or give other pictures")
    return tuple(warnings)


def _curve(metadata: dict[str, str], name: str) -> tuple[tuple[int, float], ...]:
    return tuple((int(step), float(value)) for step, value in json.loads(metadata.get(name, "[]")))


def _encode(encoder: TextVideoEncoder, pictures: Sequence[UInt8]) -> Float32:
    """Return (N, D); each picture is a clip that stands still."""
    return encoder.encode_clips(
        [Frames(np.repeat(rgb[None], encoder.num_frames, axis=0), 1.0) for rgb in pictures])
