"""The business checks of what a merchant sends, before anything is changed."""

from collections.abc import Iterable, Mapping

from gateway_svc.domain.stored_credentials import Fault, is_id_of_visa
from mesh.card_numbers import contains_card_number
from mesh.identifiers import is_id
from mesh.money import LARGEST_AMOUNT
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation


def require_texts(fields: Iterable[tuple[str, str]]) -> None:
    """Refuse with CARD_NUMBER_IN_TEXT the first (field, text) with a card number, with INVALID_FIELD one with NUL.

    The text itself is never repeated.
    """
    for field, text in fields:
        if text:
            _require_text(field, text)


def require_metadata(metadata: Mapping[str, str]) -> None:
    """Refuse metadata with a card number in a key or value, or with NUL, as `require_texts` does."""
    for key, value in metadata.items():
        _require_text("metadata", key)
        if value:
            _require_text(f"metadata.{key}", value)


def require_token(token: str) -> None:
    """Refuse with INVALID_FIELD what can't be a token's id; the value is not repeated, as it may be a card number."""
    if not is_id("tok", token):
        raise invalid_field("token", "must be the id of a token, `tok_` and 26 characters")


def require_network_transaction_id(field: str, network_transaction_id: str) -> None:
    """Refuse with CARD_NUMBER_IN_TEXT an id that is a card's number; the value is not repeated."""
    if not is_id_of_visa(network_transaction_id):
        require_texts(((field, network_transaction_id),))


def require_none(faults: Iterable[Fault]) -> None:
    """Refuse with INVALID_FIELD when there is any fault; the refusal tells all of them."""
    violations = [Violation(fault.field, fault.rule) for fault in faults]
    if violations:
        first, more = violations[0], len(violations) - 1
        told = f"`{first.field}`: {first.description}" + (f" (and {more} more)" if more else "")
        raise Refusal(Reason.INVALID_FIELD, violations=violations, detail=told)


def require_optional_amount(amount: int | None) -> None:
    """Refuse with INVALID_AMOUNT an amount that is given and not a number of minor units that can be moved."""
    if amount is not None and not 0 < amount <= LARGEST_AMOUNT:
        raise Refusal(Reason.INVALID_AMOUNT, amount=amount)


def invalid_field(field: str, description: str) -> Refusal:
    """Give the refusal of a field that breaks a rule."""
    return Refusal(Reason.INVALID_FIELD, violations=[Violation(field, description)], detail=f"`{field}`: {description}")


def _require_text(field: str, text: str) -> None:
    if contains_card_number(text):
        raise Refusal(Reason.CARD_NUMBER_IN_TEXT, field=field)
    if "\x00" in text:
        raise invalid_field(field, "must not contain the character U+0000")
