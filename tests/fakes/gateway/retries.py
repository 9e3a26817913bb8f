"""The networks' rules about retries over histories in memory, as the stored procedures apply them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway_svc.domain.cascade_policy import POLICY, Decline, Table
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.retry_governor import (
    LIMITS,
    CardHistory,
    CountedAttempt,
    RetryLimit,
    after_approval,
    after_decline,
    after_not_sent,
    is_reattempt,
    limits_of,
    refusal_of,
)


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt of a card: whose, at which amount, begun when (microseconds), at which PSP account."""

    merchant_id: str
    card_key: str
    brand: str
    attempt_id: str
    amount: int
    currency: str
    begun_us: int
    account: str = ""
    by_merchant: bool = False

    @property
    def card(self) -> tuple[str, str]:
        """Give what its history is kept by."""
        return (self.merchant_id, self.card_key)


@dataclass
class Retries:
    """Histories by merchant and card; only cards that were declined have one."""

    limits: Sequence[RetryLimit] = LIMITS
    table: Table = field(default_factory=lambda: POLICY)
    histories: dict[tuple[str, str], CardHistory] = field(default_factory=dict)

    def begin(self, tried: Tried) -> str:
        """Let an attempt begin, or give the code that forbids it; one that counts from its begin on is noted."""
        history = self.histories.get(tried.card)
        if history is None:
            return ""
        refusal = refusal_of(
            history,
            brand=tried.brand,
            amount=tried.amount,
            currency=tried.currency,
            now_us=tried.begun_us,
            by_merchant=tried.by_merchant,
            limits=self.limits,
            table=self.table,
        )
        if not refusal and is_reattempt(history, tried.begun_us):
            counted = CountedAttempt(tried.begun_us, tried.amount, tried.currency, reattempt=True)
            attempts = {**history.attempts, tried.attempt_id: counted}
            self.histories[tried.card] = CardHistory(attempts, history.declined_us, history.approved_us, history.stops)
        return refusal

    def end(self, tried: Tried, status: str, decline: Decline, now_us: int) -> None:
        """Note what an attempt that has ended means for later tries of its card."""
        history = self.histories.get(tried.card)
        if status == "DECLINED" and limits_of(tried.brand, now_us, self.limits):
            counted = CountedAttempt(tried.begun_us, tried.amount, tried.currency, reattempt=False)
            self.histories[tried.card] = after_decline(
                history or CardHistory(), tried.attempt_id, counted, decline, now_us, self.table
            )
        elif status == "APPROVED" and history is not None:
            self.histories[tried.card] = after_approval(history, tried.attempt_id, now_us)
        elif status == "NOT_SENT" and history is not None:
            self.histories[tried.card] = after_not_sent(history, tried.attempt_id)


def tried_of(payment: Mapping[str, Any], card_key: str, ordinal: int, begun_us: int) -> Tried:
    """Give an attempt of a payment view as the rules count it."""
    return Tried(
        payment["merchant_id"],
        card_key,
        str(payment["card"].get("brand") or ""),
        f"{payment['id']}_{ordinal}",
        payment["amount"],
        payment["currency"],
        begun_us,
        by_merchant=(payment["stored_credential"] or {}).get("initiator") == "MERCHANT",
    )


def said_of(verdict: AttemptVerdict, brand: str) -> Decline:
    """Give what was said when an attempt was declined."""
    details = verdict.details
    return Decline(verdict.code, details.get("network_code", ""), details.get("advice_code", ""), brand)
