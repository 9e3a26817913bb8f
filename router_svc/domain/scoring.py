"""Ranks a payment's accounts by what was learnt of them, and explores within a bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mesh.currencies import exponent_of
from router_svc.domain.decision import Scored
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.fees import expected_fee
from router_svc.domain.health import Admission, Health, Verdict
from router_svc.domain.learning.estimate import Estimate
from router_svc.domain.learning.estimates import Estimates
from router_svc.domain.learning.segments import segments_of
from router_svc.domain.learning.settings import MILLION
from router_svc.domain.learning.state import Learning
from router_svc.domain.ruleset import Ranking, Strategy
from router_svc.domain.sampling import normal_of, share_of

_EXPLORE: Final = b"explore"
_DRAW: Final = b"draw"
_HUNDRED: Final = 100
#: Every so many explorations try the account that least is known of.
_LEAST_KNOWN_EVERY: Final = 4
#: Puts accounts that the guard-rail keeps back behind all others: no fee is that high a part of a payment.
_KEPT_BACK: Final = 100 * MILLION


@dataclass(slots=True)
class _Candidate:
    """An account under consideration; `value` is what is ranked, in millionths, `place` its rank in the list given."""

    account: str
    place: int
    estimate: Estimate
    fee: int
    fee_ppm: int
    verdict: Verdict
    value: int = 0


class LearningScorer:
    """Scores accounts by approval, fee, or a mix of both.

    Guarantees, in the units of the strategy (approvals, or the mix):

    - The same payment and the same state give the same ranking in every process.
    - The first account given is the first of the ranking unless another is estimated to be better by more than the
      doubt about both (`doubt_permille` and `first_doubt_permille` of `LearningSettings`), or the payment explores.
    - At most `Strategy.explore_ppm` millionths of payments explore, chosen by the hash of their id; and so few of them
      that the approvals expected to be lost by it are at most `LearningSettings.explore_loss_ppm` millionths of all.
    - No payment explores an account whose breaker is not closed, unless it was chosen as a probe.

    So what is expected is never worse than the static order by more than the exploration's bound. Expected means by the
    estimates; they are as old as the events that were read, and a change shows after a handful of outcomes.
    """

    def __init__(self, learning: Learning, health: Health) -> None:
        self._learning = learning
        self._health = health

    def __call__(self, facts: PaymentFacts, accounts: Sequence[AccountFacts], strategy: Strategy) -> Sequence[Scored]:
        """Rank accounts that are eligible otherwise, best first; those with an open breaker come last, ineligible.

        `accounts` stand in the order of the rule, which decides where nothing else does and is kept by `PRIORITY`.
        """
        candidates, turned_away = self._look_at(facts, accounts)
        explored = None
        if strategy.ranking is not Ranking.PRIORITY and candidates:
            best_ppm = max(each.estimate.approval_ppm for each in candidates)
            for each in candidates:
                each.value = self._value(each, each.estimate.approval_ppm, best_ppm, strategy)
            self._order(candidates, strategy)
            explored = self._explored(facts, candidates, best_ppm, strategy)
            if explored is not None:
                candidates.remove(explored)
                candidates.insert(0, explored)
        exponent = exponent_of(facts.currency) or 0
        scored = [_scored(each, facts.currency, exponent, explored=each is explored) for each in candidates]
        return [*scored, *turned_away]

    def _look_at(self, facts: PaymentFacts, accounts: Sequence[AccountFacts]) -> tuple[list[_Candidate], list[Scored]]:
        at_ms = round(facts.at.timestamp() * 1_000)
        estimates = Estimates(self._learning, facts.merchant_id, segments_of(facts), at_ms)
        candidates = []
        turned_away = []
        for place, account in enumerate(accounts):
            verdict = self._health.verdict(account.account, facts.payment_id, at_ms)
            if verdict.admission is Admission.TURNED_AWAY:
                turned_away.append(Scored(account.account, eligible=False, reason=verdict.reason))
                continue
            estimate = estimates.estimate(account.account, account.connector)
            fee = expected_fee(account.fees, facts)
            fee_ppm = min(fee * MILLION // max(facts.amount, 1), MILLION)
            candidates.append(_Candidate(account.account, place, estimate, fee, fee_ppm, verdict))
        return candidates, turned_away

    def _value(self, candidate: _Candidate, approval_ppm: int, best_ppm: int, strategy: Strategy) -> int:
        """Give what the strategy ranks by, were the account's chance of approval `approval_ppm`."""
        if strategy.ranking is Ranking.SUCCESS_RATE:
            return approval_ppm
        if strategy.ranking is Ranking.WEIGHTED:
            weight = strategy.success_weight
            return (weight * approval_ppm - (_HUNDRED - weight) * candidate.fee_ppm) // _HUNDRED
        if best_ppm - approval_ppm > self._learning.settings.guard_ppm:
            return approval_ppm - _KEPT_BACK
        return -candidate.fee_ppm

    def _order(self, candidates: list[_Candidate], strategy: Strategy) -> None:
        """Put the best first, where a challenger of the first account given has to be better beyond doubt."""
        settings = self._learning.settings
        weight = strategy.success_weight if strategy.ranking is Ranking.WEIGHTED else _HUNDRED

        def doubted(candidate: _Candidate) -> tuple[int, int, int]:
            doubt = 0
            if candidate is not first and strategy.ranking is not Ranking.LEAST_COST:
                # The first account's own error falls while it is used, so that it is well known before it is left.
                error = candidate.estimate.error_ppm * settings.doubt_permille
                error += first.estimate.error_ppm * settings.first_doubt_permille
                doubt = error * weight // (_HUNDRED * 1_000)
            return doubt - candidate.value, candidate.fee, candidate.place

        first = candidates[0]
        leader = min(candidates, key=doubted)
        candidates.sort(key=lambda each: (each is not leader, -each.value, each.fee, each.place))

    def _explored(
        self, facts: PaymentFacts, candidates: Sequence[_Candidate], best_ppm: int, strategy: Strategy
    ) -> _Candidate | None:
        """Give the account that the payment tries instead of the leader, None when it does not explore.

        Every fourth time the one that least is known of, so that nobody's recovery goes unseen; else the one whose
        chance, drawn at random within its error, would be worth most.
        """
        share = share_of(facts.payment_id, _EXPLORE)
        if share >= strategy.explore_ppm or len(candidates) == 1:
            return None
        leader, others = candidates[0], candidates[1:]

        def drawn_worth(candidate: _Candidate) -> int:
            estimate = candidate.estimate
            draw = normal_of(f"{facts.payment_id}/{candidate.account}", _DRAW)
            drawn = min(max(estimate.approval_ppm + draw * estimate.error_ppm // 1_000, 0), MILLION)
            return self._value(candidate, drawn, best_ppm, strategy)

        if share % _LEAST_KNOWN_EVERY == 0:
            target = max(others, key=lambda candidate: candidate.estimate.error_ppm)
        else:
            target = max(others, key=drawn_worth)
        loss = leader.estimate.approval_ppm - target.estimate.approval_ppm
        if strategy.ranking is not Ranking.LEAST_COST:
            loss = max(loss, leader.value - target.value)
        # The larger the loss, the smaller the share of payments that may take it: share times loss is bounded.
        if share * max(loss, 0) >= self._learning.settings.explore_loss_ppm * MILLION:
            return None
        return target


def _scored(candidate: _Candidate, currency: str, exponent: int, *, explored: bool) -> Scored:
    estimate = candidate.estimate
    chance = f"{estimate.approval_ppm / 10_000:.1f} %"
    if estimate.attempts:
        payments = "payment" if estimate.attempts == 1 else "payments"
        of = f" of {estimate.segment}" if estimate.segment else ""
        latest = "the last " if estimate.changed else ""
        reason = f"approval {chance} from {latest}{estimate.attempts:,} {payments}{of}"
    else:
        reason = f"approval {chance}, assumed"
    reason = f"{reason}; fee {_amount(candidate.fee, exponent)} {currency}"
    if candidate.verdict.reason:
        reason = f"{reason}; {candidate.verdict.reason}"
    if explored:
        reason = f"{reason}; tried to learn more of it"
    return Scored(
        candidate.account,
        eligible=True,
        reason=reason,
        approval_ppm=estimate.approval_ppm,
        fee=candidate.fee,
        explored=explored,
    )


def _amount(minor: int, exponent: int) -> str:
    if not exponent:
        return str(minor)
    whole, part = divmod(minor, 10**exponent)
    return f"{whole}.{part:0{exponent}}"
