"""Operations that need two approvers: what may be asked for, who counts, and the destruction of a data key."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from mesh.identifiers import is_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.unit.vault_svc.transfers import (
    ASKER,
    DESTROY,
    EXPORT,
    FIRST,
    IMPORT,
    SECOND,
    WORKER,
    Recipient,
    Transfers,
)
from tests.unit.vault_svc.vaults import MERCHANT, NUMBER, OTHER_NUMBER
from vault_svc.application.controlled_operations import OperationRequest, OperationState, state_of
from vault_svc.application.purge import Purge
from vault_svc.domain.token import Actor, MerchantId


async def refused(call: Awaitable[Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value


async def test_an_export_is_asked_for_with_the_recipients_key_and_shows_its_digest() -> None:
    desk, recipient = Transfers(), Recipient()
    made = await desk.operations.request(OperationRequest(EXPORT, MERCHANT, recipient.public_key), ASKER)
    assert is_id("cop", made.operation_id)
    assert (made.requested_by, made.approvers) == ("key_asker", ())
    assert made.parameters["public_key_digest"] == desk.envelopes.read_public_key(recipient.public_key).digest
    assert "d" not in made.parameters["public_key"]
    assert [record.action for record in desk.vault.store.audit] == ["request_operation"]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (OperationRequest(EXPORT, MERCHANT), "public_key"),
        (OperationRequest(EXPORT, MERCHANT, '{"kty": "oct", "k": "AAAA"}'), "public_key"),
        (OperationRequest(EXPORT, MERCHANT, Recipient(kty="EC", crv="P-521").public_key), "public_key"),
        (OperationRequest(EXPORT, MERCHANT, Recipient().public_key, 1), "key_version"),
        (OperationRequest(IMPORT, MERCHANT, Recipient().public_key), "public_key"),
        (OperationRequest(IMPORT, MERCHANT, "", 1), "key_version"),
        (OperationRequest(DESTROY, MERCHANT), "key_version"),
        (OperationRequest(DESTROY, MERCHANT, Recipient().public_key, 1), "public_key"),
        (OperationRequest(IMPORT, MerchantId(NUMBER)), "merchant_id"),
    ],
)
async def test_what_does_not_belong_together_is_not_asked_for(wanted: OperationRequest, field: str) -> None:
    desk = Transfers()
    refusal = await refused(desk.operations.request(wanted, ASKER))
    assert refusal.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in refusal.violations] == [field]
    assert NUMBER not in repr(refusal.metadata)
    assert desk.store.operations == {}


async def test_two_keys_have_to_approve_and_one_counts_once() -> None:
    desk = Transfers()
    made = await desk.operations.request(OperationRequest(IMPORT, MERCHANT), ASKER)
    for approver, state in ((FIRST, OperationState.REQUESTED), (FIRST, OperationState.REQUESTED)):
        approved = await desk.operations.approve(made.operation_id, approver)
        assert state_of(approved, desk.vault.store.clock.now()) is state
        refusal = await refused(desk.keys.public_key(made.operation_id, WORKER))
        assert refusal.reason is Reason.OPERATION_NOT_READY
    approved = await desk.operations.approve(made.operation_id, SECOND)
    assert state_of(approved, desk.vault.store.clock.now()) is OperationState.APPROVED
    assert approved.approvers == ("key_first", "key_second")


async def test_the_state_goes_from_requested_to_finished_and_else_to_expired() -> None:
    desk = Transfers()
    operation_id = await desk.approved(EXPORT, Recipient().public_key)

    async def state() -> OperationState:
        kept = await desk.store.get(operation_id)
        assert kept is not None
        return state_of(kept, desk.vault.store.clock.now())

    assert await state() is OperationState.APPROVED
    desk.vault.store.clock.time += timedelta(days=1)
    assert await state() is OperationState.EXPIRED
    desk.vault.store.clock.time -= timedelta(seconds=1)
    page = await desk.export(operation_id, "", 10, WORKER)
    desk.vault.store.clock.time += timedelta(days=7)
    assert await state() is OperationState.EXPIRED
    desk.vault.store.clock.time -= timedelta(seconds=1)
    assert await state() is OperationState.BEGUN
    await desk.export(operation_id, page.next_position, 10, WORKER)
    assert await state() is OperationState.FINISHED


async def test_an_expired_operation_can_neither_be_approved_nor_begun() -> None:
    desk = Transfers()
    operation_id = await desk.approved(EXPORT, Recipient().public_key)
    desk.vault.store.clock.time += timedelta(days=1)
    for call in (desk.operations.approve(operation_id, ASKER), desk.export(operation_id, "", 10, WORKER)):
        refusal = await refused(call)
        assert refusal.reason is Reason.OPERATION_NOT_READY
        assert refusal.metadata["operation_id"] == operation_id
        assert refusal.metadata["state"]


async def test_what_was_begun_is_over_after_seven_days_and_can_not_be_finished_any_more() -> None:
    desk = Transfers()
    exported = await desk.approved(EXPORT, Recipient().public_key)
    page = await desk.export(exported, "", 10, WORKER)
    imported = await desk.approved(IMPORT)
    await desk.keys.public_key(imported, WORKER)
    desk.vault.store.clock.time += timedelta(days=7)
    for _ in range(2):
        for call in (
            desk.export(exported, "", 10, WORKER),
            desk.export(exported, page.next_position, 10, WORKER),
            desk.keys.public_key(imported, WORKER),
            desk.take(imported, [], WORKER, last=True),
        ):
            assert (await refused(call)).reason is Reason.OPERATION_NOT_READY
        # Nor when the purge has been there.
        await Purge(desk.vault.store, desk.vault.keys, desk.store)()
    for operation_id in (exported, imported):
        kept = await desk.store.get(operation_id)
        assert kept is not None
        assert state_of(kept, desk.vault.store.clock.now()) is OperationState.EXPIRED
        assert "private_key" not in kept.parameters


async def test_what_was_cancelled_is_shown_as_such_and_goes_on_for_nobody() -> None:
    desk = Transfers()
    operation_id = await desk.approved(IMPORT)
    await desk.keys.public_key(operation_id, WORKER)
    assert (await refused(desk.operations.cancel(operation_id, Actor("key_thief", "req_9")))).metadata["state"]
    cancelled = await desk.operations.cancel(operation_id, FIRST)
    assert state_of(cancelled, desk.vault.store.clock.now()) is OperationState.CANCELLED
    for call in (
        desk.keys.public_key(operation_id, WORKER),
        desk.take(operation_id, [], WORKER, last=True),
        desk.operations.approve(operation_id, SECOND),
    ):
        assert (await refused(call)).reason is Reason.OPERATION_NOT_READY


@pytest.mark.parametrize("operation_id", ["cop_" + "0" * 26, "cop_1", "", NUMBER, "tok_" + "0" * 26])
async def test_what_is_no_operation_is_not_found_and_does_not_reach_the_audit(operation_id: str) -> None:
    desk = Transfers()
    for call in (
        desk.operations.approve(operation_id, FIRST),
        desk.operations.cancel(operation_id, FIRST),
        desk.destroy(operation_id, WORKER),
        desk.export(operation_id, "", 10, WORKER),
        desk.export(operation_id, "end:", 10, WORKER),
        desk.keys.public_key(operation_id, WORKER),
        desk.take(operation_id, [], WORKER, last=True),
    ):
        refusal = await refused(call)
        assert refusal.reason is Reason.OPERATION_NOT_FOUND
        assert NUMBER not in refusal.metadata["operation_id"]
    assert desk.vault.store.audit == []


async def test_operations_are_listed_page_by_page() -> None:
    desk = Transfers()
    made = sorted(
        [(await desk.operations.request(OperationRequest(IMPORT, MERCHANT), ASKER)).operation_id for _ in range(5)],
        reverse=True,
    )
    first, more = await desk.operations.list(3, "")
    assert ([each.operation_id for each in first], more) == (made[:3], True)
    rest, more = await desk.operations.list(3, first[-1].operation_id)
    assert ([each.operation_id for each in rest], more) == (made[3:], False)


async def test_a_destroyed_key_takes_its_cards_with_it_and_leaves_the_others() -> None:
    desk = Transfers()
    old = await desk.keep(NUMBER)
    await desk.vault.rotate()
    desk.vault.keys.forget(MERCHANT)
    new = await desk.keep(OTHER_NUMBER)
    operation_id = await desk.approved(DESTROY, key_version=1)
    assert (await refused(desk.destroy(operation_id, WORKER))).reason is Reason.OPERATION_NOT_READY
    desk.vault.store.keys.just_retired.clear()
    assert await desk.destroy(operation_id, WORKER) == 1
    assert (await desk.vault.reveal(new.token_id)).details.number.reveal() == OTHER_NUMBER
    with pytest.raises(Refusal):
        await desk.vault.reveal(old.token_id)
    assert (await refused(desk.destroy(operation_id, WORKER))).reason is Reason.OPERATION_NOT_READY


async def test_the_key_of_new_cards_is_not_destroyed() -> None:
    desk = Transfers()
    token = await desk.keep(NUMBER)
    operation_id = await desk.approved(DESTROY, key_version=1)
    assert (await refused(desk.destroy(operation_id, WORKER))).reason is Reason.OPERATION_NOT_READY
    assert (await desk.vault.reveal(token.token_id)).details.number.reveal() == NUMBER


async def test_nobody_destroys_a_key_alone() -> None:
    desk = Transfers()
    await desk.keep(NUMBER)
    await desk.vault.rotate()
    made = await desk.operations.request(OperationRequest(DESTROY, MERCHANT, "", 1), ASKER)
    await desk.operations.approve(made.operation_id, ASKER)
    for actor in (ASKER, FIRST):
        refusal = await refused(desk.destroy(made.operation_id, actor))
        assert refusal.reason is Reason.OPERATION_NOT_READY
    assert desk.vault.store.keys.data_key(MERCHANT, 1) is not None
