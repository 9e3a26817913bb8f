"""The sums of a simulation: what is counted for whom, in whole numbers, and the same for the same payments."""

from dataclasses import replace

from router_svc.domain.decision import Decision, Scored
from router_svc.domain.ruleset import Block, RouteTo, Rule, Ruleset, StepUp
from router_svc.domain.simulation import (
    EXAMPLES_MAX,
    EXAMPLES_OF_A_KIND_MAX,
    AccountCount,
    Comparison,
    CurrencySums,
    Difference,
    Money,
    RuleCount,
    place_of,
)
from tests.fakes.router.payment_history import past

BEFORE = Ruleset(())
AFTER = Ruleset((Rule("large", "amount > 9", Block("too large")), Rule("euro", "", RouteTo(("b",)))))


def to(account: str, rule: str = "", step_up: StepUp = StepUp.UNSET, unheld: tuple[str, ...] = ()) -> Decision:
    candidates = (
        Scored(account, eligible=True, reason=f"first is {account}"),
        Scored("z", eligible=False, reason="no"),
    )
    return Decision(1, rule, candidates, step_up, unheld=unheld)


def rated(**accounts: tuple[int, int]) -> dict[str, Scored]:
    return {name: Scored(name, True, "", chance, fee) for name, (chance, fee) in accounts.items()}


BLOCKED = Decision(1, "large", (), blocked="too large")
UNSERVED = Decision(1, "euro", (Scored("b", eligible=False, reason="not used: disabled"),))


def test_nothing_is_nothing() -> None:
    empty = Comparison(BEFORE, AFTER).difference()
    assert (empty.payments, empty.moved, empty.accounts, empty.currencies, empty.examples) == (0, 0, (), (), ())
    assert empty.before.rules == (RuleCount("", 0, 0),)
    assert empty.after.rules == (RuleCount("large", 0, 0), RuleCount("euro", 0, 0), RuleCount("", 0, 0))


def test_each_payment_is_counted_where_it_goes() -> None:
    comparison = Comparison(BEFORE, AFTER)
    both = rated(a=(900_000, 10), b=(800_000, 5))
    comparison.add(past(1), to("a"), to("a", "euro", StepUp.REQUIRE), both)
    comparison.add(past(2, tried="", approved=False), to("a"), to("b", "euro", StepUp.SKIP, ("large",)), both)
    comparison.add(past(3, tried="c", approved=None), to("a"), BLOCKED, both)
    comparison.add(past(4), to("a"), UNSERVED, both)
    found = comparison.difference()
    assert (found.payments, found.moved, found.approved, found.open) == (4, 3, 2, 1)
    assert found.accounts == (
        AccountCount("a", tried=2, before=4, after=1),
        AccountCount("b", tried=0, before=0, after=1),
        AccountCount("c", tried=1, before=0, after=0),
    )
    assert (found.before.blocked, found.before.unserved, found.before.approvals_ppm) == (0, 0, 3_600_000)
    after = found.after
    assert (after.blocked, after.unserved, after.approvals_ppm) == (1, 1, 1_700_000)
    assert (after.three_ds_required, after.three_ds_skipped) == (1, 1)
    assert found.before.rules == (RuleCount("", 4, 0),)
    assert after.rules == (RuleCount("large", 1, 1), RuleCount("euro", 3, 0), RuleCount("", 0, 0))


def test_expected_amounts_are_added_up_by_currency_and_rounded_once() -> None:
    comparison = Comparison(BEFORE, AFTER)
    # Each is a third of a unit: rounded one by one, nothing would be left.
    for number in range(3):
        comparison.add(past(number, amount=1), to("a"), to("b"), rated(a=(333_334, 1), b=(1_000_000, 1)))
    comparison.add(past(9, amount=5_000, currency="JPY"), to("a"), BLOCKED, rated(a=(500_000, 3)))
    assert comparison.difference().currencies == (
        CurrencySums("EUR", 3, 3, before=Money(1, 1), after=Money(3, 3)),
        CurrencySums("JPY", 1, 5_000, before=Money(2_500, 2), after=Money(0, 0)),
    )


def test_a_payment_that_stays_is_no_move_whatever_the_rule_and_the_order_behind_it() -> None:
    comparison = Comparison(BEFORE, AFTER)
    longer = replace(to("a"), candidates=(*to("a").candidates, Scored("b", eligible=True, reason="second")))
    comparison.add(past(1), to("a"), replace(longer, rule="euro"), rated(a=(1, 1)))
    comparison.add(past(2), BLOCKED, replace(BLOCKED, rule="other"), {})
    comparison.add(past(3), UNSERVED, UNSERVED, {})
    assert comparison.difference().moved == 0
    # Nowhere for a rule's sake is another place than nowhere for want of an account.
    comparison.add(past(4), BLOCKED, UNSERVED, {})
    assert comparison.difference().moved == 1


def test_a_frequent_move_leaves_room_for_the_others_in_the_examples() -> None:
    comparison = Comparison(BEFORE, AFTER)
    for number in range(50):
        comparison.add(past(number), to("a"), to("b", "euro"), {})
    comparison.add(past(50), to("a"), BLOCKED, {})
    found = comparison.difference()
    assert [each.payment.facts.payment_id for each in found.examples] == [
        *(f"pay_{number}" for number in range(EXAMPLES_OF_A_KIND_MAX)),
        "pay_50",
    ]
    assert (found.examples[0].before.reason, found.examples[0].after.rule) == ("first is a", "euro")
    assert (found.examples[-1].after.account, found.examples[-1].after.reason) == ("", "too large")
    for number in range(100):
        comparison.add(past(number), to("a"), to(f"account_{number}"), {})
    assert len(comparison.difference().examples) == EXAMPLES_MAX


def test_a_place_says_why_there_is_none() -> None:
    assert place_of(Decision(1, "", ())).reason == "the merchant has no account"
    assert (place_of(UNSERVED).account, place_of(UNSERVED).reason) == ("", "not used: disabled")


def test_the_same_payments_give_the_same_difference() -> None:
    def summed() -> Difference:
        comparison = Comparison(BEFORE, AFTER)
        for number in range(30):
            account = "ab"[number % 2]
            comparison.add(past(number), to("a"), to(account, "euro"), rated(a=(900_001, 7), b=(700_003, 3)))
        return comparison.difference()

    assert summed() == summed()
