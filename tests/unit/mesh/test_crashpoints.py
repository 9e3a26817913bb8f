"""Crash points kill or hold a process when a file arms them, and else do nothing."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.crashpoints import CrashPoints

KILLED = """
import asyncio, sys
from pathlib import Path
from mesh.crashpoints import CrashPoints
asyncio.run(CrashPoints(Path(sys.argv[1])).reach("before_send"))
print("still alive")
"""


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def test_nothing_happens_without_a_directory_or_file(tmp_path: Path) -> None:
    await CrashPoints(None).reach("before_send")
    await CrashPoints(tmp_path).reach("before_send")

    assert names_in(tmp_path) == []


def test_kill_ends_the_process_at_once(tmp_path: Path) -> None:
    (tmp_path / "before_send").write_text("kill\n")

    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path], capture_output=True, timeout=60, check=False)

    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout == b""
    assert names_in(tmp_path) == ["before_send.hit"]


async def test_pause_waits_for_its_go_and_works_once(tmp_path: Path) -> None:
    (tmp_path / "before_send").write_text("pause")
    points = CrashPoints(tmp_path)

    held = asyncio.create_task(points.reach("before_send"))
    async with asyncio.timeout(30):
        while "before_send.hit" not in names_in(tmp_path):  # noqa: ASYNC110 - a file cannot tell
            await asyncio.sleep(0)
        assert not held.done()
        (tmp_path / "before_send.go").touch()
        await held
        await points.reach("before_send")

    assert names_in(tmp_path) == ["before_send.hit"]


async def test_an_unknown_order_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "before_send").write_text("explode")

    with pytest.raises(ValueError, match="before_send"):
        await CrashPoints(tmp_path).reach("before_send")


def test_production_has_no_crash_points(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="prod"):
        CrashPoints(tmp_path, environment="prod")
    CrashPoints(None, environment="prod")
