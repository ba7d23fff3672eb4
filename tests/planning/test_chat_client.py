"""No error of the openai package may leave the seam as it is."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from storyanim.errors import ServiceError
from storyanim.planning.chat_client import MEANINGS, mapped_errors, translated


def _subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _subclasses(below)


OPENAI_ERRORS = [kind for kind in _subclasses(openai.OpenAIError) if kind.__module__.split(".")[0] == "openai"]


@pytest.mark.parametrize("kind", OPENAI_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_of_openai_is_mapped(kind: type[Exception]) -> None:
    assert kind.__name__ in MEANINGS
    error = kind.__new__(kind)
    Exception.__init__(error, "said")
    with pytest.raises(ServiceError) as caught, mapped_errors("the server"):
        raise error
    assert caught.value.message.startswith(f"the server {MEANINGS[kind.__name__][0]}")
    assert caught.value.hint == MEANINGS[kind.__name__][1]


def test_there_are_many_of_them() -> None:
    assert len(OPENAI_ERRORS) > 15


def test_an_error_of_a_later_version_is_mapped_by_its_base() -> None:
    class LaterError(openai.RateLimitError):
        pass

    error = LaterError.__new__(LaterError)
    Exception.__init__(error, "said")
    assert "quota" in translated(error, "it").message
