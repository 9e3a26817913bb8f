"""Where a payment goes and why, as the router has decided: what is tried, what is recorded, what is explained later."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from gateway_svc.domain.payment import Candidate, ThreeDsPreference

CANDIDATES_MAX: Final = 100
"""So many accounts of a decision are recorded, those that may be tried first."""

REASON_LENGTH_MAX: Final = 300
"""Longer reasons are cut when they are recorded."""


class StepUp(StrEnum):
    """What the merchant's rule says of 3-D Secure."""

    UNSET = "UNSET"
    REQUIRE = "REQUIRE"
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True)
class RoutedAccount:
    """An account that was considered; without ``eligible``, the reason tells why it is not used.

    ``approval_ppm`` is the estimated chance of approval in millionths, ``fee`` the expected fee in minor units of the
    payment's currency; None when they were not looked at. ``explored`` tells that it stands where it stands so that
    more is learnt of it.
    """

    account: str
    eligible: bool
    reason: str
    approval_ppm: int | None = None
    fee: int | None = None
    explored: bool = False


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """A decision: the eligible accounts in the order to be tried, then the others.

    ``list_version`` and ``ruleset_version`` are 0 without a list or ruleset of the merchant's own, ``rule`` is empty
    when none held. ``blocked`` is the rule's reason when the payment is sent nowhere. ``unheld_rules`` failed when they
    were asked. ``left_out`` counts accounts that were considered and not recorded.
    """

    candidates: tuple[RoutedAccount, ...]
    list_version: int = 0
    ruleset_version: int = 0
    rule: str = ""
    step_up: StepUp = StepUp.UNSET
    blocked: str = ""
    unheld_rules: tuple[str, ...] = ()
    learning_current: bool = False
    left_out: int = 0

    def to_try(self) -> tuple[Candidate, ...]:
        """Give the accounts to try, best first."""
        return tuple(Candidate(each.account, each.reason) for each in self.candidates if each.eligible)

    def without(self, reasons: Mapping[str, str]) -> "RouteDecision":
        """Give the decision with these accounts not used, for these reasons; they come after those that are."""
        used = [each for each in self.candidates if each.eligible and each.account not in reasons]
        taken_out = [
            replace(each, eligible=False, reason=reasons[each.account])
            for each in self.candidates
            if each.eligible and each.account in reasons
        ]
        others = [each for each in self.candidates if not each.eligible]
        return replace(self, candidates=(*used, *taken_out, *others))

    def recorded(self) -> "RouteDecision":
        """Give the decision as it is recorded: within bounds, with the number of accounts that were left out."""
        kept = self.candidates[:CANDIDATES_MAX]
        return replace(
            self,
            candidates=tuple(replace(each, reason=each.reason[:REASON_LENGTH_MAX]) for each in kept),
            left_out=self.left_out + len(self.candidates) - len(kept),
        )


def preference_of(step_up: StepUp, *, may_challenge: bool = True) -> ThreeDsPreference:
    """Give what the PSP's own 3-D Secure is to do for a payment.

    ``may_challenge`` is false when nobody is there to be challenged, or the shopper was authenticated elsewhere.
    """
    preference = _PREFERENCES[step_up]
    if preference is ThreeDsPreference.CHALLENGE and not may_challenge:
        return ThreeDsPreference.AUTOMATIC
    return preference


_PREFERENCES: Final = {
    StepUp.UNSET: ThreeDsPreference.AUTOMATIC,
    StepUp.REQUIRE: ThreeDsPreference.CHALLENGE,
    StepUp.SKIP: ThreeDsPreference.SKIP,
}
