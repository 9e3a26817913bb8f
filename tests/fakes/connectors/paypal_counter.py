"""PayPal's sandbox dialect behind a counter without sockets, and the connector as its client.

PayPal's own description judges every request and every answer, where it is there.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import msgspec

from devstack.descriptions import Description, default_folder, load
from devstack.sandbox.books import Books, CardOnFile, ChargeUnknown, Order, ReferenceInUse
from devstack.sandbox.dialects.contract import Act, Ask, Denial, Desk, Happening, Notice, Refused, Settle
from devstack.sandbox.dialects.paypal.certificates import root_pem
from devstack.sandbox.dialects.paypal.dialect import PayPalDialect
from devstack.sandbox.incoming import Incoming, Reply
from devstack.sandbox.ledger import Line, State
from devstack.sandbox.magic import APPROVED as APPROVED_VERDICT
from devstack.sandbox.magic import Verdict, brand_of
from devstack.sandbox.settings import AccountEntry
from mesh.money import Money
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Account
from psp_connectors.domain.guard import settle
from psp_connectors.domain.http import HttpRequest, HttpResponse
from psp_connectors.domain.operations import Authorization, Capture, Operation, Refund, Void
from psp_connectors.domain.outcomes import Outcome
from psp_connectors.domain.webhooks import Authenticity, Notification, RawWebhook, WebhookContext
from tests.fakes.connectors.paypal import CLIENT_ID, WEBHOOK_ID, paypal_account
from tests.fakes.connectors.ports import API_KEY, authorization

PAYPAL = CONNECTORS["paypal"]
SPECS = default_folder()
DESCRIPTION: Description | None = load(SPECS, "paypal") if SPECS is not None else None
BASE_URL = "http://127.0.0.1:8123"
NOW = 1_795_600_000
EUROS = Money(1050, "EUR")
UNDESCRIBED = ("/v1/oauth2/", "/v1/notifications/certs/", "/webapps/", "/v1/notifications/verify-webhook-signature")


class Entry(AccountEntry, frozen=True, kw_only=True):
    """An account with the settings that the dialect needs."""

    settings: dict[str, str] = msgspec.field(default_factory=dict)


def entry(name: str = "paypal_a", api_key: str = API_KEY) -> AccountEntry:
    return Entry(account=name, api_key=api_key, settings={"client_id": CLIENT_ID, "webhook_id": WEBHOOK_ID})


@dataclass
class Counter:
    """An account at the sandbox, served the way the engine does it, without faults."""

    account: AccountEntry = field(default_factory=entry)
    dialect: PayPalDialect = field(default_factory=PayPalDialect)
    lines: list[Line] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    now: int = NOW
    numbers: int = 0
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        self.books = Books(self.account.account, self.lines.append, lambda: self.now)
        self.desk = Desk(self.account, self.books, BASE_URL, lambda: self.now)

    def serve(self, request: HttpRequest) -> Reply:
        parts = urlsplit(request.url)
        incoming = Incoming(
            method=request.method,
            path=parts.path,
            query=parts.query,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.body,
        )
        if not self.dialect.recognises(incoming, self.account):
            return self.dialect.unauthorized(incoming)
        try:
            asked = self.dialect.read(incoming, self.desk)
        except Refused as refused:
            return refused.reply
        match asked:
            case Reply():
                return asked
            case Ask():
                return asked.tell([self.books.charge(one) for one in asked.charges])
            case Settle():
                return self._settle(asked)
            case Act():
                return self._act(asked)

    def _settle(self, asked: Settle) -> Reply:
        entry = self.books.find_id(asked.operation)
        assert entry is not None
        charge = self.books.charge(entry.record.charge)
        if entry.state is State.PENDING:
            decision = self.books.decide(asked.operation, asked.verdict or APPROVED_VERDICT)
            self._tell(Happening(entry=entry, charge=charge, decision=decision))
        return asked.answer(charge)

    def _act(self, act: Act) -> Reply:
        record = self.books.replay(act.key, act.fingerprint.hex())
        replayed = record is not None
        if record is None:
            try:
                record = self.books.perform(self._order(act))
            except ReferenceInUse:
                return self.dialect.turned_away(act, Denial.REFERENCE_IN_USE)
            except ChargeUnknown:
                return self.dialect.turned_away(act, Denial.CHARGE_UNKNOWN)
            charge = self.books.as_of(record)
            self._tell(Happening(entry=charge.entry(record.id), charge=charge))
        charge = self.books.as_of(record)
        return self.dialect.answer(act, charge.entry(record.id), charge, self.desk, replayed=replayed)

    def _order(self, act: Act) -> Order:
        card = act.card
        amount = act.amount if act.amount is not None else self.books.charge(act.charge).rest(act.type)
        on_file = card and CardOnFile(
            brand=brand_of(card.number),
            last4=card.number[-4:],
            bin=card.number[:6],
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            fingerprint="x",
        )
        return Order(
            type=act.type,
            reference=act.reference,
            key=act.key,
            request_digest=act.fingerprint.hex(),
            verdict=self.verdict or act.verdict or APPROVED_VERDICT,
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
        self.notices += self.dialect.notices(happening, self.desk)

    def key(self) -> str:
        self.numbers += 1
        return f"key{self.numbers:029d}"


@dataclass
class Client:
    """The connector, speaking to a counter; PayPal's description judges every request and every answer."""

    counter: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        bare = paypal_account(BASE_URL, webhook_roots=root_pem(self.counter.account.api_key))
        self.account: Account = replace(bare, api_key=Secret(self.counter.account.api_key))
        assert PAYPAL.grant is not None
        token = PAYPAL.grant.parse(self.exchange(PAYPAL.grant.build(self.account)))
        assert token is not None
        self.account = replace(self.account, access_token=token.text)

    def exchange(self, request: HttpRequest) -> HttpResponse:
        path = urlsplit(request.url).path
        described = DESCRIPTION is not None and not path.startswith(UNDESCRIBED)
        if DESCRIPTION is not None and described:
            found = DESCRIPTION.request_findings(request.method, request.url, request.headers, request.body)
            assert found == [], found
        reply = self.counter.serve(request)
        if DESCRIPTION is not None and described:
            found = DESCRIPTION.response_findings(
                request.method, request.url, reply.status, reply.content_type, reply.content()
            )
            assert found == [], (reply.status, reply.body, found)
        headers = {"content-type": reply.content_type} if reply.content_type else {}
        return HttpResponse(status=reply.status, headers=headers | dict(reply.headers), body=reply.content())

    def ask(self, operation: Operation) -> Outcome:
        return settle(operation, PAYPAL.parse(operation, self.exchange(PAYPAL.build(operation, self.account))))

    def post(self, path: str, body: object = None, **headers: str) -> HttpResponse:
        sent = {
            "Authorization": f"Bearer {self.account.access_token.reveal()}",
            "Content-Type": "application/json",
            "PayPal-Request-Id": self.counter.key(),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        reply = self.counter.serve(HttpRequest(method="POST", url=BASE_URL + path, headers=sent, body=content))
        return HttpResponse(status=reply.status, headers={"content-type": reply.content_type}, body=reply.content())

    def authorize(self, reference: str = "pay_1_1", **changes: Any) -> Outcome:
        return self.ask(self.authorization(reference, **changes))

    def authorization(self, reference: str = "pay_1_1", **changes: Any) -> Authorization:
        return replace(authorization(), reference=reference, idempotency_key=self.counter.key(), **changes)

    def capture(self, of: Outcome, value: int = 1050, *, reference: str = "cap_1", final: bool = False) -> Capture:
        return Capture(
            reference=reference,
            idempotency_key=self.counter.key(),
            psp_reference=of.psp_reference,
            amount=Money(value, "EUR"),
            final=final,
        )

    def void(self, of: Outcome) -> Void:
        return Void(reference="void_1", idempotency_key=self.counter.key(), psp_reference=of.psp_reference)

    def refund(self, of: Outcome, value: int = 1050, *, reference: str = "ref_1") -> Refund:
        return Refund(
            reference=reference,
            idempotency_key=self.counter.key(),
            psp_reference="",
            amount=Money(value, "EUR"),
            capture_psp_reference=of.psp_reference,
        )

    def read(self, notice: Notice) -> Notification:
        """Bring the certificate as the runtime does, and read a delivery."""
        assert PAYPAL.read_webhook is not None
        signed = self.counter.dialect.sign(notice, self.counter.desk, self.counter.now)
        raw = RawWebhook(headers=dict(signed.headers), body=signed.body)
        context = WebhookContext(secrets=[], now=self.counter.now)
        wanted = PAYPAL.read_webhook(raw, self.account, context).evidence_wanted
        pem = self.exchange(HttpRequest(method="GET", url=wanted)).body
        reading = PAYPAL.read_webhook(raw, self.account, replace(context, evidence={wanted: pem}))
        assert reading.authenticity is Authenticity.GENUINE
        (notification,) = reading.notifications
        return notification
