"""Pages of HTML that load nothing: templates of this folder, filled."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any


def fill(template: str, filters: dict[str, Callable[..., Any]], **values: Any) -> str:
    """Return a template beside this file, rendered; an undefined value is an error, text is escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    def read(name: str) -> str:
        return resources.files("storyanim.film").joinpath(name).read_text("utf-8")

    environment = Environment(
        loader=FunctionLoader(read), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment.get_template(template).render(**values)
