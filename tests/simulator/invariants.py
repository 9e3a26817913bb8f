"""What must hold in every simulated world after every step, and at its end."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway_svc.domain.payment import PAYMENT_TRANSITIONS, AttemptStatus, Payment, PaymentStatus
from tests.simulator.drivers import Drivers
from tests.simulator.network import Networks
from tests.simulator.psp import Charge
from tests.simulator.record import OPEN_MODIFICATION, Row
from tests.simulator.world import World

APPROVED = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.SUCCEEDED, PaymentStatus.VOIDED})
WITHOUT_MONEY = frozenset({PaymentStatus.DECLINED, PaymentStatus.FAILED, PaymentStatus.VOIDED})


class Violation(Exception):  # noqa: N818
    """An invariant does not hold."""


# Cascades end after minutes, and what is not known after 3 or 15 days and a webhook's grace: then an operator has it.
PATIENCE_MS = 17 * 86_400_000


@dataclass(slots=True)
class Seen:
    """A payment's record as it was last looked at."""

    payment: Payment
    events: int = 0
    authorized: int = 0
    captured: int = 0
    refunded: int = 0


@dataclass(slots=True)
class Posted:
    """The ledger as far as it was read: its balances by account, and what was posted."""

    read: int = 0
    balance: dict[str, int] = field(default_factory=dict)
    journals: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True)
class Watch:
    """What the checks remember from step to step: each payment as it was last looked at, and how much was played."""

    networks: Networks = field(default_factory=Networks)
    rows: dict[str, Seen] = field(default_factory=dict)
    posted: Posted = field(default_factory=Posted)
    acts: int = 0
    answers: int = 0
    kept: int = 0


def check_step(world: World, drivers: Drivers, watch: Watch) -> None:
    """Check I1 to I4, I8, I10 to I13 and that no payment fails silently.

    What a step has not touched holds as it did: a record is looked at again when it has moved, the PSPs' charges when
    one of them has acted, the ledger, the events and the answers from where they were read to.
    """
    books = world.books
    if len(books.moves) > watch.networks.seen:
        broken = watch.networks.follow(books.moves, books.rows)
        if broken:
            raise Violation(broken)
    moved = _check_payments(world, watch)
    if moved or len(books.ledger) > watch.posted.read:
        _check_ledger(world, watch.posted)
    if len(drivers.answered) > watch.answers:
        _check_answers(drivers, drivers.answered[watch.answers :])
        watch.answers = len(drivers.answered)
    if len(world.vault.kept) > watch.kept:
        for payment_id in world.vault.kept[watch.kept :]:
            if not _keeps(books.rows[payment_id]):
                raise Violation(f"I12: the vault keeps the token of {payment_id} for nothing")
        watch.kept = len(world.vault.kept)


def _check_payments(world: World, watch: Watch) -> bool:
    """Check what each payment's record says, and what the PSPs did of it; tell whether a record has moved."""
    acts = sum([psp.acts for psp in world.psps.values()])
    acted, watch.acts = acts != watch.acts, acts
    moved, records, patient_ms = False, watch.rows, world.now - PATIENCE_MS
    for payment_id, row in world.books.rows.items():
        payment, seen = row.payment, records.get(payment_id)
        if row.created_ms < patient_ms and payment.status is PaymentStatus.PROCESSING and not payment.under_review:
            raise Violation(f"I10: {payment_id} is PROCESSING for more than 17 days, and nobody reviews it")
        if seen is None:
            seen = records[payment_id] = Seen(payment)
        elif (
            seen.payment is payment
            and seen.events == len(row.events)
            and seen.captured == row.captured
            and seen.refunded == row.refunded
            and seen.authorized == row.authorized
        ):
            if acted:
                _check_effects(world, row)
            continue
        moved = True
        _check_effects(world, row)
        _check_record(row, seen)
    return moved


def check_end(world: World) -> None:
    """Check I5, I10 and I12: all is settled to the PSPs' truth, by operators at last, and the vault was told."""
    for row in world.books.rows.values():
        payment = row.payment
        told = not _keeps(row) or payment.id in world.vault.kept
        _require(told, "I12", f"the vault was never told to keep the token of {payment.id}")
        live = _live(world, payment.id)
        _require(payment.status is not PaymentStatus.PROCESSING, "I10", f"{payment.id} is still PROCESSING")
        _require(not payment.under_review, "I10", f"no operator looks at {payment.id}")
        for modification in row.modifications:
            settled = modification.status not in OPEN_MODIFICATION and not modification.under_review
            _require(settled, "I10", f"{modification.id} is never settled")
        expected = 0 if payment.status in WITHOUT_MONEY else 1
        _require(len(live) == expected, "I5", f"{payment.id} is {payment.status}, PSPs hold {len(live)} charges")
        if expected:
            truth = (live[0].authorized, live[0].captured, live[0].refunded)
            ours = (row.authorized, row.captured, row.refunded)
            _require(truth == ours, "I5", f"{payment.id}: PSP says {truth}, we say {ours}")


