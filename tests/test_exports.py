"""What the package exports."""

from __future__ import annotations

import subprocess
import sys

import pytest

import storyanim

HEAVY = ("torch", "transformers", "diffusers", "faiss", "av", "openai", "numpy")


def test_the_names_are_sorted_and_once() -> None:
    assert storyanim.__all__ == sorted(set(storyanim.__all__))
    assert set(storyanim.__all__) <= set(dir(storyanim))


@pytest.mark.parametrize("name", storyanim.__all__)
def test_each_name_is_there(name: str) -> None:
    assert getattr(storyanim, name).__name__ == name


def test_each_error_is_exported() -> None:
    from storyanim import errors

    assert {name for name, value in vars(errors).items() if isinstance(value, type)} <= set(storyanim.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        storyanim.nonsense  # noqa: B018


def test_it_has_a_version() -> None:
    assert storyanim.__version__.split(".")[0].isdigit()


def test_importing_it_loads_nothing_heavy() -> None:
    check = f"import sys, storyanim; print(sorted(set({HEAVY}) & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", check], text=True).strip() == "[]"


def test_help_waits_for_nothing_heavy() -> None:
    check = ("import sys; sys.argv[1:] = ['--help']; import atexit\n"
             f"atexit.register(lambda: print('loaded', sorted(set({[*HEAVY, 'pydantic', 'PIL']}) & set(sys.modules))))\n"
             "from storyanim.__main__ import main; main()")
    assert subprocess.check_output([sys.executable, "-c", check], text=True).splitlines()[-1] == "loaded []"
