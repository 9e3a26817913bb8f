"""What Adyen's test environment decides by, as data.

Sources: docs.adyen.com, Testing result codes and refusal reasons, Testing card CVC result codes, Test card numbers
(3D Secure 2), Refusal reasons, Raw responses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from devstack.sandbox.magic import APPROVED, Verdict


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line of the table of refusal reasons: code, text, result code, and what it is in the books."""

    code: str
    reason: str
    verdict: Verdict
    result: str = "Refused"


def _network(code: str) -> Verdict:
    return Verdict(network_code=code)


_UNKNOWN: Final = Verdict(reason="declined")

_TABLE: Final = (
    Refusal("0", "Unknown", _UNKNOWN, "Error"),
    Refusal("2", "Refused", _network("05")),
    Refusal("3", "Referral", _network("01")),
    Refusal("4", "Acquirer Error", Verdict(reason="acquirer_unavailable"), "Error"),
    Refusal("5", "Blocked Card", _network("62")),
    Refusal("6", "Expired Card", _network("54")),
    Refusal("7", "Invalid Amount", _network("13")),
    Refusal("8", "Invalid Card Number", _network("14")),
    Refusal("9", "Issuer Unavailable", _network("91"), "Error"),
    Refusal("10", "Not supported", Verdict(reason="brand_not_supported")),
    Refusal("11", "3D Not Authenticated", Verdict(reason="authentication_failed")),
    Refusal("12", "Not enough balance", _network("51")),
    Refusal("14", "Acquirer Fraud", Verdict(reason="risk_blocked")),
    Refusal("15", "Cancelled", Verdict(reason="shopper_canceled"), "Cancelled"),
    Refusal("16", "Shopper Cancelled", Verdict(reason="shopper_canceled"), "Cancelled"),
    Refusal("17", "Invalid Pin", _network("55")),
    Refusal("18", "Pin tries exceeded", _network("75")),
    Refusal("19", "Pin validation not possible", _network("86")),
    Refusal("20", "FRAUD", Verdict(reason="risk_blocked")),
    Refusal("21", "Not Submitted", _network("12")),
    Refusal("22", "FRAUD-CANCELLED", Verdict(reason="risk_blocked"), "Cancelled"),
    Refusal("23", "Transaction Not Permitted", _network("57")),
    Refusal("24", "CVC Declined", _network("N7")),
    Refusal("25", "Restricted Card", _network("62")),
    Refusal("26", "Revocation Of Auth", _network("R1")),
    Refusal("27", "Declined Non Generic", _UNKNOWN),
    Refusal("28", "Withdrawal amount exceeded", _network("61")),
    Refusal("29", "Withdrawal count exceeded", _network("65")),
    Refusal("31", "Issuer Suspected Fraud", _network("59")),
    Refusal("32", "AVS Declined", Verdict(reason="address_mismatch")),
    Refusal("33", "Card requires online pin", _network("70")),
    Refusal("34", "No checking account available on Card", _network("52")),
    Refusal("35", "No savings account available on Card", _network("53")),
    Refusal("36", "Mobile pin required", _network("70")),
    Refusal("37", "Contactless fallback", _network("19")),
    Refusal("38", "Authentication required", _network("1A")),
    Refusal("39", "RReq not received from DS", Verdict(reason="authentication_unavailable")),
    Refusal("40", "Current AID is in Penalty Box.", Verdict(reason="brand_not_supported")),
    Refusal("41", "CVM Required Restart Payment", _network("19")),
    Refusal("42", "3DS Authentication Error", Verdict(reason="authentication_failed")),
    Refusal("43", "Online PIN required", _network("70")),
    Refusal("44", "Try another interface", _network("19")),
    Refusal("45", "Chip downgrade mode", _network("19")),
    Refusal("46", "Transaction blocked by Adyen to prevent excessive retry fees", _network("65")),
)
REFUSALS: Final[Mapping[str, Refusal]] = MappingProxyType({refusal.code: refusal for refusal in _TABLE})
"""Every refusal reason by its code, which is also what `RequestedTestAcquirerResponseCode` asks for."""

APPROVED_CODE: Final = "1"

