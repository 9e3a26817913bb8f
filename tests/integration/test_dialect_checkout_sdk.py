"""Checkout.com's official SDK works against the sandbox's Checkout.com: pay, capture, refund, void, webhooks."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest
from checkout_sdk.exception import (  # type: ignore[import-untyped]
    CheckoutApiException,
    CheckoutArgumentException,
    CheckoutException,
)
from checkout_sdk.payments.payments import (  # type: ignore[import-untyped]
    AuthorizationRequest,
    CaptureType,
    PaymentRequestTokenSource,
    ThreeDsRequest,
    VoidRequest,
)

from devstack.descriptions import default_folder
from devstack.sandbox.faults import FaultMode
from devstack.sandbox.magic import ACCOUNT_STEP, FIRST_AMOUNT
from tests.support.checkout_shop import (
    APPROVED_CARD,
    AUTHORIZATION,
    CHECKOUT_ACCOUNT,
    SIGNATURE_KEY,
    Shop,
    card,
    wanted,
)
from tests.support.psp_sdks import checkout_sdk
from tests.support.sandbox_psp import sandbox_in_thread

pytestmark = pytest.mark.integration

OTHER_KEY = "sk_sbox_m73dzbpy7cf3gfd46xr4yj5xo4f"
NEEDS_DESCRIPTIONS = pytest.mark.skipif(
    default_folder() is None, reason="the PSP material at ../shared/psp is not there"
)


THREE_DS = {
    "three_ds": wanted(ThreeDsRequest, enabled=True),
    "success_url": "https://shop.example/back",
    "failure_url": "https://shop.example/back",
}


@pytest.fixture
def lab() -> Iterator[Shop]:
    """Give a shop that may also ask for what Checkout.com does not describe."""
    with sandbox_in_thread(CHECKOUT_ACCOUNT) as threaded:
        yield Shop(threaded)


@pytest.fixture
def shop(lab: Shop) -> Iterator[Shop]:
    """Give a shop that does everything as Checkout.com describes it."""
    yield lab
    assert lab.violations() == []


def test_authorize_capture_in_parts_and_refund(shop: Shop) -> None:
    paid = shop.pay(metadata={"order": "17"})
    assert (paid.http_metadata.status_code, paid.status, paid.approved) == (201, "Authorized", True)
    assert (paid.amount, paid.currency, paid.response_code, paid.reference) == (1050, "EUR", "10000", "pay_1_1")
    assert (paid.source.last4, paid.source.bin, paid.source.scheme, paid.source.cvv_check) == (
        "4242",
        "424242",
        "Visa",
        "Y",
    )
    assert shop.books() == (1050, 0, 0, 1)
    captured = shop.capture(paid.id, amount=400, capture_type=CaptureType.NON_FINAL, reference="cap_1")
    assert (captured.http_metadata.status_code, captured.reference) == (202, "cap_1")
    assert shop.status(paid.id) == "Partially Captured"
    assert shop.books() == (1050, 400, 0, 2)
    shop.capture(paid.id, amount=650, capture_type=CaptureType.NON_FINAL, reference="cap_2")
    assert shop.status(paid.id) == "Captured"
    refunded = shop.refund(paid.id, amount=300, reference="ref_1")
    assert (refunded.http_metadata.status_code, refunded.reference) == (202, "ref_1")
    assert shop.status(paid.id) == "Partially Refunded"
    assert shop.books() == (1050, 1050, 300, 4)
    assert shop.actions(paid.id) == [
        ("Authorization", 1050, True),
        ("Capture", 400, True),
        ("Capture", 650, True),
        ("Refund", 300, True),
    ]
    newest, *_, oldest = shop.payments.get_payment_actions(paid.id).items
    assert (newest.id, newest.reference, oldest.id) == (refunded.action_id, "ref_1", paid.action_id)


def test_payment_is_read_back(shop: Shop) -> None:
    paid = shop.pay(metadata={"order": "17"})
    shop.pay(reference="pay_2_1", amount=99)
    details = shop.payments.get_payment_details(paid.id)
    assert (details.id, details.reference, details.amount, details.currency) == (paid.id, "pay_1_1", 1050, "EUR")
    assert (details.status, details.approved, details.metadata.order) == ("Authorized", True, "17")
    assert (details.source.last4, details.scheme_id) == ("4242", paid.scheme_id)
    assert paid._links.self.href.endswith(f"/payments/{paid.id}")
    (truth,) = shop.truth()
    assert (truth["charge"], truth["card"]["last4"]) == (paid.id, "4242")


def test_charge_at_once(shop: Shop) -> None:
    paid = shop.pay(capture=True)
    assert (paid.status, paid.amount) == ("Authorized", 1050), "captured a moment later"
    assert shop.status(paid.id) == "Captured"
    assert shop.actions(paid.id) == [("Authorization", 1050, True), ("Capture", 1050, True)]
    assert shop.books() == (1050, 1050, 0, 1)


def test_capture_and_refund_without_an_amount_take_all(shop: Shop) -> None:
    paid = shop.pay()
    assert shop.payments.capture_payment(paid.id).action_id.startswith("act_")
    assert shop.status(paid.id) == "Captured"
    assert shop.payments.refund_payment(paid.id).action_id.startswith("act_")
    assert shop.status(paid.id) == "Refunded"
    assert shop.books() == (1050, 1050, 1050, 3)


@pytest.mark.parametrize("changes", [{"capture_type": CaptureType.FINAL}, {}], ids=["final", "as by default"])
def test_final_capture_leaves_nothing_for_another(shop: Shop, changes: dict[str, Any]) -> None:
    paid = shop.pay()
    shop.capture(paid.id, amount=400, reference="cap_1", **changes)
    shop.capture(paid.id, amount=1, reference="cap_2")
    assert shop.actions(paid.id)[1:] == [("Capture", 400, True), ("Capture", 1, False)]
    assert shop.books() == (1050, 400, 0, 2)


def test_more_than_there_is_is_acknowledged_and_declined(shop: Shop) -> None:
    paid = shop.pay()
    shop.capture(paid.id, amount=1051, capture_type=CaptureType.NON_FINAL, reference="cap_1")
    shop.capture(paid.id, amount=1050, reference="cap_2")
    shop.refund(paid.id, amount=1051, reference="ref_1")
    told = [(event["type"], event["data"]["reference"], event["data"]["approved"]) for event in shop.events()]
    assert told[1:] == [
        ("payment_capture_declined", "cap_1", False),
        ("payment_captured", "cap_2", True),
        ("payment_refund_declined", "ref_1", False),
    ]
    assert shop.books() == (1050, 1050, 0, 2)


def test_void(shop: Shop) -> None:
    paid = shop.pay()
    voided = shop.payments.void_payment(paid.id, wanted(VoidRequest, reference="void_1"))
    assert (voided.http_metadata.status_code, voided.reference) == (202, "void_1")
    assert shop.status(paid.id) == "Voided"
    (truth,) = shop.truth()
    assert (truth["voided"], truth["captured"]) == (True, 0)
    shop.capture(paid.id, amount=1050, reference="cap_1")
    assert shop.actions(paid.id)[1:] == [("Void", 1050, True), ("Capture", 1050, False)]
    assert shop.books() == (1050, 0, 0, 2)


def test_increment(shop: Shop) -> None:
    paid = shop.pay()
    more = shop.payments.increment_payment_authorization(
        paid.id, wanted(AuthorizationRequest, amount=450, reference="inc_1")
    )
    assert (more.status, more.amount, more.approved, more.reference) == ("Authorized", 450, True, "inc_1")
    shop.capture(paid.id, reference="cap_1")
    assert shop.books() == (1500, 1500, 0, 3)


def test_verification(shop: Shop) -> None:
    verified = shop.pay(amount=0, capture=None)
    assert (verified.status, verified.approved) == ("Card Verified", True)
    refused = shop.pay(amount=0, capture=None, source=card("4544249167673670"), reference="pay_2_1")
    assert (refused.status, refused.response_code) == ("Declined", "20051")
    assert [truth["authorized"] for truth in (*shop.truth(), *shop.truth("pay_2_1"))] == [0, 0]


@pytest.mark.parametrize(
    ("number", "amount", "code"),
    [
        ("4544249167673670", 1050, "20051"),
        ("4724117215951699", 1050, "20054"),
        ("4897453568485113", 1050, "20059"),
        ("4734868958733862", 1050, "200N7"),
        ("4567361325981788", 1050, "200R3"),
        (APPROVED_CARD, 10_005, "20005"),
        (APPROVED_CARD, 99_951, "20051"),
        (APPROVED_CARD, FIRST_AMOUNT + 141, "30041"),
    ],
)
def test_decline_is_an_answer(shop: Shop, number: str, amount: int, code: str) -> None:
    declined = []
    for reference, capture in (("pay_1_1", False), ("pay_2_1", True)):
        paid = shop.pay(source=card(number), amount=amount, capture=capture, reference=reference)
        assert (paid.http_metadata.status_code, paid.status, paid.approved) == (201, "Declined", False)
        assert (paid.response_code, paid.amount) == (code, amount)
        assert shop.actions(paid.id) == [("Authorization", amount, False)]
        assert shop.books(reference) == (0, 0, 0, 0)
        assert [one["status"] for one in shop.truth(reference)] == ["declined"]
        declined.append(("payment_declined", paid.id, code))
    assert [(one["type"], one["data"]["id"], one["data"]["response_code"]) for one in shop.events()] == declined


def test_declined_and_pending_payments_are_read_back(shop: Shop) -> None:
    declined = shop.pay(source=card("4544249167673670"))
    pending = shop.pay(reference="pay_2_1", **THREE_DS)
    for paid, reference, status in ((declined, "pay_1_1", "Declined"), (pending, "pay_2_1", "Pending")):
        details = shop.payments.get_payment_details(paid.id)
        assert (details.id, details.reference, details.amount) == (paid.id, reference, 1050)
        assert (details.status, details.approved) == (status, False)
    assert [one["authorized"] for one in (*shop.truth(), *shop.truth("pay_2_1"))] == [0, 0]


@pytest.mark.parametrize(("cvv", "letter"), [("200", "D"), ("201", "P"), ("202", "U"), ("100", "Y"), (None, "N")])
def test_check_of_the_card_code(shop: Shop, cvv: str | None, letter: str) -> None:
    assert shop.pay(source=card("4659105569051157", cvv=cvv)).source.cvv_check == letter


def test_same_key_is_one_charge(shop: Shop) -> None:
    first = shop.pay("k1")
    shop.capture(first.id, "k2", amount=400, capture_type=CaptureType.NON_FINAL, reference="cap_1")
    again = shop.pay("k1")
    assert (again.http_metadata.status_code, again.id, again.action_id) == (201, first.id, first.action_id)
    assert again.status == "Authorized", "the first answer, not what has become of it"
    other = shop.pay("k1", amount=2000, reference="pay_2_1")
    assert (other.id, other.amount, other.reference) == (first.id, 1050, "pay_1_1"), "whatever the body is"
    captures = [
        shop.capture(first.id, "k2", amount=400, capture_type=CaptureType.NON_FINAL, reference="cap_1").action_id
        for _ in range(2)
    ]
    assert captures == [shop.payments.get_payment_actions(first.id).items[0].id] * 2
    refunds = [shop.refund(first.id, "k3", amount=100, reference="ref_1").action_id for _ in range(2)]
    assert len(set(refunds)) == 1
    assert shop.books() == (1050, 400, 100, 3)
    assert shop.truth("pay_2_1") == []


def test_without_a_key_or_after_its_time_a_second_request_charges_twice(shop: Shop) -> None:
    first = shop.pay("k1")
    shop.threaded.run(shop.threaded.lab.call("POST", "keys:forget"))
    assert shop.pay("k1").id != first.id
    assert shop.pay().id != shop.pay().id
    assert [truth["authorized"] for truth in shop.truth()] == [1050] * 4, "no reference is kept unique"


def test_key_of_a_refused_request_can_be_used_again(shop: Shop) -> None:
    with pytest.raises(CheckoutApiException):
        shop.pay("k1", source=card("4242424242424241"))
    assert shop.pay("k1").status == "Authorized"
    assert shop.books() == (1050, 0, 0, 1)


def refused_one(call: Callable[[], Any]) -> CheckoutApiException:
    """Make a call twice at once, and give the exception of the only one that was refused."""
    with ThreadPoolExecutor(2) as pool:
        failures = [made.exception() for made in [pool.submit(call) for _ in range(2)]]
    (refused,) = [failure for failure in failures if failure is not None]
    assert isinstance(refused, CheckoutApiException)
    return refused


def test_key_in_use_turns_the_second_request_away(shop: Shop) -> None:
    shop.fault(FaultMode.SLOW, operation="authorize", count=1, delay_ms=1500)
    refused = refused_one(lambda: shop.pay("k1"))
    assert (refused.http_metadata.status_code, refused.error_details) == (429, ["duplicate_requests_detected"])
    assert shop.books() == (1050, 0, 0, 1)


def test_key_in_use_turns_the_second_capture_away(shop: Shop) -> None:
    paid = shop.pay()
    shop.fault(FaultMode.SLOW, operation="capture", count=1, delay_ms=1500)
    refused = refused_one(lambda: shop.capture(paid.id, "k1", amount=1050, reference="cap_1"))
    assert (refused.http_metadata.status_code, refused.error_details) == (429, ["duplicate_requests_detected"])
    assert shop.books() == (1050, 1050, 0, 2)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"source": card("4242424242424241")}, "card_number_invalid"),
        ({"source": card(cvv="12")}, "cvv_invalid"),
        ({"source": card(expiry_year=2100)}, "card_expiry_year_invalid"),
        ({"source": wanted(PaymentRequestTokenSource, token=f"tok_{'a' * 26}")}, "payment_method_not_supported"),
        ({"currency": "XXX"}, "currency_invalid"),
        ({"amount": 1_000_000_000}, "amount_invalid"),
        ({"amount": 1001, "currency": "KWD"}, "amount_invalid"),
        ({"metadata": {"order": ["17"]}}, "metadata_key_invalid"),
        ({"three_ds": wanted(ThreeDsRequest, enabled=True)}, "success_url_required"),
    ],
)
def test_invalid_data_is_the_sdks_exception(lab: Shop, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(CheckoutApiException) as caught:
        lab.pay(**changes)
    error = caught.value
    assert (error.http_metadata.status_code, error.error_type) == (422, "request_invalid")
    assert (error.error_details, bool(error.request_id)) == ([code], True)
    assert lab.truth() == []


@NEEDS_DESCRIPTIONS
def test_what_is_not_as_described_is_refused_and_noted(lab: Shop) -> None:
    with pytest.raises(CheckoutApiException) as caught:
        lab.pay(amount="10.50", reference="r" * 51)
    error = caught.value
    assert (error.http_metadata.status_code, error.error_type) == (422, "request_invalid")
    assert set(error.error_details) == {"amount_invalid", "reference_invalid"}
    (noted,) = lab.violations()
    assert (noted["what"], noted["where"]) == ("request", "POST /payments")
    assert lab.truth() == []


def test_wrong_key_is_unauthorized(shop: Shop) -> None:
    paid = shop.pay()
    stranger = Shop(shop.threaded, OTHER_KEY)
    for call in (
        lambda: stranger.pay(reference="pay_2_1"),
        lambda: stranger.capture(paid.id, amount=1050),
        lambda: stranger.status(paid.id),
    ):
        with pytest.raises(CheckoutApiException) as caught:
            call()
        assert caught.value.http_metadata.status_code == 401
    with pytest.raises(CheckoutArgumentException, match="invalid secret key"):
        checkout_sdk(shop.threaded.lab.url, "sk_test_of_another_psp")
    assert shop.truth("pay_2_1") == []
    assert shop.books() == (1050, 0, 0, 1)


def test_unknown_payment_is_not_found(shop: Shop) -> None:
    unknown = f"pay_{'a' * 26}"
    for call in (
        lambda: shop.status(unknown),
        lambda: shop.actions(unknown),
        lambda: shop.capture(unknown, amount=1050),
        lambda: shop.refund(unknown, amount=1050),
        lambda: shop.payments.void_payment(unknown),
    ):
        with pytest.raises(CheckoutApiException) as caught:
            call()
        assert caught.value.http_metadata.status_code == 404


@pytest.mark.parametrize("mode", [FaultMode.RESET_AFTER, FaultMode.SERVER_ERROR_AFTER])
def test_repetition_of_a_call_that_failed_after_it_was_booked(shop: Shop, mode: FaultMode) -> None:
    shop.fault(mode, operation="authorize", count=1)
    with pytest.raises(CheckoutException):
        shop.pay("k1")
    assert shop.books() == (1050, 0, 0, 1)
    assert shop.pay("k1").status == "Authorized"
    assert shop.books() == (1050, 0, 0, 1)


def test_magic_amount_of_a_fault(shop: Shop) -> None:
    with pytest.raises(CheckoutApiException) as caught:
        shop.pay(amount=FIRST_AMOUNT + ACCOUNT_STEP + 910)
    assert caught.value.http_metadata.status_code == 502
    assert shop.truth() == []


def test_three_d_secure(shop: Shop) -> None:
    paid = shop.pay(**THREE_DS)
    assert (paid.http_metadata.status_code, paid.status, paid.reference) == (202, "Pending", "pay_1_1")
    assert shop.books() == (0, 0, 0, 0)
    location = shop.threaded.run(_location_after(paid._links.redirect.href))
    assert location == f"https://shop.example/back?cko-payment-id={paid.id}"
    assert (shop.status(paid.id), shop.books()) == ("Authorized", (1050, 0, 0, 1))
    assert [event["type"] for event in shop.events()] == ["payment_pending", "payment_approved"]


async def _location_after(url: str) -> str:
    """Pass the challenge where the shopper is sent, and tell where they are sent from there."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data={"outcome": "complete"}, allow_redirects=False) as response,
    ):
        return response.headers["Location"]


