"""Stripe's test cards and payment methods, its words for declines, and its bounds of amounts, as data.

Source: Stripe docs, "Testing" (test card numbers and PaymentMethods, 2024), "Decline codes", "Error codes", "Supported
currencies" (zero-decimal and special cases, minimum and maximum charge amounts), "Failed refunds".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from devstack.sandbox.magic import Verdict
from devstack.sandbox.units import Units

UNITS: Final = Units(MappingProxyType({"ISK": 2, "UGX": 2, "MGA": 0}))
STEPS: Final = MappingProxyType({"ISK": 100, "UGX": 100, "BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10})
"""Currencies of which Stripe takes only multiples of a number, in its own units."""

LARGEST: Final = 99_999_999
LARGEST_OF: Final = MappingProxyType({"idr": 999_999_999_999})
_SMALLEST: Final = (
    (30, "gbp"),
    (50, "aud brl cad chf eur inr jpy nzd sgd usd"),
    (100, "bgn"),
    (200, "aed myr pln ron"),
    (250, "dkk"),
    (300, "nok sek"),
    (400, "hkd"),
    (1000, "mxn thb"),
    (1500, "czk"),
    (17_500, "huf"),
)
SMALLEST: Final = MappingProxyType({code: units for units, codes in _SMALLEST for code in codes.split()})
"""Smallest charge in Stripe's own units, of the currencies for which Stripe publishes one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCard:
    """What a test card does. `code` and `decline_code` of a decline; `method` is its test PaymentMethod.

    `authentication` is empty, `required`, or `optional` (when 3-D Secure is asked for). `checks` are the results of
    CVC, postal code and first line. `refund` is `pending` or `failed`.
    """

    number: str
    method: str = ""
    effect: str = "approved"
    code: str = ""
    decline_code: str = ""
    authentication: str = ""
    checks: tuple[str, str, str] = ("pass", "pass", "pass")
    risk: str = "normal"
    refund: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """Give what the issuer says, None for an approval."""
        return Verdict(reason=self.decline_code or self.code) if self.code else None


def _declined(number: str, method: str, code: str, decline_code: str, authentication: str = "") -> TestCard:
    return TestCard(
        number=number,
        method=method,
        effect=f"{code}, decline code {decline_code}" if decline_code else code,
        code=code,
        decline_code=decline_code,
        authentication=authentication,
    )


