"""What the hub's client and its HTTP library raise, as one line that says what the hub did."""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

from storyanim.config import public_url
from storyanim.errors import ModelError, ResourceError, ServiceError, StoryanimError
from storyanim.hub.files import cache_of

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}


class GivenUpError(TimeoutError):
    """A call took too long; `status` is what the hub answered meanwhile, 0 when nothing."""

    def __init__(self, status: int = 0) -> None:
        super().__init__()
        self.status = status


class Remarks(logging.Handler):
    """What the client remarks while it tries again and again: the last status, by thread."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: dict[int, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the status of a remark that has one."""
        if found := re.search(r"HTTP Error (\d{3})", record.getMessage()):
            self.statuses[record.thread or 0] = int(found[1])


REMARKS = Remarks()


@contextmanager
def mapped(repo: str) -> Iterator[None]:
    """Map whatever the client and its HTTP library raise to one line that says what the hub did."""
    try:
        yield
    except StoryanimError:
        raise
    except Exception as error:                       # the HTTP library's name changes with the release
        raise _as_told(error, repo) from error


def _as_told(error: BaseException, repo: str) -> StoryanimError:
    from huggingface_hub import constants

    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, OSError) and one.errno in _NO_ROOM:
            return ResourceError(
                f"the model {repo} cannot be written to {cache_of(repo).parent}: {one.strerror}",
                hint="make room there, or set HF_HOME to another folder")
    endpoint = public_url(str(constants.ENDPOINT))
    status = next((code for one in chain if (code := _status(one))), 0)
    if any(type(one).__name__ == "HFValidationError" for one in chain):
        return ModelError(f"there is no folder {repo}, and no repository can be called so",
                          hint="give a folder that is there, or OWNER/NAME as the hub calls it")
    if isinstance(error, GivenUpError):
        status = status or error.status
    if status:
        return _refused(status, {type(one).__name__ for one in chain}, repo, endpoint)
    return ServiceError(f"the model {repo} is not on this disk, and the hub {endpoint} {_trouble(chain)}",
                        hint=hint_for(repo))


def broke_off(error: BaseException) -> bool:
    """Tell whether a connection ended without an answer: no status of the hub, no fault of this disk."""
    return not isinstance(error, (StoryanimError, OSError)) and not any(map(_status, _chain(error)))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _refused(status: int, names: set[str], repo: str, endpoint: str) -> ServiceError:
    """Return what a status of the hub means for a person."""
    folder = _hint_for_folder(repo)
    if "GatedRepoError" in names or status == 403:
        return ServiceError(
            f"the hub does not give the model {repo} without leave (status {status}): it is gated",
            hint=f"accept its licence at {endpoint}/{repo}, then set HF_TOKEN to a token of yours")
    if status == 401:
        return ServiceError(
            f"the hub wants a token for the model {repo} (status 401), or has no such model",
            hint=folder or "check the name in the profile's [models], and set HF_TOKEN to a token of yours")
    if status == 404:
        lacks = "revision" if "RevisionNotFoundError" in names else "file" if any(
            "EntryNotFound" in name for name in names) else "model"
        return ServiceError(f"the hub {endpoint} has no such {lacks} (status 404): {repo}",
                            hint=folder or "check repo and revision in the profile's [models]")
    if status == 429:
        return ServiceError(
            f"the hub {endpoint} takes no more requests for now (status 429, {repo})",
            hint="wait some minutes and run the same command again; HF_TOKEN allows more requests")
    return ServiceError(f"the hub {endpoint} failed with status {status} ({repo})",
                        hint="run the same command again later: it goes on where it stopped")


def _trouble(chain: Sequence[BaseException]) -> str:
    names = " ".join(type(one).__name__ for one in chain)
    if any(word in names for word in ("UnsupportedProtocol", "InvalidURL")):
        return "is no address: HF_ENDPOINT is one as https://huggingface.co"
    if any(isinstance(one, socket.gaierror) for one in chain):
        return "is not known by that name here: no network, or a wrong HF_ENDPOINT"
    if any(isinstance(one, ConnectionRefusedError) for one in chain):
        return "cannot be reached: the connection was refused"
    if any(isinstance(one, TimeoutError) for one in chain) or "Timeout" in names:
        return "did not answer, or sent next to nothing, in time"
    if any(word in names for word in ("ConnectError", "ConnectionError", "ProxyError")):
        return "cannot be reached"
    return f"broke off ({type(chain[0]).__name__})"


def hint_for(repo: str) -> str:
    """Return what to do when a model is not on this disk."""
    return _hint_for_folder(repo) or (
        "with a network run the same command again, or `storyanim fetch PROFILE` once; or name a folder "
        f"that holds {repo} in a profile of your own; `--profile storybook` needs no download")


def _hint_for_folder(repo: str) -> str:
    """Return which folder may be meant by what looks like a repository's name; "" when none is like it."""
    owner, _, name = repo.partition("/")
    near = get_close_matches(name, os.listdir(owner), n=1) if name and os.path.isdir(owner) else ()
    return f"if a folder was meant: {owner} has none called {name}, but {near[0]}" if near else ""
