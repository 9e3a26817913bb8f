"""Serves one account: what all dialects have in common, from credentials and faults to answers and webhooks."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from aiohttp import web

from devstack.sandbox import wire
from devstack.sandbox.books import Books
from devstack.sandbox.conformity import Conformity
from devstack.sandbox.dialects.contract import Act, Ask, Denial, Desk, Dialect, Notice, Refused, Settle, Signed
from devstack.sandbox.exchanges import Exchanges
from devstack.sandbox.faults import NEVER_MS, Fault, FaultMode, FaultOperation, FaultPlan
from devstack.sandbox.incoming import Incoming, Reply, incoming_of, response_of
from devstack.sandbox.ledger import Entry
from devstack.sandbox.lies import LATER, NOTHING_THERE, wrongly
from devstack.sandbox.magic import Verdict, fault_of_amount
from devstack.sandbox.performing import RIGHT, Denied, Done, Performer
from devstack.sandbox.settings import AccountEntry
from devstack.sandbox.webhooks import Delivery, WebhookMode, WebhookSender

MOST_SHOWN: Final = 5
NOT_FOUND_TIMES: Final = 1
"""How often a question finds nothing after an amount that asks for `not_found_then_found`."""
_TOLD_BEFORE: Final = frozenset(
    {
        FaultMode.TIMEOUT_THEN_SUCCESS,
        FaultMode.TIMEOUT_THEN_DECLINE,
        FaultMode.TRICKLE,
        FaultMode.ANSWERED_TWICE,
    }
)
"""Faults with which webhooks do not wait for the answer: there may never be one, or none that ends soon."""


class AccountEngine:
    """One account: its dialect, books, faults and webhooks. `position` counts from 1 in the accounts file."""

    def __init__(
        self,
        *,
        account: AccountEntry,
        position: int,
        books: Books,
        dialect: Dialect,
        conformity: Conformity,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = account.account
        self.account = account
        self.books = books
        self.dialect = dialect
        self.plan = FaultPlan()
        self.base_url = ""
        self.performer = Performer(account=account, position=position, books=books, dialect=dialect)
        self.exchanges = Exchanges(account)
        self.webhooks = WebhookSender(account.webhook_url, self._signed, clock)
        self._position = position
        self._conformity = conformity
        self._clock = clock

    def recognises(self, incoming: Incoming) -> bool:
        """Tell whether a request bears this account's credentials."""
        return self.dialect.recognises(incoming, self.account)

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve a request to the account's own port."""
        incoming = await incoming_of(request)
        if not self.recognises(incoming):
            return response_of(self.dialect.unauthorized(incoming))
        return await self.handle(request, incoming)

    async def handle(self, request: web.BaseRequest, incoming: Incoming) -> web.StreamResponse:
        """Serve one request whose credentials were checked, and remember what was said."""
        response = None
        try:
            response = await self._handle(request, incoming)
        finally:
            # A caller who gave up ends this with a cancellation: the request was here all the same.
            self.exchanges.keep(incoming, response)
        return response

    async def _handle(self, request: web.BaseRequest, incoming: Incoming) -> web.StreamResponse:
        findings = self._conformity.request(incoming)
        if findings:
            return self._response(incoming, self.dialect.invalid(findings))
        desk = self._desk(f"{request.scheme}://{request.host}")
        try:
            asked = self.dialect.read(incoming, desk)
            if isinstance(asked, Reply):
                return self._response(incoming, asked)
            return await self._exchange(request, incoming, desk, asked)
        except Refused as refused:
            return self._response(incoming, refused.reply)
        except Denied as denied:
            return self._response(incoming, self.dialect.turned_away(denied.act, denied.denial))

    def decide(self, entry: Entry, verdict: Verdict | None = None) -> list[Delivery]:
        """Decide an operation that waits, or let one that succeeded fail; its webhooks go their way.

        Without a verdict it gets the one it was meant to get. Raises DecisionRefused.
        """
        notices = self.performer.decide(entry, verdict or entry.record.verdict, self._desk(self.base_url))
        batch = self.webhooks.take(notices)
        self.webhooks.after_answer(batch)
        return batch

    async def _exchange(
        self, request: web.BaseRequest, incoming: Incoming, desk: Desk, asked: Act | Ask | Settle
    ) -> web.StreamResponse:
        fault = self._fault_for(asked)
        mode = fault.mode if fault is not None else None
        if mode is FaultMode.RESET_BEFORE:
            return wire.reset(request)
        if mode is FaultMode.SERVER_ERROR_BEFORE:
            return response_of(self.dialect.failed())
        if mode is FaultMode.RATE_LIMITED or (mode is FaultMode.NOT_FOUND and not isinstance(asked, Ask)):
            return response_of(self._turned_away(asked, fault))
        done = await self._done(asked, desk, fault)
        if mode is FaultMode.DUPLICATE and isinstance(asked, Act):
            self.books.request_came(*self._known_as(asked))
            again = await self._done(asked, desk, None)
            done = replace(again, notices=(*done.notices, *again.notices))
        _, reference = self._known_as(asked)
        batch = self.webhooks.take(done.notices)
        await self.webhooks.before_answer(batch)
        if mode in _TOLD_BEFORE:
            self.webhooks.after_answer(batch)
            return await self._answer(request, incoming, done, fault, reference)
        try:
            response = await self._answer(request, incoming, done, fault, reference)
            if batch and self.webhooks.setting.mode in {WebhookMode.NORMAL, WebhookMode.TWICE}:
                # Written here, not by the server: what is said after the answer must come after it.
                await wire.written(request, response)
        finally:
            self.webhooks.after_answer(batch)
        return response

    async def _done(self, asked: Act | Ask | Settle, desk: Desk, fault: Fault | None) -> Done:
        match asked:
            case Act():
                return await self.performer.act(asked, desk, fault)
            case Ask():
                return await self.performer.tell(asked, fault)
            case Settle():
                return await self.performer.settle(asked, desk, fault)

    async def _answer(
        self, request: web.BaseRequest, incoming: Incoming, done: Done, fault: Fault | None, reference: str
    ) -> web.StreamResponse:
        """Answer as the fault has it: rightly, wrongly, late or not at all."""
        response: web.StreamResponse
        match fault.mode if fault is not None else None:
            case FaultMode.RESET_AFTER:
                response = wire.reset(request)
            case FaultMode.TIMEOUT_THEN_SUCCESS | FaultMode.TIMEOUT_THEN_DECLINE:
                delay = fault.delay_seconds if fault is not None else None
                await asyncio.sleep(NEVER_MS / 1000 if delay is None else delay)
                response = wire.reset(request) if delay is None else self._response(incoming, done.render(RIGHT))
            case FaultMode.TRICKLE:
                delay = fault.delay_seconds if fault is not None else None
                seconds = NEVER_MS / 1000 if delay is None else delay
                response = await wire.trickled(request, done.render(RIGHT), seconds)
            case FaultMode.GARBAGE:
                response = wire.garbage()
            case FaultMode.HTML:
                response = wire.web_page()
            case FaultMode.TRUNCATED:
                response = wire.truncated(request, done.render(RIGHT))
            case FaultMode.ANSWERED_TWICE:
                response = await wire.twice(request, done.render(RIGHT))
            case FaultMode.SERVER_ERROR_AFTER:
                response = response_of(self.dialect.failed())
            case mode:
                response = self._response(incoming, wrongly(mode, done, reference))
        return response

    def _turned_away(self, asked: Act | Ask | Settle, fault: Fault | None) -> Reply:
        """Give the answer of a PSP that does nothing for now, or says that it knows no such charge."""
        if fault is None or fault.mode is FaultMode.NOT_FOUND:
            return self.dialect.turned_away(asked, Denial.CHARGE_UNKNOWN) if isinstance(asked, Act) else NOTHING_THERE
        told = self.dialect.turned_away(asked, Denial.TOO_MANY) if isinstance(asked, Act) else LATER
        seconds = math.ceil(fault.delay_seconds or 0)
        return Reply(LATER.status, told.body, {**told.headers, "retry-after": str(seconds)})

    def _fault_for(self, asked: Act | Ask | Settle) -> Fault | None:
        operation, reference = self._known_as(asked)
        count = self.books.request_came(operation.value, reference)
        fault = self.plan.take(operation, reference, count)
        if fault is not None or count > 1 or not isinstance(asked, Act) or not asked.type.opens or not asked.amount:
            return fault
        mode = fault_of_amount(asked.amount, self._position)
        if mode is FaultMode.NOT_FOUND_THEN_FOUND:
            self.plan.add(Fault(mode, FaultOperation.SYNC, remaining=NOT_FOUND_TIMES, reference=reference))
            return Fault(FaultMode.RESET_AFTER)
        return Fault(mode) if mode is not None else None

    def _known_as(self, asked: Act | Ask | Settle) -> tuple[FaultOperation, str]:
        match asked:
            case Act():
                # A payment without a reference is one of its own all the same.
                return asked.fault_operation, asked.reference or asked.id
            case Ask():
                return FaultOperation.SYNC, asked.reference
            case Settle():
                entry = self.books.find_id(asked.operation)
                return FaultOperation.AUTHORIZE, entry.record.reference if entry is not None else ""

    def _response(self, incoming: Incoming, reply: Reply) -> web.Response:
        """Give the response, or a 500 for one that is not as the PSP describes it, which is a fault of ours."""
        findings = self._conformity.answer(incoming, reply)
        if findings:
            where = f"{incoming.method} {incoming.path} {reply.status}"
            self._complain("answer", where, findings)
            return response_of(self.dialect.failed())
        return response_of(reply)

    def _desk(self, base_url: str) -> Desk:
        return Desk(self.account, self.books, base_url, self._clock)

    def _signed(self, notice: Notice, now: int) -> Signed:
        signed = self.dialect.sign(notice, self._desk(self.base_url), now)
        findings = self._conformity.webhook(notice, signed.body)
        if findings:
            self._complain("webhook", notice.type, findings)
        return signed

    def _complain(self, what: str, where: str, findings: Sequence[str]) -> None:
        shown = "; ".join(findings[:MOST_SHOWN])
        logging.getLogger(__name__).error("%s of %s is not as described: %s: %s", what, self.name, where, shown)
