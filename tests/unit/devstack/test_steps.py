from collections.abc import Callable
from threading import Barrier, Event

import pytest

from devstack.components.base import CancelledError, pause
from devstack.errors import StackError
from devstack.steps import Progress, State, Step, Tell, run_steps

TIMEOUT_SECONDS = 10.0


def does(work: Callable[[], object]) -> Callable[[Tell], State]:
    def run(_tell: Tell) -> State:
        work()
        return State.READY

    return run


def fails(_tell: Tell) -> State:
    message = "it broke"
    raise StackError(message, "mend it")


def test_steps_that_need_nothing_of_each_other_run_at_the_same_time() -> None:
    meeting = Barrier(3, timeout=TIMEOUT_SECONDS)
    steps = [Step(name, does(meeting.wait)) for name in ("a", "b", "c")]

    run_steps(steps, lambda _: None, Event())


def test_a_step_waits_for_what_it_needs() -> None:
    order: list[str] = []
    first = Event()

    def begin() -> None:
        order.append("first")
        first.set()

    steps = [
        Step("first", does(begin)),
        Step("second", does(lambda: order.append(f"second, after first: {first.is_set()}")), ("first",)),
    ]

    run_steps(steps, lambda _: None, Event())

    assert order == ["first", "second, after first: True"]


def test_a_failure_ends_the_others_and_skips_what_needed_it() -> None:
    news: list[Progress] = []
    cancelled = Event()
    ran: list[str] = []
    steps = [
        Step("broken", fails),
        Step("endless", does(lambda: pause(cancelled, TIMEOUT_SECONDS))),
        Step("next", does(lambda: ran.append("next")), ("broken",)),
    ]

    with pytest.raises(StackError, match="it broke"):
        run_steps(steps, news.append, cancelled)

    last = {item.name: item.state for item in news}
    assert last == {"broken": State.FAILED, "endless": State.CANCELLED, "next": State.CANCELLED}
    assert ran == []


def test_a_step_given_up_from_outside_raises() -> None:
    cancelled = Event()
    cancelled.set()

    with pytest.raises(CancelledError):
        run_steps([Step("a", does(lambda: None))], lambda _: None, cancelled)


def test_progress_tells_every_state_in_order() -> None:
    news: list[Progress] = []

    def work(tell: Tell) -> State:
        tell("half way")
        return State.ALREADY

    run_steps([Step("a", work)], news.append, Event())

    told = [(item.state, item.detail) for item in news]
    assert told == [(State.WAITING, ""), (State.STARTING, ""), (State.STARTING, "half way"), (State.ALREADY, "")]
