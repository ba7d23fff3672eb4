"""The forms in which people write stories, told apart: what in a text is story, and what is a mark."""

from __future__ import annotations

from storyanim.planning.forms.manuscript import Form, Manuscript, read_manuscript, told
from storyanim.planning.forms.marking import Mark, MarkKind

__all__ = ["Form", "Manuscript", "Mark", "MarkKind", "read_manuscript", "told"]
