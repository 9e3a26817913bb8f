"""What can be set about learning, and what the learner takes for granted before it has seen anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MILLION: Final = 1_000_000
#: An hour in milliseconds.
HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """Half-life, priors and bounds.

    `half_life_ms` is how long it takes, in the events' own time, until an outcome counts half. Where fewer than
    `enough` attempts are remembered that way, older ones fill up what is missing, from a memory that is six times as
    long, then 36 times: a merchant with ten payments a day remembers weeks, one with ten a second hours. Where a
    quarter of the half-life tells something else, beyond luck, it is that which counts.

    What an account does in all its strata is compared over a memory of `account_enough` attempts, if it has them; it
    counts as much as `alike_weight` attempts of one of them at most.

    `prior_ppm` is the chance of approval of an account of a merchant of whom nothing is known; of one in
    `prior_ppm_by_connector` also when there are other accounts to judge by. It counts as much as `prior_weight`
    attempts; a coarser segment's estimate counts as much as `coarser_weight` attempts of the finer one, and as
    `changed_weight` after a sudden change.

    `explore_loss_ppm` bounds what exploration may cost: share of payments times the approvals lost by each, in
    millionths of all payments. `doubt_permille` is how many of its standard errors (in thousandths) a challenger of the
    first account is marked down, `first_doubt_permille` how many of the first account's own. `guard_ppm` is how far
    below the best estimate of approval the cheapest account may be.

    The bounds are entries: segments of an account, accounts of a merchant, merchants, and attempts that are
    remembered so that they don't count twice (at least that many, at most twice as many).
    """

    half_life_ms: int = 4 * HOUR_MS
    enough: int = 100
    account_enough: int = 200
    prior_ppm: int = 850_000
    prior_ppm_by_connector: Mapping[str, int] = field(default_factory=dict)
    prior_weight: int = 20
    alike_weight: int = 40
    coarser_weight: int = 40
    changed_weight: int = 8
    explore_loss_ppm: int = 3_000
    doubt_permille: int = 200
    first_doubt_permille: int = 500
    guard_ppm: int = 30_000
    segments_max: int = 1_000
    accounts_max: int = 100
    merchants_max: int = 10_000
    attempts_max: int = 50_000

    def prior_of(self, connector: str) -> int:
        """Give the chance of approval, in millionths, that an account of the connector starts with."""
        return self.prior_ppm_by_connector.get(connector, self.prior_ppm)
