"""Comments, quotes and line breaks of a storyboard's file survive changes to its shots."""

from __future__ import annotations

import pytest

from storyanim.artifacts import Shot, Storyboard
from storyanim.run.board_text import changed_text

TEXT = """\
# plan abc — edit this file
# my film
title: T   # the title
shots:
# the first
- id: s01
  text: A bear walked.   # words
  query: a bear walking
  prompt: "a bear walking"
  # above the seed
  seed: 7

# the second
# in two lines
- id: s02
  text: |
    folded text
    # no comment
  query: yes it is
  prompt: 'a bear sleeping: well'
  banned: [a, b]  # bans
# the third
- id: s03
  text: >
    x
  query: y
  prompt: z
# the end
"""
IN_COLUMNS = """\
shots:
  - id: s01     # x
    text: |
      lines
      # no comment
    query: q
    prompt: p
  # the second

  - {id: s02, text: a, query: b, prompt: c}   # flow
  -
    id: s03
    text: "quoted
      twice"
    query: q
    prompt: r
# after
title: t
"""


def board(text: str) -> Storyboard:
    return Storyboard.from_yaml(text)


def changed(text: str, *shots: Shot) -> str:
    wanted = board(text).model_copy(update={"shots": shots})
    result = changed_text(text, wanted)
    assert board(result) == wanted
    return result


@pytest.mark.parametrize("text", [TEXT, IN_COLUMNS])
def test_nothing_changed_is_the_same_text(text: str) -> None:
    assert changed(text, *board(text).shots) == text


def test_one_field_is_one_line() -> None:
    first, second, third = board(TEXT).shots
    assert changed(TEXT, first.reseeded(), second, third) == TEXT.replace("seed: 7", "seed: 8")
    moved = third.model_copy(update={"prompt": "yes"})           # a boolean without quotes
    assert changed(TEXT, first, second, moved) == TEXT.replace("prompt: z", 'prompt: "yes"')


def test_a_comment_moves_with_the_shot_below_it() -> None:
    first, second, third = board(TEXT).shots
    result = changed(TEXT, third, first, second)
    assert result.index("# the third") < result.index("# the first") < result.index("# in two lines")
    assert result.endswith("# the end\n")
    assert "# the second" not in changed(TEXT, first, third)


@pytest.mark.parametrize("text", [TEXT, IN_COLUMNS])
def test_new_shots_of_any_words(text: str) -> None:
    new = Shot(id="s09", text='two\nlines: "q" # no', query="- a #b", prompt="on", seed=3)
    kept = changed(text, *board(text).shots, new)
    comments = [part.split("\n")[0] for part in text.split("# ")[1:]]
    assert all(comment in kept for comment in comments)


def test_other_layouts_keep_their_comments() -> None:
    first, second, third = board(IN_COLUMNS).shots
    result = changed(IN_COLUMNS, third, first.model_copy(update={"pinned": "x@0-1"}), second.reseeded())
    assert all(comment in result for comment in ("# x", "# no comment", "# the second", "# flow", "# after"))


@pytest.mark.parametrize("text", [
    "{title: t, shots: [{id: s01, text: a, query: b, prompt: c}]}",
    "title: t\nshots:\n- id: s01\n  text: &a a\n  query: *a\n  prompt: c\n- {id: s02, text: *a, query: b, prompt: c}\n",
])
def test_what_cannot_be_kept_is_written_anew(text: str) -> None:
    *others, last = board(text).shots
    changed(text, *others, last.reseeded())


def test_fields_of_the_film() -> None:
    wanted = board(TEXT).model_copy(update={"title": "no", "style": "watercolour"})
    result = changed_text(TEXT, wanted)
    assert board(result) == wanted
    assert 'title: "no" # the title' in result
    assert all(f"# {part}" in result for part in ("the first", "the second", "the third", "the end"))
