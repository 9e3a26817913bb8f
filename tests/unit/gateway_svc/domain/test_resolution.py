"""How an unfinished operation is settled: within bounds, and never by a call that the PSP may take for a new one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_svc.domain.payment import ReversalStatus
from gateway_svc.domain.resolution import (
    ASK_DELAYS_MS,
    NO_ACCOUNT,
    NO_MEANS,
    NOT_FOUNDS_BEFORE_REPEAT,
    PENDING_EXPECTED_SECONDS,
    PENDING_GRACE_SECONDS,
    PENDING_PATIENCE_SECONDS,
    REVERSAL_GRACE_SECONDS,
    REVERSALS_MAX,
    REVERSE_DELAYS_MS,
    UNKNOWN_PATIENCE_SECONDS,
    Ask,
    Await,
    Confirms,
    Means,
    Repeat,
    Resolution,
    Reverse,
    Review,
    Situation,
    next_resolution,
)
from tests.unit.gateway_svc.domain.payments import ASKED_BY_REFERENCE, all_means

WINDOW_SECONDS = ASKED_BY_REFERENCE.repeat_seconds // 2
REPEATED_ONLY = Means(repeat_seconds=86_400)
NOTIFIED_ONLY = Means(webhook=True)

situations = st.builds(
    Situation,
    asks=st.integers(0, len(ASK_DELAYS_MS) + 3),
    not_founds=st.integers(0, 20),
    age_seconds=st.integers(0, 40 * 86_400),
    acknowledged=st.booleans(),
    expected_age_seconds=st.sampled_from((0, 60, 86_400, 90 * 86_400)),
    psp_reference=st.sampled_from(("", "psp_1")),
    payment_psp_reference=st.sampled_from(("", "psp_9")),
    reversals=st.integers(0, REVERSALS_MAX),
    reversal=st.sampled_from(ReversalStatus),
    reversal_age_seconds=st.integers(0, 40 * 86_400),
)


@given(situation=situations, means=all_means)
def test_no_repetition_starts_after_half_of_the_psps_memory(situation: Situation, means: Means) -> None:
    step = next_resolution(situation, means)
    if isinstance(step, Repeat):
        # The age is in whole seconds: the operation may be nearly a second older.
        starts_ms = (situation.age_seconds + 1) * 1000 + step.delay_ms
        assert starts_ms <= means.repeat_seconds * 1000 / 2


@given(situation=situations, means=all_means)
def test_what_the_psp_has_acknowledged_or_named_is_never_repeated_on_its_not_found(
    situation: Situation, means: Means
) -> None:
    step = next_resolution(situation, means)
    if situation.acknowledged:
        assert not isinstance(step, Repeat)
    if isinstance(step, Repeat) and means.can_ask(situation):
        assert not situation.psp_reference
        assert situation.not_founds >= NOT_FOUNDS_BEFORE_REPEAT


@given(situation=situations, means=all_means)
def test_a_psp_is_asked_only_by_what_it_can_be_asked_by(situation: Situation, means: Means) -> None:
    if isinstance(next_resolution(situation, means), Ask):
        assert means.can_ask(situation)


@given(situation=situations, means=all_means)
def test_every_wait_is_bounded(situation: Situation, means: Means) -> None:
    """However often nothing is learnt, an operator has the operation at last."""
    for _ in range(200):
        step = next_resolution(situation, means)
        if isinstance(step, Review):
            break
        assert 0 < step.delay_ms <= 86_400_000
        situation = replace(
            situation,
            asks=situation.asks + isinstance(step, Ask | Repeat | Reverse),
            age_seconds=situation.age_seconds + step.delay_ms // 1000 + 1,
            reversals=situation.reversals + isinstance(step, Reverse),
            reversal_age_seconds=0
            if isinstance(step, Reverse)
            else situation.reversal_age_seconds + step.delay_ms // 1000 + 1,
        )
    assert next_resolution(situation, means) == Review()


@given(situation=situations, means=all_means)
def test_nothing_waits_for_a_webhook_that_never_comes(situation: Situation, means: Means) -> None:
    if isinstance(next_resolution(situation, means), Await):
        reversed_too = not situation.acknowledged and means.reverse is Confirms.WEBHOOK
        assert means.webhook or reversed_too
        patience = PENDING_PATIENCE_SECONDS if situation.acknowledged else UNKNOWN_PATIENCE_SECONDS
        if situation.reversals:
            patience += REVERSAL_GRACE_SECONDS
        assert situation.age_seconds < patience


@pytest.mark.parametrize(
    ("asks", "age_seconds", "expected"),
    [
        (2, 5, Repeat(2_000)),
        (8, 770, Repeat(3_600_000)),
        # Its delay of an hour would end after the window, and one of six hours in any case.
        (8, WINDOW_SECONDS - 3600, Ask(3_600_000)),
        (8, WINDOW_SECONDS - 3601, Repeat(3_600_000)),
        (9, 4_400, Ask(21_600_000)),
        (10, 26_000, Ask(86_400_000)),
        (2, WINDOW_SECONDS, Ask(2_000)),
        (11, 26_000, Review()),
    ],
)
def test_the_delay_counts_against_the_window(asks: int, age_seconds: int, expected: Resolution) -> None:
    assert next_resolution(Situation(asks, 2, age_seconds), ASKED_BY_REFERENCE) == expected


@pytest.mark.parametrize(
    ("situation", "means", "expected"),
    [
        (Situation(0, 0, 0), NO_MEANS, Review()),
        (Situation(0, 0, 0), NO_ACCOUNT, Await(1_000)),
        (Situation(0, 0, 0), REPEATED_ONLY, Repeat(200)),
        (Situation(3, 0, 50_000), REPEATED_ONLY, Review()),
        (Situation(3, 0, 50_000), replace(REPEATED_ONLY, webhook=True), Await(21_600_000)),
        (Situation(0, 0, 60), NOTIFIED_ONLY, Await(60_000)),
        (Situation(0, 0, UNKNOWN_PATIENCE_SECONDS), NOTIFIED_ONLY, Review()),
        (Situation(0, 0, 0), Means(ask_by_psp_reference=True), Review()),
        (Situation(0, 0, 0, psp_reference="psp_1"), Means(ask_by_psp_reference=True), Ask(200)),
        (Situation(0, 0, 0, payment_psp_reference="psp_1"), Means(ask_by_payment=True), Ask(200)),
        (Situation(0, 0, 0, acknowledged=True), ASKED_BY_REFERENCE, Ask(2_000)),
        (Situation(0, 0, 5, acknowledged=True), NOTIFIED_ONLY, Await(5_000)),
        (Situation(0, 0, 5, acknowledged=True), NO_MEANS, Review()),
        (
            Situation(0, 0, PENDING_EXPECTED_SECONDS + PENDING_GRACE_SECONDS, acknowledged=True),
            ASKED_BY_REFERENCE,
            Review(),
        ),
        (
            Situation(0, 0, 60 + PENDING_GRACE_SECONDS, acknowledged=True, expected_age_seconds=60),
            NOTIFIED_ONLY,
            Review(),
        ),
    ],
)
def test_what_follows_from_what_a_psp_can_do(situation: Situation, means: Means, expected: Resolution) -> None:
    assert next_resolution(situation, means) == expected


REVERSIBLE = Means(webhook=True, reverse=Confirms.WEBHOOK)
REVERSIBLE_AT_ONCE = Means(reverse=Confirms.ANSWER)
SENT, ACKNOWLEDGED, REFUSED = ReversalStatus.SENT, ReversalStatus.ACKNOWLEDGED, ReversalStatus.REFUSED
LATE = UNKNOWN_PATIENCE_SECONDS + 900


def reversed_as(status: ReversalStatus, age_seconds: int, reversal_age_seconds: int, reversals: int = 1) -> Situation:
    """Give a situation after so many reversals, the last one so long ago."""
    return Situation(
        11,
        0,
        age_seconds,
        reversals=reversals,
        reversal=status,
        reversal_age_seconds=reversal_age_seconds,
    )


@pytest.mark.parametrize(
    ("situation", "means", "expected"),
    [
        # Not before asking and repeating are over.
        (Situation(0, 0, 0), replace(REVERSIBLE, repeat_seconds=86_400), Repeat(200)),
        (Situation(10, 0, 90), replace(REVERSIBLE, ask_by_reference=True), Ask(86_400_000)),
        (Situation(11, 0, 90_000), replace(REVERSIBLE, repeat_seconds=7 * 86_400), Reverse(900_000)),
        (Situation(11, 5, 90_000), replace(REVERSIBLE, ask_by_reference=True), Reverse(900_000)),
        (Situation(0, 0, 0), REVERSIBLE, Reverse(900_000)),
        (Situation(0, 0, 0), REVERSIBLE_AT_ONCE, Reverse(900_000)),
        # What the PSP has acknowledged nobody doubts.
        (Situation(0, 0, 5, acknowledged=True), REVERSIBLE, Await(5_000)),
        # Never repeated any more.
        (replace(reversed_as(SENT, 60, 1), asks=0), replace(REVERSIBLE, repeat_seconds=86_400), Reverse(900_000)),
        # One that is not answered is sent again, ever more rarely.
        (reversed_as(SENT, 2_000, 1), REVERSIBLE, Reverse(900_000)),
        (reversed_as(SENT, 9_000, 1, reversals=4), REVERSIBLE, Reverse(86_400_000)),
        (reversed_as(SENT, 9_000, 1, reversals=5), REVERSIBLE, Await(9_000_000)),
        # One that is answered waits for the webhook, as long as anything unknown does; then it is sent once more.
        (reversed_as(ACKNOWLEDGED, 2_000, 60), REVERSIBLE, Await(2_000_000)),
        (reversed_as(REFUSED, 2_000, 60), REVERSIBLE, Await(2_000_000)),
        (reversed_as(REFUSED, LATE, 200_000), REVERSIBLE, Reverse(900_000)),
        (reversed_as(ACKNOWLEDGED, LATE, 200_000), REVERSIBLE, Reverse(900_000)),
        (reversed_as(ACKNOWLEDGED, LATE, 800, reversals=2), REVERSIBLE, Await(21_600_000)),
        (reversed_as(REFUSED, LATE, 800, reversals=2), REVERSIBLE, Review()),
        (reversed_as(ACKNOWLEDGED, LATE + REVERSAL_GRACE_SECONDS, 86_400, reversals=2), REVERSIBLE, Review()),
        # Where the answer tells, there is nothing else to wait for.
        (reversed_as(REFUSED, 2_000, 60), REVERSIBLE_AT_ONCE, Review()),
        (reversed_as(SENT, 2_000, 60), REVERSIBLE_AT_ONCE, Reverse(900_000)),
        (reversed_as(SENT, 2_000, 60, reversals=5), REVERSIBLE_AT_ONCE, Review()),
    ],
)
def test_what_nobody_can_tell_is_taken_back(situation: Situation, means: Means, expected: Resolution) -> None:
    assert next_resolution(situation, means) == expected


@given(situation=situations, means=all_means)
def test_what_may_have_been_reversed_is_never_repeated(situation: Situation, means: Means) -> None:
    step = next_resolution(situation, means)
    assert not (isinstance(step, Repeat) and situation.reversals)
    if isinstance(step, Reverse):
        assert means.reverse is not None
        assert step.delay_ms >= REVERSE_DELAYS_MS[0]
        assert situation.reversals < REVERSALS_MAX
        assert not situation.acknowledged


def test_a_memory_of_a_few_minutes_is_none() -> None:
    assert next_resolution(Situation(0, 0, 0), Means(repeat_seconds=599)) == Review()


def test_delays_widen() -> None:
    assert list(ASK_DELAYS_MS) == sorted(ASK_DELAYS_MS)
