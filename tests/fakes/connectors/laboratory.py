"""The connectors' runtime against the real sandbox PSP over sockets; only the vault is a fake."""

import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from devstack.sandbox.journal import Journal
from devstack.sandbox.server import Sandbox
from devstack.sandbox.settings import AccountEntry
from mesh.money import Money
from psp_connectors.adapters.http.limits import SenderLimits
from psp_connectors.adapters.http.negotiation import NegotiatingSender
from psp_connectors.application.perform_operation import PerformOperation, Runtime
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.breaker import BreakerLimits
from psp_connectors.domain.operations import Capture, CardlessOperation, OperationKind, Refund, Sync, Void
from psp_connectors.domain.outcomes import Outcome
from tests.fakes.connectors.ports import FakeCrashPoints, FakeObserver, FakeVault, account, order

KEYS = {"sandbox_a": "key_of_account_a", "sandbox_b": "key_of_account_b"}
ENTRIES = [AccountEntry(account=name, api_key=key, port=0) for name, key in KEYS.items()]
LONG_SECONDS = 20.0
SHORT_SECONDS = 0.4


@dataclass
class Laboratory:
    """A sandbox, a runtime that speaks to it, and the sandbox's control API."""

    sandbox: Sandbox
    perform: PerformOperation
    vault: FakeVault
    observer: FakeObserver
    control: aiohttp.ClientSession
    seconds: float = LONG_SECONDS
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def new_key(self) -> str:
        return f"key_{next(self.numbers):028d}"

    async def authorize(self, value: int = 1050, *, account_name: str = "sandbox_a", **fields: Any) -> Outcome:
        number = next(self.numbers)
        fields = {"reference": f"pay_{number}_1", "key": f"key_{number:028d}"} | fields
        return await self.perform.authorize(account_name, order(value, **fields), time.monotonic() + self.seconds)

    async def ask(self, operation: CardlessOperation, account_name: str = "sandbox_a") -> Outcome:
        return await self.perform.perform(account_name, operation, time.monotonic() + self.seconds)

    async def sync(self, kind: OperationKind, reference: str, value: int = 1050) -> Outcome:
        amount = None if kind is OperationKind.VOID else Money(value, "EUR")
        return await self.ask(Sync(kind=kind, reference=reference, amount=amount))

    def capture(
        self, psp_reference: str, value: int = 1050, *, reference: str = "cap_1", final: bool = True
    ) -> Capture:
        return Capture(
            reference=reference,
            idempotency_key=self.new_key(),
            psp_reference=psp_reference,
            amount=Money(value, "EUR"),
            final=final,
        )

    def void(self, psp_reference: str, *, reference: str = "void_1") -> Void:
        return Void(reference=reference, idempotency_key=self.new_key(), psp_reference=psp_reference)

    def refund(self, psp_reference: str, value: int = 1050, *, reference: str = "ref_1") -> Refund:
        return Refund(
            reference=reference,
            idempotency_key=self.new_key(),
            psp_reference=psp_reference,
            amount=Money(value, "EUR"),
        )

    async def set_fault(self, account_name: str = "sandbox_a", **fields: Any) -> None:
        async with self.control.put(f"/control/accounts/{account_name}/faults", json=fields) as response:
            assert response.status == 200, await response.text()

    async def heal(self, account_name: str = "sandbox_a") -> None:
        async with self.control.delete(f"/control/accounts/{account_name}/faults") as response:
            assert response.status == 200

    async def truth(self, **query: Any) -> dict[str, Any]:
        async with self.control.get("/control/truth", params=query) as response:
            assert response.status == 200
            truth: dict[str, Any] = await response.json()
            return truth

    async def charge(self, reference: str) -> dict[str, Any] | None:
        """Give the truth of the charge that has an operation of this reference."""
        charges = (await self.truth(reference=reference))["charges"]
        assert len(charges) <= 1
        return charges[0] if charges else None


@contextlib.asynccontextmanager
async def laboratory(
    *, journal: Journal | None = None, limits: SenderLimits | None = None
) -> AsyncIterator[Laboratory]:
    """Start everything on free ports, and stop it."""
    sandbox = Sandbox(listen="127.0.0.1:0", accounts=ENTRIES, journal=journal or Journal(None))
    await sandbox.open()
    accounts = {name: account(name, f"http://127.0.0.1:{port}", KEYS[name]) for name, port in sandbox.ports.items()}
    sender = NegotiatingSender(limits or SenderLimits())
    vault, observer = FakeVault(), FakeObserver()
    perform = PerformOperation(
        accounts=accounts,
        connectors=CONNECTORS,
        vault=vault,
        runtime=Runtime(
            sender=sender,
            crash_points=FakeCrashPoints(),
            observer=observer,
            clock=time.monotonic,
            breaker_limits=BreakerLimits(failures_to_open=1000),
            reserve_seconds=0.15,
        ),
    )
    base_url = f"http://127.0.0.1:{sandbox.control_port}"
    try:
        async with aiohttp.ClientSession(base_url) as control:
            yield Laboratory(sandbox, perform, vault, observer, control)
    finally:
        await sender.close()
        await sandbox.close()
