"""The sandbox PSP in two pure functions: what to send for an operation, and what an answer means."""

from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from psp_connectors.connectors.sandbox.codes import REASONS, REFUSALS
from psp_connectors.connectors.sandbox.money import from_psp_amount, to_psp_amount
from psp_connectors.domain.addresses import header_key, path_segment
from psp_connectors.domain.capabilities import DAY_SECONDS, AskBy, Capabilities, Feature, OperationCapability
from psp_connectors.domain.cards import CardSummary
from psp_connectors.domain.connector import Account, AccountShape, Connector, Unsendable
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.details import PaymentDetails, ThreeDsPreference
from psp_connectors.domain.http import HttpRequest, HttpResponse, json_body, json_object
from psp_connectors.domain.network_codes import APPROVED_NETWORK_CODES, LATE_RESPONSE, decline_of
from psp_connectors.domain.operations import (
    Action,
    Authorization,
    Capture,
    Increment,
    Operation,
    OperationKind,
    Refund,
    Reversal,
    Sync,
    Verification,
    Void,
    amount_of,
    kind_of,
)
from psp_connectors.domain.outcomes import CallCode, NextAction, NextActionKind, Outcome, OutcomeKind, unknown
from psp_connectors.domain.reading import text_at

_ASKED_BY_REFERENCE: Final = OperationCapability(
    ask_by=frozenset({AskBy.REFERENCE}), repeat_seconds=DAY_SECONDS, webhook=False
)

_KINDS: Final = (OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND)

#: Every brand that the vault knows: the sandbox PSP is there to try out all of them.
_BRANDS: Final = (
    *("amex", "bancontact", "bccard", "carnet", "dankort", "diners", "discover", "elo", "hipercard", "jcb", "mada"),
    *("maestro", "mastercard", "mir", "rupay", "troy", "uatp", "unionpay", "verve", "visa"),
)

CAPABILITIES: Final = Capabilities(
    operations=dict.fromkeys(_KINDS, _ASKED_BY_REFERENCE),
    brands=_BRANDS,
    currencies=(),
    idempotency_key_max_length=255,
    multiple_captures=True,
    features=frozenset(
        {
            Feature.STATEMENT_DESCRIPTOR,
            Feature.STORED_CREDENTIAL,
            Feature.NETWORK_TRANSACTION_ID,
            Feature.EXTERNAL_THREE_DS,
            Feature.EXEMPTION,
            Feature.OWN_THREE_DS,
            Feature.CHALLENGE,
            Feature.CANCEL_CHALLENGE,
        }
    ),
)

SHAPE: Final = AccountShape(api_key="key of the account at the sandbox PSP")

_OK: Final = 200
_NOT_FOUND: Final = 404
_SERVER_ERROR: Final = 500


def build(operation: Operation, account: Account) -> HttpRequest:
    """Give the request for an operation; raises Unsendable for what this PSP can't be asked."""
    headers = {"Authorization": f"Bearer {account.api_key.reveal()}", "Accept": "application/json"}
    if isinstance(operation, Sync):
        query = urlencode({"reference": operation.reference, "type": operation.kind.value})
        return HttpRequest(method="GET", url=f"{account.base_url}/v1/operations?{query}", headers=headers)
    path, fields = _call_of(operation)
    content_type, body = json_body(fields)
    headers["Content-Type"] = content_type
    headers["Idempotency-Key"] = header_key(operation.idempotency_key, CAPABILITIES.idempotency_key_max_length)
    return HttpRequest(method="POST", url=f"{account.base_url}/v1/charges{path}", headers=headers, body=body)


def parse(operation: Operation, response: HttpResponse) -> Outcome:
    """Say what an answer means; never raises."""
    answer = json_object(response)
    if answer is None:
        code = CallCode.PSP_ERROR if response.status >= _SERVER_ERROR else CallCode.UNREADABLE_ANSWER
        return unknown(code, f"status {response.status} without a readable body")
    if response.status == _OK:
        return _parse_operation(operation, answer)
    return _parse_error(operation, response.status, answer)


SANDBOX: Final = Connector(name="sandbox", capabilities=CAPABILITIES, shape=SHAPE, build=build, parse=parse)
"""The connector itself."""


