"""The check of an account's credentials: what it says, and that it says no secret."""

from collections.abc import Sequence

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.application.check_account import CheckAccount, CheckReport, CheckVerdict
from psp_connectors.domain.http import Delivery, HttpResponse, NotSent, NotSentReason, Unanswered, UnansweredReason
from tests.fakes.connectors.inbox import API_KEY, CLIENT_SECRET, Inbox
from tests.fakes.connectors.ports import FakeSender, account
from tests.fakes.connectors.signing_psp import CONNECTORS

GOOD = HttpResponse(status=200)
BAD = HttpResponse(status=401)
TRIED = ["POST https://psp.example/token", "GET https://psp.example/me"]


async def check(deliveries: Sequence[Delivery]) -> CheckReport:
    inbox = Inbox()
    await inbox.open()
    sender = FakeSender(list(deliveries))
    report = await CheckAccount(accounts=inbox.registry, connectors=CONNECTORS, sender=sender, clock=lambda: 1000.0)(
        "acme"
    )
    assert set(sender.deadlines) == {1010.0}, "both calls share one time"
    said = report.detail + " ".join(report.tried)
    assert API_KEY not in said
    assert CLIENT_SECRET not in said
    assert "in_the_query" not in said
    return report


async def test_good_credentials_pass() -> None:
    report = await check([GOOD, GOOD])
    assert (report.verdict, report.tried, report.detail) == (CheckVerdict.PASSED, TRIED, "status 200")


async def test_credentials_that_get_no_token_fail() -> None:
    report = await check([BAD])
    assert (report.verdict, report.tried) == (CheckVerdict.FAILED, TRIED[:1])
    assert "401" in report.detail


async def test_credentials_that_the_psp_refuses_fail() -> None:
    report = await check([GOOD, BAD])
    assert (report.verdict, report.tried, report.detail) == (CheckVerdict.FAILED, TRIED, "status 401")


@pytest.mark.parametrize("reason", [*NotSentReason, *UnansweredReason])
async def test_a_psp_out_of_reach_says_nothing_of_the_credentials(reason: NotSentReason | UnansweredReason) -> None:
    delivery = NotSent(reason) if isinstance(reason, NotSentReason) else Unanswered(reason)
    report = await check([GOOD, delivery])
    assert (report.verdict, report.tried) == (CheckVerdict.UNREACHABLE, TRIED)
    assert ("nothing was sent" in report.detail) == isinstance(reason, NotSentReason)


async def test_a_connector_without_a_harmless_call_sends_nothing() -> None:
    sender = FakeSender([GOOD])
    accounts = {"sandbox_a": account()}
    report = await CheckAccount(accounts=accounts, connectors=CONNECTORS, sender=sender, clock=lambda: 0.0)("sandbox_a")
    assert (report.verdict, sender.sent) == (CheckVerdict.NOT_POSSIBLE, [])


async def test_an_account_that_is_not_there_is_not_found() -> None:
    with pytest.raises(Refusal) as caught:
        await CheckAccount(accounts={}, connectors=CONNECTORS, sender=FakeSender(), clock=lambda: 0.0)("nobody")
    assert caught.value.reason is Reason.PSP_ACCOUNT_NOT_FOUND
