"""The ruleset that decides: five seconds old at most, compiled once for each version, in bounded memory."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.application import active_rulesets
from router_svc.application.active_rulesets import ACTIVE_LIFE_SECONDS, AHEAD_SECONDS, ActiveRuleset, ActiveRulesets
from router_svc.application.bounded_threads import BoundedThreads
from router_svc.application.ports.conditions import Analysis, ConditionsError, Evaluator
from router_svc.application.ports.ruleset_store import NO_RULESET, Actor
from router_svc.domain.facts import PaymentFacts
from router_svc.domain.priorities import MerchantId
from router_svc.domain.ruleset import RouteTo, Rule, Ruleset
from router_svc.domain.selection import Verdict
from tests.fakes.router.ruleset_store import FakeRulesetStore
from tests.fakes.vault.clocks import FakeMonotonic

MERCHANT = MerchantId("mer_1")
PATIENCE_SECONDS = 30
ACTOR = Actor("key_1", "req_1")


@dataclass(frozen=True, slots=True)
class FirstRule:
    """Always finds the first rule."""

    def __call__(self, facts: PaymentFacts) -> Verdict:  # noqa: ARG002 - the port's
        return Verdict(0)


@dataclass(slots=True)
class CountingCompiler:
    """Compiles anything, and tells which rules it was asked for."""

    compiled: list[str] = field(default_factory=list)
    broken: bool = False
    #: While it is clear, a compilation does not come to its end.
    go_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.go_on.set()

    def analyse(self, rules: Sequence[Rule]) -> Analysis:
        return Analysis((None,) * len(rules), ())

    def compile(self, rules: Sequence[Rule]) -> Evaluator:
        self.compiled.append(rules[0].name)
        assert self.go_on.wait(PATIENCE_SECONDS)
        if self.broken:
            raise ConditionsError([])
        return FirstRule()


class Process:
    """One router's view of a store that others change too."""

    def __init__(self, store: FakeRulesetStore | None = None) -> None:
        self.store = store or FakeRulesetStore()
        self.monotonic = FakeMonotonic()
        self.compiler = CountingCompiler()
        self.threads = BoundedThreads(at_once=1, waiting_max=4, name="test")
        self.active = ActiveRulesets(
            store=self.store, conditions=self.compiler, threads=self.threads, monotonic=self.monotonic
        )

    async def save(self, name: str, merchant_id: MerchantId = MERCHANT, rules: int = 1) -> int:
        """Save a version whose rules have one name, and activate it."""
        ruleset = Ruleset(tuple(Rule(name, "", RouteTo()) for _ in range(rules)))
        state = await self.store.state(merchant_id)
        version = (await self.store.create(merchant_id, ruleset, "", ACTOR)).version
        await self.store.activate(merchant_id, version, state.active_version, ACTOR)
        return version

    async def decisive(self, merchant_id: MerchantId = MERCHANT) -> str | None:
        found = await self.active.for_routing(merchant_id)
        return None if found is None else found.version.ruleset.rules[0].name

    def wait(self, seconds: float = ACTIVE_LIFE_SECONDS) -> None:
        self.monotonic.seconds += seconds


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not true():  # noqa: ASYNC110 - nobody tells it
            await asyncio.sleep(0.001)


