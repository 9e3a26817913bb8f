"""Puts what a dialect has read into the books, exactly once, and says how to answer and which webhooks it brings."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from devstack.sandbox.books import Books, CardOnFile, ChargeUnknown, KeyReused, Order, ReferenceInUse, TooManyOperations
from devstack.sandbox.dialects.contract import Act, Ask, Denial, Desk, Dialect, Happening, Notice, Settle
from devstack.sandbox.faults import Fault, FaultMode
from devstack.sandbox.incoming import Reply
from devstack.sandbox.ledger import DENIAL, Charge, Entry, Record, State, Waiting, fold
from devstack.sandbox.magic import APPROVED, Verdict, brand_of, verdict_of_amount
from devstack.sandbox.requests import CardFields
from devstack.sandbox.settings import AccountEntry

IN_FLIGHT_SECONDS: Final = 60.0
MOST_WAITS: Final = 10
FINGERPRINT_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Error:
    """What is wrong with an answer: every amount by so many minor units, or an act's success told as a decline."""

    more: int = 0
    denied: bool = False


RIGHT: Final = Error()
Render = Callable[[Error], Reply]
"""Renders an answer with an error."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a request: how to answer, by what an erring answer errs, in which currency, and its webhooks."""

    render: Render
    step: int = 1
    currency: str = ""
    notices: Sequence[Notice] = ()


class Denied(Exception):  # noqa: N818 - an answer, not a failure
    """An act that never got into the books."""

    def __init__(self, act: Act, denial: Denial) -> None:
        super().__init__(denial.value)
        self.act = act
        self.denial = denial


