"""Runs the steps of a start-up side by side, each as soon as the steps it needs are done."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from threading import Event
from typing import Final

from devstack.components.base import CancelledError

STEP_TIMEOUT_SECONDS: Final = 900.0


class State(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    ALREADY = "already running"
    FAILED = "failed"
    CANCELLED = "given up"


@dataclass(frozen=True, slots=True)
class Progress:
    """One piece of news about a step: its state, what it does now, and how long it has taken."""

    name: str
    state: State
    detail: str = ""
    seconds: float = 0.0


Report = Callable[[Progress], None]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Step:
    """A named piece of work; `run` says what it does through its argument and returns the final state."""

    name: str
    run: Callable[[Tell], State]
    needs: tuple[str, ...] = ()


def run_steps(steps: Sequence[Step], report: Report, cancelled: Event) -> None:
    """Run all steps; raise the first failure once every other step has ended or given up.

    `cancelled` is set at the first failure, and at an interrupt, which is raised on.
    A step names only steps that stand before it.
    """
    for step in steps:
        report(Progress(step.name, State.WAITING))
    futures: dict[str, Future[None]] = {}
    with ThreadPoolExecutor(max(1, len(steps)), thread_name_prefix="step") as pool:
        try:
            for step in steps:
                needed = {name: futures[name] for name in step.needs}
                futures[step.name] = pool.submit(_run, step, needed, report, cancelled)
            wait(futures.values(), timeout=STEP_TIMEOUT_SECONDS, return_when=FIRST_EXCEPTION)
        finally:
            if any(not future.done() or future.exception() is not None for future in futures.values()):
                cancelled.set()
    failures = [error for future in futures.values() if (error := future.exception()) is not None]
    for error in failures:
        if not isinstance(error, CancelledError):
            raise error
    if failures:
        raise failures[0]


def _run(step: Step, needed: Mapping[str, Future[None]], report: Report, cancelled: Event) -> None:
    for future in needed.values():
        if future.exception(timeout=STEP_TIMEOUT_SECONDS) is not None:
            report(Progress(step.name, State.CANCELLED))
            raise CancelledError
    started = time.monotonic()

    def tell(detail: str) -> None:
        if cancelled.is_set():
            raise CancelledError
        report(Progress(step.name, State.STARTING, detail, time.monotonic() - started))

    try:
        tell("")
        state = step.run(tell)
    except CancelledError:
        report(Progress(step.name, State.CANCELLED, seconds=time.monotonic() - started))
        raise
    except BaseException as error:
        report(Progress(step.name, State.FAILED, str(error), time.monotonic() - started))
        cancelled.set()
        raise
    report(Progress(step.name, state, seconds=time.monotonic() - started))
