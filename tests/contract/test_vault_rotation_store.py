"""What every store of rotations does, the one in memory and PostgreSQL alike."""

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mesh.identifiers import new_id
from tests.fakes.vault.rotation_store import FakeRotationStore
from tests.support.postgres import PostgresServer
from tests.support.vault_rotation import (
    KINDS,
    NUMBERS,
    Drive,
    RotationLab,
    fake_lab,
    postgres_lab,
    vault_database,
)
from vault_svc.application.ports.card_store import KeyRetired, Recognition, SealedCard
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.application.ports.rotation_store import MerchantToRotate
from vault_svc.application.ports.rotations import RotationKind
from vault_svc.application.rotate_keys import Progress
from vault_svc.domain.token import MerchantId, Token

KEK, DATA, FINGERPRINT = KINDS
EVER = datetime(9999, 1, 1, tzinfo=UTC)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with vault_database() as running:
        yield running


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[RotationLab]:
    if request.param == "fake":
        yield fake_lab()
        return
    async with postgres_lab(request.getfixturevalue("server")) as real:
        yield real


def sealed() -> SealedCard:
    return SealedCard(secrets.token_bytes(61), secrets.token_bytes(93))


def wrapped(key_id: str = "kek_9") -> WrappedKey:
    return WrappedKey(key_id, secrets.token_bytes(60))


def fingerprint_key_id() -> str:
    return new_id("fpk")


async def owner_with_card(lab: RotationLab, number: str = NUMBERS[0], *, code: str = "") -> tuple[MerchantId, Token]:
    merchant_id = MerchantId(new_id("mer"))
    return merchant_id, await lab.keep(merchant_id, number, code=code)


async def test_merchants_are_due_by_the_age_of_their_key_and_listed_in_order(lab: RotationLab) -> None:
    owners = sorted([(await owner_with_card(lab))[0] for _ in range(3)])
    store = lab.store
    assert await store.merchants_to_rotate("", NEVER, "", 10) == []
    due = [MerchantToRotate(owner, 1, is_due=True) for owner in owners]
    assert await store.merchants_to_rotate("", EVER, "", 10) == due
    assert await store.merchants_to_rotate("", EVER, "", 2) == due[:2]
    assert await store.merchants_to_rotate("", EVER, owners[0], 10) == due[1:]
    assert await store.merchants_to_rotate(owners[2], EVER, "", 10) == due[2:]
    assert await store.merchants_to_rotate(owners[2], EVER, owners[2], 10) == []

    def an_hour_ago() -> datetime:
        return datetime.fromtimestamp(lab.now(), tz=UTC) - timedelta(hours=1)

    assert await store.merchants_to_rotate("", an_hour_ago(), "", 10) == []
    lab.age(3_700)
    assert await store.merchants_to_rotate("", an_hour_ago(), "", 10) == due


async def test_a_merchant_with_a_retired_key_is_listed_and_not_due(lab: RotationLab) -> None:
    owner, _ = await owner_with_card(lab)
    await lab.store.keep_data_key(owner, 2, wrapped(), "test")
    assert await lab.store.merchants_to_rotate("", NEVER, "", 10) == [MerchantToRotate(owner, 2, is_due=False)]


async def test_cards_under_a_retired_key_are_listed_with_what_opens_them(lab: RotationLab) -> None:
    owner, first = await owner_with_card(lab)
    second = await lab.keep(owner, NUMBERS[1])
    await owner_with_card(lab)
    assert await lab.store.cards_to_reseal(owner, "", 10) == []
    await lab.store.keep_data_key(owner, 2, wrapped(), "test")
    cards = await lab.store.cards_to_reseal(owner, "", 10)
    # Tokens of one millisecond come in any order.
    assert [card.token_id for card in cards] == sorted([first.token_id, second.token_id])
    assert [card.revision for card in cards] == [1, 1]
    first = min(first, second, key=lambda kept: kept.token_id)
    loaded = await lab.cards.load_card(owner, first.token_id)
    assert loaded is not None
    assert (cards[0].data_key, cards[0].sealed) == (loaded.data_key, loaded.sealed)
    assert cards[0].data_key.key_version == 1
    assert await lab.store.cards_to_reseal(owner, first.token_id, 10) == cards[1:]
    assert await lab.store.cards_to_reseal(owner, "", 1) == cards[:1]


