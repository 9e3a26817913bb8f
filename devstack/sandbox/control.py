"""The control API: sets faults and tells the truth about money. Not part of the PSP that merchants see."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Final, TypeVar

import msgspec
from aiohttp import web

from devstack.sandbox import wire
from devstack.sandbox.books import Books, Charge, DecisionRefused
from devstack.sandbox.conformity import Violations
from devstack.sandbox.dialects.contract import Dialect
from devstack.sandbox.engine import AccountEngine
from devstack.sandbox.faults import LONGEST_DELAY_MS, Fault, FaultMode, FaultOperation
from devstack.sandbox.incoming import incoming_of, response_of
from devstack.sandbox.ledger import Entry, OperationType
from devstack.sandbox.listeners import Listener
from devstack.sandbox.magic import Verdict
from devstack.sandbox.requests import ApiError
from devstack.sandbox.webhooks import Delivery, Release, WebhookMode, WebhookSetting

LARGEST_PAGE: Final = 10_000
DEFAULT_PAGE: Final = 1000

Fields = TypeVar("Fields")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FaultFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a PUT of a fault. Without `count` it lasts until healed; `reference` is a prefix.

    `first` is how many requests about each reference it strikes; all of them without.
    """

    mode: FaultMode
    operation: FaultOperation = FaultOperation.ANY
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_DELAY_MS)] | None = None
    reference: Annotated[str, msgspec.Meta(max_length=80)] = ""
    first: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None


class WebhookFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a PUT of how webhooks are sent. Late ones without a delay wait to be released."""

    mode: WebhookMode = WebhookMode.NORMAL
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_DELAY_MS)] | None = None
    url: Annotated[str, msgspec.Meta(max_length=2000, pattern="^https?://")] | None = None


class ReleaseFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a release of webhooks: `reference` and `type` are prefixes."""

    reference: Annotated[str, msgspec.Meta(max_length=80)] = ""
    type: Annotated[str, msgspec.Meta(max_length=80)] = ""
    again: bool = False


class DecisionFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a decision. Without code and reason an operation gets what it was meant to get."""

    type: OperationType
    reference: Annotated[str, msgspec.Meta(max_length=80)]
    network_code: Annotated[str, msgspec.Meta(max_length=2)] = ""
    reason: Annotated[str, msgspec.Meta(max_length=80)] = ""


class HoldFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a PUT of whether acknowledged operations wait to be decided by hand."""

    held: bool


@dataclass(frozen=True, slots=True)
class ControlledAccount:
    """An account and its own listener, None when it shares the control port."""

    api: AccountEngine
    listener: Listener | None


class Control:
    """Serves the control API, and the PSP API of accounts that have no port of their own."""

    def __init__(self, accounts: Mapping[str, ControlledAccount], violations: Violations, own: Dialect) -> None:
        self._accounts = accounts
        self._violations = violations
        self._shared = [account.api for account in accounts.values() if account.listener is None]
        self._own = own

    def application(self) -> web.Application:
        """Give the web application."""
        application = web.Application(middlewares=[_errors])
        application.router.add_get("/health", self._health)
        application.router.add_get("/control/accounts", self._list)
        application.router.add_put("/control/accounts/{account}/faults", self._set_fault)
        application.router.add_delete("/control/accounts/{account}/faults", self._heal)
        application.router.add_get("/control/truth", self._truth)
        application.router.add_get("/control/violations", self._list_violations)
        account = "/control/accounts/{account}"
        application.router.add_put(f"{account}/webhooks", self._set_webhooks)
        application.router.add_get(f"{account}/webhooks", self._list_webhooks)
        application.router.add_post(f"{account}/webhooks:release", self._release)
        application.router.add_post(f"{account}/webhooks:settle", self._settle)
        application.router.add_put(f"{account}/decisions", self._hold)
        application.router.add_post(f"{account}/decisions", self._decide)
        application.router.add_post(f"{account}/keys:forget", self._forget_keys)
        application.router.add_get(f"{account}/exchanges", self._list_exchanges)
        application.router.add_route("*", "/control/{rest:.*}", self._nothing)
        application.router.add_route("*", "/{rest:.*}", self._psp)
        return application

    async def _health(self, _request: web.Request) -> web.StreamResponse:
        return wire.json_response(200, {"status": "ok"})

    async def _psp(self, request: web.Request) -> web.StreamResponse:
        incoming = await incoming_of(request)
        for account in self._shared:
            if account.recognises(incoming):
                return await account.handle(request, incoming)
        dialect = self._shared[0].dialect if self._shared else self._own
        return response_of(dialect.unauthorized(incoming))

    async def _nothing(self, _request: web.Request) -> web.StreamResponse:
        raise ApiError(404, "route_not_found", "there is no such resource")

    async def _list(self, _request: web.Request) -> web.StreamResponse:
        return wire.json_response(200, {"accounts": [_account(account) for account in self._accounts.values()]})

    async def _set_fault(self, request: web.Request) -> web.StreamResponse:
        account = self._account(request)
        fields = await _body(request, FaultFields)
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
            first=fields.first,
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

    async def _set_webhooks(self, request: web.Request) -> web.StreamResponse:
        account = self._account(request)
        fields = await _body(request, WebhookFields)
        webhooks = account.api.webhooks
        webhooks.setting = WebhookSetting(fields.mode, fields.delay_ms)
        webhooks.url = fields.url if fields.url is not None else webhooks.url
        return wire.json_response(200, _account(account))

    async def _list_webhooks(self, request: web.Request) -> web.StreamResponse:
        """Tell what was to be sent, oldest first: `reference` and `type` are prefixes."""
        webhooks = self._account(request).api.webhooks
        which = Release(request.query.get("reference", ""), request.query.get("type", ""), again=True)
        listed = [_delivery(delivery) for delivery in webhooks.deliveries if which.wants(delivery)]
        return wire.json_response(200, {"webhooks": listed, "dropped": webhooks.dropped})

    async def _release(self, request: web.Request) -> web.StreamResponse:
        """Deliver webhooks that are held, and answer when the receiver has."""
        account = self._account(request)
        fields = await _body(request, ReleaseFields)
        released = await account.api.webhooks.release(Release(fields.reference, fields.type, fields.again))
        return wire.json_response(200, {"webhooks": [_delivery(delivery) for delivery in released]})

    async def _settle(self, request: web.Request) -> web.StreamResponse:
        """Answer when nothing is queued or to be tried again."""
        if not await self._account(request).api.webhooks.settle():
            raise ApiError(409, "not_settled", "webhooks are still being tried")
        return wire.json_response(200, {"settled": True})

    async def _hold(self, request: web.Request) -> web.StreamResponse:
        account = self._account(request)
        account.api.performer.decisions_held = (await _body(request, HoldFields)).held
        return wire.json_response(200, _account(account))

    async def _decide(self, request: web.Request) -> web.StreamResponse:
        """Decide an operation that waits, or let one that succeeded fail."""
        api = self._account(request).api
        fields = await _body(request, DecisionFields)
        entry = next(iter(api.books.find_all(fields.type, fields.reference)), None)
        if entry is None:
            raise ApiError(404, "operation_not_found", "there is no such operation")
        verdict = Verdict(fields.network_code, fields.reason) if fields.network_code or fields.reason else None
        try:
            batch = api.decide(entry, verdict)
        except DecisionRefused:
            raise ApiError(409, "decided_already", "the operation is decided, and this is no reversal") from None
        webhooks = [_delivery(delivery) for delivery in batch]
        return wire.json_response(200, {"operation": _operation(api.books, entry), "webhooks": webhooks})

    async def _forget_keys(self, request: web.Request) -> web.StreamResponse:
        """Forget the idempotency keys, as if their time had passed."""
        return wire.json_response(200, {"forgotten": self._account(request).api.books.forget_keys()})

    async def _list_exchanges(self, request: web.Request) -> web.StreamResponse:
        """Show the newest requests with their answers, numbered higher than `after`; nothing secret is shown."""
        exchanges = self._account(request).api.exchanges
        after = _number(request.query.get("after", "0"), "after")
        return wire.json_response(200, {"exchanges": list(exchanges.told(after)), "count": exchanges.count})

    async def _list_violations(self, _request: web.Request) -> web.StreamResponse:
        found = [msgspec.to_builtins(violation) for violation in self._violations.newest]
        return wire.json_response(200, {"count": self._violations.count, "violations": found})

    async def _truth(self, request: web.Request) -> web.StreamResponse:
        """Tell the whole truth, a page at a time: `reference` is exact, `prefix` is not, `after` is a charge id."""
        query = request.query
        limit = min(max(_number(query.get("limit", str(DEFAULT_PAGE)), "limit"), 1), LARGEST_PAGE)
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


