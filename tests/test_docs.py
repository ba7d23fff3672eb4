"""The documentation says what the code does: generated pages, command lines, settings, links, the README's size."""

from __future__ import annotations

import functools
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from storyanim.config import Settings

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import reference  # noqa: E402

MAX_README_BYTES = 8 * 1024
GENERATED = reference.pages()
PAGES = [path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("stor*/**/README.md")]
         if path not in GENERATED and path.name != "THIRD_PARTY.md"]
IDS = [str(path.relative_to(ROOT)) for path in PAGES]
PROGRAMS = ("storyanim", "python -m storybook")


def commands() -> dict[str, Callable[..., Any]]:
    """Full name → function of every command of the product and the lab."""
    from storyanim.cli import app
    from storybook.cli.app import app as lab

    return dict([*reference.commands(app, PROGRAMS[0]), *reference.commands(lab, PROGRAMS[1])])


COMMANDS = commands()


def code_lines(text: str) -> Iterator[str]:
    """Lines of code blocks, fenced or indented, with continued lines joined."""
    fenced = False
    for line in text.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip()


def inline_code(text: str) -> Iterator[str]:
    """Pieces of code within sentences."""
    yield from (" ".join(part.split()) for part in re.findall(r"`([^`]+)`", re.sub(r"(?m)^(```|    ).*$", "", text)))


def command_lines(pieces: Iterator[str]) -> Iterator[list[str]]:
    """Our command lines among pieces of code, each as words that begin with the program's name."""
    for piece in pieces:
        if found := re.match(r"((?:[A-Z_]+=\S+\s+)*)(?:\.venv/bin/)?((?:storyanim|python -m storybook) .*)", piece):
            words = shlex.split(found.group(2), comments=True)
            yield words if words[0] == "storyanim" else [" ".join(words[:3]), *words[3:]]


def command_of(words: list[str]) -> tuple[str, list[str]]:
    """The full name of the command that a line calls, or of its group, and the other words."""
    for length in range(len(words), 0, -1):
        name = " ".join(words[:length])
        if name in COMMANDS or any(known.startswith(f"{name} ") for known in COMMANDS):
            return name, words[length:]
    raise AssertionError(f"no such command: {' '.join(words)}")


def parse(name: str, arguments: list[str]) -> None:
    """Parse a command line by its command's own signature, without running it. Raises what Typer raises."""
    app = typer.Typer()

    @app.command()
    @functools.wraps(COMMANDS[name])
    def nothing(**_: Any) -> None: ...

    try:
        app(args=arguments, standalone_mode=False)
    except typer.BadParameter as error:
        if "does not exist" not in error.message:    # the page's own files are not here
            raise


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_generated_pages_are_current(path: Path) -> None:
    assert path.read_text("utf-8") == GENERATED[path], "run `python scripts/reference.py`"


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_command_lines_in_blocks_parse(path: Path) -> None:
    for words in command_lines(code_lines(path.read_text("utf-8"))):
        name, arguments = command_of(words)
        if name in PROGRAMS:
            assert set(arguments) <= {"--version", "--help"}, words
        else:
            parse(name, arguments)


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_commands_named_in_sentences_exist(path: Path) -> None:
    for words in command_lines(inline_code(path.read_text("utf-8"))):
        name, rest = command_of(words)
        function = COMMANDS.get(name)
        known = {flag for one in reference.parameters(function) for flag in one.flags} if function else set()
        assert {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)} <= known | {"--help", "--version"}


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_settings_that_are_named_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    sections = {name: field.annotation for name, field in Settings.model_fields.items()
                if hasattr(field.annotation, "model_fields")}
    named = re.findall(rf"`({'|'.join(sections)})\.([a-z_]+)(?![a-z_.(])", text)
    named += [(section.lower(), key.lower()) for section, key in re.findall(r"STORYANIM_([A-Z]+)__([A-Z_]+)", text)]
    files = {"py", "json", "md", "mp4", "srt", "vtt", "webp", "html", "yaml", "safetensors"}
    assert not {f"{section}.{key}" for section, key in named
                if key not in files and key not in sections[section].model_fields}


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_files_that_are_named_exist(path: Path) -> None:
    places = "storyanim|storybook|tests|benchmarks|scripts|examples|docs"
    named = re.findall(rf"`((?:{places})/[\w/.-]+\.\w+)", path.read_text("utf-8"))
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("path", [path for path in PAGES if path.parent == ROOT], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Those of docs/ are checked by `make docs`."""
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8"))
    assert not [target for target in targets if "://" not in target and not (path.parent / target).exists()]


def test_the_storyboard_of_the_reference_is_one() -> None:
    from storyanim.artifacts import Shot, Storyboard

    text = (ROOT / "docs" / "reference" / "files.md").read_text("utf-8").partition("## storyboard.yaml")[2]
    block = "\n".join(line[4:] for line in text.partition("Field by field")[0].splitlines())
    board = Storyboard.from_yaml(block)
    assert all(name in block for name in Shot.model_fields)
    assert board.shots[0].characters == ("bruno",)


def test_the_readme_is_short() -> None:
    assert (ROOT / "README.md").stat().st_size <= MAX_README_BYTES


def test_the_guide_never_leads_to_a_lab_note() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/guide/*.md"), *ROOT.glob("docs/reference/*.md"), ROOT / "docs" / "index.md"]
    assert not [path for path in pages if re.search(r"\]\([^)]*lab/", path.read_text("utf-8"))]


def test_the_glossary_has_names_of_the_code() -> None:
    code = "\n".join(path.read_text("utf-8") for room in ("storyanim", "storybook") for path in (ROOT / room).rglob("*.py"))
    table = (ROOT / "docs" / "design" / "glossary.md").read_text("utf-8").partition("our earlier word")[2].splitlines()[2:]
    names = [name for line in table for name in line.split(" | ")[1].split(", ")]
    assert len(names) > 40
    assert not [name for name in names if not re.search(rf"\b{re.escape(name)}\b", code) and "/" not in name and "." not in name]
