"""What is wrong with a condition is told in the payments field's words: where, why, and what to write instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_svc.adapters.cel.compiler import CONDITION_LENGTH_MAX, CelCompiler
from router_svc.application.ports.conditions import ConditionCompiler, ConditionsError
from router_svc.domain.problems import Position, Problem, ProblemKind, Severity
from router_svc.domain.ruleset import RouteTo, Rule

COMPILER: ConditionCompiler = CelCompiler()


def problem_of(condition: str) -> Problem:
    analysis = COMPILER.analyse([Rule("first", "true", RouteTo()), Rule("second", condition, RouteTo())])
    (problem,) = analysis.problems
    assert analysis.predicates[0] is not None
    assert analysis.predicates[1] is None
    return problem


def test_a_problem_names_rule_field_and_place() -> None:
    assert problem_of('amount > 1000\n  && curency == "EUR"') == Problem(
        severity=Severity.ERROR,
        kind=ProblemKind.CONDITION,
        field="rules[1].condition",
        rule="second",
        why="there is no fact `curency`",
        instead="write `currency`",
        position=Position(2, 6, '  && curency == "EUR"\n     ^'),
    )


@pytest.mark.parametrize(
    ("condition", "column", "why", "instead"),
    [
        ("currency == EUR", 13, "there is no fact `EUR`", 'write a text in quotes: `"EUR"`'),
        ("currency == eur", 13, "there is no fact `eur`", 'write a text in quotes: `"EUR"`'),
        ("brand != VISA", 10, "there is no fact `VISA`", 'write a text in quotes: `"visa"`'),
        ("issuer_country in [DE, AT]", 20, "there is no fact `DE`", 'write a text in quotes: `"DE"`'),
        ("amount > 1 && EUR == currency", 15, "there is no fact `EUR`", 'write a text in quotes: `"EUR"`'),
        ("payment.amount > 3", 1, "there is no fact `payment.amount`", "write `amount`: facts stand on their own"),
        ('country == "DE"', 1, "there is no fact `country`", "write `issuer_country`"),
        ("hour == 3", 1, "there is no fact `hour`", 'write `at.getHours("Europe/Berlin")`'),
        ("TRUE", 1, "there is nothing that is called `TRUE`", "write `true`"),
        ("brand == None", 10, "there is nothing that is called `None`", 'what is not known is empty: write `""`'),
        ('currency.startswith("E")', 10, "there is no function `startswith`", "write `startsWith`"),
        ('at.getHour("Europe/Berlin") == 3', 4, "there is no function `getHour`", "write `getHours`"),
        ("not (amount > 3)", 1, "`not` is no operator", 'write `!`, like `!(brand == "amex")`, or `!=`'),
        ("amount = 5", 8, "`=` compares nothing", "write `==`"),
        ('currency === "EUR"', 10, "`===` is no operator", "write `==`"),
        ('brand <> "visa"', 7, "`<>` is no operator", "write `!=`"),
        ('brand == "visa" & amount > 1', 17, "`&` is no operator", "write `&&`"),
        ('currency == "EUR" and amount > 1', 19, "`and` is no operator", "write `&&`"),
        ("amount > 5 OR true", 12, "`OR` is no operator", "write `||`"),
        ("amount between 1 and 2", 8, "`between` is no operator", "write `amount >= 1000 && amount <= 5000`"),
        ("if amount > 3", 1, "`if` is no operator", "leave it out: a condition is what stands after it"),
        (
            "currency == \u201cEUR\u201d",
            13,
            "`\u201c` is no quotation mark of conditions",
            'write straight quotes, like "EUR"',
        ),
        ('currency == "EUR', 13, "the text has no end", "close it with the same quote"),
        ("amount > 1,000", 10, "`1,000` is no number", "write its digits alone: `1000`"),
        ("amount > 1_000_000", 10, "`1_000_000` is no number", "write its digits alone: `1000000`"),
        ('(currency == "EUR"', 1, "the bracket `(` is never closed", "add `)`"),
        ("amount > 1)", 11, "the bracket `)` was never opened", "take it out"),
        (
            "amount > 99999999999999999999",
            10,
            "the number is too large for an amount",
            "write at most 9223372036854775807",
        ),
        ("amount", 1, "the condition gives a number, not true or false", "compare it, like `amount > 1000`"),
        ("currency", 1, "the condition gives a text, not true or false", 'compare it, like `currency == "EUR"`'),
        ("dyn(true)", 1, "the condition does not give true or false", "compare the value with another"),
        ('currency.matches("[")', 19, "the pattern can't be read", "write a regular expression of RE2"),
        (
            "amount == 10.50",
            8,
            "a whole number and a number with a decimal point can't be compared",
            "amounts are whole numbers in minor units: write `1050` for 10.50 of a currency with two decimals",
        ),
        (
            'amount > "5"',
            8,
            "a whole number and a text can't be compared",
            "write the number without quotes: `5`",
        ),
        ("bin == 411111", 5, "a text and a whole number can't be compared", 'write the text in quotes: `"411111"`'),
        (
            "metadata.items > 3",
            16,
            "a text and a whole number can't be compared",
            "make a number of the text, like `int(metadata.items) > 3`",
        ),
        (
            'at > "2030-01-01"',
            4,
            "a moment and a text can't be compared",
            'write a moment as `timestamp("2030-01-31T00:00:00Z")`',
        ),
        (
            "brand == null",
            7,
            "a text and null can't be compared",
            'what is not known is empty: write `""`; for metadata write `has(metadata.key)`',
        ),
        (
            'currency in ("EUR", "USD")',
            12,
            "what follows `in` is no list",
            'write square brackets, like `currency in ["EUR", "USD"]`',
        ),
        (
            "amount in 5",
            8,
            "what follows `in` is no list that this value can be in",
            'write a list of values of the same type, like `currency in ["EUR", "USD"]`',
        ),
        (
            'currency == "EUR" &&',
            21,
            "the condition ends where something has to follow",
            'write comparisons that `&&` or `||` join, like `currency == "EUR" && amount > 1000`',
        ),
        (
            'metadata.a.b == "c"',
            11,
            "what stands before the point has no parts",
            'write the whole key in brackets, like `metadata["a.b"]`',
        ),
        (
            "amount && true",
            8,
            "`&&` takes what is true or false, and here stands a whole number and true or false",
            'write comparisons that `&&` or `||` join, like `currency == "EUR" && amount > 1000`',
        ),
        (
            'at.getHours("Europe/Berln") == 3',
            14,
            "there is no such time zone",
            'write a name of the IANA time zone database, like "Europe/Berlin"',
        ),
        ('at < timestamp("soon")', 17, "the text is no moment", 'write it like `timestamp("2030-01-31T00:00:00Z")`'),
    ],
)
def test_what_is_wrong_is_told_with_a_remedy(condition: str, column: int, why: str, instead: str) -> None:
    problem = problem_of(condition)
    assert (problem.why, problem.instead) == (why, instead)
    assert problem.position is not None
    assert problem.position.column == column
    assert problem.position.excerpt == f"{condition}\n{' ' * (column - 1)}^"


def test_characters_are_counted_and_not_bytes() -> None:
    position = problem_of('"\u00c4\U0001f642" == foo').position
    assert position is not None
    assert position.column == 9


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("(" * 40 + "true" + ")" * 40, "the condition is nested too deeply"),
        ("[" * 32 + "]" * 32 + " == []", "the condition is nested too deeply"),
        ("+".join(["amount"] * 50) + " > 1", "the condition is nested too deeply"),
        (
            "[1].all(x, [2].all(y, x == y))",
            "loops like `exists` and `all` stand in each other, which can take too long",
        ),
        ("a" * 2001, f"the condition has 2001 characters, and a condition has at most {CONDITION_LENGTH_MAX}"),
        ("true\x00", "the condition has control characters"),
        ('brand == "\ud800"', "the condition is no Unicode text"),
    ],
)
def test_what_is_too_much_is_refused_as_a_whole(condition: str, why: str) -> None:
    problem = problem_of(condition)
    assert problem.why == why
    assert problem.instead
    assert problem.position is None


def test_the_deepest_nesting_that_is_allowed_alone_is_allowed_in_a_ruleset() -> None:
    allowed = []
    for depth in range(1, 34):
        rule = Rule("deep", "(" * depth + "amount > 1" + ")" * depth, RouteTo())
        if not COMPILER.analyse([rule]).problems:
            COMPILER.compile([rule] * 3)
            allowed.append(depth)
    assert len(allowed) > 20


@given(st.text(max_size=40) | st.text("amount><=&|!()[]\"'.,0 19EURin\n", max_size=30))
def test_any_text_compiles_or_is_told_why_not(text: str) -> None:
    rule = Rule("any", text, RouteTo())
    problems = COMPILER.analyse([rule]).problems
    if not problems:
        COMPILER.compile([rule])
        return
    with pytest.raises(ConditionsError) as refused:
        COMPILER.compile([rule])
    assert refused.value.problems == problems
    for problem in problems:
        assert problem.why
        assert problem.instead
        if problem.position is not None:
            assert 1 <= problem.position.line <= text.count("\n") + 1
