"""The card networks as the simulator sees them: they count what was begun and look at nobody else's books.

An account of its own of the rules, from the moves of the record alone: what was known when an attempt was begun.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from gateway_svc.domain.cascade_policy import MAX_CASCADE_SECONDS, Decline, row_for
from gateway_svc.domain.cascade_table import Cascade
from gateway_svc.domain.payment import AttemptStatus
from gateway_svc.domain.retry_governor import RetryLimit
from tests.simulator.record import EPOCH_US, Move, Row

_MONTH = timedelta(days=30)

# The networks' rules with small numbers, so that a world of minutes meets them.
LIMITS = (
    RetryLimit("visa", 3, _MONTH, reattempts_only=True, since_approval=True),
    RetryLimit("mastercard", 3, timedelta(days=1)),
    RetryLimit("mastercard", 5, _MONTH, same_amount=True),
)
MONTH_MS = 30 * 86_400_000
DAY_MS = 86_400_000
VISA_REATTEMPTS = 3
MASTERCARD_A_DAY = 3
MASTERCARD_OF_ONE_AMOUNT = 5
FORBIDDEN = {("visa", "43"), ("mastercard", "03")}
# After these the merchant may start no payment any more; the shopper may.
AGREEMENT_ENDED = {("mastercard", "21")}


@dataclass(slots=True)
class Told:
    """What a network knows of one attempt."""

    brand: str
    amount: int
    begun_ms: int
    again: bool
    status: AttemptStatus | None = None


@dataclass(slots=True)
class NetworkCard:
    """One card as its network sees it."""

    attempts: dict[str, Told] = field(default_factory=dict)
    declined_ms: int | None = None
    approved_ms: int = -1
    forbidden: str = ""
    ended: str = ""


@dataclass(slots=True)
class Networks:
    """Follows the moves of a record, and tells what breaks a rule."""

    cards: dict[str, NetworkCard] = field(default_factory=dict)
    seen: int = 0

    def follow(self, moves: Sequence[Move], rows: dict[str, Row]) -> str:
        """Take in the new moves; give the first rule that one of them breaks, empty when none does."""
        broken = ""
        while self.seen < len(moves):
            move = moves[self.seen]
            self.seen += 1
            row = rows[move.payment_id]
            card = self.cards.setdefault(row.card, NetworkCard())
            if move.status is None:
                broken = broken or _broken_by(card, move, row) or _wrong_cascade(move, row)
                again = card.declined_ms is not None and move.at_ms - card.declined_ms < MONTH_MS
                card.attempts[move.attempt_id] = Told(row.payment.brand, row.payment.amount, move.at_ms, again)
            else:
                _take_end(card, move, row)
        return broken


def _take_end(card: NetworkCard, move: Move, row: Row) -> None:
    card.attempts[move.attempt_id].status = move.status
    if move.status is AttemptStatus.APPROVED:
        card.declined_ms, card.approved_ms = None, move.at_ms
    elif move.status is AttemptStatus.DECLINED:
        card.declined_ms = move.at_ms
        brand, decline = row.payment.brand, move.decline
        word = decline.advice_code if brand == "mastercard" else decline.network_code or _code_of(decline.code)
        if (brand, word) in FORBIDDEN:
            card.forbidden = word
        if (brand, word) in AGREEMENT_ENDED:
            card.ended = word


def _code_of(code: str) -> str:
    return "43" if code == "stolen_card" else ""


def _broken_by(card: NetworkCard, move: Move, row: Row) -> str:
    """Tell which of the networks' rules an attempt breaks that begins now."""
    name, brand = f"{move.attempt_id} with {row.card}", row.payment.brand
    if card.forbidden:
        return f"I8: {name} was begun after {card.forbidden}"
    if card.ended and row.by_merchant:
        return f"I8: {name} was begun by the merchant after {card.ended}"
    sent = [each for each in card.attempts.values() if each.status is not AttemptStatus.NOT_SENT]
    again = card.declined_ms is not None and move.at_ms - card.declined_ms < MONTH_MS
    if brand == "visa" and again:
        counted = [
            each
            for each in sent
            if each.again and move.at_ms - each.begun_ms < MONTH_MS and each.begun_ms > card.approved_ms
        ]
        if len(counted) >= VISA_REATTEMPTS:
            return f"I8: {name} is reattempt {len(counted) + 1}"
    if brand == "mastercard":
        # First tries that are still under way are not known to count.
        known = [each for each in sent if each.again or each.status is AttemptStatus.DECLINED]
        tries = [each for each in known if each.status is not AttemptStatus.APPROVED]
        day = [each for each in tries if move.at_ms - each.begun_ms < DAY_MS]
        month = [each for each in tries if move.at_ms - each.begun_ms < MONTH_MS and each.amount == row.payment.amount]
        if len(day) >= MASTERCARD_A_DAY:
            return f"I8: {name} is attempt {len(day) + 1} of a day"
        if len(month) >= MASTERCARD_OF_ONE_AMOUNT:
            return f"I8: {name} is attempt {len(month) + 1} of one amount"
    return ""


def _wrong_cascade(move: Move, row: Row) -> str:
    """Tell whether an attempt follows one that it may not follow, by the policy, the merchant or the time."""
    if move.ordinal == 1:
        return ""
    payment = row.payment
    before = next(attempt for attempt in payment.attempts if attempt.ordinal == move.ordinal - 1)
    if move.at_ms - row.created_ms > MAX_CASCADE_SECONDS * 1000:
        return f"I13: {move.attempt_id} was begun too late"
    if before.status is AttemptStatus.NOT_SENT:
        return ""
    decline = Decline(before.code, before.network_code, before.advice_code, payment.brand)
    judged = row_for(decline, EPOCH_US)
    allowed = before.status is AttemptStatus.DECLINED and judged.cascade is not Cascade.NEVER
    narrowed = not payment.cascade.allows(decline, judged) or payment.cascade.max_attempts < move.ordinal
    return "" if allowed and not narrowed else f"I13: {move.attempt_id} follows {decline}"
