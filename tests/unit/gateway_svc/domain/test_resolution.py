"""How an unknown outcome is settled: within bounds, and never by a call that the PSP may take for a new one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_svc.domain.resolution import (
    ASK_DELAYS_MS,
    NOT_FOUNDS_BEFORE_REPEAT,
    REPEAT_WINDOW_SECONDS,
    Ask,
    Repeat,
    Review,
    next_resolution,
)

ASKS = st.integers(0, len(ASK_DELAYS_MS) + 3)


@given(asks=ASKS, not_founds=st.integers(0, 20), age_seconds=st.integers(0, 3 * REPEAT_WINDOW_SECONDS))
def test_no_repetition_is_planned_to_start_after_the_window(asks: int, not_founds: int, age_seconds: int) -> None:
    step = next_resolution(asks=asks, not_founds=not_founds, age_seconds=age_seconds)
    if isinstance(step, Repeat):
        # The age is in whole seconds: the operation may be nearly a second older.
        assert (age_seconds + 1) * 1000 + step.delay_ms <= REPEAT_WINDOW_SECONDS * 1000


@given(asks=ASKS, not_founds=st.integers(0, 20), age_seconds=st.integers(0, 3 * REPEAT_WINDOW_SECONDS))
def test_every_step_is_bounded_and_follows_its_delay(asks: int, not_founds: int, age_seconds: int) -> None:
    step = next_resolution(asks=asks, not_founds=not_founds, age_seconds=age_seconds)
    if asks >= len(ASK_DELAYS_MS):
        assert step == Review()
    else:
        assert isinstance(step, Ask | Repeat)
        assert step.delay_ms == ASK_DELAYS_MS[asks]


@given(asks=ASKS, not_founds=st.integers(0, NOT_FOUNDS_BEFORE_REPEAT - 1), age_seconds=st.integers(0, 100_000))
def test_one_not_found_repeats_nothing(asks: int, not_founds: int, age_seconds: int) -> None:
    assert not isinstance(next_resolution(asks=asks, not_founds=not_founds, age_seconds=age_seconds), Repeat)


@pytest.mark.parametrize(
    ("asks", "age_seconds", "expected"),
    [
        (2, 5, Repeat(2_000)),
        (8, 770, Repeat(3_600_000)),
        # Its delay of an hour would end after the window, and one of six hours in any case.
        (8, REPEAT_WINDOW_SECONDS - 3600, Ask(3_600_000)),
        (8, REPEAT_WINDOW_SECONDS - 3601, Repeat(3_600_000)),
        (9, 4_400, Ask(21_600_000)),
        (10, 26_000, Ask(86_400_000)),
        (2, REPEAT_WINDOW_SECONDS, Ask(2_000)),
    ],
)
def test_the_delay_counts_against_the_window(asks: int, age_seconds: int, expected: Ask | Repeat) -> None:
    assert next_resolution(asks=asks, not_founds=2, age_seconds=age_seconds) == expected


def test_delays_widen() -> None:
    assert list(ASK_DELAYS_MS) == sorted(ASK_DELAYS_MS)