def _call_of(operation: Action) -> tuple[str, dict[str, object]]:
    match operation:
        case Authorization():
            return "", _authorization(operation)
        case Capture():
            return f"/{path_segment(operation.psp_reference)}/captures", {
                "reference": operation.reference,
                "amount": to_psp_amount(operation.amount),
                "currency": operation.amount.currency,
                "final": operation.final,
            }
        case Void():
            return f"/{path_segment(operation.psp_reference)}/void", {"reference": operation.reference}
        case Refund():
            return f"/{path_segment(operation.psp_reference)}/refunds", {
                "reference": operation.reference,
                "amount": to_psp_amount(operation.amount),
                "currency": operation.amount.currency,
            }
        case Verification() | Increment() | Reversal():
            raise Unsendable(CallCode.OPERATION_NOT_SUPPORTED, "the sandbox PSP has no such operation")


def _authorization(operation: Authorization) -> dict[str, object]:
    card: dict[str, object] = {
        "number": operation.card.number.reveal(),
        "exp_month": operation.card.exp_month,
        "exp_year": operation.card.exp_year,
    }
    if operation.card.code:
        card["cvc"] = operation.card.code.reveal()
    if operation.card.holder_name:
        card["holder_name"] = operation.card.holder_name
    fields: dict[str, object] = {
        "reference": operation.reference,
        "amount": to_psp_amount(operation.amount),
        "currency": operation.amount.currency,
        "capture": operation.capture,
        "card": card,
    }
    if operation.statement_descriptor:
        fields["statement_descriptor"] = operation.statement_descriptor
    if operation.details.return_url:
        fields["return_url"] = operation.details.return_url
    if operation.details.three_ds_preference is not ThreeDsPreference.AUTOMATIC:
        fields["three_ds"] = operation.details.three_ds_preference.value
    return fields | _agreed(operation.details)


def _agreed(details: PaymentDetails) -> dict[str, object]:
    """Give the agreement, the authentication and the exemption that a charge comes with."""
    fields: dict[str, object] = {}
    if details.stored_credential is not None:
        credential = details.stored_credential
        fields["stored_credential"] = {
            "initiator": credential.initiator.value,
            "use": credential.use.value,
            "reason": credential.reason.value,
            "network_transaction_id": credential.network_transaction_id,
            "network_transaction_date": credential.network_transaction_date,
        }
    if details.three_ds is not None:
        result = details.three_ds
        fields["authentication"] = {
            "version": result.version,
            "eci": result.eci,
            "cryptogram": result.cryptogram.reveal(),
            "ds_transaction_id": result.ds_transaction_id,
            "trans_status": result.trans_status,
            "challenge_status": result.challenge_status,
        }
    if details.exemption is not None:
        fields["exemption"] = details.exemption.value
    return fields


def _parse_error(operation: Operation, status: int, answer: dict[str, object]) -> Outcome:
    error = answer.get("error")
    code = text_at(error, "code")
    if isinstance(operation, Sync):
        known_as = (text_at(error, "reference"), text_at(error, "type"))
        if (status, code) == (_NOT_FOUND, "operation_not_found") and known_as == (
            operation.reference,
            operation.kind.value,
        ):
            return Outcome(kind=OutcomeKind.NOT_FOUND, raw_code=code)
        return unknown(CallCode.PSP_ERROR, f"the PSP did not answer the question: status {status}", raw_code=code)
    refusal = REFUSALS.get((status, code))
    if refusal is not None:
        return Outcome(kind=OutcomeKind.DECLINED, code=refusal.value, raw_code=code, detail="the request was refused")
    call_code = CallCode.IDEMPOTENCY_CONFLICT if code == "idempotency_key_reused" else CallCode.PSP_ERROR
    return unknown(call_code, f"status {status}", raw_code=code)