async def test_a_card_is_resealed_once_for_each_revision_and_under_the_active_key_only(lab: RotationLab) -> None:
    owner, token = await owner_with_card(lab)
    await lab.store.keep_data_key(owner, 2, wrapped(), "test")
    with pytest.raises(KeyRetired):
        await lab.store.reseal_card(owner, token.token_id, 1, 1, sealed())
    fresh = sealed()
    assert await lab.store.reseal_card(owner, token.token_id, 1, 2, fresh)
    assert not await lab.store.reseal_card(owner, token.token_id, 1, 2, sealed())
    loaded = await lab.cards.load_card(owner, token.token_id)
    assert loaded is not None
    assert (loaded.revision, loaded.data_key.key_version, loaded.sealed) == (2, 2, fresh)
    assert await lab.store.cards_to_reseal(owner, "", 10) == []


async def test_a_resealed_card_belongs_to_its_merchant(lab: RotationLab) -> None:
    _, token = await owner_with_card(lab)
    other, _ = await owner_with_card(lab)
    assert not await lab.store.reseal_card(other, token.token_id, 1, 1, sealed())


async def test_a_retired_key_is_destroyed_when_it_is_idle_and_nothing_is_under_it(lab: RotationLab) -> None:
    owner, token = await owner_with_card(lab)
    store = lab.store
    await store.keep_data_key(owner, 2, wrapped(), "test")
    lab.age(1_000)
    assert await store.destroy_idle_data_keys(owner, 900, "test") == 0
    await store.reseal_card(owner, token.token_id, 1, 2, sealed())
    assert await store.destroy_idle_data_keys(owner, 1_100, "test") == 0
    assert await store.destroy_idle_data_keys(owner, 900, "test") == 1
    assert await store.destroy_idle_data_keys(owner, 900, "test") == 0
    assert lab.held().data_keys == {(owner, 1): "destroyed", (owner, 2): "active"}
    assert await store.merchants_to_rotate("", NEVER, "", 10) == []


async def test_a_key_stays_while_a_code_is_under_it(lab: RotationLab) -> None:
    owner, token = await owner_with_card(lab, code="123")
    await lab.store.keep_data_key(owner, 2, wrapped(), "test")
    await lab.store.reseal_card(owner, token.token_id, 1, 2, sealed())
    lab.age(1_000)
    assert await lab.store.destroy_idle_data_keys(owner, 900, "test") == 0


async def test_the_active_key_is_never_destroyed(lab: RotationLab) -> None:
    owner = MerchantId(new_id("mer"))
    await lab.store.keep_data_key(owner, 1, wrapped(), "test")
    lab.age(1_000)
    assert await lab.store.destroy_idle_data_keys(owner, 0, "test") == 0


async def test_keys_under_another_key_encryption_key_are_listed_in_order(lab: RotationLab) -> None:
    owners = sorted([(await owner_with_card(lab))[0] for _ in range(3)])
    store = lab.store
    await store.keep_data_key(owners[0], 2, wrapped("kek_2"), "test")
    assert await store.keys_to_rewrap("nothing", "", 0, 0) != []
    listed = await store.keys_to_rewrap("kek_2", "", 0, 10)
    places = [(key.merchant_id, key.key_version) for key in listed if not key.fingerprint_key_id]
    assert places == [(owner, 1) for owner in owners]
    [fingerprint_key] = [key for key in listed if key.fingerprint_key_id]
    assert (fingerprint_key.merchant_id, fingerprint_key.key_version) == ("", 0)
    rest = await store.keys_to_rewrap("kek_2", owners[0], 1, 10)
    assert [(key.merchant_id, key.key_version) for key in rest] == places[1:]
    both = await store.keys_to_rewrap("nothing", owners[0], 1, 1)
    assert [(key.merchant_id, key.key_version) for key in both] == [(owners[0], 2)]
    assert {key.wrapped.key_encryption_key_id for key in listed} == {"fake_kek"}


