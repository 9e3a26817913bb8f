import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.currencies import EXPONENT_OF
from mesh.money import Money
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.connectors.stripe.money import CURRENCIES, from_units, to_units
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Account, Unsendable
from psp_connectors.domain.guard import settle
from psp_connectors.domain.http import HttpResponse
from psp_connectors.domain.operations import (
    Authorization,
    Capture,
    Operation,
    OperationKind,
    Sync,
    Void,
    amount_of,
    kind_of,
)
from psp_connectors.domain.outcomes import Check, Outcome, OutcomeKind
from psp_connectors.domain.webhooks import Authenticity, RawWebhook, WebhookContext, WebhookReading
from tests.contract.connector_suite import BOUNDED, ConnectorSuite, response
from tests.fakes.connectors.ports import authorization
from tests.fakes.connectors.stripe import (
    PAYMENT,
    approval,
    card_error,
    increment,
    intent,
    operations,
    questions,
    refund,
    refunded,
    stripe_account,
    void,
)

STRIPE = CONNECTORS["stripe"]
SECRET = "whsec_of_the_endpoint"
NOW = 1_714_000_000
DECLINE_CODES = (
    "authentication_required authentication_not_handled approve_with_id call_issuer card_not_supported "
    "card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card "
    "fraudulent generic_decline incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip "
    "insufficient_funds invalid_account invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year "
    "invalid_number invalid_pin issuer_not_available lost_card merchant_blacklist "
    "mobile_device_authentication_required new_account_information_available no_action_taken not_permitted "
    "offline_pin_required online_or_offline_pin_required pickup_card pin_try_exceeded processing_error "
    "reenter_transaction restricted_card revocation_of_all_authorizations revocation_of_authorization "
    "security_violation service_not_allowed stolen_card stop_payment_order testmode_decline transaction_not_allowed "
    "try_again_later withdrawal_count_limit_exceeded"
)


class TestStripeConnector(ConnectorSuite):
    connector = STRIPE

    def account(self) -> Account:
        return stripe_account("https://psp.example/base")

    def operations(self) -> Sequence[Operation]:
        return tuple(operations().values())

    def approval(self, operation: Operation) -> Any:
        return approval(operation)

    def essentials(self, operation: Operation) -> frozenset[str]:
        names = {"id", "object", "status", "metadata.reference"}
        kind = kind_of(operation)
        match kind:
            case OperationKind.AUTHORIZE:
                names |= {"amount", "currency", "amount_received", "amount_capturable"}
            case OperationKind.REFUND:
                names |= {"amount", "currency", "payment_intent"}
            case OperationKind.CAPTURE:
                names = {"id", "object", "status", "currency", "amount_received", "metadata.cap_1"}
            case OperationKind.INCREMENT:
                names = {"id", "object", "status", "currency", "metadata.inc_1"}
            case OperationKind.VOID:
                names = {"id", "object", "status", "amount_received"}
        is_list = "data" in approval(operation)
        return frozenset({f"data.0.{name}" for name in names} | {"object", "has_more"} if is_list else names)

    def is_harmless(self, operation: Operation, name: str, new: object) -> bool:
        match name.removeprefix("data.0."):
            case "id":
                # Any id may be the one of a payment, verification or refund that is only now made.
                bound = isinstance(operation, Sync) and bool(operation.psp_reference or operation.payment_psp_reference)
                new_one = kind_of(operation) in {OperationKind.AUTHORIZE, OperationKind.VERIFY, OperationKind.REFUND}
                listed = name.startswith("data.")
                harmless = isinstance(new, str) and new != "" and new_one and (listed or not bound)
            case "payment_intent":
                by_refund = isinstance(operation, Sync) and bool(operation.psp_reference)
                harmless = by_refund
            case "amount_capturable" | "amount_received":
                # A sync tells what was captured since; a payment that was taken whole holds nothing more.
                taken = isinstance(operation, Authorization) and operation.capture
                harmless = type(new) is int and new >= 0 and (taken and name == "amount_capturable")
            case "status":
                partial = isinstance(operation, Capture) and not operation.final
                asked = isinstance(operation, Sync) and operation.kind in {
                    OperationKind.CAPTURE,
                    OperationKind.INCREMENT,
                }
                harmless = new in ("requires_capture", "succeeded") and (
                    partial or asked or kind_of(operation) is OperationKind.INCREMENT
                )
            case "has_more":
                # A refund that was found is found, whatever more there is.
                harmless = isinstance(new, bool) and kind_of(operation) is OperationKind.REFUND
            case _:
                harmless = False
        return harmless


