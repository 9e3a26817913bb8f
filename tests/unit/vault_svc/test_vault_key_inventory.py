"""The crypto inventory: the provider's keys, then those kept wrapped, page by page, each with the end of its time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.key_provider import FakeKeyProvider
from tests.support.vault_rotation import NUMBERS, Drive, RotationLab, fake_lab
from vault_svc.application.key_inventory import STANDARDS, InventoryKey, KeyKind, ListKeys
from vault_svc.application.ports.key_provider import KeyDescription, KeyState, KeyUnavailableError
from vault_svc.application.ports.rotations import RotationKind
from vault_svc.domain.token import MerchantId

MADE = datetime(2025, 1, 2, tzinfo=UTC)


@dataclass(slots=True)
class Described(FakeKeyProvider):
    """A provider with some keys, of which it knows the age; without any it has lost its active one."""

    described: list[KeyDescription] = field(default_factory=list)

    async def keys(self) -> list[KeyDescription]:
        await self._reach()
        if not self.described:
            message = "'kek_2' is gone"
            raise KeyUnavailableError(message)
        return self.described


def key(name: str, state: KeyState, made: datetime | None = MADE) -> KeyDescription:
    return KeyDescription(name, "AES-256-GCM", 256, "a safe", state, made)


@pytest.fixture
async def lab() -> RotationLab:
    made = fake_lab()
    for _ in range(3):
        owner = MerchantId(new_id("mer"))
        for number in NUMBERS[:2]:
            await made.keep(owner, number)
    return made


async def all_keys(list_keys: ListKeys, size: int) -> list[InventoryKey]:
    found: list[InventoryKey] = []
    position = ""
    for _ in range(50):
        page = await list_keys(size, position)
        assert len(page.keys) <= size
        found += page.keys
        position = page.next_position
        if not position:
            return found
    raise AssertionError


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 100])
async def test_every_key_is_on_one_page_and_the_provider_s_come_first(lab: RotationLab, size: int) -> None:
    provider = Described(
        described=[key("kek_2", KeyState.ACTIVE), key("kek_1", KeyState.DECRYPT_ONLY), key("x", KeyState.UNUSABLE)]
    )
    found = await all_keys(ListKeys(provider, lab.inventory), size)
    assert [each.kind for each in found] == [
        *[KeyKind.KEY_ENCRYPTION_KEY] * 4,
        KeyKind.FINGERPRINT_KEY,
        *[KeyKind.DATA_KEY] * 3,
    ]
    assert [each.state for each in found[:3]] == ["active", "decrypt_only", "unusable"]
    assert len({each.key_id for each in found}) == 8


async def test_a_key_encryption_key_that_the_provider_no_longer_has_is_listed_with_what_it_wraps(
    lab: RotationLab,
) -> None:
    await lab.begin_import(MerchantId(new_id("mer")))
    page = await ListKeys(Described(described=[key("kek_2", KeyState.ACTIVE)]), lab.inventory)(100, "")
    active, former, *_ = page.keys
    assert (active.key_id, active.state, active.rows) == ("kek_2", "active", 0)
    # Three data keys, the fingerprint key, and the import's.
    assert (former.key_id, former.state, former.rows) == ("fake_kek", "unknown", 5)
    assert (former.algorithm, former.strength_bits, former.wrapped_by, former.due_at) == ("", 0, "", None)


async def test_a_provider_that_has_lost_its_active_key_does_not_hide_the_others(lab: RotationLab) -> None:
    page = await ListKeys(Described(active_key_id="kek_2"), lab.inventory)(100, "")
    assert [(each.key_id, each.state, each.rows) for each in page.keys[:2]] == [
        ("kek_2", "unknown", 0),
        ("fake_kek", "unknown", 4),
    ]
    assert len(page.keys) == 6


async def test_a_retired_key_shows_that_an_open_import_needs_it_until_the_rotation_is_through(lab: RotationLab) -> None:
    operation_id = await lab.begin_import(MerchantId(new_id("mer")))
    lab.provider.active_key_id = "kek_2"

    async def left() -> tuple[dict[str, int], dict[str, str]]:
        found = (await ListKeys(lab.provider, lab.inventory)(100, "")).keys
        wrapping = {each.key_id: each.rows for each in found if each.kind is KeyKind.KEY_ENCRYPTION_KEY}
        return wrapping, {each.key_id: each.wrapped_by for each in found if each.kind is KeyKind.IMPORT_KEY}

    assert await left() == ({"kek_2": 0, "fake_kek": 5}, {operation_id: "fake_kek"})
    kind = RotationKind.KEY_ENCRYPTION_KEY
    await Drive(lab, lab.order(kind)).to_the_end(lab.rotation(kind))
    assert await left() == ({"kek_2": 5, "fake_kek": 0}, {operation_id: "kek_2"})


async def test_the_key_of_an_import_has_its_algorithm_owner_and_end(lab: RotationLab) -> None:
    owner = MerchantId(new_id("mer"))
    operation_id = await lab.begin_import(owner)
    [found] = [each for each in await all_keys(ListKeys(lab.provider, lab.inventory), 3) if each.key_id == operation_id]
    assert (found.kind, found.state, found.owner, found.wrapped_by) == (KeyKind.IMPORT_KEY, "active", owner, "fake_kek")
    assert (found.algorithm, found.strength_bits) == ("ECDH-ES+A256KW P-256", 128)
    assert found.created_at is not None
    assert found.due_at == found.created_at + timedelta(days=7)
    assert lab.imports is not None
    await lab.imports.finish(operation_id)
    page = await ListKeys(lab.provider, lab.inventory)(1, f"import/{operation_id[:-1]}")
    assert [(each.key_id, each.state, each.due_at) for each in page.keys] == [(operation_id, "destroyed", None)]


async def test_each_kind_has_its_algorithm_owner_and_cryptoperiod(lab: RotationLab) -> None:
    provider = Described(described=[key("kek_1", KeyState.ACTIVE), key("kek_0", KeyState.DECRYPT_ONLY, None)])
    wrapping, ageless, _, fingerprint, data, *_ = await all_keys(ListKeys(provider, lab.inventory), 100)
    assert (wrapping.owner, wrapping.wrapped_by, wrapping.rows) == ("payera", "a safe", 0)
    assert wrapping.due_at == MADE + timedelta(days=730)
    assert (ageless.created_at, ageless.due_at) == (None, None)
    assert (fingerprint.algorithm, fingerprint.strength_bits, fingerprint.owner) == ("HMAC-SHA-256", 256, "payera")
    assert (data.algorithm, data.strength_bits) == ("AES-256-GCM", 256)
    assert data.owner.startswith("mer_")
    assert (data.wrapped_by, data.rows) == ("fake_kek", 2)
    assert data.created_at is not None
    assert data.due_at == data.created_at + timedelta(days=365)
    assert fingerprint.created_at is not None
    assert fingerprint.due_at == fingerprint.created_at + timedelta(days=730)


async def test_a_destroyed_key_is_listed_and_due_for_nothing(lab: RotationLab) -> None:
    owner = MerchantId(new_id("mer"))
    keys = lab.keys_of()
    await keys.for_sealing(owner)
    await keys.replace_data_key(owner, 1)
    await lab.store.destroy_idle_data_keys(owner, 0, "test")
    found = await all_keys(ListKeys(lab.provider, lab.inventory), 100)
    [destroyed] = [each for each in found if each.state == "destroyed"]
    assert (destroyed.key_id, destroyed.due_at) == (f"{owner}/1", None)


async def test_a_provider_that_is_away_is_unavailable(lab: RotationLab) -> None:
    lab.provider.down = True
    with pytest.raises(Refusal) as refused:
        await ListKeys(lab.provider, lab.inventory)(10, "")
    assert refused.value.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize(
    "position", ["x", "provider/", "provider/-1", "provider/9999999", "merchant/\x00", "merchant/"]
)
async def test_a_position_that_is_none_is_refused(lab: RotationLab, position: str) -> None:
    with pytest.raises(Refusal) as refused:
        await ListKeys(lab.provider, lab.inventory)(10, position)
    assert refused.value.reason is Reason.INVALID_PAGE_TOKEN


def test_no_cryptoperiod_is_longer_than_industry_s_best_practice_allows() -> None:
    assert set(STANDARDS) == set(KeyKind)
    assert all(timedelta(0) < each.cryptoperiod <= timedelta(days=730) for each in STANDARDS.values())
