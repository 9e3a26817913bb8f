"""A lying PSP with a ledger of its own: what it says may be late, lost, doubled or wrong; what it did is its truth."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.resolution import Confirms, Means

# What PSPs offer to settle an operation: by our reference, by the PSP's own ids, by a repetition, by a webhook alone.
OFFERS = (
    Means(ask_by_reference=True, repeat_seconds=6 * 3600),
    Means(ask_by_reference=True, repeat_seconds=6 * 3600, webhook=True),
    Means(ask_by_reference=True),
    Means(ask_by_psp_reference=True, ask_by_payment=True, repeat_seconds=6 * 3600, webhook=True),
    Means(repeat_seconds=7 * 86_400, webhook=True),
    Means(webhook=True),
    Means(),
    Means(repeat_seconds=7 * 86_400, webhook=True, reverse=Confirms.WEBHOOK),
    Means(webhook=True, reverse=Confirms.WEBHOOK),
    Means(webhook=True, reverse=Confirms.ANSWER),
    Means(reverse=Confirms.ANSWER),
)
REVERSAL = ":reversal"
"""Follows the reference of an attempt in what is told of its reversal."""
# Even a PSP without keys takes a copy for what it is when the network brings one right after the other.
LEAST_MEMORY_MS = 100_000
DECISION_MS = 600_000

# The PSP's word and the network's code, which tells another thing where the PSP lies.
DECLINES = (
    ("do_not_honor", "05"),
    ("insufficient_funds", "51"),
    ("issuer_unavailable", "91"),
    ("stolen_card", "43"),
    ("do_not_honor", "43"),
    ("merchant_configuration", ""),
    ("generic_decline", ""),
    ("authentication_required", "1A"),
)
# What the network may advise, mostly nothing.
ADVICE_CODES = ("", "", "", "", "", "03", "21", "02", "24")


@dataclass(frozen=True, slots=True)
class Request:
    """One request on the wire."""

    operation: str
    reference: str
    key: str
    payment_id: str
    amount: int
    capture: bool = False
    charge: str = ""
    final: bool = False
    code_required: bool = False
    repetition: bool = False


@dataclass(slots=True)
class Charge:
    """What the PSP holds or took for one authorization."""

    payment_id: str
    authorized: int
    captured: int = 0
    refunded: int = 0
    voided: bool = False
    closed: bool = False
    #: Of what was declined before: our reference of it, and whether our record knows nothing of the charge.
    reference: str = ""
    stray: bool = False

    @property
    def live(self) -> bool:
        """Tell whether money is held or was taken, as far as the PSP has not denied it before."""
        return not (self.voided or self.stray)


@dataclass(slots=True)
class Psp:
    """One PSP account: decides once per idempotency key, and remembers as long as its means say.

    One that decides ``later`` acknowledges captures, voids and refunds at first. ``at`` does something after
    milliseconds, ``now`` tells the time, ``notify`` sends a webhook about a reference.
    """

    name: str
    random: Random
    approval_rate: float
    means: Means
    later: bool
    now: Callable[[], int]
    at: Callable[[int, Callable[[], None]], None]
    notify: Callable[["Psp", str, Outcome], None]
    charges: dict[str, Charge] = field(default_factory=dict)
    answers: dict[str, Outcome] = field(default_factory=dict)
    acted_ms: dict[str, int] = field(default_factory=dict)
    decided: int = 0
    acts: int = 0
    by_reference: dict[str, Outcome] = field(default_factory=dict)
    #: Told of each authorization that is declined; of one that changes its mind.
    declined: Callable[["Psp", Request], None] | None = None

    def handle(self, request: Request) -> Outcome:
        """Act on a request that arrived; the same key gives the same answer and no second effect while remembered."""
        if request.operation == "reverse":
            return self._reverse(request)
        if not self.knows(request):
            self.acted_ms[request.key] = self.now()
            outcome = self._acknowledge(request) if self.later and request.operation != "authorize" else None
            if outcome is None:
                outcome = self._act(request)
                self._told(request.reference, outcome)
            self.answers[request.key] = outcome
            self.by_reference[request.reference] = outcome
            if self.declined and request.operation == "authorize" and outcome.kind is OutcomeKind.DECLINED:
                self.declined(self, request)
        return self.answers[request.key]

    def knows(self, request: Request) -> bool:
        """Tell whether the request's idempotency key is remembered."""
        memory_ms = max(self.means.repeat_seconds * 1000, LEAST_MEMORY_MS)
        acted_ms = self.acted_ms.get(request.key)
        return acted_ms is not None and self.now() - acted_ms <= memory_ms

    def ask(self, reference: str) -> Outcome:
        """Say what became of an operation, truthfully."""
        return self.by_reference.get(reference, Outcome(OutcomeKind.NOT_FOUND))

    def _acknowledge(self, request: Request) -> Outcome:
        """Take a request and decide over it later."""
        self.decided += 1
        named = f"{self.name}-mod-{self.decided}"

        def decide() -> None:
            outcome = replace(self._act(request), psp_reference=named)
            self.by_reference[request.reference] = outcome
            self._told(request.reference, outcome)

        self.at(self.random.randrange(1, DECISION_MS), decide)
        return Outcome(OutcomeKind.PENDING, psp_reference=named)

    def _reverse(self, request: Request) -> Outcome:
        """Take back what was authorized under a reference; what the reversal came to is not what the reference did."""
        if not self.knows(request):
            self.acted_ms[request.key] = self.now()
            self.answers[request.key] = (
                self._acknowledge_reversal(request.reference)
                if self.means.reverse is Confirms.WEBHOOK
                else self._told_of_release(request.reference)
            )
        return self.answers[request.key]

    def _acknowledge_reversal(self, reference: str) -> Outcome:
        self.decided += 1

        def decide() -> None:
            self._told_of_release(reference)

        self.at(self.random.randrange(1, DECISION_MS), decide)
        return Outcome(OutcomeKind.PENDING, psp_reference=f"{self.name}-rev-{self.decided}")

    def _told_of_release(self, reference: str) -> Outcome:
        outcome = self._release(reference)
        self._told(reference + REVERSAL, outcome)
        return outcome

    def _release(self, reference: str) -> Outcome:
        self.acts += 1
        told = self.by_reference.get(reference)
        charge = self.charges.get(told.psp_reference) if told is not None else None
        # Few take back what they have captured at once.
        fails = 0.1 if charge is None or not charge.captured else 0.7
        if told is None or charge is None or charge.voided or self.random.random() < fails:
            return self._declined("invalid_request")
        charge.voided = True
        self.by_reference[reference] = replace(told, kind=OutcomeKind.DECLINED, code="customer_canceled")
        return Outcome(OutcomeKind.APPROVED, psp_reference=told.psp_reference)

    def _told(self, reference: str, outcome: Outcome) -> None:
        if self.means.webhook:
            self.notify(self, reference, outcome)

    def live_charges(self, payment_id: str) -> list[Charge]:
        """List the charges of a payment that hold or took money."""
        return [charge for charge in self.charges.values() if charge.payment_id == payment_id and charge.live]

    def _act(self, request: Request) -> Outcome:
        self.acts += 1
        if request.operation == "authorize":
            if self.random.random() >= self.approval_rate:
                code, network_code = self.random.choice(DECLINES)
                declined = self._declined(code)
                return replace(declined, network_code=network_code, advice_code=self.random.choice(ADVICE_CODES))
            charge_id = f"{self.name}-ch-{len(self.charges) + 1}"
            captured = request.amount if request.capture else 0
            self.charges[charge_id] = Charge(request.payment_id, request.amount, captured)
            return Outcome(OutcomeKind.APPROVED, psp_reference=charge_id)
        charge = self.charges.get(request.charge)
        if charge is None or charge.voided or self.random.random() < 0.1:
            return self._declined("invalid_request")
        return self._modify(request, charge)

    def _modify(self, request: Request, charge: Charge) -> Outcome:
        if request.operation == "void":
            allowed = charge.captured == 0
            charge.voided = allowed
        elif request.operation == "capture":
            allowed = not charge.closed and charge.captured + request.amount <= charge.authorized
            charge.captured += request.amount if allowed else 0
            charge.closed = charge.closed or (allowed and request.final)
        else:
            allowed = charge.refunded + request.amount <= charge.captured
            charge.refunded += request.amount if allowed else 0
        if not allowed:
            return self._declined("invalid_request")
        return Outcome(OutcomeKind.APPROVED, psp_reference=request.charge)

    def _declined(self, code: str) -> Outcome:
        """Decline and book it: the reference tells it from a refusal of the request itself."""
        return Outcome(OutcomeKind.DECLINED, code=code, psp_reference=f"{self.name}-no-{len(self.answers) + 1}")
