"""What no text of a ruleset may have: card numbers, and signs that can't be seen."""

from collections.abc import Iterator

from mesh.card_numbers import contains_card_number
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from router_svc.domain.ruleset import Block, RouteTo, Ruleset, Split


def require_plain_texts(ruleset: Ruleset, note: str = "") -> None:
    """Look at every text of a draft and at its note, before anything is done with it.

    Refuses with CARD_NUMBER_IN_TEXT, or with INVALID_FIELD for control characters; conditions and notes may have lines.
    """
    for field, text in [*_texts(ruleset), ("note", note)]:
        if contains_card_number(text):
            raise Refusal(Reason.CARD_NUMBER_IN_TEXT, field=field)
        has_lines = field.endswith(("condition", "note"))
        if any(sign < " " and not (has_lines and sign in "\t\r\n") for sign in text):
            rule = "it has control characters; write visible characters alone."
            raise Refusal(
                Reason.INVALID_FIELD, violations=[Violation(field, rule)], field=field, detail=f"`{field}`: {rule}"
            )


def _texts(ruleset: Ruleset) -> Iterator[tuple[str, str]]:
    """Give all texts with the paths that they have in JSON."""
    for index, rule in enumerate(ruleset.rules):
        path = f"ruleset.rules[{index}]"
        yield f"{path}.name", rule.name
        yield f"{path}.condition", rule.condition
        match rule.action:
            case RouteTo():
                yield from _route_texts(f"{path}.route", rule.action)
            case Split():
                for place, share in enumerate(rule.action.shares):
                    yield f"{path}.split.shares[{place}].account", share.account
            case Block():
                yield f"{path}.block.reason", rule.action.reason
    yield from _route_texts("ruleset.otherwise", ruleset.otherwise)


def _route_texts(path: str, route: RouteTo) -> Iterator[tuple[str, str]]:
    for place, account in enumerate(route.accounts):
        yield f"{path}.accounts[{place}]", account
