"""Checks a draft of a ruleset as a whole: its conditions, and what it does with payments."""

from collections.abc import Mapping
from dataclasses import dataclass

from router_svc.application.ports.conditions import ConditionCompiler
from router_svc.domain.facts import AccountFacts
from router_svc.domain.problems import Problem
from router_svc.domain.ruleset import Ruleset
from router_svc.domain.ruleset_checks import check_ruleset, check_size, in_order


@dataclass(frozen=True, slots=True)
class CheckRuleset:
    """Finds what is wrong with a draft."""

    conditions: ConditionCompiler

    def __call__(self, draft: Ruleset, accounts: Mapping[str, AccountFacts]) -> tuple[Problem, ...]:
        """Give all problems of a draft in the order of its rules; `accounts` are all of the merchant by their names.

        A draft without an error compiles, and every rule of it decides for some payment as far as anybody can tell.
        """
        too_large = check_size(draft)
        if too_large:
            return too_large
        analysis = self.conditions.analyse(draft.rules)
        return in_order(draft, (*analysis.problems, *check_ruleset(draft, analysis.predicates, accounts)))
