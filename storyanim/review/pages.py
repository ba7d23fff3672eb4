"""The templates of the review page, with all that is put into them escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storyanim.artifacts import MAX_TAKES

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return a template, rendered; an undefined value is an error."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True,
                              undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals["max_takes"] = MAX_TAKES
    environment.filters |= {"clock": clock, "percent": percent}
    return environment


def clock(seconds: float) -> str:
    """75.4 → "1:15"."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def percent(share: float) -> str:
    """0.25 → "25", as a form shows it."""
    return f"{round(100 * share, 2):g}"