async def test_a_key_is_rewrapped_if_it_is_still_the_same(lab: RotationLab) -> None:
    await owner_with_card(lab)
    keys = await lab.store.keys_to_rewrap("kek_2", "", 0, 10)
    assert len(keys) == 2
    for key in keys:
        new = wrapped("kek_2")
        assert await lab.store.rewrap_key(key, new, "test")
        assert not await lab.store.rewrap_key(key, wrapped("kek_2"), "test")
        assert await lab.store.rewrap_key(replace(key, wrapped=new), wrapped("kek_2"), "test")
    assert await lab.store.keys_to_rewrap("kek_2", "", 0, 10) == []


async def test_a_destroyed_key_is_not_brought_back_by_a_late_rewrap(lab: RotationLab) -> None:
    owner, token = await owner_with_card(lab)
    [key] = [key for key in await lab.store.keys_to_rewrap("kek_2", "", 0, 10) if key.merchant_id]
    await lab.store.keep_data_key(owner, 2, wrapped("kek_2"), "test")
    await lab.store.reseal_card(owner, token.token_id, 1, 2, sealed())
    lab.age(10)
    assert await lab.store.destroy_idle_data_keys(owner, 0, "test") == 1
    assert not await lab.store.rewrap_key(key, wrapped("kek_2"), "test")
    assert lab.rewrapped() == []
    assert lab.held().data_keys[owner, 1] == "destroyed"


async def test_the_keys_of_open_imports_are_listed_among_the_others_page_by_page(lab: RotationLab) -> None:
    owners = sorted([(await owner_with_card(lab))[0] for _ in range(2)])
    opened = sorted([await lab.begin_import(owners[0]) for _ in range(3)])
    over = await lab.begin_import(owners[1])
    assert lab.imports is not None
    await lab.imports.finish(over)
    listed = [key for key in await lab.store.keys_to_rewrap("kek_2", "", 0, 10) if not key.fingerprint_key_id]
    assert [key.place for key in listed] == sorted([*opened, *owners])
    assert {key.merchant_id for key in listed if key.operation_id} == {owners[0]}
    assert [key.key_version for key in listed if key.operation_id] == [0, 0, 0]
    for place, key in enumerate(listed):
        assert await lab.store.keys_to_rewrap("kek_2", key.place, key.key_version, 2) == listed[place + 1 : place + 3]
    assert await lab.store.keys_to_rewrap("fake_kek", "", 0, 10) == []


async def test_an_import_s_key_is_rewrapped_and_nothing_else_of_it_is_touched(lab: RotationLab) -> None:
    owner = MerchantId(new_id("mer"))
    assert lab.imports is not None
    operation_id = await lab.begin_import(owner)
    before = await lab.imports.private(operation_id)
    assert before is not None
    [key] = await lab.store.keys_to_rewrap("kek_2", "", 0, 10)
    assert (key.operation_id, key.wrapped) == (operation_id, before.wrapped)
    # As long as KMS makes them: longer than a line of base64.
    new = WrappedKey("kek_2", secrets.token_bytes(184))
    assert await lab.store.rewrap_key(key, new, "vault_worker for key_1")
    assert not await lab.store.rewrap_key(key, wrapped("kek_2"), "vault_worker for key_1")
    assert await lab.imports.private(operation_id) == replace(before, wrapped=new)
    assert lab.rewrapped() == [
        ("rewrap_import_key", "vault_worker for key_1", owner, f"{operation_id} from fake_kek to kek_2")
    ]
    [again] = await lab.store.keys_to_rewrap("kek_3", "", 0, 10)
    assert again.wrapped == new


