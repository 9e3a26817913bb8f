"""`payera demo psps`: a payment at each PSP's wire API, seen by the merchant and on the wire, and a cascade."""

import http
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from devstack.configuration import Configuration
from devstack.demo.chapters import APPROVED_CARD, Exchange, Merchant
from devstack.demo.showing import Style, lines_of
from devstack.demo.wire import wire_lines
from devstack.errors import StackError
from devstack.names import PSP_ACCOUNT_PORTS, PSP_DIALECTS
from devstack.rest import Rest
from devstack.sandbox.magic import ACCOUNT_STEP, FIRST_AMOUNT
from devstack.seed import merchant_at, remembered_merchant

AMOUNT: Final = 1050
#: Network code 91, issuer unavailable: a decline that another PSP may turn into an approval.
ISSUER_UNAVAILABLE: Final = 191
SETTLE_SECONDS: Final = 20.0
_UNDER_WAY: Final = "PROCESSING"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The control API of the sandbox, as far as the demonstration reads it."""

    rest: Rest

    def last_exchange(self, account: str) -> int:
        """Return the number of the account's newest exchange."""
        return int(self._read(account, f"exchanges?after={2**53}")["count"])

    def exchanges(self, account: str, after: int) -> list[dict[str, Any]]:
        """Return what was said at the account since, without what is secret."""
        return list(self._read(account, f"exchanges?after={after}")["exchanges"])

    def webhooks(self, account: str, payment_id: str) -> Iterator[str]:
        """Wait until the account's webhooks are through, and yield a line for each one of the payment."""
        self.rest.send("POST", f"/control/accounts/{account}/webhooks:settle", b"{}")
        for webhook in self._read(account, f"webhooks?reference={payment_id}")["webhooks"]:
            answered = ", ".join(str(attempt["status"]) for attempt in webhook["attempts"])
            yield f"{webhook['type']}: {webhook['state']}, answered {answered or 'never'}"

    def _read(self, account: str, path: str) -> dict[str, Any]:
        answer = self.rest.get(f"/control/accounts/{account}/{path}")
        if answer.status == http.HTTPStatus.NOT_FOUND:
            message = f"the sandbox PSP of this stack has no account {account}"
            raise StackError(message, "it was started before there was one: payera restart sandbox connectors")
        return answer.body


@dataclass(frozen=True, slots=True)
class Stage:
    """What a chapter is played on."""

    configuration: Configuration
    operator_key: str
    sandbox: Sandbox
    style: Style
    echo: Callable[[str], None]
    whole: bool

    def pay(self, title: str, amount: int, *accounts: str) -> None:
        """Make one payment that goes to these accounts, best first, and show both sides of it."""
        before = {account: self.sandbox.last_exchange(account) for account in accounts}
        shop = self._merchant(title, accounts)
        self.echo(self.style.faint("   the merchant"))
        payment = self._settled(shop, shop.pay(APPROVED_CARD, amount))
        for account in accounts:
            self.echo(self.style.faint(f"   between the connector and {account}"))
            for exchange in self.sandbox.exchanges(account, before[account]):
                for line in wire_lines(exchange, whole=self.whole):
                    self.echo(f"      {line}")
        for account in accounts:
            for line in self.sandbox.webhooks(account, payment["id"]):
                self.echo(f"   webhook of {account}: {line}")
        if payment["status"] != "SUCCEEDED":
            message = f"{payment['id']} is {payment['status']}, the story wants SUCCEEDED"
            raise StackError(message, "see why: payera logs gateway, payera logs connectors")

    def _merchant(self, title: str, accounts: tuple[str, ...]) -> Merchant:
        def show(exchange: Exchange) -> None:
            for line in lines_of(exchange, self.style):
                self.echo(line)

        key = merchant_at(self.configuration, self.operator_key, f"Demonstration: {title}", accounts)
        return Merchant(Rest(self.configuration.rest_url, key), time.monotonic, show)

    def _settled(self, shop: Merchant, payment: Mapping[str, Any]) -> dict[str, Any]:
        """Wait, for a bounded time, for a PSP that says by webhook what became of the payment."""
        deadline = time.monotonic() + SETTLE_SECONDS
        current = dict(payment)
        while current["status"] == _UNDER_WAY and time.monotonic() < deadline:
            time.sleep(0.1)
            current = shop.read(f"/v1/payments/{payment['id']}")
        if current["status"] != payment["status"]:
            self.echo(f"   then {self.style.good(current['status'])}, as the PSP's webhook said")
        return current


def play_psps(configuration: Configuration, style: Style, echo: Callable[[str], None], *, whole: bool) -> None:
    """Play a payment at each PSP and a cascade; raise StackError when an answer is not what the story wants."""
    from devstack.sandbox.dialects.registry import dialect

    merchant = remembered_merchant(configuration)
    if merchant is None:
        message = "there is no seeded merchant"
        raise StackError(message, "bring the stack up first: payera up")
    sandbox = Sandbox(Rest(configuration.sandbox_url, ""))
    stage = Stage(configuration, merchant.operator_key, sandbox, style, echo, whole)
    for number, (account, name) in enumerate(PSP_DIALECTS.items(), 1):
        guide = dialect(name).guide
        _head(stage, f"{number}. {guide.title}", f"the account {account} speaks {guide.title}, {guide.version}")
        stage.pay(guide.title, AMOUNT, account)
    first, second = list(PSP_DIALECTS)[:2]
    title = f"{len(PSP_DIALECTS) + 1}. A cascade from {first} to {second}"
    _head(stage, title, "the first has no issuer on the line, the second approves; the merchant sees one payment")
    stage.pay("cascade", cascading_amount(first), first, second)


def cascading_amount(account: str) -> int:
    """Return the amount for which this account alone says that the issuer is unavailable; see docs/sandbox.md."""
    position = list(PSP_ACCOUNT_PORTS).index(account) + 1
    return FIRST_AMOUNT + position * ACCOUNT_STEP + ISSUER_UNAVAILABLE


def _head(stage: Stage, title: str, watch: str) -> None:
    stage.echo("")
    stage.echo(stage.style.heading(title))
    stage.echo(stage.style.faint(f"   {watch}"))
