"""The rules every connector's outcome must pass, so that no single connector's mistake can lose or double money."""

import re
from dataclasses import replace
from typing import Final

from mesh.money import LARGEST_AMOUNT
from psp_connectors.domain.cards import CardSummary
from psp_connectors.domain.operations import CardOperation, Operation, Reversal, Sync, Void, amount_of
from psp_connectors.domain.outcomes import CallCode, Outcome, OutcomeKind, unknown

LONGEST_REFERENCE: Final = 128
LONGEST_RAW_CODE: Final = 64

LAST_MONTH: Final = 12
LAST_YEAR: Final = 9999

_VISIBLE: Final = re.compile(r"[\x21-\x7e]*\Z")
_NO_DIGIT: Final = re.compile(r"[^0-9]")
_BRAND: Final = re.compile(r"[a-z_]{0,32}\Z")
_LAST4: Final = re.compile(r"([0-9]{4})?\Z")
_BIN: Final = re.compile(r"([0-9]{6})?\Z")


def settle(operation: Operation, outcome: Outcome) -> Outcome:
    """Give the outcome as it may leave the service.

    Anything that contradicts the question becomes UNKNOWN; texts of the PSP that are too long, unprintable or hold
    the card number are dropped (a reference of that kind makes the outcome UNKNOWN, since it could not be used).
    """
    contradiction = _contradiction(operation, outcome)
    if contradiction is not None:
        return contradiction

    def clean(text: str, longest: int = LONGEST_RAW_CODE) -> str:
        return text if _is_clean(operation, text, longest) else ""

    return replace(
        outcome,
        raw_code=clean(outcome.raw_code),
        network_code=clean(outcome.network_code),
        advice_code=clean(outcome.advice_code),
        network_transaction_id=clean(outcome.network_transaction_id, LONGEST_REFERENCE),
        card=_shown_card(operation, outcome.card),
    )


def _contradiction(operation: Operation, outcome: Outcome) -> Outcome | None:
    refused: tuple[CallCode, str] | None = None
    if outcome.kind is OutcomeKind.NOT_SENT:
        refused = CallCode.CONTRADICTORY_ANSWER, "an answer cannot mean that nothing was sent"
    elif outcome.kind is OutcomeKind.NOT_FOUND and not isinstance(operation, Sync):
        refused = CallCode.CONTRADICTORY_ANSWER, "only a sync can find nothing"
    elif not _is_clean(operation, outcome.psp_reference, LONGEST_REFERENCE):
        refused = CallCode.UNREADABLE_ANSWER, "the PSP's reference is not usable"
    elif not 0 <= outcome.amount <= LARGEST_AMOUNT or not 0 <= outcome.captured_amount <= LARGEST_AMOUNT:
        refused = CallCode.AMOUNT_MISMATCH, "the PSP names an amount that cannot be"
    elif outcome.kind is OutcomeKind.APPROVED and not outcome.psp_reference:
        refused = CallCode.UNREADABLE_ANSWER, "approved without a PSP reference"
    elif outcome.kind is OutcomeKind.APPROVED and _is_other_amount(operation, outcome.amount):
        refused = CallCode.AMOUNT_MISMATCH, "the PSP acted on another amount"
    return unknown(*refused) if refused is not None else None


def _is_other_amount(operation: Operation, amount: int) -> bool:
    if isinstance(operation, Void | Reversal):
        return False
    asked = amount_of(operation)
    return asked is not None and asked.value != amount


def _is_clean(operation: Operation, text: str, longest: int) -> bool:
    if len(text) > longest or _VISIBLE.match(text) is None:
        return False
    # A PSP may group the digits when it repeats them.
    return not (isinstance(operation, CardOperation) and operation.card.number.reveal() in _NO_DIGIT.sub("", text))


def _shown_card(operation: Operation, card: CardSummary | None) -> CardSummary | None:
    """Give the vault's own summary where there is one, else the PSP's as long as it is nothing but a summary."""
    if isinstance(operation, CardOperation):
        return operation.card.summary
    if card is None:
        return None
    fits = (
        _BRAND.match(card.brand)
        and _LAST4.match(card.last4)
        and _BIN.match(card.bin)
        and 0 <= card.exp_month <= LAST_MONTH
        and 0 <= card.exp_year <= LAST_YEAR
    )
    return card if fits else None
