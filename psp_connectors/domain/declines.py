"""Payera's vocabulary of refusals: every PSP's own codes are translated into these."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class DeclineGroup(StrEnum):
    """What kind of refusal a code is; the comment of each says what may help."""

    FUNDS = "funds"  # time may heal it
    ISSUER = "issuer"  # a generic answer, time may heal it
    INSTRUMENT = "instrument"  # this card will not work again
    CONSENT = "consent"  # the shopper or the bank took back the permission
    DATA = "data"  # something that was sent has to be corrected
    RISK = "risk"  # looked like fraud to someone
    AUTHENTICATION = "authentication"  # the shopper must prove who they are
    PERMISSION = "permission"  # the merchant, product or law does not allow it
    TECHNICAL = "technical"  # a system on the way failed
    REQUEST = "request"  # not a decline of the issuer but of the request


class DeclineCode(StrEnum):
    """The normalised codes; the wire form is the value."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    AMOUNT_LIMIT_EXCEEDED = "amount_limit_exceeded"
    FREQUENCY_LIMIT_EXCEEDED = "frequency_limit_exceeded"

    DO_NOT_HONOR = "do_not_honor"
    GENERIC_DECLINE = "generic_decline"
    REFER_TO_ISSUER = "refer_to_issuer"
    POLICY_DECLINE = "policy_decline"
    LIFECYCLE_DECLINE = "lifecycle_decline"
    UNKNOWN_DECLINE = "unknown_decline"

    LOST_CARD = "lost_card"
    STOLEN_CARD = "stolen_card"
    PICKUP_CARD = "pickup_card"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_NOT_FOUND = "account_not_found"
    INVALID_CARD_NUMBER = "invalid_card_number"
    ISSUER_NOT_FOUND = "issuer_not_found"
    RESTRICTED_CARD = "restricted_card"

    PAYMENT_STOPPED = "payment_stopped"
    RECURRING_REVOKED = "recurring_revoked"
    CARDHOLDER_BLOCKED = "cardholder_blocked"
    MANDATE_INVALID = "mandate_invalid"

    EXPIRED_CARD = "expired_card"
    INVALID_EXPIRY = "invalid_expiry"
    INCORRECT_CVC = "incorrect_cvc"
    CVC_REQUIRED = "cvc_required"
    AVS_MISMATCH = "avs_mismatch"
    VERIFICATION_FAILED = "verification_failed"
    INCORRECT_PIN = "incorrect_pin"
    PIN_TRIES_EXCEEDED = "pin_tries_exceeded"
    CARD_NOT_ACTIVATED = "card_not_activated"
    INVALID_AMOUNT = "invalid_amount"
    CURRENCY_NOT_SUPPORTED = "currency_not_supported"
    CARD_NOT_SUPPORTED = "card_not_supported"

    ISSUER_SUSPECTED_FRAUD = "issuer_suspected_fraud"
    SECURITY_VIOLATION = "security_violation"
    BLOCKED_BY_RISK = "blocked_by_risk"

    AUTHENTICATION_REQUIRED = "authentication_required"
    AUTHENTICATION_FAILED = "authentication_failed"
    AUTHENTICATION_ABANDONED = "authentication_abandoned"
    AUTHENTICATION_UNAVAILABLE = "authentication_unavailable"

    TRANSACTION_NOT_PERMITTED = "transaction_not_permitted"
    MERCHANT_CONFIGURATION = "merchant_configuration"
    LEGAL_BLOCK = "legal_block"

    ISSUER_UNAVAILABLE = "issuer_unavailable"
    ISSUER_TECHNICAL_ERROR = "issuer_technical_error"
    PSP_UNAVAILABLE = "psp_unavailable"
    PSP_TIMEOUT = "psp_timeout"

    INVALID_REQUEST = "invalid_request"
    DUPLICATE_TRANSACTION = "duplicate_transaction"
    AUTHORIZATION_EXPIRED = "authorization_expired"
    CUSTOMER_CANCELED = "customer_canceled"
    INVALID_TRANSACTION = "invalid_transaction"
    REENTER_TRANSACTION = "reenter_transaction"
    TOKEN_UNUSABLE = "token_unusable"  # noqa: S105 - the name of a code, not a secret


_GROUPS: Final = (
    (DeclineGroup.FUNDS, "insufficient_funds amount_limit_exceeded frequency_limit_exceeded"),
    (
        DeclineGroup.ISSUER,
        "do_not_honor generic_decline refer_to_issuer policy_decline lifecycle_decline unknown_decline",
    ),
    (
        DeclineGroup.INSTRUMENT,
        (
            "lost_card stolen_card pickup_card account_closed account_not_found invalid_card_number issuer_not_found "
            "restricted_card"
        ),
    ),
    (DeclineGroup.CONSENT, "payment_stopped recurring_revoked cardholder_blocked mandate_invalid"),
    (
        DeclineGroup.DATA,
        (
            "expired_card invalid_expiry incorrect_cvc cvc_required avs_mismatch verification_failed incorrect_pin "
            "pin_tries_exceeded card_not_activated invalid_amount currency_not_supported card_not_supported"
        ),
    ),
    (DeclineGroup.RISK, "issuer_suspected_fraud security_violation blocked_by_risk"),
    (
        DeclineGroup.AUTHENTICATION,
        "authentication_required authentication_failed authentication_abandoned authentication_unavailable",
    ),
    (DeclineGroup.PERMISSION, "transaction_not_permitted merchant_configuration legal_block"),
    (DeclineGroup.TECHNICAL, "issuer_unavailable issuer_technical_error psp_unavailable psp_timeout"),
    (
        DeclineGroup.REQUEST,
        (
            "invalid_request duplicate_transaction authorization_expired customer_canceled invalid_transaction "
            "reenter_transaction token_unusable"
        ),
    ),
)

GROUP_OF: Final = MappingProxyType({DeclineCode(code): group for group, codes in _GROUPS for code in codes.split()})
"""The group of each code."""
