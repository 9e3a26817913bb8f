"""The laws of the fold: the same in every process, each attempt once, bounded, and read back as it was written."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_svc.domain.learning.change import LATEST
from router_svc.domain.learning.estimate import Estimate
from router_svc.domain.learning.estimates import Estimates
from router_svc.domain.learning.memory import BUCKETS_MAX, PACES
from router_svc.domain.learning.segments import segments_of
from router_svc.domain.learning.settings import HOUR_MS, LearningSettings
from router_svc.domain.learning.state import Learning, LearningSnapshot, SnapshotError
from router_svc.domain.observation import Observation, Taught
from tests.unit.router_svc.observations import at_ms, observations, payment, seen


def folded(events: Sequence[Observation], settings: LearningSettings | None = None) -> Learning:
    learning = Learning(settings or LearningSettings())
    for event in events:
        learning.observe(event)
    return learning


def estimates(learning: Learning, seconds: float = 0) -> list[Estimate]:
    facts = payment()
    return [
        Estimates(learning, merchant, segments_of(facts), at_ms(seconds)).estimate(account, account)
        for merchant in ("m", "n")
        for account in ("alpha", "beta", "gamma")
    ]


def definite(events: Sequence[Observation]) -> list[Observation]:
    """Keep the first definite outcome of each attempt, which alone counts."""
    first: dict[tuple[str, int], Observation] = {}
    for event in events:
        if event.taught in {Taught.APPROVED, Taught.DECLINED}:
            first.setdefault((event.payment_id, event.ordinal), event)
    return list(first.values())


@given(st.lists(observations(), max_size=60))
def test_two_folds_over_the_same_events_are_equal_to_the_bit(events: list[Observation]) -> None:
    assert folded(events).snapshot() == folded(events).snapshot()


@given(
    st.lists(observations(), max_size=60)
    .map(definite)
    .flatmap(lambda all_: st.tuples(st.just(all_), st.permutations(all_)))
)
def test_the_order_in_which_partitions_are_read_makes_no_difference(
    orders: tuple[list[Observation], list[Observation]],
) -> None:
    one, other = map(folded, orders)
    assert one.snapshot() == other.snapshot()
    assert estimates(one, 41 * 86_400) == estimates(other, 41 * 86_400)


@given(st.lists(observations(), max_size=60), st.lists(st.integers(0, 59), max_size=60))
def test_what_arrives_again_counts_once(events: list[Observation], again: list[int]) -> None:
    redelivered = [*events, *(events[index] for index in again if index < len(events))]
    assert folded(redelivered).snapshot() == folded(events).snapshot()


@given(st.lists(observations(), max_size=60), st.integers(0, 60))
def test_a_snapshot_read_back_behaves_as_the_state_it_was_made_of(events: list[Observation], cut: int) -> None:
    settings = LearningSettings()
    whole = folded(events)
    written = msgspec.msgpack.encode(folded(events[:cut]).snapshot())
    learning = Learning.restored(msgspec.msgpack.decode(written, type=LearningSnapshot), settings)
    assert learning.snapshot() == folded(events[:cut]).snapshot()
    for event in events[cut:]:
        learning.observe(event)
    assert learning.snapshot() == whole.snapshot()
    assert estimates(learning) == estimates(whole)


def test_a_snapshot_of_other_settings_is_not_read_on_from() -> None:
    snapshot = folded([seen(1)]).snapshot()
    with pytest.raises(SnapshotError, match="half-life"):
        Learning.restored(snapshot, LearningSettings(half_life_ms=HOUR_MS))
    with pytest.raises(SnapshotError, match="format 0"):
        Learning.restored(replace(snapshot, format=0), LearningSettings())


@given(st.lists(observations(("alpha", "beta", "gamma", "delta")), max_size=80))
def test_everything_is_bounded(events: list[Observation]) -> None:
    settings = LearningSettings(segments_max=5, accounts_max=2, merchants_max=1, attempts_max=4)
    snapshot = folded(events, settings).snapshot()
    assert len({account.merchant_id for account in snapshot.accounts}) <= 1
    assert len(snapshot.accounts) <= 3
    assert len(snapshot.known_newer) < 4
    assert len(snapshot.known_older) <= 4
    for account in snapshot.accounts:
        assert len(account.segments) <= 5
        for segment in account.segments:
            assert len(segment.paces) == len(PACES)
            assert all(len(pace) <= BUCKETS_MAX for pace in segment.paces)
            assert len(segment.latest) <= LATEST


def test_the_segments_used_longest_ago_are_forgotten_first_and_the_coarse_ones_last() -> None:
    settings = LearningSettings(segments_max=8)
    learning = folded([seen(number, bin=f"{number:06}") for number in range(100)], settings)
    account = learning.account("m", "alpha")
    assert account is not None
    assert {"", "visa EUR", "visa EUR FR credit", "visa EUR FR credit 000099"} <= account.segments.keys()
    assert "visa EUR FR credit 000001" not in account.segments


def test_only_definite_outcomes_teach_and_the_first_of_them_counts() -> None:
    learning = Learning(LearningSettings())
    assert not learning.observe(seen(1, Taught.IGNORED))
    assert not learning.observe(seen(1, Taught.TECHNICAL))
    assert learning.observe(seen(1, Taught.DECLINED))
    assert not learning.observe(seen(1, Taught.APPROVED))
    assert learning.observe(seen(1, Taught.APPROVED, ordinal=2))


def test_an_event_from_the_far_future_does_not_wipe_out_what_is_known() -> None:
    learning = folded([seen(number) for number in range(100)])
    before = estimates(learning, 100)[0]
    learning.observe(seen(1_000, seconds=10 * 365 * 86_400))
    assert estimates(learning, 100)[0].attempts >= before.attempts


def test_old_outcomes_fade_with_the_time_of_the_payment() -> None:
    learning = folded([seen(number) for number in range(1_000)])
    attempts = [estimates(learning, hours * 3_600)[0].attempts for hours in (0, 4, 8)]
    assert attempts[0] == 1_000
    assert attempts[1] == pytest.approx(500, abs=2)
    assert attempts[2] == pytest.approx(250, abs=2)


def test_a_merchant_with_few_payments_remembers_as_many_as_are_enough_for_weeks() -> None:
    settings = LearningSettings(enough=60)
    learning = folded([seen(number, seconds=number * 7_200) for number in range(240)], settings)
    for days in (20, 22):
        assert estimates(learning, days * 86_400)[0].attempts == settings.enough


@given(st.lists(st.tuples(observations(), st.integers(0, 45 * 86_400)), max_size=40))
def test_asking_in_between_changes_nothing(events: list[tuple[Observation, int]]) -> None:
    """Sums that are kept up between two questions are those that would be made anew."""
    asked = Learning(LearningSettings())
    for count, (event, seconds) in enumerate(events, 1):
        asked.observe(event)
        anew = folded([each for each, _ in events[:count]])
        assert estimates(asked, seconds) == estimates(anew, seconds)


@pytest.mark.parametrize("segments_max", [6, 1_000])
def test_sums_over_strata_are_those_that_would_be_made_anew(segments_max: int) -> None:
    """Also after more outcomes than are remembered in between, and when segments were forgotten."""
    settings = LearningSettings(segments_max=segments_max)
    events = [
        seen(
            number,
            Taught.APPROVED if number % 3 else Taught.DECLINED,
            account="alpha" if number % 2 else "beta",
            issuer_country=("FR", "DE", "US", "IT", "ES")[number * 7 % 5],
            bin="",
        )
        for number in range(700)
    ]
    asked = Learning(settings)
    for count, event in enumerate(events, 1):
        asked.observe(event)
        if count in {50, 60, 650, 651, 700}:
            assert estimates(asked, count) == estimates(folded(events[:count], settings), count)
