"""Good replies are kept in the cache until a plan is done, so that one that dies goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storyanim.config import cache_folder
from storyanim.engine.folders import write_file
from storyanim.errors import PlannerError, ResourceError
from storyanim.planning.chat_protocol import Answer


class KeptReplies:
    """The good replies of one plan, by what was asked."""

    def __init__(self, plan_key: str) -> None:
        self.folder = cache_folder() / "chat" / hashlib.sha256(plan_key.encode()).hexdigest()[:32]

    def get(self, question: str) -> Answer | None:
        """Return the kept reply to a question; None without one."""
        try:
            data = json.loads(self._path(question).read_text("utf-8"))
            return Answer(str(data["content"]), bool(data["is_cut_off"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, question: str, answer: Answer) -> None:
        """Keep a reply; failing to costs only the question, when the plan is made again."""
        data = {"content": answer.content, "is_cut_off": answer.is_cut_off}
        with suppress(ResourceError):
            write_file(self._path(question), json.dumps(data, ensure_ascii=False).encode())

    def put_refused(self, content: str) -> Path | None:
        """Write down a reply that nothing could be made of, for people; return where."""
        path = self.folder / "last_reply.txt"
        try:
            write_file(path, content.encode("utf-8", "replace"))
        except ResourceError:
            return None
        return path

    def remove(self) -> None:
        """Forget all: the plan is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, question: str) -> Path:
        return self.folder / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.json"


@contextmanager
def last_reply_saved(path: Path) -> Iterator[None]:
    """Write the last reply of a PlannerError to `path`, and say so in its hint."""
    try:
        yield
    except PlannerError as error:
        if error.last_reply:
            with suppress(ResourceError):
                write_file(path, error.last_reply.encode("utf-8", "replace"))
                error.hint = f"{error.hint}; its last reply is in {path}"
        raise
