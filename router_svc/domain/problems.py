"""What is wrong with a draft of a ruleset: where, why, and what to write instead."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


class Severity(StrEnum):
    """What a problem means: a draft with errors can't be activated, one with warnings can."""

    ERROR = "error"
    WARNING = "warning"


class ProblemKind(StrEnum):
    """What is wrong, for programs."""

    TOO_LARGE = "too_large"
    NAME = "name"
    ACCOUNT = "account"
    SPLIT = "split"
    STRATEGY = "strategy"
    BLOCK = "block"
    CONDITION = "condition"
    UNKNOWN_WORD = "unknown_word"
    NEVER_HOLDS = "never_holds"
    HIDDEN = "hidden"
    NOT_SERVED = "not_served"


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a condition: `line` and `column` count from 1, in characters; `excerpt` is the line with a caret."""

    line: int
    column: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `field` is a path in the ruleset, like `rules[3].condition`; `rule` the rule's name, if it has one.

    `why` says what is wrong and `instead` what to write instead, each in one sentence.
    """

    severity: Severity
    kind: ProblemKind
    field: str
    rule: str
    why: str
    instead: str
    position: Position | None = None


def closest(word: str, words: Iterable[str]) -> str:
    """Give the word that somebody most likely meant, empty when none comes close. Upper and lower case are alike."""
    by_lower = {known.lower(): known for known in sorted(words, reverse=True) if known}
    found = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.7)
    return by_lower[found[0]] if found else ""


def position_of(text: str, offset: int | None) -> Position | None:
    """Give the place in a text, `offset` characters from its begin, with a caret under it; None without an offset."""
    if offset is None:
        return None
    before = text[:offset]
    lines = text.split("\n")
    line = before.count("\n")
    column = offset - (before.rfind("\n") + 1)
    excerpt = lines[line]
    return Position(line + 1, column + 1, f"{excerpt}\n{' ' * column}^")
