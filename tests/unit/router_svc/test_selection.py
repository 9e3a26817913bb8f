"""Where a payment goes once it is known which rule holds."""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_svc.domain.decision import Decision, Scored
from router_svc.domain.eligibility import obstacles
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.ruleset import Block, Ranking, RouteTo, Rule, Ruleset, Share, Split, StepUp, Strategy
from router_svc.domain.selection import RulesetVersion, Verdict, select
from tests.unit.router_svc.cel_grammar import accounts as any_accounts
from tests.unit.router_svc.cel_grammar import payments

PAYMENT = PaymentFacts("mer_1", "pay_1", 1050, "EUR", datetime(2030, 1, 1, tzinfo=UTC))
A, B, C = (AccountFacts(name, "sandbox") for name in "abc")
HELD = Verdict(0)


def backwards(facts: PaymentFacts, accounts: Sequence[AccountFacts], strategy: Strategy) -> Sequence[Scored]:
    assert facts.merchant_id
    assert accounts
    assert strategy.ranking is not Ranking.PRIORITY
    return [
        Scored(account.account, eligible=True, reason=f"scored by {strategy.ranking}", approval_ppm=900_000)
        for account in reversed(accounts)
    ]


def decided(
    action: RouteTo | Split | Block,
    *,
    facts: PaymentFacts = PAYMENT,
    accounts: Sequence[AccountFacts] = (A, B, C),
    obstacles: dict[str, str] | None = None,
    step_up: StepUp = StepUp.UNSET,
) -> Decision:
    ruleset = Ruleset((Rule("only", "true", action, step_up),))
    return select(RulesetVersion(ruleset, 7), HELD, facts, accounts, obstacles or {}, backwards)


def test_priority_keeps_the_order_of_the_rule() -> None:
    assert decided(RouteTo(("c", "a")), step_up=StepUp.REQUIRE) == Decision(
        ruleset_version=7,
        rule="only",
        candidates=(
            Scored("c", eligible=True, reason="priority 1 of 2"),
            Scored("a", eligible=True, reason="priority 2 of 2"),
        ),
        step_up=StepUp.REQUIRE,
    )


def test_accounts_that_may_not_be_used_come_last_with_the_reason_why() -> None:
    decision = decided(RouteTo(("a", "gone", "b", "c")), obstacles={"a": "does not take EUR"})
    assert decision.candidates == (
        Scored("b", eligible=True, reason="priority 3 of 4"),
        Scored("c", eligible=True, reason="priority 4 of 4"),
        Scored("a", eligible=False, reason="not used: does not take EUR"),
        Scored("gone", eligible=False, reason="not used: the merchant has no such account"),
    )


def test_a_rule_that_names_no_account_means_all() -> None:
    assert [scored.account for scored in decided(RouteTo()).candidates] == ["a", "b", "c"]


@pytest.mark.parametrize("ranking", [Ranking.SUCCESS_RATE, Ranking.LEAST_COST, Ranking.WEIGHTED])
def test_other_strategies_are_the_scorers(ranking: Ranking) -> None:
    decision = decided(RouteTo(("a", "b", "c"), Strategy(ranking)), obstacles={"b": "disabled"})
    assert [(scored.account, scored.reason) for scored in decision.candidates] == [
        ("c", f"scored by {ranking}"),
        ("a", f"scored by {ranking}"),
        ("b", "not used: disabled"),
    ]


def test_the_scorer_is_not_asked_when_no_account_may_be_used() -> None:
    decision = decided(RouteTo(("a",), Strategy(Ranking.LEAST_COST)), obstacles={"a": "disabled"})
    assert decision.candidates == (Scored("a", eligible=False, reason="not used: disabled"),)


def test_a_block_sends_the_payment_nowhere() -> None:
    decision = decided(Block("no cards from here"))
    assert (decision.rule, decision.blocked, decision.candidates) == ("only", "no cards from here", ())


def test_otherwise_decides_when_no_rule_holds() -> None:
    ruleset = Ruleset(
        (Rule("first", "metadata.x == 'y'", Block("no"), StepUp.SKIP), Rule("second", "false", Block("no"))),
        RouteTo(("b",)),
    )
    decision = select(RulesetVersion(ruleset, 3), Verdict(None, (0,)), PAYMENT, (A, B), {}, backwards)
    assert decision == Decision(
        ruleset_version=3,
        rule="",
        candidates=(Scored("b", eligible=True, reason="priority 1 of 1"),),
        unheld=("first",),
    )


SPLIT = Split((Share("a", 70), Share("b", 20), Share("c", 10)))


def firsts(split: Split, count: int, *, without: frozenset[str] = frozenset()) -> dict[str, str]:
    given_out = {}
    for number in range(count):
        facts = replace(PAYMENT, payment_id=f"pay_{number}")
        decision = decided(split, facts=facts, obstacles=dict.fromkeys(without, "disabled"))
        given_out[facts.payment_id] = decision.candidates[0].account
    return given_out


