"""Exports and imports over the ports in memory: every card once, refused lines, interruptions, no card in the open."""

import asyncio
import json
import traceback
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest

from mesh.identifiers import is_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.unit.vault_svc.transfers import EXPORT, FIRST, IMPORT, WORKER, Recipient, Sender, Transfers
from tests.unit.vault_svc.vaults import ADDRESS, MERCHANT, NUMBER, OTHER_MERCHANT, OTHER_NUMBER
from vault_svc.application import export_cards
from vault_svc.application.import_cards import REUSED
from vault_svc.application.ports.key_provider import KeyUnavailableError
from vault_svc.domain.card import Expiry
from vault_svc.domain.sealing import SealBrokenError
from vault_svc.domain.token import SINGLE_USE_SECONDS, Usage
from vault_svc.domain.transferred_card import EXPIRED

LUHN_WRONG = "4242424242424241"


async def refused(call: Awaitable[Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await call
    shown = f"{caught.value!r} {caught.value} {caught.value.metadata} {traceback.format_exception(caught.value)}"
    assert NUMBER not in shown
    return caught.value


def numbers(count: int) -> list[str]:
    """Give card numbers with right check digits."""
    return [
        next(f"{body}{digit}" for digit in range(10) if _luhn(f"{body}{digit}"))
        for body in (f"424242{place:09d}" for place in range(count))
    ]


def _luhn(digits: str) -> bool:
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(sum(divmod(2 * value, 10)) for value in values[1::2])) % 10 == 0


def envelopes_of(sender: Sender, count: int) -> list[str]:
    """Give envelopes of so many cards, with the ids 0, 1 and so on."""
    return [
        sender.seal(id=str(place), number=number, exp_month=12, exp_year=2030)
        for place, number in enumerate(numbers(count))
    ]


async def test_an_export_gives_every_permanent_card_of_the_merchant_once() -> None:
    desk, recipient = Transfers(), Recipient()
    kept = [await desk.keep(number, f"cus_{place}") for place, number in enumerate(numbers(7))]
    await desk.vault.keep(NUMBER)
    await desk.vault.keep_card(
        OTHER_MERCHANT, desk.vault.card(code=""), customer_id="", life_seconds=None, actor=WORKER
    )
    operation_id = await desk.approved(EXPORT, recipient.public_key)
    envelopes, unreadable = await desk.exported(operation_id, page_size=3)
    cards = [recipient.open(envelope) for envelope in envelopes]
    assert unreadable == []
    assert [card["id"] for card in cards] == sorted(token.token_id for token in kept)
    assert sorted(card["number"] for card in cards) == numbers(7)
    assert {card["customer_id"] for card in cards} == {f"cus_{place}" for place in range(7)}
    assert {(card["exp_month"], card["exp_year"], card["holder_name"]) for card in cards} == {
        (12, 2030, "Ada Lovelace")
    }
    assert all("cvc" not in card for card in cards)


async def test_an_address_goes_along() -> None:
    desk, recipient = Transfers(), Recipient()
    await desk.keep(NUMBER, address=ADDRESS)
    envelopes, _ = await desk.exported(await desk.approved(EXPORT, recipient.public_key))
    assert recipient.open(envelopes[0])["address"] == {name: text for name, text in ADDRESS.named() if text}


async def test_pages_have_their_size_and_the_last_one_has_no_card() -> None:
    desk = Transfers()
    for number in numbers(4):
        await desk.keep(number)
    operation_id = await desk.approved(EXPORT, Recipient().public_key)
    sizes = []
    position = "first"
    while position:
        page = await desk.export(operation_id, "" if position == "first" else position, 2, WORKER)
        sizes.append(len(page.envelopes))
        position = page.next_position
    assert sizes == [2, 2, 0, 0]


async def test_an_export_of_nothing_is_finished_too() -> None:
    desk = Transfers()
    operation_id = await desk.approved(EXPORT, Recipient().public_key)
    assert await desk.exported(operation_id) == ([], [])
    kept = await desk.store.get(operation_id)
    assert kept is not None
    assert kept.finished_at is not None


async def test_a_page_has_a_bound_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_cards, "PAGE_BYTES_MAX", 1_600)
    desk, recipient = Transfers(), Recipient()
    for number in numbers(7):
        await desk.keep(number)
    operation_id = await desk.approved(EXPORT, recipient.public_key)
    first = await desk.export(operation_id, "", 100, WORKER)
    assert sum(map(len, first.envelopes)) <= 1_600
    envelopes, _ = await desk.exported(operation_id)
    assert sorted(recipient.open(envelope)["number"] for envelope in envelopes) == numbers(7)


