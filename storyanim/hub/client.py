"""The only file that talks to the model hub, by its own client: what a repository holds, and its files.

Every call is bound in time by us, since the client tries again for minutes: a question is answered within
`_ANSWER_S`, a download brings `_MIN_RATE` at least, else a ServiceError says what came. What was downloaded
stays, and the next download goes on behind it. Token and address are the client's: `HF_TOKEN`, `HF_ENDPOINT`.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from storyanim.config import ModelRef, cache_folder
from storyanim.errors import ModelError, ResourceError, ServiceError
from storyanim.hub.failures import REMARKS, GivenUpError, broke_off, hint_for, mapped
from storyanim.hub.files import cache_of, gigabytes

Result = TypeVar("Result")
Report = Callable[[float, str], None]                # the share done in [0, 1], and what is being done
_ANSWER_S = 12.0                                     # for all that is asked about one repository
_STALL_S = 12.0                                      # over which the rate of a download is taken
_MIN_RATE = 1024                                     # bytes a second
_CHUNK_BYTES = 2**14                                 # written at once; a broken download loses no more
_POLL_S = 0.1
_TRIES = 3                                           # of a call whose connection another call closes
_GIVEN_UP = threading.Event()                        # a call was given up; it ends, and closes, when it likes


@dataclass(frozen=True)
class RepoInfo:
    """A repository at one commit."""

    repo: str
    commit: str
    licence: str                                     # "apache-2.0"; "" when it is not told
    sizes: dict[str, int] = field(default_factory=dict)              # file → bytes

    def is_whole(self, snapshot: Path, name: str) -> bool:
        """Return whether a file lies in a snapshot with all of its bytes."""
        path = snapshot / name
        return path.is_file() and path.stat().st_size == self.sizes[name]


@dataclass(frozen=True)
class Download:
    """Files of a repository that are not on this disk."""

    names: tuple[str, ...]                           # of the profile's models that need them
    ref: ModelRef                                    # at a commit
    info: RepoInfo
    files: tuple[str, ...]                           # settings before weights

    @property
    def num_bytes(self) -> int:
        """The size of the files."""
        return sum(self.info.sizes.get(name, 0) for name in self.files)


def describe(repo: str, revision: str) -> RepoInfo:
    """Return what a repository holds at a revision, and remember it for times without a network.

    Raises ModelError when the client is offline, ServiceError.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise ModelError(
            f"the model {repo} ({revision}) is not, or not wholly, on this disk, and HF_HUB_OFFLINE is set",
            hint=hint_for(repo))
    with mapped(repo):
        info = _within(_ANSWER_S, lambda: _ask(repo, revision))
    _remember(info)
    return info


def known_info(repo: str, commit: str) -> RepoInfo | None:
    """Return what `describe` once told of a repository at a commit."""
    try:
        return RepoInfo(**json.loads(_memory_of(repo, commit).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def fetch(downloads: Sequence[Download], report: Report = lambda done, text: None) -> None:
    """Download files into the hub's cache, going on behind what is there.

    Raises ServiceError, ResourceError, which it is, too, when the disk has too little room for all of it.
    """
    total, before = sum(part.num_bytes for part in downloads) or 1, 0
    _check_room(downloads, total)
    for part in downloads:
        for name in part.files:
            label = f"{part.ref.repo} {name}"

            def tell(gained: int, before: int = before, label: str = label) -> None:
                got = before + gained
                report(min(1.0, got / total), f"{gigabytes(got)} of {gigabytes(total)}  {label}")

            tell(0)
            with mapped(part.ref.repo):
                _download(part.ref, name, tell)
            before += part.info.sizes.get(name, 0)
    report(1.0, f"{gigabytes(total)} fetched")


def _check_room(downloads: Sequence[Download], num_bytes: int) -> None:
    """Raise ResourceError when the disk has no room for what must still come."""
    for repo in {part.ref.repo for part in downloads}:
        num_bytes -= sum(path.stat().st_size for path in (cache_of(repo) / "blobs").glob("*.incomplete"))
    folder = cache_of("any").parent
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < num_bytes:
        raise ResourceError(
            f"{gigabytes(num_bytes)} are to be fetched, and the disk of {folder} has room for "
            f"{gigabytes(free)}",
            hint="make room there, or set HF_HOME to another folder")


def _ask(repo: str, revision: str) -> RepoInfo:
    from huggingface_hub import HfApi, constants

    api = HfApi(endpoint=constants.ENDPOINT)
    found = api.model_info(repo, revision=revision, timeout=_ANSWER_S)
    commit = str(found.sha)
    tree = api.list_repo_tree(repo, recursive=True, revision=commit)
    sizes = {str(entry.path): int(getattr(entry, "size", 0)) for entry in tree if hasattr(entry, "size")}
    card, tags = getattr(found, "card_data", None), getattr(found, "tags", None) or ()
    told = card.get("license") if card is not None else None
    told = told or next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), "")
    if not told and "README.md" in sizes:
        told = licence_in(_get(repo, commit, "README.md"))
    return RepoInfo(repo, commit, str(told), sizes)


