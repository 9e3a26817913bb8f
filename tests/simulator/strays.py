"""PSPs that change their minds: they decline, and approve after all what Payera has gone on from.

No rule of Payera's can keep such a charge from being made. It must not stay unseen: whenever Payera is told of it, by a
webhook or by a late answer, an operator looks, and takes the charge or has it released.
"""

from random import Random

from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import Attempt, AttemptStatus
from tests.simulator.drivers import Drivers
from tests.simulator.invariants import Violation
from tests.simulator.psp import Charge, Psp, Request
from tests.simulator.record import OPEN_ATTEMPT, Row
from tests.simulator.world import World

RATE = 0.5
CHANGES_AFTER_MS = (1, 100, 2_000, 60_000, 3_600_000)


class Strays:
    """The changed minds of one world, and what Payera was told of them; a ``deaf`` record drops late answers."""

    def __init__(self, world: World, drivers: Drivers, *, deaf: bool = False) -> None:
        self._world = world
        self._drivers = drivers
        self._deaf = deaf
        self._random = Random(world.random.random())
        self._notify = world.notified
        self._require_review = world.books.require_review
        self._charges: dict[str, Charge] = {}
        self._heard: set[str] = set()
        self._reviewed: set[str] = set()
        world.notified = self._notified
        world.books.told_late = self._told_late
        world.books.require_review = self._reviews  # type: ignore[method-assign]
        for psp in world.psps.values():
            psp.declined = self._may_change

    def check(self) -> None:
        """Check I15: each of them that Payera was told of is recorded, or an operator has it.

        What is still open its driver settles, or hands over.
        """
        self._settle()
        for charge_id in self._heard & self._charges.keys():
            charge = self._charges[charge_id]
            unseen = charge.stray and not charge.voided and charge.reference not in self._reviewed
            if unseen and self._attempt(charge).status not in OPEN_ATTEMPT:
                raise Violation(f"I15: nobody looks at {charge_id}, which {charge.reference} was declined for")

    def check_end(self) -> None:
        """Check I15: operators have released whatever is not recorded."""
        for charge_id in self._heard & self._charges.keys():
            charge = self._charges[charge_id]
            if charge.stray and not charge.voided:
                raise Violation(f"I15: {charge_id} of {charge.reference} is still held")

    def _may_change(self, psp: Psp, request: Request) -> None:
        if self._random.random() < RATE:
            self._world.at(self._random.choice(CHANGES_AFTER_MS), lambda: self._change(psp, request))

    def _change(self, psp: Psp, request: Request) -> None:
        told = psp.by_reference[request.reference]
        if told.kind is not OutcomeKind.DECLINED:
            # A repetition of a key that it has forgotten was approved meanwhile, or it was taken back.
            return
        psp.acts += 1
        charge_id = f"{psp.name}-ch-{len(psp.charges) + 1}"
        captured = request.amount if request.capture else 0
        charge = Charge(request.payment_id, request.amount, captured, reference=request.reference, stray=True)
        psp.charges[charge_id] = self._charges[charge_id] = charge
        approved = Outcome(OutcomeKind.APPROVED, psp_reference=charge_id)
        psp.answers[request.key] = psp.by_reference[request.reference] = approved
        self._world.tell(f"{psp.name} approves {request.reference} after all [changed mind]")
        psp.notify(psp, request.reference, approved)

    def _notified(self, account: str, reference: str, outcome: Outcome) -> None:
        self._heard.add(outcome.psp_reference)
        self._notify(account, reference, outcome)

    def _told_late(self, row: Row, attempt: Attempt, psp_reference: str) -> None:
        self._heard.add(psp_reference)
        self._world.tell(f"a late answer approves {attempt.id} [late approval]")
        if not self._deaf:
            self._drivers._require_review(row.payment.id, attempt.id)

    def _reviews(self, payment_id: str, reference: str) -> None:
        self._reviewed.add(reference)
        self._require_review(payment_id, reference)

    def _attempt(self, charge: Charge) -> Attempt:
        attempts = self._world.books.rows[charge.payment_id].payment.attempts
        return next(attempt for attempt in attempts if attempt.id == charge.reference)

    def _settle(self) -> None:
        """See which of them are recorded by now: they count as any other charge."""
        for charge_id, charge in self._charges.items():
            attempt = self._attempt(charge)
            charge.stray = attempt.status is not AttemptStatus.APPROVED or attempt.psp_reference != charge_id
