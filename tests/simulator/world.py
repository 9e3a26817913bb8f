"""The simulated world: a seeded scheduler over a virtual clock, processes that may crash at any step, a network."""

import heapq
from collections.abc import Callable, Generator
from dataclasses import dataclass
from random import Random

from gateway_svc.domain.outcome import Outcome, OutcomeKind
from tests.fakes.gateway.retries import Retries
from tests.simulator.books import Books
from tests.simulator.psp import OFFERS, REVERSAL, Psp, Request
from tests.simulator.vault import KEEP_FAULTS, Vault

FAULTS = (
    "none",
    "none",
    "none",
    "unreached",
    "refused",
    "lost before",
    "lost after",
    "late",
    "doubled",
    "garbage",
    "error before",
    "turned away",
)
FREEZE_RATE = 0.05
VERY_LATE_MS = (90_000, 2_000_000, 2_000_000, 4 * 86_400_000)
LATE_WEBHOOK_FAULTS = ("none", "late", "late", "late", "missing")
WEBHOOK_FAULTS = ("none", "none", "late", "twice", "missing")
SYNC_FAULTS = ("none", "none", "none", "not found first", "lost", "refused")

TIMED_OUT = Outcome(OutcomeKind.UNKNOWN, code="psp_timeout")
NOT_TAKEN = Outcome(OutcomeKind.NOT_SENT, code="psp_unavailable")


@dataclass(slots=True)
class Waiter:
    """Something a process waits for: an outcome that may arrive, or not."""

    outcome: Outcome | None = None
    process: "Process | None" = None


Wait = int | Waiter | None
Steps = Generator[Wait, Outcome | None, None]


@dataclass(slots=True)
class Process:
    """One running piece of the mesh: a request's driver, a workflow, the sweep, a merchant."""

    name: str
    steps: Steps
    may_crash: bool
    alive: bool = True
    turn: int = 0


