"""What is reasoned about conditions agrees with what CEL makes of them."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.domain.eligibility import obstacle
from router_svc.domain.fact_sets import Numbers, Texts
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.payment_space import (
    ALL_PAYMENTS,
    BOXES_MAX,
    Box,
    Effort,
    Space,
    TooManyBoxesError,
    space_of,
    space_of_account,
)
from router_svc.domain.predicates import Among, And, Constant, Fact, Not, Or, Predicate
from router_svc.domain.ruleset import RouteTo, Rule
from tests.unit.router_svc.cel_grammar import accounts, clear_conditions, conditions, payments

COMPILER = CelCompiler()
STEPS = 10_000


def predicate_of(condition: str) -> Predicate:
    (predicate,) = COMPILER.analyse([Rule("any", condition, RouteTo())]).predicates
    assert predicate is not None
    return predicate


def evaluator(condition: str) -> Callable[[PaymentFacts], bool]:
    asked = COMPILER.compile([Rule("any", condition, RouteTo())])
    return lambda facts: asked(facts).held == 0


def is_in(facts: PaymentFacts, space: Space) -> bool:
    return any(all(_value(facts, fact) in values for fact, values in box.sets.items()) for box in space)


def _value(facts: PaymentFacts, fact: Fact) -> Any:
    if fact.name == "metadata":
        return facts.metadata.get(fact.key)
    if fact.name.startswith("at."):
        local = facts.at.astimezone(ZoneInfo(fact.key or "UTC"))
        return {"at.getHours": local.hour, "at.getDayOfWeek": local.isoweekday() % 7}[fact.name]
    return getattr(facts, fact.name)


@settings(max_examples=100)
@given(clear_conditions, st.lists(payments, min_size=1, max_size=4))
def test_a_condition_without_anything_opaque_holds_exactly_in_its_space(
    condition: str, asked: list[PaymentFacts]
) -> None:
    space, holds = space_of(predicate_of(condition)), evaluator(condition)
    for facts in asked:
        assert is_in(facts, space) is holds(facts)


@settings(max_examples=100)
@given(conditions, st.lists(payments, min_size=1, max_size=4))
def test_no_condition_holds_outside_its_space(condition: str, asked: list[PaymentFacts]) -> None:
    space, holds = space_of(predicate_of(condition)), evaluator(condition)
    for facts in asked:
        assert is_in(facts, space) or not holds(facts)


@settings(max_examples=100)
@given(clear_conditions, clear_conditions, st.lists(payments, min_size=1, max_size=4))
def test_what_is_taken_away_and_what_is_common_make_the_space(one: str, other: str, asked: list[PaymentFacts]) -> None:
    mine, theirs = space_of(predicate_of(one)), space_of(predicate_of(other))
    in_mine, in_theirs = evaluator(one), evaluator(other)
    effort = Effort(STEPS)
    left = effort.remainder(mine, theirs)
    common = tuple(box.cut(other_box) for box in mine for other_box in theirs)
    assert effort.meet(mine, theirs) is any(not box.is_empty() for box in common)
    for facts in asked:
        assert is_in(facts, left) is (in_mine(facts) and not in_theirs(facts))
        assert is_in(facts, common) is (in_mine(facts) and in_theirs(facts))


@settings(max_examples=100)
@given(accounts, payments)
def test_an_account_takes_what_is_in_its_space(account: AccountFacts, facts: PaymentFacts) -> None:
    assert is_in(facts, space_of_account(account)) is (not obstacle(facts, account))


_some_texts = st.frozensets(st.text("ab", max_size=3), max_size=4)
_text_sets = st.builds(
    Texts,
    values=st.none() | _some_texts,
    excluded=_some_texts,
    prefix=st.text("ab", max_size=2),
    excluded_prefixes=st.frozensets(st.text("ab", max_size=2), max_size=2),
    absent=st.booleans(),
)
_number_sets = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=3).map(
    lambda steps: Numbers(
        tuple((place * 10 + start, place * 10 + start + length) for place, (start, length) in enumerate(steps))
    )
)
_TEXTS = [None, *(a + b + c for a in ("", "a", "b") for b in ("", "a", "b") for c in ("", "a", "b", "abab"))]


@settings(max_examples=100)
@given(_text_sets, _text_sets)
def test_sets_of_texts_are_sets(one: Texts, other: Texts) -> None:
    _require_sets(one, other, one.cut(other), one.without(other), _TEXTS)
    if one.is_within(other):
        assert all(value in other for value in _TEXTS if value in one)


@settings(max_examples=100)
@given(_number_sets, _number_sets)
def test_sets_of_numbers_are_sets(one: Numbers, other: Numbers) -> None:
    _require_sets(one, other, one.cut(other), one.without(other), range(-1, 40))
    assert one.is_within(other) is all(value in other for value in range(-1, 40) if value in one)


def _require_sets(one, other, common, left, values) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    for value in values:
        assert (value in common) is (value in one and value in other)
        assert any(value in part for part in left) is (value in one and value not in other)
        if one.is_empty():
            assert value not in one


def test_no_set_is_within_another_that_lacks_something_of_it() -> None:
    everything = Texts()
    assert Texts(values=frozenset({"aa", "ab"})).is_within(Texts(prefix="a"))
    assert Texts(prefix="aa").is_within(Texts(prefix="a"))
    assert not Texts(prefix="a").is_within(Texts(prefix="aa"))
    assert not Texts(prefix="a").is_within(Texts(excluded_prefixes=frozenset({"ab"})))
    assert not Texts(absent=True).is_within(everything)
    assert Texts(prefix="b").is_within(Texts(excluded_prefixes=frozenset({"a"}), excluded=frozenset({"ab"})))


def test_what_is_opaque_is_known_again_and_never_both() -> None:
    some, same = predicate_of("brand < currency && amount > 1"), predicate_of("amount > 1&&brand<currency")
    assert space_of(some) == space_of(same)
    assert space_of(predicate_of("brand < currency && !(brand < currency)")) == ()
    assert space_of(predicate_of("size(metadata) > 1 && !(size(metadata) > 2)"))
    assert predicate_of('{"a": 1}["a"] == amount') != predicate_of('{"b": 1}["b"] == amount')
    assert predicate_of("dyn(amount) == 1u") != predicate_of("dyn(amount) == 1")


def test_an_opaque_part_that_fails_leaves_payments_over() -> None:
    # Either one holds for no payment without metadata.
    yes, no = space_of(predicate_of('metadata.tier < "c"')), space_of(predicate_of('!(metadata.tier < "c")'))
    assert Effort(STEPS).remainder((ALL_PAYMENTS,), (*yes, *no)) == (ALL_PAYMENTS,)


def test_what_is_too_entangled_is_not_reasoned_about() -> None:
    either = [Or((Among(Fact("metadata", f"a{n}"), frozenset({"x"})), Constant(holds=True))) for n in range(12)]
    with pytest.raises(TooManyBoxesError):
        space_of(And(tuple(either)))
    with pytest.raises(TooManyBoxesError):
        space_of(Not(And(tuple(Among(Fact("bin"), frozenset({str(n)})) for n in range(BOXES_MAX + 1)))))
    with pytest.raises(TooManyBoxesError):
        Effort(3).remainder((ALL_PAYMENTS,), [Box({Fact("amount"): Numbers(((n, n),))}) for n in range(4)])
