"""What every store of the vault's keys does."""

import asyncio

from mesh.identifiers import new_id
from tests.contract.vault_stores import Subject, subject, wrapped_key
from tests.support.postgres import postgres
from vault_svc.application.ports.key_store import StoredDataKey
from vault_svc.domain.token import MerchantId

__all__ = ["postgres", "subject"]


async def test_a_merchant_has_no_data_key_before_the_first_is_kept(subject: Subject) -> None:
    assert await subject.keys.active_data_key(subject.merchant_id) == 1
    wrapped = wrapped_key()
    kept = await subject.keys.keep_data_key(subject.merchant_id, 1, wrapped, "vault_svc")
    assert kept == StoredDataKey(1, wrapped)
    assert await subject.keys.active_data_key(subject.merchant_id) == kept
    assert await subject.keys.active_data_key(MerchantId(new_id("mer"))) == 1


async def test_of_many_first_data_keys_one_counts_for_all(subject: Subject) -> None:
    keys = [wrapped_key() for _ in range(16)]
    kept = await asyncio.gather(*(subject.keys.keep_data_key(subject.merchant_id, 1, key, "vault_svc") for key in keys))
    assert len({stored.wrapped.wrapped for stored in kept if stored is not None}) == 1
    assert kept[0] is not None
    assert kept[0].wrapped in keys
    assert [record.action for record in subject.insight.audit_of(subject.merchant_id)] == ["create_data_key"]


async def test_of_many_next_data_keys_one_counts_and_the_version_rises_by_one(subject: Subject) -> None:
    first = await subject.data_key()
    keys = [wrapped_key() for _ in range(8)]
    kept = await asyncio.gather(
        *(subject.keys.keep_data_key(subject.merchant_id, 2, key, "vault_worker") for key in keys)
    )
    assert first not in kept
    assert len({(stored.key_version, stored.wrapped.wrapped) for stored in kept if stored is not None}) == 1
    active = await subject.keys.active_data_key(subject.merchant_id)
    assert active == kept[0]
    assert isinstance(active, StoredDataKey)
    assert active.key_version == 2


async def test_a_version_that_is_not_the_next_replaces_nothing(subject: Subject) -> None:
    assert await subject.keys.keep_data_key(subject.merchant_id, 2, wrapped_key(), "vault_svc") is None
    first = await subject.data_key()
    for version in (1, 3):
        assert await subject.keys.keep_data_key(subject.merchant_id, version, wrapped_key(), "vault_svc") == first
    assert [record.detail for record in subject.insight.audit_of(subject.merchant_id)] == ["version 1"]


async def test_a_destroyed_key_leaves_its_version_and_the_next_one_follows_it(subject: Subject) -> None:
    await subject.data_key()
    subject.insight.destroy_data_key(subject.merchant_id, 1)
    assert await subject.keys.active_data_key(subject.merchant_id) == 2
    # Who still thinks that it is to make the first key gets none.
    assert await subject.keys.keep_data_key(subject.merchant_id, 1, wrapped_key(), "vault_svc") is None
    second = await subject.keys.keep_data_key(subject.merchant_id, 2, wrapped_key(), "vault_svc")
    assert second is not None
    assert await subject.keys.active_data_key(subject.merchant_id) == second


async def test_of_many_first_fingerprint_keys_one_counts_for_all(subject: Subject) -> None:
    # Another test of this server may have made it already: then none of these counts.
    kept = await asyncio.gather(
        *(subject.keys.keep_fingerprint_key(new_id("fpk"), "", wrapped_key(), "vault_svc") for _ in range(8))
    )
    assert all(list(keys) == list(kept[0]) for keys in kept)
    assert kept[0][0].active
    assert list(await subject.keys.fingerprint_keys()) == list(kept[0])


async def test_a_fingerprint_key_is_replaced_by_one_at_a_time_and_once(subject: Subject) -> None:
    await subject.fingerprint_keys()
    subject.insight.destroy_old_fingerprint_key()
    [old] = await subject.keys.fingerprint_keys()
    new_ids = [new_id("fpk") for _ in range(8)]
    kept = await asyncio.gather(
        *(subject.keys.keep_fingerprint_key(key, old.key_id, wrapped_key(), "vault_worker") for key in new_ids)
    )
    assert all(list(keys) == list(kept[0]) for keys in kept)
    active, retiring = kept[0]
    assert active.key_id in new_ids
    assert (active.active, retiring.active) == (True, False)
    assert (retiring.key_id, retiring.wrapped) == (old.key_id, old.wrapped)
    # While it is being replaced no other comes, neither for the new one nor for the old.
    for replaces in (active.key_id, retiring.key_id, ""):
        again = await subject.keys.keep_fingerprint_key(new_id("fpk"), replaces, wrapped_key(), "vault_worker")
        assert list(again) == [active, retiring]
    subject.insight.destroy_old_fingerprint_key()
    assert list(await subject.keys.fingerprint_keys()) == [active]
