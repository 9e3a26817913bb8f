"""Checkout.com's test cards, what its sandbox makes of them, and its response codes ("Test cards")."""

from types import MappingProxyType
from typing import Final

from devstack.sandbox.magic import Verdict

APPROVED_CODE: Final = "10000"

CARDS: Final = MappingProxyType(
    {
        "4111111111111129": "01",
        "4024007103573027": "12",
        "4485381577182090": "14",
        "4544249167673670": "51",
        "4724117215951699": "54",
        "4151512736305999": "57",
        "4897453568485113": "59",
        "4556294593757189": "61",
        "4818924250131070": "62",
        "4556253752712245": "63",
        "4095254802642505": "68",
        "4532819413487978": "78",
        "4734868958733862": "N7",
        "4567361325981788": "R3",
    }
)
"""The network code of the test cards that are declined."""

CVV_CARD: Final = "4659105569051157"
"""The card whose code decides about the check of the code."""

AMOUNTS: Final = MappingProxyType({"05": "05", "12": "12", "14": "14", "51": "51", "62": "62", "63": "63", "68": "68"})
"""The last two digits of an amount of five that ask for a decline, in currencies of two decimals."""
SHORTEST_AMOUNT: Final = 10_000
LONGEST_AMOUNT: Final = 99_999

_OF_NETWORK: Final = MappingProxyType(
    {
        "04": "30004",
        "07": "30007",
        "15": "30015",
        "41": "30041",
        "43": "30043",
        "46": "30046",
        "79": "20179",
        "82": "20182",
        "83": "20183",
        "1A": "20154",
        "70": "20154",
        "ZZ": "20197",
    }
)
_OF_REASON: Final = MappingProxyType(
    {
        "acquirer_unavailable": "20091",
        "address_mismatch": "20099",
        "already_captured": "20012",
        "already_voided": "20111",
        "amount_exceeds_authorized": "20109",
        "amount_exceeds_captured": "20013",
        "authentication_abandoned": "20152",
        "authentication_failed": "20151",
        "authentication_unavailable": "20153",
        "authorization_expired": "20012",
        "brand_not_supported": "20103",
        "charge_closed": "20012",
        "charge_declined": "20012",
        "charge_pending": "20012",
        "currency_mismatch": "20106",
        "currency_not_supported": "20106",
        "cvc_missing": "20124",
        "declined": "20099",
        "expiry_invalid": "20100",
        "mandate_invalid": "20012",
        "risk_blocked": "40101",
        "shopper_canceled": "20017",
    }
)


def response_code_of(verdict: Verdict) -> str:
    """Give the response code for a verdict."""
    if verdict.approved:
        return APPROVED_CODE
    if verdict.network_code:
        return _OF_NETWORK.get(verdict.network_code, f"200{verdict.network_code}")
    return _OF_REASON.get(verdict.reason, "20099")


def verdict_of(number: str, amount: int, decimals: int) -> Verdict | None:
    """Give what a card or an amount in Checkout.com's units asks for; None for what asks for nothing."""
    if number in CARDS:
        return Verdict(network_code=CARDS[number])
    if decimals == len("00") and SHORTEST_AMOUNT <= amount <= LONGEST_AMOUNT:
        code = AMOUNTS.get(f"{amount % 100:02d}")
        return Verdict(network_code=code) if code is not None else None
    return None


def cvv_check(number: str, code: str | None) -> str:
    """Give the letter for the check of the card's code."""
    if code is None:
        return "N"
    letters = {"200": "D", "201": "P", "202": "U"} if number == CVV_CARD else {}
    return letters.get(code, "Y")
