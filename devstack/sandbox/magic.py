"""The test cards and magic amounts of the sandbox PSP, as data, and the verdict they lead to."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from devstack.sandbox.faults import FaultMode
from mesh.card_numbers import luhn_valid
from vault_svc.domain import brands

LATE_RESPONSE: Final = "68"
ISSUER_UNAVAILABLE: Final = "91"

FIRST_AMOUNT: Final = 400_000
"""Magic amounts begin here, in minor units of any currency."""
ACCOUNT_STEP: Final = 10_000
"""Added once per position of the account in the accounts file: the amount is then magic at that account alone."""
LAST_ACCOUNT: Final = 9


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the issuer says: a network code, or a reason of the sandbox's own where no network was asked."""

    network_code: str = ""
    reason: str = ""

    @property
    def approved(self) -> bool:
        """Tell whether money may be held or moved."""
        return self.network_code == "00"

    @property
    def later(self) -> "Verdict":
        """Give what the books say afterwards: a late response was reversed, so the issuer was unavailable."""
        return Verdict(network_code=ISSUER_UNAVAILABLE) if self.network_code == LATE_RESPONSE else self


@dataclass(frozen=True, slots=True)
class MagicAmount:
    """One line of the table: the last three digits, the verdict, and Payera's word for it (that of Visa cards)."""

    suffix: int
    verdict: Verdict
    payera_code: str
    note: str = ""


APPROVED: Final = Verdict(network_code="00")

_NUMERIC: Final = (
    ("refer_to_issuer", "01 02"),
    ("merchant_configuration", "03 58"),
    ("pickup_card", "04 07"),
    ("do_not_honor", "05"),
    ("issuer_technical_error", "06 21 25 28 96"),
    ("invalid_transaction", "12"),
    ("invalid_amount", "13"),
    ("invalid_card_number", "14"),
    ("issuer_not_found", "15"),
    ("reenter_transaction", "19"),
    ("invalid_request", "30"),
    ("account_not_found", "39 52 53"),
    ("lost_card", "41"),
    ("stolen_card", "43"),
    ("account_closed", "46"),
    ("insufficient_funds", "51"),
    ("expired_card", "54"),
    ("incorrect_pin", "55"),
    ("transaction_not_permitted", "57"),
    ("issuer_suspected_fraud", "59 83"),
    ("amount_limit_exceeded", "61"),
    ("restricted_card", "62"),
    ("security_violation", "63"),
    ("frequency_limit_exceeded", "65"),
    ("psp_timeout", "68"),
    ("authentication_required", "70"),
    ("pin_tries_exceeded", "75 86"),
    ("card_not_activated", "78"),
    ("lifecycle_decline", "79"),
    ("incorrect_cvc", "82"),
    ("issuer_unavailable", "91 92"),
    ("legal_block", "93"),
    ("duplicate_transaction", "94"),
)
_LETTERED: Final = (
    (201, "1A", "authentication_required"),
    (202, "5C", "transaction_not_permitted"),
    (203, "9G", "cardholder_blocked"),
    (204, "6P", "verification_failed"),
    (205, "N0", "issuer_unavailable"),
    (206, "N7", "incorrect_cvc"),
    (207, "N8", "unknown_decline"),
    (208, "P5", "unknown_decline"),
    (209, "P6", "unknown_decline"),
    (210, "R0", "payment_stopped"),
    (211, "R1", "recurring_revoked"),
    (212, "R3", "recurring_revoked"),
    (299, "ZZ", "unknown_decline"),
)
_REASONS: Final = (
    (301, "declined", "generic_decline"),
    (302, "acquirer_unavailable", "psp_unavailable"),
    (303, "address_mismatch", "avs_mismatch"),
    (304, "authentication_abandoned", "authentication_abandoned"),
    (305, "authentication_failed", "authentication_failed"),
    (306, "authentication_unavailable", "authentication_unavailable"),
    (307, "authorization_expired", "authorization_expired"),
    (308, "brand_not_supported", "card_not_supported"),
    (309, "currency_not_supported", "currency_not_supported"),
    (310, "cvc_missing", "cvc_required"),
    (311, "expiry_invalid", "invalid_expiry"),
    (312, "mandate_invalid", "mandate_invalid"),
    (313, "risk_blocked", "blocked_by_risk"),
    (314, "shopper_canceled", "customer_canceled"),
)
_NOTES: Final = MappingProxyType(
    {
        "65": "Mastercard: authentication_required",
        "68": "outcome UNKNOWN; the books then say 91: the late authorization was reversed",
        "82": "Mastercard and others: policy_decline",
        "ZZ": "a code that no table knows",
    }
)


def _declines() -> Mapping[int, MagicAmount]:
    numeric = ((100 + int(code), code, word) for word, codes in _NUMERIC for code in codes.split())
    by_network = (
        MagicAmount(suffix, Verdict(network_code=code), word, _NOTES.get(code, ""))
        for suffix, code, word in (*numeric, *_LETTERED)
    )
    by_reason = (MagicAmount(suffix, Verdict(reason=reason), word) for suffix, reason, word in _REASONS)
    table = {entry.suffix: entry for entry in (*by_network, *by_reason)}
    return MappingProxyType(dict(sorted(table.items())))


