"""Estimates are drawn from coarse to fine, and forget what was before a change."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_svc.domain.learning.change import LATEST, changed_suffix
from router_svc.domain.learning.estimate import KINDS_MAX, Estimate
from router_svc.domain.learning.estimates import Estimates, Estimator
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
    return Estimates(learning, "m", names, round(last * 1_000) or at_ms(0)).estimate(account, "stripe")


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
    settings = LearningSettings(prior_ppm=800_000)
    estimate = estimated([seen(number, Taught.DECLINED) for number in range(4)], settings=settings)
    # 4 declines against a prior of 20 attempts, for everybody and then for the account: never below 20 of 28.
    assert estimate.approval_ppm >= 800_000 * 20 // 28


def difference(mine: Iterable[Observation], theirs: Iterable[Observation], **changes: Any) -> int:
    """Give by how much more alpha approves of a payment than beta, in millionths."""
    learning = Learning(LearningSettings())
    for event in [*mine, *theirs]:
        learning.observe(event)
    estimator = Estimates(learning, "m", segments_of(payment(**changes)), at_ms(10_000))
    return estimator.estimate("alpha", "alpha").approval_ppm - estimator.estimate("beta", "beta").approval_ppm


def spread(account: str, counts: dict[str, tuple[int, int]], first: int) -> list[Observation]:
    """Make outcomes by issuer country: how many, and how many of ten are approved."""
    found: list[Observation] = []
    for country, (count, approved_of_ten) in counts.items():
        found += mixed(count, approved_of_ten, first + len(found), account=account, issuer_country=country)
    return found


def test_an_account_that_gets_the_hard_payments_does_not_seem_bad_at_the_easy_ones() -> None:
    """Alpha and beta are alike in each country; alpha got nearly all of the hard one's, beta of the easy one's."""
    mine = spread("alpha", {"US": (800, 5), "FR": (40, 9)}, 0)
    theirs = spread("beta", {"US": (40, 5), "FR": (800, 9)}, 5_000)
    for country in ("US", "FR", "DE"):
        assert abs(difference(mine, theirs, issuer_country=country, bin="")) < 15_000


def test_what_an_account_does_in_some_segments_is_expected_of_it_in_the_others() -> None:
    """Beta has all of DE's payments; alpha was better than beta wherever both were tried."""
    mine = spread("alpha", {"FR": (200, 9), "US": (200, 7)}, 0)
    theirs = spread("beta", {"FR": (200, 7), "US": (200, 5), "DE": (400, 8)}, 5_000)
    assert difference(mine, theirs, issuer_country="DE", bin="") > 100_000


def test_a_stratum_where_one_account_has_all_payments_tells_of_the_other_by_what_they_do_elsewhere() -> None:
    """The account is compared with who was routed there, not with itself: beta leads in DE, alpha in FR."""
    mine = spread("alpha", {"FR": (900, 9), "DE": (5, 9)}, 0)
    theirs = spread("beta", {"FR": (100, 7), "DE": (900, 8)}, 5_000)
    assert difference(mine, theirs, issuer_country="DE", bin="") > 60_000


def test_what_is_hard_for_all_is_expected_to_be_hard_for_an_account_that_was_not_tried_there() -> None:
    events = [
        *mixed(500, 9, account="alpha"),
        *mixed(500, 3, 500, account="alpha", issuer_country="US"),
        *mixed(500, 9, 1_000, account="beta"),
    ]
    at_home = estimated(events, account="beta").approval_ppm
    assert estimated(events, account="beta", issuer_country="US").approval_ppm < at_home - 100_000


def test_a_sudden_run_of_declines_is_believed_within_a_few_payments() -> None:
    outage = [seen(2_000 + number, Taught.DECLINED) for number in range(8)]
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
    estimate = estimated([*long_ago, *fresh], settings=LearningSettings(enough=60))
    assert estimate.attempts == pytest.approx(60, abs=1)
    # Half of the sixty that are enough are from the time of two out of ten, half of five.
    assert estimate.approval_ppm == pytest.approx(350_000, abs=20_000)


