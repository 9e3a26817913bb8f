"""Rotations of each kind over the store in memory: what they reach, how they wait, what they can't do."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.clocks import FakeClock
from tests.fakes.vault.rotation_store import CardRow, FakeRotationStore
from tests.support.vault_rotation import KINDS, NUMBERS, Drive, RotationLab, fake_lab, no_tick
from vault_svc.application.ports.card_store import SealedCard
from vault_svc.application.ports.key_provider import KeyProviderDownError
from vault_svc.application.ports.rotations import (
    RotationCounts,
    RotationKind,
    RotationOrder,
    RotationReport,
    RotationState,
)
from vault_svc.application.rotate_data_keys import CODES_GONE_SECONDS, SETTLE, SETTLE_ROUND_SECONDS
from vault_svc.application.rotate_fingerprint_key import FORGOTTEN_AT_ONCE
from vault_svc.application.rotate_keys import Pace, Position, Progress, RotateKeys
from vault_svc.domain.sealing import Binding, SealedKind, write_card
from vault_svc.domain.token import MerchantId, TokenId

KEK, DATA, FINGERPRINT = KINDS


@pytest.fixture
def lab() -> RotationLab:
    return fake_lab()


def store_of(lab: RotationLab) -> FakeRotationStore:
    assert isinstance(lab.store, FakeRotationStore)
    return lab.store


def merchants(count: int) -> list[MerchantId]:
    return [MerchantId(new_id("mer")) for _ in range(count)]


async def filled(lab: RotationLab, merchant_ids: list[MerchantId], numbers: int = 4) -> dict[TokenId, tuple[str, str]]:
    """Keep each number twice for each merchant; give number and fingerprint by token."""
    kept = {}
    for merchant_id in merchant_ids:
        for number in NUMBERS[:numbers] * 2:
            token = await lab.keep(merchant_id, number)
            kept[token.token_id] = (number, token.fingerprint)
    return kept


async def test_a_data_key_rotation_leaves_nothing_under_the_old_keys_and_destroys_them(lab: RotationLab) -> None:
    owners = merchants(3)
    kept = await filled(lab, owners)
    before = {token: card.sealed for token, card in store_of(lab).cards.items()}
    drive = Drive(lab, lab.order(DATA))
    assert await drive.to_the_end(lab.rotation(DATA)) is Progress.FINISHED
    held = lab.held()
    assert {key: state for key, state in held.data_keys.items() if state != "destroyed"} == {
        (owner, 2): "active" for owner in owners
    }
    assert drive.counts == RotationCounts(keys_done=3, cards_done=24, keys_destroyed=3)
    for token, (number, fingerprint) in kept.items():
        card = store_of(lab).cards[token]
        assert held.cards[token] == (2, fingerprint)
        assert await lab.number_of(card.merchant_id, token) == number
        # A key of its own again, and another one.
        assert card.sealed.sealed_key is not None
        assert card.sealed.sealed_card != before[token].sealed_card


async def test_every_batch_of_a_data_key_rotation_is_bounded(lab: RotationLab) -> None:
    await filled(lab, merchants(3))
    drive = Drive(lab, lab.order(DATA))
    await drive.to_the_end(lab.rotation(DATA))
    assert max(step.counts.keys_done + step.counts.cards_done for step in drive.steps) <= lab.pace.batch
    assert len(drive.steps) > 24 / lab.pace.batch


async def test_only_the_merchant_that_was_asked_for_and_only_keys_that_are_old_enough(lab: RotationLab) -> None:
    first, second = sorted(merchants(2))
    await filled(lab, [first, second], numbers=1)
    await Drive(lab, lab.order(DATA, second)).to_the_end(lab.rotation(DATA))
    assert (lab.held().active(first), lab.held().active(second)) == (1, 2)
    a_day_ago = replace(lab.order(DATA), created_before_ms=int((lab.now() - 86_400) * 1000))
    await Drive(lab, a_day_ago).to_the_end(lab.rotation(DATA))
    assert (lab.held().active(first), lab.held().active(second)) == (1, 2)
    lab.age(86_400)
    await Drive(lab, lab.order(DATA)).to_the_end(lab.rotation(DATA))
    assert (lab.held().active(first), lab.held().active(second)) == (2, 3)


async def test_a_rotation_with_nothing_to_do_ends_at_once(lab: RotationLab) -> None:
    for kind in (KEK, DATA):
        drive = Drive(lab, lab.order(kind))
        assert await drive.to_the_end(lab.rotation(kind)) is Progress.FINISHED
        assert len(drive.steps) == 1
        assert drive.counts == RotationCounts()


async def test_retired_keys_stay_for_their_idle_time_and_until_codes_are_gone(lab: RotationLab) -> None:
    [owner] = merchants(1)
    token = await lab.keep(owner, NUMBERS[0], code="123")
    drive = Drive(lab, lab.order(DATA))
    rotation = lab.rotation(DATA)
    waits = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        lab.age(seconds)
        if len(waits) == 4:
            store_of(lab).cards[token.token_id].code_version = None

    drive.wait = wait
    assert await drive.to_the_end(rotation) is Progress.FINISHED
    waited = [seconds for seconds in waits if seconds >= 1]
    assert waited[0] == lab.pace.idle_seconds
    assert set(waited[1:]) == {SETTLE_ROUND_SECONDS}
    assert lab.held().data_keys[owner, 1] == "destroyed"


async def test_a_card_that_came_under_the_old_key_in_its_last_moment_is_sealed_anew_before_the_key_goes(
    lab: RotationLab,
) -> None:
    [owner] = merchants(1)
    await lab.keep(owner, NUMBERS[0])
    late = store_of(lab).cards
    drive = Drive(lab, lab.order(DATA))

    async def wait(seconds: float) -> None:
        lab.age(seconds)
        if seconds == lab.pace.idle_seconds:
            # As if its transaction had begun before the key was retired.
            stray = next(iter(late.values()))
            token_id = TokenId(new_id("tok"))
            old = await lab.keys_of().for_opening(owner, store_of(lab).data_keys[owner][1].stored(1))
            details = lab.sealer.open(
                await lab.keys_of().for_opening(owner, store_of(lab).data_keys[owner][2].stored(2)),
                owner, next(iter(late)), 2, stray.sealed,
            )  # fmt: skip
            sealed = SealedCard(None, old.seal(Binding(owner, token_id, 1, SealedKind.CARD), write_card(details)))
            late[token_id] = CardRow(owner, 1, sealed, fingerprint_id=stray.fingerprint_id)

    drive.wait = wait
    assert await drive.to_the_end(lab.rotation(DATA)) is Progress.FINISHED
    assert {card.key_version for card in late.values()} == {2}
    # The visit that moved the card did not destroy: whoever had just read the card can still open it.
    moved = next(
        place for place, step in enumerate(drive.steps) if step.position.phase == SETTLE and step.position.round == 2
    )
    assert drive.steps[moved].counts == RotationCounts(cards_done=1)
    assert lab.held().data_keys[owner, 1] == "destroyed"
    for token_id in late:
        assert await lab.number_of(owner, token_id) == NUMBERS[0]


async def test_a_card_from_before_cards_had_keys_gets_one(lab: RotationLab) -> None:
    [owner] = merchants(1)
    token = await lab.keep(owner, NUMBERS[0])
    card = store_of(lab).cards[token.token_id]
    cipher = (await lab.keys_of().for_sealing(owner)).cipher
    details = lab.sealer.open(cipher, owner, token.token_id, 1, card.sealed)
    place = Binding(owner, token.token_id, 1, SealedKind.CARD)
    card.sealed = SealedCard(None, cipher.seal(place, write_card(details)))
    card.fingerprint_id = None
    await Drive(lab, lab.order(DATA)).to_the_end(lab.rotation(DATA))
    assert card.sealed.sealed_key is not None
    assert await lab.number_of(owner, token.token_id) == NUMBERS[0]


async def test_a_card_that_can_t_be_opened_keeps_its_key_and_is_reported_after_all_others_are_done(
    lab: RotationLab,
) -> None:
    first, second = sorted(merchants(2))
    kept = await filled(lab, [first, second], numbers=1)
    broken = next(token for token in kept if store_of(lab).cards[token].merchant_id == first)
    card = store_of(lab).cards[broken]
    card.sealed = SealedCard(card.sealed.sealed_key, card.sealed.sealed_card[:-1] + b"\x00")
    drive = Drive(lab, lab.order(DATA))
    assert await drive.to_the_end(lab.rotation(DATA)) is Progress.INCOMPLETE
    assert set(lab.noticed.unreadable_names) == {broken}
    assert drive.counts.cards_failed == len(lab.noticed.unreadable_names)
    held = lab.held()
    assert (held.data_keys[first, 1], held.data_keys[second, 1]) == ("decrypt_only", "destroyed")
    assert [token for token, (version, _) in held.cards.items() if version == 1] == [broken]
    waited = sum(step.delay_seconds for step in drive.steps)
    assert waited > lab.pace.idle_seconds + CODES_GONE_SECONDS


async def test_a_key_encryption_key_rotation_wraps_every_key_anew_and_checks_it(lab: RotationLab) -> None:
    owners = merchants(5)
    kept = await filled(lab, owners, numbers=1)
    await Drive(lab, lab.order(DATA)).to_the_end(lab.rotation(DATA))
    lab.provider.active_key_id = "kek_2"
    drive = Drive(lab, lab.order(KEK))
    assert await drive.to_the_end(lab.rotation(KEK)) is Progress.FINISHED
    assert drive.counts == RotationCounts(keys_done=6)
    assert lab.held().key_encryption_keys == {"kek_2"}
    for token, (number, _) in kept.items():
        assert await lab.number_of(store_of(lab).cards[token].merchant_id, token) == number
    assert store_of(lab).cards.keys() == kept.keys()


async def test_keys_that_a_process_with_the_old_key_makes_meanwhile_are_found_by_the_next_round(
    lab: RotationLab,
) -> None:
    await filled(lab, merchants(1), numbers=1)
    lab.provider.active_key_id = "kek_2"
    drive = Drive(lab, lab.order(KEK))
    late = 2

    async def wait(seconds: float) -> None:
        nonlocal late
        lab.age(seconds)
        if late:
            late -= 1
            lab.provider.active_key_id = "fake_kek"
            await filled(lab, [MerchantId(f"mer_{late}")], numbers=1)
            lab.provider.active_key_id = "kek_2"

    drive.wait = wait
    assert await drive.to_the_end(lab.rotation(KEK)) is Progress.FINISHED
    assert lab.held().key_encryption_keys == {"kek_2"}
    assert drive.counts.keys_done == 4


async def test_a_key_that_can_t_be_unwrapped_does_not_stop_the_others(lab: RotationLab) -> None:
    owners = sorted(merchants(4))
    await filled(lab, owners, numbers=1)
    lost = store_of(lab).data_keys[owners[1]][1].stored(1).wrapped
    lab.provider.lose(lost)
    lab.provider.active_key_id = "kek_2"
    drive = Drive(lab, lab.order(KEK))
    assert await drive.to_the_end(lab.rotation(KEK)) is Progress.INCOMPLETE
    assert drive.counts.keys_done == 4
    assert set(lab.noticed.unreadable_names) == {f"{owners[1]}/1"}
    others = {
        key.stored(1).wrapped.key_encryption_key_id
        for m, rows in store_of(lab).data_keys.items()
        if m != owners[1]
        for key in rows.values()
    }
    assert others == {"kek_2"}


async def test_a_key_encryption_key_rotation_reaches_the_keys_of_open_imports(lab: RotationLab) -> None:
    owners = merchants(2)
    await filled(lab, owners, numbers=1)
    open_ones = [(await lab.begin_import(owner), owner) for owner in owners for _ in range(lab.pace.batch)]
    before = [await lab.open_import(*each) for each in open_ones]
    lab.provider.active_key_id = "kek_2"
    drive = Drive(lab, lab.order(KEK))
    assert await drive.to_the_end(lab.rotation(KEK)) is Progress.FINISHED
    assert lab.held().key_encryption_keys == {"kek_2"}
    assert [await lab.open_import(*each) for each in open_ones] == before
    actions = sorted(action for action, *_ in lab.rewrapped())
    assert actions == [*["rewrap_data_key"] * 2, "rewrap_fingerprint_key", *["rewrap_import_key"] * len(open_ones)]
    assert max(step.counts.keys_done for step in drive.steps) <= lab.pace.batch + 1


async def test_a_rotation_is_not_done_while_an_import_s_key_stays_under_the_old_key(lab: RotationLab) -> None:
    [owner] = merchants(1)
    lost, other = await lab.begin_import(owner), await lab.begin_import(owner)
    assert lab.imports is not None
    private = await lab.imports.private(lost)
    assert private is not None
    lab.provider.lose(private.wrapped)
    lab.provider.active_key_id = "kek_2"
    drive = Drive(lab, lab.order(KEK))
    assert await drive.to_the_end(lab.rotation(KEK)) is Progress.INCOMPLETE
    assert set(lab.noticed.unreadable_names) == {lost}
    assert [detail for *_, detail in lab.rewrapped()] == [f"{other} from fake_kek to kek_2"]


async def test_a_fingerprint_key_rotation_keeps_the_ids_that_merchants_see(lab: RotationLab) -> None:
    owners = merchants(2)
    kept = await filled(lab, owners)
    drive = Drive(lab, lab.order(FINGERPRINT))
    assert await drive.to_the_end(lab.rotation(FINGERPRINT)) is Progress.FINISHED
    held = lab.held()
    assert sorted(held.fingerprint_keys.values()) == ["active", "destroyed"]
    active = next(key for key, state in held.fingerprint_keys.items() if state == "active")
    assert held.fingerprints == {active: 8}
    assert {token: fingerprint for token, (_, fingerprint) in kept.items()} == {
        token: fingerprint for token, (_, fingerprint) in held.cards.items()
    }
    again = await filled(lab, owners)
    assert set(again.values()) == set(kept.values())
    assert (drive.counts.keys_done, drive.counts.keys_destroyed) == (1, 1)
    assert max(step.delay_seconds for step in drive.steps) == lab.pace.idle_seconds


async def test_cards_without_an_id_get_the_one_of_their_number(lab: RotationLab) -> None:
    [owner] = merchants(1)
    kept = await filled(lab, [owner], numbers=2)
    old, *_, new = sorted(kept)
    # As it is after an update: the older card was kept before there were ids, the newer one has one.
    store_of(lab).cards[old].fingerprint_id = None
    drive = Drive(lab, lab.order(FINGERPRINT))
    await drive.to_the_end(lab.rotation(FINGERPRINT))
    assert {token: store_of(lab).cards[token].fingerprint_id for token in kept} == {
        token: fingerprint for token, (_, fingerprint) in kept.items()
    }
    del new


async def test_the_first_fingerprint_key_comes_without_one_to_replace(lab: RotationLab) -> None:
    drive = Drive(lab, lab.order(FINGERPRINT))
    assert await drive.to_the_end(lab.rotation(FINGERPRINT)) is Progress.FINISHED
    assert list(lab.held().fingerprint_keys.values()) == ["active"]
    assert all(step.delay_seconds < 1 for step in drive.steps)


async def test_a_fingerprint_rotation_that_was_left_is_taken_up_and_not_begun_anew(lab: RotationLab) -> None:
    kept = await filled(lab, merchants(1))
    rotation = lab.rotation(FINGERPRINT)
    step = await rotation.advance(lab.order(FINGERPRINT), Position(), no_tick)
    await rotation.advance(lab.order(FINGERPRINT), step.position, no_tick)
    # A worker that still has the keys of before in memory.
    stale = lab.rotation(FINGERPRINT)
    await Drive(lab, lab.order(FINGERPRINT)).to_the_end(stale)
    assert sorted(lab.held().fingerprint_keys.values()) == ["active", "destroyed"]
    assert {fingerprint for _, fingerprint in lab.held().cards.values()} == {f for _, f in kept.values()}


async def test_keys_in_a_worker_s_memory_are_not_taken_for_those_in_use(lab: RotationLab) -> None:
    await filled(lab, merchants(1))
    stale = lab.rotation(FINGERPRINT)
    await Drive(lab, lab.order(FINGERPRINT)).to_the_end(stale)
    # Another worker begins the next one; this one, which remembers the first, goes on with it.
    begun = await lab.rotation(FINGERPRINT).advance(lab.order(FINGERPRINT), Position(), no_tick)
    drive = Drive(lab, lab.order(FINGERPRINT), position=begun.position)
    assert await drive.to_the_end(stale) is Progress.FINISHED
    held = lab.held()
    assert sorted(held.fingerprint_keys.values()) == ["active", "destroyed", "destroyed"]
    assert set(held.fingerprints) == {key for key, state in held.fingerprint_keys.items() if state == "active"}


async def test_what_a_destroyed_fingerprint_key_knew_is_deleted_in_bounded_batches(lab: RotationLab) -> None:
    await filled(lab, merchants(1), numbers=1)
    store = store_of(lab)
    [old] = store.fingerprint_rows
    for number in range(FORGOTTEN_AT_ONCE + 5):
        store.fingerprints[MerchantId("mer_1"), old, number.to_bytes(32, "big")] = "fpr_1"
    drive = Drive(lab, lab.order(FINGERPRINT))
    await drive.to_the_end(lab.rotation(FINGERPRINT))
    assert len(store.fingerprints) == 1


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_provider_or_database_that_is_away_is_an_error_and_nothing_is_lost(
    lab: RotationLab, kind: RotationKind
) -> None:
    kept = await filled(lab, merchants(2))
    lab.provider.active_key_id = "kek_2"
    rotation = lab.rotation(kind)
    order = lab.order(kind)
    lab.provider.down = True
    with pytest.raises((KeyProviderDownError, Refusal)):
        await rotation.advance(order, Position(), no_tick)
    lab.provider.down = False
    store_of(lab).down = True
    with pytest.raises(Refusal) as refused:
        await rotation.advance(order, Position(), no_tick)
    assert refused.value.reason is Reason.UNAVAILABLE
    store_of(lab).down = False
    assert await Drive(lab, order).to_the_end(rotation) is Progress.FINISHED
    for token, (number, _) in kept.items():
        assert await lab.number_of(store_of(lab).cards[token].merchant_id, token) == number


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_the_audit_is_told_who_asked(lab: RotationLab, kind: RotationKind) -> None:
    await filled(lab, merchants(1))
    lab.provider.active_key_id = "kek_2"
    store_of(lab).actors.clear()
    await Drive(lab, lab.order(kind)).to_the_end(lab.rotation(kind))
    assert store_of(lab).actors == {"vault_worker for key_1"}


async def test_every_card_and_key_ticks(lab: RotationLab) -> None:
    await filled(lab, merchants(2))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        ticks += 1

    await Drive(lab, lab.order(DATA)).to_the_end(lab.rotation(DATA), tick)
    assert ticks == 2 + 16


def test_a_batch_is_paid_for_with_a_pause_of_what_it_did_not_take() -> None:
    pace = Pace(per_second=500.0)
    assert pace.pause_seconds(500, 0.25) == 0.75
    assert pace.pause_seconds(500, 2.0) == 0.0
    assert pace.pause_seconds(0, 0.1) == 0.0


class FakeRotations:
    """Remembers what was ordered."""

    def __init__(self) -> None:
        self.orders: list[RotationOrder] = []

    async def start(self, order: RotationOrder) -> RotationReport:
        self.orders.append(order)
        return RotationReport(order.kind, RotationState.RUNNING, RotationCounts(), datetime.now(UTC), None)

    async def find(self, kind: RotationKind) -> RotationReport | None:
        del kind
        return None


async def test_an_order_names_the_moment_before_which_keys_are_due() -> None:
    rotations, clock = FakeRotations(), FakeClock()
    rotate = RotateKeys(rotations, clock)
    await rotate(DATA, merchant_id="mer_1", older_than_days=365, requested_by="key_1")
    [order] = rotations.orders
    assert order == RotationOrder(DATA, "mer_1", int(clock.now().timestamp() - 365 * 86_400) * 1000, "key_1")


@pytest.mark.parametrize("kind", [KEK, FINGERPRINT], ids=str)
@pytest.mark.parametrize(("merchant_id", "days"), [("mer_1", 0), ("", 1)])
async def test_merchant_and_age_are_for_data_keys_alone(kind: RotationKind, merchant_id: str, days: int) -> None:
    rotations = FakeRotations()
    with pytest.raises(Refusal) as refused:
        await RotateKeys(rotations, FakeClock())(kind, merchant_id=merchant_id, older_than_days=days, requested_by="")
    assert refused.value.reason is Reason.INVALID_FIELD
    assert not rotations.orders


@pytest.mark.parametrize("kind", [DATA, KEK, FINGERPRINT], ids=str)
async def test_a_card_number_in_place_of_a_merchant_gets_into_no_history(kind: RotationKind) -> None:
    rotations = FakeRotations()
    with pytest.raises(Refusal) as refused:
        await RotateKeys(rotations, FakeClock())(
            kind, merchant_id="x 4000 0027 6000 3184", older_than_days=0, requested_by="key_1"
        )
    assert refused.value.reason is Reason.INVALID_FIELD
    assert "3184" not in repr(refused.value.__dict__)
    assert not rotations.orders
