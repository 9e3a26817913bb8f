"""Shows payments, refunds, merchants and keys as the contract's messages. On the hot path: each is built in one go."""

from types import MappingProxyType
from typing import Any, Final

from payera.gateway.v1 import merchant_service_pb2 as merchants_pb2
from payera.gateway.v1 import payment_pb2

from gateway_svc.adapters.cards import card_fields
from gateway_svc.adapters.grpc.agreements import stored_credential_fields, three_d_secure_fields
from gateway_svc.application.ports import View
from gateway_svc.application.views import amount_capturable, amount_refundable
from gateway_svc.domain.decline_messages import decline_message

# Merchants see one status for what is being sent and what is being settled.
_MODIFICATION_STATUSES: Final = MappingProxyType(
    {
        "SENDING": "PROCESSING",
        "UNKNOWN": "PROCESSING",
        "PENDING": "PROCESSING",
        "SUCCEEDED": "SUCCEEDED",
        "FAILED": "FAILED",
    }
)
_NOT_APPROVED: Final = frozenset({"DECLINED", "NOT_SENT"})
_MICROSECONDS: Final = 1_000_000


def payment_message(view: View) -> payment_pb2.Payment:
    """Build a payment's message; a view of a list has no attempts, captures and voids."""
    decline = view["decline"]
    return payment_pb2.Payment(
        id=view["id"],
        status=view["status"],
        amount={"value": view["amount"], "currency": view["currency"]},
        amount_authorized=view["amount_authorized"],
        amount_captured=view["amount_captured"],
        amount_refunded=view["amount_refunded"],
        amount_capturable=amount_capturable(view),
        amount_refundable=amount_refundable(view),
        capture_method=view["capture_method"],
        token=view["token"],
        card=card_fields(view["card"]),
        merchant_reference=view["merchant_reference"],
        description=view["description"],
        metadata=view["metadata"],
        decline=None if decline is None else _decline(decline),
        attempts=[_attempt(attempt) for attempt in view.get("attempts", ())],
        captures=[_capture(capture) for capture in view.get("captures", ())],
        under_review=view["under_review"],
        create_time=time_of(view["created_us"]),
        update_time=time_of(view["updated_us"]),
        voids=[_void(void) for void in view.get("voids", ())],
        # A key's answer that is older than the field does without it.
        store_card=view.get("store_card", False),
        stored_credential=stored_credential_fields(view.get("stored_credential")),
        three_d_secure=three_d_secure_fields(view.get("three_ds")),
        exemption=view.get("exemption"),
        next_action=_next_action(view),
    )


def refund_message(view: View) -> payment_pb2.Refund:
    """Build a refund's message."""
    return payment_pb2.Refund(
        id=view["id"],
        payment_id=view["payment_id"],
        amount={"value": view["amount"], "currency": view["currency"]},
        status=_MODIFICATION_STATUSES[view["status"]],
        reason=view["reason"],
        decline=_decline(view) if view["status"] == "FAILED" else None,
        psp_reference=view["psp_reference"],
        create_time=time_of(view["created_us"]),
        update_time=time_of(view["updated_us"]),
        expected_by=_expected(view),
    )


def merchant_message(view: View) -> merchants_pb2.Merchant:
    """Build a merchant's message."""
    return merchants_pb2.Merchant(
        id=view["id"],
        name=view["name"],
        create_time=time_of(view["created_us"]),
        card_code_required=view["card_code_required"],
        cascade=view["cascade"],
    )


def api_key_message(view: View, key: str = "") -> merchants_pb2.ApiKey:
    """Build a key's message; `key` itself is given in the answer to its creation only."""
    revoked_us = view["revoked_us"]
    return merchants_pb2.ApiKey(
        id=view["id"],
        merchant_id=view["merchant_id"] or "",
        scope=view["scope"],
        live=view["live"],
        prefix=view["prefix"],
        key=key,
        create_time=time_of(view["created_us"]),
        revoke_time=None if revoked_us is None else time_of(revoked_us),
    )


def _next_action(view: View) -> dict[str, Any] | None:
    action = view.get("next_action")
    if action is None:
        return None
    told = {name: action.get(name) for name in ("kind", "url", "method", "fields")}
    return told | {"expire_time": time_of(action["expire_us"])}


def _attempt(view: View) -> dict[str, Any]:
    status = view["status"]
    message = {
        "id": view["id"],
        "psp_account": view["account"],
        "status": status,
        "psp_reference": view["psp_reference"],
        "route_reason": view["route_reason"],
        "create_time": time_of(view["created_us"]),
    }
    if status in _NOT_APPROVED:
        message["decline"] = _decline(view)
    # A key's answer that is older than the field does without it.
    details = view.get("details")
    if details:
        message |= _told_by_psp(details)
    if status == "PENDING":
        message["expected_by"] = _expected(view)
    return message


def _told_by_psp(details: View) -> dict[str, Any]:
    told = {name: details[name] for name in ("network_code", "advice_code", "checks") if name in details}
    if "capture_before" in details:
        told["capture_before"] = {"seconds": details["capture_before"]}
    return told


def _capture(view: View) -> dict[str, Any]:
    status = view["status"]
    message = {
        "id": view["id"],
        "amount": view["amount"],
        "final": view["final"],
        "status": _MODIFICATION_STATUSES[status],
        "create_time": time_of(view["created_us"]),
    }
    if status == "FAILED":
        message["decline"] = _decline(view)
    elif status == "PENDING":
        message["expected_by"] = _expected(view)
    return message


def _void(view: View) -> dict[str, Any]:
    status = view["status"]
    message = {"id": view["id"], "status": _MODIFICATION_STATUSES[status], "create_time": time_of(view["created_us"])}
    if status == "FAILED":
        message["decline"] = _decline(view)
    elif status == "PENDING":
        message["expected_by"] = _expected(view)
    return message


def _decline(view: View) -> dict[str, str]:
    code = view["code"]
    return {"code": code, "message": decline_message(code), "raw_code": view["raw_code"]}


def _expected(view: View) -> dict[str, int] | None:
    """Give when the outcome of an acknowledged operation is expected; None when nobody said."""
    expected_us = view.get("expected_us")
    return None if expected_us is None else time_of(expected_us)


def time_of(microseconds: int) -> dict[str, int]:
    """Give a time as the contract has it, of microseconds since the epoch."""
    seconds, part = divmod(microseconds, _MICROSECONDS)
    return {"seconds": seconds, "nanos": part * 1000}
