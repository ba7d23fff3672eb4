"""Help and usage errors are quick: they load no model library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from light import tried

HELPS = [
    ["--help"], ["-h"], ["run", "--help"], ["plan", "--help"], ["index", "--help"], ["index-info", "--help"], ["search", "--help"],
    ["personalize", "--help"], ["character", "--help"], ["character", "show", "--help"], ["shot", "--help"],
    *[["shot", name, "--help"] for name in ("list", "redo", "seed", "replace", "insert", "remove", "move", "pin", "ban", "undo", "takes", "choose", "order",
                                              "layout", "style")],
    ["report", "--help"], ["replay", "--help"], ["review", "--help"], ["clean", "--help"], ["export", "--help"], ["export", "preview", "--help"], ["export", "character", "--help"],
    ["export", "lancedb", "--help"], ["export", "film", "--help"], ["export", "signed", "--help"], ["export", "storyboard", "--help"],
    ["motion", "--help"], ["motion", "learn", "--help"], ["motion", "show", "--help"],
    ["doctor", "--help"], ["fetch", "--help"],
    ["convert", "--help"], ["convert", "frozen-in-time", "--help"],
]
MISTAKES = [
    ["nonsense"], ["--nonsense"], ["run"], ["run", "story.txt", "more.txt"], ["run", "story.txt", "--watch", "--json"],
    ["run", "story.txt", "more.txt", "--watch", "--out", "films"], ["run", "-", "--watch"], ["run", "story.txt", "--watch", "--dry-run"],
    ["run", "story.txt", "a/story.txt", "--out", "films"], ["run", "story.txt", "--quality", "best"],
    ["run", "story.txt", "--seed", "-1"], ["run", "story.txt", "--seed", "one"],
    ["run", "story.txt", "--control-guidance-end", "1.5"], ["run", "story.txt", "--structure-until", "1.5"],
    ["run", "story.txt", "--max-memory", "much"], ["run", "story.txt", "--lora", "none.safetensors:0.8"],
    ["run", "story.txt", "--base", "none.safetensors"], ["fetch"], ["fetch", "nonsense"],
    ["run", "story.txt", "--planner", "oracle"], ["run", "story.txt", "--profile", "nonsense"],
    ["run", "story.txt", "--profile", "nonsense.toml"], ["run", "story.txt", "--profile", "odd.toml"],
    ["run", "story.txt", "--out", "full"], ["plan"], ["plan", "story.txt", "--profile", "nonsense"],
    ["index"], ["index", "full"], ["index-info"], ["index-info", "a", "b"],
    ["index", "full", "-o", "i", "--profile", "nonsense"], ["index", "full", "-o", "i", "--ray-address", "auto"],
    ["index", "full", "-o", "i", "--executor", "dask"], ["shot", "pin", "run", "s01"],
    ["search", "index"], ["search", "index", " "], ["search", "index", "bear", "--count", "0"],
    ["search", "index", "bear", "--profile", "nonsense"], ["search", "index", "bear", "--filter", "colour=red"],
    ["personalize"], ["personalize", "full", "-o", "bear.zip"], ["personalize", "full", "--profile", "nonsense"],
    ["shot", "nonsense"], ["shot", "redo", "run"], ["shot", "replace", "run", "s01"], ["shot", "insert", "run", "s01"],
    ["report"], ["replay"], ["replay", "run", "--ray-address", "auto"], ["review"], ["review", "run", "--port", "99999"], ["doctor", "--profile", "nonsense"],
    ["shot", "move", "run", "s01"], ["shot", "seed", "run", "s01", "-1"], ["shot", "choose", "run", "s01", "0"], ["clean"],
    ["shot", "redo", "run", "s01", "--takes", "99"], ["run", "story.txt", "--replan", "maybe"],
    ["convert", "nonsense"], ["convert", "frozen-in-time"], ["convert", "frozen-in-time", "story.txt"],
    ["convert", "frozen-in-time", "story.txt", "-o", "full"], ["convert", "frozen-in-time", "story.txt", "-o", "odd.toml"],
    ["doctor", "more"], ["export", "preview", "run", "-o", "film.png"],
    ["character", "nonsense"], ["character", "show"], ["character", "show", "x", "--profile", "nonsense"],
    ["motion", "nonsense"], ["motion", "learn"], ["motion", "learn", "bowing", "-o", "bowing.zip"], ["motion", "learn", " "],
    ["motion", "show"], ["motion", "show", "x", "--profile", "nonsense"],
    ["export", "character", "x"], ["export", "character", "x", "--format", "diffusers-lora"],
    ["export", "character", "x", "--format", "pickle", "-o", "y.safetensors"],
    ["export", "character", "x", "--format", "ti-embedding", "-o", "y.bin"],
    ["export", "character", "x", "--format", "diffusers-lora", "--collapse", "-o", "y.safetensors"],
    ["export", "character", "story.txt", "--format", "diffusers-lora", "-o", "story.safetensors/../story.txt"],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "story.txt").write_text("A bear runs.")
    (tmp_path / "odd.toml").write_text("[generate]\nwidht_px = 64\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    return tmp_path


def test_help_of_every_command(folder: Path) -> None:
    for arguments, (code, lines, loaded) in zip(HELPS, tried("storyanim.cli", HELPS, folder), strict=True):
        assert (code, lines, loaded) == (0, [], "[]"), arguments


def test_every_command_has_its_help_tried() -> None:
    import typer.main

    from storyanim.cli import app

    def paths(command: object, before: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
        inner = getattr(command, "commands", {})
        return {before}.union(*(paths(part, (*before, name)) for name, part in inner.items()))

    assert paths(typer.main.get_command(app)) == {tuple(arguments[:-1]) for arguments in HELPS}


def test_usage_errors_are_two_lines_and_load_no_model_library(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    for arguments, (code, lines, loaded) in zip(MISTAKES, tried("storyanim.cli", MISTAKES, folder), strict=True):
        assert (code, loaded) == (2, "[]"), (arguments, lines)
        assert [line.split(":")[0] for line in lines] == ["error", "hint"], (arguments, lines)
    assert sorted(folder.rglob("*")) == before


def test_no_arguments_show_the_help(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "storyanim"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "personalize" in done.stdout
    assert done.stderr == ""
