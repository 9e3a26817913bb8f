"""What the sandbox PSP's codes mean in Payera's words, as data."""

from types import MappingProxyType
from typing import Final

from psp_connectors.domain.declines import DeclineCode

REASONS: Final = MappingProxyType(
    {
        "acquirer_unavailable": DeclineCode.PSP_UNAVAILABLE,
        "address_mismatch": DeclineCode.AVS_MISMATCH,
        "already_captured": DeclineCode.INVALID_TRANSACTION,
        "already_voided": DeclineCode.INVALID_TRANSACTION,
        "amount_exceeds_authorized": DeclineCode.INVALID_AMOUNT,
        "amount_exceeds_captured": DeclineCode.INVALID_AMOUNT,
        "authentication_abandoned": DeclineCode.AUTHENTICATION_ABANDONED,
        "authentication_failed": DeclineCode.AUTHENTICATION_FAILED,
        "authentication_unavailable": DeclineCode.AUTHENTICATION_UNAVAILABLE,
        "authorization_expired": DeclineCode.AUTHORIZATION_EXPIRED,
        "brand_not_supported": DeclineCode.CARD_NOT_SUPPORTED,
        "charge_closed": DeclineCode.INVALID_TRANSACTION,
        "charge_pending": DeclineCode.INVALID_TRANSACTION,
        "charge_declined": DeclineCode.INVALID_TRANSACTION,
        "currency_mismatch": DeclineCode.CURRENCY_NOT_SUPPORTED,
        "currency_not_supported": DeclineCode.CURRENCY_NOT_SUPPORTED,
        "cvc_missing": DeclineCode.CVC_REQUIRED,
        "declined": DeclineCode.GENERIC_DECLINE,
        "expiry_invalid": DeclineCode.INVALID_EXPIRY,
        "mandate_invalid": DeclineCode.MANDATE_INVALID,
        "risk_blocked": DeclineCode.BLOCKED_BY_RISK,
        "shopper_canceled": DeclineCode.CUSTOMER_CANCELED,
    }
)
"""Normalised code by the PSP's own reason, used when there is no network code."""

REFUSALS: Final = MappingProxyType(
    {
        (400, "invalid_request"): DeclineCode.INVALID_REQUEST,
        (401, "unauthorized"): DeclineCode.MERCHANT_CONFIGURATION,
        (404, "charge_not_found"): DeclineCode.INVALID_REQUEST,
        (413, "body_too_large"): DeclineCode.INVALID_REQUEST,
        (429, "rate_limited"): DeclineCode.PSP_UNAVAILABLE,
        (503, "not_processed"): DeclineCode.PSP_UNAVAILABLE,
    }
)
"""Error answers by status and code that say clearly that this request was not acted upon. All others are UNKNOWN."""
