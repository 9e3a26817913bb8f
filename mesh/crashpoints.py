"""Named points at which a test may kill or hold a process; without a directory they do nothing."""

import asyncio
import os
import signal
import time
from pathlib import Path

_LONGEST_PAUSE_SECONDS = 60.0
_POLL_SECONDS = 0.02


class CrashPoints:
    """Crash points armed by files in `directory`; with None, `reach` returns at once.

    Raises ValueError when a directory is given in `prod`.
    """

    __slots__ = ("_directory",)

    def __init__(self, directory: Path | None, *, environment: str = "dev") -> None:
        if directory is not None and environment == "prod":
            message = "crash points are not allowed in prod: unset PAYERA_CRASH_DIRECTORY"
            raise ValueError(message)
        self._directory = directory

    async def reach(self, name: str) -> None:
        """Do what the file `name` in the directory says: `kill` this process, or `pause` until `<name>.go` exists.

        A pause lasts 60 s at most. The file is renamed to `<name>.hit` first, so that each arming works
        once. Without the file nothing happens.
        """
        if self._directory is None:
            return
        order = _take_order(self._directory, name)
        if order == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif order == "pause":
            await _pause(self._directory / f"{name}.go")
        elif order:
            message = f"crash point {name}: unknown order"
            raise ValueError(message)


def _take_order(directory: Path, name: str) -> str:
    armed = directory / name
    try:
        order = armed.read_text(encoding="utf-8").strip()
        armed.rename(directory / f"{name}.hit")
    except FileNotFoundError:
        return ""
    return order


async def _pause(go: Path) -> None:
    end = time.monotonic() + _LONGEST_PAUSE_SECONDS
    while time.monotonic() < end:
        try:
            await asyncio.to_thread(go.unlink)
        except FileNotFoundError:
            await asyncio.sleep(_POLL_SECONDS)
        else:
            return