_CARDS: Final = (
    TestCard(number="4242424242424242", method="pm_card_visa"),
    TestCard(number="4000056655665556", method="pm_card_visa_debit"),
    TestCard(number="5555555555554444", method="pm_card_mastercard"),
    TestCard(number="2223003122003222"),
    TestCard(number="5200828282828210", method="pm_card_mastercard_debit"),
    TestCard(number="5105105105105100", method="pm_card_mastercard_prepaid"),
    TestCard(number="378282246310005", method="pm_card_amex"),
    TestCard(number="371449635398431"),
    TestCard(number="6011111111111117", method="pm_card_discover"),
    TestCard(number="6011000990139424"),
    TestCard(number="3056930009020004", method="pm_card_diners"),
    TestCard(number="36227206271667"),
    TestCard(number="3566002020360505", method="pm_card_jcb"),
    TestCard(number="6200000000000005", method="pm_card_unionpay"),
    TestCard(number="6205500000000000004"),
    _declined("4000000000000002", "pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
    _declined(
        "4000000000009995", "pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"
    ),
    _declined("4000000000009987", "pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
    _declined("4000000000009979", "pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
    _declined("4000000000000069", "pm_card_chargeDeclinedExpiredCard", "expired_card", ""),
    _declined("4000000000000127", "pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", ""),
    _declined("4000000000000119", "pm_card_chargeDeclinedProcessingError", "processing_error", ""),
    _declined(
        "4000000000006975",
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "card_declined",
        "card_velocity_exceeded",
    ),
    _declined("4000000000000341", "pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    _declined("4100000000000019", "pm_card_radarBlock", "card_declined", "fraudulent"),
    TestCard(
        number="4000000000004954", method="pm_card_riskLevelHighest", effect="approved, risk highest", risk="highest"
    ),
    TestCard(
        number="4000000000009235", method="pm_card_riskLevelElevated", effect="approved, risk elevated", risk="elevated"
    ),
    TestCard(
        number="4000000000000101",
        method="pm_card_cvcCheckFail",
        effect="approved, CVC check fails",
        checks=("fail", "pass", "pass"),
    ),
    TestCard(
        number="4000000000000036",
        method="pm_card_avsZipFail",
        effect="approved, postal code check fails",
        checks=("pass", "fail", "pass"),
    ),
    TestCard(
        number="4000000000000028",
        method="pm_card_avsLine1Fail",
        effect="approved, first line check fails",
        checks=("pass", "pass", "fail"),
    ),
    TestCard(
        number="4000000000000010",
        method="pm_card_avsFail",
        effect="approved, both address checks fail",
        checks=("pass", "fail", "fail"),
    ),
    TestCard(
        number="4000000000000044",
        method="pm_card_avsUnchecked",
        effect="approved, address checks unavailable",
        checks=("pass", "unavailable", "unavailable"),
    ),
    TestCard(
        number="4000000000007726",
        method="pm_card_pendingRefund",
        effect="refunds pending, then succeed",
        refund="pending",
    ),
    TestCard(
        number="4000000000005126", method="pm_card_refundFail", effect="refunds succeed, then fail", refund="failed"
    ),
    TestCard(
        number="4000002500003155",
        method="pm_card_authenticationRequiredOnSetup",
        effect="3-D Secure required",
        authentication="required",
    ),
    TestCard(
        number="4000002760003184",
        method="pm_card_authenticationRequired",
        effect="3-D Secure required",
        authentication="required",
    ),
    TestCard(
        number="4000003800000446",
        method="pm_card_authenticationRequiredSetupForOffSession",
        effect="3-D Secure required on session",
        authentication="on_session",
    ),
    _declined(
        "4000008260003178",
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        "card_declined",
        "insufficient_funds",
        "required",
    ),
    TestCard(
        number="4000000000003220",
        method="pm_card_threeDSecure2Required",
        effect="3-D Secure required",
        authentication="required",
    ),
    _declined(
        "4000008400001629",
        "pm_card_threeDSecureRequiredChargeDeclined",
        "card_declined",
        "generic_decline",
        "required",
    ),
    _declined(
        "4000008400001280",
        "pm_card_threeDSecureRequiredProcessingError",
        "payment_intent_authentication_failure",
        "",
        "failing",
    ),
    TestCard(
        number="4000000000003055",
        method="pm_card_threeDSecureOptional",
        effect="3-D Secure when asked for",
        authentication="optional",
    ),
)

CARDS: Final[Mapping[str, TestCard]] = MappingProxyType({card.number: card for card in _CARDS})
"""Test cards by number; every other number with a right check digit is approved."""

METHODS: Final[Mapping[str, TestCard]] = MappingProxyType({card.method: card for card in _CARDS if card.method})
"""Test cards by their PaymentMethod."""

# Codes of their own, beside `card_declined` with a decline code.
CODES: Final = frozenset(
    {
        "authentication_required",
        "expired_card",
        "incorrect_cvc",
        "incorrect_number",
        "incorrect_zip",
        "invalid_cvc",
        "invalid_expiry_year",
        "payment_intent_authentication_failure",
        "processing_error",
    }
)

_OF_NETWORK: Final = (
    ("approve_with_id", ""),
    ("authentication_required", "1A 70"),
    ("call_issuer", "01 02"),
    ("card_velocity_exceeded", "61"),
    ("do_not_honor", "05"),
    ("duplicate_transaction", "94"),
    ("expired_card", "54"),
    ("fraudulent", "59 83"),
    ("generic_decline", "6P 79 N8 P5 P6 ZZ"),
    ("incorrect_cvc", "82 N7"),
    ("incorrect_number", "14"),
    ("incorrect_pin", "55"),
    ("insufficient_funds", "51"),
    ("invalid_account", "15 39 46 52 53"),
    ("invalid_amount", "13"),
    ("issuer_not_available", "91 92 N0"),
    ("lost_card", "41"),
    ("not_permitted", "78"),
    ("pickup_card", "04 07"),
    ("pin_try_exceeded", "75 86"),
    ("processing_error", "06 21 25 28 30 96"),
    ("reenter_transaction", "19"),
    ("restricted_card", "62 9G"),
    ("revocation_of_all_authorizations", "R3"),
    ("revocation_of_authorization", "R1"),
    ("security_violation", "63"),
    ("service_not_allowed", "03 58"),
    ("stolen_card", "43"),
    ("stop_payment_order", "R0"),
    ("transaction_not_allowed", "12 57 5C 93"),
    ("try_again_later", "68"),
    ("withdrawal_count_limit_exceeded", "65"),
)
_WORD_OF_NETWORK: Final = MappingProxyType({code: word for word, codes in _OF_NETWORK for code in codes.split()})
_WORD_OF_REASON: Final = MappingProxyType(
    {
        "acquirer_unavailable": "try_again_later",
        "address_mismatch": "incorrect_zip",
        "authentication_abandoned": "payment_intent_authentication_failure",
        "authentication_failed": "payment_intent_authentication_failure",
        "authentication_unavailable": "payment_intent_authentication_failure",
        "brand_not_supported": "card_not_supported",
        "currency_not_supported": "currency_not_supported",
        "cvc_missing": "invalid_cvc",
        "expiry_invalid": "invalid_expiry_year",
        "mandate_invalid": "revocation_of_authorization",
        "risk_blocked": "fraudulent",
    }
)


def decline_of(verdict: Verdict) -> tuple[str, str]:
    """Give `code` and `decline_code` for what an issuer says; a reason may be one of Stripe's own words."""
    own = {card.decline_code or card.code for card in _CARDS if card.code}
    word = _WORD_OF_NETWORK.get(verdict.network_code) if verdict.network_code else _WORD_OF_REASON.get(verdict.reason)
    word = word or (verdict.reason if verdict.reason in own else "generic_decline")
    if word == "authentication_required":
        return word, word
    return (word, "") if word in CODES else ("card_declined", word)


REFUND_FAILURES: Final = MappingProxyType(
    {
        "41": "lost_or_stolen_card",
        "43": "lost_or_stolen_card",
        "51": "insufficient_funds",
        "54": "expired_or_canceled_card",
    }
)
REFUND_REASONS: Final = frozenset(
    {
        "charge_for_pending_refund_disputed",
        "declined",
        "expired_or_canceled_card",
        "insufficient_funds",
        "lost_or_stolen_card",
        "merchant_request",
        "unknown",
    }
)


def refund_failure_of(verdict: Verdict) -> str:
    """Give `failure_reason` of a refund that failed."""
    if verdict.network_code:
        return REFUND_FAILURES.get(verdict.network_code, "declined")
    return verdict.reason if verdict.reason in REFUND_REASONS else "unknown"
