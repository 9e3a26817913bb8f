"""How often a declined card may be tried again, by the networks' rules, at all PSPs together.

The counting rule. Attempts are counted per merchant and card (the vault's lasting fingerprint), whichever PSP they went
to; one that was not sent counts nowhere, one whose outcome is not known counts.

- Visa: 20 reattempts in 30 days (15 before 2025-05-25: cielo changelog; Visa Core Rules 2026-04-18, table 7-2). A
  reattempt is an attempt that was begun when a decline of the card was known that no approval had followed. So a first
  try after an approval is none, and an approval starts the count anew: the networks count consecutive declines (tabapay
  "excessive retry rules", dintero "the quota will reset"). Visa names the same transaction; here every amount counts.
- Mastercard: 10 attempts in 24 hours, and 35 of one amount in 30 days (Transaction Processing Excellence: tabapay,
  dintero, retries.com). First tries that were declined count too, and an approval in between changes nothing: not all
  sources let it, so the stricter reading holds.
- Attempts that were under way together before the first decline was known can't be held back. Each counts from its
  decline on.
- Never again: after a decline of which `cascade_table` says so (Visa's category 1, Mastercard's advice 03 and 21), the
  card is not tried again for this merchant, as long as the table says so for that word. Visa's R0, R1 and R3 and
  Mastercard's 21 end agreements: after them only payments that the merchant starts are not tried. Whoever started the
  declined one, the word is about the agreement.

In production the procedures `gateway.retry_refusal` and `gateway.note_retry` apply the same rules under the lock of the
card's row, with data generated from here. The functions are what they are held against, and what the simulator plays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final

from gateway_svc.domain.cascade_policy import POLICY, Decline, Table, day_of, row_for
from gateway_svc.domain.cascade_table import FIRST_DAY

RETRY_LIMIT_REACHED: Final = "retry_limit_reached"
"""The code of a payment that no PSP saw, as the card was tried as often as its network allows."""

DO_NOT_RETRY: Final = "do_not_retry"
"""The code of a payment that no PSP saw, as the card's network forbids to try it ever again."""


@dataclass(frozen=True, slots=True)
class RetryLimit:
    """At most ``attempts`` of a card at one merchant within ``window``, from ``effective_from`` (00:00 UTC).

    ``same_amount`` counts those of the same amount and currency only, ``reattempts_only`` leaves out first tries, and
    ``since_approval`` leaves out what was begun before the card's last approval.
    """

    brand: str
    attempts: int
    window: timedelta
    same_amount: bool = False
    reattempts_only: bool = False
    since_approval: bool = False
    effective_from: date = FIRST_DAY


_DAY: Final = timedelta(days=1)
_MONTH: Final = timedelta(days=30)

LIMITS: Final = (
    RetryLimit("visa", 15, _MONTH, reattempts_only=True, since_approval=True),
    RetryLimit("visa", 20, _MONTH, reattempts_only=True, since_approval=True, effective_from=date(2025, 5, 25)),
    RetryLimit("mastercard", 10, _DAY),
    RetryLimit("mastercard", 35, _MONTH, same_amount=True),
)

LONGEST_WINDOW: Final = max(limit.window for limit in LIMITS)
"""What is older counts nowhere and may be forgotten."""


@dataclass(frozen=True, slots=True)
class CountedAttempt:
    """An attempt that counts: a reattempt, or a first try that was declined. Times in microseconds since the epoch."""

    begun_us: int
    amount: int
    currency: str
    reattempt: bool


@dataclass(frozen=True, slots=True)
class CardHistory:
    """What is recorded of one card of one merchant: the attempts that count, by their ids.

    ``declined_us`` is the last decline that no approval has followed, None when there is none, ``approved_us`` the last
    approval. ``stops`` has the declines after which a network forbade any further try, each with its moment.
    """

    attempts: Mapping[str, CountedAttempt] = field(default_factory=dict)
    declined_us: int | None = None
    approved_us: int | None = None
    stops: Sequence[tuple[Decline, int]] = field(default=())


