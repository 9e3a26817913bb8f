"""What the router knows of accounts: learnt from the events of payments, kept in snapshots, and ready to rank by."""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Final, Protocol

from mesh.refusal import Refusal
from router_svc.application.ports.learning_watch import LearningWatch
from router_svc.application.ports.observation_source import Batch, ObservationSource
from router_svc.application.ports.snapshot_store import KnowledgeSnapshot, SnapshotStore, SnapshotTooLargeError
from router_svc.domain.decision import Scored
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.health import FORMAT as HEALTH_FORMAT
from router_svc.domain.health import Health, HealthSettings, Verdict
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.learning.state import FORMAT as LEARNING_FORMAT
from router_svc.domain.learning.state import AccountSnapshot, Learning, SnapshotError
from router_svc.domain.observation import Observation
from router_svc.domain.ruleset import Strategy
from router_svc.domain.scoring import LearningScorer
from router_svc.domain.selection import Scorer

SNAPSHOT_SECONDS: Final = 60.0
"""How long after a snapshot the next one is kept, if anything was learnt meanwhile."""
SLICE_SECONDS: Final = 0.001
"""How long learning or copying goes on before payments that wait to be routed get their turn."""
SEGMENTS_PER_PIECE: Final = 50
RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 10.0


def layout_of(topic: str, learning: LearningSettings, health: HealthSettings) -> str:
    """Say what a state means: one that was made otherwise can't be read on from, and is not even looked at."""
    return (
        f"{topic}; learning {LEARNING_FORMAT}, half-life {learning.half_life_ms} ms; "
        f"health {HEALTH_FORMAT}, buckets of {health.bucket_ms} ms"
    )


class AccountHealth(Protocol):
    """Tells whether accounts are in technical trouble."""

    def verdict(self, account: str, payment_id: str, at_ms: int) -> Verdict:
        """Say whether a payment of the moment `at_ms` (milliseconds since 1970) may go to an account."""
        ...


