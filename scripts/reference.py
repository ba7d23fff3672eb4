"""Write the generated pages: docs/reference/{cli,settings}.md, design/rows.md, lab/commands.md.

    python scripts/reference.py             # `make docs` runs it; tests/test_docs.py checks the pages
"""

from __future__ import annotations

import ast
import html
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from typer.models import ArgumentInfo

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "reference"
NOTE = "\n<!-- written by scripts/reference.py: do not edit -->\n"

CLI_HEAD = """# Command line

`--json` prints one JSON document on stdout; progress goes to stderr. An error is one `error:` line and one
`hint:` line on stderr, and `STORYANIM_DEBUG=1` shows its traceback. Settings come from the profile,
`storyanim.toml` in the working folder, the environment (`STORYANIM_GENERATE__GUIDANCE_SCALE=3`) and flags,
later ones over earlier ones: see [Settings](settings.md).

| exit code | meaning |
| --- | --- |
| 0 | done |
| 2 | usage: flags or settings that cannot be |
| 3 | done in part: what failed is listed, the rest exists |
| 4 | bad input data |
| 5 | an outside service failed |
| 6 | memory, disk or device |
| 130 | interrupted; the same command goes on where it stopped |
"""
LAB_HEAD = """# Command line of the lab

These commands train and measure the bundled family. They run from a checkout, `python -m storybook`, and are
no part of the installed package (`pip install -e '.[lab]'` brings what only they need).
"""
SETTINGS_HEAD = """# Settings

Every setting can stand in a profile, in `storyanim.toml` in the working folder, or in the environment, later
ones over earlier ones: `[generate]` with `guidance_scale = 3.0`, or `STORYANIM_GENERATE__GUIDANCE_SCALE=3`.
An unknown name is an error. What a run used is saved in its `run.json`. `--quality` takes the profile's table
of that name.

The columns `storybook` and `sd15` are what the bundled profiles set in place of the default.
"""
ROWS_HEAD = """# Import rows

A file imports only from rows above its own, and rooms of one row never import each other;
`tests/test_layers.py` reads the imports and fails otherwise. `storyanim` never imports `storybook`.
"""


# ── commands ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Parameter:
    """An argument or an option of a command."""

    flags: tuple[str, ...]                           # of an argument none
    metavar: str
    help: str
    default: str                                     # as a person would type it; "" where there is none
    required: bool

    @property
    def usage(self) -> str:
        """The argument as it stands in a usage line."""
        return self.metavar if self.required or self.metavar.startswith("[") else f"[{self.metavar}]"


