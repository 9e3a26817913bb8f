"""Reading payments, refunds and merchants: pages, tokens, filters."""

import base64
from typing import Any

import pytest

from gateway_svc.application import page_tokens
from gateway_svc.application.manage_merchants import ManageMerchants
from gateway_svc.application.page_tokens import Position
from gateway_svc.application.read_payments import Page, PaymentFilters, ReadPayments
from gateway_svc.application.views import cascade_settings_of, cascade_view
from gateway_svc.domain.cascade_policy import UNRESTRICTED, CascadeSettings
from gateway_svc.domain.payment import ModificationKind, PaymentStatus
from mesh.context import KeyScope
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.merchant_store import FakeMerchantStore
from tests.fakes.gateway.peers import FakeLogger
from tests.unit.gateway_svc.application.rig import MERCHANT, Rig

ALL = PaymentFilters()
POSITION = Position(1_700_000_000_000_000, "pay_1")


async def reason_of(call: Any) -> Reason:
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value.reason


def ids(page: Page) -> list[str]:
    return [view["id"] for view in page.views]


async def test_pages_follow_each_other_without_gap_or_overlap_and_the_last_has_no_token(rig: Rig) -> None:
    made = [(await rig.pay()).view["id"] for _ in range(5)]
    read = ReadPayments(rig.store)
    first = await read.payments(MERCHANT, ALL, 2, "")
    second = await read.payments(MERCHANT, ALL, 2, first.next_token)
    third = await read.payments(MERCHANT, ALL, 2, second.next_token)
    assert [*ids(first), *ids(second), *ids(third)] == made[::-1]
    assert (len(first.views), len(second.views), third.next_token) == (2, 2, "")


async def test_a_full_last_page_has_no_token(rig: Rig) -> None:
    for _ in range(2):
        await rig.pay()
    page = await ReadPayments(rig.store).payments(MERCHANT, ALL, 2, "")
    assert (len(page.views), page.next_token) == (2, "")


@pytest.mark.parametrize(("asked", "given"), [(0, 20), (1, 1), (100, 100), (101, 100), (2**31 - 1, 100)])
def test_page_sizes_are_bounded(asked: int, given: int) -> None:
    assert page_tokens.page_size_of(asked) == given


@pytest.mark.parametrize(
    "filters",
    [
        PaymentFilters(status=PaymentStatus.SUCCEEDED),
        PaymentFilters(currency="EUR"),
        PaymentFilters(merchant_reference="x"),
        PaymentFilters(created_from_us=1),
        PaymentFilters(created_before_us=1),
    ],
)
async def test_a_token_belongs_to_its_filters(rig: Rig, filters: PaymentFilters) -> None:
    for _ in range(2):
        await rig.pay()
    read = ReadPayments(rig.store)
    token = (await read.payments(MERCHANT, ALL, 1, "")).next_token
    assert token
    assert await reason_of(read.payments(MERCHANT, filters, 1, token)) is Reason.INVALID_PAGE_TOKEN
    assert await reason_of(read.payments("mer_other", ALL, 1, token)) is Reason.INVALID_PAGE_TOKEN
    assert await reason_of(read.refunds(MERCHANT, "", 1, token)) is Reason.INVALID_PAGE_TOKEN


async def test_a_token_may_be_used_with_another_page_size(rig: Rig) -> None:
    for _ in range(4):
        await rig.pay()
    read = ReadPayments(rig.store)
    token = (await read.payments(MERCHANT, ALL, 1, "")).next_token
    assert len((await read.payments(MERCHANT, ALL, 50, token)).views) == 3


def test_a_token_gives_its_position_back() -> None:
    token = page_tokens.encode(("list", None, 1), POSITION)
    assert page_tokens.decode(("list", None, 1), token) == POSITION
    assert page_tokens.decode(("list", None, 1), "") is None
    assert token.isascii()
    assert "=" not in token


TOKEN = page_tokens.encode(("list",), POSITION)


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "%%%",
        "\u00e9",
        f"{TOKEN}=",
        TOKEN[:-4],
        ("B" if TOKEN[0] == "A" else "A") + TOKEN[1:],
        base64.urlsafe_b64encode(b"\xff" * 60).decode(),
    ],
)
def test_a_token_that_was_not_made_here_is_refused(token: str) -> None:
    with pytest.raises(Refusal) as caught:
        page_tokens.decode(("list",), token)
    assert caught.value.reason is Reason.INVALID_PAGE_TOKEN


async def test_one_payment_or_refund_is_read_by_its_id(rig: Rig) -> None:
    payment_id = await rig.paid()
    refund = await rig.change(ModificationKind.REFUND, payment_id)
    read = ReadPayments(rig.store)
    assert (await read.payment(MERCHANT, payment_id))["id"] == payment_id
    assert await read.refund(MERCHANT, refund.view["id"]) == refund.view
    assert ids(await read.refunds(MERCHANT, payment_id, 0, "")) == [refund.view["id"]]
    assert ids(await read.refunds(MERCHANT, "", 0, "")) == [refund.view["id"]]