def understood(operation: Operation, body: object, status: int = 200) -> Outcome:
    return settle(operation, STRIPE.parse(operation, response(body, status)))


@pytest.mark.parametrize("code", DECLINE_CODES.split())
def test_every_documented_decline_code_is_mapped(code: str) -> None:
    outcome = understood(authorization(), card_error(decline_code=code), 402)
    assert (outcome.kind, outcome.unmapped, outcome.raw_code) == (OutcomeKind.DECLINED, False, code)
    assert outcome.psp_reference == PAYMENT


def test_an_unknown_code_is_kept_and_counted() -> None:
    outcome = understood(authorization(), card_error(decline_code="brand_new"), 402)
    assert (outcome.code, outcome.raw_code, outcome.unmapped) == ("unknown_decline", "brand_new", True)


def test_the_networks_code_goes_before_stripes_word() -> None:
    body = card_error(decline_code="generic_decline", network_decline_code="51", network_advice_code="02")
    outcome = understood(authorization(), body, 402)
    assert (outcome.code, outcome.network_code, outcome.advice_code) == ("insufficient_funds", "51", "02")


@pytest.mark.parametrize(
    ("status", "error", "kind", "code"),
    [
        (400, {"type": "idempotency_error"}, OutcomeKind.UNKNOWN, "idempotency_conflict"),
        (409, {"type": "invalid_request_error", "code": "idempotency_key_in_use"}, OutcomeKind.UNKNOWN, None),
        (429, {"type": "invalid_request_error", "code": "lock_timeout"}, OutcomeKind.UNKNOWN, None),
        (429, {"type": "invalid_request_error", "code": "rate_limit"}, OutcomeKind.DECLINED, "psp_unavailable"),
        (401, {"type": "invalid_request_error"}, OutcomeKind.DECLINED, "merchant_configuration"),
        (403, {"type": "invalid_request_error"}, OutcomeKind.DECLINED, "merchant_configuration"),
        (400, {"type": "invalid_request_error", "code": "parameter_missing"}, OutcomeKind.DECLINED, "invalid_request"),
        (404, {"type": "invalid_request_error", "code": "resource_missing"}, OutcomeKind.DECLINED, "invalid_request"),
        (500, {"type": "api_error"}, OutcomeKind.UNKNOWN, "psp_error"),
        (424, {"type": "api_error"}, OutcomeKind.UNKNOWN, "psp_error"),
        (409, {"type": "invalid_request_error"}, OutcomeKind.UNKNOWN, "psp_error"),
    ],
)
def test_errors(status: int, error: dict[str, str], kind: OutcomeKind, code: str | None) -> None:
    for operation in (authorization(), increment(), void(), refund()):
        outcome = understood(operation, {"error": error}, status)
        assert (outcome.kind, outcome.psp_reference) == (kind, "")
        assert code is None or outcome.code == code


def test_a_decline_of_another_payment_or_of_one_that_holds_money_is_unknown() -> None:
    for other in (
        intent("requires_payment_method", amount=1),
        intent("requires_payment_method", currency="usd"),
        intent("requires_payment_method", metadata={"reference": "pay_2_1"}),
        intent("requires_capture"),
        intent("succeeded"),
    ):
        outcome = understood(authorization(), card_error(decline_code="lost_card", payment_intent=other), 402)
        assert outcome.kind is OutcomeKind.UNKNOWN


