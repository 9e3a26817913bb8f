"""What every store of operations that need two approvers does."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mesh.identifiers import new_id
from tests.contract.operation_stores import (
    ASKER,
    DESTROY,
    EXPORT,
    FIRST,
    IMPORT,
    KEY,
    PRIVATE,
    SECOND,
    WORKER,
    Subject,
    subject,
    wrapped_key,
)
from tests.fakes.vault.operation_store import FakeOperationStore
from tests.support.postgres import postgres
from vault_svc.application.ports.operation_store import NotReady
from vault_svc.domain.token import Actor, MerchantId

__all__ = ["postgres", "subject"]


async def test_a_request_is_kept_for_a_day_with_its_parameters(subject: Subject) -> None:
    operation_id, merchant_id = await subject.requested(EXPORT, public_key={"kty": "EC"}, public_key_digest="ab")
    kept = await subject.operations.get(operation_id)
    assert kept is not None
    assert (kept.operation_id, kept.kind, kept.merchant_id) == (operation_id, EXPORT, merchant_id)
    assert kept.parameters == {"public_key": {"kty": "EC"}, "public_key_digest": "ab"}
    assert (kept.requested_by, kept.begun_by, kept.finished_at, kept.approvers) == ("key_asker", "", None, ())
    assert kept.expires_at - kept.requested_at == timedelta(days=1)
    assert kept.requested_at.tzinfo is UTC
    assert subject.audit(operation_id) == [("request_operation", "done", "key_asker")]


async def test_what_nobody_requested_is_not_there(subject: Subject) -> None:
    missing = new_id("cop")
    assert await subject.operations.get(missing) is None
    assert await subject.operations.get("") is None
    assert await subject.operations.approve(missing, FIRST) is False
    assert await subject.operations.begin(missing, EXPORT, WORKER) is None
    assert await subject.operations.cancel(missing, WORKER) is False
    assert await subject.operations.finish(missing, WORKER, "") is False
    assert await subject.operations.destroy_data_key(missing, WORKER) is None
    assert await subject.operations.cards_to_export(missing, WORKER, "", 10) is None
    assert await subject.transfers.import_key(missing) is None
    assert await subject.transfers.keep_import_key(missing, KEY, PRIVATE, WORKER) is None


async def test_two_different_approvers_are_needed(subject: Subject) -> None:
    operation_id, merchant_id = await subject.requested(EXPORT)
    for approver in (None, FIRST, FIRST):
        if approver is not None:
            assert await subject.operations.approve(operation_id, approver)
        with pytest.raises(NotReady):
            await subject.operations.begin(operation_id, EXPORT, WORKER)
    assert await subject.operations.approve(operation_id, SECOND)
    assert await subject.operations.begin(operation_id, EXPORT, WORKER) == merchant_id
    kept = await subject.operations.get(operation_id)
    assert kept is not None
    assert kept.approvers == ("key_first", "key_second")


async def test_the_one_who_asked_and_approved_alone_begins_nothing(subject: Subject) -> None:
    operation_id, _ = await subject.requested(EXPORT)
    await subject.operations.approve(operation_id, ASKER)
    with pytest.raises(NotReady):
        await subject.operations.begin(operation_id, EXPORT, ASKER)


async def test_many_approvals_by_one_at_once_count_once(subject: Subject) -> None:
    operation_id, _ = await subject.requested(IMPORT)
    assert all(await asyncio.gather(*(subject.operations.approve(operation_id, FIRST) for _ in range(6))))
    with pytest.raises(NotReady):
        await subject.operations.begin(operation_id, IMPORT, WORKER)


async def test_an_expired_operation_is_neither_approved_nor_begun(subject: Subject) -> None:
    operation_id, _ = await subject.approved(EXPORT)
    subject.expire(operation_id)
    with pytest.raises(NotReady):
        await subject.operations.approve(operation_id, ASKER)
    with pytest.raises(NotReady):
        await subject.operations.begin(operation_id, EXPORT, WORKER)


async def test_what_was_begun_goes_on_for_seven_days(subject: Subject) -> None:
    operation_id, merchant_id = await subject.approved(EXPORT)
    requested = await subject.operations.get(operation_id)
    await subject.operations.begin(operation_id, EXPORT, WORKER)
    begun = await subject.operations.get(operation_id)
    assert requested is not None
    assert begun is not None
    assert timedelta(days=7) <= begun.expires_at - requested.requested_at < timedelta(days=7, minutes=5)
    assert await subject.operations.begin(operation_id, EXPORT, WORKER) == merchant_id


async def test_what_was_begun_and_is_over_is_not_gone_on_with_and_not_finished(subject: Subject) -> None:
    operation_id, _ = await subject.approved(EXPORT)
    await subject.operations.begin(operation_id, EXPORT, WORKER)
    subject.expire(operation_id)
    with pytest.raises(NotReady):
        await subject.operations.begin(operation_id, EXPORT, WORKER)
    with pytest.raises(NotReady):
        await subject.operations.cards_to_export(operation_id, WORKER, "", 10)
    assert await subject.operations.finish(operation_id, WORKER, "") is False


async def test_an_import_that_is_over_takes_no_card_and_is_closed_with_its_private_key(subject: Subject) -> None:
    operation_id, merchant_id = await subject.approved(IMPORT)
    await subject.transfers.keep_import_key(operation_id, KEY, PRIVATE, WORKER)
    subject.expire(operation_id)
    card = await subject.card(merchant_id)
    with pytest.raises(NotReady):
        await subject.transfers.keeper(operation_id, "line-1").keep_card(card)
    while await subject.operations.end_overdue(1000):
        pass
    kept = await subject.operations.get(operation_id)
    assert kept is not None
    assert kept.finished_at is not None
    assert kept.finished_at >= kept.expires_at
    assert "private_key" not in subject.parameters(operation_id)
    assert subject.audit(operation_id)[-1] == ("import_cards", "lapsed", "vault_svc")
    with pytest.raises(NotReady):
        await subject.operations.begin(operation_id, IMPORT, WORKER)


async def test_who_had_a_part_in_an_operation_takes_it_back_and_nobody_goes_on(subject: Subject) -> None:
    for actor in (ASKER, FIRST, SECOND, WORKER):
        operation_id, merchant_id = await subject.approved(IMPORT)
        await subject.transfers.keep_import_key(operation_id, KEY, PRIVATE, WORKER)
        card = await subject.card(merchant_id)
        assert await subject.operations.cancel(operation_id, actor)
        assert await subject.operations.cancel(operation_id, actor)
        kept = await subject.operations.get(operation_id)
        assert kept is not None
        assert kept.cancelled_by == actor.name
        assert "private_key" not in subject.parameters(operation_id)
        assert subject.audit(operation_id)[-1] == ("cancel_operation", "cancelled", actor.name)
        for call in (
            subject.operations.approve(operation_id, ASKER),
            subject.operations.begin(operation_id, IMPORT, WORKER),
            subject.transfers.keeper(operation_id, "line-1").keep_card(card),
        ):
            with pytest.raises(NotReady):
                await call
        assert await subject.operations.finish(operation_id, WORKER, "") is False


async def test_who_had_no_part_in_it_and_what_is_over_cancels_nothing(subject: Subject) -> None:
    operation_id, _ = await subject.approved(EXPORT)
    with pytest.raises(NotReady):
        await subject.operations.cancel(operation_id, WORKER)
    await subject.operations.begin(operation_id, EXPORT, WORKER)
    assert await subject.operations.finish(operation_id, WORKER, "")
    with pytest.raises(NotReady):
        await subject.operations.cancel(operation_id, WORKER)
    kept = await subject.operations.get(operation_id)
    assert kept is not None
    assert kept.cancelled_by == ""


async def test_what_is_requested_or_still_goes_on_is_not_closed(subject: Subject) -> None:
    begun, _ = await subject.approved(EXPORT)
    await subject.operations.begin(begun, EXPORT, WORKER)
    waiting, _ = await subject.approved(EXPORT)
    subject.expire(waiting)
    await subject.operations.end_overdue(1000)
    for operation_id in (begun, waiting):
        kept = await subject.operations.get(operation_id)
        assert kept is not None
        assert kept.finished_at is None


async def test_that_it_was_begun_is_recorded_once(subject: Subject) -> None:
    operation_id, _ = await subject.approved(IMPORT)
    for _ in range(3):
        await subject.operations.begin(operation_id, IMPORT, WORKER)
    assert subject.audit(operation_id)[-1] == ("import_cards", "begun", "key_worker")
    assert subject.audit(operation_id).count(("import_cards", "begun", "key_worker")) == 1


async def test_what_was_begun_is_not_approved_any_more(subject: Subject) -> None:
    operation_id, _ = await subject.approved(EXPORT)
    await subject.operations.begin(operation_id, EXPORT, WORKER)
    with pytest.raises(NotReady):
        await subject.operations.approve(operation_id, ASKER)


async def test_another_does_not_go_on_with_what_one_began(subject: Subject) -> None:
    operation_id, _ = await subject.approved(EXPORT)
    await subject.operations.begin(operation_id, EXPORT, WORKER)
    for other in (ASKER, FIRST, SECOND):
        with pytest.raises(NotReady):
            await subject.operations.begin(operation_id, EXPORT, other)
        with pytest.raises(NotReady):
            await subject.operations.cards_to_export(operation_id, other, "", 10)
        assert await subject.operations.finish(operation_id, other, "") is False


async def test_of_many_who_begin_at_once_one_does(subject: Subject) -> None:
    operation_id, _ = await subject.approved(EXPORT)
    actors = [Actor(f"key_{number}", "req") for number in range(8)]
    answers = await asyncio.gather(
        *(subject.operations.begin(operation_id, EXPORT, actor) for actor in actors), return_exceptions=True
    )
    assert sum(isinstance(answer, NotReady) for answer in answers) == 7
    kept = await subject.operations.get(operation_id)
    assert kept is not None
    assert answers[actors.index(Actor(kept.begun_by, "req"))] == kept.merchant_id


async def test_an_operation_is_finished_once_and_then_over(subject: Subject) -> None:
    operation_id, _ = await subject.approved(EXPORT)
    assert await subject.operations.finish(operation_id, WORKER, "") is False
    await subject.operations.begin(operation_id, EXPORT, WORKER)
    finished = await asyncio.gather(*(subject.operations.finish(operation_id, WORKER, "to tok_1") for _ in range(5)))
    assert sorted(finished) == [False] * 4 + [True]
    with pytest.raises(NotReady):
        await subject.operations.begin(operation_id, EXPORT, WORKER)
    with pytest.raises(NotReady):
        await subject.operations.cards_to_export(operation_id, WORKER, "", 10)
    kept = await subject.operations.get(operation_id)
    assert kept is not None
    assert kept.finished_at is not None
    assert subject.audit(operation_id).count(("export_cards", "done", "key_worker")) == 1


async def test_an_operation_of_another_kind_is_none(subject: Subject) -> None:
    operation_id, _ = await subject.approved(IMPORT)
    assert await subject.operations.begin(operation_id, EXPORT, WORKER) is None
    assert await subject.operations.cards_to_export(operation_id, WORKER, "", 10) is None
    assert await subject.operations.destroy_data_key(operation_id, WORKER) is None
    exported, _ = await subject.approved(EXPORT, public_key={"kty": "EC"})
    assert await subject.transfers.keep_import_key(exported, KEY, PRIVATE, WORKER) is None
    assert await subject.transfers.import_key(exported) is None


async def test_operations_are_listed_newest_first_from_one_on(subject: Subject) -> None:
    made = sorted([(await subject.requested(EXPORT))[0] for _ in range(5)], reverse=True)
    found = [each.operation_id for each in await subject.operations.list(100, "") if each.operation_id in made]
    assert found == made
    after = [each.operation_id for each in await subject.operations.list(2, made[1])]
    assert after == made[2:4]


async def test_permanent_cards_of_the_merchant_are_exported_page_by_page(subject: Subject) -> None:
    operation_id, merchant_id = await subject.approved(EXPORT)
    kept = sorted([await subject.card(merchant_id) for _ in range(5)], key=lambda card: card.token_id)
    single = await subject.card(merchant_id, life_seconds=600)
    other = await subject.card(MerchantId(new_id("mer")))
    for card in (*kept, single, other):
        await subject.cards.keep_card(card)
    first = await subject.operations.cards_to_export(operation_id, WORKER, "", 3)
    assert first is not None
    assert [card.token_id for card in first] == [card.token_id for card in kept[:3]]
    rest = await subject.operations.cards_to_export(operation_id, WORKER, first[-1].token_id, 3)
    assert rest is not None
    assert [card.token_id for card in rest] == [card.token_id for card in kept[3:]]
    assert (first[0].sealed, first[0].customer_id) == (kept[0].sealed, "cus_1")
    assert first[0].expiry == kept[0].summary.expiry
    assert first[0].data_key == await subject.keys.active_data_key(merchant_id)
    assert await subject.operations.cards_to_export(operation_id, WORKER, rest[-1].token_id, 3) == []
    assert [entry for entry in subject.audit(operation_id) if entry[0] == "export_cards"] == [
        ("export_cards", "begun", "key_worker")
    ] * 3


async def test_a_data_key_is_destroyed_with_its_cards(subject: Subject) -> None:
    merchant_id = MerchantId(new_id("mer"))
    old = [await subject.card(merchant_id) for _ in range(3)]
    for card in old:
        await subject.cards.keep_card(card)
    await subject.keys.keep_data_key(merchant_id, 2, wrapped_key(), "test")
    new = await subject.card(merchant_id)
    await subject.cards.keep_card(new)
    operation_id, _ = await subject.approved(DESTROY, merchant_id, key_version=1)
    # Until whoever saw the old key active has certainly kept its card.
    with pytest.raises(NotReady):
        await subject.operations.destroy_data_key(operation_id, WORKER)
    subject.settle_keys(merchant_id)
    assert await subject.operations.destroy_data_key(operation_id, WORKER) == 3
    exported, _ = await subject.approved(EXPORT, merchant_id)
    cards = await subject.operations.cards_to_export(exported, WORKER, "", 10)
    assert cards is not None
    assert [card.token_id for card in cards] == [new.token_id]
    with pytest.raises(NotReady):
        await subject.operations.destroy_data_key(operation_id, WORKER)
    assert ("destroy_data_key", "destroyed", "key_worker") in subject.audit(operation_id)


async def test_a_key_that_seals_new_cards_is_not_destroyed_until_it_is_replaced(subject: Subject) -> None:
    merchant_id = MerchantId(new_id("mer"))
    await subject.cards.keep_card(await subject.card(merchant_id))
    operation_id, _ = await subject.approved(DESTROY, merchant_id, key_version=1)
    with pytest.raises(NotReady):
        await subject.operations.destroy_data_key(operation_id, WORKER)
    await subject.cards.keep_card(await subject.card(merchant_id))
    await subject.keys.keep_data_key(merchant_id, 2, wrapped_key(), "test")
    subject.settle_keys(merchant_id)
    assert await subject.operations.destroy_data_key(operation_id, WORKER) == 2


async def test_a_key_that_is_not_there_is_not_destroyed(subject: Subject) -> None:
    operation_id, _ = await subject.approved(DESTROY, key_version=7)
    with pytest.raises(NotReady):
        await subject.operations.destroy_data_key(operation_id, WORKER)
    kept = await subject.operations.get(operation_id)
    assert kept is not None
    assert kept.finished_at is not None


async def test_a_key_is_not_destroyed_without_two_approvers(subject: Subject) -> None:
    merchant_id = MerchantId(new_id("mer"))
    await subject.cards.keep_card(await subject.card(merchant_id))
    await subject.keys.keep_data_key(merchant_id, 2, wrapped_key(), "test")
    subject.settle_keys(merchant_id)
    operation_id, _ = await subject.requested(DESTROY, merchant_id, key_version=1)
    await subject.operations.approve(operation_id, FIRST)
    for actor in (FIRST, ASKER):
        with pytest.raises(NotReady):
            await subject.operations.destroy_data_key(operation_id, actor)


async def test_times_are_those_of_now(subject: Subject) -> None:
    if isinstance(subject.operations, FakeOperationStore):
        return
    before = datetime.now(UTC)
    operation_id, _ = await subject.requested(EXPORT)
    kept = await subject.operations.get(operation_id)
    assert kept is not None
    assert before - timedelta(minutes=1) < kept.requested_at < before + timedelta(minutes=1)