class Knowledge:
    """Learning and health of this process, and the scorer that ranks by them.

    Guarantees: two routers that have read the same events rank alike, however the partitions were interleaved, whether
    they began with a snapshot or with the topic, as long as no bound of the settings is reached. Until `current` a
    router ranks by priors, as one that knows nothing: half of the events may tell the opposite of all of them.
    `run` needs no other call of this class; `scorer` and `health` stay the same objects.
    """

    def __init__(
        self,
        source: ObservationSource,
        store: SnapshotStore,
        watch: LearningWatch,
        *,
        topic: str,
        learning: LearningSettings,
        health: HealthSettings,
        monotonic: Callable[[], float],
        logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
        snapshot_seconds: float = SNAPSHOT_SECONDS,
    ) -> None:
        self._source = source
        self._store = store
        self._watch = watch
        self._monotonic = monotonic
        self._logger = logger
        self._snapshot_seconds = snapshot_seconds
        self._learning = learning
        self._health = health
        self._layout = layout_of(topic, learning, health)
        self._blank = _State(Learning(learning), Health(health))
        self._state = _State(Learning(learning), Health(health))
        self._current = False
        self._news = False
        self._kept_at = 0.0
        self._offsets: dict[int, int] = {}
        self._keeping: asyncio.Task[None] | None = None
        self.scorer: Scorer = self._score
        self.health: AccountHealth = _LiveHealth(self._in_use)

    def current(self) -> bool:
        """Tell whether all was read that the topic had when this process began; true from then on."""
        return self._current

    async def run(self, stop: asyncio.Event) -> None:
        """Learn until `stop` is set, through any absence of PostgreSQL and Kafka; ends within seconds then."""
        try:
            await self._restore(stop)
            while not stop.is_set():
                try:
                    await self.apply(await self._source.read())
                    await self._keep_if_due()
                except Exception:
                    # Learning must not end because one batch failed for a reason nobody thought of.
                    self._logger.exception("a batch of events was not learnt")
                    await _pause(stop, RETRY_SECONDS)
        finally:
            if self._keeping is not None:
                self._keeping.cancel()
                await asyncio.gather(self._keeping, return_exceptions=True)
            await self._source.close()

    async def apply(self, batch: Batch) -> None:
        """Learn a batch, with pauses for payments that wait. Batches are learnt one after the other."""
        learnt = failed = 0
        began = perf_counter()
        for seen in batch.observations:
            try:
                learnt += self._state.observe(seen)
            except Exception:
                failed += 1
                self._logger.exception("an attempt was not learnt", payment_id=seen.payment_id, ordinal=seen.ordinal)
            if perf_counter() - began > SLICE_SECONDS:
                await asyncio.sleep(0)
                began = perf_counter()
        self._offsets = dict(batch.offsets)
        self._news = self._news or batch.events > 0
        self._watch.read(events=batch.events, learnt=learnt, skipped=batch.skipped + failed, behind=batch.behind)
        if batch.caught_up and not self._current:
            self._current = True
            self._watch.current()
            self._logger.info("router has caught up with the events of payments")

    async def _restore(self, stop: asyncio.Event) -> None:
        """Begin with the newest snapshot, or with nothing; waits for the store, without which nothing is routed."""
        retry_seconds = RETRY_SECONDS
        while not stop.is_set():
            try:
                snapshot = await self._store.newest(self._layout)
            except Exception as error:
                # Whatever it is, routing must not end without learning: it is tried again.
                unforeseen = not isinstance(error, Refusal)
                self._logger.warning(
                    "snapshot of the learning not read yet", error=str(error), exc_info=error if unforeseen else None
                )
                await _pause(stop, retry_seconds)
                retry_seconds = min(retry_seconds * 2, LONGEST_RETRY_SECONDS)
                continue
            if snapshot is None:
                self._logger.info("router learns from the topic's beginning")
            else:
                await self._adopt(snapshot)
            break
        self._kept_at = self._monotonic()
        self._source.begin(self._offsets)

    async def _adopt(self, snapshot: KnowledgeSnapshot) -> None:
        try:
            self._state = await asyncio.to_thread(_State.restored, snapshot, self._learning, self._health)
        except SnapshotError as error:
            self._logger.warning("snapshot of the learning is of no use", error=str(error))
            return
        self._offsets = dict(snapshot.offsets)
        self._watch.snapshot()
        self._logger.info("router learns from a snapshot on", offsets=dict(snapshot.offsets))

    async def _keep_if_due(self) -> None:
        """Copy the state when a snapshot is due, and keep it while learning goes on."""
        if not self._news or self._monotonic() - self._kept_at < self._snapshot_seconds:
            return
        if self._keeping is not None and not self._keeping.done():
            return
        self._kept_at = self._monotonic()
        self._news = False
        self._keeping = asyncio.create_task(self._keep(await self._copied()))

    async def _copied(self) -> KnowledgeSnapshot:
        """Copy the state with pauses for payments that wait; between batches, so that it fits the offsets."""
        accounts: list[AccountSnapshot] = []
        began = perf_counter()
        for account in self._state.learning.account_snapshots(SEGMENTS_PER_PIECE):
            accounts.append(account)
            if perf_counter() - began > SLICE_SECONDS:
                await asyncio.sleep(0)
                began = perf_counter()
        learning = self._state.learning.snapshot_of(accounts)
        return KnowledgeSnapshot(learning, self._state.health.snapshot(), tuple(sorted(self._offsets.items())))

    async def _keep(self, snapshot: KnowledgeSnapshot) -> None:
        try:
            await self._store.add(self._layout, snapshot)
        except Exception as error:
            # The next one is tried after the usual time, though nothing more may be learnt until then.
            self._news = True
            self._watch.snapshot_failed()
            foreseen = isinstance(error, Refusal | SnapshotTooLargeError)
            self._logger.warning(
                "snapshot of the learning not kept", error=str(error), exc_info=None if foreseen else error
            )
        else:
            self._watch.snapshot()

    def _score(self, facts: PaymentFacts, accounts: Sequence[AccountFacts], strategy: Strategy) -> Sequence[Scored]:
        return self._in_use().scorer(facts, accounts, strategy)

    def _in_use(self) -> "_State":
        return self._state if self._current else self._blank


class _State:
    """What was learnt, and the scorer that ranks by it."""

    __slots__ = ("health", "learning", "scorer")

    def __init__(self, learning: Learning, health: Health) -> None:
        self.learning = learning
        self.health = health
        self.scorer = LearningScorer(learning, health)

    @classmethod
    def restored(cls, snapshot: KnowledgeSnapshot, learning: LearningSettings, health: HealthSettings) -> "_State":
        return cls(Learning.restored(snapshot.learning, learning), Health.restored(snapshot.health, health))

    def observe(self, seen: Observation) -> bool:
        learnt = self.learning.observe(seen)
        return self.health.observe(seen) or learnt


class _LiveHealth:
    """The health of the accounts as it stands whenever it is asked."""

    __slots__ = ("_in_use",)

    def __init__(self, in_use: Callable[[], "_State"]) -> None:
        self._in_use = in_use

    def verdict(self, account: str, payment_id: str, at_ms: int) -> Verdict:
        return self._in_use().health.verdict(account, payment_id, at_ms)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