HOLDER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "UNKNOWN": "0",
        "APPROVED": APPROVED_CODE,
        "DECLINED": "2",
        "REFERRAL": "3",
        "ERROR": "4",
        "BLOCK_CARD": "5",
        "CARD_EXPIRED": "6",
        "INVALID_AMOUNT": "7",
        "NOT_ENOUGH_BALANCE": "12",
    }
)
"""Holder names that bring a refusal reason about."""

_CODE_OF_NETWORK: Final = (
    ("3", "01 02"),
    ("5", "04 07 41 43 46 78"),
    ("6", "54"),
    ("7", "13"),
    ("8", "14 15"),
    ("9", "91 92 N0 68"),
    ("4", "06 21 25 28 96"),
    ("12", "51"),
    ("17", "55"),
    ("18", "75"),
    ("19", "86"),
    ("21", "12 30"),
    ("23", "57 58 93 5C 9G"),
    ("24", "N7"),
    ("25", "62"),
    ("26", "R0 R1 R3"),
    ("28", "61"),
    ("29", "65"),
    ("31", "59 63 83"),
    ("34", "39 52"),
    ("35", "53"),
    ("36", "70"),
    ("38", "1A"),
)
_CODE_OF_REASON: Final = MappingProxyType(
    {
        "acquirer_unavailable": "4",
        "address_mismatch": "32",
        "authentication_abandoned": "11",
        "authentication_failed": "11",
        "authentication_unavailable": "42",
        "brand_not_supported": "10",
        "currency_not_supported": "10",
        "cvc_missing": "24",
        "expiry_invalid": "6",
        "mandate_invalid": "26",
        "risk_blocked": "20",
        "shopper_canceled": "16",
    }
)
_CODES: Final = MappingProxyType(
    {network: code for code, networks in _CODE_OF_NETWORK for network in networks.split()} | dict(_CODE_OF_REASON)
)

_RAW_TEXTS: Final = MappingProxyType(
    {
        "05": "Do not honor",
        "14": "Invalid card number",
        "51": "Insufficient funds",
        "54": "Expired card",
        "57": "Transaction not permitted to cardholder",
        "59": "Suspected fraud",
        "65": "Exceeds withdrawal frequency limit",
        "68": "Response received too late",
        "91": "Issuer unavailable",
        "1A": "Authentication required",
        "N7": "CVV2 failure",
    }
)

THREE_DS_CARDS: Final = frozenset(
    {
        "4917610000000000",
        "5454545454545454",
        "371449635398431",
        "4871049999999910",
        "4035501428146300",
        "6250947000000014",
        "5000550000000029",
    }
)
"""Cards for which the shopper is sent to authenticate unless the request says never."""

CVC_TEXTS: Final = MappingProxyType(
    {
        "0": "Unknown",
        "1": "Matches",
        "2": "Doesn't Match",
        "3": "Not checked",
        "4": "No CVC/CVV provided, but was required",
        "5": "Issuer not certified for CVC/CVV",
        "6": "No CVC/CVV provided",
    }
)

CARDS: Final = (
    "4111111111111111",
    "4444333322221111",
    "4988438843884305",
    "4166676667666746",
    "5555444433331111",
    "5555341244441115",
    "2222400070000005",
    "2222410740360010",
    "370000000000002",
    "6011601160116611",
    "36006666333344",
    "6243030000000001",
)
"""Adyen's test cards of the brands that the books know, all approved."""


def asked_refusal(holder_name: str, response_code: str) -> Refusal | None:
    """Give the refusal that a request asks for; None for none, and for the word or code that asks for an approval."""
    return REFUSALS.get(response_code or HOLDER_NAMES.get(holder_name, ""))


def refusal_of(verdict: Verdict) -> Refusal:
    """Give how Adyen tells a verdict that is no approval."""
    return REFUSALS[_CODES.get(verdict.network_code or verdict.reason, "2")]


def raw_text(verdict: Verdict) -> str:
    """Give the raw response of the acquirer for a verdict: the scheme's code and its text."""
    if verdict == APPROVED or verdict.approved:
        return "AUTHORISED"
    if not verdict.network_code:
        return "DECLINED"
    return f"{verdict.network_code} : {_RAW_TEXTS.get(verdict.network_code, 'Declined')}"
