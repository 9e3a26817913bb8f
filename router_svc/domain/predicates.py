"""What a condition says, as far as it can be reasoned about: comparisons of facts with literals, and how they combine.

A predicate has three outcomes, as the condition has: it holds, it does not hold, or it fails (a metadata key that is
not there). A failed part of an `And` or `Or` does not matter when another part decides.
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of a payment: `name` is a variable of conditions (`amount`, `metadata`) or a part of its time.

    `key` is the key of a metadata entry, and the time zone of a part of the time (`at.getHours`), empty for UTC.
    """

    name: str
    key: str = ""


class Operator(StrEnum):
    """How a number is compared."""

    EQUAL = "=="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same."""

    holds: bool


@dataclass(frozen=True, slots=True)
class Among:
    """The fact, a text, is one of these values. Fails for a metadata entry that is not there."""

    fact: Fact
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The fact, a text, begins with `prefix`. Fails for a metadata entry that is not there."""

    fact: Fact
    prefix: str


@dataclass(frozen=True, slots=True)
class Compares:
    """The fact, a whole number, stands to `number` as the operator says. Never fails."""

    fact: Fact
    operator: Operator
    number: int


@dataclass(frozen=True, slots=True)
class Present:
    """The payment has this metadata entry. Never fails."""

    fact: Fact


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something that is not reasoned about: it may hold, not hold or fail. Equal texts always have equal outcomes."""

    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when `part` does not; fails when it fails."""

    part: "Predicate"


@dataclass(frozen=True, slots=True)
class And:
    """Holds when all parts do; does not hold when one does not, whatever the others do."""

    parts: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Holds when one part does, whatever the others do; does not hold when none does."""

    parts: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """`then` when `test` holds, `otherwise` when it does not; fails when the test fails."""

    test: "Predicate"
    then: "Predicate"
    otherwise: "Predicate"


Predicate = Constant | Among | StartsWith | Compares | Present | Opaque | Not | And | Or | Choice
