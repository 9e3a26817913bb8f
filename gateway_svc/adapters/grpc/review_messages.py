"""Shows reviews as the contract's messages."""

from collections.abc import Mapping
from typing import Any

from payera.gateway.v1 import review_service_pb2 as contract

from gateway_svc.adapters.grpc.messages import payment_message, time_of
from gateway_svc.application.ports import View
from gateway_svc.application.review_ports import Evidence

# What a verdict calls a success or failure is, of the PSP's word, an approval or decline.
_OUTCOMES: Mapping[str, str] = {"SUCCEEDED": "APPROVED", "FAILED": "DECLINED"}


def review_message(view: View) -> contract.Review:
    """Build a review's message; a view of a list has no evidence."""
    told = view["told"]
    closed_us = view["closed_us"]
    return contract.Review(
        id=view["id"],
        kind=view["kind"],
        cause=view["cause"],
        version=view["version"],
        open=closed_us is None,
        open_time=time_of(view["opened_us"]),
        close_time=None if closed_us is None else time_of(closed_us),
        payment_id=view["payment_id"],
        merchant_id=view["merchant_id"],
        psp_account=view["account"],
        amount={"value": view["amount"], "currency": view["currency"]},
        recorded_status=view["status"],
        psp_reference=view["psp_reference"],
        code=view["code"],
        raw_code=view["raw_code"],
        create_time=time_of(view["created_us"]),
        asks=view["asks"],
        not_founds=view["not_founds"],
        contradiction=None if told is None else _contradiction(told),
        contradictions=[
            _contradiction(said["told"]) | {"time": time_of(said["told_us"])} for said in view.get("contradictions", ())
        ],
        inquiries=[_inquiry(said) for said in view.get("inquiries", ())],
        decisions=[_decision(made) for made in view.get("decisions", ())],
    )


def evidence_message(evidence: Evidence) -> contract.Review:
    """Build the message of a review with its evidence."""
    message = review_message(evidence.review)
    message.payment.CopyFrom(payment_message(evidence.payment))
    return message


def _contradiction(told: View) -> dict[str, Any]:
    kind = told["kind"]
    return {
        "outcome": _OUTCOMES.get(kind, kind),
        "code": told.get("code") or "",
        "raw_code": told.get("raw_code") or "",
        "psp_reference": told.get("psp_reference") or "",
        "amount": told.get("amount", 0),
        "currency": told.get("currency", ""),
        "reversal": told.get("reversal", False),
    }


def _inquiry(view: View) -> dict[str, Any]:
    return {
        "time": time_of(view["asked_us"]),
        "outcome": view["told"],
        "code": view["code"],
        "raw_code": view["raw_code"],
        "psp_reference": view["psp_reference"],
    }


def _decision(view: View) -> dict[str, Any]:
    return {
        "version": view["version"],
        "action": view["action"],
        "note": view["note"],
        "psp_reference": view["psp_reference"],
        "decided_by": view["decided_by"],
        "request_id": view["request_id"],
        "time": time_of(view["decided_us"]),
    }
