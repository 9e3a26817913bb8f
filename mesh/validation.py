"""Checks a request against the rules of its contract and tells what it breaks in the names of the JSON body."""

from collections.abc import Sequence
from typing import Any, Final

import protovalidate
from google.protobuf.message import Message

from mesh.card_numbers import mask_card_numbers
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation

_MOST_VIOLATIONS: Final = 20
_LONGEST_TEXT = 200
_AMOUNT_PATHS = frozenset({"amount", "amount.value"})


class Validation:
    """Runs the contracts' rules; one per server, as it keeps the compiled rules."""

    __slots__ = ("_collect",)

    def __init__(self) -> None:
        self._collect = protovalidate.Validator().collect_violations

    def check(self, request: Message) -> None:
        """Refuse with INVALID_FIELD and every broken rule, or with INVALID_AMOUNT when an amount is not positive."""
        found = self._collect(request)
        if found:
            raise _refusal_of(found)


def _refusal_of(found: Sequence[protovalidate.Violation]) -> Refusal:
    violations = []
    wrong_amount: int | None = None
    for violation in found[:_MOST_VIOLATIONS]:
        proto = violation.proto
        path = _path_of(proto.field.elements if proto.field is not None else ())
        description = (proto.message or proto.rule_id or "is not valid")[:_LONGEST_TEXT]
        violations.append(Violation(path, description))
        value = violation.field_value
        if path in _AMOUNT_PATHS and isinstance(value, int) and value <= 0:
            wrong_amount = value
    if wrong_amount is not None:
        return Refusal(Reason.INVALID_AMOUNT, violations=violations, amount=wrong_amount)
    first = violations[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Refusal(
        Reason.INVALID_FIELD,
        violations=violations,
        detail=f"`{first.field}`: {first.description}{more}",
        field=first.field,
    )


def _path_of(elements: Sequence[Any]) -> str:
    """Write a violation's path as in JSON: `amount.value`, `items[0].name`, `metadata["key"]`."""
    parts: list[str] = []
    for element in elements:
        parts.append(f".{element.field_name}" if parts else element.field_name)
        if element.subscript is not None:
            parts.append(_subscript_of(element.subscript))
    return "".join(parts)[:_LONGEST_TEXT]


def _subscript_of(subscript: Any) -> str:  # noqa: ANN401 - a oneof of generated types
    if isinstance(subscript.value, str):
        return f'["{mask_card_numbers(subscript.value)}"]'
    return f"[{subscript.value}]"
