"""The sandbox PSP's own API: what merchants of the PSP, such as Payera's connector, talk to."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from aiohttp import web

from devstack.sandbox import wire
from devstack.sandbox.books import (
    Books,
    CardOnFile,
    ChargeUnknown,
    Entry,
    KeyReused,
    Order,
    Record,
    ReferenceInUse,
    TooManyOperations,
)
from devstack.sandbox.faults import NEVER_MS, Fault, FaultMode, FaultOperation, FaultPlan
from devstack.sandbox.magic import (
    APPROVED,
    Verdict,
    brand_of,
    fault_of_amount,
    verdict_of_amount,
    verdict_of_card,
)
from devstack.sandbox.requests import (
    LARGEST_BODY_BYTES,
    Action,
    ApiError,
    CaptureFields,
    CardFields,
    ChargeFields,
    Question,
    VoidFields,
    read_action,
    read_question,
)

IN_FLIGHT_SECONDS: Final = 60.0
MOST_WAITS: Final = 10
FINGERPRINT_CHARACTERS: Final = 16
NOT_FOUND_TIMES: Final = 1
"""How often a sync finds nothing after an amount that asks for `not_found_then_found`."""

DECLINED_ANYWAY: Final = Verdict(network_code="05")

Answer = tuple[int, dict[str, object]]


class AccountApi:
    """One account: its key, books, faults, and the requests being worked on. `position` counts from 1."""

    def __init__(
        self, *, name: str, api_key: str, position: int, books: Books, today: Callable[[], tuple[int, int]]
    ) -> None:
        self.name = name
        self.books = books
        self.plan = FaultPlan()
        self._api_key = api_key.encode()
        self._authorization = f"Bearer {api_key}".encode()
        self._position = position
        self._today = today
        self._in_flight: dict[str, asyncio.Future[None]] = {}

    def accepts(self, authorization: str) -> bool:
        """Tell whether an Authorization header is this account's."""
        return hmac.compare_digest(self._authorization, authorization.encode("utf-8", "surrogateescape"))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request whose key was checked."""
        try:
            asked = await _read(request)
            fault = self._fault_for(asked)
            return await self._serve(request, asked, fault)
        except ApiError as error:
            return wire.json_response(error.status, error.body)

    def _fault_for(self, asked: Action | Question) -> Fault | None:
        count = self.books.request_came(asked.fault_operation.value, asked.reference)
        fault = self.plan.take(asked.fault_operation, asked.reference)
        if fault is not None or not isinstance(asked, Action) or not isinstance(asked.fields, ChargeFields):
            return fault
        mode = fault_of_amount(asked.amount, self._position)
        if mode is None or count > 1:
            return None
        if mode is FaultMode.NOT_FOUND_THEN_FOUND:
            self.plan.add(
                Fault(mode, FaultOperation.SYNC, remaining=NOT_FOUND_TIMES, reference=asked.reference),
            )
            return Fault(FaultMode.RESET_AFTER)
        return Fault(mode)

    async def _serve(
        self, request: web.BaseRequest, asked: Action | Question, fault: Fault | None
    ) -> web.StreamResponse:
        mode = fault.mode if fault is not None else None
        if mode is FaultMode.RESET_BEFORE:
            return wire.reset(request)
        if mode is FaultMode.SERVER_ERROR_BEFORE:
            return wire.server_error()
        status, body = await self._act(asked, fault)
        if fault is None or mode is FaultMode.SLOW:
            return wire.json_response(status, body)
        return await self._spoil(request, fault, status, body)

    async def _spoil(
        self, request: web.BaseRequest, fault: Fault, status: int, body: dict[str, object]
    ) -> web.StreamResponse:
        """Answer wrongly, late or not at all, after having acted."""
        response: web.StreamResponse
        match fault.mode:
            case FaultMode.RESET_AFTER:
                response = wire.reset(request)
            case FaultMode.TIMEOUT_THEN_SUCCESS | FaultMode.TIMEOUT_THEN_DECLINE:
                delay = fault.delay_seconds
                await asyncio.sleep(NEVER_MS / 1000 if delay is None else delay)
                response = wire.reset(request) if delay is None else wire.json_response(status, body)
            case FaultMode.GARBAGE:
                response = wire.garbage()
            case FaultMode.TRUNCATED:
                response = wire.truncated(request, body)
            case FaultMode.WRONG_AMOUNT:
                amount = body.get("amount")
                wrong = body | {"amount": amount + 1} if isinstance(amount, int) else body
                response = wire.json_response(status, wrong)
            case FaultMode.SERVER_ERROR_AFTER:
                response = wire.server_error()
            case _:
                response = wire.json_response(status, body)
        return response

    async def _act(self, asked: Action | Question, fault: Fault | None) -> Answer:
        if isinstance(asked, Question):
            return await self._tell(asked, fault)
        verdict = DECLINED_ANYWAY if fault is not None and fault.mode is FaultMode.TIMEOUT_THEN_DECLINE else None
        answer = await self._perform_alone(asked, fault, verdict)
        if fault is not None and fault.mode is FaultMode.DUPLICATE:
            self.books.request_came(asked.fault_operation.value, asked.reference)
            answer = await self._perform_alone(asked, None, None)
        return answer

    async def _tell(self, question: Question, fault: Fault | None) -> Answer:
        await _wait_before(fault)
        entry = self.books.find(question.type, question.reference)
        if entry is None or (fault is not None and fault.mode is FaultMode.NOT_FOUND_THEN_FOUND):
            raise ApiError(
                404,
                "operation_not_found",
                "there is no such operation",
                reference=question.reference,
                type=question.type.value,
            )
        return 200, self._as_it_stands(entry)

    async def _perform_alone(self, action: Action, fault: Fault | None, verdict: Verdict | None) -> Answer:
        """Perform while no other request with the same key is being worked on."""
        for _ in range(MOST_WAITS):
            running = self._in_flight.get(action.key)
            if running is None:
                break
            await asyncio.wait((running,), timeout=IN_FLIGHT_SECONDS)
        if action.key in self._in_flight:
            raise ApiError(409, "idempotency_key_in_flight", "the first request with this key is being worked on")
        finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._in_flight[action.key] = finished
        try:
            await _wait_before(fault)
            return 200, self._perform(action, verdict)
        finally:
            del self._in_flight[action.key]
            finished.set_result(None)

    def _perform(self, action: Action, verdict: Verdict | None) -> dict[str, object]:
        digest = hmac.new(
            self._api_key, b"\0".join((action.type.value.encode(), action.charge.encode(), action.body)), hashlib.sha256
        ).hexdigest()
        try:
            record = self.books.replay(action.key, digest)
            if record is None:
                record = self.books.perform(self._order(action, digest, verdict))
            charge = self.books.charge(record.charge)
        except KeyReused:
            raise ApiError(409, "idempotency_key_reused", "the key was used for another request") from None
        except ReferenceInUse:
            raise ApiError(409, "reference_in_use", "another operation has this reference") from None
        except ChargeUnknown:
            raise ApiError(404, "charge_not_found", "there is no such charge") from None
        except TooManyOperations:
            raise ApiError(429, "rate_limited", "the charge has too many operations") from None
        return _rendered(record, record.verdict, record.captured_amount, charge.record.card)

    def _order(self, action: Action, digest: str, verdict: Verdict | None) -> Order:
        fields = action.fields
        card = self._card_on_file(fields.card) if isinstance(fields, ChargeFields) else None
        return Order(
            type=action.type,
            reference=action.reference,
            key=action.key,
            request_digest=digest,
            verdict=verdict or self._verdict(action),
            amount=action.amount,
            currency="" if isinstance(fields, VoidFields) else fields.currency,
            capture=isinstance(fields, ChargeFields) and fields.capture,
            final=isinstance(fields, CaptureFields) and fields.final,
            charge=action.charge,
            card=card,
        )

    def _verdict(self, action: Action) -> Verdict:
        by_amount = verdict_of_amount(action.amount, self._position)
        if not by_amount.approved or not isinstance(action.fields, ChargeFields):
            return by_amount
        card = action.fields.card
        by_card = verdict_of_card(card.number, card.exp_year, card.exp_month, self._today())
        return by_card if not by_card.approved else APPROVED

    def _card_on_file(self, card: CardFields) -> CardOnFile:
        digest = hmac.new(self._api_key, card.number.encode(), hashlib.sha256).hexdigest()
        return CardOnFile(
            brand=brand_of(card.number),
            last4=card.number[-4:],
            bin=card.number[:6],
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            fingerprint=digest[:FINGERPRINT_CHARACTERS],
        )

    def _as_it_stands(self, entry: Entry) -> dict[str, object]:
        charge = self.books.charge(entry.record.charge)
        return _rendered(entry.record, entry.record.verdict.later, charge.captured, charge.record.card)


def account_for(accounts: Iterable[AccountApi], request: web.BaseRequest) -> AccountApi | None:
    """Give the account whose key a request bears."""
    authorization = request.headers.get("Authorization", "")
    return next((account for account in accounts if account.accepts(authorization)), None)


def unauthorized() -> web.StreamResponse:
    """Give the answer to a request without a known key."""
    return wire.json_response(401, ApiError(401, "unauthorized", "the API key is not known").body)


async def _read(request: web.BaseRequest) -> Action | Question:
    if request.method == "GET":
        return read_question(request.path, request.query_string)
    if request.method != "POST":
        raise ApiError(404, "route_not_found", "there is no such resource")
    if (request.content_length or 0) > LARGEST_BODY_BYTES:
        raise ApiError(413, "body_too_large", f"the body may have {LARGEST_BODY_BYTES} bytes")
    return read_action(request.path, request.headers.get("Idempotency-Key", ""), await request.read())


async def _wait_before(fault: Fault | None) -> None:
    if fault is not None and fault.mode is FaultMode.SLOW:
        await asyncio.sleep(fault.delay_seconds or 0)


def _rendered(record: Record, verdict: Verdict, captured: int, card: CardOnFile | None) -> dict[str, object]:
    shown = msgspec.to_builtins(card) if card is not None else {}
    shown.pop("fingerprint", None)
    return {
        "id": record.id,
        "type": record.type.value,
        "status": "approved" if verdict.approved else "declined",
        "reference": record.reference,
        "charge": record.charge,
        "amount": record.amount,
        "currency": record.currency,
        "captured_amount": captured,
        "network_code": verdict.network_code or None,
        "reason": verdict.reason or None,
        "network_transaction_id": record.network_transaction_id or None,
        "card": shown,
    }
