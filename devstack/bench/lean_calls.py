"""Plays the lean caller's loads on servers, and tells what each of both sides took."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from devstack.bench import calls
from devstack.bench.calls import Load
from devstack.bench.grpc_load import WARM_UP_SECONDS, GrpcLoadResult, GrpcLoadSpecification
from devstack.bench.measure import cpu_seconds
from devstack.errors import StackError

SLACK_SECONDS: Final = 60.0
HEAD: Final = f"{calls.HEAD}{'caller ms':>11}"


def line(load: Load) -> str:
    """Give a line under HEAD."""
    return f"{calls.line(load)}{load.caller_ms:>11.2f}"


async def play_lean(name: str, specification: GrpcLoadSpecification, processes: Sequence[int]) -> Load:
    """Play one load on servers, whose processes these are. Raises StackError when the caller could not go on."""
    before = sum(map(cpu_seconds, processes))
    result = await asyncio.to_thread(_called, specification)
    spent_ms = (sum(map(cpu_seconds, processes)) - before) * 1000
    rate = specification.rate
    return Load(
        name=name,
        mode=f"{rate:.0f} a second" if rate else f"{specification.in_flight} in flight",
        per_second=round(result.answers / result.seconds, 1),
        p50_ms=result.percentiles.get("p50", 0.0),
        p99_ms=result.percentiles.get("p99", 0.0),
        max_ms=result.percentiles.get("max", 0.0),
        errors=result.errors,
        cpu_ms=round(spent_ms / max(1, result.calls), 3),
        caller_ms=round(result.cpu_ms / max(1, result.calls), 3),
    )


def _called(specification: GrpcLoadSpecification) -> GrpcLoadResult:
    done = subprocess.run(
        [sys.executable, "-m", "devstack.bench.grpc_load"],
        input=json.dumps(asdict(specification)),
        capture_output=True,
        text=True,
        timeout=specification.seconds + WARM_UP_SECONDS + SLACK_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        message = f"the caller of {specification.path} could not go on: {last}"
        raise StackError(message, "see own-router-*.log in the data folder under bench/")
    return GrpcLoadResult(**json.loads(done.stdout))
