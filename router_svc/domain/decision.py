"""Where a payment goes and why: what the router answers, what is stored with each attempt, what is explained later."""

from dataclasses import dataclass

from router_svc.domain.ruleset import StepUp


@dataclass(frozen=True, slots=True)
class Scored:
    """An account that was considered, best first; those that may not be used come last with `eligible` False.

    `approval_ppm` is the estimated chance of approval in millionths and `fee` the expected fee in minor units of the
    payment's currency; both None when they were not looked at. `explored` tells that it stands here to learn.
    """

    account: str
    eligible: bool
    reason: str
    approval_ppm: int | None = None
    fee: int | None = None
    explored: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision; `rule` is empty when no rule held, `blocked` the reason when the payment is sent nowhere.

    `unheld` names the rules whose condition failed at run time instead of holding or not.
    """

    ruleset_version: int
    rule: str
    candidates: tuple[Scored, ...]
    step_up: StepUp = StepUp.UNSET
    blocked: str = ""
    unheld: tuple[str, ...] = ()