async def test_every_page_can_be_had_again_until_the_end_and_the_end_too() -> None:
    desk, recipient = Transfers(), Recipient()
    for number in numbers(3):
        await desk.keep(number)
    operation_id = await desk.approved(EXPORT, recipient.public_key)
    first = await desk.export(operation_id, "", 2, WORKER)
    again = await desk.export(operation_id, "", 2, WORKER)
    assert [recipient.open(each) for each in first.envelopes] == [recipient.open(each) for each in again.envelopes]
    assert first.envelopes != again.envelopes
    second = await desk.export(operation_id, first.next_position, 2, WORKER)
    for _ in range(2):
        last = await desk.export(operation_id, second.next_position, 2, WORKER)
        assert (last.envelopes, last.next_position) == ([], "")
    assert (await refused(desk.export(operation_id, first.next_position, 2, WORKER))).reason is (
        Reason.OPERATION_NOT_READY
    )
    assert [record.action for record in desk.vault.store.audit].count("export_cards") == 4
    assert desk.vault.store.audit[-1].outcome == "done"


@pytest.mark.parametrize("position", [NUMBER, f"end:{NUMBER}", "tok_1", "end:end:", "end"])
async def test_a_position_that_no_page_gave_is_refused_and_does_not_reach_the_audit(position: str) -> None:
    desk = Transfers()
    await desk.keep(NUMBER)
    operation_id = await desk.approved(EXPORT, Recipient().public_key)
    await desk.export(operation_id, "", 2, WORKER)
    before = list(desk.vault.store.audit)
    assert (await refused(desk.export(operation_id, position, 2, WORKER))).reason is Reason.INVALID_PAGE_TOKEN
    assert desk.vault.store.audit == before


async def test_another_key_neither_goes_on_with_an_export_nor_ends_it() -> None:
    desk = Transfers()
    for number in numbers(3):
        await desk.keep(number)
    operation_id = await desk.approved(EXPORT, Recipient().public_key)
    page = await desk.export(operation_id, "", 2, WORKER)
    for position in ("", page.next_position, "end:"):
        refusal = await refused(desk.export(operation_id, position, 2, FIRST))
        assert refusal.reason is Reason.OPERATION_NOT_READY
    kept = await desk.store.get(operation_id)
    assert kept is not None
    assert kept.finished_at is None


async def test_of_two_who_begin_at_once_one_exports() -> None:
    desk = Transfers()
    await desk.keep(NUMBER)
    operation_id = await desk.approved(EXPORT, Recipient().public_key)
    answers = await asyncio.gather(
        desk.export(operation_id, "", 10, WORKER), desk.export(operation_id, "", 10, FIRST), return_exceptions=True
    )
    assert sorted(isinstance(answer, Refusal) for answer in answers) == [False, True]


async def test_the_end_of_an_export_ends_no_operation_of_another_kind() -> None:
    desk = Transfers()
    operation_id, _ = await desk.importing()
    assert (await refused(desk.export(operation_id, "end:", 10, WORKER))).reason is Reason.OPERATION_NOT_FOUND
    assert (await refused(desk.export(operation_id, "", 10, WORKER))).reason is Reason.OPERATION_NOT_FOUND
    kept = await desk.store.get(operation_id)
    assert kept is not None
    assert kept.finished_at is None


async def test_a_card_that_can_not_be_opened_is_told_by_its_token_and_passed_over() -> None:
    desk, recipient = Transfers(), Recipient()
    kept = sorted([await desk.keep(number) for number in numbers(4)], key=lambda token: token.token_id)
    cards = desk.vault.store.cards
    broken = cards[kept[1].token_id].sealed
    cards[kept[1].token_id].sealed = replace(
        broken, sealed_card=broken.sealed_card[:-1] + bytes([broken.sealed_card[-1] ^ 1])
    )
    cards[kept[2].token_id].sealed = cards[kept[3].token_id].sealed
    operation_id = await desk.approved(EXPORT, recipient.public_key)
    envelopes, unreadable = await desk.exported(operation_id, page_size=2)
    assert [recipient.open(envelope)["id"] for envelope in envelopes] == [kept[0].token_id, kept[3].token_id]
    assert unreadable == [kept[1].token_id, kept[2].token_id]


