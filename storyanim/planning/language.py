"""Which language a story is written in, as far as the offline planner needs to know: English, or another."""

from __future__ import annotations

import re
import runpy
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from storyanim.artifacts import Story
from storyanim.errors import StoryError
from storyanim.planning.forms.manuscript import read_manuscript

# In Latin letters, with function words in spaCy.
_LANGUAGES = {
    "af": "Afrikaans", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "es": "Spanish", "et": "Estonian",
    "fi": "Finnish", "fr": "French", "ga": "Irish", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "is": "Icelandic",
    "it": "Italian", "lt": "Lithuanian", "lv": "Latvian", "nb": "Norwegian", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sv": "Swedish", "tl": "Tagalog", "tr": "Turkish",
    "vi": "Vietnamese",
}
# Of which a quarter of the letters tells the language; kana before the ideograms that they stand among.
_SCRIPTS = (("ja", r"[\u3040-\u30ff]"), ("zh", r"[\u4e00-\u9fff]"), ("ko", r"[\uac00-\ud7af]"), ("ru", r"[\u0400-\u04ff]"),
            ("el", r"[\u0370-\u03ff]"), ("ar", r"[\u0600-\u06ff]"), ("he", r"[\u0590-\u05ff]"), ("hi", r"[\u0900-\u097f]"))
_LAST_LATIN = "\u024f"
_MIN_WORDS = 8                                       # fewer tell nothing
_MIN_ENGLISH = 0.25                                  # share of function words that English prose has at least
_MIN_OTHER = 0.17                                   # share that a text of another language has at least


def require_english(story: Story) -> None:
    """Raise StoryError for a story in another language, which the offline planner cannot read."""
    manuscript = read_manuscript(story.text)
    if language := other_language(manuscript.told(0, len(story.text))):
        raise StoryError(f"this story looks like {language}, and the offline planner reads English only",
                         hint="let a language model plan it (`--planner openai`), or translate it")


def language_of(text: str) -> str:
    """Return the tag of a text's language: "en", "de", "ja"; "" for one that is not known."""
    letters = [char for char in text if char.isalpha()]
    for tag, script in _SCRIPTS:
        if letters and 4 * sum(bool(re.match(script, char)) for char in letters) > len(letters):
            return tag
    name = other_language(text)
    return next((tag for tag, known in _LANGUAGES.items() if known == name), "" if name else "en")


def other_language(text: str) -> str:
    """Return the name of a text's language, "a language in another script"; "" for English.

    A text is English unless the function words of another language are more frequent in it by half: names, nonsense
    words and a sentence in French leave a story English, and so does a text too short to tell.
    """
    words = re.findall(r"[^\W\d_]+", text.lower())
    letters = "".join(words)
    if 2 * sum(char > _LAST_LATIN for char in letters) > len(letters):
        return "a language in another script"
    english = _share(words, "en")
    if len(words) < _MIN_WORDS or english >= _MIN_ENGLISH:
        return ""
    shares = {code: _share(words, code) for code in _LANGUAGES}
    best = max(shares, key=lambda code: shares[code])
    is_other = shares[best] >= _MIN_OTHER and shares[best] > 1.5 * english
    return _LANGUAGES[best] if is_other else ""


def _share(words: list[str], code: str) -> float:
    return sum(word in _function_words(code) for word in words) / max(1, len(words))


@cache
def _function_words(code: str) -> frozenset[str]:
    """Return a language's function words from spaCy's file, without importing spaCy and the language."""
    package = find_spec("spacy")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("spacy")
    words = runpy.run_path(str(Path(package.origin).parent / "lang" / code / "stop_words.py"))["STOP_WORDS"]
    return frozenset(part for word in words for part in re.findall(r"[^\W\d_]+", word.lower()))
