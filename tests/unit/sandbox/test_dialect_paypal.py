"""PayPal's dialect without sockets: requests in, answers and webhooks out, over real books.

The connector is the one who asks and reads, and PayPal's own description judges both, where it is there.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from devstack.sandbox.dialects.contract import Happening
from devstack.sandbox.dialects.paypal.triggers import CARDS, REJECTIONS, THREE_DS_CARDS
from devstack.sandbox.magic import Verdict
from mesh.card_numbers import luhn_valid
from mesh.money import Money
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.details import PaymentDetails, ThreeDsPreference
from psp_connectors.domain.http import HttpRequest, HttpResponse
from psp_connectors.domain.operations import Authorization, OperationKind, Sync
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from tests.fakes.connectors.paypal import CLIENT_ID, RETURN_URL, WEBHOOK_ID, variations
from tests.fakes.connectors.paypal_counter import DESCRIPTION, NOW, Client, Counter, entry
from tests.fakes.connectors.ports import card

PAYPAL = CONNECTORS["paypal"]
EUROS = Money(1050, "EUR")
APPROVED, DECLINED, UNKNOWN = OutcomeKind.APPROVED, OutcomeKind.DECLINED, OutcomeKind.UNKNOWN


@pytest.fixture
def client() -> Client:
    return Client()


def said(outcome: Outcome) -> tuple[OutcomeKind, str]:
    return outcome.kind, outcome.raw_code


def issues(response: HttpResponse) -> Sequence[str]:
    return [detail["issue"] for detail in json.loads(response.body).get("details", [])]


def test_life_of_a_payment(client: Client) -> None:
    payment = client.authorize()
    assert said(payment) == (APPROVED, "0000")
    asked = Sync(kind=OperationKind.AUTHORIZE, reference="pay_1_1", amount=EUROS, psp_reference=payment.psp_reference)
    assert client.ask(asked).kind is APPROVED
    first = client.ask(client.capture(payment, 400))
    second = client.ask(client.capture(payment, 600, reference="cap_2", final=True))
    assert (first.kind, first.amount, second.kind) == (APPROVED, 400, APPROVED)
    closed = client.ask(client.capture(payment, 1, reference="cap_3"))
    assert said(closed) == (DECLINED, "AUTHORIZATION_ALREADY_CAPTURED")
    refund = client.ask(client.refund(first, 300))
    assert (refund.kind, refund.amount) == (APPROVED, 300)
    asked = Sync(
        kind=OperationKind.REFUND, reference="ref_1", amount=Money(300, "EUR"), psp_reference=refund.psp_reference
    )
    assert client.ask(asked).kind is APPROVED
    assert said(client.ask(client.refund(first, 101, reference="ref_2"))) == (DECLINED, "REFUND_AMOUNT_EXCEEDED")
    assert client.ask(client.refund(first, 100, reference="ref_3")).kind is APPROVED
    assert said(client.ask(client.refund(first, 1, reference="ref_4"))) == (DECLINED, "CAPTURE_FULLY_REFUNDED")
    assert client.ask(client.refund(second, 600, reference="ref_5")).kind is APPROVED
    (charge,) = client.counter.books.charges()
    assert (charge.authorized, charge.captured, charge.refunded) == (1050, 1000, 1000)


def test_payment_captured_at_once(client: Client) -> None:
    payment = client.authorize(capture=True)
    assert (payment.kind, payment.captured_amount) == (APPROVED, 1050)
    asked = Sync(
        kind=OperationKind.AUTHORIZE,
        reference="pay_1_1",
        amount=EUROS,
        psp_reference=payment.psp_reference,
        capture=True,
    )
    assert client.ask(asked).captured_amount == 1050
    assert client.ask(client.refund(payment)).kind is APPROVED
    assert client.ask(asked).kind is APPROVED
    assert client.ask(client.void(payment)).code == "invalid_request", "a capture is no authorization"


def test_void(client: Client) -> None:
    payment = client.authorize()
    asked = Sync(kind=OperationKind.VOID, reference="void_1", amount=None, payment_psp_reference=payment.psp_reference)
    assert client.ask(asked).kind is OutcomeKind.NOT_FOUND
    operation = client.void(payment)
    assert client.ask(operation).kind is APPROVED
    assert client.ask(operation).kind is APPROVED, "the same key again"
    assert said(client.ask(client.void(payment))) == (UNKNOWN, "PREVIOUSLY_VOIDED")
    assert client.ask(asked).kind is APPROVED
    assert said(client.ask(client.capture(payment))) == (DECLINED, "AUTHORIZATION_VOIDED")
    captured = client.authorize("pay_2_1")
    client.ask(client.capture(captured, reference="cap_2"))
    assert said(client.ask(client.void(captured))) == (DECLINED, "PREVIOUSLY_CAPTURED")


def test_same_key_is_answered_again_and_money_moves_once(client: Client) -> None:
    operation = client.authorization()
    first, second = client.ask(operation), client.ask(operation)
    assert (first.kind, second) == (APPROVED, first)
    capture = client.capture(first, 400)
    assert client.ask(capture) == client.ask(capture)
    (charge,) = client.counter.books.charges()
    assert (charge.authorized, charge.captured, len(charge.entries)) == (1050, 400, 2)
    forgotten = replace(operation, idempotency_key=client.counter.key())
    assert said(client.ask(forgotten)) == (UNKNOWN, "DUPLICATE_INVOICE_ID"), "the invoice keeps from paying twice"


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("name", REJECTIONS)
def test_every_rejection_trigger(client: Client, name: str, *, captured: bool) -> None:
    outcome = client.authorize(capture=captured, card=replace(card(), holder_name=name))
    assert said(outcome) == (DECLINED, REJECTIONS[name].response_code)
    assert outcome.psp_reference
    (charge,) = client.counter.books.charges()
    assert (charge.authorized, charge.captured) == (0, 0)
    assert (len(client.counter.notices) == 1) is captured
    if not captured:
        assert said(client.ask(client.capture(outcome))) == (DECLINED, "AUTHORIZATION_DENIED")


@pytest.mark.parametrize("number", CARDS)
def test_every_test_card_is_approved(client: Client, number: str) -> None:
    assert luhn_valid(number)
    assert client.authorize(card=card(number)).kind is APPROVED


@pytest.mark.parametrize(("currency", "value"), [("EUR", 1050), ("JPY", 1050), ("HUF", 105_000), ("TWD", 100)])
def test_amounts_of_every_kind(client: Client, currency: str, value: int) -> None:
    outcome = client.authorize(amount=Money(value, currency))
    assert (outcome.kind, outcome.amount) == (APPROVED, value)
    (charge,) = client.counter.books.charges()
    assert charge.authorized == value


@pytest.mark.parametrize("name", [name for name, one in variations().items() if isinstance(one, Authorization)])
def test_every_variation_is_taken(client: Client, name: str) -> None:
    operation = variations()[name]
    assert client.ask(operation).kind in {APPROVED, OutcomeKind.ACTION_REQUIRED}


@pytest.mark.parametrize("preference", [ThreeDsPreference.CHALLENGE, ThreeDsPreference.AUTOMATIC])
def test_payer_acts_and_the_order_is_completed(client: Client, preference: ThreeDsPreference) -> None:
    number = min(THREE_DS_CARDS)
    details = PaymentDetails(return_url=RETURN_URL, three_ds_preference=preference)
    outcome = client.authorize(details=details, card=card(number))
    assert outcome.kind is OutcomeKind.ACTION_REQUIRED
    assert outcome.next_action is not None
    order = outcome.psp_reference.removeprefix("order:")
    asked = Sync(kind=OperationKind.AUTHORIZE, reference="pay_1_1", amount=EUROS, psp_reference=outcome.psp_reference)
    assert client.ask(asked).kind is OutcomeKind.ACTION_REQUIRED
    assert client.counter.notices == []
    back = client.exchange(HttpRequest(method="GET", url=outcome.next_action.url))
    assert (back.status, back.headers["location"].partition("?")[0]) == (302, RETURN_URL)
    forged = outcome.next_action.url.replace("seal=", "seal=0")
    assert client.exchange(HttpRequest(method="GET", url=forged)).status == 401
    assert issues(client.post(f"/v2/checkout/orders/{order}/capture")) == ["ACTION_DOES_NOT_MATCH_INTENT"]
    assert client.post(f"/v2/checkout/orders/{order}/authorize").status == 201
    assert client.ask(asked).kind is APPROVED
    (notice,) = client.counter.notices
    assert notice.type == "PAYMENT.AUTHORIZATION.CREATED"


def test_without_a_preference_the_answer_is_short(client: Client) -> None:
    body = json.loads(PAYPAL.build(client.authorization(), client.account).body)
    answer = json.loads(client.post("/v2/checkout/orders", body).body)
    assert answer.keys() == {"id", "status", "links", "payment_source"}
    authorized = next(iter(client.counter.books.charges())).record.id
    whole = client.post(
        f"/v2/payments/authorizations/{authorized}/capture", {"amount": {"currency_code": "EUR", "value": "1.00"}}
    )
    assert json.loads(whole.body).keys() == {"id", "status", "links"}
    other = client.authorize("pay_2_1")
    assert client.post(f"/v2/payments/authorizations/{other.psp_reference}/void").status == 204


def test_capture_and_refund_without_an_amount_take_all(client: Client) -> None:
    payment = client.authorize()
    captured = client.post(
        f"/v2/payments/authorizations/{payment.psp_reference}/capture", {}, Prefer="return=representation"
    )
    assert json.loads(captured.body)["amount"] == {"currency_code": "EUR", "value": "10.50"}
    refunded = client.post(f"/v2/payments/captures/{json.loads(captured.body)['id']}/refund", {})
    assert refunded.status == 201
    (charge,) = client.counter.books.charges()
    assert (charge.captured, charge.refunded) == (1050, 1050)


def test_every_webhook_is_genuine_and_understood(client: Client) -> None:
    payment = client.authorize()
    captured = client.ask(client.capture(payment, 400))
    client.ask(client.refund(captured, 100))
    client.ask(client.void(client.authorize("pay_2_1")))
    client.authorize("pay_3_1", capture=True)
    client.authorize("pay_4_1", capture=True, card=replace(card(), holder_name="CCREJECT-IF"))
    told = [(notice.type, client.read(notice)) for notice in client.counter.notices]
    assert [(name, one.kind, one.reference, one.payment_reference) for name, one in told] == [
        ("PAYMENT.AUTHORIZATION.CREATED", OperationKind.AUTHORIZE, "pay_1_1", "pay_1_1"),
        ("PAYMENT.CAPTURE.COMPLETED", OperationKind.CAPTURE, "cap_1", "pay_1_1"),
        ("PAYMENT.CAPTURE.REFUNDED", OperationKind.REFUND, "ref_1", ""),
        ("PAYMENT.AUTHORIZATION.CREATED", OperationKind.AUTHORIZE, "pay_2_1", "pay_2_1"),
        ("PAYMENT.AUTHORIZATION.VOIDED", OperationKind.VOID, "", "pay_2_1"),
        ("PAYMENT.CAPTURE.COMPLETED", OperationKind.AUTHORIZE, "pay_3_1", "pay_3_1"),
        ("PAYMENT.CAPTURE.DECLINED", OperationKind.AUTHORIZE, "pay_4_1", "pay_4_1"),
    ]
    kinds = [one.outcome.kind for _, one in told if one.outcome is not None]
    assert kinds == [APPROVED] * 6 + [DECLINED]
    assert len({one.event_id for _, one in told}) == len(told)
    if DESCRIPTION is not None:
        for notice in client.counter.notices:
            assert DESCRIPTION.component_findings("#/components/schemas/event", notice.content) == []


def test_refund_that_fails_afterwards_is_a_reversal(client: Client) -> None:
    payment = client.authorize(capture=True)
    refund = client.ask(client.refund(payment, 300))
    decision = client.counter.books.decide(refund.psp_reference, Verdict(reason="declined"))
    entry = client.counter.books.find_id(refund.psp_reference)
    assert entry is not None
    charge = client.counter.books.charge(entry.record.charge)
    (notice,) = client.counter.dialect.notices(
        Happening(entry=entry, charge=charge, decision=decision), client.counter.desk
    )
    notification = client.read(notice)
    assert (notice.type, notification.kind, notification.reversal) == (
        "PAYMENT.REFUND.FAILED",
        OperationKind.REFUND,
        True,
    )
    assert client.ask(client.refund(payment, 1050, reference="ref_2")).kind is APPROVED


def test_a_delivery_is_verified_by_the_api_too(client: Client) -> None:
    client.authorize()
    signed = client.counter.dialect.sign(client.counter.notices[0], client.counter.desk, NOW)
    headers = signed.headers
    body = {
        "auth_algo": headers["paypal-auth-algo"],
        "cert_url": headers["paypal-cert-url"],
        "transmission_id": headers["paypal-transmission-id"],
        "transmission_sig": headers["paypal-transmission-sig"],
        "transmission_time": headers["paypal-transmission-time"],
        "webhook_id": WEBHOOK_ID,
        "webhook_event": json.loads(signed.body),
    }
    path = "/v1/notifications/verify-webhook-signature"
    assert json.loads(client.post(path, body).body) == {"verification_status": "SUCCESS"}
    for changes in (
        {"transmission_id": "x1"},
        {"webhook_id": "OTHER"},
        {"transmission_sig": "AAAA"},
        {"webhook_event": json.loads(signed.body) | {"id": "WH-2"}},
    ):
        assert json.loads(client.post(path, body | changes).body) == {"verification_status": "FAILURE"}
    assert client.post(path, {}).status == 400


def test_credentials_are_checked_by_the_connector(client: Client) -> None:
    assert PAYPAL.check is not None
    response = client.exchange(PAYPAL.check.build(client.account))
    assert PAYPAL.check.parse(client.account, response).passed
    other = replace(client.account, settings=dict(client.account.settings) | {"webhook_id": "OTHER"})
    assert not PAYPAL.check.parse(other, client.exchange(PAYPAL.check.build(other))).passed
    bare = replace(client.account, settings={"client_id": CLIENT_ID})
    assert PAYPAL.check.parse(bare, client.exchange(PAYPAL.check.build(bare))).passed


def test_tokens_are_the_accounts_own_and_end(client: Client) -> None:
    assert PAYPAL.grant is not None
    stranger = replace(client.account, api_key=Secret("another_secret"))
    assert client.exchange(PAYPAL.grant.build(stranger)).status == 401
    elsewhere = Client(Counter(account=entry("paypal_b", "secret_of_account_b")))
    request = PAYPAL.build(client.authorization(), client.account)
    assert elsewhere.counter.serve(request).status == 401
    assert list(elsewhere.counter.books.charges()) == []
    client.counter.now += 32_400
    expired = client.ask(client.authorization())
    assert said(expired) == (DECLINED, "AUTHENTICATION_FAILURE")
    assert list(client.counter.books.charges()) == []


def test_negative_testing_header_brings_the_issue_it_names(client: Client) -> None:
    payment = client.authorize()
    path = f"/v2/payments/authorizations/{payment.psp_reference}/void"
    asked = client.post(path, PayPal_Mock_Response='{"mock_application_codes": "CANNOT_BE_VOIDED"}')
    assert (asked.status, issues(asked)) == (422, ["CANNOT_BE_VOIDED"])
    assert not next(iter(client.counter.books.charges())).voided


@pytest.mark.parametrize(
    ("changes", "status", "issue"),
    [
        ({"intent": "SAVE"}, 400, "INVALID_PARAMETER_VALUE"),
        ({"purchase_units": []}, 400, "MISSING_REQUIRED_PARAMETER"),
        ({"payment_source": {"paypal": {}}}, 400, "NOT_SUPPORTED"),
        ({"amount": {"currency_code": "XXX", "value": "1"}}, 422, "INVALID_CURRENCY_CODE"),
        ({"amount": {"currency_code": "EUR", "value": "0"}}, 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ({"amount": {"currency_code": "EUR", "value": "-1"}}, 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ({"amount": {"currency_code": "EUR", "value": "1.001"}}, 422, "DECIMAL_PRECISION"),
        ({"amount": {"currency_code": "JPY", "value": "1.5"}}, 422, "DECIMALS_NOT_SUPPORTED"),
        ({"amount": {"currency_code": "EUR", "value": "9999999999999"}}, 422, "MAX_VALUE_EXCEEDED"),
        ({"amount": {"currency_code": "EUR"}}, 400, "MISSING_REQUIRED_PARAMETER"),
        ({"card": {"expiry": "12/2099"}}, 400, "INVALID_PARAMETER_SYNTAX"),
        ({"card": {"number": "4"}}, 400, "INVALID_PARAMETER_SYNTAX"),
        (
            {"card": {"stored_credential": {"payment_initiator": "MERCHANT", "payment_type": "RECURRING"}}},
            422,
            "MERCHANT_INITIATED_WITH_SECURITY_CODE",
        ),
    ],
)
def test_orders_that_make_no_sense_are_refused(
    client: Client, changes: dict[str, Any], status: int, issue: str
) -> None:
    body = json.loads(PAYPAL.build(client.authorization(), client.account).body)
    if "amount" in changes:
        body["purchase_units"][0]["amount"] = changes["amount"]
    elif "card" in changes:
        body["payment_source"]["card"] |= changes["card"]
    else:
        body |= changes
    answer = client.post("/v2/checkout/orders", body)
    assert (answer.status, issues(answer)) == (status, [issue])
    assert list(client.counter.books.charges()) == []


def test_requests_that_are_none_are_refused(client: Client) -> None:
    orders = "/v2/checkout/orders"
    assert issues(client.post(orders, b"{")) == ["MALFORMED_REQUEST_JSON"]
    assert issues(client.post(orders, b"[]")) == ["MALFORMED_REQUEST_JSON"]
    assert issues(client.post(orders, {}, PayPal_Request_Id="")) == ["PAYPAL_REQUEST_ID_REQUIRED"]
    assert issues(client.post(orders, {}, PayPal_Request_Id="k" * 109)) == ["INVALID_STRING_LENGTH"]
    assert client.post(orders, b"a=b", Content_Type="text/plain").status == 415
    for path in ("/v2/checkout", f"{orders}/X/authorize", "/v2/payments/authorizations/X/void", "/v2/x"):
        assert client.post(path, {}).status == 404
    payment = client.authorize()
    reauthorize = client.post(f"/v2/payments/authorizations/{payment.psp_reference}/reauthorize", {})
    assert issues(reauthorize) == ["REAUTHORIZATION_NOT_SUPPORTED"]


def test_no_card_number_reaches_journal_webhook_or_answer(client: Client) -> None:
    payment = client.authorize()
    kept = repr(client.counter.lines) + repr(client.counter.notices)
    assert "4242424242424242" not in kept
    assert "4242424242424242" not in repr(payment)
