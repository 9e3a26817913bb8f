import pytest
from hypothesis import given
from hypothesis import strategies as st

from psp_connectors.domain.pacing import LONGEST_PAUSE_SECONDS, Pacer, retry_after_seconds

WALL_NOW = 1_445_412_480.0


def test_without_a_rate_everything_may_pass() -> None:
    pacer = Pacer(0)
    assert all(pacer.permits(1000.0) for _ in range(1000))


@given(
    rate=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=200),
)
def test_never_more_calls_than_the_rate_and_a_burst_of_one_second(rate: int, gaps: list[float]) -> None:
    pacer, now, passed = Pacer(rate), 0.0, 0
    for gap in gaps:
        now += gap
        passed += pacer.permits(now)
    assert passed <= rate + now * rate + 1e-6


def test_the_rate_fills_again_with_time() -> None:
    pacer = Pacer(2)
    assert [pacer.permits(10.0) for _ in range(3)] == [True, True, False]
    assert [pacer.permits(10.5) for _ in range(2)] == [True, False]


def test_a_pause_holds_everything_back_until_it_is_over() -> None:
    pacer = Pacer(0)
    pacer.pause(5, 100.0)
    assert [pacer.permits(now) for now in (100.0, 104.9, 105.0)] == [False, False, True]


def test_a_shorter_pause_does_not_cut_a_longer_one() -> None:
    pacer = Pacer(0)
    pacer.pause(10, 100.0)
    pacer.pause(1, 100.0)
    assert not pacer.permits(109.0)


@pytest.mark.parametrize(("seconds", "resumes"), [(10**9, LONGEST_PAUSE_SECONDS), (-5, 0)])
def test_pauses_are_bounded(seconds: float, resumes: float) -> None:
    pacer = Pacer(0)
    pacer.pause(seconds, 0.0)
    assert pacer.permits(resumes)
    assert resumes == 0 or not pacer.permits(resumes - 0.1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 400, 999_999_999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after_seconds(header, WALL_NOW) == seconds


@given(header=st.text(max_size=60))
def test_any_header_is_read_without_raising(header: str) -> None:
    seconds = retry_after_seconds(header, WALL_NOW)
    assert seconds is None or seconds >= 0