def _check_effects(world: World, row: Row) -> None:
    live = _live(world, row.payment.id)
    if len(live) > 1:
        raise Violation(f"I2: {row.payment.id} has {len(live)} live charges")
    if live and live[0].captured > row.payment.amount:
        raise Violation(f"I2: {row.payment.id} captured more than asked")
    if live and row.payment.status in WITHOUT_MONEY:
        raise Violation(f"I5: {row.payment.id} is {row.payment.status}, but a PSP holds its money")


def _check_record(row: Row, seen: Seen) -> None:
    """Check what a payment's record says by itself, and remember it as it is."""
    _check_codes(row)
    _check_monotony(row, seen)
    _check_amounts(row)
    seen.payment, seen.events = row.payment, len(row.events)
    seen.authorized, seen.captured, seen.refunded = row.authorized, row.captured, row.refunded


def _check_codes(row: Row) -> None:
    """Check I11: where the card's code is required, no other PSP is asked once one has declined."""
    if not row.payment.code_required:
        return
    if any(attempt.status is AttemptStatus.DECLINED for attempt in row.payment.attempts[:-1]):
        raise Violation(f"I11: {row.payment.id} went on after a decline, without the code")


def _keeps(row: Row) -> bool:
    return row.store_card and row.payment.status in APPROVED


def _check_monotony(row: Row, seen: Seen) -> None:
    before, now = seen.payment.status, row.payment.status
    if before is not now and now not in PAYMENT_TRANSITIONS[before]:
        raise Violation(f"I3: {row.payment.id} went from {before} to {now}")
    numbers = [number for number, _, _ in row.events[seen.events :]]
    if len(row.events) < seen.events or numbers != list(range(seen.events + 1, len(row.events) + 1)):
        raise Violation(f"I3: {row.payment.id} events {numbers} after {seen.events}")
    if row.events[-1][2] != row.state():
        raise Violation(f"I3: {row.payment.id}: folding its events gives another payment")


def _check_amounts(row: Row) -> None:
    if not 0 <= row.refunded <= row.captured <= row.authorized <= row.payment.amount:
        raise Violation(f"I4: {row.payment.id}: {row.refunded} <= {row.captured} <= {row.authorized}")


def _check_ledger(world: World, posted: Posted) -> None:
    ledger, balance = world.books.ledger, posted.balance
    for journal, debit, credit, amount in ledger[posted.read :]:
        if amount < 0:
            raise Violation("I4: a negative posting")
        balance[debit] = balance.get(debit, 0) + amount
        balance[credit] = balance.get(credit, 0) - amount
        if (journal, debit) in posted.journals:
            raise Violation("I4: a money fact was posted twice")
        posted.journals.add((journal, debit))
    posted.read = len(ledger)
    owed = held = 0
    for row in world.books.rows.values():
        owed += row.captured - row.refunded
        if row.payment.status is PaymentStatus.AUTHORIZED:
            held += row.authorized - row.captured
    if balance.get("psp_receivable", 0) != owed:
        raise Violation(f"I4: the ledger says {balance}, the payments say {owed}")
    if balance.get("auth_hold", 0) != held:
        raise Violation(f"I4: the ledger holds {balance}, the payments {held}")


def _check_answers(drivers: Drivers, keys: Sequence[str]) -> None:
    for key in keys:
        bodies = [answer.body for answer in drivers.answers[key] if answer.body is not None]
        if any(body != bodies[0] for body in bodies):
            raise Violation(f"I1: {key} was answered {bodies}")


def _live(world: World, payment_id: str) -> list[Charge]:
    return [
        charge
        for psp in world.psps.values()
        for charge in psp.charges.values()
        if charge.payment_id == payment_id and charge.live
    ]


def _require(condition: bool, invariant: str, text: str) -> None:
    if not condition:
        raise Violation(f"{invariant}: {text}")
