"""Measures a load: rates and latencies from the generator, CPU and memory of every process from the system."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import psutil

from devstack.bench.http_load import LoadSpecification

SLACK_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Mode:
    """One way of loading: closed loop with ``connections``, or ``rate`` requests a second when it is not 0."""

    name: str
    connections: int
    rate: float = 0.0


MODES: Final = (Mode("closed loop, 1", 1), Mode("closed loop, 16", 16), Mode("50 a second", 64, 50.0))


@dataclass(frozen=True, slots=True)
class Target:
    """What is loaded: an edge, a request, the answer that counts, and the processes behind it."""

    name: str
    port: int
    body: str
    headers: Mapping[str, str]
    expect: str
    processes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One load: answers a second, latencies in ms, CPU ms per answer by process, and unexpected answers."""

    target: str
    mode: str
    per_second: float
    percentiles: Mapping[str, float]
    cpu_ms: Mapping[str, float]
    requests: int
    unexpected: int
    sample: str


def measure(target: Target, mode: Mode, seconds: float) -> Measurement:
    """Load the target for ``seconds`` after a second of warm-up."""
    specification = LoadSpecification(
        host="127.0.0.1",
        port=target.port,
        path="/v1/payments",
        body=target.body,
        headers=dict(target.headers),
        expect=target.expect,
        connections=mode.connections,
        seconds=seconds,
        rate=mode.rate,
        key_prefix=f"bench-{uuid.uuid4().hex[:12]}-",
    )
    before = {name: cpu_seconds(pid) for name, pid in target.processes.items()}
    result = _generate(specification)
    after = {name: cpu_seconds(pid) for name, pid in target.processes.items()}
    requests = int(result["requests"])
    # The warm-up's requests cost CPU too: the share of the whole that was counted is taken off in proportion.
    share = seconds / (seconds + specification.warm_up_seconds)
    cpu = {name: (after[name] - before[name]) * 1000 * share / max(1, requests) for name in before}
    return Measurement(
        target=target.name,
        mode=mode.name,
        per_second=float(result["per_second"]),
        percentiles=result["percentiles"],
        cpu_ms={name: round(value, 3) for name, value in cpu.items()},
        requests=requests,
        unexpected=int(result["unexpected"]),
        sample=str(result["sample"]),
    )


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process and its descendants so far."""
    return sum(_times(process) for process in _family(pid))


def _generate(specification: LoadSpecification) -> dict[str, Any]:
    limit = specification.seconds + specification.warm_up_seconds + SLACK_SECONDS
    done = subprocess.run(
        [sys.executable, "-m", "devstack.bench.http_load"],
        input=json.dumps(asdict(specification)),
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
        env=dict(os.environ),
    )
    if done.returncode != 0:
        message = f"the load generator failed: {done.stderr.strip().splitlines()[-1:]}"
        raise RuntimeError(message)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _times(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
        return float(times.user + times.system)
    except psutil.Error:
        return 0.0
