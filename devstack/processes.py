"""Starts, finds and ends detached processes, known by pid and start time, so that a recycled pid is never hit."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

LOG_SIZE_MAX_BYTES: Final = 16 * 1024 * 1024
TAIL_BYTES_MAX: Final = 64 * 1024
POLL_SECONDS: Final = 0.02
KILL_TIMEOUT_SECONDS: Final = 10.0
# Places in /proc/<pid>/stat, counted after the name of the program.
_STATE: Final = 0
_THREADS: Final = 17
_START_TICKS: Final = 19


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A started process: its pid, and the mark of the moment it was started, which no later process shares."""

    name: str
    pid: int
    start_mark: str
    log_offset: int


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, where, with which environment and as which operating system user (None: the current one)."""

    arguments: tuple[str, ...]
    working_directory: Path
    environment: Mapping[str, str]
    user: str | None = None


def start_mark(pid: int) -> str | None:
    """Return a mark that identifies the process among all that ever have this pid; None when it is gone.

    Linux counts in ticks since the boot, which a change of the clock leaves alone. A process whose first thread has
    ended while others go on is not gone yet: it still holds its ports.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        try:
            return f"{psutil.Process(pid).create_time():.0f}"
        except psutil.Error:
            return None
    fields = stat.rpartition(")")[2].split()
    if fields[_STATE] in {"Z", "X"} and int(fields[_THREADS]) <= 1:
        return None
    return f"{boot}:{fields[_START_TICKS]}"


def age_seconds(pid: int) -> float:
    """Return how long a process has existed, 0 for one that is gone; to 10 ms on Linux, else to a second."""
    mark = start_mark(pid)
    if mark is None:
        return 0.0
    _, separator, ticks = mark.rpartition(":")
    if not separator:
        return max(0.0, time.time() - float(mark))
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK"))


class Processes:
    """The detached processes of one data folder: a record and a log file for each name."""

    def __init__(self, run_directory: Path, logs_directory: Path) -> None:
        self._run_directory = run_directory
        self._logs_directory = logs_directory
        self._unreaped: set[int] = set()

    def log_path(self, name: str) -> Path:
        """Return the log file of a process."""
        return self._logs_directory / f"{name}.log"

    def record(self, name: str) -> ProcessRecord | None:
        """Return the record of the last start, whether or not the process still runs."""
        try:
            content = json.loads(self._record_path(name).read_text(encoding="utf-8"))
            return ProcessRecord(**content)
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def running(self, name: str) -> ProcessRecord | None:
        """Return the record when the very process it names is alive."""
        self._reap()
        record = self.record(name)
        if record is None or start_mark(record.pid) != record.start_mark:
            return None
        return record

    def spawn(self, name: str, command: Command) -> ProcessRecord:
        """Start a process in its own session, with its output in its log file, and remember it."""
        for folder in (self._run_directory, self._logs_directory):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        log_path = self.log_path(name)
        if log_path.is_file() and log_path.stat().st_size > LOG_SIZE_MAX_BYTES:
            log_path.replace(log_path.with_suffix(".log.1"))
        user, group, extra_groups = _as_user(command.user)
        with log_path.open("ab") as log:
            offset = log.tell()
            child = subprocess.Popen(
                command.arguments,
                cwd=command.working_directory,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=extra_groups,
            )
        # The process is meant to outlive its Popen, which would complain of that when it is collected.
        child.returncode = 0
        self._unreaped.add(child.pid)
        record = ProcessRecord(name, child.pid, start_mark(child.pid) or "gone", offset)
        path = self._record_path(name)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(record)), encoding="utf-8")
        temporary.replace(path)
        return record

    def stop(self, name: str, first_signal: signal.Signals, timeout_seconds: float) -> None:
        """Ask the process to end, wait, then end its whole family by force, and forget it."""
        record = self.running(name)
        if record is not None:
            family = _family(record.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, first_signal)
            if not self._wait_gone(name, timeout_seconds):
                self.kill(name)
            _kill_all(family)
        self._record_path(name).unlink(missing_ok=True)

    def kill(self, name: str) -> None:
        """End the process, its group and its descendants at once with SIGKILL; the record stays, as after a crash."""
        record = self.running(name)
        if record is None:
            return
        family = _family(record.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(record.pid, signal.SIGKILL)
        _kill_all(family)
        self._wait_gone(name, KILL_TIMEOUT_SECONDS)

    def tail(self, name: str, lines: int, *, since_start: bool = False) -> tuple[str, ...]:
        """Return the last lines of the log, at most those of its last 64 kB."""
        record = self.record(name)
        return tail(self.log_path(name), lines, record.log_offset if since_start and record else 0)

    def _record_path(self, name: str) -> Path:
        return self._run_directory / f"{name}.json"

    def _reap(self) -> None:
        """Let the system forget the children of this very process that have ended."""
        for pid in tuple(self._unreaped):
            try:
                ended, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended = pid
            if ended == pid:
                self._unreaped.discard(pid)

    def _wait_gone(self, name: str, timeout_seconds: float) -> bool:
        deadline = time.monotonic() + timeout_seconds
        while self.running(name) is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def tail(path: Path, lines: int, offset: int = 0) -> tuple[str, ...]:
    """Return the last lines of a file, from `offset` on, reading at most 64 kB."""
    try:
        with path.open("rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            stream.seek(max(min(offset, end), end - TAIL_BYTES_MAX))
            content = stream.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    return tuple(content.splitlines()[-lines:]) if lines > 0 else ()


def memory_bytes(pid: int) -> int:
    """Return the memory of a process and all its descendants, each shared page split among those who share it.

    Where the system does not say whose a page is, the resident memory counts.
    """
    return sum(_memory(process) for process in _family(pid))


def inherited_environment(additions: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's environment without any `PAYERA_*` of its own, plus `additions`."""
    kept = {name: value for name, value in environ.items() if not name.startswith("PAYERA_")}
    return kept | dict(additions)


def run_checked(
    arguments: Sequence[str], *, user: str | None = None, timeout_seconds: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end and return what it said, whatever its exit status."""
    uid, group, extra_groups = _as_user(user)
    return subprocess.run(
        arguments,
        cwd="/",
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        user=uid,
        group=group,
        extra_groups=extra_groups,
    )


def _as_user(user: str | None) -> tuple[int | None, int | None, tuple[int, ...] | None]:
    if user is None:
        return None, None, None
    import pwd

    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid, ()


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _kill_all(family: list[psutil.Process]) -> None:
    """End what is left of a family; psutil compares start times, so a recycled pid is safe."""
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.kill()
    deadline = time.monotonic() + KILL_TIMEOUT_SECONDS
    while any(_alive(process) for process in family) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _alive(process: psutil.Process) -> bool:
    """Return whether the process still runs; one that only waits to be reaped by its parent does not."""
    try:
        return process.is_running() and start_mark(process.pid) is not None
    except psutil.Error:
        return False


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        return _resident(process)
    except (psutil.Error, AttributeError):
        return 0


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