async def test_the_key_of_a_finished_import_is_not_brought_back_by_a_late_rewrap(lab: RotationLab) -> None:
    operation_id = await lab.begin_import(MerchantId(new_id("mer")))
    [key] = await lab.store.keys_to_rewrap("kek_2", "", 0, 10)
    assert lab.imports is not None
    await lab.imports.finish(operation_id)
    assert not await lab.store.rewrap_key(key, wrapped("kek_2"), "test")
    assert await lab.imports.private(operation_id) is None
    assert lab.rewrapped() == []


async def test_each_rewrap_is_recorded_with_both_key_encryption_keys(lab: RotationLab) -> None:
    owner, _ = await owner_with_card(lab)
    for key in await lab.store.keys_to_rewrap("kek_2", "", 0, 10):
        assert await lab.store.rewrap_key(key, wrapped("kek_2"), "vault_worker for key_1")
    [fingerprint_key] = await lab.store.fingerprint_keys()
    assert sorted(lab.rewrapped()) == [
        ("rewrap_data_key", "vault_worker for key_1", owner, "version 1 from fake_kek to kek_2"),
        ("rewrap_fingerprint_key", "vault_worker for key_1", "", f"{fingerprint_key.key_id} from fake_kek to kek_2"),
    ]


async def begin_fingerprint_rotation(lab: RotationLab) -> tuple[str, str]:
    """Make a new fingerprint key; give the old one's id and the new one's."""
    [old] = await lab.store.fingerprint_keys()
    new, retiring = await lab.store.keep_fingerprint_key(fingerprint_key_id(), old.key_id, wrapped(), "test")
    assert (retiring.key_id, retiring.active, new.active) == (old.key_id, False, True)
    return old.key_id, new.key_id


async def test_while_a_fingerprint_key_is_replaced_no_other_is_made(lab: RotationLab) -> None:
    await owner_with_card(lab)
    old, new = await begin_fingerprint_rotation(lab)
    for replaces in (old, new, ""):
        kept = await lab.store.keep_fingerprint_key(fingerprint_key_id(), replaces, wrapped(), "test")
        assert [key.key_id for key in kept] == [new, old]


def recognition(keys: tuple[str, ...], fingerprints: tuple[bytes, ...], new: str = "") -> Recognition:
    return Recognition(new or new_id("fpr"), keys, fingerprints)


async def test_the_new_key_gets_to_know_each_number_under_the_id_it_has(lab: RotationLab) -> None:
    owner, first = await owner_with_card(lab)
    second = await lab.keep(owner, NUMBERS[1])
    [old_key] = await lab.keys_of().fingerprint_keys()
    old, new = await begin_fingerprint_rotation(lab)
    listed = await lab.store.cards_to_fingerprint(new, "", 10)
    assert [card.token_id for card in listed] == [first.token_id, second.token_id]
    assert {card.merchant_id for card in listed} == {owner}
    assert await lab.store.cards_to_fingerprint(new, first.token_id, 10) == listed[1:]
    assert await lab.store.cards_to_fingerprint(new, "", 1) == listed[:1]
    assert await lab.store.cards_to_fingerprint(old, "", 10) == []
    of_new = secrets.token_bytes(32)
    known = recognition((new, old_key.key_id), (of_new, secrets.token_bytes(32)))
    assert await lab.store.add_fingerprint(first.token_id, known)
    assert await lab.store.add_fingerprint(first.token_id, known)
    assert lab.held().cards[first.token_id] == (1, first.fingerprint)
    assert await lab.store.cards_to_fingerprint(new, "", 10) == listed[1:]
    # Another card of the merchant with that number gets the same id, by the new key alone.
    assert await lab.store.add_fingerprint(second.token_id, recognition((new, old), (of_new, secrets.token_bytes(32))))
    assert lab.held().cards[second.token_id] == (1, first.fingerprint)


