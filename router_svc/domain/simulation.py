"""What a draft would change: sums over payments that were made, each decided by two rulesets."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from router_svc.domain.decision import Decision, Scored
from router_svc.domain.facts import PaymentFacts
from router_svc.domain.fees import MILLION
from router_svc.domain.ruleset import Ruleset, StepUp

EXAMPLES_MAX: Final = 20
#: So that a frequent move leaves room for the others.
EXAMPLES_OF_A_KIND_MAX: Final = 5
NO_RULE: Final = ""


@dataclass(frozen=True, slots=True)
class PastPayment:
    """A payment that was made: what rules may ask of it, the account that was tried first, and what came of it.

    `first_account` is empty when none was tried. `approved` is None while nobody knows.
    """

    facts: PaymentFacts
    first_account: str
    approved: bool | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a decision sends a payment first, and why; an empty `account` is nowhere, `blocked` by a rule or not."""

    account: str
    blocked: bool
    rule: str
    reason: str

    def same_as(self, other: "Place") -> bool:
        """Tell whether the payment goes to the same place, whatever leads it there."""
        return (self.account, self.blocked) == (other.account, other.blocked)


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many payments a rule decided, and for how many its condition failed; an empty name is no rule at all."""

    rule: str
    payments: int
    failed: int


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the two rulesets makes of the payments.

    `approvals_ppm` is the sum of the chances, in millionths, that the first account approves; a payment that is sent
    nowhere has none. `unserved` are those that no account may take.
    """

    blocked: int
    unserved: int
    three_ds_required: int
    three_ds_skipped: int
    approvals_ppm: int
    rules: tuple[RuleCount, ...]


@dataclass(frozen=True, slots=True)
class AccountCount:
    """How many payments an account had as their first in fact, and has by each ruleset."""

    account: str
    tried: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Money:
    """What is expected of payments in minor units of their currency: the amount that is approved, and its fees."""

    approved: int
    fees: int


@dataclass(frozen=True, slots=True)
class CurrencySums:
    """The payments in one currency, their amount in minor units, and what each ruleset is expected to make of it."""

    currency: str
    payments: int
    amount: int
    before: Money
    after: Money


@dataclass(frozen=True, slots=True)
class Example:
    """A payment that moves."""

    payment: PastPayment
    before: Place
    after: Place


@dataclass(frozen=True, slots=True)
class Difference:
    """The sums. `approved` and `open` tell what came of the payments in fact, by whichever account."""

    payments: int
    moved: int
    approved: int
    open: int
    before: Side
    after: Side
    accounts: tuple[AccountCount, ...]
    currencies: tuple[CurrencySums, ...]
    examples: tuple[Example, ...]


class Comparison:
    """Sums up payments, one after the other. The same payments in the same order give the same difference.

    All sums are whole numbers: expected amounts are added up in millionths and rounded once, half a unit up.
    """

    def __init__(self, before: Ruleset, after: Ruleset) -> None:
        self._sides = (_Side(before), _Side(after))
        self._payments = self._moved = self._approved = self._open = 0
        self._tried: Counter[str] = Counter()
        self._amounts: dict[str, _Amounts] = {}
        self._kinds: Counter[tuple[str, bool, str, bool]] = Counter()
        self._examples: list[Example] = []

    def add(self, payment: PastPayment, before: Decision, after: Decision, rated: Mapping[str, Scored]) -> None:
        """Count a payment by two decisions; `rated` has chance and fee of the first account of each, by its name."""
        places = place_of(before), place_of(after)
        self._payments += 1
        self._approved += payment.approved is True
        self._open += payment.approved is None
        if payment.first_account:
            self._tried[payment.first_account] += 1
        facts = payment.facts
        amounts = self._amounts.setdefault(facts.currency, _Amounts())
        amounts.payments += 1
        amounts.amount += facts.amount
        for index, (side, decision, place) in enumerate(zip(self._sides, (before, after), places, strict=True)):
            account = rated.get(place.account)
            chance_ppm = (account.approval_ppm or 0) if account is not None else 0
            side.add(decision, place, chance_ppm)
            amounts.approved[index] += chance_ppm * facts.amount
            amounts.fees[index] += chance_ppm * ((account.fee or 0) if account is not None else 0)
        if not places[0].same_as(places[1]):
            self._moved += 1
            self._show(Example(payment, *places))

    def difference(self) -> Difference:
        """Give the sums so far: accounts by their name, currencies by their code, rules in their order."""
        before, after = self._sides
        accounts = sorted({*self._tried, *before.firsts, *after.firsts})
        return Difference(
            payments=self._payments,
            moved=self._moved,
            approved=self._approved,
            open=self._open,
            before=before.sums(),
            after=after.sums(),
            accounts=tuple(
                AccountCount(name, self._tried[name], before.firsts[name], after.firsts[name]) for name in accounts
            ),
            currencies=tuple(amounts.sums(currency) for currency, amounts in sorted(self._amounts.items())),
            examples=tuple(self._examples),
        )

    def _show(self, example: Example) -> None:
        before, after = example.before, example.after
        kind = (before.account, before.blocked, after.account, after.blocked)
        if len(self._examples) < EXAMPLES_MAX and self._kinds[kind] < EXAMPLES_OF_A_KIND_MAX:
            self._kinds[kind] += 1
            self._examples.append(example)


def place_of(decision: Decision) -> Place:
    """Say where a decision sends a payment first."""
    if decision.blocked:
        return Place("", blocked=True, rule=decision.rule, reason=decision.blocked)
    first = decision.candidates[0] if decision.candidates else None
    if first is None:
        return Place("", blocked=False, rule=decision.rule, reason="the merchant has no account")
    return Place(first.account if first.eligible else "", blocked=False, rule=decision.rule, reason=first.reason)


class _Side:
    """The sums of one ruleset."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._names: Sequence[str] = (*(rule.name for rule in ruleset.rules), NO_RULE)
        self._decided: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._step_ups: Counter[StepUp] = Counter()
        self._blocked = self._unserved = self._approvals_ppm = 0
        self.firsts: Counter[str] = Counter()

    def add(self, decision: Decision, place: Place, chance_ppm: int) -> None:
        self._decided[decision.rule] += 1
        self._failed.update(decision.unheld)
        self._approvals_ppm += chance_ppm
        if place.account:
            self.firsts[place.account] += 1
            self._step_ups[decision.step_up] += 1
        elif place.blocked:
            self._blocked += 1
        else:
            self._unserved += 1

    def sums(self) -> Side:
        return Side(
            blocked=self._blocked,
            unserved=self._unserved,
            three_ds_required=self._step_ups[StepUp.REQUIRE],
            three_ds_skipped=self._step_ups[StepUp.SKIP],
            approvals_ppm=self._approvals_ppm,
            rules=tuple(RuleCount(name, self._decided[name], self._failed[name]) for name in self._names),
        )


class _Amounts:
    """The sums of one currency; what is expected in millionths of minor units, before and after."""

    def __init__(self) -> None:
        self.payments = self.amount = 0
        self.approved = [0, 0]
        self.fees = [0, 0]

    def sums(self, currency: str) -> CurrencySums:
        before, after = (
            Money(_rounded(approved), _rounded(fees)) for approved, fees in zip(self.approved, self.fees, strict=True)
        )
        return CurrencySums(currency, self.payments, self.amount, before, after)


def _rounded(millionths: int) -> int:
    return (millionths + MILLION // 2) // MILLION
