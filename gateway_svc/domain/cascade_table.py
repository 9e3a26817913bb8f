"""What may follow a decline, as data: one row for each word that an issuer, a network or a PSP may say.

The judgement is Payera's. It rests on the ISO 8583 response codes as the networks use them, on Visa's categories as
acquirers print them (getevolved, tabapay, forte), and on Mastercard's advice codes (tabapay, solidgate). The sources
disagree on Visa's 14 (category 1 here, 3 in older lists) and on 03, 62, 78 and 93 (category 1 in older lists).

A rule that changes gets a further row with the date from which it holds; no row is ever taken away.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

TABLE_VERSION: Final = "2026-11-27"
"""Changes with every change of the rows, so that a decision can name the table it was made with."""

FIRST_DAY: Final = date.min
"""Of rows that hold as long as anybody knows."""

VISA_OF_OCTOBER_2026: Final = date(2026, 10, 25)
"""Visa's 57 becomes category 1 and 83 category 2 (tabapay's pages of September 2026)."""


class DeclineClass(StrEnum):
    """What kind of refusal a decline is."""

    HARD = "H"
    """This card will not work again here."""
    SOFT = "S"
    """Time may heal it."""
    TECHNICAL = "T"
    """A system on the way failed."""
    AUTHENTICATION = "A"
    """The cardholder must be authenticated first."""
    DATA = "D"
    """Something that was sent must be corrected first."""
    POLICY = "P"
    """The merchant, the PSP account or the law does not allow it."""


class Cascade(StrEnum):
    """How often a declined payment may move on to another PSP account because of one code."""

    NEVER = "NEVER"
    ONCE = "ONCE"
    ALWAYS = "ALWAYS"


class Follow(StrEnum):
    """What may follow a decline."""

    RETRY = "RETRY"
    """The same account, later."""
    CASCADE = "CASCADE"
    """Another account, now."""
    STEP_UP = "STEP_UP"
    """3-D Secure, then the same account."""
    STOP = "STOP"
    """Nothing."""


class Voice(StrEnum):
    """Whose word a row is about; what comes first here goes before what comes after it."""

    ADVICE = "advice code"
    """The network's advice to the merchant (Mastercard's Merchant Advice Code)."""
    NETWORK = "network code"
    """The network's response code (ISO 8583 field 39)."""
    CODE = "code"
    """Payera's normalised code."""


@dataclass(frozen=True, slots=True)
class Row:
    """What may follow one word, from ``effective_from`` (00:00 UTC) until a later row about the same word.

    ``brand`` is empty for a row about every brand; a brand's own row goes before it. ``visa_category`` is 0 where Visa
    has none. ``never_again`` tells that the network forbids any further try with this card by this merchant; with
    ``merchant_only`` of payments that the merchant starts, as the cardholder has ended an agreement and no more.
    """

    voice: Voice
    code: str
    decline_class: DeclineClass
    retry: bool = False
    cascade: Cascade = Cascade.NEVER
    step_up: bool = False
    brand: str = ""
    visa_category: int = 0
    never_again: bool = False
    merchant_only: bool = False
    effective_from: date = FIRST_DAY

    @property
    def follows(self) -> tuple[Follow, ...]:
        """Give what may follow, STOP when nothing may."""
        allowed = (
            (Follow.RETRY, self.retry),
            (Follow.CASCADE, self.cascade is not Cascade.NEVER),
            (Follow.STEP_UP, self.step_up),
        )
        return tuple(follow for follow, holds in allowed if holds) or (Follow.STOP,)


UNJUDGED: Final = Row(Voice.CODE, "", DeclineClass.SOFT)
"""The safe side for a word that nobody has judged yet: it stops."""

_H, _S, _T = DeclineClass.HARD, DeclineClass.SOFT, DeclineClass.TECHNICAL
_A, _D, _P = DeclineClass.AUTHENTICATION, DeclineClass.DATA, DeclineClass.POLICY
_ONCE, _ALWAYS = Cascade.ONCE, Cascade.ALWAYS

_STOPS: Final = (
    # The card can't be used any more, or the cardholder withdrew the consent.
    (_H, "account_not_found invalid_card_number restricted_card cardholder_blocked mandate_invalid"),
    (_H, "transaction_not_permitted blocked_by_risk do_not_retry token_unusable token_used customer_canceled"),
    # To be corrected by the shopper or by the merchant's own system.
    (_D, "invalid_expiry avs_mismatch incorrect_pin pin_tries_exceeded invalid_amount expired_card incorrect_cvc"),
    (_D, "cvc_required card_not_activated duplicate_transaction authorization_expired"),
    (_P, "legal_block"),
    (_A, "authentication_failed authentication_abandoned"),
    # Whether money is held is not known: it is settled, never retried.
    (_T, "psp_timeout connectors_timeout connectors_error"),
    # Taken back, as nobody could tell what had become of it, or found out by an operator: the shopper has left.
    (_T, "reversed_unknown not_charged"),
)
_NEVER_AGAIN: Final = "lost_card stolen_card pickup_card account_closed"
# The cardholder has stopped a payment by agreement, or all of them (Visa's R0, R1 and R3).
_ENDED_AGREEMENTS: Final = "payment_stopped recurring_revoked"

