"""Tasks done in this process, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from storyanim.errors import InputError, ResourceError, UsageError

Item = TypeVar("Item")


@dataclass(frozen=True)
class LocalExecutor:
    """Runs tasks one after the other; one that fails is tried again, then listed.

    Bad input stays bad, so UsageError and InputError are listed at once. When memory, disk or device fails, going on would
    only fail more: ResourceError ends the whole, and so does MemoryError, as a ResourceError. Ctrl-C passes through.
    """

    retries: int = 1                                 # further tries after the first

    def run(self, task: Callable[[Item], object], items: Iterable[Item]) -> list[Exception | None]:
        """One entry an item, in order: None when it was done, else the error of its last try. Raises ResourceError."""
        return [self._try(task, item) for item in items]

    def _try(self, task: Callable[[Item], object], item: Item) -> Exception | None:
        last: Exception | None = None
        for _ in range(1 + self.retries):
            try:
                task(item)
                return None
            except ResourceError:
                raise
            except MemoryError as error:
                raise ResourceError("the memory is full", hint="close other programs, or choose --quality draft") from error
            except (UsageError, InputError) as error:
                return error
            except Exception as error:
                last = error
        return last
