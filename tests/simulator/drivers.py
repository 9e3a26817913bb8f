"""The drivers as the simulator runs them: every decision comes from the core, every yield is a place to crash."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Protocol

from gateway_svc.domain import core
from gateway_svc.domain.cascade_policy import UNRESTRICTED, CascadeSettings
from gateway_svc.domain.notices import (
    Notice,
    Subject,
    Weight,
    weigh_attempt_notice,
    weigh_modification_notice,
)
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import Attempt, CaptureMethod, Modification, ModificationKind, Payment
from gateway_svc.domain.resolution import Ask, Await, Means, Repeat, Review
from gateway_svc.domain.reviews import NOT_CHARGED_AFTER_SECONDS, Effect, ReviewAction
from router_svc.domain.ruleset import Ruleset
from tests.simulator import desk
from tests.simulator.psp import REVERSAL, Request
from tests.simulator.record import OPEN_MODIFICATION, Begun, Card, Move, Order, Refused
from tests.simulator.reversals import Reversing
from tests.simulator.routing import Routing, any_ruleset
from tests.simulator.world import Steps, Wait, World

PSP_TIMEOUT_MS = 8_000
VAULT_TIMEOUT_MS = 500
LEASE_MS = 15_000
BUDGET_MS = 10_000
GRACE_MS = 20_000
SWEEP_MS = 10_000
LONGEST_SWEEP_MS = 6 * 3_600_000
ACCOUNTS = ("alpha", "beta", "gamma")
LOOKS_AFTER_MS = (NOT_CHARGED_AFTER_SECONDS * 1000, 3_600_000, 2 * 86_400_000)
LOOKS_MAX = 10
ASKS_AGAIN_RATE = 0.3


class Judge(Protocol):
    """What decides over an attempt: the core's judge_attempt, or a planted bug."""

    def __call__(self, payment: Payment, attempt: Attempt, outcome: Outcome, *, asked: bool) -> core.AttemptVerdict:
        """Say what the outcome makes of the attempt."""
        ...