async def test_a_sealed_card_of_before_an_update_that_was_put_back_is_passed_over() -> None:
    desk, recipient = Transfers(), Recipient()
    token = await desk.keep(NUMBER)
    kept = desk.vault.store.cards[token.token_id]
    before = kept.sealed
    await desk.vault.update(MERCHANT, token.token_id, Expiry(6, 2033), WORKER)
    after, kept.sealed = kept.sealed, before
    assert await desk.exported(await desk.approved(EXPORT, recipient.public_key)) == ([], [token.token_id])
    kept.sealed = after
    envelopes, unreadable = await desk.exported(await desk.approved(EXPORT, recipient.public_key))
    assert ([recipient.open(each)["exp_year"] for each in envelopes], unreadable) == ([2033], [])


async def test_cards_under_a_lost_key_are_told_by_their_tokens() -> None:
    desk = Transfers()
    token = await desk.keep(NUMBER)
    stored = desk.vault.store.keys.data_key(MERCHANT, 1)
    assert stored is not None
    desk.vault.provider.lose(stored.wrapped)
    desk.vault.advance(100_000)
    assert await desk.exported(await desk.approved(EXPORT, Recipient().public_key)) == ([], [token.token_id])


async def test_while_the_key_provider_is_away_no_card_is_passed_over() -> None:
    desk, recipient = Transfers(), Recipient()
    await desk.keep(NUMBER)
    operation_id = await desk.approved(EXPORT, recipient.public_key)
    desk.vault.provider.down = True
    desk.vault.advance(100_000)
    assert (await refused(desk.export(operation_id, "", 10, WORKER))).reason is Reason.UNAVAILABLE
    desk.vault.provider.down = False
    envelopes, unreadable = await desk.exported(operation_id)
    assert ([recipient.open(each)["number"] for each in envelopes], unreadable) == ([NUMBER], [])


async def test_what_an_export_gives_holds_no_card_in_the_clear() -> None:
    desk = Transfers()
    await desk.keep(NUMBER, "cus_1", address=ADDRESS)
    operation_id = await desk.approved(EXPORT, Recipient().public_key)
    page = await desk.export(operation_id, "", 10, WORKER)
    shown = f"{page!r} {desk.vault.store.audit!r} {desk.store.operations!r}"
    assert not any(secret in shown for secret in (NUMBER, NUMBER[:7], "Lovelace", "London", "cus_1"))


async def test_an_import_gives_a_key_of_its_own_and_always_the_same() -> None:
    desk = Transfers()
    first, second = await desk.approved(IMPORT), await desk.approved(IMPORT)
    keys = [dict(await desk.keys.public_key(each, WORKER)) for each in (first, first, second)]
    assert keys[0] == keys[1] != keys[2]
    assert "d" not in keys[0]
    kept = await desk.store.get(first)
    assert kept is not None
    assert kept.parameters["public_key_digest"] == desk.envelopes.read_public_key(json.dumps(keys[0])).digest
    many = await asyncio.gather(*(desk.keys.public_key(second, WORKER) for _ in range(5)))
    assert all(dict(each) == keys[2] for each in many)
    assert (await refused(desk.keys.public_key(first, FIRST))).reason is Reason.OPERATION_NOT_READY


async def test_the_private_half_is_sealed_for_its_operation_alone() -> None:
    desk = Transfers()
    operation_id, sender = await desk.importing()
    other, _ = await desk.importing()
    kept = desk.store.operations
    private = kept[operation_id].parameters["private_key"]
    assert b"PRIVATE" not in private.sealed
    kept[other].parameters["private_key"] = private
    with pytest.raises(KeyUnavailableError):
        await desk.taken(other, sender.seal(id="1", number=NUMBER, exp_month=12, exp_year=2030))
    kept[operation_id].parameters["private_key"] = replace(private, sealed=private.sealed[:-1] + b"\x00")
    with pytest.raises(SealBrokenError):
        await desk.taken(operation_id, sender.seal(id="1", number=NUMBER, exp_month=12, exp_year=2030))


