"""Conditions of a ruleset, evaluated: the first that holds decides, and one that fails hides no other."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_svc.adapters.cel import compiler
from router_svc.adapters.cel import evaluator as evaluator_module
from router_svc.adapters.cel.compiler import CONDITION_LENGTH_MAX, CelCompiler
from router_svc.adapters.cel.evaluator import BATCH_RULES_MAX
from router_svc.application.ports.conditions import ConditionCompiler, ConditionsError, Evaluator
from router_svc.domain.facts import PaymentFacts
from router_svc.domain.ruleset import RouteTo, Rule
from router_svc.domain.selection import Verdict
from tests.unit.router_svc.cel_grammar import conditions, payments

SUMMER_NIGHT = datetime(2030, 7, 1, 22, 30, tzinfo=UTC)
PAYMENT = PaymentFacts(
    "mer_1", "pay_1", 1050, "EUR", SUMMER_NIGHT, brand="visa", bin="411111", metadata={"tier": "gold"}
)
COMPILER: ConditionCompiler = CelCompiler()


def rules(*texts: str) -> list[Rule]:
    return [Rule(f"rule {index}", text, RouteTo()) for index, text in enumerate(texts)]


def evaluator(*texts: str) -> Evaluator:
    return COMPILER.compile(rules(*texts))


def test_the_first_rule_that_holds_is_found() -> None:
    asked = evaluator('currency == "USD"', 'currency == "EUR" && amount > 1000', "true")
    assert asked(PAYMENT) == Verdict(1)
    assert asked(replace(PAYMENT, amount=1000)) == Verdict(2)
    assert asked(replace(PAYMENT, currency="USD")) == Verdict(0)


def test_no_rule_holds_or_there_is_none() -> None:
    assert evaluator('currency == "USD"', "amount > 2000")(PAYMENT) == Verdict(None)
    assert evaluator()(PAYMENT) == Verdict(None)


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_condition_always_holds(empty: str) -> None:
    assert evaluator("false", empty)(PAYMENT) == Verdict(1)


def test_a_rule_that_fails_does_not_hold_and_is_told_and_hides_no_other() -> None:
    asked = evaluator(
        'metadata["shop"] == "berlin"', "amount / (amount - 1050) == 1", 'metadata.tier == "gold"', "true"
    )
    assert asked(PAYMENT) == Verdict(2, failed=(0, 1))
    assert asked(replace(PAYMENT, amount=1051, metadata={"shop": "berlin"})) == Verdict(0)
    assert asked(replace(PAYMENT, amount=1051, metadata={})) == Verdict(3, failed=(0, 2))


def test_rules_behind_the_one_that_holds_are_not_spoken_of() -> None:
    asked = evaluator("amount > 1", 'metadata["shop"] == "berlin"')
    assert asked(PAYMENT) == Verdict(0)
    assert evaluator('metadata.tier == "gold"', 'metadata["shop"] == "berlin"')(PAYMENT) == Verdict(0)


def test_a_failed_part_does_not_matter_where_another_decides() -> None:
    asked = evaluator('metadata["shop"] == "berlin" && amount < 0', 'metadata["shop"] == "berlin" || amount > 0')
    assert asked(PAYMENT) == Verdict(1)


def test_a_loop_that_takes_too_long_fails_alone() -> None:
    long = "[" + ", ".join("1" for _ in range(600)) + "].all(x, x == 1)"
    many = evaluator(*[long] * 20, "true")
    assert many(PAYMENT) == Verdict(0)
    texts = [*[f"!{long}"] * 20, "amount > 0"]
    assert evaluator(*texts)(PAYMENT) == Verdict(20)


def test_what_is_no_utf_8_fails_and_does_not_raise() -> None:
    asked = evaluator('brand == "visa"', 'metadata.tier == "gold"')
    assert asked(replace(PAYMENT, brand="\ud800")) == Verdict(1, failed=(0,))
    asked = evaluator('metadata.tier == "gold"', 'brand == "visa"', "amount > 0")
    assert asked(replace(PAYMENT, brand="\ud800")) == Verdict(0)
    assert asked(replace(PAYMENT, brand="\ud800", metadata={})) == Verdict(2, failed=(0, 1))


def test_a_time_zone_that_is_not_there_any_more_fails_alone() -> None:
    asked = evaluator('at.getHours("Europe/Berln") == 3', 'currency == "USD"', "true")
    assert asked(PAYMENT) == Verdict(2, failed=(0,))


def test_a_comment_ends_with_its_condition() -> None:
    asked = evaluator("amount > 2000 // large", 'brand == "visa" // ours')
    assert asked(PAYMENT) == Verdict(1)


@pytest.mark.parametrize("text", ["true, false", "true] + [true", "true]", "[true", "(true", '"""true', "true //\n]"])
def test_no_condition_reaches_into_the_next(text: str) -> None:
    with pytest.raises(ConditionsError):
        evaluator(text, "false")


