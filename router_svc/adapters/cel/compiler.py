"""Compiles the conditions of rulesets with CEL."""

import json
from collections.abc import Sequence
from typing import Final

from cel_expr_python import cel

from router_svc.adapters.cel.environment import let_others_go_on, new_environment
from router_svc.adapters.cel.errors import Finding, not_bool, too_deep, translate
from router_svc.adapters.cel.evaluator import CelEvaluator, CompiledRule, list_expression
from router_svc.adapters.cel.predicates import depth_of_loops, literal_calls, may_fail, predicate_of
from router_svc.adapters.cel.syntax_tree import Call, Literal, Node, UnreadableTreeError, read_tree
from router_svc.application.ports.conditions import Analysis, ConditionsError
from router_svc.domain.predicates import Predicate
from router_svc.domain.problems import Problem, ProblemKind, Severity, position_of
from router_svc.domain.ruleset import Rule

CONDITION_LENGTH_MAX: Final = 2_000
_ALWAYS: Final = "true"
_SOME_MOMENT: Final = 'timestamp("2030-01-31T00:00:00Z")'
_REMEDIES: Final = {
    "matches": ("the pattern can't be read", "write a regular expression of RE2"),
    "timestamp": ("the text is no moment", 'write it like `timestamp("2030-01-31T00:00:00Z")`'),
    "duration": ("the text is no duration", 'write it like `duration("3600s")`'),
}
_TIME_ZONE: Final = ("there is no such time zone", 'write a name of the IANA time zone database, like "Europe/Berlin"')


class _FindingError(Exception):
    """A condition has an error."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.why)
        self.finding = finding


class CelCompiler:
    """Compiles conditions in one environment, whose variables are the facts of a payment."""

    def __init__(self) -> None:
        self._environment = new_environment()

    def analyse(self, rules: Sequence[Rule]) -> Analysis:
        """Give what the conditions say and all that is wrong with them, each with its position and a remedy.

        What gets no error here compiles. The number of rules is the caller's to bound.
        """
        predicates: list[Predicate | None] = []
        problems: list[Problem] = []
        for index, rule in enumerate(rules):
            compiled = self._compiled(index, rule, new=True)
            let_others_go_on()
            if isinstance(compiled, Problem):
                predicates.append(None)
                problems.append(compiled)
            else:
                predicates.append(compiled.predicate)
        return Analysis(tuple(predicates), tuple(problems))

    def compile(self, rules: Sequence[Rule]) -> CelEvaluator:
        """Make an evaluator of the conditions of a ruleset. Raises ConditionsError when one of them does not compile.

        A time zone that this machine does not have makes one rule fail, and not all of them go.
        """
        compiled = []
        for index, rule in enumerate(rules):
            compiled.append(self._compiled(index, rule, new=False))
            let_others_go_on()
        problems = [result for result in compiled if isinstance(result, Problem)]
        if problems:
            raise ConditionsError(problems)
        return CelEvaluator(self._environment, [result for result in compiled if isinstance(result, CompiledRule)])

    def _compiled(self, index: int, rule: Rule, *, new: bool) -> CompiledRule | Problem:
        """Compile one rule's condition; of a `new` one, everything is tried out that can go wrong later."""
        condition = rule.condition if rule.condition.strip() else _ALWAYS
        try:
            expression, tree = self._checked(condition, new=new)
            if new:
                self._require_literals(condition, tree)
        except _FindingError as error:
            finding = error.finding
            return Problem(
                Severity.ERROR,
                ProblemKind.CONDITION,
                f"rules[{index}].condition",
                rule.name,
                finding.why,
                finding.instead,
                position_of(condition, finding.offset),
            )
        return CompiledRule(index, condition, expression, may_fail(tree), depth_of_loops(tree) > 0, predicate_of(tree))

    def _checked(self, condition: str, *, new: bool) -> tuple[cel.Expression, Node]:
        """Compile a condition and read its tree. Raises _FindingError."""
        if len(condition) > CONDITION_LENGTH_MAX:
            why = f"the condition has {len(condition)} characters, and a condition has at most {CONDITION_LENGTH_MAX}"
            raise _FindingError(Finding(None, why, "divide it into several rules"))
        if not condition.isprintable() and any(ord(sign) < ord(" ") and sign not in "\t\r\n" for sign in condition):
            raise _FindingError(Finding(None, "the condition has control characters", "write visible characters alone"))
        try:
            expression = self._environment.compile(condition)
            if new:
                # In a list of conditions, each one stands a level deeper.
                self._environment.compile(list_expression((condition,)))
            tree = read_tree(expression.serialize())
        except TypeError:
            raise _FindingError(Finding(None, "the condition is no Unicode text", "write it anew")) from None
        except RuntimeError as error:
            raise _FindingError(translate(condition, str(error))) from None
        except UnreadableTreeError:
            raise _FindingError(too_deep()) from None
        if expression.return_type() != cel.Type.BOOL:
            raise _FindingError(not_bool(expression.return_type().name()))
        if depth_of_loops(tree) > 1:
            why = "loops like `exists` and `all` stand in each other, which can take too long"
            raise _FindingError(Finding(None, why, "use one loop, or compare without any"))
        return expression, tree

    def _require_literals(self, condition: str, tree: Node) -> None:
        """Try out what can only fail: a time zone, a pattern or a moment that stands in the condition."""
        for call in literal_calls(tree):
            expression = self._environment.compile(_written(call))
            try:
                failed = expression.eval().type() == cel.Type.ERROR
            except RuntimeError:
                failed = True
            if failed:
                why, instead = _REMEDIES.get(call.function, _TIME_ZONE)
                literal = call.arguments[-1]
                place = condition.find(str(literal.value)) if isinstance(literal, Literal) else -1
                raise _FindingError(Finding(place if place >= 0 else None, why, instead))


def _written(call: Call) -> str:
    """Write a call with its literals in CEL; a method is called on its first argument."""
    arguments = [
        json.dumps(argument.value, ensure_ascii=False) if isinstance(argument, Literal) else _SOME_MOMENT
        for argument in call.arguments
    ]
    if len(arguments) == 1:
        return f"{call.function}({arguments[0]})"
    return f"{arguments[0]}.{call.function}({arguments[1]})"
