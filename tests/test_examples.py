"""The examples run, on a tiny family of random models."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
from family import save_pictures

EXAMPLES = Path(__file__).parents[1] / "examples"
STORY = "A red bear runs. A green frog jumps."


@pytest.fixture
def story(here: Path) -> Path:
    path = here / "story.txt"
    path.write_text(STORY)
    return path


def run(name: str, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    """An example as its own command line."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def cells() -> list[dict[str, object]]:
    """The code cells of the notebook."""
    book = json.loads((EXAMPLES / "character.ipynb").read_text("utf-8"))
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def test_make_film(
    story: Path, here: Path, profile: Path, real_index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bear = save_pictures(here / "bear")
    run("make_film.py", monkeypatch, story, bear, "--out", "film", "--profile", profile, "--index", real_index)
    printed = capsys.readouterr().out
    assert "<bear> bear" in printed
    assert (here / "film" / "film.mp4").stat().st_size > 0
    assert printed.splitlines()[-1].endswith("report.html")


def test_edit_storyboard(
    story: Path, here: Path, profile: Path, real_index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("edit_storyboard.py", monkeypatch, story, "a blue wave", "--out", "film", "--profile", profile, "--index", real_index)
    assert "prompt: a blue wave" in capsys.readouterr().out
    assert "a blue wave" in (here / "film" / "storyboard.yaml").read_text("utf-8")
    assert (here / "film" / "film.mp4").is_file()


def test_search_footage(
    videos: Path, here: Path, profile: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("search_footage.py", monkeypatch, videos, "a frog jumps", "--profile", profile)
    printed = capsys.readouterr().out
    assert "of 4 videos" in printed
    assert "green_frog.mp4" in printed
    assert (here / "hits.png").is_file()


def test_the_notebook_runs(story: Path, here: Path, profile: Path, real_index: Path) -> None:
    given = {"story": str(story), "pictures": str(save_pictures(here / "bear")), "profile": str(profile),
             "index": str(real_index), "out": "runs/notebook"}
    names: dict[str, object] = {}
    for cell in cells():
        exec("".join(cell["source"]), names)         # type: ignore[arg-type]
        if "parameters" in cell["metadata"].get("tags", ()):         # type: ignore[attr-defined]
            assert set(given) <= set(names)
            names |= given
    assert (here / "runs" / "notebook" / "film.mp4").is_file()
    assert (here / "runs" / "notebook-bear.report.html").is_file()


def test_the_notebook_carries_no_results() -> None:
    assert not [cell for cell in cells() if cell["outputs"] or cell["execution_count"]]
