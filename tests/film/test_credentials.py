"""Content credentials: what is signed, and what is told when it cannot be.

c2pa-python is replaced by a module of the same calls (0.38), which puts the manifest in a box of its own.
"""

from __future__ import annotations

import json
import struct
import sys
import types
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from moving_picture import picture

from storyanim import video
from storyanim.errors import InputError, UsageError
from storyanim.film.credentials import sign_film


class C2paError(Exception):
    """What c2pa raises."""


class C2paSignerInfo:
    def __init__(self, alg: bytes, sign_cert: bytes, private_key: bytes, ta_url: bytes | None) -> None:
        assert ta_url is None                                    # nothing is asked over a network
        self.given = (alg, sign_cert, private_key)


class Signer:
    def __init__(self, info: C2paSignerInfo) -> None:
        if not info.given[2].startswith(b"-----BEGIN"):
            raise C2paError("Signature: the key is no PEM")

    @staticmethod
    def from_info(info: C2paSignerInfo) -> Signer:
        return Signer(info)

    def __enter__(self) -> Signer:
        return self

    def __exit__(self, *raised: object) -> None: ...


class Builder:
    def __init__(self, manifest_json: str) -> None:
        self.manifest = json.loads(manifest_json)

    def __enter__(self) -> Builder:
        return self

    def __exit__(self, *raised: object) -> None: ...

    def sign(self, signer: Signer, kind: str, source: BinaryIO, dest: BinaryIO) -> bytes:
        assert kind == "video/mp4"
        box = json.dumps(self.manifest).encode()
        dest.write(source.read() + struct.pack(">I", 8 + len(box)) + b"uuid" + box)
        return box


@pytest.fixture
def c2pa(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("c2pa")
    module.C2paError, module.C2paSignerInfo, module.Signer, module.Builder = C2paError, C2paSignerInfo, Signer, Builder
    monkeypatch.setitem(sys.modules, "c2pa", module)


@pytest.fixture
def given(tmp_path: Path) -> tuple[Path, Path, Path]:
    video.write(picture(), tmp_path / "film.mp4", width_px=32, height_px=32, fps=8)
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    (tmp_path / "chain.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    return tmp_path / "film.mp4", tmp_path / "key.pem", tmp_path / "chain.pem"


def sign(given: tuple[Path, Path, Path], out: Path) -> None:
    sign_film(given[0], out, given[1], given[2], "es256", title="The Bear", made_by="storyanim, profile storybook")


@pytest.mark.usefixtures("c2pa")
def test_it_says_that_a_model_drew_it_and_which(given: tuple[Path, Path, Path], tmp_path: Path) -> None:
    before = given[0].read_bytes()
    sign(given, tmp_path / "signed.mp4")
    signed = (tmp_path / "signed.mp4").read_bytes()
    assert given[0].read_bytes() == before == signed[: len(before)]
    manifest = json.loads(signed[len(before) + 8 :])
    (action,) = manifest["assertions"][0]["data"]["actions"]
    assert (manifest["title"], action["action"], action["softwareAgent"]["name"]) == (
        "The Bear", "c2pa.created", "storyanim, profile storybook")
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert video.probe(tmp_path / "signed.mp4") == video.probe(given[0])


@pytest.mark.usefixtures("c2pa")
def test_a_key_that_cannot_sign_leaves_nothing(given: tuple[Path, Path, Path], tmp_path: Path) -> None:
    given[1].write_text("no key")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="cannot be signed") as caught:
        sign(given, tmp_path / "signed.mp4")
    assert "PEM" in caught.value.hint
    given[2].unlink()
    with pytest.raises(InputError, match=r"chain\.pem cannot be read"):
        sign(given, tmp_path / "signed.mp4")
    assert sorted(tmp_path.iterdir()) == [path for path in before if path != given[2]]


def test_without_the_library_it_is_told(given: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(UsageError, match="c2pa-python") as caught:
        sign(given, tmp_path / "signed.mp4")
    assert "storyanim[c2pa]" in caught.value.hint