@pytest.mark.parametrize("wrong", ["nonsense", "pay_\x00", "pay_01K8B9ZZZZZZZZZZZZZZZZZZZZ"])
async def test_what_is_not_there_is_not_found(rig: Rig, wrong: str) -> None:
    read = ReadPayments(rig.store)
    assert await reason_of(read.payment(MERCHANT, wrong)) is Reason.PAYMENT_NOT_FOUND
    assert await reason_of(read.refunds(MERCHANT, wrong, 0, "")) is Reason.PAYMENT_NOT_FOUND
    assert await reason_of(read.refund(MERCHANT, wrong.replace("pay", "ref"))) is Reason.REFUND_NOT_FOUND


async def test_merchants_are_created_read_and_paged() -> None:
    store = FakeMerchantStore()
    manage = ManageMerchants(store, store, FakeLogger())
    made = [await manage.create_merchant(f"Shop {number}") for number in range(3)]
    assert await manage.merchant(made[0]["id"]) == made[0]
    first = await manage.merchants(2, "")
    rest = await manage.merchants(2, first.next_token)
    assert ids(first) + ids(rest) == [view["id"] for view in made[::-1]]
    assert rest.next_token == ""
    assert await reason_of(manage.merchant("nonsense")) is Reason.MERCHANT_NOT_FOUND
    assert await reason_of(manage.create_merchant("4111111111111111")) is Reason.CARD_NUMBER_IN_TEXT


async def test_a_key_is_shown_once_and_only_its_hash_is_kept() -> None:
    store = FakeMerchantStore()
    manage = ManageMerchants(store, store, FakeLogger())
    merchant_id = (await manage.create_merchant("Shop"))["id"]
    created = await manage.create_api_key(merchant_id, KeyScope.PUBLISHABLE, live=True)
    assert created.text.startswith("pk_live_")
    assert created.view["prefix"] == created.text[:12]
    assert created.text not in repr(created)
    assert created.text not in repr(store)
    assert [view["id"] for view in await manage.api_keys(merchant_id)] == [created.view["id"]]
    revoked = await manage.revoke_api_key(created.view["id"])
    assert revoked["revoked_us"]
    for call in (
        manage.create_api_key("nonsense", KeyScope.SECRET, live=False),
        manage.create_api_key(new_id("mer"), KeyScope.SECRET, live=False),
        manage.api_keys(new_id("mer")),
    ):
        assert await reason_of(call) is Reason.MERCHANT_NOT_FOUND
    assert await reason_of(manage.revoke_api_key("nonsense")) is Reason.API_KEY_NOT_FOUND


async def test_a_merchants_settings_are_replaced_and_it_is_written_down_who_did_it() -> None:
    store, logger = FakeMerchantStore(), FakeLogger()
    manage = ManageMerchants(store, store, logger)
    merchant = await manage.create_merchant("Shop")
    assert merchant["card_code_required"] is False
    narrowed = CascadeSettings(codes=frozenset({"do_not_honor"}), classes=frozenset({"T"}), max_attempts=2)
    configured = await manage.configure_merchant(
        merchant["id"], card_code_required=True, cascade=narrowed, changed_by="key_7"
    )
    cascade = {"codes": ["do_not_honor"], "classes": ["T"], "max_attempts": 2}
    assert configured == dict(merchant) | {"card_code_required": True, "cascade": cascade}
    assert cascade_settings_of(cascade) == narrowed
    assert await manage.merchant(merchant["id"]) == configured
    told = {"merchant_id": merchant["id"], "card_code_required": True, "cascade": cascade, "changed_by": "key_7"}
    assert logger.events == [("info", "merchant configured", told)]
    for wrong in ("nonsense", new_id("mer")):
        refused = manage.configure_merchant(wrong, card_code_required=True, cascade=UNRESTRICTED, changed_by="key_7")
        assert await reason_of(refused) is Reason.MERCHANT_NOT_FOUND
    assert len(logger.events) == 1


@pytest.mark.parametrize(
    "useless",
    [
        CascadeSettings(codes=frozenset({"do_not_honor", "stolen_card"})),
        CascadeSettings(codes=frozenset({"never_heard_of"})),
        CascadeSettings(classes=frozenset({"T", "A"})),
    ],
)
async def test_what_never_moves_on_is_not_named_in_a_merchants_settings(useless: CascadeSettings) -> None:
    store, logger = FakeMerchantStore(), FakeLogger()
    manage = ManageMerchants(store, store, logger)
    merchant = await manage.create_merchant("Shop")
    refused = manage.configure_merchant(merchant["id"], card_code_required=False, cascade=useless, changed_by="key_7")
    assert await reason_of(refused) is Reason.INVALID_FIELD
    assert await manage.merchant(merchant["id"]) == merchant
    assert logger.events == []


@pytest.mark.parametrize(
    ("settings", "view"),
    [
        (UNRESTRICTED, {}),
        (CascadeSettings(off=True), {"off": True}),
        (CascadeSettings(max_attempts=1), {"max_attempts": 1}),
    ],
)
def test_cascade_settings_are_recorded_without_what_they_do_not_narrow(
    settings: CascadeSettings, view: dict[str, object]
) -> None:
    assert cascade_view(settings) == view
    assert cascade_settings_of(view) == settings
