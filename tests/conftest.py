"""For all tests: no network, one thread (TEST_THREADS=4: four), a cache of their own; small coloured videos, their index, a studio on them."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fakes import Studio

    from storyanim.retrieve.index import VideoIndex

# Before any library is imported that reads them; child processes inherit them. MKL would take no more threads than there are
# cores, and torch as many as MKL; idle ones sleep, since there may be more of them than cores.
_THREADS = os.environ.get("TEST_THREADS", "1")
os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": _THREADS, "OMP_WAIT_POLICY": "PASSIVE",
               "MKL_NUM_THREADS": _THREADS, "MKL_DYNAMIC": "FALSE"}
for _name in [*os.environ]:                          # a proxy would be asked for this machine's own servers
    if _name.startswith(("STORYANIM_", "OPENAI_", "HF_TOKEN")) or _name.lower().endswith("_proxy"):
        del os.environ[_name]

os.environ["STORYANIM_WORKERS"] = "1"                # processes of their own import torch, and know no fakes

_LOCAL = {"127.0.0.1", "localhost", "::1", ""}
_numbers = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=10, help="how often a build of an index is killed at random moments, each way")
    parser.addoption("--mutations", type=int, default=200, help="how many broken videos are made")


class NetworkRefusedError(RuntimeError):
    """A test reached for the network."""


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Any:
    """Only this machine can be reached."""
    patch = pytest.MonkeyPatch()
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(host: object) -> None:
        if (host.decode() if isinstance(host, bytes) else str(host or "")) not in _LOCAL:
            raise NetworkRefusedError(f"a test tried to reach {host!r}")

    def checked(real: Any) -> Any:
        def call(self: socket.socket, address: Any) -> Any:
            if self.family in {socket.AF_INET, socket.AF_INET6}:
                check(address[0])
            return real(self, address)
        return call

    def looked_up(host: Any, *arguments: Any, **named: Any) -> Any:
        check(host)
        return look_up(host, *arguments, **named)

    patch.setattr(socket.socket, "connect", checked(connect))
    patch.setattr(socket.socket, "connect_ex", checked(connect_ex))
    patch.setattr(socket, "getaddrinfo", looked_up)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def _caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(autouse=True)
def _own_cache(_caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYANIM_CACHE", str(_caches / str(next(_numbers))))


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three moving colours in folders, a still red one, a table of captions. Not to be changed."""
    from coloured import save_video

    folder = tmp_path_factory.mktemp("videos")
    save_video(folder / "red bear runs.mp4", "red", seconds=5.0)
    save_video(folder / "more" / "green_frog.mp4", "green")
    save_video(folder / "more" / "it's blue ü.mp4", "blue")
    save_video(folder / "still.mp4", "red", still=True)
    (folder / "captions.tsv").write_text('file\tcaption\nstill.mp4\tA red "statue" stands\nmore/green_frog.mp4\tA frog jumps\n')
    (folder / "readme.txt").write_text("no video")
    return folder


@pytest.fixture(scope="session")
def index_folder(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of `videos`, by their colours."""
    from coloured import ColourEncoder

    from storyanim.retrieve.build import build_index

    out = tmp_path_factory.mktemp("index") / "index"
    build_index([videos], out, ColourEncoder())
    return out


@pytest.fixture
def index(index_folder: Path) -> VideoIndex:
    from storyanim.retrieve.index import VideoIndex

    return VideoIndex(index_folder, min_motion=0.004)


@pytest.fixture
def studio(tmp_path: Path, index: VideoIndex) -> Studio:
    """A run folder with fakes to fill it."""
    from fakes import Studio

    return Studio(tmp_path / "run", index)


@pytest.fixture(scope="session")
def whole_film(tmp_path_factory: pytest.TempPathFactory, index_folder: Path) -> bytes:
    """The film of STORY, made without a break."""
    from fakes import Studio

    from storyanim.retrieve.index import VideoIndex

    studio = Studio(tmp_path_factory.mktemp("whole") / "run", VideoIndex(index_folder, min_motion=0.004))
    studio.make()
    return studio.film


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The profile of a tiny real family."""
    from family import save_profile

    return save_profile(tmp_path_factory.mktemp("family"))


@pytest.fixture(scope="session")
def real_index(profile: Path, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of `videos` that fits the family."""
    from storyanim.config import load_settings
    from storyanim.retrieve.build import build_index
    from storyanim.retrieve.encoders import build_encoder

    out = tmp_path_factory.mktemp("real") / "index"
    build_index([videos], out, build_encoder(load_settings(str(profile))))
    return out
