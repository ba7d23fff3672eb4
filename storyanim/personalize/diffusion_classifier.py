"""Words for what a character's pictures show: the model, as it is, read as a classifier (arXiv 2303.16203).

Of several captions the one fits best under which the model denoises the pictures best, all with the same
views and noise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from storyanim.config import PersonalizeSettings

# (N captions, V views) → (N, V) losses, of V views at one timestep each, the same for all captions.
CaptionLosses = Callable[[Sequence[str], int], Tensor]

_WORD_VIEWS = 48
_ROUGH_VIEWS = 8                                     # of all phrases
_FINE_VIEWS = 80                                     # of the likely ones
_MORE_VIEWS = 160                                    # of one in doubt: a patch that half of the pictures hide
_MAX_LIKELY_PHRASES = 4
_DOUBT_STANDARD_ERRORS = 3.0                         # a smaller gain is looked at with more views
_MIN_STANDARD_ERRORS = 2.5                           # that a phrase must gain, as the best of several
_MIXED_STANDARD_ERRORS = 2.0                         # by which two colours of a coat must beat a phrase


def best_initializer_word(losses: CaptionLosses, words: Sequence[str], noun: str) -> str:
    """Return the one of `words` that, before the noun, describes what the pictures show."""
    return words[int(losses([f"a {word} {noun}" for word in words], _WORD_VIEWS).mean(dim=1).argmin())]


def best_appearance_phrase(
    losses: CaptionLosses, word: str, noun: str, phrases: Sequence[str], colours: Sequence[str]
) -> str:
    """Return the phrase that surely describes the pictures behind "a `word` `noun`"; else "".

    A hat is a few cells of the loss, and one embedding hardly learns it; a model that knows the word draws
    it. A phrase whose colour describes the pictures better as a second colour of the coat, "a green brown
    penguin", only mends a coat that has no name.

    Args:
        losses: of captions.
        word: the initializer word.
        noun: "dog".
        phrases: such as "with a red hat".
        colours: words that may be a second colour.
    """
    phrases = [phrase for phrase in phrases if word not in phrase.split()]   # its own colour says the same
    if not phrases:
        return ""
    plain = f"a {word} {noun}"
    rough = losses([f"{plain} {phrase}" for phrase in phrases], _ROUGH_VIEWS).mean(dim=1)
    likely = [phrases[i] for i in rough.argsort()[:_MAX_LIKELY_PHRASES].tolist()]
    errors = losses([plain, *(f"{plain} {phrase}" for phrase in likely)], _FINE_VIEWS)
    gains = errors[0].log() - errors[1:].log()           # (N, V); logarithms make timesteps comparable
    best = int(gains.mean(dim=1).argmax())
    if not _is_sure(losses, gains[best], plain, likely[best]):
        return ""
    second = next((colour for colour in colours if colour in likely[best].split()), None)
    if second is None:
        return likely[best]
    mixed = losses([f"a {second} {word} {noun}", f"a {word} {second} {noun}"], _FINE_VIEWS)
    lost = [_standard_errors(errors[1 + best].log() - other.log()) for other in mixed]
    return "" if min(lost) > _MIXED_STANDARD_ERRORS else likely[best]


def filled_phrases(settings: PersonalizeSettings) -> list[str]:
    """Return `appearance_phrases` with each of the initializer words in them."""
    filled = [phrase.replace("{}", word) for phrase in settings.appearance_phrases
              for word in (settings.initializer_words if "{}" in phrase else ("",))]
    return [re.sub(r"\ba (?=[aeiou])", "an ", phrase) for phrase in filled]


def _is_sure(losses: CaptionLosses, gains: Tensor, plain: str, phrase: str) -> bool:
    """Return whether a phrase surely gains, after another look when that is in doubt.

    Args: gains: (V) of log loss.
    """
    if abs(_standard_errors(gains)) < _DOUBT_STANDARD_ERRORS:
        without, with_ = losses([plain, f"{plain} {phrase}"], _MORE_VIEWS)
        gains = torch.cat([gains, without.log() - with_.log()])
    return _standard_errors(gains) >= _MIN_STANDARD_ERRORS


def _standard_errors(gains: Tensor) -> float:
    """Return the mean of (V) gains over its standard error; NaN, never enough, when all are 0."""
    return float(gains.mean() / gains.std() * len(gains)**0.5)
