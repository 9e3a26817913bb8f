"""Rules, lists, what accounts take, their health and what was learnt, brought together for one payment."""

from dataclasses import replace
from datetime import timedelta

from router_svc.domain.facts import AccountFacts
from router_svc.domain.observation import Observation, Taught
from router_svc.domain.priorities import Priority
from router_svc.domain.ruleset import Block, Ranking, RouteTo, Rule, Ruleset, Share, Split, StepUp, Strategy
from tests.fakes.router.priority_store import FakePriorityStore
from tests.fakes.router.routing import MERCHANT, PAYMENT, Router
from tests.unit.router_svc.test_router_use_cases import CHANGE

ACCOUNTS = (AccountFacts("a", "stripe"), AccountFacts("b", "adyen"), AccountFacts("c", "checkout"))
BEST_FIRST = Ruleset((), RouteTo(strategy=Strategy(Ranking.SUCCESS_RATE)))


async def listed(*places: Priority) -> Router:
    router = Router()
    router.connectors.accounts = ACCOUNTS
    await router.lists.set(MERCHANT, places or (Priority("a"), Priority("b"), Priority("c")), CHANGE)
    return router


async def told(router: Router, **changes: object) -> list[tuple[str, bool, str]]:
    decision = (await router.route(**changes)).decision
    return [(each.account, each.eligible, each.reason) for each in decision.candidates]


def learn(router: Router, account: str, taught: Taught, count: int) -> None:
    for number in range(count):
        at = PAYMENT.at - timedelta(seconds=count - number)
        seen = Observation(MERCHANT, account, f"{account}_{taught}_{number}", 1, taught, at, "EUR", brand="visa")
        router.knowledge.learning.observe(seen)
        router.knowledge.health.observe(seen)


async def test_without_a_ruleset_the_list_decides() -> None:
    router = await listed(Priority("b"), Priority("a", currencies=("JPY",)), Priority("c", disabled=True))
    assert await told(router) == [
        ("b", True, "priority 1 of 3"),
        ("a", False, "not used: does not take EUR"),
        ("c", False, "not used: disabled on the merchant's list"),
    ]
    route = await router.route()
    assert (route.decision.ruleset_version, route.decision.rule, route.list_version) == (0, "", 1)


async def test_the_default_list_is_told() -> None:
    assert await told(Router()) == [("fallback", True, "priority 1 of 1 of the default list, as the merchant has none")]


async def test_an_account_that_the_connectors_do_not_know_is_not_used_and_all_are_before_they_were_heard_of() -> None:
    router = await listed(Priority("a"), Priority("gone"))
    assert await told(router) == [
        ("a", True, "priority 1 of 2"),
        ("gone", False, "not used: the merchant has no such account"),
    ]
    router.connectors.accounts = None
    assert [eligible for _, eligible, _ in await told(router)] == [True, True]


async def test_an_account_that_was_made_a_moment_ago_is_looked_for() -> None:
    router = await listed(Priority("new"), Priority("a"))
    router.connectors.made = (AccountFacts("new", "stripe"),)
    assert [(name, eligible) for name, eligible, _ in await told(router)] == [("new", True), ("a", True)]


async def test_what_an_account_takes_keeps_it_from_payments() -> None:
    router = await listed()
    router.connectors.accounts = (replace(ACCOUNTS[0], currencies=frozenset({"JPY"})), *ACCOUNTS[1:])
    assert (await told(router))[-1] == ("a", False, "not used: does not take EUR")


async def test_the_first_rule_that_holds_decides_and_says_so() -> None:
    router = await listed()
    rules = (
        Rule("large", "amount > 100000", Block("too large")),
        Rule("gold", 'metadata["tier"] == "gold"', RouteTo(("c",))),
        Rule("euro", 'currency == "EUR"', RouteTo(("b", "a")), StepUp.REQUIRE),
    )
    version = await router.activate(Ruleset(rules))
    route = await router.route()
    decision = route.decision
    assert (decision.ruleset_version, decision.rule, decision.step_up) == (version, "euro", StepUp.REQUIRE)
    assert decision.unheld == ("gold",)
    assert [each.account for each in decision.candidates] == ["b", "a"]
    blocked = (await router.route(amount=100_001)).decision
    assert (blocked.rule, blocked.blocked, blocked.candidates) == ("large", "too large", ())
    assert [name for name, *_ in await told(router, metadata={"tier": "gold"})] == ["c"]
    await router.deactivate()
    assert [name for name, *_ in await told(router)] == ["a", "b", "c"]


async def test_a_rule_sends_nothing_to_an_account_that_the_list_disables_or_does_not_have() -> None:
    router = await listed(Priority("a", disabled=True), Priority("b"))
    await router.activate(Ruleset((), RouteTo(("a", "c", "b"))))
    assert await told(router) == [
        ("b", True, "priority 3 of 3"),
        ("a", False, "not used: disabled on the merchant's list"),
        ("c", False, "not used: the merchant has no such account"),
    ]


async def test_an_account_in_technical_trouble_is_passed_over_however_accounts_are_ranked() -> None:
    router = await listed()
    learn(router, "a", Taught.TECHNICAL, 5)
    for ruleset in (
        Ruleset((), RouteTo()),
        Ruleset((), RouteTo(("a", "b"))),
        BEST_FIRST,
        Ruleset((Rule("split", "", Split((Share("a", 99), Share("b", 1)))),)),
    ):
        await router.activate(ruleset)
        candidates = await told(router)
        assert candidates[0][0] != "a"
        assert ("a", False, "not used: technical errors: not used until 12:00:29 UTC") in candidates
    await router.deactivate()
    assert [(name, eligible) for name, eligible, _ in await told(router)] == [("b", True), ("c", True), ("a", False)]


async def test_declines_open_no_breaker() -> None:
    router = await listed()
    learn(router, "a", Taught.DECLINED, 40)
    assert [(name, eligible) for name, eligible, _ in await told(router)] == [("a", True), ("b", True), ("c", True)]


async def test_what_was_learnt_ranks_where_a_rule_asks_for_it() -> None:
    router = await listed()
    learn(router, "a", Taught.DECLINED, 60)
    learn(router, "b", Taught.APPROVED, 60)
    await router.activate(BEST_FIRST)
    route = await router.route()
    first = route.decision.candidates[0]
    assert first.account == "b"
    assert first.approval_ppm is not None
    assert first.approval_ppm > 900_000
    assert first.fee == 0
    assert route.learning_current
    router.knowledge.caught_up = False
    assert not (await router.route()).learning_current


async def test_two_routers_decide_alike() -> None:
    store = FakePriorityStore()
    one = Router(store=store)
    await one.lists.set(MERCHANT, (Priority("a"), Priority("b")), CHANGE)
    other = Router(store=store, rules=one.rules)
    await one.activate(Ruleset((Rule("split", "", Split((Share("a", 1), Share("b", 1)))),)))
    first = {(await router.route(payment_id=f"pay_{n}")).decision for router in (one, other) for n in range(50)}
    assert len({decision.candidates[0].account for decision in first}) == 2
    for number in range(50):
        routes = [(await router.route(payment_id=f"pay_{number}")).decision for router in (one, other)]
        assert routes[0] == routes[1]