async def test_an_imported_card_is_a_permanent_token_that_reveals_it() -> None:
    desk = Transfers()
    operation_id, sender = await desk.importing()
    card = {"id": "a-1", "number": NUMBER, "exp_month": 12, "exp_year": 2030, "holder_name": "Ada Lovelace"}
    [line] = await desk.taken(
        operation_id, sender.seal(**card, customer_id="cus_1", address={"city": "London", "country": "GB"})
    )
    assert (line.source_id, line.error) == ("a-1", "")
    assert is_id("tok", line.token_id)
    [kept] = desk.vault.store.cards.values()
    assert (kept.merchant_id, kept.token.usage, kept.token.customer_id) == (MERCHANT, Usage.PERMANENT, "cus_1")
    revealed = await desk.vault.reveal(line.token_id)
    assert revealed.details.number.reveal() == NUMBER
    assert revealed.details.holder_name.reveal() == "Ada Lovelace"
    assert (revealed.details.address.city, revealed.code) == ("London", None)


async def test_a_number_that_the_merchant_has_is_recognised() -> None:
    desk = Transfers()
    there = await desk.keep(NUMBER)
    operation_id, sender = await desk.importing()
    [line] = await desk.taken(operation_id, sender.seal(id="a", number=NUMBER, exp_month=1, exp_year=2031))
    fingerprints = {kept.token.fingerprint for kept in desk.vault.store.cards.values()}
    assert line.token_id != there.token_id
    assert fingerprints == {there.fingerprint}


async def test_each_line_is_taken_or_refused_by_itself_and_in_its_place() -> None:
    desk = Transfers()
    operation_id, sender = await desk.importing()
    other_operation, stranger = await desk.importing()
    good = {"exp_month": 12, "exp_year": 2030}
    lines = await desk.taken(
        operation_id,
        sender.seal(id="1", number=NUMBER, **good),
        sender.seal(id="2", number=LUHN_WRONG, **good),
        "no envelope",
        stranger.seal(id="4", number=NUMBER, **good),
        sender.seal_text(b"no card"),
        sender.seal(id=NUMBER, number=NUMBER, **good),
        sender.seal(id="7", number=OTHER_NUMBER, exp_month=1, exp_year=2020),
        sender.seal(id="8", number=NUMBER, cvc="737", **good),
        sender.seal(id="9", number=NUMBER, **good),
    )
    assert [bool(line.token_id) for line in lines] == [True, False, False, False, False, False, True, False, True]
    assert [line.source_id for line in lines] == ["1", "2", "", "", "", "", "7", "", "9"]
    assert [line.error == "" for line in lines] == [True, *[False] * 7, True]
    assert lines[6].error == EXPIRED
    assert "number:" in lines[1].error
    assert "another key" in lines[3].error
    assert len(desk.vault.store.cards) == 3
    shown = f"{lines!r}{desk.vault.store.audit!r}{desk.store.operations!r}{desk.transfers!r}"
    for number in (NUMBER, LUHN_WRONG, OTHER_NUMBER):
        assert number[:7] not in shown
    assert desk.store.operations[other_operation].finished_at is None


async def test_an_expired_card_keeps_its_expiry() -> None:
    desk = Transfers()
    operation_id, sender = await desk.importing()
    [line] = await desk.taken(operation_id, sender.seal(id="1", number=NUMBER, exp_month=2, exp_year=2019))
    assert (await desk.vault.reveal(line.token_id)).details.expiry == Expiry(2, 2019)


async def test_a_page_that_comes_again_makes_no_second_token() -> None:
    desk = Transfers()
    operation_id, sender = await desk.importing()
    page = envelopes_of(sender, 5)
    first = await desk.taken(operation_id, *page)
    assert await desk.taken(operation_id, *page) == first
    again = sender.seal(id="0", number=numbers(1)[0], exp_month=12, exp_year=2030)
    assert (await desk.taken(operation_id, again))[0].token_id == first[0].token_id
    assert len(desk.vault.store.cards) == 5


async def test_a_page_that_was_interrupted_goes_on_without_doubles() -> None:
    desk = Transfers()
    operation_id, sender = await desk.importing()
    page = envelopes_of(sender, 5)
    for taken in range(1, 4):
        desk.transfers.fail_after = taken
        assert (await refused(desk.take(operation_id, page, WORKER, last=False))).reason is Reason.UNAVAILABLE
    desk.transfers.fail_after = None
    lines = await desk.taken(operation_id, *page)
    assert len({line.token_id for line in lines}) == len(desk.vault.store.cards) == 5


async def test_the_same_page_at_once_makes_one_token_for_each_line() -> None:
    desk = Transfers()
    operation_id, sender = await desk.importing()
    page = envelopes_of(sender, 4)
    answers = await asyncio.gather(*(desk.taken(operation_id, *page) for _ in range(3)))
    assert answers[0] == answers[1] == answers[2]
    assert len(desk.vault.store.cards) == 4


