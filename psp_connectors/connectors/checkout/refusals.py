"""What it means when Checkout.com answers a request with an error ("Error codes", "Idempotency", "API rate limits").

Only answers of the 2xx kind are kept for a repetition: an error means that this very request made nothing.
"""

from types import MappingProxyType
from typing import Final

from psp_connectors.connectors.checkout.codes import DUPLICATES, REFUSALS
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.http import HttpResponse, json_object
from psp_connectors.domain.operations import Action, CardOperation
from psp_connectors.domain.outcomes import CallCode, Outcome, OutcomeKind, unknown
from psp_connectors.domain.reading import items_at, text_at

_CONFLICT: Final = 409
_TOO_MANY: Final = 429
_INVALID: Final = frozenset({400, 422})
_BY_STATUS: Final = MappingProxyType(
    {
        401: DeclineCode.MERCHANT_CONFIGURATION,
        403: DeclineCode.MERCHANT_CONFIGURATION,
    }
)
_OF_MODIFICATIONS: Final = MappingProxyType(
    {
        403: DeclineCode.INVALID_TRANSACTION,
        404: DeclineCode.INVALID_REQUEST,
    }
)
"""Statuses that mean something else for what is done with a payment: not allowed in its state, no such payment."""

_OF_THE_REQUEST: Final = ("_invalid", "_required", "_missing")
"""Endings of error codes that speak of a field of the request, whichever field it is."""


def refusal_of(operation: Action, response: HttpResponse) -> Outcome:
    """Say what an error means for an operation."""
    answer = json_object(response)
    kind = text_at(answer, "error_type")
    found = [code for code in items_at(answer, "error_codes") if isinstance(code, str)] or [kind]
    if response.status == _CONFLICT or DUPLICATES.intersection((kind, *found)):
        return unknown(CallCode.IDEMPOTENCY_CONFLICT, "a request with this key is under way", raw_code=found[0])
    if response.status == _TOO_MANY:
        # Also the answer to a second request with a key whose first one is still under way ("Idempotency").
        return unknown(CallCode.RATE_LIMITED, "too many requests", raw_code=found[0])
    refused = _OF_MODIFICATIONS.get(response.status) if not isinstance(operation, CardOperation) else None
    refused = refused or _BY_STATUS.get(response.status)
    if refused is not None:
        return _refused(refused, found[0])
    if response.status in _INVALID and found[0]:
        return _invalid(found)
    readable = CallCode.PSP_ERROR if answer is not None else CallCode.UNREADABLE_ANSWER
    return unknown(readable, f"status {response.status}", raw_code=found[0])


def _invalid(found: list[str]) -> Outcome:
    for raw_code in found:
        known = REFUSALS.get(raw_code)
        if known is not None:
            return _refused(known, raw_code)
    if found[0].endswith(_OF_THE_REQUEST):
        return _refused(DeclineCode.INVALID_REQUEST, found[0])
    return unknown(CallCode.PSP_ERROR, "the request was refused for a reason nobody knows", raw_code=found[0])


def _refused(code: DeclineCode, raw_code: str) -> Outcome:
    return Outcome(kind=OutcomeKind.DECLINED, code=code.value, raw_code=raw_code, detail="the request was refused")
