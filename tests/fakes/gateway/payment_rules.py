"""The rules of the stored procedures as functions over views, for the in-memory payment store."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway_svc.application.ports import NewModification, NewPayment, View
from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from mesh.reasons import Reason
from mesh.refusal import Refusal

JSON = dict[str, Any]
OPEN = frozenset({"SENDING", "UNKNOWN", "PENDING", "ACTION_REQUIRED"})


@dataclass
class KeyRow:
    operation: str
    request_hash: bytes
    payment_id: str
    modification_id: str | None
    lease_until: float | None
    answer: JSON | None = None


def new_payment(
    merchant_id: str, new: NewPayment, now_us: int, *, code_required: bool, cascade: JSON, agreed: JSON
) -> JSON:
    by_merchant = (agreed["stored_credential"] or {}).get("initiator") == "MERCHANT"
    first = new.candidates[0]
    return {
        "id": new.id,
        "merchant_id": merchant_id,
        "status": "PROCESSING",
        "amount": new.amount,
        "currency": new.currency,
        "capture_method": new.capture_method,
        "token": new.token,
        "card": dict(new.card),
        "merchant_reference": new.merchant_reference,
        "description": new.description,
        "metadata": dict(new.metadata),
        "statement_descriptor": new.statement_descriptor,
        "store_card": new.store_card,
        "code_required": code_required and not by_merchant,
        "cascade": cascade,
        "three_ds_preference": new.three_ds_preference.value,
        "return_url": new.return_url,
        "action_seconds": new.action_seconds,
        "action": None,
        **agreed,
        "amount_authorized": 0,
        "amount_captured": 0,
        "amount_refunded": 0,
        "amount_capture_pending": 0,
        "amount_refund_pending": 0,
        "final_capture_pending": False,
        "void_pending": False,
        "decline": None,
        "under_review": False,
        "seq": 1,
        "candidates": [{"account": item.account, "reason": item.reason} for item in new.candidates],
        "created_us": now_us,
        "updated_us": now_us,
        "attempts": [new_attempt(new.id, 1, first.account, first.reason, now_us)],
    }


def new_attempt(payment_id: str, ordinal: int, account: str, reason: str, now_us: int) -> JSON:
    return {
        "id": f"{payment_id}_{ordinal}",
        "ordinal": ordinal,
        "account": account,
        "status": "SENDING",
        "psp_reference": "",
        "code": "",
        "raw_code": "",
        "route_reason": reason,
        "details": {},
        "expected_us": None,
        "asks": 0,
        "not_founds": 0,
        "late_asks": 0,
        "cancel": "NONE",
        "cancels": 0,
        "reversals": 0,
        "reversal": "NONE",
        "created_us": now_us,
    }


def change(
    record: JSON,
    status: str,
    verdict: AttemptVerdict | ModificationVerdict,
    allowed: frozenset[Any],
    now_us: int,
    *,
    asked: bool,
) -> bool:
    """Change an attempt or modification; tell whether that is an event of its own."""
    again = record["status"] == status
    if not again:
        assert status in allowed
        record["status"] = status
        record["code"], record["raw_code"] = verdict.code, verdict.raw_code
        record["psp_reference"] = verdict.psp_reference or record["psp_reference"]
        details = dict(verdict.details)
        within = details.pop("expected_within_seconds", None)
        record["details"] = details
        timely = status == "PENDING" and within is not None
        record["expected_us"] = now_us + within * 1_000_000 if timely else None
    record["asks"] += asked
    record["not_founds"] = record["not_founds"] + 1 if verdict.not_found else 0
    return not again


def ages(record: JSON, now_us: int) -> JSON:
    """Give how old a record is, and at which age its result is expected, in seconds; 0 when nobody said."""
    expected_us = record["expected_us"]
    expected = 0 if expected_us is None else (expected_us - record["created_us"]) // 1_000_000
    return {"age_seconds": (now_us - record["created_us"]) // 1_000_000, "expected_age_seconds": expected}


def is_definite(verdict: AttemptVerdict | ModificationVerdict) -> bool:
    """Tell whether a decline says what became of an operation that was asked for, or repeated."""
    return bool(verdict.psp_reference) and verdict.code != "duplicate_transaction"


def decline_of(payment: JSON) -> JSON:
    """Give why a payment ended: the code of the last attempt that was declined, else of the last one."""
    attempts = payment["attempts"]
    declined = [attempt for attempt in attempts if attempt["status"] == "DECLINED"]
    last = (declined or attempts)[-1]
    return {"code": last["code"], "raw_code": last["raw_code"]}


def allowed_amount(payment: JSON, new: NewModification, *, final: bool) -> int:
    if new.kind == "REFUND":
        return refundable(payment, new.amount)
    pending = payment["amount_capture_pending"]
    if new.kind == "VOID":
        if payment["status"] != "AUTHORIZED" or payment["amount_captured"]:
            raise Refusal(Reason.PAYMENT_NOT_VOIDABLE, status=payment["status"], captured=payment["amount_captured"])
        if payment["void_pending"] or pending:
            detail = "a void" if payment["void_pending"] else "a capture"
            raise Refusal(Reason.MODIFICATION_IN_PROGRESS, detail=detail)
        return 0
    available = payment["amount_authorized"] - payment["amount_captured"] - pending
    if payment["status"] != "AUTHORIZED":
        raise Refusal(Reason.PAYMENT_NOT_CAPTURABLE, status=payment["status"])
    if payment["void_pending"] or payment["final_capture_pending"]:
        detail = "a void" if payment["void_pending"] else "a final capture"
        raise Refusal(Reason.MODIFICATION_IN_PROGRESS, detail=detail)
    if new.amount is not None and new.amount > available:
        raise Refusal(Reason.CAPTURE_EXCEEDS_AUTHORIZED, amount=new.amount, available=available)
    if pending and (final or available == 0):
        raise Refusal(Reason.MODIFICATION_IN_PROGRESS, detail="a capture")
    return int(available if new.amount is None else new.amount)


def refundable(payment: JSON, amount: int | None) -> int:
    available = payment["amount_captured"] - payment["amount_refunded"] - payment["amount_refund_pending"]
    if payment["amount_captured"] == 0:
        raise Refusal(Reason.PAYMENT_NOT_REFUNDABLE, status=payment["status"])
    if amount is not None and amount > available:
        raise Refusal(Reason.REFUND_EXCEEDS_CAPTURED, amount=amount, available=available)
    if available == 0 and payment["amount_refund_pending"]:
        raise Refusal(Reason.MODIFICATION_IN_PROGRESS, detail="a refund")
    if available == 0:
        raise Refusal(Reason.PAYMENT_NOT_REFUNDABLE, status=payment["status"])
    return int(available if amount is None else amount)


def count_pending(payment: JSON, modification: JSON, sign: int) -> None:
    kind = modification["kind"]
    if kind == "CAPTURE":
        payment["amount_capture_pending"] += sign * modification["amount"]
        if modification["final"]:
            payment["final_capture_pending"] = sign > 0
    elif kind == "REFUND":
        payment["amount_refund_pending"] += sign * modification["amount"]
    else:
        payment["void_pending"] = sign > 0


def settle(payment: JSON, modification: JSON) -> None:
    kind = modification["kind"]
    if kind == "VOID":
        payment["status"] = "VOIDED"
    elif kind == "REFUND":
        payment["amount_refunded"] += modification["amount"]
    else:
        payment["amount_captured"] += modification["amount"]
        if modification["final"] or payment["amount_captured"] == payment["amount_authorized"]:
            payment["status"] = "SUCCEEDED"


def capture_to_refund(modifications: Mapping[str, JSON], payment: JSON, kind: str, amount: int, approved: JSON) -> str:
    if kind != "REFUND":
        return ""
    if payment["capture_method"] == "AUTOMATIC":
        return str(approved["psp_reference"])
    mine = [item for item in modifications.values() if item["payment_id"] == payment["id"]]
    for capture in mine:
        reference = capture["psp_reference"]
        used = sum(
            item["amount"]
            for item in mine
            if item["kind"] == "REFUND" and item["status"] != "FAILED" and item["capture_psp_reference"] == reference
        )
        usable = capture["kind"] == "CAPTURE" and capture["status"] == "SUCCEEDED" and reference
        if usable and capture["amount"] - amount >= used:
            return str(reference)
    return ""


def open_modification(
    modifications: Mapping[str, JSON], payment_id: str, kind: str, amount: int | None, psp_reference: str
) -> str | None:
    """Find the one modification under way that a PSP may mean."""
    found = [item for item in _meant(modifications, payment_id, kind, amount, psp_reference) if item["status"] in OPEN]
    return str(found[0]["id"]) if len(found) == 1 else None


def failed_modification(
    modifications: Mapping[str, JSON], payment_id: str, kind: str, amount: int | None, psp_reference: str
) -> str | None:
    """Find the one failed modification that a PSP may mean which says that it was done."""
    alike = _meant(modifications, payment_id, kind, None, psp_reference)
    found = [
        item
        for item in _meant(modifications, payment_id, kind, amount, psp_reference)
        if item["status"] == "FAILED" and not item["reversed"]
    ]
    done = any(item["status"] == "SUCCEEDED" for item in alike)
    return str(found[0]["id"]) if len(found) == 1 and not done else None


def _meant(
    modifications: Mapping[str, JSON], payment_id: str, kind: str, amount: int | None, psp_reference: str
) -> list[JSON]:
    return [
        item
        for item in modifications.values()
        if (item["payment_id"], item["kind"]) == (payment_id, kind)
        and (amount is None or kind == "VOID" or item["amount"] == amount)
        and (not psp_reference or item["psp_reference"] in {"", psp_reference})
    ]


def page(found: list[JSON], filters: Mapping[str, Any], limit: int) -> list[View]:
    before_us = filters.get("before_us")
    ordered = sorted(found, key=lambda item: (item["created_us"], item["id"]), reverse=True)
    if before_us is not None:
        position = (before_us, filters["before_id"])
        ordered = [item for item in ordered if (item["created_us"], item["id"]) < position]
    return [copy.deepcopy(item) for item in ordered[:limit]]
