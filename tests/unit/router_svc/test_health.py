"""The breaker: opens on technical errors alone, half-opens by probes, closes on answers, the same in every process."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_svc.domain.health import Admission, Health, HealthSettings, HealthSnapshot
from router_svc.domain.learning.state import SnapshotError
from router_svc.domain.observation import Observation, Taught
from tests.unit.router_svc.observations import at_ms, observations, seen

SETTINGS = HealthSettings()


def folded(events: list[Observation], settings: HealthSettings = SETTINGS) -> Health:
    health = Health(settings)
    for event in events:
        health.observe(event)
    return health


def ill(count: int = 5, first: int = 0) -> list[Observation]:
    return [seen(first + number, Taught.TECHNICAL) for number in range(count)]


def admissions(health: Health, seconds: float, account: str = "alpha") -> set[Admission]:
    return {health.verdict(account, f"q{number}", at_ms(seconds)).admission for number in range(200)}


@given(st.lists(observations(), max_size=60))
def test_declines_and_what_nobody_knows_never_open_it(events: list[Observation]) -> None:
    health = folded([event for event in events if event.taught is not Taught.TECHNICAL])
    assert admissions(health, 0) == {Admission.HEALTHY}


def test_it_opens_at_the_threshold_and_for_that_account_only() -> None:
    assert admissions(folded(ill(4)), 5) == {Admission.HEALTHY}
    health = folded(ill(5))
    assert admissions(health, 5) == {Admission.TURNED_AWAY}
    assert admissions(health, 5, "beta") == {Admission.HEALTHY}
    assert health.verdict("alpha", "q", at_ms(5)).reason == "technical errors: not used until 00:00:34 UTC"


def test_errors_among_many_answers_do_not_open_it() -> None:
    answers = [seen(100 + number, Taught.DECLINED, seconds=number / 100) for number in range(20)]
    assert admissions(folded([*answers, *ill(10)]), 10) == {Admission.HEALTHY}


def test_errors_that_are_far_apart_do_not_open_it() -> None:
    assert admissions(folded([seen(n, Taught.TECHNICAL, seconds=n * 40) for n in range(20)]), 900) == {
        Admission.HEALTHY
    }


def test_an_error_that_is_delivered_twice_counts_once() -> None:
    assert admissions(folded(ill(4) * 3), 5) == {Admission.HEALTHY}


def test_half_open_lets_the_same_few_probes_through_everywhere() -> None:
    one, other = folded(ill()), folded(ill())
    moment = at_ms(40)
    verdicts = [one.verdict("alpha", f"q{number}", moment) for number in range(2_000)]
    assert verdicts == [other.verdict("alpha", f"q{number}", moment) for number in range(2_000)]
    probes = sum(verdict.admission is Admission.PROBE for verdict in verdicts)
    assert probes == pytest.approx(200, abs=50)


def test_without_any_outcome_more_and_more_payments_may_probe() -> None:
    assert admissions(folded(ill()), 40 + 10 * 30) == {Admission.PROBE}


def test_answers_close_it() -> None:
    answers = [seen(100 + number, taught, seconds=40) for number, taught in enumerate([Taught.APPROVED] * 3)]
    assert Admission.HEALTHY not in admissions(folded([*ill(), *answers[:2]]), 41)
    assert admissions(folded([*ill(), *answers]), 41) == {Admission.HEALTHY}
    declines = [seen(100 + number, Taught.DECLINED, seconds=40) for number in range(3)]
    assert admissions(folded([*ill(), *declines]), 41) == {Admission.HEALTHY}


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_a_bound() -> None:
    events = ill()
    length, opened = 30.0, 4.0
    for number in range(8):
        opened += length + 1
        events.append(seen(100 + number, Taught.TECHNICAL, seconds=opened))
        length = min(length * 2, 600.0)
        health = folded(events)
        assert admissions(health, opened + length - 1) == {Admission.TURNED_AWAY}
        assert Admission.PROBE in admissions(health, opened + length + 1)


def test_what_was_sent_before_it_opened_neither_closes_nor_prolongs_it() -> None:
    late = [seen(100 + number, Taught.APPROVED, seconds=20) for number in range(5)]
    late += [seen(200 + number, Taught.TECHNICAL, seconds=25) for number in range(5)]
    assert folded([*ill(), *late]).verdict("alpha", "q", at_ms(10)) == folded(ill()).verdict("alpha", "q", at_ms(10))
    assert Admission.PROBE in admissions(folded([*ill(), *late]), 36)


@given(st.lists(observations(), max_size=60), st.integers(0, 60))
def test_a_snapshot_read_back_behaves_as_the_state_it_was_made_of(events: list[Observation], cut: int) -> None:
    written = msgspec.msgpack.encode(folded(events[:cut]).snapshot())
    health = Health.restored(msgspec.msgpack.decode(written, type=HealthSnapshot), SETTINGS)
    for event in events[cut:]:
        health.observe(event)
    assert health.snapshot() == folded(events).snapshot()


@given(st.lists(observations(), max_size=60))
def test_accounts_do_not_touch_each_other(events: list[Observation]) -> None:
    alone = folded([event for event in events if event.account == "alpha"])
    together = folded(events)
    breakers = [each for each in together.snapshot().breakers if each.account == "alpha"]
    assert tuple(breakers) == alone.snapshot().breakers


def test_the_breakers_are_bounded() -> None:
    settings = HealthSettings(accounts_max=3)
    health = folded([seen(number, account=f"a{number}") for number in range(10)], settings)
    assert [each.account for each in health.snapshot().breakers] == ["a7", "a8", "a9"]


def once(events: Sequence[Observation]) -> list[Observation]:
    """Keep the first of each outcome: that is in order within a payment, however the partitions are read."""
    first: dict[tuple[str, str, int, bool], Observation] = {}
    for event in events:
        if event.taught is not Taught.IGNORED:
            key = (event.payment_id, event.account, event.ordinal, event.taught is Taught.TECHNICAL)
            first.setdefault(key, event)
    return list(first.values())


def troubled() -> st.SearchStrategy[list[Observation]]:
    """Outcomes within ten minutes, half of them errors, so that breakers open and close."""
    moment = st.integers(0, 600_000)
    taught = st.sampled_from([Taught.APPROVED, Taught.DECLINED, Taught.TECHNICAL, Taught.TECHNICAL])
    outcomes = st.lists(st.tuples(moment, taught), max_size=120)
    return outcomes.map(lambda all_: [seen(n, taught, seconds=ms / 1_000) for n, (ms, taught) in enumerate(all_)])


@given(troubled().flatmap(lambda all_: st.tuples(st.just(all_), st.permutations(all_))), st.integers(1, 700))
def test_the_order_of_the_events_makes_no_difference(
    orders: tuple[list[Observation], list[Observation]], seconds: int
) -> None:
    # So few buckets that some are forgotten.
    settings = HealthSettings(errors_min=2, buckets_max=20)
    one, other = (folded(events, settings) for events in orders)
    assert one.snapshot() == other.snapshot()
    for number in range(20):
        verdicts = [health.verdict("alpha", f"q{number}", at_ms(seconds)) for health in (one, other)]
        assert verdicts[0] == verdicts[1]


@given(
    st.lists(observations(), max_size=60)
    .map(once)
    .flatmap(lambda all_: st.tuples(st.just(all_), st.permutations(all_)))
)
def test_the_order_makes_no_difference_to_what_is_written_down(
    orders: tuple[list[Observation], list[Observation]],
) -> None:
    one, other = map(folded, orders)
    assert one.snapshot() == other.snapshot()


def test_asking_in_between_makes_no_difference() -> None:
    asked = Health(SETTINGS)
    for event in [*ill(), *[seen(100 + number, Taught.APPROVED, seconds=40) for number in range(3)]]:
        asked.observe(event)
        asked.verdict("alpha", "q", at_ms(50))
    assert admissions(asked, 50) == {Admission.HEALTHY}


def test_an_error_that_comes_late_counts_at_its_own_time() -> None:
    answers = [seen(100 + number, Taught.APPROVED, seconds=100 + number / 10) for number in range(50)]
    late = folded([*answers, *ill()])
    assert admissions(late, 20) == admissions(folded([*ill(), *answers]), 20)
    assert admissions(late, 110) == {Admission.HEALTHY}


def test_many_answers_at_a_time_do_not_wash_out_an_open_breaker() -> None:
    # What was on its way when it opened comes in by the thousand.
    late = [seen(1_000 + number, Taught.TECHNICAL, seconds=4 + number / 1_000) for number in range(4_000)]
    assert admissions(folded([*ill(), *late]), 20) == {Admission.TURNED_AWAY}


def test_probes_fail_by_their_share_not_by_a_single_error_among_many() -> None:
    probes = [seen(100 + number, Taught.APPROVED, seconds=40 + number / 100) for number in range(10)]
    probes.append(seen(200, Taught.TECHNICAL, seconds=40.5))
    assert admissions(folded([*ill(), *probes]), 45) == {Admission.HEALTHY}


def test_only_the_newest_buckets_are_remembered() -> None:
    settings = HealthSettings(buckets_max=10)
    (breaker,) = folded([seen(number, seconds=number) for number in range(30)], settings).snapshot().breakers
    assert len(breaker.buckets) == 10
    assert breaker.buckets[0][0] * settings.bucket_ms == at_ms(20)


def test_a_snapshot_of_another_format_or_window_is_refused() -> None:
    snapshot = folded(ill()).snapshot()
    with pytest.raises(SnapshotError, match="format 99"):
        Health.restored(replace(snapshot, format=99), SETTINGS)
    with pytest.raises(SnapshotError, match="1000 ms"):
        Health.restored(snapshot, HealthSettings(window_ms=30_000))
