import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from devstack.processes import Command, Processes, age_seconds, inherited_environment, start_mark, tail

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
CHILD = "import os, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(60)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path / "run", tmp_path / "logs")
    yield made
    made.kill("thing")
    assert made.running("thing") is None


def python(code: str, tmp_path: Path) -> Command:
    return Command((sys.executable, "-c", code), tmp_path, {"PATH": os.environ["PATH"]})


def first_line(processes: Processes) -> str:
    for _ in range(500):
        lines = processes.tail("thing", 10, since_start=True)
        if lines:
            return lines[0]
        signal.sigtimedwait([], 0.02)
    pytest.fail("the process has said nothing for 10 s")


def test_another_object_finds_the_process_again(processes: Processes, tmp_path: Path) -> None:
    record = processes.spawn("thing", python(SLEEPER, tmp_path))

    assert Processes(tmp_path / "run", tmp_path / "logs").running("thing") == record
    assert os.getsid(record.pid) == record.pid


def test_a_killed_process_leaves_its_record_and_is_not_running(processes: Processes, tmp_path: Path) -> None:
    record = processes.spawn("thing", python(SLEEPER, tmp_path))

    processes.kill("thing")

    assert processes.running("thing") is None
    assert processes.record("thing") == record


def test_descendants_in_sessions_of_their_own_are_killed_too(processes: Processes, tmp_path: Path) -> None:
    processes.spawn("thing", python(PARENT, tmp_path))
    grandchild = psutil.Process(int(first_line(processes)))

    processes.kill("thing")

    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_a_stopped_process_is_forgotten(processes: Processes, tmp_path: Path) -> None:
    processes.spawn("thing", python(SLEEPER, tmp_path))

    processes.stop("thing", signal.SIGTERM, 10.0)

    assert processes.record("thing") is None


def test_a_process_that_will_not_stop_is_ended_by_force(processes: Processes, tmp_path: Path) -> None:
    processes.spawn("thing", python(STUBBORN, tmp_path))
    assert first_line(processes) == "up"

    processes.stop("thing", signal.SIGTERM, 0.1)

    assert processes.running("thing") is None


def test_a_process_that_only_has_the_same_pid_is_never_touched(processes: Processes, tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        record = processes.spawn("thing", python("", tmp_path))
        processes.kill("thing")
        recycled = replace(record, pid=stranger.pid, start_mark=start_mark(os.getpid()) or "")
        (tmp_path / "run" / "thing.json").write_text(json.dumps(asdict(recycled)))

        assert processes.running("thing") is None
        processes.kill("thing")
        processes.stop("thing", signal.SIGKILL, 1.0)

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_dead_process_has_no_mark_even_before_it_is_reaped() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        assert start_mark(child.pid) is None
    finally:
        child.wait()


def test_a_broken_record_counts_as_none(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thing.json").write_text("{")

    assert processes.record("thing") is None
    assert processes.running("thing") is None


def test_the_tail_after_a_restart_holds_no_line_of_the_run_before(processes: Processes, tmp_path: Path) -> None:
    processes.spawn("thing", python("print('before')", tmp_path))
    assert first_line(processes) == "before"
    processes.kill("thing")
    processes.spawn("thing", python("print('after')", tmp_path))

    assert first_line(processes) == "after"
    assert processes.tail("thing", 10) == ("before", "after")


def test_a_tail_reads_the_end_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large.log"
    path.write_text("".join(f"line {number}\n" for number in range(50_000)))

    assert tail(path, 2) == ("line 49998", "line 49999")
    assert tail(tmp_path / "none.log", 2) == ()


def test_settings_of_the_caller_do_not_reach_a_service() -> None:
    environment = inherited_environment({"PAYERA_LISTEN": "a"}, {"PATH": "/bin", "PAYERA_HOME": "/x"})

    assert environment == {"PATH": "/bin", "PAYERA_LISTEN": "a"}


def test_the_age_of_a_process_counts_from_its_start(processes: Processes, tmp_path: Path) -> None:
    began = time.monotonic()
    record = processes.spawn("thing", python(SLEEPER, tmp_path))
    assert first_line(processes) == "up"

    age = age_seconds(record.pid)

    assert 0.0 <= age <= time.monotonic() - began + 0.02
    processes.kill("thing")
    assert age_seconds(record.pid) == 0.0
