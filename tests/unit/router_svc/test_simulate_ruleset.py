"""A draft on payments that were made: decided as they would be routed now, without touching anything."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.application.bounded_threads import BoundedThreads
from router_svc.application.check_ruleset import CheckRuleset
from router_svc.application.manage_rulesets import ManageRulesets, UnusableRulesetError
from router_svc.application.simulate_ruleset import SECONDS_MAX, Sample, Simulation
from router_svc.domain.facts import AccountFacts, FeeSchedule
from router_svc.domain.observation import Observation, Taught
from router_svc.domain.priorities import MerchantId, Priority
from router_svc.domain.ruleset import Block, Ranking, RouteTo, Rule, Ruleset, Share, Split, StepUp, Strategy
from router_svc.domain.simulation import AccountCount, PastPayment, RuleCount
from tests.fakes.router.payment_history import NOW, FakePaymentHistory, past, simulating
from tests.fakes.router.routing import ACTOR, MERCHANT, Router
from tests.unit.router_svc.test_router_use_cases import CHANGE

TO_B = Ruleset((), RouteTo(("b", "a")))
BEST_FIRST = Ruleset((), RouteTo(strategy=Strategy(Ranking.SUCCESS_RATE)))
ACCOUNTS = (
    AccountFacts("a", "stripe", fees=FeeSchedule(percentage_ppm=10_000, fixed={"EUR": 20})),
    AccountFacts("b", "adyen", fees=FeeSchedule(percentage_ppm=20_000)),
)


class Desk:
    """A router with two accounts and a history."""

    def __init__(self) -> None:
        self.router = Router()
        self.router.connectors.accounts = ACCOUNTS
        self.history = FakePaymentHistory()
        self.manage = ManageRulesets(
            store=self.router.rules,
            accounts=self.router.decide.lists,
            check=CheckRuleset(CelCompiler()),
            threads=BoundedThreads(at_once=1, waiting_max=4, name="test"),
            changed=self.router.rulesets.changed,
        )
        self.simulate = simulating(self.router, self.manage, self.history)

    async def run(self, draft: Ruleset | int, sample: Sample | None = None) -> Simulation:
        return await self.simulate(MERCHANT, draft, sample or Sample())

    def learn(self, account: str, taught: Taught, count: int, before: datetime = NOW) -> None:
        for number in range(count):
            at = before - timedelta(seconds=count - number)
            seen = Observation(MERCHANT, account, f"{account}_{taught}_{number}", 1, taught, at, "EUR", brand="visa")
            self.router.knowledge.learning.observe(seen)
            self.router.knowledge.health.observe(seen)


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.router.lists.set(MERCHANT, (Priority("a"), Priority("b")), CHANGE)
    return made


def counts(simulation: Simulation) -> list[tuple[str, int, int]]:
    return [(each.account, each.before, each.after) for each in simulation.difference.accounts]


async def test_a_draft_moves_payments_from_where_the_list_sends_them(desk: Desk) -> None:
    desk.history.payments = [past(number, approved=number > 2) for number in range(1, 6)]
    found = await desk.run(TO_B)
    assert (found.active_version, found.version, found.complete, found.learning_current) == (0, 0, True, True)
    difference = found.difference
    assert (difference.payments, difference.moved, difference.approved) == (5, 5, 3)
    assert difference.accounts == (AccountCount("a", 5, 5, 0), AccountCount("b", 0, 0, 5))
    assert (found.newest, found.oldest) == (NOW - timedelta(minutes=1), NOW - timedelta(minutes=5))
    assert difference.examples[0].before.reason == "priority 1 of 2"
    assert found.troubled == ()


async def test_chances_and_fees_compare_though_neither_side_asks_for_them(desk: Desk) -> None:
    desk.learn("a", Taught.DECLINED, 60)
    desk.learn("b", Taught.APPROVED, 60)
    desk.history.payments = [past(number) for number in range(1, 5)]
    found = (await desk.run(TO_B)).difference
    assert found.after.approvals_ppm > 3 * found.before.approvals_ppm > 0
    [sums] = found.currencies
    assert (sums.currency, sums.payments, sums.amount) == ("EUR", 4, 4 * 1050)
    # a: 1 % of 10.50 and 0.20; b: 2 % of 10.50; each by its chance.
    assert sums.before.fees == round(found.before.approvals_ppm * 31 / 1_000_000)
    assert sums.after.fees == round(found.after.approvals_ppm * 21 / 1_000_000)
    assert sums.after.approved == round(found.after.approvals_ppm * 1050 / 1_000_000)
    # The same numbers that ranking goes by.
    ranked = (await desk.run(BEST_FIRST)).difference
    assert ranked.after.approvals_ppm == found.after.approvals_ppm
    assert ranked.examples[0].after.reason.startswith("approval ")


async def test_a_version_is_tried_out_beside_the_active_one(desk: Desk) -> None:
    rules = (
        Rule("large", "amount > 100000", Block("too large")),
        Rule("gold", 'metadata["tier"] == "gold"', RouteTo(("b",)), StepUp.REQUIRE),
    )
    draft = await desk.router.rules.create(MERCHANT, Ruleset(rules), "", ACTOR)
    active = await desk.router.activate(TO_B)
    desk.history.payments = [
        past(1),
        past(2, amount=100_001),
        past(3, metadata={"tier": "gold"}),
        past(4, metadata={"tier": "tin"}),
    ]
    found = await desk.run(draft.version)
    assert (found.active_version, found.version) == (active, draft.version)
    difference = found.difference
    assert difference.before.rules == (RuleCount("", 4, 0),)
    assert difference.after.rules == (RuleCount("large", 1, 0), RuleCount("gold", 1, 1), RuleCount("", 2, 0))
    assert (difference.after.blocked, difference.after.three_ds_required, difference.moved) == (1, 1, 3)
    assert counts(found) == [("a", 0, 2), ("b", 4, 1)]


async def test_conditions_see_the_payments_own_time_and_accounts_that_of_now(desk: Desk) -> None:
    desk.learn("a", Taught.TECHNICAL, 5)
    noon = NOW - timedelta(days=2)
    desk.history.payments = [past(1, at=noon - timedelta(minutes=1)), past(2, at=noon)]
    draft = Ruleset(
        (Rule("morning", f'at < timestamp("{noon:%Y-%m-%dT%H:%M:%SZ}")', RouteTo(("a", "b"))),), TO_B.otherwise
    )
    found = await desk.run(draft)
    assert [count.payments for count in found.difference.after.rules] == [1, 1]
    # When they were made nobody was in trouble; just now one is.
    assert counts(found) == [("a", 0, 0), ("b", 2, 2)]
    assert found.troubled == ("a",)


async def test_payments_that_no_account_takes_are_told_on_both_sides(desk: Desk) -> None:
    desk.router.connectors.accounts = tuple(replace(each, currencies=frozenset({"EUR"})) for each in ACCOUNTS)
    desk.history.payments = [past(1), past(2, currency="JPY", tried="b")]
    found = (await desk.run(TO_B)).difference
    assert (found.before.unserved, found.after.unserved, found.moved) == (1, 1, 1)


async def test_a_split_and_an_exploration_pick_as_they_do_when_the_payment_is_routed(desk: Desk) -> None:
    desk.history.payments = [past(number) for number in range(1, 41)]
    draft = Ruleset((Rule("half", "", Split((Share("a", 1), Share("b", 1)))),))
    simulated = {name: after for name, _, after in counts(await desk.run(draft))}
    await desk.router.activate(draft)
    routed = [
        (await desk.router.decide(payment.facts)).decision.candidates[0].account for payment in desk.history.payments
    ]
    assert simulated == {name: routed.count(name) for name in "ab"}
    assert min(simulated.values()) > 0
    found = await desk.run(draft)
    assert found.difference.moved == 0


async def test_the_newest_payments_of_the_time_are_looked_at_page_by_page(desk: Desk) -> None:
    desk.history.payments = [
        *(past(number) for number in range(1, 8)),
        past(99, at=NOW - timedelta(days=4)),
        past(98, at=NOW, tried="b"),
        past(97, merchant_id="mer_other"),
    ]
    desk.history.page_size = 2
    assert (await desk.run(TO_B, Sample(days=3))).difference.payments == 7
    desk.history.asked.clear()
    found = await desk.run(TO_B, Sample(days=3, payments=5))
    assert (found.difference.payments, found.complete) == (5, True)
    assert found.oldest == NOW - timedelta(minutes=5)
    assert desk.history.asked == [5, 3, 1]
    assert (await desk.run(TO_B, Sample(days=365, payments=10_000))).difference.payments == 8
    desk.history.payments = []
    none = await desk.run(TO_B)
    assert (none.difference.payments, none.oldest, none.newest, none.complete) == (0, None, None, True)


async def test_the_same_payments_and_knowledge_give_the_same_simulation(desk: Desk) -> None:
    desk.learn("a", Taught.APPROVED, 30)
    desk.history.payments = [past(number) for number in range(1, 60)]
    draft = Ruleset((), RouteTo(strategy=Strategy(Ranking.SUCCESS_RATE, explore_ppm=100_000)))
    assert await desk.run(draft) == await desk.run(draft)


async def test_a_draft_with_an_error_is_not_tried_out(desk: Desk) -> None:
    with pytest.raises(UnusableRulesetError) as caught:
        await desk.run(Ruleset((Rule("euros", 'brand == "vissa"', RouteTo(("a",))),)))
    assert caught.value.problems[0].instead == 'write "visa"'
    saved = await desk.router.rules.create(MERCHANT, TO_B, "", ACTOR)
    await desk.router.lists.set(MERCHANT, (Priority("a"),), CHANGE)
    with pytest.raises(UnusableRulesetError):
        await desk.run(saved.version)
    assert desk.history.asked == []


async def test_a_version_that_is_not_there_is_refused(desk: Desk) -> None:
    with pytest.raises(Refusal) as caught:
        await desk.run(7)
    assert caught.value.reason is Reason.RULESET_NOT_FOUND


async def test_one_at_a_time_and_the_next_one_after_it_whatever_became_of_it(desk: Desk) -> None:
    desk.history.payments = [past(1)]
    together = await asyncio.gather(*(desk.run(TO_B) for _ in range(3)), return_exceptions=True)
    assert [isinstance(each, Simulation) for each in together] == [True, False, False]
    assert all(isinstance(each, Refusal) and each.reason is Reason.OVERLOADED for each in together[1:])
    desk.history.down = True
    with pytest.raises(Refusal) as caught:
        await desk.run(TO_B)
    assert caught.value.reason is Reason.UNAVAILABLE
    desk.history.down = False
    waiting = asyncio.create_task(desk.run(TO_B))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (await desk.run(TO_B)).difference.payments == 1


async def test_when_time_runs_out_what_was_looked_at_is_told(desk: Desk) -> None:
    history = desk.history
    history.payments = [past(number) for number in range(1, 7)]
    history.page_size = 2

    class Slow(FakePaymentHistory):
        async def page(
            self, merchant_id: MerchantId, begin: datetime, end: datetime, size: int, token: str
        ) -> tuple[Sequence[PastPayment], str]:
            desk.router.monotonic.seconds += SECONDS_MAX / 3 + 1
            return await history.page(merchant_id, begin, end, size, token)

    desk.simulate = simulating(desk.router, desk.manage, Slow())
    found = await desk.run(TO_B)
    assert (found.difference.payments, found.complete) == (4, False)
    assert (await desk.run(TO_B, Sample(seconds=10 * SECONDS_MAX))).difference.payments == 4
    assert (await desk.run(TO_B, Sample(seconds=SECONDS_MAX / 2))).difference.payments == 2
    none = await desk.run(TO_B, Sample(seconds=-1))
    assert (none.difference.payments, none.complete) == (0, False)


async def test_others_get_their_turn_between_payments(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router_svc.application.simulate_ruleset.SLICE_SECONDS", -1.0)
    desk.history.payments = [past(number) for number in range(1, 21)]
    running = asyncio.create_task(desk.run(TO_B))
    turns = 0
    while not running.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20
    assert (await running).difference.payments == 20


async def test_nothing_is_changed(desk: Desk) -> None:
    await desk.router.activate(BEST_FIRST)
    desk.learn("a", Taught.APPROVED, 30)
    desk.history.payments = [past(number) for number in range(1, 30)]
    before = desk.router.knowledge.learning.snapshot(), desk.router.knowledge.health.snapshot()
    state, changes = await desk.router.rules.state(MERCHANT), await desk.router.rules.changes(MERCHANT, 100, 0)
    await desk.run(TO_B)
    assert (desk.router.knowledge.learning.snapshot(), desk.router.knowledge.health.snapshot()) == before
    assert await desk.router.rules.state(MERCHANT) == state
    assert await desk.router.rules.changes(MERCHANT, 100, 0) == changes