def test_a_refused_request_with_a_payment_that_goes_on_is_unknown() -> None:
    for status in ("requires_capture", "succeeded", "processing", "requires_action"):
        error = {"type": "invalid_request_error", "code": "parameter_missing", "payment_intent": intent(status)}
        assert understood(authorization(), {"error": error}, 400).kind is OutcomeKind.UNKNOWN


def test_a_refusal_whose_code_nobody_knows_makes_no_other_psp_be_tried() -> None:
    error = {"type": "invalid_request_error", "code": "brand_new"}
    outcome = understood(authorization(), {"error": error}, 400)
    assert (outcome.kind, outcome.code, outcome.unmapped) == (OutcomeKind.DECLINED, "unknown_decline", True)


def test_a_card_error_without_a_payment_refuses_the_request_alone() -> None:
    body = {"error": {"type": "card_error", "code": "incorrect_number"}}
    outcome = understood(authorization(), body, 402)
    assert (outcome.kind, outcome.code, outcome.psp_reference) == (OutcomeKind.DECLINED, "invalid_card_number", "")


def test_a_declined_increment_leaves_the_authorization_and_no_mark() -> None:
    declined = card_error(decline_code="insufficient_funds", payment_intent=intent())
    outcome = understood(increment(), declined, 402)
    assert (outcome.kind, outcome.code) == (OutcomeKind.DECLINED, "insufficient_funds")
    marked = intent(metadata={"reference": "pay_1_1", "inc_1": "450"})
    contradiction = card_error(decline_code="insufficient_funds", payment_intent=marked)
    assert understood(increment(), contradiction, 402).kind is OutcomeKind.UNKNOWN


def test_the_charge_tells_checks_network_and_term() -> None:
    card = {
        "brand": "visa",
        "last4": "4242",
        "exp_month": 12,
        "exp_year": 2099,
        "capture_before": NOW + 600,
        "network_transaction_id": "123456789012345",
        "checks": {"cvc_check": "pass", "address_line1_check": "fail", "address_postal_code_check": "unavailable"},
    }
    charge = {"id": "ch_1", "status": "succeeded", "payment_method_details": {"card": card, "type": "card"}}
    outcome = understood(authorization(), intent(latest_charge=charge))
    assert (outcome.kind, outcome.expires_at) == (OutcomeKind.APPROVED, NOW + 600)
    assert outcome.network_transaction_id == "123456789012345"
    assert (outcome.checks.card_code, outcome.checks.street) == (Check.MATCH, Check.NO_MATCH)
    card["amount_authorized"] = 500
    assert understood(authorization(), intent(latest_charge=charge)).kind is OutcomeKind.UNKNOWN


def test_a_next_action_is_a_redirect() -> None:
    action = {"type": "redirect_to_url", "redirect_to_url": {"url": "https://hooks.stripe.com/x"}}
    outcome = understood(authorization(), intent("requires_action", next_action=action))
    assert outcome.kind is OutcomeKind.ACTION_REQUIRED
    assert outcome.next_action is not None
    assert outcome.next_action.url == "https://hooks.stripe.com/x"


def test_refunds_pend_and_fail() -> None:
    assert understood(refund(), refunded("pending")).kind is OutcomeKind.PENDING
    failed = understood(refund(), refunded("failed", failure_reason="insufficient_funds"))
    assert (failed.kind, failed.code) == (OutcomeKind.DECLINED, "insufficient_funds")