class Performer:
    """The work on one account's books. `position` counts from 1 in the accounts file.

    While `decisions_held`, operations that are acknowledged first wait until they are decided by hand.
    """

    def __init__(self, *, account: AccountEntry, position: int, books: Books, dialect: Dialect) -> None:
        self.decisions_held = False
        self._position = position
        self._books = books
        self._dialect = dialect
        self._secret = account.api_key.encode()
        self._in_flight: dict[str, asyncio.Future[None]] = {}

    async def act(self, act: Act, desk: Desk, fault: Fault | None) -> Done:
        """Perform an act while no other request with the same key is being worked on. Raises Denied."""
        await self._until_free(act)
        if act.key in self._in_flight:
            raise Denied(act, Denial.IN_FLIGHT)
        finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if act.key:
            self._in_flight[act.key] = finished
        try:
            await wait_before(fault)
            return self._perform(act, desk, fault)
        finally:
            self._in_flight.pop(act.key, None)
            finished.set_result(None)

    async def tell(self, ask: Ask, fault: Fault | None) -> Done:
        """Answer a question from the books."""
        await wait_before(fault)
        hidden = fault is not None and fault.mode in {FaultMode.NOT_FOUND_THEN_FOUND, FaultMode.NOT_FOUND}
        charges = [] if hidden else [charge for name in ask.charges if (charge := self._charge(name)) is not None]

        def render(error: Error) -> Reply:
            told = [fold(charge.history, more=error.more) if error.more else charge for charge in charges]
            return ask.tell(told)

        return self._done(render, charges[0].record.currency if charges else "")

    async def settle(self, settle: Settle, desk: Desk, fault: Fault | None) -> Done:
        """Decide an operation that waits; one that is decided already is rendered as it stands."""
        await wait_before(fault)
        entry = self._books.find_id(settle.operation)
        if entry is None:
            message = f"a dialect settles an operation that is not there: {settle.operation}"
            raise RuntimeError(message)
        charge = self._books.charge(entry.record.charge)
        notices: list[Notice] = []
        if entry.state is State.PENDING and not charge.voided:
            verdict = settle.verdict or entry.record.verdict
            if fault is not None and fault.mode is FaultMode.TIMEOUT_THEN_DECLINE:
                verdict = DENIAL
            notices = self.decide(entry, verdict, desk)

        def render(error: Error) -> Reply:
            return settle.answer(fold(charge.history, more=error.more))

        return self._done(render, charge.record.currency, notices)

    def decide(self, entry: Entry, verdict: Verdict, desk: Desk) -> list[Notice]:
        """Decide an operation that waits, or let one that succeeded fail. Raises DecisionRefused."""
        decision = self._books.decide(entry.record.id, verdict)
        charge = self._books.charge(entry.record.charge)
        return list(self._dialect.notices(Happening(entry=entry, charge=charge, decision=decision), desk))

    async def _until_free(self, act: Act) -> None:
        """Wait for the first request with this key, where the PSP does."""
        for _ in range(MOST_WAITS if self._dialect.idempotency.waits else 0):
            running = self._in_flight.get(act.key)
            if running is None:
                return
            await asyncio.wait((running,), timeout=IN_FLIGHT_SECONDS)

    def _perform(self, act: Act, desk: Desk, fault: Fault | None) -> Done:
        parts = (act.type.value.encode(), act.charge.encode(), act.fingerprint)
        digest = hmac.new(self._secret, b"\0".join(parts), hashlib.sha256).hexdigest()
        notices: list[Notice] = []
        try:
            not_before = desk.now() - self._dialect.idempotency.seconds
            record = self._books.replay(act.key, digest, not_before=not_before) if act.key else None
            replayed = record is not None
            if record is None:
                record = self._books.perform(self._order(act, digest, fault))
                notices = self._follow_up(record, desk)
        except KeyReused:
            raise Denied(act, Denial.KEY_REUSED) from None
        except ReferenceInUse:
            raise Denied(act, Denial.REFERENCE_IN_USE) from None
        except ChargeUnknown:
            raise Denied(act, Denial.CHARGE_UNKNOWN) from None
        except TooManyOperations:
            raise Denied(act, Denial.TOO_MANY) from None
        taken = record

        def render(error: Error) -> Reply:
            charge = self._books.as_of(taken, more=error.more, denied=error.denied)
            return self._dialect.answer(act, charge.entry(taken.id), charge, desk, replayed=replayed)

        return self._done(render, taken.currency, notices)

    def _order(self, act: Act, digest: str, fault: Fault | None) -> Order:
        amount = act.amount
        if amount is None:
            amount = self._books.charge(act.charge).rest(act.type)
        verdict = verdict_of_amount(amount, self._position)
        if verdict.approved:
            verdict = act.verdict or APPROVED
        if fault is not None and fault.mode is FaultMode.TIMEOUT_THEN_DECLINE:
            verdict = DENIAL
        return Order(
            type=act.type,
            reference=act.reference,
            key=act.key or f"without key {secrets.token_hex(16)}",
            request_digest=digest,
            verdict=verdict,
            amount=amount,
            currency=act.currency,
            capture=act.capture,
            final=act.final,
            charge=act.charge,
            card=self._card_on_file(act.card) if act.card is not None else None,
            id=act.id,
            ids=dict(act.ids),
            facts=dict(act.facts),
            waiting=act.waiting,
            fails_later=act.fails_later,
            unique=act.unique_reference,
            refused_at_once=act.refused_at_once,
        )

    def _follow_up(self, record: Record, desk: Desk) -> list[Notice]:
        """Give the webhooks of a new operation, after deciding what a PSP decides by itself a moment later."""
        charge = self._books.charge(record.charge)
        entry = charge.entry(record.id)
        notices = list(self._dialect.notices(Happening(entry=entry, charge=charge), desk))
        if self.decisions_held:
            return notices
        if record.waiting is Waiting.PSP:
            notices += self.decide(entry, record.verdict, desk)
        if record.fails_later and entry.state is State.APPROVED:
            notices += self.decide(entry, Verdict(reason=record.fails_later), desk)
        return notices

    def _card_on_file(self, card: CardFields) -> CardOnFile:
        digest = hmac.new(self._secret, card.number.encode(), hashlib.sha256).hexdigest()
        return CardOnFile(
            brand=brand_of(card.number),
            last4=card.number[-4:],
            bin=card.number[:6],
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            fingerprint=digest[:FINGERPRINT_CHARACTERS],
        )

    def _charge(self, name: str) -> Charge | None:
        """Give a charge by its own id or that of an operation in it."""
        entry = self._books.find_id(name)
        return self._books.charge(entry.record.charge) if entry is not None else None

    def _done(self, render: Render, currency: str, notices: Sequence[Notice] = ()) -> Done:
        units = self._dialect.units
        return Done(render, units.step(currency) if units.knows(currency) else 1, currency, notices)


async def wait_before(fault: Fault | None) -> None:
    """Wait as long as a slow PSP takes before it acts."""
    if fault is not None and fault.mode is FaultMode.SLOW:
        await asyncio.sleep(fault.delay_seconds or 0)
