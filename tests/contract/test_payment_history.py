"""What every history of payments tells: a merchant's own of a time, newest first, and nothing that is one card's."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from gateway_svc.adapters.postgres.payment_history import PostgresPaymentHistory
from gateway_svc.application.page_tokens import Position
from gateway_svc.application.payment_history import PaymentHistory, ReadHistory
from gateway_svc.application.ports import View
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus
from gateway_svc.domain.stored_credentials import CredentialReason, Initiator, StoredCredential
from gateway_svc.domain.three_ds import ThreeDsResult
from mesh.database import Database
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.contract.payment_stores import Subject, new_payment, subject  # noqa: F401 - a fixture
from tests.fakes.gateway.payment_history import FakePaymentHistory
from tests.fakes.gateway.payment_store import FakePaymentStore
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture

EVER = 2**52
CARD = {"brand": "visa", "last4": "7654", "bin": "411111", "exp_month": 11, "exp_year": 2031, "funding": "debit"}
CASCADES = AttemptVerdict(AttemptStatus.DECLINED, PaymentStatus.PROCESSING, code="do_not_honor")
APPROVED = AttemptVerdict(AttemptStatus.APPROVED, PaymentStatus.SUCCEEDED, psp_reference="psp_1")
STOLEN = AttemptVerdict(
    AttemptStatus.DECLINED, PaymentStatus.DECLINED, code="stolen_card", details={"network_code": "43"}
)


@dataclass
class Past:
    """A merchant with payments, and their history."""

    subject: Subject
    history: PaymentHistory

    async def all(self, begin_us: int = 0, end_us: int = EVER, before: Position | None = None) -> list[View]:
        return list(await self.history.list_routed(self.subject.merchant_id, begin_us, end_us, before, 100))


@pytest.fixture
async def past(request: pytest.FixtureRequest, subject: Subject) -> AsyncIterator[Past]:  # noqa: F811
    if isinstance(subject.store, FakePaymentStore):
        yield Past(subject, FakePaymentHistory(subject.store))
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    database = Database(server.role_urls["gateway_svc"], pool_size=2, name="test")
    await database.open()
    yield Past(subject, PostgresPaymentHistory(database))
    await database.close()


async def test_a_payment_is_told_as_routing_saw_it_with_what_came_of_it(past: Past) -> None:
    store, worker = past.subject.store, past.subject.worker
    payment = await past.subject.begun(card=CARD, amount=4200, metadata={"shop": "berlin", "é": "ß"})
    await store.record_attempt(payment["id"], f"{payment['id']}_1", CASCADES, asked=False)
    _, begun = await worker.begin_attempt(payment["id"], 2, "psp_b", "second")
    assert (await past.all())[0]["status"] == "PROCESSING"
    await store.record_attempt(payment["id"], begun["attempts"][1]["id"], APPROVED, asked=False)
    assert await past.all() == [
        {
            "id": payment["id"],
            "amount": 4200,
            "currency": "EUR",
            "created_us": payment["created_us"],
            "brand": "visa",
            "bin": "411111",
            "funding": "debit",
            "issuer_country": "",
            "initiator": "CUSTOMER",
            "three_ds": "NONE",
            "metadata": {"shop": "berlin", "é": "ß"},
            "first_account": "psp_a",
            "status": "SUCCEEDED",
        }
    ]


async def test_who_started_it_and_what_was_done_before_is_told(past: Past) -> None:
    credential = StoredCredential(Initiator.MERCHANT, CredentialReason.RECURRING, "483297487231504")
    await past.subject.begun(stored_credential=credential)
    await past.subject.begun(three_ds=ThreeDsResult("2.2.0", "U", "07"))
    told = [(each["initiator"], each["three_ds"]) for each in await past.all()]
    assert told == [("CUSTOMER", "EXTERNAL"), ("MERCHANT", "NONE")]


async def test_nothing_of_one_card_alone_is_told(past: Past) -> None:
    await past.subject.begun(card=CARD, token="tok_secret", fingerprint="fpr_secret")
    told = json.dumps(await past.all())
    assert "411111" in told
    for secret in ("7654", "2031", "tok_secret", "fpr_secret"):
        assert secret not in told


async def test_a_payment_that_was_not_sent_has_no_first_account(past: Past) -> None:
    first = await past.subject.begun(fingerprint="fpr_stolen")
    await past.subject.store.record_attempt(first["id"], f"{first['id']}_1", STOLEN, asked=False)
    assert (await past.all())[0]["first_account"] == "psp_a"
    stopped = await past.subject.store.begin_payment(past.subject.operation(), new_payment(fingerprint="fpr_stolen"))
    assert stopped.payment is not None
    newest = (await past.all())[0]
    assert (newest["id"], newest["first_account"], newest["status"]) == (stopped.payment["id"], "", "DECLINED")


async def test_a_time_has_its_begin_and_not_its_end(past: Past) -> None:
    payments = [await past.subject.begun() for _ in range(3)]
    first, second, third = (int(payment["created_us"]) for payment in payments)
    assert first < second < third

    async def found(begin_us: int, end_us: int) -> list[int]:
        return [view["created_us"] for view in await past.all(begin_us, end_us)]

    assert await found(0, EVER) == [third, second, first]
    assert await found(second, third) == [second]
    assert await found(second, third + 1) == [third, second]
    assert await found(third, second) == []


async def test_pages_go_on_where_the_one_before_ended_while_payments_are_made(past: Past) -> None:
    ids = [str((await past.subject.begun())["id"]) for _ in range(5)]
    end_us = (await past.all())[0]["created_us"] + 1
    read = ReadHistory(past.history)
    found: list[str] = []
    token = ""
    for _ in range(3):
        page = await read(past.subject.merchant_id, 0, end_us, 2, token)
        found += [view["id"] for view in page.views]
        token = page.next_token
        await past.subject.begun()
    assert (found, token) == (ids[::-1], "")


async def test_a_token_is_for_its_own_list(past: Past) -> None:
    for _ in range(2):
        await past.subject.begun()
    read = ReadHistory(past.history)
    token = (await read(past.subject.merchant_id, 0, EVER, 1, "")).next_token
    assert token
    for merchant_id, begin_us in ((past.subject.foreign_id, 0), (past.subject.merchant_id, 1)):
        with pytest.raises(Refusal) as caught:
            await read(merchant_id, begin_us, EVER, 1, token)
        assert caught.value.reason is Reason.INVALID_PAGE_TOKEN


async def test_other_merchants_payments_are_not_there(past: Past) -> None:
    await past.subject.begun()
    assert list(await past.history.list_routed(past.subject.foreign_id, 0, EVER, None, 100)) == []
