"""What CEL's syntax trees become for the domain, and what counts as able to fail."""

import pytest

from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.adapters.cel.environment import new_environment
from router_svc.adapters.cel.predicates import may_fail
from router_svc.adapters.cel.syntax_tree import read_tree
from router_svc.domain.predicates import (
    Among,
    And,
    Choice,
    Compares,
    Constant,
    Fact,
    Not,
    Opaque,
    Operator,
    Or,
    Predicate,
    Present,
    StartsWith,
)
from router_svc.domain.ruleset import RouteTo, Rule

ENVIRONMENT = new_environment()
AMOUNT = Fact("amount")
TIER = Fact("metadata", "tier")


def among(name: str, *values: str) -> Among:
    return Among(Fact(name), frozenset(values))


@pytest.mark.parametrize(
    ("condition", "predicate"),
    [
        ("", Constant(holds=True)),
        ("false", Constant(holds=False)),
        ('currency == "EUR"', among("currency", "EUR")),
        ('"EUR" == currency', among("currency", "EUR")),
        ('currency != "EUR"', Not(among("currency", "EUR"))),
        ('brand in ["visa", "amex", "visa"]', among("brand", "visa", "amex")),
        ("brand in []", among("brand")),
        (r'brand == "\u0076isa"', among("brand", "visa")),
        ("amount == 5", Compares(AMOUNT, Operator.EQUAL, 5)),
        ("amount < -5", Compares(AMOUNT, Operator.LESS, -5)),
        ("amount <= 5", Compares(AMOUNT, Operator.LESS_OR_EQUAL, 5)),
        ("amount > 0x10", Compares(AMOUNT, Operator.GREATER, 16)),
        ("amount >= 5", Compares(AMOUNT, Operator.GREATER_OR_EQUAL, 5)),
        ("5 == amount", Compares(AMOUNT, Operator.EQUAL, 5)),
        ("5 < amount", Compares(AMOUNT, Operator.GREATER, 5)),
        ("5 <= amount", Compares(AMOUNT, Operator.GREATER_OR_EQUAL, 5)),
        ("5 > amount", Compares(AMOUNT, Operator.LESS, 5)),
        ("5 >= amount", Compares(AMOUNT, Operator.LESS_OR_EQUAL, 5)),
        ("amount != 5", Not(Compares(AMOUNT, Operator.EQUAL, 5))),
        (
            "amount in [7, 5]",
            Or(
                (
                    Constant(holds=False),
                    Compares(AMOUNT, Operator.EQUAL, 5),
                    Compares(AMOUNT, Operator.EQUAL, 7),
                )
            ),
        ),
        ('bin.startsWith("41")', StartsWith(Fact("bin"), "41")),
        ('metadata.tier == "gold"', Among(TIER, frozenset({"gold"}))),
        ('metadata["tier"] == "gold"', Among(TIER, frozenset({"gold"}))),
        ("has(metadata.tier)", Present(TIER)),
        ('"tier" in metadata', Present(TIER)),
        ("at.getHours() < 6", Compares(Fact("at.getHours"), Operator.LESS, 6)),
        ('at.getHours("UTC") < 6', Compares(Fact("at.getHours", "UTC"), Operator.LESS, 6)),
        ("!(amount > 5)", Not(Compares(AMOUNT, Operator.GREATER, 5))),
        ("amount > 5 && true", And((Compares(AMOUNT, Operator.GREATER, 5), Constant(holds=True)))),
        ("amount > 5 || true", Or((Compares(AMOUNT, Operator.GREATER, 5), Constant(holds=True)))),
        (
            "amount > 5 ? true : false",
            Choice(Compares(AMOUNT, Operator.GREATER, 5), Constant(holds=True), Constant(holds=False)),
        ),
    ],
)
def test_what_can_be_reasoned_about_is_told(condition: str, predicate: Predicate) -> None:
    assert CelCompiler().analyse([Rule("any", condition, RouteTo())]).predicates == (predicate,)


@pytest.mark.parametrize(
    "condition",
    [
        "brand == currency",
        'brand < "w"',
        "amount + 1 > 5",
        "-amount > 5",
        "dyn(amount) > 5.5",
        'amount in [1, "5"]',
        'brand in ["visa", currency]',
        'brand.endsWith("a")',
        'metadata.all(key, key != "tier")',
        'metadata[brand] == "gold"',
        "at > timestamp('2030-01-01T00:00:00Z')",
        "(at + duration('1h')).getHours() < 6",
        "(amount > 5) == true",
        'string(amount) == "5"',
    ],
)
def test_everything_else_is_opaque(condition: str) -> None:
    (predicate,) = CelCompiler().analyse([Rule("any", condition, RouteTo())]).predicates
    assert isinstance(predicate, Opaque)


@pytest.mark.parametrize(
    ("condition", "fails"),
    [
        ('currency == "EUR" && amount > 5 || !(brand in ["visa"])', False),
        ('bin.startsWith("41") || at.getHours("Europe/Berlin") == 3', False),
        ('has(metadata.tier) && "shop" in metadata && size(metadata) > 0', False),
        ('brand < currency ? brand.endsWith("a") : true', False),
        ('metadata.tier == "gold"', True),
        ('metadata["tier"] == "gold"', True),
        ("metadata[brand] in metadata", True),
        ("amount / 2 == 5", True),
        ("amount + 1 == 5", True),
        ("int(bin) > 5", True),
        ('metadata.exists(key, key == "tier")', True),
        ("at.getHours(brand) == 3", True),
        ('brand.matches("[")', True),
        ('{"a": 1}["a"] == 1', True),
    ],
)
def test_what_may_fail_is_known(condition: str, fails: bool) -> None:
    assert may_fail(read_tree(ENVIRONMENT.compile(condition).serialize())) is fails