def test_hours_and_weekdays_are_those_of_the_time_zone_that_is_named() -> None:
    asked = evaluator('at.getHours("Europe/Berlin") == 0 && at.getDayOfWeek("Europe/Berlin") == 2')
    assert asked(PAYMENT) == Verdict(0)
    assert evaluator("at.getHours() == 22 && at.getDayOfWeek() == 1")(PAYMENT) == Verdict(0)
    winter = replace(PAYMENT, at=datetime(2030, 1, 1, 23, 30, tzinfo=UTC))
    assert asked(winter) == Verdict(None)
    assert evaluator('at.getHours("Europe/Berlin") == 0')(winter) == Verdict(0)


def test_every_fact_is_a_variable() -> None:
    assert evaluator(
        'amount == 1050 && currency == "EUR" && method == "card" && brand == "visa" && bin == "411111" && funding == ""'
        ' && issuer_country == "" && initiator == "customer" && three_ds == "none" && metadata == {"tier": "gold"}'
        ' && at == timestamp("2030-07-01T22:30:00Z")'
    )(PAYMENT) == Verdict(0)


def test_rules_of_several_batches_keep_their_order() -> None:
    count = 4 * BATCH_RULES_MAX + 3
    texts = [f'amount == {index} || metadata["shop"] == "{index}"' for index in range(count)]
    asked = evaluator(*texts)
    for index in (0, 1, BATCH_RULES_MAX - 1, BATCH_RULES_MAX, 2 * BATCH_RULES_MAX, count - 1):
        assert asked(replace(PAYMENT, amount=index)) == Verdict(index, failed=tuple(range(index)))
        assert asked(replace(PAYMENT, metadata={"shop": str(index)})) == Verdict(index)
    assert asked(PAYMENT) == Verdict(None, failed=tuple(range(count)))


def test_as_many_rules_as_there_may_be_of_any_length_compile() -> None:
    text = 'currency == "EUR"'.ljust(CONDITION_LENGTH_MAX - 1) + " "
    assert evaluator(*[f"!({text.strip()})".ljust(CONDITION_LENGTH_MAX)] * 199, "true")(PAYMENT) == Verdict(199)


def test_conditions_that_do_not_compile_are_told_all_at_once() -> None:
    with pytest.raises(ConditionsError) as refused:
        evaluator("true", "curency", "amount = 5")
    assert [problem.field for problem in refused.value.problems] == ["rules[1].condition", "rules[2].condition"]
    assert str(refused.value) == (
        "rules[1].condition: there is no fact `curency`; rules[2].condition: `=` compares nothing"
    )


@settings(max_examples=100)
@given(st.lists(conditions, max_size=6), st.lists(payments, min_size=1, max_size=4))
def test_all_together_say_what_each_says_alone(texts: list[str], asked: list[PaymentFacts]) -> None:
    together = evaluator(*texts)
    alone = [evaluator(text) for text in texts]
    for facts in asked:
        verdicts = [single(facts) for single in alone]
        held = next((index for index, verdict in enumerate(verdicts) if verdict.held == 0), None)
        before = verdicts[:held] if held is not None else verdicts
        failed = tuple(index for index, verdict in enumerate(before) if verdict.failed)
        assert together(facts) == Verdict(held, failed)


def test_between_two_conditions_others_get_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(compiler, "let_others_go_on", lambda: done.append("condition"))
    monkeypatch.setattr(evaluator_module, "let_others_go_on", lambda: done.append("list"))
    count = 2 * BATCH_RULES_MAX + 1
    evaluator(*["at.getHours() < 0"] * count)
    assert done == [*["condition"] * count, *["list"] * 3]
    # What predicates tell of is never asked for in a list.
    done.clear()
    evaluator(*["amount < 0"] * count)
    assert done == ["condition"] * count
