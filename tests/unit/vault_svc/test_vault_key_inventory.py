"""The crypto inventory: the provider's keys, then those kept wrapped, page by page, each with the end of its time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.key_provider import FakeKeyProvider
from tests.support.vault_rotation import NUMBERS, RotationLab, fake_lab
from vault_svc.application.key_inventory import STANDARDS, InventoryKey, ListKeys
from vault_svc.application.ports.key_provider import KeyDescription, KeyState
from vault_svc.application.ports.rotations import RotationKind
from vault_svc.domain.token import MerchantId

MADE = datetime(2025, 1, 2, tzinfo=UTC)


@dataclass(slots=True)
class Described(FakeKeyProvider):
    """A provider with some keys, of which it knows the age."""

    described: list[KeyDescription] = field(default_factory=list)

    async def keys(self) -> list[KeyDescription]:
        await self._reach()
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


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 100])
async def test_every_key_is_on_one_page_and_the_provider_s_come_first(lab: RotationLab, size: int) -> None:
    provider = Described(
        described=[key("kek_2", KeyState.ACTIVE), key("kek_1", KeyState.DECRYPT_ONLY), key("x", KeyState.UNUSABLE)]
    )
    found = await all_keys(ListKeys(provider, lab.inventory), size)
    assert [each.kind for each in found] == [
        *[RotationKind.KEY_ENCRYPTION_KEY] * 3,
        RotationKind.FINGERPRINT_KEY,
        *[RotationKind.DATA_KEY] * 3,
    ]
    assert [each.state for each in found[:3]] == ["active", "decrypt_only", "unusable"]
    assert len({each.key_id for each in found}) == 7


async def test_each_kind_has_its_algorithm_owner_and_cryptoperiod(lab: RotationLab) -> None:
    provider = Described(described=[key("kek_1", KeyState.ACTIVE), key("kek_0", KeyState.DECRYPT_ONLY, None)])
    wrapping, unknown, fingerprint, data, *_ = await all_keys(ListKeys(provider, lab.inventory), 100)
    assert (wrapping.owner, wrapping.wrapped_by, wrapping.rows) == ("payera", "a safe", 0)
    assert wrapping.due_at == MADE + timedelta(days=730)
    assert (unknown.created_at, unknown.due_at) == (None, None)
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
    assert set(STANDARDS) == set(RotationKind)
    assert all(timedelta(0) < each.cryptoperiod <= timedelta(days=730) for each in STANDARDS.values())
