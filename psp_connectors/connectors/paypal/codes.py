"""What PayPal's processor response codes mean in Payera's words, and what its letters say of the issuer's checks.

Source: the enums `response_code`, `avs_code`, `cvv_code` and `payment_advice_code` of the Orders v2 description, with
the names that the official SDK gives them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.issuer_checks import AVS_CHECKS, CARD_CODE_CHECKS
from psp_connectors.domain.outcomes import Check, Checks

APPROVALS: Final = frozenset({"0000", "7600"})
"""Response codes that go with an approval; 7600 is that of a check without an amount."""

_BY_CODE: Final = (
    (DeclineCode.INCORRECT_CVC, "00N7 5110 1382 PCVV PPC2"),
    (DeclineCode.REFER_TO_ISSUER, "0100 9530"),
    (DeclineCode.ACCOUNT_NOT_FOUND, "0390 6300"),
    (DeclineCode.DO_NOT_HONOR, "0500"),
    (DeclineCode.TRANSACTION_NOT_PERMITTED, "0580 5160 5700 1335 PPAG PPBG PPCO PPQC PPRN"),
    (DeclineCode.ISSUER_TECHNICAL_ERROR, "0800 0960 8000"),
    (DeclineCode.SECURITY_VIOLATION, "0880 9510"),
    (DeclineCode.INCORRECT_PIN, "0890 5130 5500 7900"),
    (DeclineCode.PIN_TRIES_EXCEEDED, "5135"),
    (DeclineCode.PAYMENT_STOPPED, "0R00"),
    # Only a part of the amount was there, and PayPal does not take parts.
    (DeclineCode.INSUFFICIENT_FUNDS, "1000 5120"),
    (
        DeclineCode.GENERIC_DECLINE,
        "10BR 5100 9540 PPAR PPDI PPDV PPLS PPMD PPSD PPSE",
    ),
    (DeclineCode.INVALID_REQUEST, "1300 1317 1360 1390 PPFV PPII PPMB PPVE"),
    (DeclineCode.INVALID_AMOUNT, "1310 PPAI PPS6"),
    (
        DeclineCode.INVALID_TRANSACTION,
        (
            "1312 1384 1393 5210 5800 8030 PPCR PPDC PPFE PPGR PPIM PPIT PPLR PPNC PPPH PPRE PPRF PPS0 PPS1 PPS2 PPS5 "
            "PPTF PPTI PPTT PPUI PPUP PPUR"
        ),
    ),
    (DeclineCode.CURRENCY_NOT_SUPPORTED, "1320 PPCU PPS4 PPUC PPVC"),
    (DeclineCode.INVALID_CARD_NUMBER, "1330 PPFI"),
    (
        DeclineCode.MERCHANT_CONFIGURATION,
        "1340 1350 1370 8020 PPAE PPAU PPCE PPNM PPPI PPRR PPUA PPUE PPVT",
    ),
    (DeclineCode.RESTRICTED_CARD, "1352 5180 PPAB PPFR"),
    (DeclineCode.INVALID_EXPIRY, "1380 PPEX"),
    (DeclineCode.EXPIRED_CARD, "5400 PPEF"),
    (DeclineCode.ACCOUNT_CLOSED, "5140 PP06"),
    (DeclineCode.PICKUP_CARD, "5150"),
    (DeclineCode.AVS_MISMATCH, "5170 5190 PPAD PPAV"),
    (DeclineCode.DUPLICATE_TRANSACTION, "5200 PPIF"),
    (DeclineCode.AUTHENTICATION_REQUIRED, "5650 PCNR"),
    (DeclineCode.FREQUENCY_LIMIT_EXCEEDED, "5710 PPDT PPEL PPNL"),
    (DeclineCode.ISSUER_NOT_FOUND, "5900 7800"),
    (DeclineCode.ISSUER_UNAVAILABLE, "5910 5920"),
    (DeclineCode.CARD_NOT_ACTIVATED, "5930"),
    (DeclineCode.LIFECYCLE_DECLINE, "5950"),
    (DeclineCode.AUTHENTICATION_UNAVAILABLE, "7700 PPD3"),
    (DeclineCode.AUTHENTICATION_FAILED, "7710"),
    (DeclineCode.PSP_UNAVAILABLE, "8010 8100 8110 8220 PPER PPH1 PPNT"),
    (DeclineCode.REENTER_TRANSACTION, "9100"),
    (DeclineCode.ISSUER_SUSPECTED_FRAUD, "9500"),
    (DeclineCode.LOST_CARD, "9520"),
    (DeclineCode.BLOCKED_BY_RISK, "PPSC"),
    (DeclineCode.AMOUNT_LIMIT_EXCEEDED, "PPAX"),
    (DeclineCode.CARD_NOT_SUPPORTED, "PPCT PPMC PPPM"),
    (DeclineCode.AUTHORIZATION_EXPIRED, "PPS3"),
    (DeclineCode.TOKEN_UNUSABLE, "PPTE PPTR PPTV"),
    # PayPal's own word for a code it does not know itself.
    (DeclineCode.UNKNOWN_DECLINE, "9600"),
)

RESPONSE_CODES: Final = MappingProxyType({raw: code for code, raws in _BY_CODE for raw in raws.split()})
"""Normalised code by processor response code."""

STATUS_REASONS: Final = MappingProxyType(
    {
        "BUYER_COMPLAINT": DeclineCode.INVALID_TRANSACTION,
        "CHARGEBACK": DeclineCode.INVALID_TRANSACTION,
        "DECLINED_BY_RISK_FRAUD_FILTERS": DeclineCode.BLOCKED_BY_RISK,
        "ECHECK": DeclineCode.GENERIC_DECLINE,
        "INTERNATIONAL_WITHDRAWAL": DeclineCode.MERCHANT_CONFIGURATION,
        "OTHER": DeclineCode.GENERIC_DECLINE,
        "PENDING_REVIEW": DeclineCode.BLOCKED_BY_RISK,
        "RECEIVING_PREFERENCE_MANDATES_MANUAL_ACTION": DeclineCode.MERCHANT_CONFIGURATION,
        "REFUNDED": DeclineCode.INVALID_TRANSACTION,
        "TRANSACTION_APPROVED_AWAITING_FUNDING": DeclineCode.GENERIC_DECLINE,
        "UNILATERAL": DeclineCode.MERCHANT_CONFIGURATION,
        "VERIFICATION_REQUIRED": DeclineCode.MERCHANT_CONFIGURATION,
    }
)
"""Normalised code by `status_details.reason`, for what was refused after it had been pending."""

_BOTH_MATCH: Final = (Check.MATCH, Check.MATCH)
# What PayPal says of a letter goes before the networks' general table.
_AVS: Final = AVS_CHECKS | {
    "F": _BOTH_MATCH,
    "0": _BOTH_MATCH,
    "1": (Check.NO_MATCH, Check.NO_MATCH),
    "2": (Check.UNAVAILABLE, Check.UNAVAILABLE),
    "3": (Check.NOT_CHECKED, Check.NOT_CHECKED),
    "4": (Check.UNAVAILABLE, Check.UNAVAILABLE),
    "Null": (Check.NOT_CHECKED, Check.NOT_CHECKED),
}
_AVS_OF_AMEX: Final = _AVS | {
    "E": _BOTH_MATCH,
    "F": (Check.MATCH, Check.NOT_CHECKED),
    "W": (Check.NO_MATCH, Check.NO_MATCH),
}
_CARD_CODE: Final = CARD_CODE_CHECKS | {
    "E": Check.UNAVAILABLE,
    "S": Check.UNAVAILABLE,
    "All others": Check.UNAVAILABLE,
    "0": Check.MATCH,
    "1": Check.NO_MATCH,
    "2": Check.NOT_CHECKED,
    "3": Check.NOT_CHECKED,
    "4": Check.UNAVAILABLE,
}

AVS_LETTERS: Final[Mapping[str, tuple[Check, Check]]] = MappingProxyType(_AVS)
CARD_CODE_LETTERS: Final[Mapping[str, Check]] = MappingProxyType(_CARD_CODE)

_BRANDS: Final = MappingProxyType(
    {
        "amex": "AMEX",
        "discover": "DISCOVER",
        "jcb": "JCB",
        "mastercard": "MASTERCARD",
        "unionpay": "CHINA_UNION_PAY",
        "visa": "VISA",
    }
)
# The SDK knows DINERS too, the description does not: it is read and not sent.
BRAND_NAMES: Final = MappingProxyType({theirs: ours for ours, theirs in _BRANDS.items()} | {"DINERS": "diners"})
"""Our name of a card brand by PayPal's `card_brand`."""


def network_of(brand: str) -> str:
    """Give PayPal's name of a card network, empty for one it has no name for."""
    return _BRANDS.get(brand, "")


def checks_of(avs_code: str, cvv_code: str, brand: str) -> Checks:
    """Say what the issuer's letters mean; a letter nobody knows counts as not checked."""
    table = _AVS_OF_AMEX if brand == "amex" else _AVS
    street, postal_code = table.get(avs_code, (Check.NOT_CHECKED, Check.NOT_CHECKED))
    return Checks(street, postal_code, _CARD_CODE.get(cvv_code, Check.NOT_CHECKED))