def signature_of(body: bytes, key: str) -> str:
    """Sign as Checkout.com documents it: HMAC-SHA256 of the raw body, in hexadecimal; the SDK has no verifier."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def test_webhooks_are_genuine(shop: Shop) -> None:
    paid = shop.pay(metadata={"order": "17"})
    captured = shop.capture(paid.id, amount=1050, reference="cap_1")
    refunded = shop.refund(paid.id, amount=50, reference="ref_1")
    other = shop.pay(reference="pay_2_1")
    voided = shop.payments.void_payment(other.id, wanted(VoidRequest, reference="void_1"))
    received = shop.webhooks()
    for one in received:
        assert one.headers["cko-signature"] == signature_of(one.body, SIGNATURE_KEY)
        assert one.headers["cko-signature"] != signature_of(one.body + b" ", SIGNATURE_KEY)
        assert one.headers["cko-signature"] != signature_of(one.body, "another key")
        assert one.headers["authorization"] == AUTHORIZATION
    events = shop.events()
    told = [(one["type"], one["data"]["id"], one["data"]["action_id"], one["data"]["amount"]) for one in events]
    assert told == [
        ("payment_approved", paid.id, paid.action_id, 1050),
        ("payment_captured", paid.id, captured.action_id, 1050),
        ("payment_refunded", paid.id, refunded.action_id, 50),
        ("payment_approved", other.id, other.action_id, 1050),
        ("payment_voided", other.id, voided.action_id, 1050),
    ]
    assert [one["data"]["reference"] for one in events] == ["pay_1_1", "cap_1", "ref_1", "pay_2_1", "void_1"]
    assert events[0]["data"]["metadata"] == {"order": "17"}
    assert events[2]["data"]["balances"] == {
        "total_authorized": 1050,
        "total_voided": 0,
        "available_to_void": 0,
        "total_captured": 1050,
        "available_to_capture": 0,
        "total_refunded": 50,
        "available_to_refund": 1000,
    }
    assert len({one["id"] for one in events}) == len(events)


def test_charge_at_once_is_told_twice(shop: Shop) -> None:
    paid = shop.pay(capture=True)
    approved, captured = shop.events()
    assert (approved["type"], captured["type"]) == ("payment_approved", "payment_captured")
    assert approved["data"]["action_id"] == paid.action_id
    assert captured["data"]["action_id"] == shop.payments.get_payment_actions(paid.id).items[0].id


def test_card_number_is_kept_nowhere(shop: Shop) -> None:
    paid = shop.pay()
    told = json.dumps(shop.truth()) + repr(vars(shop.payments.get_payment_details(paid.id).source))
    assert APPROVED_CARD not in told
    assert all(APPROVED_CARD.encode() not in one.body for one in shop.webhooks())
