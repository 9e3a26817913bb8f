"""Stored cards: which tokens the vault is to be told of, and which payments need the card's code; fake and real."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.application.ports import TokenToKeep, View
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus
from mesh.identifiers import new_id
from tests.contract.payment_stores import (
    APPROVED,
    AUTHORIZED,
    DECLINED,
    DONE,
    UNKNOWN,
    Subject,
    modification_in,
    new_payment,
    subject,
)
from tests.support.postgres import postgres

__all__ = ["postgres", "subject"]

NOT_SENT = AttemptVerdict(AttemptStatus.NOT_SENT, PaymentStatus.FAILED, code="psp_unavailable")
SOFT = replace(DECLINED, code="insufficient_funds")
MOVING_ON = replace(DECLINED, payment_status=PaymentStatus.PROCESSING, code="do_not_honor")


async def due(subject: Subject, *payments: View) -> list[TokenToKeep]:
    """Give what the sweep is handed out of these payments once its time has come."""
    await subject.make_due()
    ids = {payment["id"] for payment in payments}
    return [wanted for wanted in await subject.worker.take_tokens_to_keep(1000) if wanted.payment_id in ids]


def wanted_of(subject: Subject, payment: View) -> TokenToKeep:
    return TokenToKeep(payment["id"], subject.merchant_id, payment["token"])


async def recorded(subject: Subject, payment: View, verdict: AttemptVerdict, ordinal: int = 1, **more: Any) -> View:
    more = {"asked": False} | more
    return await subject.store.record_attempt(payment["id"], f"{payment['id']}_{ordinal}", verdict, **more)


async def test_the_wish_is_shown_and_part_of_the_answer(subject: Subject) -> None:
    operation = subject.operation()
    payment = await subject.begun(operation, store_card=True)
    assert payment["store_card"] is True
    assert (await subject.begun())["store_card"] is False
    final = await recorded(subject, payment, APPROVED)
    assert final["store_card"] is True
    assert (await subject.store.get_payment(subject.merchant_id, payment["id"]))["store_card"] is True
    assert (await subject.store.begin_payment(operation, new_payment())).answer == final
    listed = await subject.store.list_payments(subject.merchant_id, {}, 10)
    assert [view["store_card"] for view in listed] == [False, True]


@pytest.mark.parametrize(
    ("capture_method", "verdict"),
    [("AUTOMATIC", APPROVED), ("MANUAL", AUTHORIZED)],
)
async def test_an_approval_notes_the_token_once_whoever_records_it(
    subject: Subject, capture_method: str, verdict: AttemptVerdict
) -> None:
    payment = await subject.begun(capture_method=capture_method, store_card=True)
    attempt_id = f"{payment['id']}_1"
    await asyncio.gather(
        *(subject.store.record_attempt(payment["id"], attempt_id, verdict, asked=False) for _ in range(3)),
        *(subject.worker.record_attempt(payment["id"], attempt_id, verdict, asked=True) for _ in range(3)),
    )
    assert await due(subject, payment) == [wanted_of(subject, payment)]


@pytest.mark.parametrize("verdict", [DECLINED, NOT_SENT, UNKNOWN])
async def test_what_is_not_approved_keeps_nothing(subject: Subject, verdict: AttemptVerdict) -> None:
    payment = await subject.begun(store_card=True)
    await recorded(subject, payment, verdict)
    assert await due(subject, payment) == []


async def test_without_the_wish_nothing_is_kept(subject: Subject) -> None:
    payment = await subject.begun()
    await recorded(subject, payment, APPROVED)
    assert await due(subject, payment) == []


async def test_a_cascade_and_a_late_answer_keep_the_token_too(subject: Subject) -> None:
    cascaded, late = await subject.begun(store_card=True), await subject.begun(store_card=True)
    await recorded(subject, cascaded, MOVING_ON)
    await subject.worker.begin_attempt(cascaded["id"], 2, "psp_b", "second")
    await recorded(subject, late, UNKNOWN)
    assert await due(subject, cascaded, late) == []
    await recorded(subject, cascaded, APPROVED, 2)
    await recorded(subject, late, APPROVED, asked=True)
    assert {wanted.payment_id for wanted in await due(subject, cascaded, late)} == {cascaded["id"], late["id"]}


async def test_a_capture_void_or_refund_notes_nothing_more(subject: Subject) -> None:
    payment = await subject.begun(capture_method="MANUAL", store_card=True)
    await recorded(subject, payment, AUTHORIZED)
    await subject.worker.drop_token_to_keep(payment["id"])
    for kind in ("CAPTURE", "REFUND"):
        begun = modification_in(await subject.modify(kind, payment["id"]))
        await subject.store.record_modification(begun["id"], DONE, asked=False)
    assert await due(subject, payment) == []


async def test_whoever_recorded_it_has_a_moment_before_the_sweep(subject: Subject) -> None:
    payment = await subject.begun(store_card=True)
    await recorded(subject, payment, APPROVED)
    assert payment["id"] not in {wanted.payment_id for wanted in await subject.worker.take_tokens_to_keep(1000)}


async def test_a_token_is_handed_out_to_one_taker_and_again_until_it_is_dropped(subject: Subject) -> None:
    payment = await subject.begun(store_card=True)
    await recorded(subject, payment, APPROVED)
    await subject.make_due()
    taken = await asyncio.gather(*(subject.worker.take_tokens_to_keep(1000) for _ in range(2)))
    assert [wanted for batch in taken for wanted in batch].count(wanted_of(subject, payment)) == 1
    assert wanted_of(subject, payment) not in await subject.worker.take_tokens_to_keep(1000)
    assert await due(subject, payment) == [wanted_of(subject, payment)]
    await subject.store.drop_token_to_keep(payment["id"])
    await subject.worker.drop_token_to_keep(payment["id"])
    assert await due(subject, payment) == []
    # The record that comes late notes nothing anew.
    await recorded(subject, payment, APPROVED, asked=True)
    assert await due(subject, payment) == []


async def test_no_more_is_handed_out_than_was_asked_for(subject: Subject) -> None:
    payments = [await subject.begun(store_card=True) for _ in range(3)]
    for payment in payments:
        await recorded(subject, payment, APPROVED)
    await subject.make_due()
    first = await subject.worker.take_tokens_to_keep(2)
    rest = await subject.worker.take_tokens_to_keep(1000)
    assert len(first) == 2
    assert {wanted.payment_id for wanted in first + rest} >= {payment["id"] for payment in payments}
    assert not {wanted.payment_id for wanted in first} & {wanted.payment_id for wanted in rest}


class TestCodes:
    async def test_the_setting_is_taken_over_when_a_payment_begins(self, subject: Subject) -> None:
        before = await subject.begun()
        await subject.require_codes()
        after = await subject.begun()
        assert (before["code_required"], after["code_required"]) == (False, True)
        assert (await subject.store.load_payment(before["id"]))["code_required"] is False
        assert (await subject.store.load_payment(after["id"]))["code_required"] is True
        foreign = replace(subject.operation(), merchant_id=subject.foreign_id)
        begun = await subject.store.begin_payment(foreign, new_payment())
        assert begun.payment is not None
        assert begun.payment["code_required"] is False

    async def test_a_kept_card_needs_no_code_again(self, subject: Subject) -> None:
        await subject.require_codes()
        token = new_id("tok")
        first = await subject.begun(token=token, store_card=True)
        assert first["code_required"] is True
        await recorded(subject, first, APPROVED)
        # From the approval on, whether the vault has been told yet or not.
        assert (await subject.begun(token=token))["code_required"] is False
        await subject.worker.drop_token_to_keep(first["id"])
        assert (await subject.begun(token=token, store_card=True))["code_required"] is False
        assert (await subject.begun())["code_required"] is True

    async def test_a_card_that_the_vault_has_on_file_needs_no_code(self, subject: Subject) -> None:
        await subject.require_codes()
        assert (await subject.begun(card_on_file=True))["code_required"] is False
        assert (await subject.begun(card_on_file=True, store_card=True))["code_required"] is False
        assert (await subject.begun())["code_required"] is True

    @pytest.mark.parametrize(("store_card", "verdict"), [(True, SOFT), (False, APPROVED)])
    async def test_a_card_that_is_not_kept_needs_its_code_again(
        self, subject: Subject, verdict: AttemptVerdict, *, store_card: bool
    ) -> None:
        await subject.require_codes()
        first = await subject.begun(store_card=store_card)
        await recorded(subject, first, verdict)
        assert (await subject.begun(token=first["token"]))["code_required"] is True

    async def test_another_merchants_kept_card_is_not_mine(self, subject: Subject) -> None:
        await subject.require_codes()
        token = new_id("tok")
        foreign = replace(subject.operation(), merchant_id=subject.foreign_id)
        begun = await subject.store.begin_payment(foreign, new_payment(token=token, store_card=True))
        assert begun.payment is not None
        await recorded(subject, begun.payment, APPROVED)
        assert (await subject.begun(token=token))["code_required"] is True

    async def test_what_is_told_of_a_payment_is_its_last_decline(self, subject: Subject) -> None:
        payment = await subject.begun()
        await recorded(subject, payment, replace(NOT_SENT, payment_status=PaymentStatus.PROCESSING))
        await subject.worker.begin_attempt(payment["id"], 2, "psp_b", "second")
        final = await recorded(subject, payment, replace(DECLINED, code="cvc_required", raw_code=""), 2)
        assert (final["status"], final["decline"]) == ("DECLINED", {"code": "cvc_required", "raw_code": ""})
        after_decline = await subject.begun()
        await recorded(subject, after_decline, MOVING_ON)
        await subject.worker.begin_attempt(after_decline["id"], 2, "psp_b", "second")
        unsent = replace(NOT_SENT, payment_status=PaymentStatus.DECLINED)
        final = await recorded(subject, after_decline, unsent, 2)
        assert final["decline"]["code"] == "do_not_honor"
