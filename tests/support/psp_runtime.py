"""The connectors' runtime for one PSP account, for tests that speak to a PSP over sockets; only the vault is a fake."""

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from psp_connectors.adapters.certificates import HttpCertificates
from psp_connectors.adapters.http.limits import SenderLimits
from psp_connectors.adapters.http.negotiation import NegotiatingSender
from psp_connectors.application.perform_operation import PerformOperation, Runtime
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.breaker import BreakerLimits
from psp_connectors.domain.connector import Account
from psp_connectors.domain.http import Delivery, HttpRequest
from tests.fakes.connectors.ports import FakeCrashPoints, FakeObserver, FakeVault


@dataclass
class CountingSender:
    """The real sender, and how many requests it was given."""

    sender: NegotiatingSender = field(default_factory=lambda: NegotiatingSender(SenderLimits()))
    requests: int = 0

    async def send(self, account: Account, request: HttpRequest, deadline: float) -> Delivery:
        self.requests += 1
        return await self.sender.send(account, request, deadline)


@dataclass
class PspRuntime:
    """What speaks to the PSP."""

    account: Account
    perform: PerformOperation
    sender: CountingSender
    observer: FakeObserver
    certificates: HttpCertificates


@contextlib.asynccontextmanager
async def psp_runtime(account: Account) -> AsyncIterator[PspRuntime]:
    """Start a runtime that never stops trying, and stop it; nothing in it may have misbehaved."""
    sender, observer = CountingSender(), FakeObserver()
    accounts = {account.name: account}
    perform = PerformOperation(
        accounts=accounts,
        connectors=CONNECTORS,
        vault=FakeVault(),
        runtime=Runtime(
            sender=sender,
            crash_points=FakeCrashPoints(),
            observer=observer,
            clock=time.monotonic,
            breaker_limits=BreakerLimits(failures_to_open=1000),
            reserve_seconds=0.15,
        ),
    )
    yield PspRuntime(account, perform, sender, observer, HttpCertificates(sender=sender, accounts=accounts))
    await perform.close()
    await sender.sender.close()
    assert observer.errors == []
