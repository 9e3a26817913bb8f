"""A merchant's ruleset: ordered rules, the first that holds decides where a payment goes."""

from dataclasses import dataclass
from enum import StrEnum


class Ranking(StrEnum):
    """How the accounts of a rule are ranked."""

    PRIORITY = "priority"
    SUCCESS_RATE = "success_rate"
    LEAST_COST = "least_cost"
    WEIGHTED = "weighted"


class StepUp(StrEnum):
    """What a rule says of 3-D Secure; `UNSET` leaves it to the payment."""

    UNSET = "unset"
    REQUIRE = "require"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Strategy:
    """How accounts are ranked. `success_weight` (0 to 100) counts for `WEIGHTED` alone; the rest of 100 is cost's.

    `explore_ppm` is the share of payments, in millionths, that may try an account whose chance is not yet known.
    """

    ranking: Ranking = Ranking.PRIORITY
    success_weight: int = 100
    explore_ppm: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a volume split: of `weight` parts in the sum of all, the payments go to `account` first."""

    account: str
    weight: int


@dataclass(frozen=True, slots=True)
class RouteTo:
    """Try these accounts, ranked by the strategy; with `PRIORITY` in this order. Empty means all of the merchant."""

    accounts: tuple[str, ...] = ()
    strategy: Strategy = Strategy()


@dataclass(frozen=True, slots=True)
class Split:
    """Share the volume: the same payment always has the same first account, the others follow in this order."""

    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Send the payment nowhere; `reason` is told to the merchant."""

    reason: str


Action = RouteTo | Split | Block


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `condition` is CEL over the facts of a payment; an empty one always holds."""

    name: str
    condition: str
    action: Action
    step_up: StepUp = StepUp.UNSET


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Rules in their order; `otherwise` decides when none holds."""

    rules: tuple[Rule, ...]
    otherwise: RouteTo = RouteTo()
