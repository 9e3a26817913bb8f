"""How an authorization is taken back of which nobody could tell what became of it, by our own reference of it.

Once a reversal was begun, the PSP may have released the authorization: an approval is kept, and believed only when it
is known that no reversal has done anything. The PSP's word that it has released it ends the attempt.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import Attempt, ReversalStatus

REVERSED_CODE: Final = "reversed_unknown"
"""The code of an attempt that was taken back, as nobody could tell what had become of it; no PSP gives it."""


class ReversalTold(StrEnum):
    """What a PSP says of a reversal."""

    CONFIRMED = "CONFIRMED"  # the authorization is released, and holds no money from then on
    REFUSED = "REFUSED"  # this reversal released nothing
    ACKNOWLEDGED = "ACKNOWLEDGED"  # a webhook tells
    UNCLEAR = "UNCLEAR"


@dataclass(frozen=True, slots=True)
class ReversalVerdict:
    """What an outcome makes of a reversal; ``moves_on`` tells that the payment goes on to another account if confirmed.

    ``psp_reference`` is that of the authorization where the PSP names it, never empty for a confirmation.
    """

    told: ReversalTold
    moves_on: bool = False
    code: str = ""
    raw_code: str = ""
    psp_reference: str = ""


_TOLD: Final = {
    OutcomeKind.DECLINED: ReversalTold.REFUSED,
    OutcomeKind.PENDING: ReversalTold.ACKNOWLEDGED,
}


def told_by_outcome(outcome: Outcome) -> ReversalTold:
    """Read the answer to a reversal, or what its webhook says; a confirmation without any id is none."""
    if outcome.kind is OutcomeKind.APPROVED and outcome.psp_reference:
        return ReversalTold.CONFIRMED
    return _TOLD.get(outcome.kind, ReversalTold.UNCLEAR)


def believes_approval(attempt: Attempt) -> bool:
    """Tell whether an approval of the attempt stands, as no reversal can have released what was approved.

    Of several reversals one may have been done and the others refused for that very reason.
    """
    return attempt.reversals == 0 or (attempt.reversals == 1 and attempt.reversal is ReversalStatus.REFUSED)


def is_taken_back(attempt: Attempt, psp_reference: str) -> bool:
    """Tell whether an approval with this id of the PSP is older news than the reversal that ended the attempt."""
    return attempt.code == REVERSED_CODE and bool(psp_reference) and attempt.psp_reference == psp_reference
