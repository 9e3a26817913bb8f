from psp_connectors.domain.breaker import Breaker, BreakerLimits, BreakerState, Permit

LIMITS = BreakerLimits(failures_to_open=3, open_seconds=10.0)


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(LIMITS)
    for _ in range(3):
        permit = breaker.begin(at)
        assert permit is Permit.CALL
        breaker.failed(permit, at)
    return breaker


def test_opens_after_failures_in_a_row() -> None:
    breaker = Breaker(LIMITS)
    for failures in range(3):
        assert breaker.state(0) is BreakerState.CLOSED, failures
        breaker.failed(Permit.CALL, 0)
    assert breaker.state(0) is BreakerState.OPEN
    assert breaker.begin(0) is None


def test_reaching_the_psp_starts_the_count_again() -> None:
    breaker = Breaker(LIMITS)
    for _ in range(10):
        breaker.failed(Permit.CALL, 0)
        breaker.failed(Permit.CALL, 0)
        breaker.reached()
    assert breaker.state(0) is BreakerState.CLOSED


def test_open_refuses_until_its_time_is_over() -> None:
    breaker = opened(at=100)
    assert not breaker.permits(109.9)
    assert breaker.state(110) is BreakerState.HALF_OPEN
    assert breaker.permits(110)


def test_half_open_lets_one_probe_through_at_a_time() -> None:
    breaker = opened()
    assert breaker.begin(10) is Permit.PROBE
    assert breaker.begin(10) is None
    breaker.reached()
    assert breaker.begin(10) is Permit.CALL
    assert breaker.begin(10) is Permit.CALL


def test_failed_probe_opens_again_for_the_whole_time() -> None:
    breaker = opened()
    breaker.failed(breaker.begin(10) or Permit.CALL, 12)
    assert breaker.begin(21.9) is None
    assert breaker.begin(22) is Permit.PROBE


def test_abandoned_probe_makes_room_for_the_next() -> None:
    breaker = opened()
    breaker.abandoned(breaker.begin(10) or Permit.CALL)
    assert breaker.state(10) is BreakerState.HALF_OPEN
    assert breaker.begin(10) is Permit.PROBE


def test_late_failure_of_an_earlier_call_neither_prolongs_nor_decides_the_probe() -> None:
    breaker = opened()
    breaker.failed(Permit.CALL, 9)
    assert breaker.begin(10) is Permit.PROBE
    breaker.failed(Permit.CALL, 10)
    breaker.abandoned(Permit.CALL)
    assert breaker.begin(10) is None, "the probe is still under way"
