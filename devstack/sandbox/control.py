"""The control API: sets faults and tells the truth about money. Not part of the PSP that merchants see."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Final

import msgspec
from aiohttp import web

from devstack.sandbox import wire
from devstack.sandbox.api import AccountApi, account_for, unauthorized
from devstack.sandbox.books import Books, Charge
from devstack.sandbox.faults import LONGEST_DELAY_MS, Fault, FaultMode, FaultOperation
from devstack.sandbox.listeners import Listener
from devstack.sandbox.requests import ApiError

LARGEST_PAGE: Final = 10_000
DEFAULT_PAGE: Final = 1000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FaultFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a PUT of a fault. Without `count` it lasts until healed; `reference` is a prefix."""

    mode: FaultMode
    operation: FaultOperation = FaultOperation.ANY
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_DELAY_MS)] | None = None
    reference: Annotated[str, msgspec.Meta(max_length=80)] = ""


@dataclass(frozen=True, slots=True)
class ControlledAccount:
    """An account and its own listener, None when it shares the control port."""

    api: AccountApi
    listener: Listener | None


class Control:
    """Serves the control API, and the PSP API of accounts that have no port of their own."""

    def __init__(self, accounts: Mapping[str, ControlledAccount]) -> None:
        self._accounts = accounts
        self._shared = [account.api for account in accounts.values() if account.listener is None]

    def application(self) -> web.Application:
        """Give the web application."""
        application = web.Application(middlewares=[_errors])
        application.router.add_get("/health", self._health)
        application.router.add_get("/control/accounts", self._list)
        application.router.add_put("/control/accounts/{account}/faults", self._set_fault)
        application.router.add_delete("/control/accounts/{account}/faults", self._heal)
        application.router.add_get("/control/truth", self._truth)
        application.router.add_route("*", "/v1/{rest:.*}", self._psp)
        return application

    async def _health(self, _request: web.Request) -> web.StreamResponse:
        return wire.json_response(200, {"status": "ok"})

    async def _psp(self, request: web.Request) -> web.StreamResponse:
        account = account_for(self._shared, request)
        return await account.handle(request) if account is not None else unauthorized()

    async def _list(self, _request: web.Request) -> web.StreamResponse:
        return wire.json_response(200, {"accounts": [_account(account) for account in self._accounts.values()]})

    async def _set_fault(self, request: web.Request) -> web.StreamResponse:
        account = self._account(request)
        try:
            fields = msgspec.json.decode(await request.read(), type=FaultFields)
        except msgspec.DecodeError as error:
            raise ApiError(400, "invalid_request", str(error)) from None
        if fields.mode is FaultMode.REFUSE:
            if account.listener is None:
                raise ApiError(409, "no_port", "the account shares the control port: give it a `port` of its own")
            await account.listener.refuse()
            return wire.json_response(200, _account(account))
        only_sync = fields.mode is FaultMode.NOT_FOUND_THEN_FOUND
        fault = Fault(
            mode=fields.mode,
            operation=FaultOperation.SYNC if only_sync else fields.operation,
            remaining=fields.count,
            delay_ms=fields.delay_ms,
            reference=fields.reference,
        )
        try:
            account.api.plan.add(fault)
        except ValueError as error:
            raise ApiError(409, "too_many_faults", str(error)) from None
        return wire.json_response(200, _account(account))

    async def _heal(self, request: web.Request) -> web.StreamResponse:
        account = self._account(request)
        account.api.plan.clear()
        if account.listener is not None:
            await account.listener.open()
        return wire.json_response(200, _account(account))

    async def _truth(self, request: web.Request) -> web.StreamResponse:
        """Tell the whole truth, a page at a time: `reference` is exact, `prefix` is not, `after` is a charge id."""
        query = request.query
        try:
            limit = min(max(int(query.get("limit", DEFAULT_PAGE)), 1), LARGEST_PAGE)
        except ValueError:
            raise ApiError(400, "invalid_request", "limit must be a number") from None
        found = list(
            islice(
                self._charges(query.get("reference", ""), query.get("prefix", ""), query.get("after", "")), limit + 1
            )
        )
        page = found[:limit]
        return wire.json_response(
            200,
            {
                "charges": [_truth(books, charge) for books, charge in page],
                "next": page[-1][1].record.id if len(found) > limit else None,
                "requests": self._requests_of(query["reference"]) if "reference" in query else [],
                "forgotten": sum(account.api.books.forgotten for account in self._accounts.values()),
            },
        )

    def _charges(self, reference: str, prefix: str, after: str) -> Iterator[tuple[Books, Charge]]:
        passed = not after
        for account in self._accounts.values():
            books = account.api.books
            for charge in books.charges():
                if passed and _matches(charge, reference, prefix):
                    yield books, charge
                passed = passed or charge.record.id == after

    def _requests_of(self, reference: str) -> list[dict[str, object]]:
        """Tell how often each account was asked about a reference, also where nothing came of it."""
        return [
            {"account": name, "operation": operation.value, "requests": count}
            for name, account in self._accounts.items()
            for operation in FaultOperation
            if (count := account.api.books.requests_of(operation.value, reference))
        ]

    def _account(self, request: web.Request) -> ControlledAccount:
        account = self._accounts.get(request.match_info["account"])
        if account is None:
            raise ApiError(404, "account_not_found", "there is no such account")
        return account


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return wire.json_response(error.status, error.body)


def _matches(charge: Charge, reference: str, prefix: str) -> bool:
    return any(
        (not reference or entry.record.reference == reference) and entry.record.reference.startswith(prefix)
        for entry in charge.entries
    )


def _account(account: ControlledAccount) -> dict[str, object]:
    listener = account.listener
    return {
        "account": account.api.name,
        "port": listener.port if listener is not None else None,
        "refusing": listener is not None and not listener.is_open,
        "faults": [
            {
                "mode": fault.mode.value,
                "operation": fault.operation.value,
                "remaining": fault.remaining,
                "delay_ms": fault.delay_ms,
                "reference": fault.reference,
            }
            for fault in account.api.plan.faults
        ],
    }


def _truth(books: Books, charge: Charge) -> dict[str, object]:
    record = charge.record
    return {
        "account": books.account,
        "charge": record.id,
        "reference": record.reference,
        "amount": record.amount,
        "currency": record.currency,
        "status": "approved" if record.verdict.approved else "declined",
        "card": {
            "brand": record.card.brand if record.card else "",
            "last4": record.card.last4 if record.card else "",
            "fingerprint": record.card.fingerprint if record.card else "",
        },
        "authorized": charge.authorized,
        "captured": charge.captured,
        "refunded": charge.refunded,
        "voided": charge.voided,
        "money_moves": sum(entry.money_moves for entry in charge.entries),
        "requests": sum(_requests(books, entry.record.type.value, entry.record.reference) for entry in charge.entries),
        "operations": [
            {
                "id": entry.record.id,
                "type": entry.record.type.value,
                "reference": entry.record.reference,
                "amount": entry.record.amount,
                "status": "approved" if entry.record.verdict.approved else "declined",
                "money_moves": entry.money_moves,
                "requests": _requests(books, entry.record.type.value, entry.record.reference),
            }
            for entry in charge.entries
        ],
    }


def _requests(books: Books, kind: str, reference: str) -> int:
    return books.requests_of(kind, reference)
