"""Tries an account's credentials at its PSP without moving money."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.application.ports import Accounts, HttpSender
from psp_connectors.domain.connector import Account, Connector, TokenGrant, Unsendable
from psp_connectors.domain.http import HttpRequest, HttpResponse, NotSent, NotSentReason, UnansweredReason

CHECK_SECONDS: Final = 10.0
_DETAIL_MAX: Final = 300
_REASONS: Final[Mapping[NotSentReason | UnansweredReason, str]] = {
    NotSentReason.CONNECT_FAILED: "no connection to the PSP: the address, the network or the PSP's certificate",
    NotSentReason.POOL_EXHAUSTED: "all connections of this account are in use",
    NotSentReason.NO_TIME: "no time was left",
    UnansweredReason.TIMEOUT: "the PSP did not answer in time",
    UnansweredReason.CONNECTION_LOST: "the connection broke before the PSP had answered",
    UnansweredReason.TOO_LARGE: "the PSP's answer is larger than is read",
    UnansweredReason.UNREADABLE: "the PSP's answer can't be read",
}


class CheckVerdict(StrEnum):
    """What a check came to."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    UNREACHABLE = "UNREACHABLE"
    NOT_POSSIBLE = "NOT_POSSIBLE"


@dataclass(slots=True)
class CheckReport:
    """A check's verdict, what was tried (method and address without the query), and what is to be said to people."""

    verdict: CheckVerdict = CheckVerdict.FAILED
    detail: str = ""
    tried: list[str] = field(default_factory=list)

    def concluded(self, verdict: CheckVerdict, detail: str) -> "CheckReport":
        """Give the report with its verdict."""
        self.verdict, self.detail = verdict, detail[:_DETAIL_MAX]
        return self


class CheckAccount:
    """Checks accounts: gets a token of its own where the PSP wants one, then makes the connector's harmless call."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        connectors: Mapping[str, Connector],
        sender: HttpSender,
        clock: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._connectors = connectors
        self._sender = sender
        self._clock = clock

    async def __call__(self, name: str) -> CheckReport:
        """Check an account, disabled or not; refuses with PSP_ACCOUNT_NOT_FOUND. Ends within ten seconds."""
        account = self._accounts.get(name)
        if account is None:
            raise Refusal(Reason.PSP_ACCOUNT_NOT_FOUND, account=name[:64])
        report = CheckReport()
        try:
            return await self._checked(account, report, self._clock() + CHECK_SECONDS)
        except Unsendable as refusal:
            return report.concluded(CheckVerdict.FAILED, refusal.detail)

    async def _checked(self, account: Account, report: CheckReport, deadline: float) -> CheckReport:
        connector = self._connectors[account.connector]
        if connector.grant is not None:
            granted = await self._granted(account, connector.grant, report, deadline)
            if granted is None:
                return report
            account = granted
        if connector.check is None:
            if connector.grant is not None:
                return report.concluded(CheckVerdict.PASSED, "the PSP gives a token for these credentials")
            return report.concluded(CheckVerdict.NOT_POSSIBLE, "this PSP has no call that moves no money")
        answer = await self._ask(account, connector.check.build(account), report, deadline)
        if answer is None:
            return report
        result = connector.check.parse(account, answer)
        return report.concluded(CheckVerdict.PASSED if result.passed else CheckVerdict.FAILED, result.detail)

    async def _granted(
        self, account: Account, grant: TokenGrant, report: CheckReport, deadline: float
    ) -> Account | None:
        answer = await self._ask(account, grant.build(account), report, deadline)
        if answer is None:
            return None
        token = grant.parse(answer)
        if token is None:
            detail = f"the PSP gives no token for these credentials (status {answer.status})"
            report.concluded(CheckVerdict.FAILED, detail)
            return None
        return replace(account, access_token=token.text)

    async def _ask(
        self, account: Account, request: HttpRequest, report: CheckReport, deadline: float
    ) -> HttpResponse | None:
        url = urlsplit(request.url)
        report.tried.append(f"{request.method} {url.scheme}://{url.netloc}{url.path}")
        delivery = await self._sender.send(account, request, deadline)
        if isinstance(delivery, HttpResponse):
            return delivery
        known = _REASONS[delivery.reason]
        sent = "nothing was sent" if isinstance(delivery, NotSent) else "sent"
        report.concluded(CheckVerdict.UNREACHABLE, f"{known} ({sent})")
        return None
