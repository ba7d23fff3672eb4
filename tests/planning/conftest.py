"""Sentences that the offline planner reads wrongly, as they are known: each stands for a kind that is to be mended.

They are strict: one that is read rightly fails until it is taken from this list.
"""

from __future__ import annotations

import pytest

KNOWN_FAULTS = frozenset({
    # two lines without a full stop are one sentence to the parser
    "a dog runs\na dog jumps into a lake",
    "Bruno the bear jumps. Bruno waves goodbye.",
    # what comes after the deed is a shot of its own
    # two of a kind told apart by colour
    "A brown duck and a white duck swam. The white duck slept.",
    # which "it"; who "he" is when an animal was seen last
    "The dog found a ball. It picked it up and ran.",
    "The boy saw a rabbit. He ran.",
    # what only dates the deed
    "The fox ran when the bear was asleep.",
    # a command to the camera within speech
    "“Pan left!” said the fox.",
})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name == "test_rules.py" and isinstance(item, pytest.Function):
            called = getattr(item, "callspec", None)
            if called is not None and called.params.get("text") in KNOWN_FAULTS:
                item.add_marker(pytest.mark.xfail(strict=True, reason="a known fault of the offline planner"))
