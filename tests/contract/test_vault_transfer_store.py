"""What every store of imports does."""

import asyncio
import secrets
from dataclasses import replace

import pytest

from mesh.identifiers import new_id
from tests.contract.operation_stores import (
    EXPORT,
    FIRST,
    IMPORT,
    KEY,
    PRIVATE,
    WORKER,
    Subject,
    subject,
    wrapped_key,
)
from tests.support.postgres import postgres
from vault_svc.application.ports.card_envelopes import PublicKey
from vault_svc.application.ports.card_store import KeyRetired
from vault_svc.application.ports.operation_store import NotReady
from vault_svc.application.ports.transfer_store import SealedImportKey, SourceIdReused
from vault_svc.domain.token import MerchantId, TokenId

__all__ = ["postgres", "subject"]


async def test_the_key_of_an_import_is_kept_once_and_gone_at_its_end(subject: Subject) -> None:
    operation_id, _ = await subject.approved(IMPORT)
    assert await subject.transfers.import_key(operation_id) is None
    kept = await subject.transfers.keep_import_key(operation_id, KEY, PRIVATE, WORKER)
    assert kept is not None
    assert (dict(kept.public_key), kept.private) == (KEY.jwk, PRIVATE)
    other = PublicKey({**KEY.jwk, "kid": "other"}, "cd" * 32)
    later = SealedImportKey(PRIVATE.wrapped, secrets.token_bytes(170))
    assert await subject.transfers.keep_import_key(operation_id, other, later, WORKER) == kept
    assert await subject.transfers.import_key(operation_id) == kept
    operation = await subject.operations.get(operation_id)
    assert operation is not None
    assert (operation.begun_by, operation.parameters["public_key_digest"]) == ("key_worker", KEY.digest)
    assert "private_key" in subject.parameters(operation_id)
    assert await subject.operations.finish(operation_id, WORKER, "")
    assert "private_key" not in subject.parameters(operation_id)
    over = await subject.transfers.import_key(operation_id)
    assert over is not None
    assert over.private is None
    assert subject.audit(operation_id).count(("create_import_key", "done", "key_worker")) == 1


async def test_of_many_keys_at_once_one_counts_for_all(subject: Subject) -> None:
    operation_id, _ = await subject.approved(IMPORT)
    keys = [SealedImportKey(PRIVATE.wrapped, secrets.token_bytes(170)) for _ in range(6)]
    kept = await asyncio.gather(*(subject.transfers.keep_import_key(operation_id, KEY, key, WORKER) for key in keys))
    privates = [each.private for each in kept if each is not None]
    assert len(privates) == 6
    assert all(private == privates[0] for private in privates)


async def test_no_key_without_two_approvers(subject: Subject) -> None:
    operation_id, _ = await subject.requested(IMPORT)
    await subject.operations.approve(operation_id, FIRST)
    with pytest.raises(NotReady):
        await subject.transfers.keep_import_key(operation_id, KEY, PRIVATE, WORKER)
    assert await subject.transfers.import_key(operation_id) is None


async def test_a_line_that_comes_again_has_the_token_of_the_first_time(subject: Subject) -> None:
    operation_id, merchant_id = await subject.approved(IMPORT)
    await subject.operations.begin(operation_id, IMPORT, WORKER)
    card = await subject.card(merchant_id)
    keeper = subject.transfers.keeper(operation_id, "card-1")
    first = await keeper.keep_card(card)
    again = await keeper.keep_card(replace(card, token_id=TokenId(new_id("tok"))))
    assert first.token_id == again.token_id == card.token_id
    token = await subject.cards.describe_token(merchant_id, card.token_id)
    assert token is not None
    assert (token.usage.value, token.customer_id, token.summary) == ("permanent", "cus_1", card.summary)
    assert token.fingerprint == first.fingerprint == again.fingerprint


async def test_a_deleted_card_does_not_come_back_with_its_line(subject: Subject) -> None:
    operation_id, merchant_id = await subject.approved(IMPORT)
    await subject.operations.begin(operation_id, IMPORT, WORKER)
    card = await subject.card(merchant_id)
    keeper = subject.transfers.keeper(operation_id, "card-1")
    await keeper.keep_card(card)
    assert await subject.cards.delete_token(merchant_id, card.token_id, WORKER)
    again = await keeper.keep_card(replace(card, token_id=TokenId(new_id("tok"))))
    assert again.token_id == card.token_id
    assert await subject.cards.describe_token(merchant_id, card.token_id) is None


