"""Rotations that meet others at work: keys replaced under their hands, cards that can't be opened in their way."""

from dataclasses import replace

import pytest

from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.interrupted_store import MeddledStore
from tests.fakes.vault.rotation_store import FakeRotationStore
from tests.support.vault_rotation import KINDS, NUMBERS, Drive, RotationLab, fake_lab, no_tick
from vault_svc.application.ports.card_store import SealedCard
from vault_svc.application.rotate_keys import Position, Progress
from vault_svc.domain.token import MerchantId, TokenId

KEK, DATA, FINGERPRINT = KINDS


@pytest.fixture
def lab() -> RotationLab:
    return fake_lab()


def store_of(lab: RotationLab) -> FakeRotationStore:
    assert isinstance(lab.store, FakeRotationStore)
    return lab.store


async def filled(lab: RotationLab, owner: MerchantId, count: int = 8) -> list[TokenId]:
    return [(await lab.keep(owner, NUMBERS[place % len(NUMBERS)])).token_id for place in range(count)]


def break_card(lab: RotationLab, token_id: TokenId) -> None:
    card = store_of(lab).cards[token_id]
    card.sealed = SealedCard(card.sealed.sealed_key, bytes(len(card.sealed.sealed_card)))


async def test_more_broken_cards_than_a_batch_holds_don_t_keep_the_others_from_their_turn(lab: RotationLab) -> None:
    tokens = sorted(await filled(lab, MerchantId(new_id("mer")), 12))
    for token_id in tokens[:5]:
        break_card(lab, token_id)
    assert await Drive(lab, lab.order(DATA)).to_the_end(lab.rotation(DATA)) is Progress.INCOMPLETE
    assert {token for token, (version, _) in lab.held().cards.items() if version == 2} == set(tokens[5:])


async def test_a_number_is_known_by_any_card_that_opens(lab: RotationLab) -> None:
    lab.pace = replace(lab.pace, batch=2)
    tokens = await filled(lab, MerchantId(new_id("mer")), 12)
    # Of the first number none opens any more, of the second one does.
    for token_id in (*tokens[::4], *tokens[1:8:4]):
        break_card(lab, token_id)
    assert await Drive(lab, lab.order(FINGERPRINT)).to_the_end(lab.rotation(FINGERPRINT)) is Progress.INCOMPLETE
    active, _ = await lab.store.fingerprint_keys()
    left = await lab.store.cards_to_fingerprint(active.key_id, "", 100)
    assert {card.token_id for card in left} == set(tokens[::4])


async def test_what_another_merchant_has_left_is_not_this_one_s(lab: RotationLab) -> None:
    mine, other = MerchantId(new_id("mer")), MerchantId(new_id("mer"))
    await filled(lab, mine, 1)
    [broken] = await filled(lab, other, 1)
    break_card(lab, broken)
    await lab.keys_of().replace_data_key(other, 1)
    assert await Drive(lab, lab.order(DATA, mine)).to_the_end(lab.rotation(DATA)) is Progress.FINISHED
    assert lab.held().data_keys[other, 1] == "decrypt_only"


async def test_a_rotation_that_is_begun_anew_destroys_nothing_before_a_pause(lab: RotationLab) -> None:
    """The one before it may have moved a card in the very last moment."""
    owner = MerchantId(new_id("mer"))
    await filled(lab, owner, 1)
    order = lab.order(DATA)
    first = await lab.rotation(DATA).advance(order, Position(), no_tick)
    assert first.counts.cards_done == 1
    lab.age(lab.pace.idle_seconds)
    again = await lab.rotation(DATA).advance(order, Position(), no_tick)
    assert again.counts.keys_destroyed == 0
    assert again.delay_seconds == lab.pace.idle_seconds


async def test_a_data_key_that_is_replaced_during_a_batch_is_looked_for_again(lab: RotationLab) -> None:
    owner = MerchantId(new_id("mer"))
    tokens = await filled(lab, owner)

    async def replace() -> None:
        await lab.keys_of().replace_data_key(owner, 2)

    store = MeddledStore(lab.store, "reseal_card", replace)
    drive = Drive(lab, lab.order(DATA))
    assert await drive.to_the_end(lab.rotation(DATA, store.as_store())) is Progress.FINISHED
    assert {version for version, _ in lab.held().cards.values()} == {3}
    for place, token_id in enumerate(tokens):
        assert await lab.number_of(owner, token_id) == NUMBERS[place % len(NUMBERS)]


