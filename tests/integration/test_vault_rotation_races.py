"""Rotations over PostgreSQL while cards come, go, change and are read: nothing is lost, doubled or known twice."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import psycopg
import pytest
from psycopg import errors

from mesh.card_numbers import luhn_valid
from mesh.identifiers import new_id
from tests.support.postgres import PostgresServer
from tests.support.vault_rotation import KINDS, Drive, RotationLab, postgres_lab, vault_database
from vault_svc.adapters.postgres.card_store import PostgresCardStore
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.ports.card_store import CardChanged, CardRequest, KeyRetired
from vault_svc.application.ports.rotations import RotationKind
from vault_svc.application.rotate_keys import Pace, Progress
from vault_svc.domain.card import Expiry
from vault_svc.domain.token import Actor, MerchantId, Purpose, TokenId

pytestmark = pytest.mark.integration

KEK, DATA, FINGERPRINT = KINDS
IDLE_SECONDS = 3
OWNERS = 3
CARDS_BEFORE = 150
# Between two calls of one process: without it each second of a rotation brings hundreds of cards more to rotate.
PAUSE_SECONDS = 0.005
ACTOR = Actor("test", "req_1")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with vault_database() as running:
        yield running


def new_number(chance: random.Random) -> str:
    """Give a card number that is as good as new."""
    stem = "4" + "".join(chance.choices("0123456789", k=14))
    return next(stem + digit for digit in "0123456789" if luhn_valid(stem + digit))


@dataclass
class Load:
    """Processes of the vault at work on one database, with what they know to be true of it."""

    lab: RotationLab
    owners: list[MerchantId]
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    known: dict[TokenId, tuple[MerchantId, str]] = field(default_factory=dict)
    fingerprints: dict[tuple[MerchantId, str], set[str]] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    stop: bool = False

    @property
    def store(self) -> PostgresCardStore:
        assert isinstance(self.lab.cards, PostgresCardStore)
        return self.lab.cards

    async def keep(self) -> None:
        """Keep cards, every other one with a number that several are keeping for the first time just now."""
        keeper = self.lab.keeper()
        while not self.stop:
            await self.keep_one(keeper)
            await asyncio.sleep(PAUSE_SECONDS)

    async def keep_one(self, keeper: object = None) -> None:
        owner = self.chance.choice(self.owners)
        if not self.numbers or self.chance.random() < 0.3:
            self.numbers.append(new_number(self.chance))
        number = self.numbers[-1] if self.chance.random() < 0.5 else self.chance.choice(self.numbers)
        token = await self.lab.keep(owner, number, by=keeper)  # type: ignore[arg-type]
        self.fingerprints.setdefault((owner, number), set()).add(token.fingerprint)
        self.known[token.token_id] = (owner, number)
        self._count("kept")

    async def read(self) -> None:
        """Take cards for payments and open them."""
        keys = self.lab.keys_of()
        while not self.stop:
            token_id = self.chance.choice(list(self.known))
            assert await self.number_of(token_id, keys) == self.known[token_id][1]
            self._count("read")
            await asyncio.sleep(PAUSE_SECONDS)

    async def number_of(self, token_id: TokenId, keys: DataKeys) -> str:
        owner, _ = self.known[token_id]
        taken = await self.store.take_card(CardRequest(owner, token_id, Purpose.AUTHORIZATION, "pay_1", "test", "req"))
        assert taken is not None, f"{token_id} is lost"
        cipher = await keys.for_opening(owner, taken.data_key)
        details = self.lab.sealer.open(cipher, owner, token_id, taken.data_key.key_version, taken.sealed)
        return details.number.reveal()

    async def change(self) -> None:
        """Give cards another expiry, as their merchants do."""
        keys = self.lab.keys_of()
        while not self.stop:
            token_id = self.chance.choice(list(self.known))
            owner, _ = self.known[token_id]
            try:
                await self._change(keys, owner, token_id)
            except KeyRetired:
                keys.forget(owner)
            except CardChanged:
                self._count("met")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _change(self, keys: DataKeys, owner: MerchantId, token_id: TokenId) -> None:
        loaded = await self.store.load_card(owner, token_id)
        assert loaded is not None
        cipher = await keys.for_opening(owner, loaded.data_key)
        details = self.lab.sealer.open(cipher, owner, token_id, loaded.data_key.key_version, loaded.sealed)
        expiry = Expiry(self.chance.randint(1, 12), 2031)
        sealing = await keys.for_sealing(owner)
        sealed = self.lab.sealer.seal(sealing, owner, token_id, replace(details, expiry=expiry))
        await self.store.replace_card(owner, token_id, loaded.revision, sealing.key_version, sealed, expiry, ACTOR)
        self._count("changed")

    async def delete(self) -> None:
        """Delete single cards that nobody else here uses."""
        keeper = self.lab.keeper()
        while not self.stop:
            owner = self.chance.choice(self.owners)
            number = self.chance.choice(self.numbers)
            token = await self.lab.keep(owner, number, by=keeper)
            await asyncio.sleep(0.02)
            assert await self.store.delete_token(owner, token.token_id, ACTOR)
            self._count("deleted")

    def _count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1


@pytest.fixture
async def lab(server: PostgresServer) -> AsyncIterator[RotationLab]:
    async with postgres_lab(server) as real:
        real.pace = Pace(batch=20, per_second=200.0, idle_seconds=IDLE_SECONDS, at_once=4)
        yield real


@asynccontextmanager
async def under_load(lab: RotationLab) -> AsyncIterator[Load]:
    load = Load(lab, [MerchantId(new_id("mer")) for _ in range(OWNERS)])
    for _ in range(CARDS_BEFORE):
        await load.keep_one()
    async with asyncio.TaskGroup() as tasks:
        for work in (load.keep(), load.keep(), load.read(), load.read(), load.change(), load.delete()):
            tasks.create_task(work)
        try:
            yield load
        finally:
            load.stop = True


async def rotate(load: Load, kind: RotationKind) -> Drive:
    drive = Drive(load.lab, load.lab.order(kind), wait=asyncio.sleep)
    async with asyncio.timeout(120):
        assert await drive.to_the_end(load.lab.rotation(kind)) is Progress.FINISHED
    return drive


async def assert_whole(load: Load) -> None:
    """Every card is there once and opens; every number has one id."""
    held = load.lab.held()
    assert held.cards.keys() == load.known.keys()
    keys = load.lab.keys_of()
    for token_id, (_, number) in load.known.items():
        assert await load.number_of(token_id, keys) == number
    assert all(len(ids) == 1 for ids in load.fingerprints.values()), "a number got two ids"
    for token_id, place in load.known.items():
        assert {held.cards[token_id][1]} == load.fingerprints[place]
    for owner, number in load.fingerprints:
        again = await load.lab.keep(owner, number)
        assert {again.fingerprint} == load.fingerprints[owner, number]
    assert not load.lab.noticed.unreadable_names
    assert load.done["read"] > 100
    assert min(load.done[what] for what in ("kept", "changed", "deleted")) > 20


async def test_data_keys_are_replaced_under_load(lab: RotationLab) -> None:
    async with under_load(lab) as load:
        drive = await rotate(load, DATA)
    await assert_whole(load)
    held = load.lab.held()
    assert sorted(held.data_keys.values()) == ["active"] * OWNERS + ["destroyed"] * OWNERS
    assert {version for version, _ in held.cards.values()} == {2}
    assert drive.counts.keys_destroyed == OWNERS


async def test_the_key_encryption_key_is_replaced_under_load(lab: RotationLab) -> None:
    async with under_load(lab) as load:
        for turn in range(25):
            load.lab.provider.active_key_id = f"kek_{turn}"
            await rotate(load, KEK)
            # Merchants come meanwhile, and with them new keys.
            load.owners.append(MerchantId(new_id("mer")))
            await asyncio.sleep(0.1)
        load.lab.provider.active_key_id = "kek_last"
        await rotate(load, KEK)
    await assert_whole(load)
    assert load.lab.held().key_encryption_keys == {"kek_last"}
    assert len(load.lab.held().data_keys) > OWNERS


async def test_the_fingerprint_key_is_replaced_under_load(lab: RotationLab) -> None:
    async with under_load(lab) as load:
        await rotate(load, FINGERPRINT)
    await assert_whole(load)
    held = load.lab.held()
    assert sorted(held.fingerprint_keys.values()) == ["active", "destroyed"]
    assert set(held.fingerprints) == {key for key, state in held.fingerprint_keys.items() if state == "active"}


async def test_all_kinds_are_rotated_at_once_and_twice_under_load(lab: RotationLab) -> None:
    async with under_load(lab) as load:
        for key_id in ("kek_2", "kek_3"):
            load.lab.provider.active_key_id = key_id
            await asyncio.gather(*(rotate(load, kind) for kind in KINDS))
    await assert_whole(load)
    held = load.lab.held()
    assert held.key_encryption_keys == {"kek_3"}
    assert not {"decrypt_only", "retiring"} & {*held.data_keys.values(), *held.fingerprint_keys.values()}
    assert {version for version, _ in held.cards.values()} == {3}


async def test_two_workers_at_one_rotation_do_no_more_than_one(lab: RotationLab) -> None:
    """As when a worker that was taken for dead goes on beside the one that took over."""
    async with under_load(lab) as load:
        order = load.lab.order(DATA)
        drives = [Drive(load.lab, order, wait=asyncio.sleep) for _ in range(2)]
        await asyncio.gather(*(drive.to_the_end(load.lab.rotation(DATA)) for drive in drives))
        await asyncio.gather(*(rotate(load, FINGERPRINT) for _ in range(2)))
    await assert_whole(load)
    held = load.lab.held()
    assert sorted(held.data_keys.values()) == ["active"] * OWNERS + ["destroyed"] * OWNERS
    assert not {"retiring"} & {*held.fingerprint_keys.values()}


async def test_no_fingerprint_key_is_replaced_while_a_card_is_being_kept(
    server: PostgresServer, lab: RotationLab
) -> None:
    owner = MerchantId(new_id("mer"))
    await lab.keep(owner, new_number(random.Random(1)))
    with (
        psycopg.connect(server.admin_url) as keeping,
        psycopg.connect(server.admin_url, autocommit=True) as replacing,
    ):
        [key] = await lab.store.fingerprint_keys()
        values = (owner, new_id("tok"), bytes(61), bytes(93), new_id("fpr"), [key.key_id], [bytes(32)])
        keeping.execute(
            "SELECT * FROM vault.keep_card(%s, %s, 1, %s, %s, NULL, 'visa', '4242', '424242', 12, 2030, '{}',"
            " 'unknown', '', '', NULL, %s, %s, %s, 'test', '')",
            values,
        )
        replacing.execute("SET lock_timeout = '300ms'")
        arguments = (new_id("fpk"), key.key_id, "kek_1", bytes(60), "test")
        with pytest.raises(errors.LockNotAvailable):
            replacing.execute("SELECT * FROM vault.keep_fingerprint_key(%s, %s, %s, %s, %s)", arguments)
        keeping.commit()
        replacing.execute("SELECT * FROM vault.keep_fingerprint_key(%s, %s, %s, %s, %s)", arguments)
    assert len(await lab.store.fingerprint_keys()) == 2