def test_a_split_tells_the_share_and_names_the_others_in_their_order() -> None:
    decision = decided(SPLIT, obstacles={"b": "disabled"})
    first, second, last = decision.candidates
    assert {first.account, second.account} == {"a", "c"}
    weight = {"a": 70, "c": 10}[first.account]
    assert first.reason == f"first by the split: {weight} of 100 parts"
    assert second.reason == "follows in the order of the split"
    assert last == Scored("b", eligible=False, reason="not used: disabled")


def test_a_payment_always_has_the_same_first_account() -> None:
    # In every process and every version: another hash would move payments while an old version still runs.
    told = hashlib.sha256("".join(firsts(SPLIT, 200).values()).encode()).hexdigest()[:12]
    assert told == "f1e11d2e7b15"


def require_near(counts: Counter[str], weights: dict[str, int]) -> None:
    """Require counts within five standard deviations of what the weights say."""
    total, parts = sum(counts.values()), sum(weights.values())
    for account, weight in weights.items():
        chance = weight / parts
        assert abs(counts[account] - total * chance) < 5 * math.sqrt(total * chance * (1 - chance))


@pytest.mark.parametrize("weights", [{"a": 70, "b": 20, "c": 10}, {"a": 1, "b": 1, "c": 1}, {"a": 999, "b": 1}])
def test_weights_are_kept_over_many_payments(weights: dict[str, int]) -> None:
    split = Split(tuple(Share(account, weight) for account, weight in weights.items()))
    require_near(Counter(firsts(split, 5_000).values()), weights)


def test_only_payments_of_an_account_that_is_not_eligible_move_and_are_shared_by_weight() -> None:
    before, after = firsts(SPLIT, 5_000), firsts(SPLIT, 5_000, without=frozenset({"a"}))
    moved = {payment: account for payment, account in after.items() if before[payment] != account}
    assert all(before[payment] == "a" for payment in moved)
    assert "a" not in after.values()
    require_near(Counter(moved.values()), {"b": 20, "c": 10})


def test_the_second_pick_does_not_depend_on_the_first() -> None:
    # Of four equal parts, the first and the third are the even numbers: so is their half of two parts.
    split = Split(tuple(Share(account, 1) for account in "abcd"))
    accounts = tuple(AccountFacts(account, "sandbox") for account in "abcd")
    counts: Counter[str] = Counter()
    for number in range(4_000):
        facts = replace(PAYMENT, payment_id=f"pay_{number}")
        decision = decided(split, facts=facts, accounts=accounts, obstacles={"a": "disabled", "c": "disabled"})
        counts[decision.candidates[0].account] += 1
    require_near(counts, {"b": 1, "d": 1})


_names = st.lists(st.sampled_from(["a", "b", "c", "gone"]), unique=True, max_size=4)
_actions = st.one_of(
    st.builds(RouteTo, _names.map(tuple), st.builds(Strategy, st.sampled_from(Ranking))),
    st.builds(
        Split,
        st.lists(
            st.builds(Share, st.sampled_from(["a", "b", "c", "gone"]), st.integers(1, 9)),
            min_size=1,
            max_size=4,
            unique_by=lambda share: share.account,
        ).map(tuple),
    ),
)


@given(_actions, payments, st.lists(any_accounts, max_size=3, unique_by=lambda account: account.account))
def test_every_account_of_the_rule_is_a_candidate_once_and_none_with_an_obstacle_is_eligible(
    action: RouteTo | Split, facts: PaymentFacts, accounts: list[AccountFacts]
) -> None:
    against = obstacles(facts, accounts)
    decision = decided(action, facts=facts, accounts=accounts, obstacles=dict(against))
    named = action.accounts if isinstance(action, RouteTo) else [share.account for share in action.shares]
    expected = list(named) or [account.account for account in accounts]
    assert sorted(scored.account for scored in decision.candidates) == sorted(expected)
    usable = {account.account for account in accounts} - set(against)
    assert {scored.account for scored in decision.candidates if scored.eligible} == usable & set(expected)
    assert sorted(decision.candidates, key=lambda scored: not scored.eligible) == list(decision.candidates)
    assert all(scored.reason for scored in decision.candidates)


def test_accounts_without_a_challenge_are_not_used_where_the_rule_requires_3d_secure() -> None:
    able, unable = replace(A, features=frozenset({"challenge"})), replace(B, features=frozenset({"address"}))
    route = RouteTo(("b", "a"))
    decision = decided(route, accounts=(able, unable), step_up=StepUp.REQUIRE)
    assert [(each.account, each.eligible) for each in decision.candidates] == [("a", True), ("b", False)]
    assert "3-D Secure" in decision.candidates[1].reason
    for step_up in (StepUp.UNSET, StepUp.SKIP):
        used = decided(route, accounts=(able, unable), step_up=step_up)
        assert [each.account for each in used.candidates if each.eligible] == ["b", "a"]
