"""Words in conditions that no payment has: brands, currencies and the like that do not exist."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from router_svc.domain.predicates import Among, And, Choice, Fact, Not, Or, Predicate, StartsWith
from router_svc.domain.problems import Problem, ProblemKind, Severity, closest, position_of
from router_svc.domain.ruleset import Rule
from router_svc.domain.vocabulary import WORDS_OF

_SHAPES: Final = {
    "issuer_country": (re.compile(r"([A-Z]{2})?\Z"), 'two capital letters of ISO 3166-1, like "DE"'),
    "bin": (re.compile(r"([0-9]{6,8})?\Z"), 'six to eight digits; for fewer write `bin.startsWith("4111")`'),
}
_WORDS_TOLD: Final = 8
_BIN_LENGTH_MAX: Final = 8


def unknown_words(index: int, rule: Rule, predicate: Predicate) -> Iterator[Problem]:
    """Give an error for each word that a fact is compared with and can't have."""
    for fact, values in values_named(predicate).items():
        for value in sorted(values):
            instead = _instead(fact.name, value)
            if instead:
                yield _problem(index, rule, value, f'no payment has the {fact.name} "{value}"', instead)
    for prefix in sorted(_bin_prefixes(predicate)):
        if not re.fullmatch(f"[0-9]{{0,{_BIN_LENGTH_MAX}}}", prefix):
            instead = "write the first digits of the card, at most eight"
            yield _problem(index, rule, prefix, f'no bin begins with "{prefix}"', instead)


def _problem(index: int, rule: Rule, word: str, why: str, instead: str) -> Problem:
    # A word that is written with an escape is not found; the problem then has no position.
    places = (rule.condition.find(f"{quote}{word}{quote}") for quote in "\"'")
    place = next((offset for offset in places if offset >= 0), None)
    field = f"rules[{index}].condition"
    position = position_of(rule.condition, place)
    return Problem(Severity.ERROR, ProblemKind.UNKNOWN_WORD, field, rule.name, why, instead, position)


def values_named(predicate: Predicate) -> Mapping[Fact, frozenset[str]]:
    """Give the texts that a condition compares facts with, by fact."""
    found: dict[Fact, frozenset[str]] = {}
    for leaf in _leaves(predicate):
        if isinstance(leaf, Among):
            found[leaf.fact] = found.get(leaf.fact, frozenset()) | leaf.values
    return found


def _bin_prefixes(predicate: Predicate) -> frozenset[str]:
    return frozenset(
        leaf.prefix for leaf in _leaves(predicate) if isinstance(leaf, StartsWith) and leaf.fact == Fact("bin")
    )


def _leaves(predicate: Predicate) -> Iterator[Predicate]:
    match predicate:
        case And() | Or():
            for part in predicate.parts:
                yield from _leaves(part)
        case Not():
            yield from _leaves(predicate.part)
        case Choice():
            for part in (predicate.test, predicate.then, predicate.otherwise):
                yield from _leaves(part)
        case _:
            yield predicate


def _instead(name: str, value: str) -> str:
    """Say what to write for a word that a fact can't have; empty for one that it can have."""
    words = WORDS_OF.get(name)
    if words is not None:
        if value in words:
            return ""
        meant = closest(value, words)
        if meant:
            return f'write "{meant}"'
        told = sorted(word for word in words if word)
        more = ", ..." if len(told) > _WORDS_TOLD else ""
        return f"write one of: {', '.join(told[:_WORDS_TOLD])}{more}"
    if name in _SHAPES:
        shape, told_shape = _SHAPES[name]
        return "" if shape.match(value) else f"write {told_shape}"
    return ""