def test_a_quicker_memory_counts_where_it_tells_something_else() -> None:
    before = mixed(3_000, 9)
    worse = [
        seen(9_000 + number, Taught.APPROVED if number % 10 < 7 else Taught.DECLINED, seconds=8 * 3_600 + 5 * number)
        for number in range(1_000)
    ]
    assert estimated([*before, *worse]).approval_ppm == pytest.approx(700_000, abs=30_000)


def test_what_was_learnt_of_a_segment_long_ago_moves_with_the_account() -> None:
    long_ago = [*mixed(50, 9, bin="555555"), *mixed(5_000, 9, 500, bin="424242")]
    now = [
        seen(9_000 + number, Taught.APPROVED if number % 2 else Taught.DECLINED, seconds=6 * 86_400 + 60 * number)
        for number in range(300)
    ]
    estimate = estimated([*long_ago, *now], bin="555555")
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


def test_what_is_surely_explained_is_explained_by_each_run_of_outcomes() -> None:
    """Four declines among many approvals are luck at nine of ten, wherever they stand; eight in a row are not."""
    approvals = (1 << LATEST) - 1
    for place in range(LATEST - 3):
        assert changed_suffix(approvals & ~(0b1111 << place), LATEST, 900_000, 1_000) == 0
    assert changed_suffix(approvals & ~0b1111_1111, LATEST, 900_000, 1_000) >= 8
    # Too many approvals are a change, too.
    assert changed_suffix(approvals, LATEST, 300_000, 1_000) > 0


def test_within_a_change_less_is_asked_for_to_see_its_end() -> None:
    """Ten approvals after an outage of twenty-two: they alone count, though they would be no surprise at first."""
    assert changed_suffix((1 << 10) - 1, LATEST, 900_000, 1_000) <= 12
    assert changed_suffix((1 << 10) - 1, 10, 500_000, 1_000) == 0


def test_outcomes_as_expected_are_no_change() -> None:
    assert changed_suffix(0b1111_1011_1111_0111_1111, 20, 900_000, 1_000) == 0
    assert changed_suffix(0, 4, 900_000, 10) == 0


def test_parts_that_are_not_known_leave_their_level_out() -> None:
    assert segments_of(payment()) == ("", "visa EUR", "visa EUR FR credit", "visa EUR FR credit 424242")
    assert segments_of(payment(bin="")) == ("", "visa EUR", "visa EUR FR credit")
    assert segments_of(payment(bin="", funding="", issuer_country="")) == ("", "visa EUR")
    assert segments_of(payment(funding="", issuer_country="")) == ("", "visa EUR", "visa EUR - - 424242")
    assert segments_of(payment(brand="", funding="")) == ("", "- EUR", "- EUR FR -", "- EUR FR - 424242")


@given(st.lists(observations() | st.integers(0, 400_000), max_size=40))
def test_estimates_that_are_at_hand_are_those_that_would_be_made_now(steps: list[Observation | int]) -> None:
    """Each step is an outcome, or the second at which payments are asked for."""
    learning = Learning(LearningSettings(segments_max=4, accounts_max=2))
    for step in steps:
        if isinstance(step, Observation):
            learning.observe(step)
            continue
        for facts in (payment(), payment(brand="amex"), payment(bin="400000")):
            names = segments_of(facts)
            now = tuple(at_ms(step) // width for width in learning.widths)
            for name in ("alpha", "beta", "gamma"):
                kept = Estimates(learning, "m", names, at_ms(step)).estimate(name, "stripe")
                assert kept == Estimator(learning, learning.merchant("m"), names, now).estimate(name, "stripe")


def test_estimates_that_are_at_hand_are_bounded() -> None:
    learning = Learning(LearningSettings())
    learning.observe(seen(1))
    for number in range(3 * KINDS_MAX):
        Estimates(learning, "m", segments_of(payment(bin=str(number))), at_ms(2)).estimate("alpha", "stripe")
        merchant = learning.merchant("m")
        assert merchant is not None
        assert len(merchant.kept._by_kind) <= KINDS_MAX