async def test_another_card_under_the_same_id_is_refused() -> None:
    desk = Transfers()
    operation_id, sender = await desk.importing()
    expiry = {"exp_month": 12, "exp_year": 2030}
    lines = await desk.taken(
        operation_id, sender.seal(id="1", number=NUMBER, **expiry), sender.seal(id="1", number=OTHER_NUMBER, **expiry)
    )
    assert [bool(line.token_id) for line in lines] == [True, False]
    assert (lines[1].error, lines[1].source_id) == (REUSED, "1")


async def test_cards_are_sealed_under_the_key_of_the_moment() -> None:
    desk = Transfers()
    operation_id, sender = await desk.importing()
    await desk.keep(OTHER_NUMBER)
    await desk.vault.rotate()
    [line] = await desk.taken(operation_id, sender.seal(id="1", number=NUMBER, exp_month=12, exp_year=2030))
    assert [kept.key_version for kept in desk.vault.store.cards.values()] == [1, 2]
    assert (await desk.vault.reveal(line.token_id)).details.number.reveal() == NUMBER


async def test_the_last_page_ends_the_import_and_destroys_its_key() -> None:
    desk = Transfers()
    operation_id, sender = await desk.importing()
    envelope = sender.seal(id="1", number=NUMBER, exp_month=12, exp_year=2030)
    await desk.taken(operation_id, envelope, last=True)
    assert "private_key" not in desk.store.operations[operation_id].parameters
    assert (await refused(desk.take(operation_id, [envelope], WORKER, last=False))).reason is Reason.OPERATION_NOT_READY
    # An end whose answer was lost is answered again, to the one who began it alone.
    assert await desk.taken(operation_id, last=True) == []
    assert (await refused(desk.take(operation_id, [], FIRST, last=True))).reason is Reason.OPERATION_NOT_READY


async def test_no_card_comes_in_before_there_is_a_key_or_by_another_hand() -> None:
    desk = Transfers()
    operation_id = await desk.approved(IMPORT)
    _, sender = await desk.importing()
    envelope = sender.seal(id="1", number=NUMBER, exp_month=12, exp_year=2030)
    refusal = await refused(desk.take(operation_id, [envelope], WORKER, last=False))
    assert refusal.reason is Reason.OPERATION_NOT_READY
    assert "key" in refusal.metadata["state"]
    refusal = await refused(desk.take(operation_id, [envelope], FIRST, last=False))
    assert refusal.reason is Reason.OPERATION_NOT_READY
    assert desk.vault.store.cards == {}


async def test_while_the_key_provider_is_away_an_import_waits() -> None:
    desk = Transfers()
    operation_id, sender = await desk.importing()
    late = await desk.approved(IMPORT)
    desk.vault.provider.down = True
    envelope = sender.seal(id="1", number=NUMBER, exp_month=12, exp_year=2030)
    assert (await refused(desk.take(operation_id, [envelope], WORKER, last=False))).reason is Reason.UNAVAILABLE
    assert (await refused(desk.keys.public_key(late, WORKER))).reason is Reason.UNAVAILABLE
    desk.vault.provider.down = False
    assert (await desk.taken(operation_id, envelope))[0].token_id
    assert await desk.keys.public_key(late, WORKER)


async def test_what_one_vault_exports_another_imports() -> None:
    old, new = Transfers(), Transfers()
    kept = {number: await old.keep(number, f"cus_{number[-4:]}", address=ADDRESS) for number in numbers(6)}
    import_id = await new.approved(IMPORT)
    public_key = json.dumps(dict(await new.keys.public_key(import_id, WORKER)))
    envelopes, _ = await old.exported(await old.approved(EXPORT, public_key), page_size=4)
    lines = await new.taken(import_id, *envelopes, last=True)
    assert [line.error for line in lines] == [""] * 6
    token_of = {line.source_id: line.token_id for line in lines}
    for number, token in kept.items():
        before, after = await old.vault.reveal(token.token_id), await new.vault.reveal(token_of[token.token_id])
        assert after.details == before.details
        assert after.details.number.reveal() == number
        assert after.summary == before.summary


async def test_single_use_tokens_stay_where_they_are() -> None:
    desk = Transfers()
    token = await desk.vault.keep(NUMBER)
    assert token.expire_time is not None
    assert (token.expire_time - token.create_time).total_seconds() == SINGLE_USE_SECONDS
    assert await desk.exported(await desk.approved(EXPORT, Recipient().public_key)) == ([], [])
