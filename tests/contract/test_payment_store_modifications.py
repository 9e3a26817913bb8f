"""What every store of the gateway does with captures, voids, refunds and lists."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.application.ports import Begun, Disposition, NewModification
from gateway_svc.application.views import modification_of
from gateway_svc.domain.payment import ModificationKind, ModificationStatus
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.contract.payment_stores import (
    DECLINED,
    DONE,
    FAILED,
    MODIFICATION_KEYS,
    SUMMARY_KEYS,
    UNSURE,
    Subject,
    modification_in,
    subject,
)
from tests.support.postgres import postgres

__all__ = ["postgres", "subject"]


async def test_a_capture_in_parts_then_a_final_one(subject: Subject) -> None:
    payment_id = await subject.authorized()
    begun = await subject.modify("CAPTURE", payment_id, 300, final=False)
    assert begun.disposition is Disposition.STARTED
    modification = modification_in(begun)
    assert set(modification) == MODIFICATION_KEYS
    capture = modification_of(modification)
    assert (capture.kind, capture.status) == (ModificationKind.CAPTURE, ModificationStatus.SENDING)
    assert (capture.amount, capture.currency, capture.final) == (300, "EUR", False)
    assert (capture.account, capture.payment_psp_reference) == ("psp_a", "psp_1")
    assert begun.payment is not None
    assert begun.payment["amount_capture_pending"] == 300
    recorded, payment = await subject.store.record_modification(capture.id, DONE, asked=False)
    assert (recorded["status"], recorded["psp_reference"]) == ("SUCCEEDED", "psp_2")
    assert (payment["status"], payment["amount_captured"], payment["amount_capture_pending"]) == ("AUTHORIZED", 300, 0)
    last = modification_in(await subject.modify("CAPTURE", payment_id, 200))
    _, payment = await subject.store.record_modification(last["id"], DONE, asked=False)
    assert (payment["status"], payment["amount_captured"]) == ("SUCCEEDED", 500)
    assert [(item["amount"], item["final"], item["status"]) for item in payment["captures"]] == [
        (300, False, "SUCCEEDED"),
        (200, True, "SUCCEEDED"),
    ]


async def test_a_capture_without_an_amount_takes_all_that_is_left(subject: Subject) -> None:
    payment_id = await subject.authorized(999)
    capture = modification_in(await subject.modify("CAPTURE", payment_id))
    assert (capture["amount"], capture["final"]) == (999, True)


async def test_a_failed_capture_frees_its_amount(subject: Subject) -> None:
    payment_id = await subject.authorized()
    capture = modification_in(await subject.modify("CAPTURE", payment_id))
    recorded, payment = await subject.store.record_modification(capture["id"], FAILED, asked=False)
    assert (recorded["status"], recorded["code"], recorded["raw_code"]) == ("FAILED", "invalid_transaction", "12")
    assert (payment["status"], payment["amount_capture_pending"]) == ("AUTHORIZED", 0)
    again = await subject.modify("CAPTURE", payment_id)
    assert again.disposition is Disposition.STARTED


async def test_captures_and_voids_that_may_not_be(subject: Subject) -> None:
    payment_id = await subject.authorized()
    await subject.refuses(Reason.CAPTURE_EXCEEDS_AUTHORIZED, "CAPTURE", payment_id, 1001)
    await subject.refuses(Reason.PAYMENT_NOT_REFUNDABLE, "REFUND", payment_id, 1)
    capture = modification_in(await subject.modify("CAPTURE", payment_id, 400, final=False))
    await subject.refuses(Reason.CAPTURE_EXCEEDS_AUTHORIZED, "CAPTURE", payment_id, 601)
    await subject.refuses(Reason.MODIFICATION_IN_PROGRESS, "CAPTURE", payment_id, 600)
    await subject.refuses(Reason.MODIFICATION_IN_PROGRESS, "VOID", payment_id)
    await subject.store.record_modification(capture["id"], DONE, asked=False)
    await subject.refuses(Reason.PAYMENT_NOT_VOIDABLE, "VOID", payment_id)
    await subject.modify("CAPTURE", payment_id, 100)
    await subject.refuses(Reason.MODIFICATION_IN_PROGRESS, "CAPTURE", payment_id, 1, final=False)
    declined = await subject.begun()
    await subject.store.record_attempt(declined["id"], f"{declined['id']}_1", DECLINED, asked=False)
    await subject.refuses(Reason.PAYMENT_NOT_CAPTURABLE, "CAPTURE", declined["id"])
    await subject.refuses(Reason.PAYMENT_NOT_VOIDABLE, "VOID", declined["id"])


async def test_a_void_releases_and_blocks_meanwhile(subject: Subject) -> None:
    payment_id = await subject.authorized()
    begun = await subject.modify("VOID", payment_id)
    void = modification_in(begun)
    assert (void["kind"], void["amount"]) == ("VOID", 0)
    assert begun.payment is not None
    assert begun.payment["void_pending"]
    await subject.refuses(Reason.MODIFICATION_IN_PROGRESS, "CAPTURE", payment_id)
    await subject.refuses(Reason.MODIFICATION_IN_PROGRESS, "VOID", payment_id)
    _, payment = await subject.store.record_modification(void["id"], DONE, asked=False)
    assert (payment["status"], payment["void_pending"]) == ("VOIDED", False)
    assert [item["status"] for item in payment["voids"]] == ["SUCCEEDED"]
    await subject.refuses(Reason.PAYMENT_NOT_VOIDABLE, "VOID", payment_id)


async def test_refunds_never_exceed_what_was_captured(subject: Subject) -> None:
    payment_id = await subject.captured()
    first = modification_in(await subject.modify("REFUND", payment_id, 600))
    assert first["reason"] == "because"
    await subject.refuses(Reason.REFUND_EXCEEDS_CAPTURED, "REFUND", payment_id, 401)
    await subject.store.record_modification(first["id"], FAILED, asked=False)
    results = await asyncio.gather(
        *(subject.modify("REFUND", payment_id, 300) for _ in range(6)), return_exceptions=True
    )
    started = [begun for begun in results if isinstance(begun, Begun)]
    refused = [error.reason for error in results if isinstance(error, Refusal)]
    assert (len(started), refused) == (3, [Reason.REFUND_EXCEEDS_CAPTURED] * 3)
    for begun in started:
        await subject.store.record_modification(modification_in(begun)["id"], DONE, asked=False)
    rest = modification_in(await subject.modify("REFUND", payment_id))
    assert rest["amount"] == 100
    await subject.refuses(Reason.MODIFICATION_IN_PROGRESS, "REFUND", payment_id)
    _, payment = await subject.store.record_modification(rest["id"], DONE, asked=False)
    assert (payment["amount_refunded"], payment["amount_refund_pending"]) == (1000, 0)
    await subject.refuses(Reason.PAYMENT_NOT_REFUNDABLE, "REFUND", payment_id)


@pytest.mark.parametrize("kind", ["CAPTURE", "REFUND"])
async def test_a_modification_is_replayed_resumed_and_in_flight_as_a_payment_is(subject: Subject, kind: str) -> None:
    payment_id = await (subject.captured() if kind == "REFUND" else subject.authorized())
    key = new_id("key")
    modification = modification_in(await subject.modify(kind, payment_id, key=key))
    again = await subject.modify(kind, payment_id, key=key)
    assert again.disposition is Disposition.IN_FLIGHT
    assert modification_in(again)["id"] == modification["id"]
    await subject.store.release_lease(subject.operation(key))
    resumed = await subject.modify(kind, payment_id, key=key)
    assert (resumed.disposition, modification_in(resumed)["id"]) == (Disposition.RESUME, modification["id"])
    recorded, payment = await subject.store.record_modification(modification["id"], DONE, asked=False)
    replayed = await subject.modify(kind, payment_id, key=key)
    assert replayed.disposition is Disposition.REPLAYED
    assert replayed.answer == (recorded if kind == "REFUND" else payment)
    found = await subject.store.find_operation(subject.operation(key))
    assert (found.disposition, modification_in(found)["id"]) == (Disposition.REPLAYED, modification["id"])


async def test_an_unknown_modification_stays_pending_until_it_is_settled_once(subject: Subject) -> None:
    payment_id = await subject.captured()
    refund = modification_in(await subject.modify("REFUND", payment_id))
    await subject.store.record_modification(refund["id"], UNSURE, asked=False)
    recorded, payment = await subject.worker.record_modification(
        refund["id"], replace(UNSURE, not_found=True), asked=True
    )
    assert (recorded["status"], recorded["asks"], recorded["not_founds"]) == ("UNKNOWN", 1, 1)
    assert (payment["amount_refund_pending"], payment["amount_refunded"]) == (1000, 0)
    await subject.worker.record_modification(refund["id"], DONE, asked=True)
    late, payment = await subject.store.record_modification(refund["id"], FAILED, asked=False)
    assert (late["status"], payment["amount_refunded"]) == ("SUCCEEDED", 1000)
    loaded, same = await subject.worker.load_modification(refund["id"])
    assert modification_of(loaded).age_seconds >= 0
    assert same == payment


async def test_a_merchant_sees_nothing_of_another(subject: Subject) -> None:
    payment_id = await subject.captured()
    refund = modification_in(await subject.modify("REFUND", payment_id))
    store = subject.store
    new = NewModification(new_id("ref"), "REFUND", payment_id, None, None, "")
    operation = replace(subject.operation(), merchant_id=subject.foreign_id)
    for call, reason in (
        (store.get_payment(subject.foreign_id, payment_id), Reason.PAYMENT_NOT_FOUND),
        (store.get_refund(subject.foreign_id, refund["id"]), Reason.REFUND_NOT_FOUND),
        (store.begin_modification(operation, new), Reason.PAYMENT_NOT_FOUND),
    ):
        with pytest.raises(Refusal) as caught:
            await call
        assert caught.value.reason is reason
    assert await store.list_payments(subject.foreign_id, {}, 10) == []
    assert await store.list_refunds(subject.foreign_id, {"payment_id": payment_id}, 10) == []
    assert (await store.get_refund(subject.merchant_id, refund["id"])) == refund


async def test_payments_are_listed_newest_first_and_page_by_page(subject: Subject) -> None:
    views = [await subject.begun() for _ in range(5)]
    listed = await subject.store.list_payments(subject.merchant_id, {}, 10)
    assert [view["id"] for view in listed] == [view["id"] for view in reversed(views)]
    assert set(listed[0]) == SUMMARY_KEYS
    first = await subject.store.list_payments(subject.merchant_id, {}, 2)
    position = {"before_us": first[-1]["created_us"], "before_id": first[-1]["id"]}
    rest = await subject.store.list_payments(subject.merchant_id, position, 101)
    assert [view["id"] for view in [*first, *rest]] == [view["id"] for view in listed]


async def test_lists_keep_to_their_filters(subject: Subject) -> None:
    reference = new_id("order")
    euro = await subject.begun(merchant_reference=reference)
    yen = await subject.begun(currency="JPY")
    done = await subject.captured()

    async def ids(**filters: Any) -> list[str]:
        return [view["id"] for view in await subject.store.list_payments(subject.merchant_id, filters, 10)]

    assert await ids(merchant_reference=reference) == [euro["id"]]
    assert await ids(merchant_reference="none") == []
    assert await ids(currency="JPY") == [yen["id"]]
    assert await ids(status="SUCCEEDED") == [done]
    assert await ids(status="PROCESSING", currency="EUR") == [euro["id"]]
    assert await ids(created_from_us=yen["created_us"]) == [done, yen["id"]]
    assert await ids(created_before_us=yen["created_us"]) == [euro["id"]]
    assert await ids(created_from_us=-62_135_596_800_000_000, created_before_us=253_402_300_799_999_999) != []


async def test_refunds_are_listed_of_one_payment_or_of_all(subject: Subject) -> None:
    one, other = await subject.captured(), await subject.captured()
    refunds = [modification_in(await subject.modify("REFUND", payment, 10)) for payment in (one, other, one)]
    listed = await subject.store.list_refunds(subject.merchant_id, {}, 10)
    assert [view["id"] for view in listed] == [view["id"] for view in reversed(refunds)]
    of_one = await subject.store.list_refunds(subject.merchant_id, {"payment_id": one}, 10)
    assert [view["id"] for view in of_one] == [refunds[2]["id"], refunds[0]["id"]]
    position = {"before_us": listed[0]["created_us"], "before_id": listed[0]["id"]}
    assert await subject.store.list_refunds(subject.merchant_id, position, 10) == listed[1:]