async def test_fingerprints_are_added_under_the_keys_in_use_only(lab: RotationLab) -> None:
    owner, token = await owner_with_card(lab)
    old, new = await begin_fingerprint_rotation(lab)
    for keys in ((old,), (new,), (old, new), (new, old, old)):
        with pytest.raises(KeyRetired):
            await lab.store.add_fingerprint(
                token.token_id, recognition(keys, tuple(secrets.token_bytes(32) for _ in keys))
            )
    gone = recognition((new, old), (secrets.token_bytes(32), secrets.token_bytes(32)))
    assert not await lab.store.add_fingerprint(type(token.token_id)(new_id("tok")), gone)
    del owner


async def test_the_old_fingerprint_key_goes_when_the_new_one_knows_all_and_it_was_idle(lab: RotationLab) -> None:
    _, token = await owner_with_card(lab)
    old, new = await begin_fingerprint_rotation(lab)
    store = lab.store
    lab.age(1_000)
    assert await store.finish_fingerprint_rotation(new, 900, "test") == (1, False)
    await store.add_fingerprint(
        token.token_id, recognition((new, old), (secrets.token_bytes(32), secrets.token_bytes(32)))
    )
    assert await store.finish_fingerprint_rotation(new, 1_100, "test") == (0, False)
    # Counted for a key that is not the active one, nothing left means nothing.
    assert await store.finish_fingerprint_rotation(old, 900, "test") == (0, False)
    assert await store.forget_fingerprints(10) == 0
    assert await store.finish_fingerprint_rotation(new, 900, "test") == (0, True)
    assert await store.finish_fingerprint_rotation(new, 900, "test") == (0, True)
    held = lab.held()
    assert held.fingerprint_keys == {old: "destroyed", new: "active"}
    assert held.fingerprints == {old: 1, new: 1}
    assert await store.forget_fingerprints(10) == 1
    assert await store.forget_fingerprints(10) == 0
    assert lab.held().fingerprints == {new: 1}
    assert [key.key_id for key in await store.fingerprint_keys()] == [new]


async def test_fingerprints_of_destroyed_keys_are_forgotten_up_to_a_limit(lab: RotationLab) -> None:
    owner = MerchantId(new_id("mer"))
    tokens = [await lab.keep(owner, number) for number in NUMBERS[:3]]
    old, new = await begin_fingerprint_rotation(lab)
    for token in tokens:
        await lab.store.add_fingerprint(
            token.token_id, recognition((new, old), (secrets.token_bytes(32), secrets.token_bytes(32)))
        )
    await lab.store.finish_fingerprint_rotation(new, 0, "test")
    assert [await lab.store.forget_fingerprints(2) for _ in range(3)] == [2, 1, 0]
    assert lab.held().fingerprints == {new: 3}


async def test_every_key_is_in_the_inventory_with_what_is_under_it(lab: RotationLab) -> None:
    owner, token = await owner_with_card(lab)
    await lab.keep(owner, NUMBERS[1])
    await lab.store.keep_data_key(owner, 2, wrapped("kek_2"), "test")
    old, new = await begin_fingerprint_rotation(lab)
    records = await lab.inventory.key_inventory("", 10)
    assert [each.position for each in records] == sorted(each.position for each in records)
    listed = {each.key_id: (each.kind.value, each.merchant_id, each.state, each.rows) for each in records}
    assert listed == {
        f"{owner}/1": ("data_key", owner, "decrypt_only", 2),
        f"{owner}/2": ("data_key", owner, "active", 0),
        old: ("fingerprint_key", "", "retiring", 2),
        new: ("fingerprint_key", "", "active", 0),
    }
    assert {each.key_encryption_key_id for each in records} == {"fake_kek", "kek_2", "kek_9"}
    now = datetime.fromtimestamp(lab.now(), tz=UTC)
    assert all(abs(now - each.created_at) < timedelta(minutes=1) for each in records)
    assert all(each.created_at.utcoffset() == each.state_changed_at.utcoffset() == timedelta(0) for each in records)
    assert await lab.inventory.key_inventory("", 2) == records[:2]
    assert await lab.inventory.key_inventory(records[1].position, 10) == records[2:]
    del token


