"""What predicates tell without CEL is what CEL tells, and the index leaves out no rule that says anything."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cel_expr_python import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from router_svc.adapters.cel import evaluator
from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.adapters.cel.environment import values_of
from router_svc.adapters.cel.evaluator import ASKED_ALONE_MAX
from router_svc.domain.facts import Initiator, PaymentFacts
from router_svc.domain.outcomes import UNCLEAR, is_clear, judge_of
from router_svc.domain.predicates import Predicate
from router_svc.domain.rule_index import RuleIndex
from router_svc.domain.ruleset import RouteTo, Rule
from router_svc.domain.selection import Verdict
from tests.unit.router_svc.cel_grammar import conditions, payments

COMPILER = CelCompiler()
PAYMENT = PaymentFacts(
    "mer_1", "pay_1", 1050, "EUR", datetime(2030, 7, 1, 22, 30, tzinfo=UTC), brand="visa", bin="411111"
)


def rules(*texts: str) -> list[Rule]:
    return [Rule(f"rule {index}", text, RouteTo()) for index, text in enumerate(texts)]


def predicate_of(text: str) -> Predicate:
    (predicate,) = COMPILER.analyse(rules(text)).predicates
    assert predicate is not None
    return predicate


def by_cel_alone(texts: list[str], facts: PaymentFacts) -> Verdict:
    return first_by_cel([COMPILER._environment.compile(text) for text in texts], facts)


def first_by_cel(expressions: list[cel.Expression], facts: PaymentFacts) -> Verdict:
    """Ask CEL for each rule, in order."""
    activation = COMPILER._environment.Activation(values_of(facts))
    failed: list[int] = []
    for index, expression in enumerate(expressions):
        outcome = evaluator._outcome(expression, activation)
        if outcome is True:
            return Verdict(index, tuple(failed))
        if outcome is not False:
            failed.append(index)
    return Verdict(None, tuple(failed))


@settings(max_examples=100)
@given(st.lists(conditions, max_size=ASKED_ALONE_MAX + 6), st.lists(payments, min_size=1, max_size=8))
def test_the_quick_way_decides_as_cel_alone_does(texts: list[str], asked: list[PaymentFacts]) -> None:
    together = COMPILER.compile(rules(*texts))
    expressions = [COMPILER._environment.compile(text) for text in texts]
    for facts in asked:
        assert together(facts) == first_by_cel(expressions, facts)


@settings(max_examples=50)
@given(st.lists(conditions, min_size=1, max_size=8), st.lists(payments, min_size=1, max_size=8))
def test_a_rule_that_the_index_leaves_out_neither_holds_nor_fails(texts: list[str], asked: list[PaymentFacts]) -> None:
    index = RuleIndex([predicate_of(text) for text in texts])
    expressions = [COMPILER._environment.compile(text) for text in texts]
    for facts in asked:
        found = list(index(facts))
        assert found == sorted(set(found))
        for place, expression in enumerate(expressions):
            if place not in found:
                assert first_by_cel([expression], facts) == Verdict(None)


@given(conditions, st.lists(payments, min_size=1, max_size=4))
def test_what_is_clear_has_an_outcome_for_every_payment(text: str, asked: list[PaymentFacts]) -> None:
    predicate = predicate_of(text)
    if is_clear(predicate):
        assert UNCLEAR not in {judge_of(predicate)(facts) for facts in asked}


@pytest.mark.parametrize(
    ("text", "changes", "found"),
    [
        ('currency == "EUR"', {}, True),
        ('currency == "USD"', {}, False),
        ('currency in ["USD", "GBP"] && brand == "visa"', {}, False),
        ('currency == "USD" || brand == "visa"', {}, True),
        ('currency == "USD" || currency == "GBP"', {}, False),
        ('currency == "USD" || amount > 5', {}, True),
        ('bin.startsWith("41")', {}, True),
        ('bin.startsWith("42") && amount > 5', {}, False),
        ('bin.startsWith("42") || bin.startsWith("4111")', {}, True),
        ('bin.startsWith("411111")', {"bin": "41"}, False),
        ('initiator == "merchant"', {"initiator": Initiator.MERCHANT}, True),
        ('initiator == "merchant"', {}, False),
        # What fails is a thing to say, too.
        ('metadata["shop"] == "berlin"', {}, True),
        ('currency == "USD" && metadata["shop"] == "berlin"', {}, False),
        ("false", {}, False),
    ],
)
def test_a_rule_is_looked_at_where_it_may_say_something(text: str, changes: dict[str, object], found: bool) -> None:
    index = RuleIndex([predicate_of("amount < 0"), predicate_of(text)])
    assert (1 in index(replace(PAYMENT, **changes))) is found  # type: ignore[arg-type]


def test_most_rules_are_not_looked_at() -> None:
    texts = [f'currency == "EUR" && bin.startsWith("{number}") && amount > 1' for number in range(400_000, 400_200)]
    index = RuleIndex([predicate_of(text) for text in texts])
    assert list(index(replace(PAYMENT, bin="400100"))) == [100]


def test_loops_that_take_too_long_together_are_asked_one_by_one() -> None:
    long = "[" + ", ".join("1" for _ in range(600)) + "].all(x, x == 1)"
    texts = [*[f'{long} && currency == "USD"'] * 20, f'{long} && currency == "EUR"']
    together = COMPILER.compile(rules(*texts))
    assert together(PAYMENT) == by_cel_alone(texts, PAYMENT)


@pytest.mark.parametrize(
    "changes",
    [{"brand": "\ud800"}, {"metadata": {"tier": "\ud800"}}, {"metadata": {"\ud800": "gold"}}, {"amount": 2**63}],
)
def test_what_cel_can_not_read_fails_as_it_does_in_cel(changes: dict[str, object]) -> None:
    facts = replace(PAYMENT, **changes)  # type: ignore[arg-type]
    texts = ['brand == "visa" && amount < 0', 'metadata["tier"] == "gold"', "amount < 0", 'currency == "EUR"']
    assert COMPILER.compile(rules(*texts))(facts) == by_cel_alone(texts, facts)


def test_what_is_unicode_is_read_without_cel() -> None:
    facts = replace(PAYMENT, metadata={"shop": "Köln"})
    assert COMPILER.compile(rules('metadata["shop"] == "Köln"'))(facts) == Verdict(0)


def test_many_unclear_rules_keep_their_order() -> None:
    texts = ["at.getHours() > 30"] * 20 + ['metadata["shop"].size() > 3'] * 20 + ["at.getHours() == 22"]
    assert COMPILER.compile(rules(*texts))(PAYMENT) == Verdict(40, tuple(range(20, 40)))