DECLINES: Final = _declines()
"""Magic amounts that are declined, by the last three digits."""

FAULTS: Final[Mapping[int, FaultMode]] = MappingProxyType(
    {
        901: FaultMode.RESET_BEFORE,
        902: FaultMode.RESET_AFTER,
        903: FaultMode.TIMEOUT_THEN_SUCCESS,
        904: FaultMode.TIMEOUT_THEN_DECLINE,
        905: FaultMode.SLOW,
        906: FaultMode.GARBAGE,
        907: FaultMode.TRUNCATED,
        908: FaultMode.WRONG_AMOUNT,
        909: FaultMode.DUPLICATE,
        910: FaultMode.SERVER_ERROR_BEFORE,
        911: FaultMode.SERVER_ERROR_AFTER,
        912: FaultMode.NOT_FOUND_THEN_FOUND,
        913: FaultMode.HTML,
        914: FaultMode.TRICKLE,
        915: FaultMode.ANSWERED_TWICE,
        916: FaultMode.WRONG_CURRENCY,
        917: FaultMode.WRONG_REFERENCE,
        918: FaultMode.DENIED,
        919: FaultMode.RATE_LIMITED,
        920: FaultMode.NOT_FOUND,
    }
)
"""Magic amounts that bring a fault to the first request of an authorization, by the last three digits."""


@dataclass(frozen=True, slots=True)
class TestCard:
    """A well-known test card and the verdict it leads to."""

    number: str
    verdict: Verdict
    payera_code: str


def _card(number: str, payera_code: str, network_code: str = "", reason: str = "") -> TestCard:
    return TestCard(number, Verdict(network_code, reason), payera_code)


TEST_CARDS: Final = (
    _card("4000000000000002", "generic_decline", reason="declined"),
    _card("4000000000009995", "insufficient_funds", "51"),
    _card("4000000000009987", "lost_card", "41"),
    _card("4000000000009979", "stolen_card", "43"),
    _card("4000000000000069", "expired_card", "54"),
    _card("4000000000000127", "incorrect_cvc", "N7"),
    _card("4000000000000119", "issuer_technical_error", "96"),
    _card("4000000000006975", "frequency_limit_exceeded", "65"),
    _card("4000000000000341", "generic_decline", reason="declined"),
    _card("4100000000000019", "blocked_by_risk", reason="risk_blocked"),
    _card("4000002500003155", "authentication_required", "1A"),
    _card("4000002760003184", "authentication_required", "1A"),
    _card("4000008260003178", "authentication_required", "1A"),
    _card("4000000000003220", "authentication_required", "1A"),
    _card("4000008400001629", "authentication_required", "1A"),
)
"""Cards that are declined. Every other number with a right check digit is approved."""

SUCCESS_CARDS: Final = (
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "2223003122003222",
    "5200828282828210",
    "5105105105105100",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "3056930009020004",
    "36227206271667",
    "3566002020360505",
    "6200000000000005",
    "6205500000000000004",
    "4000002500001001",
    "5555552500001001",
    "6771798021000008",
    "6703444444444449",
    "5019555544445555",
    "5066991111111118",
    "6062828888666688",
    "135410014004955",
)
"""Well-known cards that are approved."""

_VERDICT_OF_CARD: Final = MappingProxyType({card.number: card.verdict for card in TEST_CARDS})


AUTHENTICATION_REQUIRED: Final = Verdict(network_code="1A")
AUTHENTICATION_FAILED: Final = Verdict(reason="authentication_failed")


def brand_of(number: str) -> str:
    """Give the brand of a card number as the vault names it, `unknown` when no range has it."""
    return brands.brand_of(number).value


def suffix_of(amount: int, position: int) -> int:
    """Give the last three digits of a magic amount at the account in `position` (from 1), 0 when it is none there."""
    account, suffix = divmod(amount - FIRST_AMOUNT, ACCOUNT_STEP)
    return suffix if account in {0, position} and account <= LAST_ACCOUNT else 0


def verdict_of_amount(amount: int, position: int) -> Verdict:
    """Give the verdict on an amount alone."""
    entry = DECLINES.get(suffix_of(amount, position))
    return entry.verdict if entry is not None else APPROVED


def verdict_of_card(number: str, exp_year: int, exp_month: int, today: tuple[int, int]) -> Verdict:
    """Give the verdict on a card alone; `today` is year and month."""
    if not luhn_valid(number):
        return Verdict(network_code="14")
    if (exp_year, exp_month) < today:
        return Verdict(network_code="54")
    return _VERDICT_OF_CARD.get(number, APPROVED)


def fault_of_amount(amount: int, position: int) -> FaultMode | None:
    """Give the fault that an amount asks for."""
    return FAULTS.get(suffix_of(amount, position))
