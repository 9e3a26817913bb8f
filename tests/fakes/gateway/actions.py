"""What the in-memory payment store does with attempts that wait for the shopper, by the rules of the procedures."""

import copy
from collections.abc import Mapping
from typing import Any

from gateway_svc.domain.core import OPEN_PAYMENTS, AttemptVerdict
from gateway_svc.domain.payment import CancelStatus

JSON = dict[str, Any]
WAITING = "ACTION_REQUIRED"
ACKNOWLEDGED = frozenset({"PENDING", WAITING})


def stays(payment: JSON, attempt: JSON, status: str, payment_status: str, *, decided: bool) -> tuple[str, str]:
    """Give what is recorded where the attempt was acknowledged, or waits for the shopper, and is not ended."""
    if attempt["status"] in ACKNOWLEDGED and status == "UNKNOWN":
        status = attempt["status"]
    cancelled = attempt["cancel"] in {"SENT", "DONE"} and not decided
    if attempt["status"] == WAITING and (status == WAITING or (cancelled and status in {"APPROVED", "PENDING"})):
        return WAITING, payment["status"]
    return status, payment_status


def note_action(payment: JSON, attempt: JSON, verdict: AttemptVerdict, now_us: int, *, first: bool) -> None:
    """Keep where the shopper is sent, as long as that is so."""
    attempt["details"].pop("next_action", None)
    if payment["status"] != "REQUIRES_ACTION":
        payment["action"] = None
    elif first:
        action = copy.deepcopy(verdict.details["next_action"])
        payment["action"] = action | {"expire_us": now_us + payment["action_seconds"] * 1_000_000}


def shown_action(payment: JSON, now_us: int) -> JSON:
    """Give the part of a payment's view that tells of the shopper; `payment` is a copy of the record."""
    action = payment.pop("action")
    payment.pop("action_seconds")
    if action is not None:
        action = action | {"left_seconds": max(0, -((now_us - action["expire_us"]) // 1_000_000))}
    return payment | {"next_action": action}


def listed(payments: Mapping[str, JSON], merchant_id: str, filters: Mapping[str, Any], now_us: int) -> list[JSON]:
    """Give the payments of a merchant that a list is to show, without their attempts."""
    return [
        shown_action({name: value for name, value in payment.items() if name != "attempts"}, now_us)
        for payment in payments.values()
        if payment["merchant_id"] == merchant_id
        and all(filters.get(name) in {None, payment[name]} for name in ("status", "merchant_reference", "currency"))
        and (filters.get("created_from_us") is None or payment["created_us"] >= filters["created_from_us"])
        and (filters.get("created_before_us") is None or payment["created_us"] < filters["created_before_us"])
    ]


def stalled(payments: Mapping[str, JSON], modifications: Mapping[str, JSON], open_: frozenset[str]) -> list[Any]:
    """Give what is not settled as (when it moved, kind, id), oldest first."""
    work = [
        (payment["updated_us"], "PAYMENT", payment["id"])
        for payment in payments.values()
        if payment["status"] in OPEN_PAYMENTS and not payment["under_review"]
    ]
    work += [
        (modification["updated_us"], "MODIFICATION", modification["id"])
        for modification in modifications.values()
        if modification["status"] in open_ and not modification["under_review"]
    ]
    return sorted(work)


def end_action(payment: JSON, attempt: JSON) -> bool:
    """Record that the shopper can't act any more; tell whether that is an event."""
    if (payment["status"], attempt["status"]) != ("REQUIRES_ACTION", WAITING):
        return False
    payment |= {"status": "PROCESSING", "action": None}
    return True


def record_cancel(payment: JSON, attempt: JSON, number: int, cancel: CancelStatus) -> bool:
    """Record where an attempt's cancelling stands; False when that does not fit."""
    if attempt["status"] != WAITING or payment["status"] != "PROCESSING" or payment["under_review"]:
        return False
    if cancel is CancelStatus.SENT:
        fits = bool(attempt["cancels"] == number - 1 and attempt["cancel"] != "DONE")
    else:
        fits = (attempt["cancels"], attempt["cancel"]) == (number, "SENT")
    if fits:
        attempt |= {"cancel": cancel.value, "cancels": number}
    return fits