def limits_of(brand: str, now_us: int, limits: Sequence[RetryLimit] = LIMITS) -> tuple[RetryLimit, ...]:
    """Give the limits of a brand that hold at a moment: of each kind the newest."""
    day = day_of(now_us)
    newest: dict[tuple[timedelta, bool], RetryLimit] = {}
    for limit in sorted(limits, key=lambda each: each.effective_from):
        if limit.brand == brand and limit.effective_from <= day:
            newest[limit.window, limit.same_amount] = limit
    return tuple(newest.values())


def is_reattempt(history: CardHistory, now_us: int) -> bool:
    """Tell whether an attempt that begins now is a reattempt, see the counting rule."""
    return history.declined_us is not None and history.declined_us > now_us - _micros(LONGEST_WINDOW)


def is_never_again(decline: Decline, moment_us: int, table: Table = POLICY, *, by_merchant: bool = True) -> bool:
    """Tell whether the card's network forbids any further try after a decline, by the row of a moment.

    ``by_merchant`` asks for tries that the merchant starts, of which more is forbidden than of the shopper's.
    """
    row = row_for(decline, moment_us, table)
    return row.never_again and (by_merchant or not row.merchant_only)


def refusal_of(
    history: CardHistory,
    *,
    brand: str,
    amount: int,
    currency: str,
    now_us: int,
    by_merchant: bool = False,
    limits: Sequence[RetryLimit] = LIMITS,
    table: Table = POLICY,
) -> str:
    """Give the code with which an attempt that would begin now is refused, empty when it may begin.

    ``by_merchant`` tells that the merchant starts the payment.

    A word that was no "never again" when it was said does not become one by a later row: no network's rule looks back.
    """
    for decline, declined_us in history.stops:
        moments = (declined_us, now_us)
        if all(is_never_again(decline, moment, table, by_merchant=by_merchant) for moment in moments):
            return DO_NOT_RETRY
    again = is_reattempt(history, now_us)
    for limit in limits_of(brand, now_us, limits):
        if limit.reattempts_only and not again:
            continue
        if _count(history, limit, amount, currency, now_us) >= limit.attempts:
            return RETRY_LIMIT_REACHED
    return ""


def after_approval(history: CardHistory, attempt_id: str, now_us: int) -> CardHistory:
    """Give the history after an attempt was approved: it does not count, and no decline is open."""
    left = {key: attempt for key, attempt in history.attempts.items() if key != attempt_id}
    return replace(history, attempts=left, declined_us=None, approved_us=now_us)


def after_decline(
    history: CardHistory,
    attempt_id: str,
    attempt: CountedAttempt,
    decline: Decline,
    now_us: int,
    table: Table = POLICY,
) -> CardHistory:
    """Give the history after an attempt was declined: a first try counts from now on, a reattempt did already."""
    attempts = {attempt_id: attempt, **history.attempts}
    stops = [*history.stops, (decline, now_us)] if is_never_again(decline, now_us, table) else history.stops
    return replace(history, attempts=attempts, declined_us=now_us, stops=stops)


def after_not_sent(history: CardHistory, attempt_id: str) -> CardHistory:
    """Give the history after an attempt turned out to have been sent to nobody: it counts nowhere."""
    left = {key: attempt for key, attempt in history.attempts.items() if key != attempt_id}
    return replace(history, attempts=left)


def _count(history: CardHistory, limit: RetryLimit, amount: int, currency: str, now_us: int) -> int:
    since = now_us - _micros(limit.window)
    if limit.since_approval and history.approved_us is not None:
        since = max(since, history.approved_us)
    return sum(
        attempt.begun_us > since
        and (attempt.reattempt or not limit.reattempts_only)
        and (not limit.same_amount or (attempt.amount, attempt.currency) == (amount, currency))
        for attempt in history.attempts.values()
    )


def _micros(window: timedelta) -> int:
    return window // timedelta(microseconds=1)
