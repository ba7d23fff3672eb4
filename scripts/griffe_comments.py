"""Griffe extension: a comment at a field describes the field in the Python reference."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))
from reference import comment_of


class FieldComments(griffe.Extension):
    """Take the comments of class attributes as their docstrings."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Set the docstring of a field that has none."""
        in_class = attr.parent is not None and attr.parent.is_class
        if in_class and not attr.docstring and not attr.name.startswith("_") and attr.lineno is not None:
            lines = attr.lines_collection[attr.filepath]
            attr.docstring = griffe.Docstring(comment_of(lines, attr.lineno, attr.endlineno), parent=attr)
