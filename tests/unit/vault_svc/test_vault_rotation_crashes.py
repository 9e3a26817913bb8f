"""kill -9 of the worker at every point between a rotation's calls: what runs after it ends as if it had not been."""

import itertools
from collections.abc import Callable

import pytest

from mesh.identifiers import new_id
from tests.fakes.vault.interrupted_store import InterruptedStore, KilledError
from tests.fakes.vault.rotation_store import FakeRotationStore
from tests.support.vault_rotation import KINDS, NUMBERS, Drive, RotationLab, fake_lab
from vault_svc.application.ports.rotations import RotationKind
from vault_svc.application.rotate_keys import Position, Progress
from vault_svc.domain.token import MerchantId, TokenId

KEK, DATA, FINGERPRINT = KINDS
POINTS_MAX = 500

Resume = Callable[[Drive], Drive]


def from_the_last_step(drive: Drive) -> Drive:
    """Go on as the workflow does after a worker's death."""
    return Drive(drive.lab, drive.order, position=drive.position)


def from_the_start(drive: Drive) -> Drive:
    """Order the same again, as after a workflow that was ended by hand."""
    return Drive(drive.lab, drive.order, position=Position())


async def prepared() -> tuple[RotationLab, dict[TokenId, tuple[MerchantId, str, str]]]:
    lab = fake_lab()
    kept = {}
    for owner in [MerchantId(new_id("mer")) for _ in range(2)]:
        for number in (*NUMBERS[:2], NUMBERS[0]):
            token = await lab.keep(owner, number)
            kept[token.token_id] = (owner, number, token.fingerprint)
    lab.provider.active_key_id = "kek_2"
    return lab, kept


@pytest.mark.parametrize("resume", [from_the_last_step, from_the_start], ids=["resumed", "begun again"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_killed_at_any_point_a_rotation_ends_as_if_it_had_not_been(kind: RotationKind, resume: Resume) -> None:
    for point in itertools.count():
        assert point < POINTS_MAX
        lab, kept = await prepared()
        store = InterruptedStore(lab.store, point)
        drive = Drive(lab, lab.order(kind))
        try:
            progress = await drive.to_the_end(lab.rotation(kind, store.as_store()))
        except KilledError:
            lab.age(30)
            drive = resume(drive)
            progress = await drive.to_the_end(lab.rotation(kind))
        assert progress is Progress.FINISHED, point
        await assert_whole(lab, kept)
        assert_rotated(lab, kind, point)
        if not store.dead:
            assert point >= 10
            return


async def test_killed_again_and_again_a_rotation_still_ends() -> None:
    for kind in KINDS:
        lab, kept = await prepared()
        drive = Drive(lab, lab.order(kind))
        for attempt in itertools.count():
            assert attempt < POINTS_MAX
            # Each process gets a little further than the one before.
            store = InterruptedStore(lab.store, 6 + attempt)
            try:
                progress = await drive.to_the_end(lab.rotation(kind, store.as_store()))
            except KilledError:
                continue
            assert progress is Progress.FINISHED
            break
        await assert_whole(lab, kept)
        assert_rotated(lab, kind, 0)


async def assert_whole(lab: RotationLab, kept: dict[TokenId, tuple[MerchantId, str, str]]) -> None:
    """Nothing is lost, doubled, or known under another id, and every card opens."""
    assert isinstance(lab.store, FakeRotationStore)
    assert lab.held().cards.keys() == kept.keys()
    for token, (owner, number, fingerprint) in kept.items():
        assert await lab.number_of(owner, token) == number
        assert lab.held().cards[token][1] == fingerprint
        assert (await lab.keep(owner, number)).fingerprint == fingerprint


def assert_rotated(lab: RotationLab, kind: RotationKind, point: int) -> None:
    held = lab.held()
    if kind is KEK:
        assert held.key_encryption_keys == {"kek_2"}, point
    elif kind is DATA:
        assert sorted(set(held.data_keys.values())) == ["active", "destroyed"], point
        assert {version for version, _ in held.cards.values()} == {2}, point
        assert len(held.data_keys) == 4, point
    else:
        assert sorted(held.fingerprint_keys.values())[:2] == ["active", "destroyed"], point
        assert "retiring" not in held.fingerprint_keys.values()
        assert set(held.fingerprints) == {key for key, state in held.fingerprint_keys.items() if state == "active"}
