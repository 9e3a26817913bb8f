"""What makes conditions of rules into something that can be asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from router_svc.domain.facts import PaymentFacts
from router_svc.domain.predicates import Predicate
from router_svc.domain.problems import Problem
from router_svc.domain.ruleset import Rule
from router_svc.domain.selection import Verdict


class ConditionsError(Exception):
    """Conditions of a ruleset do not compile; `problems` has at least one error for each that does not."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.why}" for problem in problems))
        self.problems = tuple(problems)


class Evaluator(Protocol):
    """The conditions of one ruleset, ready to be asked. Keeps nothing between calls."""

    def __call__(self, facts: PaymentFacts) -> Verdict:
        """Give the first rule whose condition holds, and those before it whose condition failed.

        Never raises: a condition that can't be evaluated for these facts fails, and the next one is asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the conditions of a ruleset say. `predicates` has one per rule, None for a condition with errors."""

    predicates: tuple[Predicate | None, ...]
    problems: tuple[Problem, ...]


class ConditionCompiler(Protocol):
    """Compiles conditions against the declared types of facts."""

    def analyse(self, rules: Sequence[Rule]) -> Analysis:
        """Give what the conditions say and all that is wrong with them, each with its position and a remedy.

        What gets no error here compiles. The number of rules is the caller's to bound.
        """
        ...

    def compile(self, rules: Sequence[Rule]) -> Evaluator:
        """Make an evaluator of the conditions of a ruleset. Raises ConditionsError when one of them does not compile.

        What compiles and can only fail, like a time zone that does not exist, is an error of `analyse` alone.
        """
        ...
