"""The wheel, built from this tree and installed into an empty folder: does it hold all that a user's command needs?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STORY = "# A walk\n\nA little bear walks through the forest. In the evening it sleeps.\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True,
                   capture_output=True)
    return next(folder.glob("storyanim-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's packages and nothing else."""
    site = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*command, "--target", str(site), str(wheel)], check=True, capture_output=True)
    return site


def storyanim(installed: Path, folder: Path, *arguments: str) -> str:
    """What the installed command prints. The rest of the environment's packages stay in reach, the checkout does not."""
    start = "import sys; from storyanim.__main__ import main; assert sys.path[1] in sys.modules['storyanim'].__file__; main()"
    environment = {**os.environ, "PYTHONPATH": str(installed), "STORYANIM_CACHE": str(folder / "cache")}
    done = subprocess.run([sys.executable, "-c", start, *arguments], cwd=folder, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_carries_the_product_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"storyanim"}
    assert not [name for name in names if "judge" in name or "__pycache__" in name]
    assert "storyanim/py.typed" in names
    assert [name for name in names if name.startswith("storyanim/prompts/")]


def test_it_carries_every_tracked_file_of_the_product(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("storyanim/")}
    on_disk = {str(path.relative_to(ROOT)) for path in (ROOT / "storyanim").rglob("*")
               if path.is_file() and "__pycache__" not in path.parts}
    assert on_disk <= inside


def test_it_tells_its_version(installed: Path, tmp_path: Path) -> None:
    assert storyanim(installed, tmp_path, "--version").split()[-1][0].isdigit()


def test_it_plans_a_story(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text(STORY)
    storyanim(installed, tmp_path, "plan", "story.txt", "-o", "storyboard.yaml")
    assert "the forest" in (tmp_path / "storyboard.yaml").read_text("utf-8")


def test_its_models_and_index_are_there(installed: Path, tmp_path: Path) -> None:
    facts = json.loads(storyanim(installed, tmp_path, "doctor", "--json"))
    assert "clips" in facts["bundled index"]
    assert not [name for name, value in facts.items() if str(value).startswith("missing")]