def _parse_operation(operation: Operation, answer: dict[str, object]) -> Outcome:
    contradiction = _contradiction(operation, answer)
    if contradiction is not None:
        return contradiction
    status = answer.get("status")
    network_code = text_at(answer, "network_code")
    amount = amount_of(operation)
    outcome = Outcome(
        kind=OutcomeKind.PENDING,
        psp_reference=text_at(answer, "id"),
        amount=amount.value if amount is not None else 0,
        network_transaction_id=text_at(answer, "network_transaction_id"),
        card=_card(answer.get("card")),
        captured_amount=from_psp_amount(answer.get("captured_amount")) or 0,
    )
    if status == "pending":
        return outcome
    if status == "action_required" and kind_of(operation) is OperationKind.AUTHORIZE:
        return _waiting(answer, outcome)
    if status == "approved" and network_code in APPROVED_NETWORK_CODES:
        return _approved(operation, answer, outcome)
    if status == "declined" and network_code not in APPROVED_NETWORK_CODES:
        return _declined(answer, network_code, outcome)
    return unknown(CallCode.CONTRADICTORY_ANSWER, "status and network code do not agree", raw_code=network_code)


def _waiting(answer: dict[str, object], outcome: Outcome) -> Outcome:
    url = text_at(answer, "action", "url")
    if not url.startswith(("https://", "http://")) or outcome.captured_amount:
        return unknown(CallCode.CONTRADICTORY_ANSWER, "the PSP waits for the shopper and says not where")
    action = NextAction(kind=NextActionKind.REDIRECT, url=url, method=text_at(answer, "action", "method") or "GET")
    return replace(outcome, kind=OutcomeKind.ACTION_REQUIRED, next_action=action)


def _approved(operation: Operation, answer: dict[str, object], outcome: Outcome) -> Outcome:
    captured = from_psp_amount(answer.get("captured_amount"))
    if kind_of(operation) is OperationKind.AUTHORIZE and captured is None:
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer does not say what was captured")
    if isinstance(operation, Authorization) and captured != (operation.amount.value if operation.capture else 0):
        return unknown(CallCode.AMOUNT_MISMATCH, "captured is not what was asked for")
    return _with(outcome, OutcomeKind.APPROVED, "", text_at(answer, "network_code"))


def _declined(answer: dict[str, object], network_code: str, outcome: Outcome) -> Outcome:
    if network_code == LATE_RESPONSE:
        return unknown(CallCode.PSP_TIMEOUT, "the issuer did not answer in time", raw_code=network_code)
    reason = text_at(answer, "reason")
    brand = text_at(answer.get("card"), "brand")
    code = decline_of(network_code, brand) if network_code else REASONS.get(reason)
    raw_code = network_code or reason
    if code is None:
        return _with(outcome, OutcomeKind.DECLINED, DeclineCode.UNKNOWN_DECLINE, raw_code, unmapped=True)
    return _with(outcome, OutcomeKind.DECLINED, code, raw_code)


def _with(outcome: Outcome, kind: OutcomeKind, code: str, raw_code: str, *, unmapped: bool = False) -> Outcome:
    return Outcome(
        kind=kind,
        psp_reference=outcome.psp_reference,
        code=str(code),
        raw_code=raw_code,
        amount=outcome.amount,
        network_transaction_id=outcome.network_transaction_id,
        card=outcome.card,
        captured_amount=outcome.captured_amount,
        unmapped=unmapped,
    )


def _contradiction(operation: Operation, answer: dict[str, object]) -> Outcome | None:
    """Give the outcome of an answer that is about something else than what was asked; None when it fits."""
    if answer.get("type") != kind_of(operation).value or not text_at(answer, "id"):
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer is not an operation of this kind")
    if answer.get("reference") != operation.reference:
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another reference")
    if isinstance(operation, Capture | Void | Refund) and answer.get("charge") != operation.psp_reference:
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another charge")
    asked = amount_of(operation)
    if asked is not None:
        answered = (from_psp_amount(answer.get("amount")), answer.get("currency"))
        if answered != (to_psp_amount(asked), asked.currency):
            return unknown(CallCode.AMOUNT_MISMATCH, "the answer names another amount or currency")
    return None


def _card(value: object) -> CardSummary | None:
    if not isinstance(value, dict):
        return None
    month, year = value.get("exp_month"), value.get("exp_year")
    return CardSummary(
        brand=text_at(value, "brand"),
        last4=text_at(value, "last4"),
        bin=text_at(value, "bin"),
        exp_month=month if type(month) is int else 0,
        exp_year=year if type(year) is int else 0,
    )