_CODES: Final = (
    # The fault is the acquirer's or the PSP's own; the issuer never judged the payment.
    Row(Voice.CODE, "merchant_configuration", _P, cascade=_ALWAYS),
    Row(Voice.CODE, "invalid_request", _P, cascade=_ALWAYS),
    Row(Voice.CODE, "currency_not_supported", _P, cascade=_ALWAYS),
    Row(Voice.CODE, "card_not_supported", _P, cascade=_ALWAYS),
    Row(Voice.CODE, "issuer_technical_error", _T, retry=True, cascade=_ALWAYS),
    Row(Voice.CODE, "issuer_unavailable", _T, retry=True, cascade=_ALWAYS),
    Row(Voice.CODE, "reenter_transaction", _T, retry=True, cascade=_ALWAYS),
    Row(Voice.CODE, "psp_unavailable", _T, retry=True, cascade=_ALWAYS),
    # A call that was not sent moves on whatever its code; a decline with this code is not for another account.
    Row(Voice.CODE, "connectors_unavailable", _T, retry=True),
    # The issuer refused without a reason; another acquirer may be judged otherwise, once.
    Row(Voice.CODE, "do_not_honor", _S, retry=True, cascade=_ONCE, step_up=True),
    Row(Voice.CODE, "generic_decline", _S, retry=True, cascade=_ONCE, step_up=True),
    Row(Voice.CODE, "issuer_not_found", _H, cascade=_ONCE),
    Row(Voice.CODE, "invalid_transaction", _H, cascade=_ONCE),
    # Time may heal it, at the same issuer.
    Row(Voice.CODE, "refer_to_issuer", _S, retry=True, step_up=True),
    Row(Voice.CODE, "policy_decline", _S, retry=True, step_up=True),
    Row(Voice.CODE, "lifecycle_decline", _S, retry=True),
    Row(Voice.CODE, "unknown_decline", _S, retry=True),
    Row(Voice.CODE, "insufficient_funds", _S, retry=True),
    Row(Voice.CODE, "amount_limit_exceeded", _S, retry=True),
    Row(Voice.CODE, "frequency_limit_exceeded", _S, retry=True),
    Row(Voice.CODE, "retry_limit_reached", _S, retry=True),
    # The issuer doubts who pays.
    Row(Voice.CODE, "issuer_suspected_fraud", _S, step_up=True),
    Row(Voice.CODE, "security_violation", _H, step_up=True),
    Row(Voice.CODE, "verification_failed", _D, step_up=True),
    Row(Voice.CODE, "authentication_required", _A, step_up=True),
    Row(Voice.CODE, "authentication_unavailable", _A, retry=True),
    *(Row(Voice.CODE, code, kind) for kind, codes in _STOPS for code in codes.split()),
    # No PSP says these of its own accord: where the network's code is missing, Visa's category 1 is behind them.
    *(Row(Voice.CODE, code, _H) for code in f"{_NEVER_AGAIN} {_ENDED_AGREEMENTS}".split()),
    *(Row(Voice.CODE, code, _H, brand="visa", visa_category=1, never_again=True) for code in _NEVER_AGAIN.split()),
    *(
        Row(Voice.CODE, code, _H, brand="visa", visa_category=1, never_again=True, merchant_only=True)
        for code in _ENDED_AGREEMENTS.split()
    ),
)

