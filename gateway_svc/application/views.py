"""Turns the views of the stored procedures into the core's own types."""

from typing import Any

from gateway_svc.application.agreements import credential_of, exemption_of, result_of
from gateway_svc.application.ports import View
from gateway_svc.domain.cascade_policy import MAX_ATTEMPTS, CascadeSettings
from gateway_svc.domain.payment import (
    Attempt,
    AttemptStatus,
    CancelStatus,
    Candidate,
    CaptureMethod,
    Modification,
    ModificationKind,
    ModificationStatus,
    Payment,
    PaymentStatus,
    ReversalStatus,
    ThreeDsPreference,
)


def payment_of(view: View) -> Payment:
    """Read a payment view as the core's payment."""
    return Payment(
        id=view["id"],
        merchant_id=view["merchant_id"],
        status=PaymentStatus(view["status"]),
        amount=view["amount"],
        currency=view["currency"],
        capture_method=CaptureMethod(view["capture_method"]),
        token=view["token"],
        attempts=tuple(attempt_of(attempt) for attempt in view["attempts"]),
        candidates=tuple(Candidate(item["account"], item["reason"]) for item in view["candidates"]),
        under_review=view["under_review"],
        statement_descriptor=view["statement_descriptor"],
        # A key's answer that is older than the field does without it.
        code_required=view.get("code_required", False),
        brand=str(view["card"].get("brand") or ""),
        begun_us=view["created_us"],
        cascade=cascade_settings_of(view.get("cascade", {})),
        three_ds_preference=ThreeDsPreference(view.get("three_ds_preference", "AUTOMATIC")),
        stored_credential=credential_of(view.get("stored_credential")),
        three_ds=result_of(view.get("three_ds")),
        exemption=exemption_of(view.get("exemption")),
        return_url=view.get("return_url", ""),
        action_left_seconds=(view.get("next_action") or {}).get("left_seconds", 0),
    )


def cascade_settings_of(view: View) -> CascadeSettings:
    """Read a merchant's cascade settings as recorded; what is left out is not narrowed."""
    return CascadeSettings(
        off=view.get("off", False),
        codes=frozenset(view.get("codes", ())),
        classes=frozenset(view.get("classes", ())),
        max_attempts=view.get("max_attempts", MAX_ATTEMPTS),
    )


def cascade_view(settings: CascadeSettings) -> dict[str, Any]:
    """Give a merchant's cascade settings as they are recorded, JSON: what is not narrowed is left out."""
    view: dict[str, Any] = {}
    if settings.off:
        view["off"] = True
    if settings.codes:
        view["codes"] = sorted(settings.codes)
    if settings.classes:
        view["classes"] = sorted(settings.classes)
    if settings.max_attempts < MAX_ATTEMPTS:
        view["max_attempts"] = settings.max_attempts
    return view


def attempt_of(view: View) -> Attempt:
    """Read an attempt view as the core's attempt."""
    # A key's answer that is older than the field does without it.
    details = view.get("details") or {}
    return Attempt(
        id=view["id"],
        ordinal=view["ordinal"],
        account=view["account"],
        status=AttemptStatus(view["status"]),
        psp_reference=view["psp_reference"],
        code=view["code"],
        raw_code=view["raw_code"],
        asks=view["asks"],
        not_founds=view["not_founds"],
        age_seconds=view.get("age_seconds", 0),
        expected_age_seconds=view.get("expected_age_seconds", 0),
        network_code=details.get("network_code", ""),
        advice_code=details.get("advice_code", ""),
        asks_before=view.get("asks_before", 0),
        settling_seconds=view.get("settling_seconds"),
        late_asks=view.get("late_asks", 0),
        cancel=CancelStatus(view.get("cancel", "NONE")),
        cancels=view.get("cancels", 0),
        reversals=view.get("reversals", 0),
        reversal=ReversalStatus(view.get("reversal", "NONE")),
        reversal_age_seconds=view.get("reversal_age_seconds", 0),
    )


def modification_of(view: View) -> Modification:
    """Read a modification view as the core's modification."""
    return Modification(
        id=view["id"],
        payment_id=view["payment_id"],
        kind=ModificationKind(view["kind"]),
        account=view["account"],
        payment_psp_reference=view["payment_psp_reference"],
        status=ModificationStatus(view["status"]),
        amount=view["amount"],
        currency=view["currency"],
        final=view["final"],
        asks=view["asks"],
        not_founds=view["not_founds"],
        age_seconds=view.get("age_seconds", 0),
        under_review=view["under_review"],
        psp_reference=view["psp_reference"],
        # A key's answer that is older than the field does without it.
        capture_psp_reference=view.get("capture_psp_reference", ""),
        expected_age_seconds=view.get("expected_age_seconds", 0),
        asks_before=view.get("asks_before", 0),
        settling_seconds=view.get("settling_seconds"),
    )


def amount_capturable(view: View) -> int:
    """Give what can still be captured of a payment view, in minor units; captures under way count as used.

    Nothing can be while a void or a final capture is under way. A key's answer that is older than
    `final_capture_pending` does without it.
    """
    blocked = view["void_pending"] or view.get("final_capture_pending", False)
    if view["status"] != PaymentStatus.AUTHORIZED or blocked:
        return 0
    left: int = view["amount_authorized"] - view["amount_captured"] - view["amount_capture_pending"]
    return left


def amount_refundable(view: View) -> int:
    """Give what can still be refunded of a payment view, in minor units; refunds under way count as used."""
    left: int = view["amount_captured"] - view["amount_refunded"] - view["amount_refund_pending"]
    return left
