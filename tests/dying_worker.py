"""A worker of a film's shots that is killed in the middle of one; whoever draws it then is not."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from storyanim.run.workers import ShotWorker

SHOT, CALLS = "s02", 2                               # it dies in this shot, at the second call of the U-Net


class DyingWorker(ShotWorker):
    """Notes beside the run which process drew which shot ("drawn") and was killed over which ("killed")."""

    def __init__(self, folder: Path, *rest: Any) -> None:
        super().__init__(folder, *rest)
        self._notes = folder.parent
        generator: Any = self._components.generator
        draw = generator.draw

        def drawn(shot: Any, *given: Any) -> Any:
            if shot.id == SHOT and not (self._notes / "killed").exists():
                self._die_soon(generator)
            frames = draw(shot, *given)
            with (self._notes / "drawn").open("a") as file:
                file.write(f"{shot.id} {os.getpid()}\n")
            return frames

        generator.draw = drawn

    def _die_soon(self, generator: Any) -> None:
        seen: list[int] = []

        def count(*_: Any) -> None:
            seen.append(1)
            if len(seen) == CALLS:
                (self._notes / "killed").write_text(f"{SHOT} {os.getpid()}\n")
                os.kill(os.getpid(), signal.SIGKILL)

        generator._loaded.pipeline.unet.register_forward_pre_hook(count)