Act = Generator[Wait, Outcome | None, None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a merchant was answered for a key."""

    disposition: str
    body: dict[str, object] | None


class Drivers(Reversing):
    """Inline driver, durable driver and sweep over one world; ``judge`` is the core's unless a bug is planted.

    Planted too: a ``trusting`` driver believes that every PSP remembers its keys for a week, a ``hasty`` one takes the
    vault as told before it has answered. ``hurried`` operators believe at once that what they don't see is not charged.
    A ``doubling`` router counts twice what it reads twice. A ``believing`` driver takes a reversal that nobody has
    confirmed as done.
    """

    def __init__(
        self,
        world: World,
        judge: Judge = core.judge_attempt,
        *,
        trusting: bool = False,
        hasty: bool = False,
        hurried: bool = False,
        doubling: bool = False,
        believing: bool = False,
    ) -> None:
        self.world = world
        self.books = world.books
        self.judge = judge
        self._trusting = trusting
        self._hasty = hasty
        self._hurried = hurried
        self.believing = believing
        self.answers: dict[str, list[Answer]] = {}
        self.answered: list[str] = []
        world.notified = self.notified
        self._routing = Routing(world.random, self.books.moves, self._account_of, doubling=doubling)

    def route(self, payment_id: str, amount: int, card: Card, ruleset: Ruleset) -> tuple[str, ...]:
        """Ask the router for the accounts of a payment; none when nobody may take it, which begins nothing."""
        decision = self._routing.decide(payment_id, self.world.now, amount, card.brand, ruleset)
        for each in decision.candidates:
            if not each.eligible:
                self.world.tell(f"{payment_id} not to {each.account}: {each.reason} [passed over]")
        return tuple(each.account for each in decision.candidates if each.eligible)

    def means(self, account: str) -> Means:
        """Give what the PSP of an account offers."""
        means = self.world.psps[account].means
        return replace(means, repeat_seconds=7 * 86_400) if self._trusting else means

    def notified(self, account: str, reference: str, outcome: Outcome) -> None:
        """Apply a webhook; the PSP brings it again until it was taken, so nothing crashes here for good."""
        self.world.tell(f"webhook of {account}: {reference} {outcome.kind} {outcome.code} [webhook]")
        take = self._take_reversal_notice if reference.endswith(REVERSAL) else self._take_attempt_notice
        reference = reference.removesuffix(REVERSAL)
        for row in self.books.rows.values():
            if any(attempt.id == reference for attempt in row.payment.attempts):
                payment = self.books.load(row.payment.id)
                attempt = next(each for each in payment.attempts if each.id == reference)
                take(payment, attempt, outcome)
            for modification in row.modifications:
                if modification.id == reference:
                    self._take_modification_notice(modification, outcome)

    def _account_of(self, move: Move) -> str:
        return self.books.rows[move.payment_id].payment.attempts[move.ordinal - 1].account

    def _take_attempt_notice(self, payment: Payment, attempt: Attempt, outcome: Outcome) -> None:
        notice = Notice(attempt.account, Subject.AUTHORIZE, outcome, attempt.id)
        weight = weigh_attempt_notice(payment, attempt, notice)
        if weight is Weight.REVIEW:
            self._require_review(payment.id, attempt.id)
        elif weight is Weight.RECORD:
            verdict = self.judge(payment, attempt, outcome, asked=True)
            self.books.record_attempt(payment.id, attempt.id, verdict, asked=True)
            self.world.start(f"keep after the webhook of {attempt.id}", self._keep_token(payment.id))

    def _take_modification_notice(self, modification: Modification, outcome: Outcome) -> None:
        notice = Notice(modification.account, Subject(modification.kind.value), outcome, modification.id)
        weight = weigh_modification_notice(modification, notice, reversed_before=False)
        if weight is Weight.REVIEW:
            self._require_review(modification.payment_id, modification.id)
        elif weight is Weight.RECORD:
            verdict = core.judge_modification(modification, outcome, asked=True)
            self.books.record_modification(modification.payment_id, modification.id, verdict, asked=True)

    def create(self, key: str, payment_id: str, order: Order) -> Steps:
        """Create a payment in a request: begin, one attempt, record, or hand over."""
        begun = self.books.begin_payment(key, f"{order.amount}/{order.method}", payment_id, order, LEASE_MS)
        yield None
        if begun.disposition == "DECLINED":
            self.world.tell(f"{payment_id} with {order.card.name} is sent nowhere [stopped]")
            self._answer(key, Answer("FINAL", begun.answer))
            return
        if begun.disposition == "CREATED":
            payment = self.books.load(begun.payment_id)
            yield from self._send_attempt(payment, payment.attempts[-1], asked=False)
            if not core.is_settled(self.books.rows[begun.payment_id].payment):
                self._start_payment_workflow(begun.payment_id)
            yield from self._await_answer(key)
        else:
            yield from self._answer_repetition(key, begun, lambda: self._start_payment_workflow(begun.payment_id))

    def modify(
        self, key: str, reference: str, kind: ModificationKind, payment_id: str, amount: int, *, final: bool
    ) -> Steps:
        """Capture, void or refund in a request."""
        request_hash = f"{kind}/{payment_id}/{amount}/{final}"
        try:
            begun = self.books.begin_modification(
                key, request_hash, reference, kind, payment_id, amount, LEASE_MS, final=final
            )
        except Refused as refused:
            self.world.tell(f"{kind} of {amount} refused: {refused}")
            return
        yield None
        if begun.disposition == "STARTED":
            modification = self.books.load_modification(payment_id, reference)
            yield from self._send_modification(modification, asked=False)
            if self.books.load_modification(payment_id, reference).status in OPEN_MODIFICATION:
                self._start_modification_workflow(payment_id, reference)
            yield from self._await_answer(key)
        else:
            start = begun.reference
            yield from self._answer_repetition(
                key, begun, lambda: self._start_modification_workflow(begun.payment_id, start)
            )

    def sweep(self) -> Steps:
        """Find what a crash left behind and start its workflow, again and again."""
        pause_ms = SWEEP_MS
        for _ in range(100_000):
            yield pause_ms
            if not self.world.faulty:
                # Nothing crashes any more: only waits are left.
                pause_ms = min(pause_ms * 2, LONGEST_SWEEP_MS)
                if not (self.books.stalled(0) or self.books.to_keep or self._operators_look()):
                    return
            for payment_id in self.books.take_tokens():
                self.world.start(f"keep {payment_id} at {self.world.now}", self._keep_token(payment_id))
            for payment_id, modification_id in self.books.stalled(GRACE_MS):
                if modification_id is None:
                    self._start_payment_workflow(payment_id)
                else:
                    self._start_modification_workflow(payment_id, modification_id)

    def settle_payment(self, payment_id: str) -> Steps:  # noqa: C901 - one case for each step
        """Carry a payment's steps out until the core says Done."""
        for _ in range(500):
            payment = self.books.load(payment_id)
            step = core.next_step(payment, self.means(payment.attempts[-1].account))
            match step:
                case core.Done():
                    return
                case core.StartAttempt(ordinal=ordinal, account=account):
                    yield from self._start_attempt(payment_id, ordinal, account)
                case core.AskAttempt(attempt=attempt, delay_ms=delay_ms):
                    yield delay_ms
                    payment = self.books.load(payment_id)
                    outcome = yield self.world.ask(attempt.account, attempt.id, PSP_TIMEOUT_MS)
                    yield from self._record_attempt(payment, attempt, outcome)
                case core.DoubtAttempt(attempt=attempt):
                    yield from self._record_attempt(payment, attempt, core.NOBODY_KNOWS)
                case core.RepeatAttempt(attempt=attempt, delay_ms=delay_ms):
                    yield delay_ms
                    payment = self.books.load(payment_id)
                    if not core.is_settled(payment) and payment.attempts[-1].asks == attempt.asks:
                        yield from self._send_attempt(payment, attempt, asked=True)
                case core.ReverseAttempt():
                    yield from self._reverse_attempt(payment_id, step)
                case core.AwaitAttempt(delay_ms=delay_ms):
                    yield delay_ms
                case core.ReviewAttempt(attempt=attempt):
                    self.world.tell(f"{attempt.id} is for an operator [review]")
                    self._require_review(payment_id, attempt.id)
                    return

    def _start_attempt(self, payment_id: str, ordinal: int, account: str) -> Act:
        begun = self.books.begin_attempt(payment_id, ordinal, account)
        yield None
        if begun:
            payment = self.books.load(payment_id)
            yield from self._send_attempt(payment, payment.attempts[-1], asked=False)
        else:
            self.world.tell(f"attempt {ordinal} of {payment_id} is not begun [held back]")

    def settle_modification(self, payment_id: str, modification_id: str) -> Steps:
        """Carry a modification's steps out until the core says Done."""
        for _ in range(500):
            modification = self.books.load_modification(payment_id, modification_id)
            match core.next_modification_step(modification, self.means(modification.account)):
                case core.Done():
                    return
                case Ask(delay_ms=delay_ms):
                    yield delay_ms
                    outcome = yield self.world.ask(modification.account, modification.id, PSP_TIMEOUT_MS)
                    yield from self._record_modification(modification, outcome, asked=True)
                case core.Doubt():
                    yield from self._record_modification(modification, core.NOBODY_KNOWS, asked=True)
                case Repeat(delay_ms=delay_ms):
                    yield delay_ms
                    now = self.books.load_modification(payment_id, modification_id)
                    if not core.is_settled_modification(now) and now.asks == modification.asks:
                        yield from self._send_modification(now, asked=True)
                case Await(delay_ms=delay_ms):
                    yield delay_ms
                case Review():
                    self.world.tell(f"{modification_id} is for an operator [review]")
                    self._require_review(payment_id, modification_id)
                    return

    def _require_review(self, payment_id: str, reference: str) -> None:
        """Hand an operation to an operator, who looks at the PSP's dashboard some time later."""
        self.books.require_review(payment_id, reference)
        name = f"operator of {reference}"
        if not self.world.is_running(name):
            self.world.start(name, self._look(payment_id, reference, self.world.now), may_crash=False)

    def _operators_look(self) -> bool:
        return any(process.alive for name, process in self.world.running.items() if name.startswith("operator"))

    def _look(self, payment_id: str, reference: str, opened_ms: int) -> Steps:
        row = self.books.rows[payment_id]
        if self._hurried:
            opened_ms -= NOT_CHARGED_AFTER_SECONDS * 1000
        else:
            yield self.world.random.choice(LOOKS_AFTER_MS)
        for _ in range(LOOKS_MAX):
            if not desk.waits(row, reference):
                return
            found = desk.operation(row, reference)
            told = self.world.psps[found.account].by_reference.get(reference)
            if told is None or told.kind is not OutcomeKind.PENDING:
                break
            yield LOOKS_AFTER_MS[-1]
        told = desk.release_strays(self.world.psps[found.account], row, found, told)
        action = desk.action_of(told)
        open_status = OPEN_MODIFICATION if isinstance(found, Modification) else core.OPEN_ATTEMPTS
        if found.status in open_status and not found.asks_before and self.world.random.random() < ASKS_AGAIN_RATE:
            action = ReviewAction.ASK_AGAIN
        open_seconds = (self.world.now - opened_ms) // 1000
        effect = desk.resolve(
            self.books, payment_id, reference, action, told.psp_reference if told else "", open_seconds
        )
        self.world.tell(f"an operator says {action} of {reference}: {effect} [operator]")
        if effect is Effect.ASK_AGAIN:
            self.world.tell(f"{reference} is asked again, as the sweep finds [asked again]")
        yield from self._keep_token(payment_id)

    def _send_attempt(self, payment: Payment, attempt: Attempt, *, asked: bool) -> Act:
        request = Request(
            operation="authorize",
            reference=attempt.id,
            key=f"{attempt.id}:authorize",
            payment_id=payment.id,
            amount=payment.amount,
            capture=payment.capture_method is CaptureMethod.AUTOMATIC,
            code_required=payment.code_required,
            repetition=asked,
        )
        yield self.world.freeze()
        outcome = yield self.world.send(attempt.account, request, PSP_TIMEOUT_MS)
        yield self.world.freeze()
        yield from self._record_attempt(payment, attempt, outcome, asked=asked)

    def _record_attempt(
        self, payment: Payment, attempt: Attempt, outcome: Outcome | None, *, asked: bool = True
    ) -> Act:
        """Judge by the record as it was before the call, as the drivers do: only the books know what came since."""
        assert outcome is not None
        yield None
        before = next(each for each in payment.attempts if each.id == attempt.id)
        verdict = self.judge(payment, before, outcome, asked=asked)
        self.books.record_attempt(payment.id, attempt.id, verdict, asked=asked)
        self.world.tell(f"recorded {attempt.id} {verdict.attempt_status}, payment {verdict.payment_status}")
        yield None
        yield from self._keep_token(payment.id)

    def _keep_token(self, payment_id: str) -> Act:
        """Tell the vault what it is still to be told of a payment, and note that it has answered."""
        if payment_id not in self.books.to_keep:
            return
        if self._hasty:
            self.books.drop_token(payment_id)
        yield None
        outcome = yield self.world.keep(payment_id, VAULT_TIMEOUT_MS)
        yield None
        if outcome is not None and outcome.kind is OutcomeKind.APPROVED:
            self.books.drop_token(payment_id)

    def _send_modification(self, modification: Modification, *, asked: bool) -> Act:
        request = Request(
            operation=modification.kind.lower(),
            reference=modification.id,
            key=f"{modification.id}:{modification.kind}",
            payment_id=modification.payment_id,
            amount=modification.amount,
            charge=modification.payment_psp_reference,
            final=modification.final,
        )
        yield self.world.freeze()
        outcome = yield self.world.send(modification.account, request, PSP_TIMEOUT_MS)
        yield self.world.freeze()
        yield from self._record_modification(modification, outcome, asked=asked)

    def _record_modification(self, modification: Modification, outcome: Outcome | None, *, asked: bool) -> Act:
        assert outcome is not None
        yield None
        verdict = core.judge_modification(modification, outcome, asked=asked)
        self.books.record_modification(modification.payment_id, modification.id, verdict, asked=asked)
        self.world.tell(f"recorded {modification.id} {verdict.status}")
        yield None

    def _start_payment_workflow(self, payment_id: str) -> None:
        name = f"workflow {payment_id}"
        if not self.world.is_running(name):
            self.world.start(name, self.settle_payment(payment_id))

    def _start_modification_workflow(self, payment_id: str, modification_id: str) -> None:
        name = f"workflow {modification_id}"
        if not self.world.is_running(name):
            self.world.start(name, self.settle_modification(payment_id, modification_id))

    def _answer_repetition(self, key: str, begun: Begun, take_over: Callable[[], None]) -> Act:
        if begun.disposition == "REPLAYED":
            self._answer(key, Answer("REPLAYED", begun.answer))
        elif begun.disposition == "IN_FLIGHT":
            self._answer(key, Answer("IN_FLIGHT", None))
        else:
            take_over()
            yield from self._await_answer(key)

    def _await_answer(self, key: str) -> Act:
        for _ in range(BUDGET_MS // 500):
            answer = self.books.keys[key].answer
            if answer is not None:
                self._answer(key, Answer("FINAL", answer))
                return
            yield 500
        self.books.release_lease(key)
        self._answer(key, Answer("PROCESSING", None))

    def _answer(self, key: str, answer: Answer) -> None:
        self.world.tell(f"answer to {key}: {answer.disposition} {answer.body or ''}")
        self.answers.setdefault(key, []).append(answer)
        self.answered.append(key)


# Mostly the policy's own; merchants narrow it in every way they can.
SETTINGS = (
    UNRESTRICTED,
    UNRESTRICTED,
    UNRESTRICTED,
    CascadeSettings(off=True),
    CascadeSettings(max_attempts=2),
    CascadeSettings(codes=frozenset({"do_not_honor"})),
    CascadeSettings(classes=frozenset({"T", "P"})),
)
CARDS = (Card("card_1", "visa"), Card("card_2", "mastercard"), Card("card_3", "amex"))
# From at once to after a network's longest window.
DUNNING_PAUSES_MS = (0, 500, 20_000, 3_600_000, 13 * 3_600_000, 11 * 86_400_000, 31 * 86_400_000)


def dunning(world: World, drivers: Drivers, number: int) -> Steps:
    """Act as a merchant who charges one card again and again, whatever was said of it, some of it at the same time."""
    random = world.random
    card = random.choice(CARDS[:2])
    cascade = random.choice(SETTINGS)
    ruleset = any_ruleset(random, ACCOUNTS)
    for turn in range(random.randint(3, 10)):
        payment_id = f"dun{number}x{turn}"
        amount = random.choice((10, 10, 20))
        accounts = drivers.route(payment_id, amount, card, ruleset)
        if accounts:
            order = Order(amount, CaptureMethod.AUTOMATIC, accounts, card, by_merchant=True, cascade=cascade)
            world.start(f"create {payment_id}", drivers.create(f"key-{payment_id}", payment_id, order))
        yield random.choice(DUNNING_PAUSES_MS)


def merchant(world: World, drivers: Drivers, number: int) -> Steps:
    """Act as a merchant with one payment: create it, then capture, void and refund, each call perhaps twice."""
    random = world.random
    payment_id = f"pay{number}"
    method = random.choice((CaptureMethod.AUTOMATIC, CaptureMethod.MANUAL))
    amount = random.randint(1, 100)
    card, ruleset = random.choice(CARDS), any_ruleset(random, ACCOUNTS)
    order = Order(
        amount,
        method,
        (),
        card,
        store_card=random.random() < 0.5,
        code_required=random.random() < 0.3,
        cascade=random.choice(SETTINGS),
    )
    for attempt in range(random.randint(1, 3)):
        candidate = payment_id if attempt == 0 else f"{payment_id}r{attempt}"
        accounts = drivers.route(candidate, amount, card, ruleset)
        if accounts:
            order = replace(order, accounts=accounts)
            world.start(f"create {candidate}", drivers.create(f"key-{payment_id}", candidate, order))
        yield random.choice((0, 10, 2_000, 30_000))
    yield random.choice((100, 5_000, 60_000))
    kinds = tuple(ModificationKind)
    for place in range(random.randint(0, 6)):
        begun = world.books.keys.get(f"key-{payment_id}")
        if begun is None:
            return
        kind = random.choice(kinds)
        part = 0 if kind is ModificationKind.VOID else random.randint(1, amount)
        reference = f"{payment_id}-{kind.lower()}-{place}"
        final = kind is ModificationKind.CAPTURE and random.random() < 0.4
        for repetition in range(random.randint(1, 2)):
            name = reference if repetition == 0 else f"{reference}-again"
            world.start(
                f"modify {name}", drivers.modify(f"key-{reference}", name, kind, begun.payment_id, part, final=final)
            )
        yield random.choice((0, 0, 1_000, 20_000))
