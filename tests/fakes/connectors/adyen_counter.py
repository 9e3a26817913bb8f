"""Adyen's sandbox dialect behind a counter without sockets, and the connector as its client.

Adyen's own description judges every request, every answer and every webhook, where it is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from devstack.descriptions import Description, default_folder, load
from devstack.sandbox.books import Books, CardOnFile, ChargeUnknown, Order
from devstack.sandbox.dialects.adyen.dialect import DIALECT
from devstack.sandbox.dialects.contract import Act, Denial, Desk, Happening, Notice, Refused, Settle, Signed
from devstack.sandbox.incoming import Incoming, Reply
from devstack.sandbox.ledger import Line, State, Waiting
from devstack.sandbox.magic import APPROVED, Verdict, brand_of
from devstack.sandbox.settings import AccountEntry
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.guard import settle
from psp_connectors.domain.http import HttpRequest, HttpResponse
from psp_connectors.domain.operations import Operation
from psp_connectors.domain.outcomes import Outcome
from psp_connectors.domain.webhooks import Authenticity, Notification, RawWebhook, WebhookContext
from tests.fakes.connectors.adyen import HMAC_KEY, MERCHANT_ACCOUNT, adyen_account
from tests.fakes.connectors.ports import API_KEY

ADYEN = CONNECTORS["adyen"]
SPECS = default_folder()
DESCRIPTION: Description | None = load(SPECS, "adyen") if SPECS is not None else None
BASE_URL = "http://127.0.0.1:8124"
NOW = 1_795_600_000
SETTINGS = {"merchant_account": MERCHANT_ACCOUNT, "capture_delay": "immediate", "multiple_captures": "on"}
_UNDESCRIBED: Final = "/checkoutshopper/"


class Entry(AccountEntry, frozen=True, kw_only=True):
    """An account with what the dialect needs."""

    settings: dict[str, str] = msgspec.field(default_factory=dict)
    secrets: dict[str, str] = msgspec.field(default_factory=dict)
    webhook_secret: str = HMAC_KEY


def entry(**settings: str) -> AccountEntry:
    return Entry(account="adyen_a", api_key=API_KEY, settings=SETTINGS | settings)


@dataclass
class Counter:
    """An account at the sandbox, served the way the engine does it, without faults."""

    account: AccountEntry = field(default_factory=entry)
    lines: list[Line] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        self.books = Books(self.account.account, self.lines.append, lambda: NOW)
        self.desk = Desk(self.account, self.books, BASE_URL, lambda: NOW)

    def serve(self, request: Incoming) -> Reply:
        described = DESCRIPTION is not None and _UNDESCRIBED not in request.path
        reply = self._serve(request)
        if DESCRIPTION is not None and described and reply.status != 404:
            found = DESCRIPTION.response_findings(
                request.method, request.path, reply.status, reply.content_type, reply.content()
            )
            assert found == [], (reply.status, reply.body, found)
        return reply

    def decide(self, verdict: Verdict | None = None) -> None:
        """Decide everything that waits for Adyen, as it was meant or as told."""
        for waiting in self.books.pending():
            if waiting.record.waiting is Waiting.PSP:
                self.settle(waiting.record.id, verdict or waiting.verdict)

    def settle(self, operation: str, verdict: Verdict) -> None:
        """Decide one operation, or let one that had succeeded fail."""
        decision = self.books.decide(operation, verdict)
        charge = self.books.charge(decision.charge)
        self._tell(Happening(entry=charge.entry(decision.decides), charge=charge, decision=decision))

    def sign(self, notice: Notice) -> Signed:
        """Give a delivery of a webhook, which the description must agree with."""
        signed = DIALECT.sign(notice, self.desk, NOW)
        if DESCRIPTION is not None:
            assert DESCRIPTION.webhook_findings(notice.name, signed.body) == []
        return signed

    def _serve(self, request: Incoming) -> Reply:
        if not DIALECT.recognises(request, self.account):
            return DIALECT.unauthorized(request)
        try:
            asked = DIALECT.read(request, self.desk)
        except Refused as refused:
            return refused.reply
        match asked:
            case Act():
                return self._act(asked)
            case Settle():
                found = self.books.find_id(asked.operation)
                assert found is not None
                if found.state is State.PENDING:
                    self.settle(asked.operation, asked.verdict or found.verdict)
                return asked.answer(self.books.charge(found.record.charge))
            case Reply():
                return asked
        raise AssertionError(asked)

    def _act(self, act: Act) -> Reply:
        record = self.books.replay(act.key, act.fingerprint.hex())
        replayed = record is not None
        if record is None:
            try:
                record = self.books.perform(self._order(act))
            except ChargeUnknown:
                return DIALECT.turned_away(act, Denial.CHARGE_UNKNOWN)
            charge = self.books.as_of(record)
            self._tell(Happening(entry=charge.entry(record.id), charge=charge))
        charge = self.books.as_of(record)
        return DIALECT.answer(act, charge.entry(record.id), charge, self.desk, replayed=replayed)

    def _order(self, act: Act) -> Order:
        card = act.card
        on_file = card and CardOnFile(
            brand=brand_of(card.number),
            last4=card.number[-4:],
            bin=card.number[:6],
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            fingerprint="x",
        )
        amount = act.amount if act.amount is not None else self.books.charge(act.charge).rest(act.type)
        return Order(
            type=act.type,
            reference=act.reference,
            key=act.key,
            request_digest=act.fingerprint.hex(),
            verdict=self.verdict or act.verdict or APPROVED,
            amount=amount,
            currency=act.currency,
            capture=act.capture,
            final=act.final,
            charge=act.charge,
            card=on_file or None,
            id=act.id,
            ids=dict(act.ids),
            facts=dict(act.facts),
            waiting=act.waiting,
            fails_later=act.fails_later,
            unique=act.unique_reference,
        )

    def _tell(self, happening: Happening) -> None:
        self.notices += DIALECT.notices(happening, self.desk)


def read(signed: Signed, key: str = HMAC_KEY) -> tuple[Notification, ...]:
    """Let the connector read a delivery, which must be genuine."""
    assert ADYEN.read_webhook is not None
    raw = RawWebhook(headers=dict(signed.headers), body=signed.body)
    reading = ADYEN.read_webhook(raw, adyen_account(), WebhookContext(secrets=[Secret(key)], now=NOW))
    assert (reading.authenticity, reading.refused) == (Authenticity.GENUINE, 0)
    return tuple(reading.notifications)


@dataclass
class Client:
    """The connector, speaking to a counter without a socket."""

    counter: Counter = field(default_factory=Counter)

    def exchange(self, request: HttpRequest) -> HttpResponse:
        if DESCRIPTION is not None:
            found = DESCRIPTION.request_findings(request.method, request.url, request.headers, request.body)
            assert found == [], found
        parts = urlsplit(request.url)
        headers = {name.lower(): value for name, value in request.headers.items()}
        incoming = Incoming(
            method=request.method, path=parts.path, query=parts.query, headers=headers, body=request.body
        )
        return answered(self.counter.serve(incoming))

    def ask(self, operation: Operation, **settings: str) -> Outcome:
        request = ADYEN.build(operation, adyen_account(f"{BASE_URL}/v72", **settings))
        return settle(operation, ADYEN.parse(operation, self.exchange(request)))

    def post(self, path: str, body: Mapping[str, Any] | bytes, **headers: str) -> Reply:
        """Send a request of one's own making."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        given = {"x-api-key": API_KEY, "content-type": "application/json"} | headers
        return self.counter.serve(Incoming(method="POST", path=f"/v72{path}", headers=given, body=content))

    def told(self) -> list[Notification]:
        """Give what all webhooks so far say, in their order."""
        return [one for notice in self.counter.notices for one in read(self.counter.sign(notice))]


def answered(reply: Reply) -> HttpResponse:
    headers = {"content-type": reply.content_type} | dict(reply.headers)
    return HttpResponse(status=reply.status, headers=headers, body=reply.content())