_NETWORK_CODES: Final = (
    Row(Voice.NETWORK, "01", _S, retry=True, step_up=True, visa_category=4),
    Row(Voice.NETWORK, "02", _S, retry=True, step_up=True, visa_category=4),
    Row(Voice.NETWORK, "03", _P, cascade=_ALWAYS, visa_category=2),
    Row(Voice.NETWORK, "05", _S, retry=True, cascade=_ONCE, step_up=True, visa_category=4),
    Row(Voice.NETWORK, "06", _T, retry=True, cascade=_ALWAYS, visa_category=4),
    Row(Voice.NETWORK, "12", _H, cascade=_ONCE),
    Row(Voice.NETWORK, "13", _D, visa_category=4),
    Row(Voice.NETWORK, "15", _H, cascade=_ONCE),
    Row(Voice.NETWORK, "19", _T, retry=True, cascade=_ALWAYS, visa_category=2),
    *(Row(Voice.NETWORK, code, _T, retry=True, cascade=_ALWAYS) for code in ("21", "25", "28", "92", "N0")),
    Row(Voice.NETWORK, "30", _P, cascade=_ALWAYS),
    *(Row(Voice.NETWORK, code, _H) for code in ("39", "52", "53")),
    Row(Voice.NETWORK, "51", _S, retry=True, visa_category=2),
    Row(Voice.NETWORK, "54", _D, visa_category=3),
    Row(Voice.NETWORK, "55", _D, visa_category=3),
    Row(Voice.NETWORK, "57", _H),
    Row(Voice.NETWORK, "58", _P, cascade=_ALWAYS, visa_category=4),
    Row(Voice.NETWORK, "59", _S, step_up=True, visa_category=2),
    Row(Voice.NETWORK, "61", _S, retry=True, visa_category=2),
    Row(Voice.NETWORK, "62", _H, visa_category=2),
    Row(Voice.NETWORK, "63", _H, step_up=True, visa_category=4),
    Row(Voice.NETWORK, "65", _S, retry=True, visa_category=2),
    Row(Voice.NETWORK, "65", _A, step_up=True, brand="mastercard"),
    Row(Voice.NETWORK, "70", _A, step_up=True),
    Row(Voice.NETWORK, "75", _D, visa_category=2),
    Row(Voice.NETWORK, "78", _D, visa_category=2),
    Row(Voice.NETWORK, "79", _S, retry=True),
    Row(Voice.NETWORK, "82", _S, retry=True, step_up=True),
    Row(Voice.NETWORK, "82", _D, brand="visa", visa_category=3),
    Row(Voice.NETWORK, "83", _S, step_up=True),
    Row(Voice.NETWORK, "83", _S, step_up=True, brand="visa", visa_category=4),
    Row(Voice.NETWORK, "83", _S, step_up=True, brand="visa", visa_category=2, effective_from=VISA_OF_OCTOBER_2026),
    Row(Voice.NETWORK, "86", _D, visa_category=2),
    Row(Voice.NETWORK, "91", _T, retry=True, cascade=_ALWAYS, visa_category=2),
    Row(Voice.NETWORK, "93", _P, visa_category=2),
    Row(Voice.NETWORK, "94", _D),
    Row(Voice.NETWORK, "96", _T, retry=True, cascade=_ALWAYS, visa_category=2),
    Row(Voice.NETWORK, "1A", _A, step_up=True, visa_category=3),
    Row(Voice.NETWORK, "5C", _H, visa_category=2),
    Row(Voice.NETWORK, "6P", _D, step_up=True, visa_category=3),
    Row(Voice.NETWORK, "9G", _H, visa_category=2),
    Row(Voice.NETWORK, "N3", _S, retry=True, visa_category=2),
    Row(Voice.NETWORK, "N4", _S, retry=True, visa_category=2),
    Row(Voice.NETWORK, "N7", _D, visa_category=3),
    Row(Voice.NETWORK, "57", _H, brand="visa", visa_category=4),
    Row(
        Voice.NETWORK,
        "57",
        _H,
        brand="visa",
        visa_category=1,
        never_again=True,
        effective_from=VISA_OF_OCTOBER_2026,
    ),
    *(Row(Voice.NETWORK, code, _H) for code in ("04", "07", "14", "41", "43", "46", "R0", "R1", "R3")),
    *(
        Row(Voice.NETWORK, code, _H, brand="visa", visa_category=1, never_again=True)
        for code in ("04", "07", "12", "14", "15", "41", "43", "46")
    ),
    *(
        Row(Voice.NETWORK, code, _H, brand="visa", visa_category=1, never_again=True, merchant_only=True)
        for code in ("R0", "R1", "R3")
    ),
)

_ADVICE_CODES: Final = (
    # New data is out: the account updater's, or the shopper's.
    Row(Voice.ADVICE, "01", _D, brand="mastercard"),
    # Can't approve now; again after 72 hours at the earliest (solidgate).
    Row(Voice.ADVICE, "02", _S, retry=True, brand="mastercard"),
    Row(Voice.ADVICE, "03", _H, brand="mastercard", never_again=True),
    # This kind of token is not supported; Payera sends card numbers, so the PSP has to change what it sends.
    Row(Voice.ADVICE, "04", _D, brand="mastercard"),
    # Payments by agreement are ended; what the cardholder buys themselves is not meant.
    Row(Voice.ADVICE, "21", _H, brand="mastercard", never_again=True, merchant_only=True),
    # Again after 1 hour, 24 hours, 2, 4, 6, 8 and 10 days.
    *(
        Row(Voice.ADVICE, code, _S, retry=True, brand="mastercard")
        for code in ("24", "25", "26", "27", "28", "29", "30")
    ),
    # The same in the words of PSPs that translate it.
    Row(Voice.ADVICE, "do_not_try_again", _H),
)

TABLE: Final = (*_ADVICE_CODES, *_NETWORK_CODES, *_CODES)
"""All rows. `cascade_policy.row_for` tells which one holds."""