async def test_a_fingerprint_rotation_that_another_worker_ends_during_a_batch_is_over(lab: RotationLab) -> None:
    owner = MerchantId(new_id("mer"))
    await filled(lab, owner, 2)
    order = lab.order(FINGERPRINT)
    begun = await lab.rotation(FINGERPRINT).advance(order, Position(), no_tick)

    async def end() -> None:
        other = Drive(lab, order, position=begun.position)
        assert await other.to_the_end(lab.rotation(FINGERPRINT)) is Progress.FINISHED

    store = MeddledStore(lab.store, "add_fingerprint", end)
    drive = Drive(lab, order, position=begun.position)
    assert await drive.to_the_end(lab.rotation(FINGERPRINT, store.as_store())) is Progress.FINISHED
    assert sorted(lab.held().fingerprint_keys.values()) == ["active", "destroyed"]


@pytest.mark.parametrize(
    ("kind", "method"), [(DATA, "reseal_card"), (FINGERPRINT, "add_fingerprint"), (KEK, "rewrap_key")], ids=str
)
async def test_an_error_on_one_item_of_a_batch_is_the_batch_s(lab: RotationLab, kind: object, method: str) -> None:
    await filled(lab, MerchantId(new_id("mer")))
    lab.provider.active_key_id = "kek_2"

    async def fail() -> None:
        raise Refusal(Reason.UNAVAILABLE)

    store = MeddledStore(lab.store, method, fail)
    order = lab.order(next(each for each in KINDS if each is kind))
    rotation = lab.rotation(order.kind, store.as_store())
    drive = Drive(lab, order)
    with pytest.raises(Refusal):
        await drive.to_the_end(rotation)
    assert await drive.to_the_end(rotation) is Progress.FINISHED


async def test_a_key_that_comes_behind_the_place_a_round_has_come_to_is_found(lab: RotationLab) -> None:
    for name in ("mer_b", "mer_c", "mer_d"):
        await filled(lab, MerchantId(name), 1)
    lab.provider.active_key_id = "kek_2"
    order = lab.order(KEK)
    rotation = lab.rotation(KEK)
    first = await rotation.advance(order, Position(), no_tick)
    assert first.position.after_merchant == "mer_d"
    lab.provider.active_key_id = "fake_kek"
    await filled(lab, MerchantId("mer_a"), 1)
    lab.provider.active_key_id = "kek_2"
    drive = Drive(lab, order, position=first.position)
    assert await drive.to_the_end(rotation) is Progress.FINISHED
    assert lab.held().key_encryption_keys == {"kek_2"}


async def test_a_fingerprint_key_that_is_not_idle_yet_is_waited_for(lab: RotationLab) -> None:
    await filled(lab, MerchantId(new_id("mer")), 1)
    drive = Drive(lab, lab.order(FINGERPRINT))

    async def wait(seconds: float) -> None:
        # Time as the database knows it goes more slowly than the workflow's.
        lab.age(seconds / 3)

    drive.wait = wait
    assert await drive.to_the_end(lab.rotation(FINGERPRINT)) is Progress.FINISHED
    assert sorted(lab.held().fingerprint_keys.values()) == ["active", "destroyed"]


async def test_a_card_without_an_id_that_can_t_be_opened_is_reported_with_the_first_key_too(lab: RotationLab) -> None:
    owner = MerchantId(new_id("mer"))
    [token_id] = await filled(lab, owner, 1)
    # As it is right after an update: a card of before, and no fingerprint key yet.
    store_of(lab).cards[token_id].fingerprint_id = None
    store_of(lab).fingerprints.clear()
    store_of(lab).fingerprint_rows.clear()
    break_card(lab, token_id)
    assert await Drive(lab, lab.order(FINGERPRINT)).to_the_end(lab.rotation(FINGERPRINT)) is Progress.INCOMPLETE
    assert set(lab.noticed.unreadable_names) == {token_id}
