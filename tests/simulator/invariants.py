"""What must hold in every simulated world after every step, and at its end."""

from dataclasses import dataclass, field

from gateway_svc.domain.payment import PAYMENT_TRANSITIONS, AttemptStatus, Payment, PaymentStatus
from tests.simulator.books import OPEN_MODIFICATION, Row
from tests.simulator.drivers import Drivers
from tests.simulator.network import Networks
from tests.simulator.psp import Charge
from tests.simulator.world import World

APPROVED = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.SUCCEEDED, PaymentStatus.VOIDED})
WITHOUT_MONEY = frozenset({PaymentStatus.DECLINED, PaymentStatus.FAILED, PaymentStatus.VOIDED})


class Violation(Exception):  # noqa: N818
    """An invariant does not hold."""


# Cascades end after minutes, and what is not known after 3 or 15 days and a webhook's grace: then an operator has it.
PATIENCE_MS = 17 * 86_400_000


@dataclass(slots=True)
class Watch:
    """What the checks remember from step to step: each payment as it was last looked at, and how much was played."""

    networks: Networks = field(default_factory=Networks)
    statuses: dict[str, PaymentStatus] = field(default_factory=dict)
    rows: dict[str, tuple[Payment, int, int]] = field(default_factory=dict)
    answers: int = 0
    kept: int = 0


def check_step(world: World, drivers: Drivers, watch: Watch) -> None:
    """Check I1 to I4, I8, I10 to I13 and that no payment fails silently.

    A payment is looked at again when its record has moved, or when a PSP has acted.
    """
    broken = watch.networks.follow(world.books.moves, world.books.rows)
    if broken:
        raise Violation(broken)
    acts = sum(psp.acts for psp in world.psps.values())
    moved = False
    for payment_id, row in world.books.rows.items():
        waits = row.payment.status is PaymentStatus.PROCESSING and not row.payment.under_review
        if waits and world.now - row.created_ms > PATIENCE_MS:
            raise Violation(f"I10: {payment_id} is PROCESSING for more than 17 days, and nobody reviews it")
        payment, events, acts_then = watch.rows.get(payment_id, (None, 0, -1))
        if payment is row.payment and events == len(row.events) and acts_then == acts:
            continue
        watch.rows[payment_id] = (row.payment, len(row.events), acts)
        moved = True
        _check_effects(world, row)
        _check_codes(row)
        _check_monotony(row, watch.statuses)
        _check_amounts(row)
    if moved:
        _check_ledger(world)
    if drivers.answered > watch.answers:
        watch.answers = drivers.answered
        _check_answers(drivers)
    for payment_id in world.vault.kept[watch.kept :]:
        _require(_keeps(world.books.rows[payment_id]), "I12", f"the vault keeps the token of {payment_id} for nothing")
    watch.kept = len(world.vault.kept)


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
    _require(len(live) <= 1, "I2", f"{row.payment.id} has {len(live)} live charges")
    _require(sum(c.captured for c in live) <= row.payment.amount, "I2", f"{row.payment.id} captured more than asked")
    if row.payment.status in WITHOUT_MONEY:
        _require(not live, "I5", f"{row.payment.id} is {row.payment.status}, but a PSP holds its money")


def _check_codes(row: Row) -> None:
    """Check I11: where the card's code is required, no other PSP is asked once one has declined."""
    declined = [attempt.status is AttemptStatus.DECLINED for attempt in row.payment.attempts]
    ended = not row.payment.code_required or not any(declined[:-1])
    _require(ended, "I11", f"{row.payment.id} went on after a decline, without the code")


def _keeps(row: Row) -> bool:
    return row.store_card and row.payment.status in APPROVED


def _check_monotony(row: Row, seen: dict[str, PaymentStatus]) -> None:
    before, now = seen.get(row.payment.id, row.payment.status), row.payment.status
    legal = before is now or now in PAYMENT_TRANSITIONS[before]
    _require(legal, "I3", f"{row.payment.id} went from {before} to {now}")
    seen[row.payment.id] = now
    numbers = [seq for seq, _, _ in row.events]
    _require(numbers == list(range(1, len(numbers) + 1)), "I3", f"{row.payment.id} events {numbers}")
    _require(row.events[-1][2] == row.state(), "I3", f"{row.payment.id}: folding its events gives another payment")


def _check_amounts(row: Row) -> None:
    ordered = 0 <= row.refunded <= row.captured <= row.authorized <= row.payment.amount
    _require(ordered, "I4", f"{row.payment.id}: {row.refunded} <= {row.captured} <= {row.authorized}")


def _check_ledger(world: World) -> None:
    balance: dict[str, int] = {}
    for _, debit, credit, amount in world.books.ledger:
        _require(amount >= 0, "I4", "a negative posting")
        balance[debit] = balance.get(debit, 0) + amount
        balance[credit] = balance.get(credit, 0) - amount
    rows = world.books.rows.values()
    owed = sum(row.captured - row.refunded for row in rows)
    open_holds = {PaymentStatus.AUTHORIZED}
    held = sum(row.authorized - row.captured for row in rows if row.payment.status in open_holds)
    _require(balance.get("psp_receivable", 0) == owed, "I4", f"the ledger says {balance}, the payments say {owed}")
    _require(balance.get("auth_hold", 0) == held, "I4", f"the ledger holds {balance}, the payments {held}")
    journals = [(journal, debit) for journal, debit, _, _ in world.books.ledger]
    _require(len(journals) == len(set(journals)), "I4", "a money fact was posted twice")


def _check_answers(drivers: Drivers) -> None:
    for key, answers in drivers.answers.items():
        bodies = [answer.body for answer in answers if answer.body is not None]
        _require(all(body == bodies[0] for body in bodies), "I1", f"{key} was answered {bodies}")


def _live(world: World, payment_id: str) -> list[Charge]:
    return [charge for psp in world.psps.values() for charge in psp.live_charges(payment_id)]


def _require(condition: bool, invariant: str, text: str) -> None:
    if not condition:
        raise Violation(f"{invariant}: {text}")
