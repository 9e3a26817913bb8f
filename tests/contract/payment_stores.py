"""The two payment stores that the contract suites run against, with what a test needs to drive them."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
from psycopg.types.json import Jsonb

from gateway_svc.adapters.postgres.cryptogram_seal import CryptogramSeal
from gateway_svc.adapters.postgres.payment_store import PostgresPaymentStore
from gateway_svc.application.ports import (
    Begun,
    Disposition,
    NewModification,
    NewPayment,
    Operation,
    PaymentStore,
    TokensToKeep,
    View,
)
from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from gateway_svc.domain.payment import (
    AttemptStatus,
    Candidate,
    ModificationStatus,
    PaymentStatus,
)
from mesh.database import Database
from mesh.identifiers import new_id
from mesh.keyring import create_keyring
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.payment_store import FakePaymentStore
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture

CARD = {
    "brand": "visa",
    "last4": "1111",
    "bin": "411111",
    "exp_month": 12,
    "exp_year": 2030,
    "networks": ["visa", "cartes_bancaires"],
    "funding": "debit",
    "issuer_country": "FR",
}
SUMMARY_KEYS = {
    *("id", "merchant_id", "status", "amount", "currency", "capture_method", "token", "card", "merchant_reference"),
    *(
        "store_card",
        "code_required",
        "cascade",
        "three_ds_preference",
        "return_url",
        "next_action",
        "stored_credential",
        "three_ds",
        "exemption",
    ),
    *("description", "metadata", "statement_descriptor", "amount_authorized", "amount_captured", "amount_refunded"),
    *(
        "amount_capture_pending",
        "amount_refund_pending",
        "final_capture_pending",
        "void_pending",
        "decline",
        "under_review",
        "seq",
    ),
    *("candidates", "created_us", "updated_us"),
}
PAYMENT_KEYS = SUMMARY_KEYS | {"attempts", "captures", "voids"}
ATTEMPT_KEYS = {
    *("id", "ordinal", "account", "status", "psp_reference", "code", "raw_code", "route_reason"),
    *("late_asks", "cancel", "cancels"),
    *("asks", "not_founds", "created_us", "details", "expected_us", "reversals", "reversal"),
}
MODIFICATION_KEYS = {
    *("id", "payment_id", "merchant_id", "kind", "account", "payment_psp_reference", "status", "amount", "currency"),
    *("final", "reason", "code", "raw_code", "psp_reference", "asks", "not_founds", "under_review", "created_us"),
    *("updated_us", "details", "expected_us", "reversed", "capture_psp_reference"),
}

APPROVED = AttemptVerdict(AttemptStatus.APPROVED, PaymentStatus.SUCCEEDED, psp_reference="psp_1")
AUTHORIZED = replace(APPROVED, payment_status=PaymentStatus.AUTHORIZED)
DECLINED = AttemptVerdict(AttemptStatus.DECLINED, PaymentStatus.DECLINED, code="lost_card", raw_code="41")
UNKNOWN = AttemptVerdict(AttemptStatus.UNKNOWN, PaymentStatus.PROCESSING, code="psp_timeout")
DONE = ModificationVerdict(ModificationStatus.SUCCEEDED, psp_reference="psp_2")
FAILED = ModificationVerdict(ModificationStatus.FAILED, code="invalid_transaction", raw_code="12")
UNSURE = ModificationVerdict(ModificationStatus.UNKNOWN, code="psp_timeout")


class Store(PaymentStore, TokensToKeep, Protocol):
    """Everything that the procedures of payments do."""


@dataclass
class Subject:
    """A store as the servers and as the workers hold it, and a merchant that exists.

    `require_codes` makes that merchant's first payments need the card's code, `narrow` its payments move on less far,
    `make_due` lets the time of all tokens to keep have come.
    """

    store: Store
    worker: Store
    merchant_id: str
    foreign_id: str
    require_codes: Callable[[], Awaitable[None]]
    make_due: Callable[[], Awaitable[None]]
    narrow: Callable[[dict[str, Any]], Awaitable[None]]

    def operation(self, key: str = "", lease_ms: int = 60_000, body: bytes = b"body") -> Operation:
        return Operation(self.merchant_id, key or new_id("key"), hashlib.sha256(body).digest(), lease_ms)

    async def begun(self, operation: Operation | None = None, **changes: Any) -> View:
        begun = await self.store.begin_payment(operation or self.operation(), new_payment(**changes))
        assert begun.disposition is Disposition.CREATED
        assert begun.payment is not None
        return begun.payment

    async def authorized(self, amount: int = 1000) -> str:
        payment = await self.begun(capture_method="MANUAL", amount=amount)
        await self.store.record_attempt(payment["id"], f"{payment['id']}_1", AUTHORIZED, asked=False)
        return str(payment["id"])

    async def captured(self, amount: int = 1000) -> str:
        payment = await self.begun(amount=amount)
        await self.store.record_attempt(payment["id"], f"{payment['id']}_1", APPROVED, asked=False)
        return str(payment["id"])

    async def modify(
        self, kind: str, payment_id: str, amount: int | None = None, *, final: bool | None = None, key: str = ""
    ) -> Begun:
        prefix = {"CAPTURE": "cap", "VOID": "void", "REFUND": "ref"}[kind]
        new = NewModification(new_id(prefix), kind, payment_id, amount, final, "because")
        return await self.store.begin_modification(self.operation(key), new)

    async def refuses(self, reason: Reason, kind: str, payment_id: str, amount: int | None = None, **more: Any) -> None:
        before = await self.store.get_payment(self.merchant_id, payment_id)
        key = new_id("key")
        with pytest.raises(Refusal) as caught:
            await self.modify(kind, payment_id, amount, key=key, **more)
        assert caught.value.reason is reason
        assert await self.store.get_payment(self.merchant_id, payment_id) == before
        found = await self.store.find_operation(self.operation(key))
        assert found.disposition is Disposition.NONE


def new_payment(**changes: Any) -> NewPayment:
    values: dict[str, Any] = {
        "id": new_id("pay"),
        "amount": 1000,
        "currency": "EUR",
        "capture_method": "AUTOMATIC",
        "token": new_id("tok"),
        "card": CARD,
        "merchant_reference": "",
        "description": "two books",
        "metadata": {"order": "17", "é": "ß"},
        "statement_descriptor": "BOOKS",
        "candidates": [Candidate("psp_a", "first"), Candidate("psp_b", "second")],
    }
    return NewPayment(**values | changes)


def new_seal(folder: Path) -> CryptogramSeal:
    create_keyring(folder / "keyring.json")
    return CryptogramSeal(folder / "keyring.json")


def modification_in(begun: Begun) -> View:
    assert begun.modification is not None
    return begun.modification


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    merchants = (new_id("mer"), new_id("mer"))
    if request.param == "fake":
        store = FakePaymentStore(merchants=set(merchants))

        async def require() -> None:
            store.need_codes.add(merchants[0])

        async def let_time_pass() -> None:
            store.tokens.make_due()

        async def narrow_fake(cascade: dict[str, Any]) -> None:
            store.cascades[merchants[0]] = cascade

        yield Subject(store, store, *merchants, require, let_time_pass, narrow_fake)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    database = Database(server.role_urls["gateway_svc"], pool_size=6, name="test")
    worker = Database(server.role_urls["gateway_worker"], pool_size=2, name="test")
    await database.open()
    await worker.open()
    for merchant_id in merchants:
        await database.call("gateway.create_merchant", merchant_id, "Test")

    async def require_codes() -> None:
        await database.call("gateway.configure_merchant", merchants[0], True)

    async def narrow(cascade: dict[str, Any]) -> None:
        await database.call("gateway.configure_merchant", merchants[0], False, Jsonb(cascade))

    async def make_due() -> None:
        async with await psycopg.AsyncConnection.connect(server.admin_url, autocommit=True) as administrator:
            await administrator.execute("UPDATE gateway.token_to_keep SET next_try_at = now() - interval '1 second'")

    seal = new_seal(tmp_path)
    stores = PostgresPaymentStore(database, seal), PostgresPaymentStore(worker, seal)
    yield Subject(*stores, *merchants, require_codes, make_due, narrow)
    await worker.close()
    await database.close()