def licence_in(card: Path) -> str:
    """Return the licence that the front matter of a model card names, or ""."""
    import yaml

    parts = card.read_text("utf-8", errors="replace").split("---", 2)
    if len(parts) < 3 or parts[0].strip():
        return ""
    with suppress(yaml.YAMLError, AttributeError):
        facts = yaml.safe_load(parts[1])
        return str(facts.get("license_name") or facts.get("license") or "")
    return ""


def _get(repo: str, commit: str, name: str, anew: bool = False) -> Path:
    from huggingface_hub import constants, hf_hub_download

    return Path(hf_hub_download(
        repo, name, revision=commit, endpoint=constants.ENDPOINT, force_download=anew))


def _download(ref: ModelRef, name: str, tell: Callable[[int], None]) -> None:
    """Download one file, watched by what arrives on the disk."""
    blobs, there = cache_of(ref.repo) / "blobs", cache_of(ref.repo) / "snapshots" / ref.revision / name
    broken = there.is_file()                         # cut off, see RepoInfo.is_whole
    start = _bytes_in(blobs)
    last, since = 0, time.monotonic()
    done = _Call(lambda: _get(ref.repo, ref.revision, name, anew=broken))
    while not done.wait(_POLL_S):
        gained = _bytes_in(blobs) - start
        tell(max(0, gained))
        if gained - last >= _MIN_RATE * _STALL_S:
            last, since = gained, time.monotonic()
        elif time.monotonic() - since > _STALL_S:
            raise done.give_up()
    if (commit := done.result().parents[name.count("/")].name) != ref.revision:
        raise ServiceError(f"the hub gave the commit {commit} of {ref.repo} in place of {ref.revision}",
                           hint="ask another hub (HF_ENDPOINT), or make anew what is bound to the old one")


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        with suppress(OSError):                      # a finished file is renamed meanwhile
            total += path.stat().st_size
    return total


def note_ref(repo: str, revision: str, commit: str) -> None:
    """Note which commit a branch or tag stands for, as the hub's client does."""
    path = cache_of(repo) / "refs" / revision
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit, "utf-8")


class _Call:
    """A call in a thread that does not keep the program alive when it hangs in a socket."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work, self._value, self._given_up = work, None, False
        self._error: BaseException | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with _quiet_client():
                self._value = self._call(_TRIES)
        except BaseException as error:               # given to the caller by result()
            self._error = error
        finally:
            self._ended.set()

    def _call(self, tries: int) -> Any:
        """Do the work; again when it broke off since another call was given up, which closes the session."""
        try:
            return self._work()
        except Exception as error:
            if tries == 1 or self._given_up or not _GIVEN_UP.is_set() or not broke_off(error):
                raise
        return self._call(tries - 1)

    def wait(self, seconds: float) -> bool:
        return self._ended.wait(seconds)

    def give_up(self) -> TimeoutError:
        """Return what to raise when the call takes too long."""
        self._given_up = True
        _GIVEN_UP.set()
        return GivenUpError(REMARKS.statuses.get(self._thread.ident or 0, 0))

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value


def _within(seconds: float, work: Callable[[], Result]) -> Result:
    call = _Call(work)
    if not call.wait(seconds):
        raise call.give_up()
    value: Result = call.result()
    return value


@contextmanager
def _quiet_client() -> Iterator[None]:
    """Let the client show no bars and no remarks of its own, and write what it gets in small chunks."""
    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    warnings.filterwarnings("ignore", module="huggingface_hub")
    log = logging.getLogger("huggingface_hub")
    log.setLevel(logging.WARNING)
    log.handlers, log.propagate = [REMARKS], False
    REMARKS.statuses.pop(threading.get_ident(), None)
    constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, _CHUNK_BYTES)
    yield


def _memory_of(repo: str, commit: str) -> Path:
    return cache_folder() / "hub" / repo.replace("/", "--") / f"{commit}.json"


def _remember(info: RepoInfo) -> None:
    path = _memory_of(info.repo, info.commit)
    with suppress(OSError):                          # only the precise list of files is lost
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(info)), "utf-8")
        partial.replace(path)