async def until_decisive(process: Process, name: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await process.decisive() != name:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@pytest.fixture
def process() -> Process:
    return Process()


async def test_a_merchant_without_a_ruleset_has_none_and_gets_one_within_five_seconds(process: Process) -> None:
    assert await process.decisive() is None
    await process.save("first")
    assert await process.decisive() is None
    process.wait()
    assert await process.decisive() == "first"
    assert ACTIVE_LIFE_SECONDS <= 5.0


async def test_the_version_and_its_conditions_come_together(process: Process) -> None:
    version = await process.save("first")
    found = await process.active.for_routing(MERCHANT)
    assert isinstance(found, ActiveRuleset)
    assert (found.version.version, found.version.ruleset.rules[0].name) == (version, "first")
    assert isinstance(found.evaluator, FirstRule)


async def test_many_payments_read_once_and_compile_once(process: Process) -> None:
    await process.save("first")
    assert set(await asyncio.gather(*(process.decisive() for _ in range(20)))) == {"first"}
    assert (process.store.reads, process.compiler.compiled) == (1, ["first"])


async def test_a_version_that_is_still_active_is_not_compiled_again(process: Process) -> None:
    await process.save("first")
    for _ in range(3):
        assert await process.decisive() == "first"
        process.wait()
    assert (process.store.reads, process.compiler.compiled) == (1, ["first"])


async def test_another_version_decides_within_five_seconds_and_at_once_where_it_was_activated(
    process: Process,
) -> None:
    other = Process(process.store)
    await process.save("first")
    assert (await process.decisive(), await other.decisive()) == ("first", "first")
    await process.save("second")
    await process.active.changed(MERCHANT)
    assert (await process.decisive(), await other.decisive()) == ("second", "first")
    other.wait()
    assert await other.decisive() == "second"


async def test_the_old_version_decides_while_the_one_that_was_activated_is_compiled(process: Process) -> None:
    await process.save("first")
    assert await process.decisive() == "first"
    await process.save("second")
    process.compiler.go_on.clear()
    changed = asyncio.create_task(process.active.changed(MERCHANT))
    await until(lambda: process.compiler.compiled == ["first", "second"])
    assert await process.decisive() == "first"
    assert not changed.done()
    process.compiler.go_on.set()
    await changed
    assert await process.decisive() == "second"


async def test_the_old_version_decides_up_to_its_last_second_while_another_routers_is_compiled(
    process: Process,
) -> None:
    await process.save("first")
    assert await process.decisive() == "first"
    await process.save("second")
    process.compiler.go_on.clear()
    process.wait(ACTIVE_LIFE_SECONDS - AHEAD_SECONDS)
    assert await process.decisive() == "first"
    await until(lambda: process.compiler.compiled == ["first", "second"])
    assert await process.decisive() == "first"
    process.compiler.go_on.set()
    await until_decisive(process, "second")
    assert process.compiler.compiled == ["first", "second"]


async def test_nothing_older_than_five_seconds_decides_though_the_next_one_is_still_compiled(process: Process) -> None:
    await process.save("first")
    assert await process.decisive() == "first"
    await process.save("second")
    process.compiler.go_on.clear()
    process.wait(ACTIVE_LIFE_SECONDS - AHEAD_SECONDS)
    assert await process.decisive() == "first"
    process.wait(AHEAD_SECONDS)
    waiting = asyncio.create_task(process.decisive())
    await until(lambda: process.compiler.compiled == ["first", "second"])
    assert not waiting.done()
    process.compiler.go_on.set()
    assert await waiting == "second"


async def test_where_the_new_version_can_not_be_had_the_next_payment_is_told(process: Process) -> None:
    await process.save("first")
    assert await process.decisive() == "first"
    await process.save("second")
    process.store.down = True
    await process.active.changed(MERCHANT)
    with pytest.raises(Refusal):
        await process.decisive()
    process.store.down = False
    assert await process.decisive() == "second"


async def test_a_compilation_that_takes_too_long_holds_nobody_up_who_activates(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_rulesets, "RENEW_SECONDS", 0.01)
    await process.save("first")
    process.compiler.go_on.clear()
    await process.active.changed(MERCHANT)
    process.compiler.go_on.set()
    assert await process.decisive() == "first"


async def test_after_going_back_to_none_nothing_decides(process: Process) -> None:
    version = await process.save("first")
    assert await process.decisive() == "first"
    await process.store.roll_back(MERCHANT, NO_RULESET, version, ACTOR)
    process.wait()
    assert await process.decisive() is None


async def test_what_is_at_hand_decides_while_the_store_is_down_and_then_it_refuses(process: Process) -> None:
    await process.save("first")
    await process.decisive()
    process.store.down = True
    assert await process.decisive() == "first"
    process.wait()
    with pytest.raises(Refusal) as refused:
        await process.decisive()
    assert refused.value.reason is Reason.UNAVAILABLE
    process.store.down = False
    assert await process.decisive() == "first"
    assert process.compiler.compiled == ["first"]


async def test_a_ruleset_that_does_not_compile_is_an_error_each_time_and_routes_nothing(process: Process) -> None:
    await process.save("first")
    process.compiler.broken = True
    for _ in range(2):
        with pytest.raises(ConditionsError):
            await process.decisive()
    process.compiler.broken = False
    assert await process.decisive() == "first"


async def test_memory_is_bounded_by_rules_and_those_asked_for_longest_ago_go(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_rulesets, "RULES_MAX", 5)
    merchants = [MerchantId(f"mer_{number}") for number in range(3)]
    for merchant_id in merchants:
        await process.save(merchant_id, merchant_id, rules=2)
        await process.decisive(merchant_id)
    assert process.compiler.compiled == ["mer_0", "mer_1", "mer_2"]
    assert await process.decisive(merchants[2]) == "mer_2"
    assert await process.decisive(merchants[1]) == "mer_1"
    assert process.compiler.compiled == ["mer_0", "mer_1", "mer_2"]
    assert await process.decisive(merchants[0]) == "mer_0"
    assert process.compiler.compiled == ["mer_0", "mer_1", "mer_2", "mer_0"]


async def test_one_that_is_larger_than_all_memory_decides_all_the_same(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_rulesets, "RULES_MAX", 5)
    await process.save("large", rules=6)
    assert await process.decisive() == "large"
    process.wait()
    assert await process.decisive() == "large"