def test_a_question_finds_nothing_only_when_the_answer_is_whole() -> None:
    asked = questions()
    search = {"object": "search_result", "data": [], "has_more": False}
    assert understood(asked["authorize_search"], search).kind is OutcomeKind.NOT_FOUND
    assert understood(asked["authorize_search"], search | {"has_more": True}).kind is OutcomeKind.UNKNOWN
    listed = {"object": "list", "data": [], "has_more": False}
    assert understood(asked["refund_list"], listed).kind is OutcomeKind.NOT_FOUND
    assert understood(asked["refund_list"], listed | {"has_more": True}).kind is OutcomeKind.UNKNOWN
    for name in ("capture", "increment", "void"):
        assert understood(asked[name], intent()).kind is OutcomeKind.NOT_FOUND
    assert understood(asked["capture"], intent("canceled")).kind is OutcomeKind.DECLINED
    assert understood(asked["void"], intent("succeeded")).kind is OutcomeKind.DECLINED


def test_a_capture_of_more_than_was_asked_is_unknown() -> None:
    body = intent("succeeded", metadata={"reference": "pay_1_1", "cap_1": "400"})
    part = Capture(reference="cap_1", idempotency_key="k", psp_reference=PAYMENT, amount=Money(400, "EUR"), final=True)
    assert understood(part, body).code == "amount_mismatch"


@BOUNDED
@given(currency=st.sampled_from(sorted(EXPONENT_OF)), value=st.integers(1, 10**12))
def test_amounts_go_there_and_back_exactly_or_not_at_all(currency: str, value: int) -> None:
    money = Money(value, currency)
    try:
        units = to_units(money)
    except Unsendable:
        return
    assert currency in CURRENCIES
    assert len(str(units)) <= (12 if currency == "IDR" else 8)
    assert from_units(units, currency.lower()) == money


@pytest.mark.parametrize(
    ("value", "currency", "units"),
    [(5, "ISK", 500), (5, "UGX", 500), (500, "MGA", 5), (500, "JPY", 500), (5120, "KWD", 5120), (1050, "HUF", 1050)],
)
def test_stripes_own_units(value: int, currency: str, units: int) -> None:
    assert to_units(Money(value, currency)) == units


@pytest.mark.parametrize(("value", "currency"), [(550, "MGA"), (5124, "KWD"), (100_000_000, "EUR"), (5, "IQD")])
def test_amounts_that_stripe_does_not_take(value: int, currency: str) -> None:
    with pytest.raises(Unsendable):
        to_units(Money(value, currency))


def signed(body: bytes, secret: str = SECRET, stamp: int = NOW) -> RawWebhook:
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return RawWebhook(headers={"stripe-signature": f"t={stamp},v1=00,v1={mac},v0=1"}, body=body)


def read(raw: RawWebhook, now: int = NOW, **settings: str) -> WebhookReading:
    assert STRIPE.read_webhook is not None
    context = WebhookContext(secrets=[Secret("whsec_old"), Secret(SECRET)], now=now)
    return STRIPE.read_webhook(raw, stripe_account(**settings), context)


def event(name: str, thing: object, **data: object) -> bytes:
    body = {"id": "evt_1", "object": "event", "type": name, "created": NOW, "data": {"object": thing, **data}}
    return json.dumps(body).encode()


def told(name: str, thing: object, **data: object) -> list[tuple[OperationKind | None, str, OutcomeKind | None]]:
    reading = read(signed(event(name, thing, **data)))
    assert reading.authenticity is Authenticity.GENUINE
    assert len({one.event_id for one in reading.notifications}) == len(reading.notifications)
    return [(n.kind, n.reference, n.outcome.kind if n.outcome else None) for n in reading.notifications]


