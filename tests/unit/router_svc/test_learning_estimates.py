"""Estimates are drawn from coarse to fine, and forget what was before a change."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_svc.domain.learning.change import LATEST, changed_suffix
from router_svc.domain.learning.estimates import Estimate, Estimator
from router_svc.domain.learning.segments import segments_of
from router_svc.domain.learning.settings import MILLION, LearningSettings
from router_svc.domain.learning.state import Learning
from router_svc.domain.observation import Observation, Taught
from tests.unit.router_svc.observations import at_ms, observations, payment, seen


def estimated(
    events: Iterable[Observation], *, account: str = "alpha", settings: LearningSettings | None = None, **changes: Any
) -> Estimate:
    learning = Learning(settings or LearningSettings())
    last = 0.0
    for event in events:
        learning.observe(event)
        last = max(last, event.at.timestamp())
    names = segments_of(payment(**changes))
    return Estimator(learning, "m", names, round(last * 1_000) or at_ms(0)).estimate(account, "stripe")


def mixed(count: int, approved_of_ten: int, first: int = 0, **changes: Any) -> list[Observation]:
    return [
        seen(first + number, Taught.APPROVED if number * 7 % 10 < approved_of_ten else Taught.DECLINED, **changes)
        for number in range(count)
    ]


def test_what_nobody_tried_has_the_chance_of_its_connector() -> None:
    settings = LearningSettings(prior_ppm_by_connector={"stripe": 910_000})
    estimate = estimated([], settings=settings)
    assert (estimate.approval_ppm, estimate.attempts, estimate.segment) == (910_000, 0, "")


def test_many_attempts_outweigh_the_prior() -> None:
    estimate = estimated(mixed(1_000, 6))
    assert estimate.approval_ppm == pytest.approx(600_000, abs=15_000)
    assert estimate.segment == "visa EUR FR credit 424242"
    assert estimate.attempts == 1_000


def test_a_fine_segment_with_few_attempts_stays_near_the_coarser_one() -> None:
    events = [*mixed(1_000, 9, bin="424242"), *mixed(5, 0, 1_000, bin="555555")]
    near = estimated(events, bin="555555").approval_ppm
    assert 700_000 < near < 890_000
    assert estimated(events, bin="424242").approval_ppm > near


def test_the_same_few_outcomes_are_not_believed_at_every_level() -> None:
    settings = LearningSettings(prior_ppm=800_000, pool_permille=0)
    estimate = estimated([seen(number, Taught.DECLINED) for number in range(4)], settings=settings)
    # 4 declines against priors of at least 20 attempts: never below 40 of 48.
    assert estimate.approval_ppm >= 800_000 * 20 // 28


def test_what_is_hard_for_all_is_expected_to_be_hard_for_an_account_that_was_not_tried_there() -> None:
    events = [
        *mixed(500, 9, account="alpha"),
        *mixed(500, 3, 500, account="alpha", issuer_country="US"),
        *mixed(500, 9, 1_000, account="beta"),
    ]
    at_home = estimated(events, account="beta").approval_ppm
    assert estimated(events, account="beta", issuer_country="US").approval_ppm < at_home - 100_000


def test_a_sudden_run_of_declines_is_believed_within_a_few_payments() -> None:
    outage = [seen(2_000 + number, Taught.DECLINED) for number in range(7)]
    before = estimated(mixed(1_000, 9))
    after = estimated([*mixed(1_000, 9), *outage])
    assert not before.changed
    assert after.changed
    assert after.approval_ppm < 600_000


def test_a_change_in_the_account_as_a_whole_is_believed_in_each_segment() -> None:
    known = [*mixed(500, 9, bin="424242"), *mixed(500, 9, 500, bin="555555")]
    outage = [seen(2_000 + number, Taught.DECLINED, bin="424242") for number in range(9)]
    estimate = estimated([*known, *outage], bin="555555")
    assert estimate.changed
    assert estimate.approval_ppm < 700_000


def test_the_end_of_an_outage_is_seen_within_it() -> None:
    outage = [seen(2_000 + number, Taught.DECLINED) for number in range(LATEST)]
    recovered = [seen(3_000 + number) for number in range(8)]
    worst = estimated([*mixed(1_000, 9), *outage]).approval_ppm
    estimate = estimated([*mixed(1_000, 9), *outage, *recovered])
    assert estimate.approval_ppm > worst + 200_000


def test_older_outcomes_fill_up_what_is_missing_and_no_more() -> None:
    long_ago = mixed(1_000, 2)
    fresh = [
        seen(5_000 + number, Taught.APPROVED if number % 2 else Taught.DECLINED, seconds=5 * 86_400 + number)
        for number in range(30)
    ]
    estimate = estimated([*long_ago, *fresh])
    assert estimate.attempts == pytest.approx(60, abs=1)
    # Half of the sixty that are enough are from the time of two out of ten; the prior is 0.85.
    assert 350_000 < estimate.approval_ppm < 600_000


def test_a_quicker_memory_counts_where_it_tells_something_else() -> None:
    before = mixed(3_000, 9)
    worse = [
        seen(9_000 + number, Taught.APPROVED if number % 10 < 7 else Taught.DECLINED, seconds=8 * 3_600 + 5 * number)
        for number in range(1_000)
    ]
    assert estimated([*before, *worse]).approval_ppm == pytest.approx(700_000, abs=30_000)


def test_what_was_learnt_of_a_segment_long_ago_moves_with_the_account() -> None:
    settings = LearningSettings(pool_permille=0)
    long_ago = [*mixed(50, 9, bin="555555"), *mixed(5_000, 9, 500, bin="424242")]
    now = [
        seen(9_000 + number, Taught.APPROVED if number % 2 else Taught.DECLINED, seconds=6 * 86_400 + 60 * number)
        for number in range(300)
    ]
    estimate = estimated([*long_ago, *now], bin="555555", settings=settings)
    assert estimate.attempts == pytest.approx(30, abs=5)
    assert estimate.approval_ppm < 600_000


@given(st.lists(observations(), max_size=60))
def test_an_estimate_is_a_chance(events: list[Observation]) -> None:
    estimate = estimated(events)
    assert 0 <= estimate.approval_ppm <= MILLION
    assert 0 <= estimate.error_ppm <= MILLION
    assert estimate.attempts >= 0


@given(st.integers(0, 2**LATEST - 1), st.integers(0, LATEST), st.integers(0, MILLION))
def test_a_change_is_a_suffix_of_what_is_remembered(bits: int, count: int, expected: int) -> None:
    assert 0 <= changed_suffix(bits & ((1 << count) - 1), count, expected, 1_000) <= count


def test_outcomes_as_expected_are_no_change() -> None:
    assert changed_suffix(0b1111_1011_1111_0111_1111, 20, 900_000, 1_000) == 0
    assert changed_suffix(0, 4, 900_000, 10) == 0


def test_parts_that_are_not_known_leave_their_level_out() -> None:
    assert segments_of(payment()) == ("", "visa EUR", "visa EUR FR credit", "visa EUR FR credit 424242")
    assert segments_of(payment(bin="")) == ("", "visa EUR", "visa EUR FR credit")
    assert segments_of(payment(bin="", funding="", issuer_country="")) == ("", "visa EUR")
    assert segments_of(payment(funding="", issuer_country="")) == ("", "visa EUR", "visa EUR - - 424242")
    assert segments_of(payment(brand="", funding="")) == ("", "- EUR", "- EUR FR -", "- EUR FR - 424242")