async def test_a_destroyed_key_stays_in_the_inventory(lab: RotationLab) -> None:
    owner = MerchantId(new_id("mer"))
    for version in (1, 2):
        await lab.store.keep_data_key(owner, version, wrapped(), "test")
    await lab.store.destroy_idle_data_keys(owner, 0, "test")
    records = await lab.inventory.key_inventory("merchant/", 10)
    assert [(each.key_id, each.state, each.rows) for each in records] == [
        (f"{owner}/1", "destroyed", 0),
        (f"{owner}/2", "active", 0),
    ]


async def test_an_import_s_key_is_in_the_inventory_and_destroyed_with_its_end(lab: RotationLab) -> None:
    owner, _ = await owner_with_card(lab)
    first, second = sorted([await lab.begin_import(owner), await lab.begin_import(owner)])
    assert lab.imports is not None
    await lab.imports.finish(second)
    records = await lab.inventory.key_inventory("", 10)
    assert [each.position for each in records] == sorted(each.position for each in records)
    assert [
        (each.kind.value, each.key_id, each.merchant_id, each.state, each.key_encryption_key_id, each.rows)
        for each in records[1:3]
    ] == [
        ("import_key", first, owner, "active", "fake_kek", 0),
        ("import_key", second, owner, "destroyed", "", 0),
    ]
    now = datetime.fromtimestamp(lab.now(), tz=UTC)
    assert all(abs(now - each.created_at) < timedelta(minutes=1) for each in records)
    assert await lab.inventory.key_inventory(f"import/{first}", 1) == [records[2]]


async def test_what_each_key_encryption_key_wraps_is_counted(lab: RotationLab) -> None:
    assert await lab.inventory.key_encryption_keys() == {}
    owner, _ = await owner_with_card(lab)
    await lab.begin_import(owner)
    over = await lab.begin_import(owner)
    assert lab.imports is not None
    await lab.imports.finish(over)
    # Of the merchant's first key, the fingerprint key and the open import.
    assert await lab.inventory.key_encryption_keys() == {"fake_kek": 3}
    other = MerchantId(new_id("mer"))
    for version in (1, 2):
        await lab.store.keep_data_key(other, version, wrapped("kek_2"), "test")
    await lab.store.destroy_idle_data_keys(other, 0, "test")
    assert await lab.inventory.key_encryption_keys() == {"fake_kek": 3, "kek_2": 1}


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_whole_rotation_over_the_store(lab: RotationLab, kind: RotationKind) -> None:
    kept = {}
    for _ in range(2):
        owner = MerchantId(new_id("mer"))
        for number in (*NUMBERS, NUMBERS[0]):
            token = await lab.keep(owner, number)
            kept[token.token_id] = (owner, number, token.fingerprint)
    imported = MerchantId(new_id("mer"))
    operation_ids = [await lab.begin_import(imported) for _ in range(lab.pace.batch + 1)]
    opened = [await lab.open_import(operation_id, imported) for operation_id in operation_ids]
    lab.provider.active_key_id = "kek_2"
    drive = Drive(lab, lab.order(kind))
    assert await drive.to_the_end(lab.rotation(kind)) is Progress.FINISHED
    assert [await lab.open_import(operation_id, imported) for operation_id in operation_ids] == opened
    held = lab.held()
    for token_id, (owner, number, fingerprint) in kept.items():
        assert await lab.number_of(owner, token_id) == number
        assert held.cards[token_id][1] == fingerprint
        assert (await lab.keep(owner, number)).fingerprint == fingerprint
    assert not {"decrypt_only", "retiring"} & {*held.data_keys.values(), *held.fingerprint_keys.values()}
    if kind is KEK:
        assert held.key_encryption_keys == {"kek_2"}
        # Two merchants' keys, the fingerprint key, and the imports'.
        assert len(lab.rewrapped()) == drive.counts.keys_done == 3 + len(operation_ids)
    if kind is DATA:
        assert {version for version, _ in held.cards.values()} == {2}
    if isinstance(lab.store, FakeRotationStore):
        assert len(lab.store.cards) == 20
