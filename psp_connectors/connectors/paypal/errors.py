"""What PayPal's error answers mean for the operation they answer.

Sources: the error schemas of the Orders v2 and Payments v2 descriptions, "Rate limiting guidelines" for
RATE_LIMIT_REACHED, and "3D Secure: Orders API" for the payer's action in an error.
"""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from psp_connectors.connectors.paypal.issues import ERROR_NAMES, OPEN_ISSUES, REFUSALS, is_doubtful
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.operations import Authorization, Operation, Sync, Void
from psp_connectors.domain.outcomes import CallCode, NextAction, NextActionKind, Outcome, OutcomeKind, unknown
from psp_connectors.domain.reading import items_at, text_at

_CONFLICT: Final = 409
_LONGEST_URL: Final = 4096
_MOST_LINKS: Final = 100

_TELLING_OF_STATE: Final = frozenset({"PREVIOUSLY_CAPTURED", "CANNOT_BE_VOIDED"})

_NAMED: Final = MappingProxyType(
    {
        (401, "AUTHENTICATION_FAILURE"): DeclineCode.MERCHANT_CONFIGURATION,
        (401, "invalid_token"): DeclineCode.MERCHANT_CONFIGURATION,
        (401, "invalid_client"): DeclineCode.MERCHANT_CONFIGURATION,
        (403, "NOT_AUTHORIZED"): DeclineCode.MERCHANT_CONFIGURATION,
        (429, "RATE_LIMIT_REACHED"): DeclineCode.PSP_UNAVAILABLE,
    }
)
"""Refusals whose name tells enough. An unknown client and a dead token are told in the words of OAuth 2.0."""


def error_outcome(operation: Operation, status: int, answer: dict[str, object]) -> Outcome:
    """Say what an error means: a refusal for good only when PayPal's own words leave no doubt."""
    issues = [issue for issue in (text_at(detail, "issue") for detail in items_at(answer, "details")) if issue]
    name = text_at(answer, "name") or text_at(answer, "error")
    raw_code = issues[0] if issues else name
    if isinstance(operation, Sync):
        return unknown(CallCode.PSP_ERROR, f"PayPal did not answer the question: status {status}", raw_code=raw_code)
    left_open = _left_open(status, issues)
    if left_open is not None:
        return left_open
    if (status, name) in _NAMED:
        return _refused(_NAMED[status, name], raw_code)
    if ERROR_NAMES.get(status) != name:
        return unknown(CallCode.PSP_ERROR, f"status {status}", raw_code=raw_code)
    return _refusal(operation, answer, issues, raw_code)


def link_of(container: object, relation: str) -> str:
    """Give the address of a link by its relation, empty when there is none that can be opened."""
    for link in items_at(container, "links")[:_MOST_LINKS]:
        url = text_at(link, "href")
        if text_at(link, "rel") == relation and url.startswith(("https://", "http://")) and len(url) <= _LONGEST_URL:
            return url
    return ""


def _left_open(status: int, issues: Sequence[str]) -> Outcome | None:
    for issue in issues:
        if issue in OPEN_ISSUES or is_doubtful(issue):
            code = OPEN_ISSUES.get(issue, CallCode.IDEMPOTENCY_CONFLICT)
            return unknown(code, f"status {status} leaves open what was done", raw_code=issue)
    if status == _CONFLICT:
        detail = "an earlier request is in progress"
        return unknown(CallCode.IDEMPOTENCY_CONFLICT, detail, raw_code=issues[0] if issues else "")
    return None


def _refusal(operation: Operation, answer: dict[str, object], issues: Sequence[str], raw_code: str) -> Outcome:
    url = link_of(answer, "payer-action")
    if "PAYER_ACTION_REQUIRED" in issues and isinstance(operation, Authorization) and url:
        action = NextAction(kind=NextActionKind.REDIRECT, url=url)
        return Outcome(kind=OutcomeKind.ACTION_REQUIRED, raw_code="PAYER_ACTION_REQUIRED", next_action=action)
    known = next((issue for issue in issues if issue in REFUSALS), "")
    if known in _TELLING_OF_STATE and isinstance(operation, Void):
        # No mere refusal: it says how the authorization stands, and that no void of ours has touched it.
        return replace(_refused(REFUSALS[known], known), psp_reference=operation.psp_reference)
    if known:
        return _refused(REFUSALS[known], known)
    if issues:
        return _refused(DeclineCode.UNKNOWN_DECLINE, raw_code, unmapped=True)
    return _refused(DeclineCode.INVALID_REQUEST, raw_code)


def _refused(code: DeclineCode, raw_code: str, *, unmapped: bool = False) -> Outcome:
    return Outcome(
        kind=OutcomeKind.DECLINED,
        code=code.value,
        raw_code=raw_code,
        detail="the request was refused",
        unmapped=unmapped,
    )