def test_webhooks_tell_what_became_of_operations() -> None:
    kinds, outcomes = OperationKind, OutcomeKind
    held = [(kinds.AUTHORIZE, "pay_1_1", outcomes.APPROVED)]
    assert told("payment_intent.amount_capturable_updated", intent()) == held
    captured = intent("succeeded", metadata={"reference": "pay_1_1", "cap_1": "1050"})
    assert told("payment_intent.succeeded", captured) == [*held, (kinds.CAPTURE, "cap_1", outcomes.APPROVED)]
    released = intent("canceled", latest_charge="ch_1")
    assert told("payment_intent.canceled", released) == [(kinds.VOID, "", outcomes.APPROVED)]
    error = {"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}
    failed = intent("requires_payment_method", last_payment_error=error)
    assert told("payment_intent.payment_failed", failed) == [(kinds.AUTHORIZE, "pay_1_1", outcomes.DECLINED)]
    assert told("refund.updated", refunded()) == [(kinds.REFUND, "ref_1", outcomes.APPROVED)]
    assert told("payout.paid", {"object": "payout"}) == [(None, "", None)]


def test_an_event_that_shows_the_payment_in_another_state_settles_nothing() -> None:
    nothing = [(None, "", None)]
    assert told("payment_intent.canceled", intent()) == nothing
    assert told("payment_intent.payment_failed", intent()) == nothing
    assert told("payment_intent.payment_failed", intent("succeeded")) == nothing


def test_a_refund_that_fails_after_success_is_a_reversal() -> None:
    failed = refunded("failed", failure_reason="expired_or_canceled_card")
    for before, reversal in (("succeeded", True), ("pending", False)):
        raw = signed(event("charge.refund.updated", failed, previous_attributes={"status": before}))
        (notification,) = read(raw).notifications
        assert notification.reversal is reversal


def test_signatures_must_be_right_and_recent() -> None:
    body = event("payment_intent.amount_capturable_updated", intent())
    assert read(signed(body)).authenticity is Authenticity.GENUINE
    assert read(signed(body, "whsec_old")).authenticity is Authenticity.GENUINE
    forged = (
        read(signed(body, "whsec_other")),
        read(signed(body), NOW + 301),
        read(signed(body), NOW - 301),
        read(RawWebhook(headers=signed(body).headers, body=body + b" ")),
        read(RawWebhook(headers={}, body=body)),
        read(RawWebhook(headers={"stripe-signature": f"t={NOW},v1="}, body=body)),
        read(signed(b"{")),
    )
    assert {reading.authenticity for reading in forged} == {Authenticity.FORGED}


def test_events_of_another_connected_account_tell_nothing() -> None:
    body = json.dumps(json.loads(event("payment_intent.amount_capturable_updated", intent())) | {"account": "acct_2"})
    (notification,) = read(signed(body.encode()), stripe_account="acct_1").notifications
    assert notification.kind is None
    assert read(signed(body.encode()), stripe_account="acct_2").notifications[0].kind is OperationKind.AUTHORIZE


@BOUNDED
@given(body=st.binary(max_size=200), header=st.text(max_size=80))
def test_no_bytes_are_genuine_without_a_signature(body: bytes, header: str) -> None:
    assert read(RawWebhook(headers={"stripe-signature": header}, body=body)).authenticity is Authenticity.FORGED


@BOUNDED
@given(thing=st.dictionaries(st.sampled_from(sorted(intent())), st.none() | st.integers() | st.text(max_size=5)))
def test_signed_events_of_any_shape_are_read_without_raising(thing: dict[str, object]) -> None:
    for name in ("payment_intent.succeeded", "payment_intent.canceled", "refund.updated"):
        assert read(signed(event(name, intent() | thing))).authenticity is Authenticity.GENUINE


def test_the_check_moves_no_money() -> None:
    check = STRIPE.check
    assert check is not None
    assert check.build(stripe_account()).method == "GET"
    assert check.parse(stripe_account(), response({"object": "balance"})).passed
    for answer in (response({}, 401), response({"object": "x"}), HttpResponse(status=200)):
        assert not check.parse(stripe_account(), answer).passed


def test_samples_are_of_the_kinds_they_say() -> None:
    assert isinstance(void(), Void)
    assert amount_of(authorization()) == Money(1050, "EUR")