async def _body(request: web.Request, type_: type[Fields]) -> Fields:
    """Read a body, of which an absent one is an empty object; raises ApiError."""
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=type_)
    except msgspec.DecodeError as error:
        raise ApiError(400, "invalid_request", str(error)) from None


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ApiError(400, "invalid_request", f"{name} must be a number") from None


def _matches(charge: Charge, reference: str, prefix: str) -> bool:
    return any(
        (not reference or entry.record.reference == reference) and entry.record.reference.startswith(prefix)
        for entry in charge.entries
    )


def _account(account: ControlledAccount) -> dict[str, object]:
    listener = account.listener
    return {
        "account": account.api.name,
        "dialect": account.api.dialect.name,
        "port": listener.port if listener is not None else None,
        "refusing": listener is not None and not listener.is_open,
        "faults": [
            {
                "mode": fault.mode.value,
                "operation": fault.operation.value,
                "remaining": fault.remaining,
                "delay_ms": fault.delay_ms,
                "reference": fault.reference,
                "first": fault.first,
            }
            for fault in account.api.plan.faults
        ],
        "webhooks": {
            "url": account.api.webhooks.url,
            "mode": account.api.webhooks.setting.mode.value,
            "delay_ms": account.api.webhooks.setting.delay_ms,
        },
        "decisions_held": account.api.performer.decisions_held,
    }


def _delivery(delivery: Delivery) -> dict[str, object]:
    return {
        "id": delivery.notice.id,
        "type": delivery.notice.type,
        "reference": delivery.notice.reference,
        "state": delivery.state.value,
        "attempts": [{"status": attempt.status, "at": attempt.at} for attempt in delivery.attempts],
    }


def _truth(books: Books, charge: Charge) -> dict[str, object]:
    record = charge.record
    return {
        "account": books.account,
        "charge": record.id,
        "reference": record.reference,
        "amount": record.amount,
        "currency": record.currency,
        "status": charge.first.state.value,
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
        "operations": [_operation(books, entry) for entry in charge.entries],
    }


def _operation(books: Books, entry: Entry) -> dict[str, object]:
    record = entry.record
    return {
        "id": record.id,
        "ids": record.ids,
        "type": record.type.value,
        "reference": record.reference,
        "amount": record.amount,
        "status": entry.state.value,
        "network_code": entry.verdict.network_code,
        "reason": entry.verdict.reason,
        "reversed": entry.reversed,
        "money_moves": entry.money_moves,
        "requests": _requests(books, record.type.value, record.reference),
    }


def _requests(books: Books, kind: str, reference: str) -> int:
    return books.requests_of(kind, reference)
