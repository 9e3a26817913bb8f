"""The router's real core in a simulated world: it ranks the PSPs by rules, by what it learnt, and by their health."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from router_svc.domain.decision import Decision
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.health import Admission, Health, HealthSettings
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.learning.state import Learning
from router_svc.domain.observation import Observation
from router_svc.domain.ruleset import Action, Ranking, RouteTo, Rule, Ruleset, Share, Split, Strategy
from router_svc.domain.scoring import LearningScorer
from router_svc.domain.selection import RulesetVersion, Verdict, select
from router_svc.domain.teaching import taught_by
from tests.simulator.record import Move

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MERCHANT = "mer_1"
CURRENCY = "EUR"
#: Few payments are played in a world: its breakers open at the first error.
HEALTH = HealthSettings(errors_min=1)


class RoutersDisagree(Exception):  # noqa: N818
    """Two routers that have read the same events rank a payment differently."""


class Router:
    """One process of the router: it folds what it has read, in the order in which it came to it."""

    def __init__(self) -> None:
        learning = Learning(LearningSettings())
        self._health = Health(HEALTH)
        self._learning = learning
        self._unlearnt: list[Observation] = []
        self._scorer = LearningScorer(learning, self._health)

    def read(self, seen: Observation) -> None:
        """Learn from an attempt."""
        self._unlearnt.append(seen)
        self._health.observe(seen)

    def obstacles(self, facts: PaymentFacts, accounts: Sequence[AccountFacts]) -> dict[str, str]:
        """Say of each account in technical trouble why it may not be used."""
        at_ms = round(facts.at.timestamp() * 1_000)
        verdicts = {each.account: self._health.verdict(each.account, facts.payment_id, at_ms) for each in accounts}
        return {
            account: verdict.reason
            for account, verdict in verdicts.items()
            if verdict.admission is Admission.TURNED_AWAY
        }

    def decide(
        self, ruleset: Ruleset, facts: PaymentFacts, accounts: Sequence[AccountFacts], obstacles: Mapping[str, str]
    ) -> Decision:
        """Rank the accounts; one with an obstacle may not be used."""
        if _is_learned(ruleset):
            # Most worlds never ask what was learnt, and learning takes longer than all else.
            for seen in self._unlearnt:
                self._learning.observe(seen)
            self._unlearnt.clear()
        holding = Verdict(0 if ruleset.rules else None)
        return select(RulesetVersion(ruleset, 1), holding, facts, accounts, obstacles, self._scorer)


class Routing:
    """Two routers over one topic: the second reads each batch in another order, and some of it twice.

    ``doubling`` is a planted bug: what it reads twice counts twice.
    """

    def __init__(
        self, random: Random, moves: Sequence[Move], account_of: Callable[[Move], str], *, doubling: bool = False
    ) -> None:
        self._doubling = doubling
        self._random = random
        self._moves = moves
        self._account_of = account_of
        self._read = 0
        self._routers = (Router(), Router())
        self._accounts: dict[str, AccountFacts] = {}

    def decide(self, payment_id: str, now_ms: int, amount: int, brand: str, ruleset: Ruleset) -> Decision:
        """Rank the accounts of the rules; those in technical trouble come last, not eligible.

        Raises RoutersDisagree when it depends on the router that is asked.
        """
        self._catch_up()
        facts = PaymentFacts(MERCHANT, payment_id, amount, CURRENCY, _moment(now_ms), brand=brand)
        accounts = [self._facts_of(account) for account in _named(ruleset)]
        one, other = self._routers
        obstacles, others = one.obstacles(facts, accounts), other.obstacles(facts, accounts)
        first = one.decide(ruleset, facts, accounts, obstacles)
        if obstacles == others and not _is_learned(ruleset):
            # All that the ranking is made of is the same; only the scorer has a memory of its own.
            return first
        second = other.decide(ruleset, facts, accounts, others)
        if first != second:
            message = f"I14: two routers decide about {payment_id}: {first} and {second}"
            raise RoutersDisagree(message)
        return first

    def _facts_of(self, account: str) -> AccountFacts:
        facts = self._accounts.get(account)
        if facts is None:
            facts = self._accounts[account] = AccountFacts(account, "simulated")
        return facts

    def _catch_up(self) -> None:
        """Read what Kafka has by now: the newest may be on their way yet."""
        late = self._random.randrange(3)
        until = max(self._read, len(self._moves) - late)
        batch = [seen for move in self._moves[self._read : until] if (seen := self._observation(move)) is not None]
        self._read = until
        for seen in batch:
            self._routers[0].read(seen)
        again = [seen for seen in batch if self._random.random() < 0.2]
        if self._doubling:
            again = [replace(seen, ordinal=-seen.ordinal) for seen in again]
        for seen in _by_partition(self._random.sample(batch + again, len(batch) + len(again))):
            self._routers[1].read(seen)

    def _observation(self, move: Move) -> Observation | None:
        taught = None if move.status is None else taught_by(move.status.value, move.decline.code)
        if taught is None:
            return None
        account = self._account_of(move)
        return Observation(MERCHANT, account, move.payment_id, move.ordinal, taught, _moment(move.at_ms), CURRENCY)


def _by_partition(read: Sequence[Observation]) -> Iterator[Observation]:
    """Give what was read as it came, but what is about one payment in its own order: that is in one partition."""
    of_payment: defaultdict[str, deque[Observation]] = defaultdict(deque)
    for seen in sorted(read, key=lambda seen: seen.at):
        of_payment[seen.payment_id].append(seen)
    for seen in read:
        yield of_payment[seen.payment_id].popleft()


def any_ruleset(random: Random, accounts: Sequence[str]) -> Ruleset:
    """Give a merchant's rules over some of the accounts, in any order."""
    named = tuple(random.sample(accounts, random.randint(1, len(accounts))))
    kind = random.randrange(4)
    if kind == 0:
        return Ruleset((), RouteTo(named, Strategy(Ranking.SUCCESS_RATE, explore_ppm=100_000)))
    if kind == 1:
        return Ruleset((Rule("split", "", Split(tuple(Share(account, random.randint(1, 9)) for account in named))),))
    return Ruleset((), RouteTo(named))


def _is_learned(ruleset: Ruleset) -> bool:
    action = _action(ruleset)
    return isinstance(action, RouteTo) and action.strategy.ranking is not Ranking.PRIORITY


def _action(ruleset: Ruleset) -> Action:
    return ruleset.rules[0].action if ruleset.rules else ruleset.otherwise


def _named(ruleset: Ruleset) -> tuple[str, ...]:
    action = _action(ruleset)
    if isinstance(action, Split):
        return tuple(share.account for share in action.shares)
    assert isinstance(action, RouteTo)
    return action.accounts


def _moment(now_ms: int) -> datetime:
    return BEGIN + timedelta(milliseconds=now_ms)