def commands(app: typer.Typer, name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the full name and the function of each command of an application, groups included."""
    for command in app.registered_commands:
        assert command.callback
        yield f"{name} {command.name or command.callback.__name__.replace('_', '-')}", command.callback
    for group in app.registered_groups:
        assert group.typer_instance
        yield from commands(group.typer_instance, f"{name} {group.name}")


def parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    """Yield the parameters of a command from its signature."""
    kinds = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        kind, info = get_args(kinds[name])[:2]
        required = parameter.default is inspect.Parameter.empty
        value = "" if required else getattr(parameter.default, "value", parameter.default)
        if isinstance(value, bool) or value is None or "[default" in (info.help or ""):
            value = ""
        flags = () if isinstance(info, ArgumentInfo) else _flags(info, name)
        word = info.metavar or ("" if bool in _members(kind) else _choices(kind) or name.rstrip("_").upper())
        yield Parameter(flags, word, info.help or "", str(value), required)


def _flags(info: Any, name: str) -> tuple[str, ...]:
    """Return an option's flags; in `Annotated` Typer keeps the first of them where a default would stand."""
    first = (info.default,) if isinstance(info.default, str) else ()
    return (*first, *(info.param_decls or ())) or (f"--{name.replace('_', '-')}",)


def _members(kind: Any) -> tuple[Any, ...]:
    """Return the types that a union or a list is made of, or the type itself."""
    return get_args(kind) or (kind,)


def _choices(kind: Any) -> str:
    """Return what an enumeration's option takes, or N for a number; else ""."""
    for member in _members(kind):
        if isinstance(member, type) and issubclass(member, Enum):
            return "|".join(str(choice.value) for choice in member)
        if member in {int, float}:
            return "N"
    return ""


def cell(text: str) -> str:
    """Return a text that fits into a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return a text as code in a table's cell; Markdown dialects differ on bars within backticks."""
    return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"


def command_section(full: str, function: Callable[..., Any]) -> str:
    """Return a command's heading, usage, description and table of parameters."""
    everything = list(parameters(function))
    arguments = [one for one in everything if not one.flags]
    options = [one for one in everything if one.flags]
    usage = " ".join([full, *(one.usage for one in arguments), *(["[OPTIONS]"] if options else [])])
    rows = [(one.usage, one.help) for one in arguments]
    for one in options:
        left = f"{', '.join(sorted(one.flags, key=len))} {one.metavar}".strip()
        rows.append((left, f"{one.help} Default: `{one.default}`." if one.default else one.help))
    table = ["| parameter | meaning |", "| --- | --- |"]
    table += [f"| {code(left)} | {cell(right)} |" for left, right in rows]
    about = cell((inspect.getdoc(function) or "").replace("\n\n", " "))
    return "\n".join([f"## {full}", "", f"    {usage}", "", about, "", *table, ""])


def cli_page(app: typer.Typer, name: str, head: str) -> str:
    """Return the page of an application."""
    sections = [command_section(full, function) for full, function in commands(app, name)]
    return f"{head}\n" + "\n".join(sections) + NOTE


# ── settings ──────────────────────────────────────────────────────────────────────────────


def fields(source: str) -> Iterator[tuple[str, list[tuple[str, str, str, str]]]]:
    """Yield each class of a module's source with its fields: name, type, default, comment."""
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            own = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            yield node.name, [(ast.unparse(part.target), ast.unparse(part.annotation), _default(part.value),
                               comment_of(lines, part.lineno, part.end_lineno)) for part in own]


def _default(value: ast.expr | None) -> str:
    """Return the default that an assignment gives a field, without Field's limits."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Field":
        factory = [f"{ast.unparse(word.value)}()" for word in value.keywords if word.arg == "default_factory"]
        plain = [re.sub(r"^Fraction\((.+)\)$", r"\1", ast.unparse(argument)) for argument in value.args]
        return next(iter([*factory, *plain]), "")
    return ast.unparse(value) if value is not None else ""


def comment_of(lines: Sequence[str], first: int, last: int | None) -> str:
    """Return the comment of a field: behind its last line, else right above its first (from 1)."""
    if behind := re.search(r"\s#\s(.+)$", lines[(last or first) - 1]):
        return behind.group(1)
    above: list[str] = []
    while first > 1 and (found := re.match(r"\s*#\s(?!──)(.+)$", lines[first - 2])):
        above.insert(0, found.group(1))
        first -= 1
    return " ".join(above)


def settings_page() -> str:
    """Return the page of all settings, a table a section."""
    from storyanim import config
    from storyanim.config import models, sections

    profiles = {name: config.read_profile(name) for name in config.PROFILE_NAMES}
    sources = map(inspect.getsource, (models, sections))
    classes = {name: rows for source in sources for name, rows in fields(source)}
    page = SETTINGS_HEAD
    for section, field in config.Settings.model_fields.items():
        kind = getattr(field.annotation, "__name__", "")
        if kind in classes and hasattr(field.annotation, "model_fields"):
            page += f"\n## {section}\n\n{getattr(field.annotation, '__doc__', '')}\n\n"
            set_by = {name: values.get(section, {}) for name, values in profiles.items()}
            page += _table(classes[kind], set_by)
    return page + NOTE


def _table(rows: list[tuple[str, str, str, str]], profiles: dict[str, dict[str, Any]]) -> str:
    head = ["setting", "default", *profiles, "meaning"]
    lines = [head, ["---"] * len(head)]
    for name, kind, value, comment in rows:
        set_by = [_toml(values[name]) if name in values else "" for values in profiles.values()]
        choices = re.sub(r"Literal\[(.*)\]", r"\1", kind).replace("'", "`") if "Literal[" in kind else ""
        meaning = f"{comment}{'; ' if comment and choices else ''}{choices}"
        lines.append([f"`{name}`", f"`{value}`" if value else "", *set_by, cell(meaning)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"`{part}`" for part in value.values())
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


# ── import rows ──────────────────────────────────────────────────────────────────────────────


def rows_page() -> str:
    """Return the page of import rows, as tests/test_layers.py has them."""
    tree = ast.parse((ROOT / "tests" / "test_layers.py").read_text("utf-8"))
    names = ("STORYANIM", "STORYBOOK")
    found = {ast.unparse(node.targets[0]): ast.literal_eval(node.value) for node in tree.body
             if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in names}
    page = ROWS_HEAD
    for name in names:
        rows = [f"    {number}  {'  '.join(sorted(row))}" for number, row in enumerate(found[name], 1)]
        page += f"\n## {name.lower()}\n\n" + "\n".join(rows) + "\n"
    return page + NOTE


def pages() -> dict[Path, str]:
    """Return the generated pages."""
    from storyanim.cli import app
    from storybook.cli.app import app as lab

    return {
        PAGES / "cli.md": cli_page(app, "storyanim", CLI_HEAD),
        ROOT / "docs" / "lab" / "commands.md": cli_page(lab, "python -m storybook", LAB_HEAD),
        PAGES / "settings.md": settings_page(),
        ROOT / "docs" / "design" / "rows.md": rows_page(),
    }


def main() -> None:
    """Write the pages."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
