"""What the router knows: the same in every router, from a snapshot or from the beginning, whatever fails meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from router_svc.adapters.kafka.metrics import LearningMetrics
from router_svc.application.learn import Knowledge, layout_of
from router_svc.application.ports.observation_source import Batch
from router_svc.application.ports.snapshot_store import KnowledgeSnapshot
from router_svc.domain.decision import Scored
from router_svc.domain.health import Admission, HealthSettings, Verdict
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.learning.state import Learning
from router_svc.domain.observation import Observation, Taught
from router_svc.domain.ruleset import Ranking, Strategy
from tests.fakes.log import FakeLog
from tests.fakes.router.observation_source import FakeObservationSource, FakeTopic
from tests.fakes.router.snapshot_store import FakeSnapshotStore
from tests.unit.router_svc.observations import account, at_ms, payment, seen

LEARNING, HEALTH = LearningSettings(), HealthSettings()
LAYOUT = layout_of("topic", LEARNING, HEALTH)
STRATEGY = Strategy(Ranking.SUCCESS_RATE)
ACCOUNTS = [account(name) for name in ("alpha", "beta", "gamma")]


class Rig:
    """A router's knowledge with everything around it."""

    def __init__(self, topic: FakeTopic, store: FakeSnapshotStore | None = None, *, seed: int = 0) -> None:
        self.source = FakeObservationSource(topic, seed)
        self.store = store or FakeSnapshotStore()
        self.now = 0.0
        self.log = FakeLog()
        self.registry = CollectorRegistry()
        self.knowledge = Knowledge(
            self.source,
            self.store,
            LearningMetrics(self.registry, monotonic=lambda: self.now),
            topic="topic",
            learning=LEARNING,
            health=HEALTH,
            monotonic=lambda: self.now,
            logger=self.log.logger,
        )

    def sample(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"payera_router_learning_{name}")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(self.knowledge.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def run_until(self, condition: Callable[[], bool]) -> None:
        async with self.running():
            await until(condition)

    def read_all(self) -> bool:
        return self.knowledge.current() and self.sample("lag") == 0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the router tells nobody when it has done something
            await asyncio.sleep(0.001)


def outcomes(count: int, first: int = 0) -> list[Observation]:
    """Outcomes at three accounts, of which one gets worse and has technical errors at the end."""
    chance = Random(first)
    result = []
    for number in range(first, first + count):
        name = chance.choice(["alpha", "beta", "gamma"])
        chances = {"alpha": 0.9, "beta": 0.7, "gamma": 0.8 if number < 200 else 0.2}
        taught = Taught.APPROVED if chance.random() < chances[name] else Taught.DECLINED
        if name == "alpha" and number > first + count - 60:
            taught = Taught.TECHNICAL
        result.append(seen(number, taught, account=name))
    return result


def topic_of(events: Sequence[Observation], partitions: int = 4) -> FakeTopic:
    topic = FakeTopic([[] for _ in range(partitions)])
    add(topic, events)
    return topic


def add(topic: FakeTopic, events: Sequence[Observation]) -> None:
    for event in events:
        topic.partitions[int(event.payment_id[1:]) % len(topic.partitions)].append(event)


def rankings(rig: Rig, seconds: float = 410) -> list[Sequence[Scored]]:
    return [rig.knowledge.scorer(payment(number, seconds), ACCOUNTS, STRATEGY) for number in range(100)]


def verdicts(rig: Rig, seconds: float = 410) -> list[Verdict]:
    return [rig.knowledge.health.verdict("alpha", f"q{number}", at_ms(seconds)) for number in range(50)]


async def test_routers_that_read_the_partitions_mixed_in_other_ways_rank_alike() -> None:
    topic = topic_of(outcomes(400))
    rigs = [Rig(topic, seed=seed) for seed in range(3)]
    for rig in rigs:
        await rig.run_until(rig.read_all)
    assert rankings(rigs[0]) == rankings(rigs[1]) == rankings(rigs[2])
    assert verdicts(rigs[0]) == verdicts(rigs[1]) == verdicts(rigs[2])
    assert verdicts(rigs[0])[0].admission is Admission.TURNED_AWAY
    assert rankings(rigs[0]) != rankings(Rig(topic)), "they rank by what they have learnt"


async def test_a_router_that_begins_with_a_snapshot_ranks_as_one_that_read_everything() -> None:
    events = outcomes(400)
    topic, store = topic_of(events[:300]), FakeSnapshotStore()
    first = Rig(topic, store, seed=1)
    async with first.running():
        await until(first.read_all)
        first.now = 61.0
        add(topic, events[300:310])
        await until(lambda: bool(store.snapshots))
    add(topic, events[310:])
    second, rebuilt = Rig(topic, store, seed=2), Rig(topic, seed=3)
    for rig in (second, rebuilt):
        await rig.run_until(rig.read_all)
    assert sum(second.source.began_at.values()) >= 300
    assert rebuilt.source.began_at == {}
    assert rankings(second) == rankings(rebuilt)
    assert verdicts(second) == verdicts(rebuilt)


async def test_until_it_has_caught_up_it_ranks_by_priors() -> None:
    rig = Rig(FakeTopic([]))
    scorer, health = rig.knowledge.scorer, rig.knowledge.health
    await rig.knowledge.apply(Batch(tuple(outcomes(400)), {0: 400}, events=400))
    assert not rig.knowledge.current()
    assert "assumed" in scorer(payment(1, 410), ACCOUNTS, STRATEGY)[0].reason
    assert health.verdict("alpha", "q", at_ms(410)).admission is Admission.HEALTHY
    assert rig.sample("current") == 0
    await rig.knowledge.apply(Batch((), {0: 400}, caught_up=True))
    assert rig.knowledge.current()
    assert "assumed" not in scorer(payment(1, 410), ACCOUNTS, STRATEGY)[0].reason
    assert health.verdict("alpha", "q", at_ms(410)).admission is not Admission.HEALTHY
    assert rig.sample("current") == 1


async def test_once_caught_up_it_stays_so() -> None:
    rig = Rig(FakeTopic([]))
    await rig.knowledge.apply(Batch(caught_up=True))
    await rig.knowledge.apply(Batch(caught_up=False, behind=1_000))
    assert rig.knowledge.current()


async def test_an_event_that_comes_twice_changes_nothing() -> None:
    events = outcomes(200)
    once, twice = Rig(topic_of(events)), Rig(topic_of([each for each in events for _ in range(2)]))
    for rig in (once, twice):
        await rig.run_until(rig.read_all)
    assert rankings(once, 210) == rankings(twice, 210)


async def test_a_snapshot_is_kept_each_minute_when_there_was_anything_to_read() -> None:
    topic = topic_of(outcomes(50))
    rig = Rig(topic)
    async with rig.running():
        await until(rig.read_all)
        assert rig.sample("snapshot_age_seconds") == -1
        rig.now = 61.0
        await until(lambda: LAYOUT in rig.store.snapshots)
        rig.now = 130.0
        await asyncio.sleep(0.05)
        assert len(rig.store.snapshots[LAYOUT]) == 1, "nothing was read since"
        rig.now = 100.0
        add(topic, outcomes(10, 50))
        await until(lambda: rig.sample("events_read_total") == 60)
        assert len(rig.store.snapshots[LAYOUT]) == 1, "the last one was not a minute ago"
        rig.now = 200.0
        await until(lambda: len(rig.store.snapshots[LAYOUT]) == 2)
        await until(lambda: rig.sample("snapshot_age_seconds") == 0)
        rig.now = 207.0
        assert rig.sample("snapshot_age_seconds") == 7
    older, newer = rig.store.snapshots[LAYOUT]
    assert sum(offset for _, offset in older.offsets) == 50
    assert sum(offset for _, offset in newer.offsets) == 60


async def test_every_snapshot_fits_its_offsets_while_learning_goes_on() -> None:
    topic, store = topic_of(outcomes(200)), FakeSnapshotStore()
    rig = Rig(topic, store, seed=5)
    kept: dict[int, KnowledgeSnapshot] = {}
    async with rig.running():
        while not rig.read_all():
            rig.now += 61.0
            await asyncio.sleep(0.002)
            kept |= {sum(offset for _, offset in each.offsets): each for each in store.snapshots.get(LAYOUT, [])}
    assert len(kept) > 2
    for count in sorted(kept)[:: len(kept) // 3]:
        snapshot = kept[count]
        read = FakeTopic([topic.partitions[number][:offset] for number, offset in snapshot.offsets])
        rebuilt = Rig(read, seed=9)
        await rebuilt.run_until(rebuilt.read_all)
        assert rebuilt.knowledge._state.learning.snapshot() == Learning.restored(snapshot.learning, LEARNING).snapshot()
        assert rebuilt.knowledge._state.health.snapshot() == snapshot.health


@pytest.mark.parametrize("trouble", ["down", "too_large"])
async def test_a_snapshot_that_is_not_kept_stops_nothing_and_is_tried_again(trouble: str) -> None:
    topic = topic_of(outcomes(50))
    rig = Rig(topic)
    async with rig.running():
        await until(rig.read_all)
        setattr(rig.store, trouble, True)
        rig.now = 61.0
        await until(lambda: rig.sample("snapshot_failures_total") == 1)
        setattr(rig.store, trouble, False)
        rig.now = 122.0
        await until(lambda: LAYOUT in rig.store.snapshots)


async def test_a_store_that_is_away_at_the_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router_svc.application.learn.RETRY_SECONDS", 0.001)
    rig = Rig(topic_of(outcomes(50)), FakeSnapshotStore(down=True))
    async with rig.running():
        await until(lambda: rig.store.asked > 3)
        assert not rig.knowledge.current()
        rig.store.down = False
        await until(rig.read_all)


async def test_a_router_that_waits_for_its_store_stops_when_it_is_told_to() -> None:
    rig = Rig(topic_of(outcomes(50)), FakeSnapshotStore(down=True))
    await rig.run_until(lambda: rig.store.asked > 0)
    assert rig.source.closed


async def test_a_fault_nobody_thought_of_does_not_end_the_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router_svc.application.learn.RETRY_SECONDS", 0.001)
    rig = Rig(topic_of(outcomes(50)))
    rig.source.failing = 3
    await rig.run_until(rig.read_all)
    assert rig.sample("events_read_total") == 50


async def test_an_outcome_that_cannot_be_learnt_is_skipped_by_all_alike() -> None:
    rig = Rig(FakeTopic([]))
    broken = seen(1, merchant_id=[])
    await rig.knowledge.apply(Batch((broken, seen(2)), {0: 2}, events=2, skipped=1))
    assert rig.sample("outcomes_total") == 1
    assert rig.sample("events_skipped_total") == 2
    assert rig.sample("events_read_total") == 2


async def test_payments_get_their_turn_while_a_large_batch_is_learnt() -> None:
    rig = Rig(FakeTopic([]))
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(count_turns())
    await rig.knowledge.apply(Batch(tuple(outcomes(500)), {0: 500}, events=500))
    task.cancel()
    assert turns > 1


@pytest.mark.parametrize(
    ("learning", "health"),
    [(LearningSettings(half_life_ms=1), HEALTH), (LEARNING, HealthSettings(window_ms=1))],
)
def test_a_layout_names_every_setting_that_a_state_depends_on(
    learning: LearningSettings, health: HealthSettings
) -> None:
    assert len({LAYOUT, layout_of("topic", learning, health), layout_of("other", LEARNING, HEALTH)}) == 3


async def test_a_snapshot_of_another_layout_is_not_begun_with() -> None:
    store = FakeSnapshotStore()
    first = Rig(topic_of(outcomes(50)), store)
    async with first.running():
        await until(first.read_all)
        first.now = 61.0
        await until(lambda: LAYOUT in store.snapshots)
    store.snapshots = {"another layout": store.snapshots[LAYOUT]}
    second = Rig(topic_of(outcomes(50)), store)
    await second.run_until(second.read_all)
    assert second.source.began_at == {}
