"""Griffe extension: a comment behind a field describes the field in the Python reference."""

from __future__ import annotations

import re
from typing import Any

import griffe


class FieldComments(griffe.Extension):
    """Take trailing comments of class attributes as their docstrings."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Set the docstring of a field that has none."""
        in_class = attr.parent is not None and attr.parent.is_class
        if not in_class or attr.docstring or attr.name.startswith("_") or attr.endlineno is None:
            return
        line = attr.lines_collection[attr.filepath][attr.endlineno - 1]
        comment = re.search(r"\s#\s(.+)$", line)
        attr.docstring = griffe.Docstring(comment.group(1) if comment else "", parent=attr)
