"""How an attempt is settled that waits for the shopper, such as for a challenge of 3-D Secure.

While the shopper's time lasts, the PSP is asked and nothing else: the payment never goes to another PSP, as the shopper
may still authenticate at this one. Afterwards, or when the shopper can't be sent anywhere, the PSP is told to cancel
where it does that, and is asked again: only its word that nothing is held ends the attempt.
"""

from dataclasses import dataclass, replace
from typing import Final

from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import Attempt, AttemptStatus, CancelStatus, Payment, PaymentStatus
from gateway_svc.domain.resolution import Ask, Await, Means, Review, Situation

SHOPPER_SECONDS: Final = 1800
"""How long a shopper has, when nothing else is set."""

SHOPPER_SECONDS_MAX: Final = 86_400

# Waits before each ask while the shopper acts; the last one is repeated. Mostly a webhook is quicker. A shopper who is
# back at the shop waits for this, so that it is short while most are back, and long for those who hardly will be.
ACTING_ASK_DELAYS_MS: Final = (*(5_000,) * 8, *(10_000,) * 8, *(30_000,) * 4, *(60_000,) * 26, 1_800_000)

# Waits before each ask afterwards: the first right after the shopper's time and after each cancelling.
LATE_ASK_DELAYS_MS: Final = (1_000, 2_000, 5_000, 30_000, 120_000, 600_000, 3_600_000, 21_600_000)

# Waits before each time that the PSP is told to cancel.
CANCEL_DELAYS_MS: Final = (0, 5_000, 30_000, 120_000, 600_000, 3_600_000)

LONGEST_WAIT_MS: Final = 6 * 3_600_000

# PSPs end what no shopper completes within a day or so.
LATE_PATIENCE_SECONDS: Final = 3 * 86_400

ABANDONED: Final = "authentication_abandoned"
REQUIRED: Final = "authentication_required"

CODES_OF_AN_END: Final = frozenset({"", "customer_canceled", "authorization_expired", "unknown_decline"})
"""What a PSP says of an attempt that was cancelled or ran out, when it does not say more."""

CANCELLED: Final = frozenset({CancelStatus.SENT, CancelStatus.DONE})


@dataclass(frozen=True, slots=True)
class EndAction:
    """The shopper's time is over: record that, so that nobody is sent there any more."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """After ``delay_ms``, tell the PSP to cancel the attempt, and record what it made of that."""

    delay_ms: int


def can_act(payment: Payment, outcome: Outcome) -> bool:
    """Tell whether the shopper can be sent to the PSP, and be sent back."""
    return bool(payment.return_url) and outcome.next_action is not None and bool(outcome.next_action.url)


def is_cancelled(attempt: Attempt) -> bool:
    """Tell whether the PSP may have cancelled the attempt, or may still do so: an approval is not believed then.

    Once it has clearly refused to cancel, it is believed again.
    """
    return attempt.status is AttemptStatus.ACTION_REQUIRED and attempt.cancel in CANCELLED


def told_of_end(payment: Payment, attempt: Attempt, outcome: Outcome) -> Outcome:
    """Give a decline with the code that says why the attempt ended, where it waited for the shopper.

    A PSP only knows that it was cancelled or has expired. That the shopper cancelled there stays what it is.
    """
    if attempt.status is not AttemptStatus.ACTION_REQUIRED or outcome.code not in CODES_OF_AN_END:
        return outcome
    if attempt.cancel is CancelStatus.NONE and outcome.code != "authorization_expired":
        return outcome
    return replace(outcome, code=ABANDONED if payment.return_url else REQUIRED)


def next_action_resolution(
    payment: Payment, attempt: Attempt, means: Means
) -> EndAction | Ask | Cancel | Await | Review:
    """Choose how to go on with an attempt that waits for the shopper; the payment's status tells which part it is."""
    situation = Situation(
        asks=attempt.asks - attempt.asks_before,
        not_founds=attempt.not_founds,
        age_seconds=attempt.age_seconds,
        settling_seconds=attempt.settling_seconds,
        psp_reference=attempt.psp_reference,
        payment_psp_reference=attempt.psp_reference,
    )
    if payment.status is PaymentStatus.REQUIRES_ACTION:
        return _while_acting(situation, means, payment.action_left_seconds * 1000)
    return _afterwards(situation, attempt, means)


def cancel_status_of(attempt: Attempt, outcome: Outcome) -> CancelStatus:
    """Say what a PSP's answer to the cancelling means; anything but a clear one leaves it SENT.

    ``attempt`` is as recorded before this cancelling. A refusal, or a call that was not sent, says nothing of an
    earlier one that is not answered: that one may be why this one is refused, and may be done yet.
    """
    if outcome.kind is OutcomeKind.APPROVED:
        return CancelStatus.DONE
    alone = attempt.cancel is not CancelStatus.SENT
    undone = outcome.kind in {OutcomeKind.DECLINED, OutcomeKind.NOT_SENT}
    return CancelStatus.REFUSED if undone and alone else CancelStatus.SENT


def _while_acting(situation: Situation, means: Means, left_ms: int) -> EndAction | Ask | Await:
    if left_ms <= 0:
        return EndAction()
    if means.can_ask(situation):
        delay_ms = ACTING_ASK_DELAYS_MS[min(max(situation.asks, 0), len(ACTING_ASK_DELAYS_MS) - 1)]
        return Ask(min(delay_ms, left_ms))
    return Await(left_ms)


def _afterwards(situation: Situation, attempt: Attempt, means: Means) -> Ask | Cancel | Await | Review:
    left_ms = (LATE_PATIENCE_SECONDS - situation.waited_seconds) * 1000
    if left_ms <= 0:
        return Review()
    cancels = means.cancel and bool(attempt.psp_reference) and attempt.cancel is not CancelStatus.DONE
    cancels = cancels and attempt.cancels < len(CANCEL_DELAYS_MS)
    # It is asked first, and after each cancelling: nothing else tells whether anything is held.
    if means.can_ask(situation) and not (cancels and attempt.late_asks > attempt.cancels):
        return Ask(LATE_ASK_DELAYS_MS[min(attempt.late_asks, len(LATE_ASK_DELAYS_MS) - 1)])
    if cancels:
        return Cancel(CANCEL_DELAYS_MS[attempt.cancels])
    return Await(min(LONGEST_WAIT_MS, left_ms)) if means.webhook else Review()
