"""Where a payment goes: the action of the rule that held, turned into ranked accounts with a reason for each."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from router_svc.domain.decision import Decision, Scored
from router_svc.domain.eligibility import challenge_obstacles
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.ruleset import Block, Ranking, RouteTo, Ruleset, Share, Split, StepUp, Strategy

_BITS_64: Final = 8


class Scorer(Protocol):
    """Ranks accounts by what is known of them; pure, so that the same payment and knowledge give the same order."""

    def __call__(self, facts: PaymentFacts, accounts: Sequence[AccountFacts], strategy: Strategy) -> Sequence[Scored]:
        """Give each of the accounts once, best first; those that it keeps back come last, not eligible.

        `accounts` is never empty and in the order of the rule.
        """
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which rule holds: the index of the first one, None when none does.

    `failed` has the indexes of the rules before it whose condition failed at run time.
    """

    held: int | None
    failed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RulesetVersion:
    """A ruleset with the number of its version, which every decision tells."""

    ruleset: Ruleset
    version: int


def select(
    active: RulesetVersion,
    verdict: Verdict,
    facts: PaymentFacts,
    accounts: Sequence[AccountFacts],
    obstacles: Mapping[str, str],
    scorer: Scorer,
) -> Decision:
    """Decide where a payment goes.

    `accounts` are all of the merchant in its default order; `obstacles` says by account why it may not take this
    payment, in half a sentence. Guarantees that each account that the rule names is a candidate once, the eligible
    ones first, and that an account with an obstacle, or one that the merchant does not have, is never eligible. Where
    the rule requires 3-D Secure, accounts that can't bring shoppers through it have that for an obstacle.
    """
    ruleset = active.ruleset
    rule = None if verdict.held is None else ruleset.rules[verdict.held]
    action = ruleset.otherwise if rule is None else rule.action
    unheld = tuple(ruleset.rules[index].name for index in verdict.failed)
    candidates: tuple[Scored, ...] = ()
    if not isinstance(action, Block):
        named = _named(action) or tuple(account.account for account in accounts)
        known = {account.account: account for account in accounts}
        if rule is not None and rule.step_up is StepUp.REQUIRE:
            obstacles = {**challenge_obstacles(facts, accounts), **obstacles}
        eligible = [known[account] for account in named if account in known and account not in obstacles]
        ranked = _ranked(
            action, facts, eligible, places={account: place for place, account in enumerate(named, 1)}, scorer=scorer
        )
        candidates = (*ranked, *_unusable(named, known, obstacles))
    return Decision(
        ruleset_version=active.version,
        rule="" if rule is None else rule.name,
        candidates=candidates,
        step_up=StepUp.UNSET if rule is None else rule.step_up,
        blocked=action.reason if isinstance(action, Block) else "",
        unheld=unheld,
    )


def _named(action: RouteTo | Split) -> tuple[str, ...]:
    """Give the accounts of an action, each once; none for all of the merchant."""
    names = action.accounts if isinstance(action, RouteTo) else (share.account for share in action.shares)
    return tuple(dict.fromkeys(names))


def _ranked(
    action: RouteTo | Split,
    facts: PaymentFacts,
    eligible: Sequence[AccountFacts],
    *,
    places: Mapping[str, int],
    scorer: Scorer,
) -> Sequence[Scored]:
    if isinstance(action, Split):
        return _divided(action, facts, [account.account for account in eligible])
    if action.strategy.ranking is Ranking.PRIORITY:
        count = len(places)
        return [
            Scored(account.account, eligible=True, reason=f"priority {places[account.account]} of {count}")
            for account in eligible
        ]
    # A scorer has nothing to say of no account.
    return scorer(facts, eligible, action.strategy) if eligible else ()


def _divided(split: Split, facts: PaymentFacts, eligible: Sequence[str]) -> Sequence[Scored]:
    """Put the account first that the payment's hash picks; the others follow in the order of the split.

    The hash picks among all shares. Only a payment whose account may not take it picks once more, among those that
    may: no other payment moves when an account comes or goes.
    """
    if not eligible:
        return ()
    first = _pick(split.shares, facts.payment_id, "split")
    if first.account not in eligible:
        first = _pick([share for share in split.shares if share.account in eligible], facts.payment_id, "split again")
    total = sum(share.weight for share in split.shares)
    head = Scored(first.account, eligible=True, reason=f"first by the split: {first.weight} of {total} parts")
    others = [account for account in eligible if account != first.account]
    return [head, *(Scored(account, eligible=True, reason="follows in the order of the split") for account in others)]


def _pick(shares: Sequence[Share], payment_id: str, purpose: str) -> Share:
    """Pick a share by weight, the same one for the same payment in every process."""
    digest = hashlib.blake2b(payment_id.encode(), digest_size=_BITS_64, person=purpose.encode()).digest()
    point = int.from_bytes(digest) % sum(share.weight for share in shares)
    for share in shares:
        point -= share.weight
        if point < 0:
            return share
    message = "a split without shares, or with weights that are not positive, was activated"
    raise ValueError(message)


def _unusable(
    named: Sequence[str], known: Mapping[str, AccountFacts], obstacles: Mapping[str, str]
) -> Sequence[Scored]:
    reasons = {account: "the merchant has no such account" for account in named if account not in known}
    reasons |= {account: obstacles[account] for account in named if account in known and account in obstacles}
    return [
        Scored(account, eligible=False, reason=f"not used: {reasons[account]}")
        for account in named
        if account in reasons
    ]
