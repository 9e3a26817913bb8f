"""The card networks' response codes (ISO 8583 field 39 and the networks' own additions) in Payera's words, as data."""

from types import MappingProxyType
from typing import Final

from psp_connectors.domain.declines import DeclineCode

APPROVED_NETWORK_CODES: Final = frozenset({"00", "10", "11", "85"})
"""Network codes that go with an approval. A partial approval (10) still fails the comparison of amounts."""

LATE_RESPONSE: Final = "68"
"""The network did not hear from the issuer in time: whether money is held is not known."""

_BY_CODE: Final = (
    (DeclineCode.REFER_TO_ISSUER, "01 02"),
    (DeclineCode.MERCHANT_CONFIGURATION, "03 58"),
    (DeclineCode.PICKUP_CARD, "04 07"),
    (DeclineCode.DO_NOT_HONOR, "05"),
    (DeclineCode.ISSUER_TECHNICAL_ERROR, "06 96 21 25 28"),
    (DeclineCode.INVALID_TRANSACTION, "12"),
    (DeclineCode.INVALID_AMOUNT, "13"),
    (DeclineCode.INVALID_CARD_NUMBER, "14"),
    (DeclineCode.ISSUER_NOT_FOUND, "15"),
    (DeclineCode.REENTER_TRANSACTION, "19"),
    (DeclineCode.INVALID_REQUEST, "30"),
    (DeclineCode.ACCOUNT_NOT_FOUND, "39 52 53"),
    (DeclineCode.LOST_CARD, "41"),
    (DeclineCode.STOLEN_CARD, "43"),
    (DeclineCode.ACCOUNT_CLOSED, "46"),
    (DeclineCode.INSUFFICIENT_FUNDS, "51"),
    (DeclineCode.EXPIRED_CARD, "54"),
    (DeclineCode.INCORRECT_PIN, "55"),
    (DeclineCode.PIN_TRIES_EXCEEDED, "75 86"),
    (DeclineCode.TRANSACTION_NOT_PERMITTED, "57 5C"),
    (DeclineCode.ISSUER_SUSPECTED_FRAUD, "59 83"),
    (DeclineCode.AMOUNT_LIMIT_EXCEEDED, "61"),
    (DeclineCode.RESTRICTED_CARD, "62"),
    (DeclineCode.SECURITY_VIOLATION, "63"),
    (DeclineCode.FREQUENCY_LIMIT_EXCEEDED, "65"),
    (DeclineCode.AUTHENTICATION_REQUIRED, "1A 70"),
    (DeclineCode.CARD_NOT_ACTIVATED, "78"),
    (DeclineCode.LIFECYCLE_DECLINE, "79"),
    (DeclineCode.POLICY_DECLINE, "82"),
    (DeclineCode.ISSUER_UNAVAILABLE, "91 92 N0"),
    (DeclineCode.LEGAL_BLOCK, "93"),
    (DeclineCode.DUPLICATE_TRANSACTION, "94"),
    (DeclineCode.CARDHOLDER_BLOCKED, "9G"),
    (DeclineCode.VERIFICATION_FAILED, "6P"),
    (DeclineCode.INCORRECT_CVC, "N7"),
    (DeclineCode.PAYMENT_STOPPED, "R0"),
    (DeclineCode.RECURRING_REVOKED, "R1 R3"),
    # Known to the networks, without a word of their own in the vocabulary: mapped on purpose, so not "unmapped".
    (DeclineCode.UNKNOWN_DECLINE, "N8 P5 P6"),
)

NETWORK_CODES: Final = MappingProxyType({network: code for code, networks in _BY_CODE for network in networks.split()})
"""Normalised code by network response code."""

NETWORK_CODES_OF_BRAND: Final = MappingProxyType(
    {
        ("mastercard", "65"): DeclineCode.AUTHENTICATION_REQUIRED,
        ("visa", "82"): DeclineCode.INCORRECT_CVC,
    }
)
"""Network response codes that one brand uses in a sense of its own; they go before NETWORK_CODES."""


def decline_of(network_code: str, brand: str = "") -> DeclineCode | None:
    """Give what a network's response code means for cards of a brand; None for a code that no table knows."""
    return NETWORK_CODES_OF_BRAND.get((brand, network_code)) or NETWORK_CODES.get(network_code)