async def test_the_same_line_many_times_at_once_makes_one_token(subject: Subject) -> None:
    operation_id, merchant_id = await subject.approved(IMPORT)
    await subject.operations.begin(operation_id, IMPORT, WORKER)
    card = await subject.card(merchant_id)
    keeper = subject.transfers.keeper(operation_id, "card-1")
    tokens = await asyncio.gather(*(keeper.keep_card(replace(card, token_id=TokenId(new_id("tok")))) for _ in range(6)))
    assert len({token.token_id for token in tokens}) == 1
    assert await subject.cards.describe_token(merchant_id, tokens[0].token_id) is not None


async def test_another_number_under_the_same_id_is_refused(subject: Subject) -> None:
    operation_id, merchant_id = await subject.approved(IMPORT)
    await subject.operations.begin(operation_id, IMPORT, WORKER)
    keeper = subject.transfers.keeper(operation_id, "card-1")
    await keeper.keep_card(await subject.card(merchant_id))
    other = await subject.card(merchant_id)
    with pytest.raises(SourceIdReused):
        await keeper.keep_card(other)
    # Also one that the merchant has by another id.
    await subject.transfers.keeper(operation_id, "card-2").keep_card(other)
    with pytest.raises(SourceIdReused):
        await keeper.keep_card(replace(other, token_id=TokenId(new_id("tok"))))


async def test_the_same_number_under_two_ids_is_two_tokens_with_one_fingerprint(subject: Subject) -> None:
    operation_id, merchant_id = await subject.approved(IMPORT)
    await subject.operations.begin(operation_id, IMPORT, WORKER)
    card = await subject.card(merchant_id)
    second = await subject.card(merchant_id, recognition=replace(card.recognition, new_id=new_id("fpr")))
    tokens = [
        await subject.transfers.keeper(operation_id, f"card-{place}").keep_card(each)
        for place, each in enumerate((card, second))
    ]
    assert tokens[0].token_id != tokens[1].token_id
    assert tokens[0].fingerprint == tokens[1].fingerprint
    again = await subject.transfers.keeper(operation_id, "card-1").keep_card(
        replace(second, token_id=TokenId(new_id("tok")))
    )
    assert again.token_id == tokens[1].token_id


async def test_ids_are_those_of_one_import(subject: Subject) -> None:
    first, merchant_id = await subject.approved(IMPORT)
    second, _ = await subject.approved(IMPORT, merchant_id)
    tokens = set()
    for operation_id in (first, second):
        await subject.operations.begin(operation_id, IMPORT, WORKER)
        keeper = subject.transfers.keeper(operation_id, "card-1")
        tokens.add((await keeper.keep_card(await subject.card(merchant_id))).token_id)
    assert len(tokens) == 2


async def test_a_card_under_a_retired_key_is_not_noted_as_imported(subject: Subject) -> None:
    operation_id, merchant_id = await subject.approved(IMPORT)
    await subject.operations.begin(operation_id, IMPORT, WORKER)
    old = await subject.card(merchant_id)
    await subject.keys.keep_data_key(merchant_id, 2, wrapped_key(), "test")
    keeper = subject.transfers.keeper(operation_id, "card-1")
    with pytest.raises(KeyRetired):
        await keeper.keep_card(old)
    new = await subject.card(merchant_id)
    assert (await keeper.keep_card(new)).token_id == new.token_id


async def test_cards_come_in_only_through_an_import_that_this_key_has_begun(subject: Subject) -> None:
    operation_id, merchant_id = await subject.approved(IMPORT)
    card = await subject.card(merchant_id)
    keeper = subject.transfers.keeper(operation_id, "card-1")
    with pytest.raises(NotReady):
        await keeper.keep_card(card)
    await subject.operations.begin(operation_id, IMPORT, WORKER)
    with pytest.raises(NotReady):
        await keeper.keep_card(replace(card, actor=FIRST))
    with pytest.raises(NotReady):
        await keeper.keep_card(await subject.card(MerchantId(new_id("mer"))))
    with pytest.raises(NotReady):
        await subject.transfers.keeper(new_id("cop"), "card-1").keep_card(card)
    exported, _ = await subject.approved(EXPORT, merchant_id)
    await subject.operations.begin(exported, EXPORT, WORKER)
    with pytest.raises(NotReady):
        await subject.transfers.keeper(exported, "card-1").keep_card(card)
    await subject.operations.finish(operation_id, WORKER, "")
    with pytest.raises(NotReady):
        await keeper.keep_card(card)
    assert await subject.cards.describe_token(merchant_id, card.token_id) is None
