"""Makes of a condition's syntax tree what the domain can reason about, and finds what can fail at run time."""

from collections.abc import Iterator
from typing import Final

from router_svc.adapters.cel.environment import TEXT_VARIABLES
from router_svc.adapters.cel.syntax_tree import Call, Elements, Literal, Node, Select, Variable, children, is_loop
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
from router_svc.domain.vocabulary import BOUNDS_OF

_COMPARISONS: Final = {
    "_==_": Operator.EQUAL,
    "_<_": Operator.LESS,
    "_<=_": Operator.LESS_OR_EQUAL,
    "_>_": Operator.GREATER,
    "_>=_": Operator.GREATER_OR_EQUAL,
}
_MIRRORED: Final = {
    Operator.EQUAL: Operator.EQUAL,
    Operator.LESS: Operator.GREATER,
    Operator.LESS_OR_EQUAL: Operator.GREATER_OR_EQUAL,
    Operator.GREATER: Operator.LESS,
    Operator.GREATER_OR_EQUAL: Operator.LESS_OR_EQUAL,
}
#: What never fails when its arguments do not; of all functions, the ones that rules mostly use.
_SAFE: Final = frozenset(
    {*_COMPARISONS, "_!=_", "_&&_", "_||_", "!_", "_?_:_", "@in", "startsWith", "endsWith", "contains", "size"}
)


def predicate_of(node: Node) -> Predicate:  # noqa: PLR0911 - one per kind of node
    """Give what a condition says. What it can't be told of is opaque, and equal trees are equally opaque."""
    match node:
        case Literal(value=bool(value)):
            return Constant(value)
        case Call(function="_&&_"):
            return And(tuple(predicate_of(part) for part in node.arguments))
        case Call(function="_||_"):
            return Or(tuple(predicate_of(part) for part in node.arguments))
        case Call(function="!_"):
            return Not(predicate_of(node.arguments[0]))
        case Call(function="_?_:_", arguments=(test, then, otherwise)):
            return Choice(predicate_of(test), predicate_of(then), predicate_of(otherwise))
        case Call(function="_!=_"):
            equal = _comparison(Call("_==_", node.arguments))
            return Opaque(repr(node)) if equal is None else Not(equal)
        case _:
            return _comparison(node) or Opaque(repr(node))


def may_fail(node: Node) -> bool:  # noqa: PLR0911 - one per kind of node
    """Tell whether evaluating a condition can give an error instead of true or false; true where nobody knows."""
    match node:
        case Select(test_only=True):
            return node.operand != Variable("metadata")
        case Call(function="@in", arguments=(_, Variable(name="metadata"))):
            return may_fail(node.arguments[0])
        case Call() if _number_fact(node) is not None:
            # A time zone that does not exist was refused; one that this machine lacks is rare enough.
            return False
        case Call():
            return node.function not in _SAFE or any(may_fail(argument) for argument in node.arguments)
        case Elements():
            return any(may_fail(element) for element in node.elements)
        case Literal() | Variable():
            return False
        case _:
            return True


def depth_of_loops(node: Node) -> int:
    """Give how many loops stand in each other at most."""
    inner = max((depth_of_loops(child) for child in children(node)), default=0)
    return inner + is_loop(node)


def literal_calls(node: Node) -> Iterator[Call]:
    """Give the calls that fail or do not fail by a literal alone: time zones, patterns, moments, durations."""
    match node:
        case Call(function="matches", arguments=(_, Literal())):
            yield Call("matches", (Literal(""), node.arguments[1]))
        case Call(function="timestamp" | "duration", arguments=(Literal(),)):
            yield node
        case Call(arguments=(_, Literal(value=str()))) if f"at.{node.function}" in BOUNDS_OF:
            yield Call(node.function, (Variable("at"), node.arguments[1]))
    for child in children(node):
        yield from literal_calls(child)


def _comparison(node: Node) -> Predicate | None:  # noqa: PLR0911 - one per kind of node
    match node:
        case Select(operand=Variable(name="metadata"), test_only=True):
            return Present(Fact("metadata", node.field))
        case Call(function="@in", arguments=(Literal(value=str(key)), Variable(name="metadata"))):
            return Present(Fact("metadata", key))
        case Call(function="@in", arguments=(left, Elements(elements=elements))):
            return _among(left, elements)
        case Call(function="startsWith", arguments=(left, Literal(value=str(prefix)))):
            text = _text_fact(left)
            return None if text is None else StartsWith(text, prefix)
        case Call(function=function, arguments=(Literal() as left, right)) if function in _COMPARISONS:
            return _compared(right, _MIRRORED[_COMPARISONS[function]], left)
        case Call(function=function, arguments=(left, Literal() as right)) if function in _COMPARISONS:
            return _compared(left, _COMPARISONS[function], right)
        case _:
            return None


def _compared(left: Node, operator: Operator, literal: Literal) -> Predicate | None:
    text, number = _text_fact(left), _number_fact(left)
    if number is not None and isinstance(literal.value, int) and not isinstance(literal.value, bool):
        return Compares(number, operator, literal.value)
    if text is not None and isinstance(literal.value, str) and operator is Operator.EQUAL:
        return Among(text, frozenset({literal.value}))
    return None


def _among(left: Node, elements: tuple[Node, ...]) -> Predicate | None:
    values = [element.value for element in elements if isinstance(element, Literal)]
    if len(values) < len(elements):
        return None
    text, number = _text_fact(left), _number_fact(left)
    # A list of several types is nothing that a merchant means; it is left alone.
    if text is not None and all(type(value) is str for value in values):
        return Among(text, frozenset(value for value in values if isinstance(value, str)))
    if number is not None and all(type(value) is int for value in values):
        numbers = sorted({value for value in values if isinstance(value, int)})
        return Or((Constant(holds=False), *(Compares(number, Operator.EQUAL, value) for value in numbers)))
    return None


def _text_fact(node: Node) -> Fact | None:
    match node:
        case Variable(name=name) if name in TEXT_VARIABLES:
            return Fact(name)
        case Select(operand=Variable(name="metadata"), test_only=False):
            return Fact("metadata", node.field)
        case Call(function="_[_]", arguments=(Variable(name="metadata"), Literal(value=str(key)))):
            return Fact("metadata", key)
        case _:
            return None


def _number_fact(node: Node) -> Fact | None:
    match node:
        case Variable(name="amount"):
            return Fact("amount")
        case Call(arguments=(Variable(name="at"),)) if f"at.{node.function}" in BOUNDS_OF:
            return Fact(f"at.{node.function}")
        case Call(arguments=(Variable(name="at"), Literal(value=str(zone)))) if f"at.{node.function}" in BOUNDS_OF:
            return Fact(f"at.{node.function}", zone)
        case _:
            return None
