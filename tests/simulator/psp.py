"""A lying PSP with a ledger of its own: what it says may be late, lost, doubled or wrong; what it did is its truth."""

from dataclasses import dataclass, field
from random import Random

from gateway_svc.domain.outcome import Outcome, OutcomeKind

DECLINE_CODES = (
    "do_not_honor",
    "insufficient_funds",
    "issuer_unavailable",
    "stolen_card",
    "merchant_configuration",
    "generic_decline",
    "authentication_required",
)


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


@dataclass(slots=True)
class Charge:
    """What the PSP holds or took for one authorization."""

    payment_id: str
    authorized: int
    captured: int = 0
    refunded: int = 0
    voided: bool = False
    closed: bool = False

    @property
    def live(self) -> bool:
        """Tell whether money is held or was taken."""
        return not self.voided


@dataclass(slots=True)
class Psp:
    """One PSP account: decides once per idempotency key, and remembers."""

    name: str
    random: Random
    approval_rate: float
    charges: dict[str, Charge] = field(default_factory=dict)
    answers: dict[str, Outcome] = field(default_factory=dict)
    by_reference: dict[str, Outcome] = field(default_factory=dict)

    def handle(self, request: Request) -> Outcome:
        """Act on a request that arrived; the same key gives the same answer and no second effect."""
        if request.key not in self.answers:
            outcome = self._act(request)
            self.answers[request.key] = outcome
            self.by_reference[request.reference] = outcome
        return self.answers[request.key]

    def ask(self, reference: str) -> Outcome:
        """Say what became of an operation, truthfully."""
        return self.by_reference.get(reference, Outcome(OutcomeKind.NOT_FOUND))

    def live_charges(self, payment_id: str) -> list[Charge]:
        """List the charges of a payment that hold or took money."""
        return [charge for charge in self.charges.values() if charge.payment_id == payment_id and charge.live]

    def _act(self, request: Request) -> Outcome:
        if request.operation == "authorize":
            if self.random.random() >= self.approval_rate:
                return self._declined(self.random.choice(DECLINE_CODES))
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