class World:
    """One seed's world."""

    def __init__(
        self,
        seed: int,
        retries: Retries,
        *,
        faults_until_ms: int = 120_000,
        crash_rate: float = 0.04,
        guarded: bool = True,
        ending: bool = True,
        holding: bool = True,
    ) -> None:
        self.random = Random(seed)
        self.now = 0
        self.story: list[str] = []
        self.running: dict[str, Process] = {}
        self.books = Books(lambda: self.now, retries, guarded=guarded, ending=ending, holding=holding)
        self.psps = {name: self._new_psp(name) for name in ("alpha", "beta", "gamma")}
        self.vault = Vault()
        # Set by the drivers: takes an account, a reference and what its webhook says.
        self.notified: Callable[[str, str, Outcome], None] = lambda _account, _reference, _outcome: None
        self._faults_until_ms = faults_until_ms
        self._crash_rate = crash_rate
        self._scheduled = 0
        self._queue: list[tuple[int, float, int, Callable[[], None]]] = []

    def _new_psp(self, name: str) -> Psp:
        means = self.random.choice(OFFERS)
        # Who decides later has a way to tell.
        tells = means.webhook or means.ask_by_reference
        return Psp(
            name,
            self.random,
            self.random.uniform(0.4, 0.95),
            means,
            later=tells and self.random.random() < 0.4,
            now=lambda: self.now,
            at=self.at,
            notify=self._send_webhook,
        )

    def _send_webhook(self, psp: Psp, reference: str, outcome: Outcome) -> None:
        """Deliver a webhook before the answer or long after it, perhaps twice, perhaps never."""
        reversible = psp.means.reverse is not None
        faults = LATE_WEBHOOK_FAULTS if reversible else WEBHOOK_FAULTS
        fault = self.random.choice(faults) if self.faulty or reference.endswith(REVERSAL) else "none"
        if fault == "missing":
            self.tell(f"{psp.name}'s webhook about {reference} is lost [no webhook]")
            return
        # Late enough to come between, or after, the reversals of what it tells.
        late_ms = self.random.choice(VERY_LATE_MS) if reversible else 90_000
        latest_ms = late_ms if fault == "late" else 2_000
        for _ in range(2 if fault == "twice" else 1):
            self.at(self.random.randrange(latest_ms), lambda: self.notified(psp.name, reference, outcome))

    @property
    def faulty(self) -> bool:
        """Tell whether faults still happen."""
        return self.now < self._faults_until_ms

    def tell(self, text: str) -> None:
        """Add a line to the story."""
        self.story.append(f"{self.now / 1000:10.3f} s  {text}")

    def at(self, delay_ms: int, act: Callable[[], None]) -> None:
        """Do something later; what is due at the same time happens in random order."""
        self._scheduled += 1
        heapq.heappush(self._queue, (self.now + delay_ms, self.random.random(), self._scheduled, act))

    def start(self, name: str, steps: Steps, *, may_crash: bool = True) -> Process:
        """Start a process under a name."""
        process = Process(name, steps, may_crash)
        self.running[name] = process
        self.at(0, lambda: self._resume(process, process.turn, None))
        return process

    def is_running(self, name: str) -> bool:
        """Tell whether a process of that name runs."""
        process = self.running.get(name)
        return process is not None and process.alive

    def run_one(self) -> bool:
        """Do the next thing that is due; False when nothing is left."""
        if not self._queue:
            return False
        self.now, _, _, act = heapq.heappop(self._queue)
        act()
        return True

    def _resume(self, process: Process, turn: int, value: Outcome | None) -> None:
        if not process.alive or turn != process.turn:
            return
        process.turn += 1
        if process.may_crash and self.faulty and self.random.random() < self._crash_rate:
            self.tell(f"CRASH of {process.name}")
            process.alive = False
            process.steps.close()
            return
        try:
            wait = process.steps.send(value)
        except StopIteration:
            process.alive = False
            return
        next_turn = process.turn
        if isinstance(wait, Waiter):
            wait.process = process
            if wait.outcome is not None:
                self.at(0, lambda: self._resume(process, next_turn, wait.outcome))
            return
        self.at(wait or 0, lambda: self._resume(process, next_turn, None))

    def arrive(self, waiter: Waiter, outcome: Outcome, delay_ms: int) -> None:
        """Let an outcome reach a waiter; the first one counts."""

        def deliver() -> None:
            if waiter.outcome is None:
                waiter.outcome = outcome
                if waiter.process is not None:
                    self._resume(waiter.process, waiter.process.turn, outcome)

        self.at(delay_ms, deliver)

    def send(self, account: str, request: Request, timeout_ms: int) -> Waiter:
        """Send a request to a PSP over the network, with whatever fault the seed has in store."""
        psp = self.psps[account]
        fault = self.random.choice(FAULTS) if self.faulty or request.operation == "reverse" else "none"
        waiter = Waiter()
        there, back = self.random.randrange(5, 400), self.random.randrange(5, 400)
        self.tell(f"{request.operation} {request.reference} to {account}" + (f" [{fault}]" if fault != "none" else ""))
        if fault == "unreached":
            self.arrive(waiter, Outcome(OutcomeKind.NOT_SENT, code="connectors_unavailable"), 1)
            return waiter
        if request.operation == "authorize" and not self._has_code(request):
            self.tell(f"{request.reference} has no code and is sent to nobody [no code]")
            self.arrive(waiter, Outcome(OutcomeKind.DECLINED, code="cvc_required"), there)
            return waiter
        if fault == "refused":
            self.arrive(waiter, NOT_TAKEN, 1)
            return waiter
        if fault == "turned away":
            self.arrive(waiter, Outcome(OutcomeKind.DECLINED, code="merchant_configuration"), there + back)
            return waiter
        if fault == "late":
            there = self.random.randrange(timeout_ms, 90_000)
        if fault not in {"lost before", "error before"}:
            deliveries = 2 if fault == "doubled" else 1
            for copy in range(deliveries):
                self.at(there + copy * self.random.randrange(1, 30_000), lambda: self._deliver(psp, request))
        if fault in {"none", "doubled"}:
            self.at(there, lambda: self.arrive(waiter, psp.handle(request), back))
        if fault in {"garbage", "error before"}:
            self.arrive(waiter, Outcome(OutcomeKind.UNKNOWN, code="psp_error"), there + back)
        self.arrive(waiter, TIMED_OUT, timeout_ms)
        return waiter

    def _has_code(self, request: Request) -> bool:
        """Get the card as the connectors do; tell whether it has what the merchant wants of it.

        A repetition goes out as it did at first while that is remembered, and as it can be when it is not.
        """
        remembered = self.vault.recall(request.key, self.now) if request.repetition else None
        with_code = self.vault.give_code(request.payment_id) if remembered is None else remembered
        if request.code_required and not with_code and not request.repetition:
            return False
        self.vault.remember(request.key, self.now, with_code=with_code)
        return True

    def keep(self, payment_id: str, timeout_ms: int) -> Waiter:
        """Tell the vault to keep the token of a payment; APPROVED when it has answered."""
        fault = self.random.choice(KEEP_FAULTS) if self.faulty else "none"
        waiter = Waiter()
        there, back = self.random.randrange(1, 50), self.random.randrange(1, 50)
        self.tell(f"the vault is to keep the token of {payment_id} [keep]" + (f" [{fault}]" if fault != "none" else ""))
        if fault != "away":
            self.at(there, lambda: self.vault.kept.append(payment_id))
        if fault == "none":
            self.arrive(waiter, Outcome(OutcomeKind.APPROVED), there + back)
        self.arrive(waiter, Outcome(OutcomeKind.UNKNOWN), timeout_ms)
        return waiter

    def freeze(self) -> int:
        """Say for how long the process that sends now stands still, as under a debugger or on a stopped machine."""
        if not self.faulty or self.random.random() >= FREEZE_RATE:
            return 0
        frozen_ms = self.random.randrange(20_000, 120_000)
        self.tell(f"a process freezes for {frozen_ms} ms [frozen]")
        return frozen_ms

    def ask(self, account: str, reference: str, timeout_ms: int) -> Waiter:
        """Ask a PSP by our reference over the network."""
        psp = self.psps[account]
        fault = self.random.choice(SYNC_FAULTS) if self.faulty else "none"
        waiter = Waiter()
        delay = self.random.randrange(5, 400)
        if fault == "refused":
            self.arrive(waiter, NOT_TAKEN, 1)
        elif fault == "not found first":
            self.arrive(waiter, Outcome(OutcomeKind.NOT_FOUND), delay)
        elif fault == "none":
            self.at(delay, lambda: self.arrive(waiter, self._told(psp, reference), delay))
        self.arrive(waiter, TIMED_OUT, timeout_ms)
        return waiter

    def _told(self, psp: Psp, reference: str) -> Outcome:
        outcome = psp.ask(reference)
        self.tell(f"{psp.name} says of {reference}: {outcome.kind} {outcome.code}")
        return outcome

    def _deliver(self, psp: Psp, request: Request) -> None:
        first = not psp.knows(request)
        outcome = psp.handle(request)
        if first:
            said = f"{outcome.kind} {outcome.code}"
            if outcome.network_code:
                said += f", network code {outcome.network_code}"
            if outcome.advice_code:
                said += f", advice code {outcome.advice_code}"
            self.tell(f"{psp.name} acts on {request.operation} {request.reference}: {said}")
