"""Adyen's dialect over the books, without sockets: judged by Adyen's description, and read by the connector."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from devstack.sandbox.dialects.adyen import triggers
from devstack.sandbox.dialects.adyen.dialect import DIALECT
from devstack.sandbox.dialects.contract import Act, Denial
from devstack.sandbox.incoming import Incoming, Reply
from devstack.sandbox.ledger import OperationType
from devstack.sandbox.magic import DECLINES, Verdict
from psp_connectors.connectors.adyen import codes
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.details import PaymentDetails, ThreeDsPreference
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import OutcomeKind
from tests.fakes.connectors.adyen import MERCHANT_ACCOUNT, RETURN_URL, details, increment, verification
from tests.fakes.connectors.adyen_counter import Client, Counter, answered, entry
from tests.fakes.connectors.ports import API_KEY, KEY, authorization, capture, card, refund, void

CARD = {"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737"}
PAYMENT: dict[str, Any] = {
    "merchantAccount": MERCHANT_ACCOUNT,
    "reference": "order-1",
    "amount": {"currency": "EUR", "value": 1050},
    "returnUrl": RETURN_URL,
    "paymentMethod": CARD,
}
MODIFICATION: dict[str, Any] = {"merchantAccount": MERCHANT_ACCOUNT, "reference": "modification-1"}


def body_of(reply: Reply) -> Mapping[str, Any]:
    assert isinstance(reply.body, Mapping)
    return reply.body


def error_of(reply: Reply) -> tuple[int, str]:
    return reply.status, body_of(reply)["errorCode"]


def numbered(operation: Any, number: int, **changes: Any) -> Any:
    return replace(operation, idempotency_key=f"key-{number}", **changes)


def test_a_payment_is_authorised_captured_in_parts_and_refunded() -> None:
    client = Client()
    payment = client.ask(authorization()).psp_reference
    steps = (
        (numbered(increment(), 1, psp_reference=payment), OutcomeKind.APPROVED),
        (numbered(capture(300), 2, psp_reference=payment, final=False), OutcomeKind.APPROVED),
        (numbered(capture(1250), 3, psp_reference=payment, reference="cap_2"), OutcomeKind.APPROVED),
        (numbered(capture(1), 4, psp_reference=payment, reference="cap_3"), OutcomeKind.DECLINED),
        (numbered(refund(1000), 5, psp_reference=payment), OutcomeKind.APPROVED),
        (numbered(refund(551), 6, psp_reference=payment, reference="ref_2"), OutcomeKind.DECLINED),
        (numbered(void(), 7, psp_reference=payment), OutcomeKind.DECLINED),
    )
    for operation, expected in steps:
        acknowledged = client.ask(operation)
        assert acknowledged.kind is OutcomeKind.PENDING
        client.counter.decide()
        told = client.told()[-1]
        assert (told.reference, told.psp_reference) == (operation.reference, acknowledged.psp_reference)
        assert told.payment_psp_reference == payment
        assert told.outcome is not None
        assert told.outcome.kind is expected, operation
    (charge,) = client.counter.books.charges()
    assert (charge.authorized, charge.captured, charge.refunded) == (1550, 1550, 1000)


@pytest.mark.parametrize("name", list(details()))
def test_every_variation_is_taken(name: str) -> None:
    client = Client()
    for number, operation in enumerate((authorization(), verification())):
        outcome = client.ask(numbered(operation, number, details=details()[name]))
        expected = OutcomeKind.ACTION_REQUIRED if name == "3DS challenge" else OutcomeKind.APPROVED
        assert outcome.kind is expected


@pytest.mark.parametrize(
    ("fields", "settings", "captured"),
    [
        ({}, {}, 1050),
        ({"captureDelayHours": 0}, {"capture_delay": "manual"}, 1050),
        ({"captureDelayHours": 24}, {}, 0),
        ({"additionalData": {"manualCapture": "true"}}, {}, 0),
        ({}, {"capture_delay": "manual"}, 0),
    ],
)
def test_when_a_payment_is_captured(fields: dict[str, Any], settings: dict[str, str], captured: int) -> None:
    client = Client(Counter(entry(**settings)))
    assert body_of(client.post("/payments", PAYMENT | fields))["resultCode"] == "Authorised"
    (charge,) = client.counter.books.charges()
    assert charge.captured == captured


def test_without_several_captures_the_first_releases_the_rest() -> None:
    client = Client(Counter(entry(multiple_captures="off")))
    payment = client.ask(authorization()).psp_reference
    for number, reference in enumerate(("cap_1", "cap_2")):
        client.ask(numbered(capture(300), number, psp_reference=payment, reference=reference, final=False))
        client.counter.decide()
    kinds = [told.outcome.kind for told in client.told() if told.kind is OperationKind.CAPTURE and told.outcome]
    assert kinds == [OutcomeKind.APPROVED, OutcomeKind.DECLINED]


@pytest.mark.parametrize("code", list(triggers.REFUSALS))
def test_every_refusal_can_be_asked_for_and_is_understood(code: str) -> None:
    client = Client()
    reply = client.post("/payments", PAYMENT | {"additionalData": {"RequestedTestAcquirerResponseCode": code}})
    refusal = triggers.REFUSALS[code]
    body = body_of(reply)
    assert (body["refusalReasonCode"], body["refusalReason"], body["resultCode"]) == (
        code,
        refusal.reason,
        refusal.result,
    )
    operation = replace(authorization(), reference="order-1")
    outcome = CONNECTORS["adyen"].parse(operation, answered(reply))
    assert (outcome.kind, outcome.raw_code, outcome.unmapped) == (OutcomeKind.DECLINED, code, False)
    (told,) = client.told()
    assert told.outcome is not None
    assert (told.outcome.kind, told.outcome.code) == (OutcomeKind.DECLINED, outcome.code)


def test_the_table_of_refusals_is_the_connectors() -> None:
    assert set(triggers.REFUSALS) == set(codes.REFUSAL_CODES)


@pytest.mark.parametrize(("name", "code"), triggers.HOLDER_NAMES.items())
def test_holder_names_decide(name: str, code: str) -> None:
    client = Client()
    outcome = client.ask(replace(authorization(), card=replace(card(), holder_name=name)))
    if code == triggers.APPROVED_CODE:
        assert outcome.kind is OutcomeKind.APPROVED
    else:
        assert (outcome.kind, outcome.raw_code) == (OutcomeKind.DECLINED, code)


@pytest.mark.parametrize("magic", DECLINES.values(), ids=lambda magic: str(magic.suffix))
def test_every_verdict_of_the_books_is_told_and_understood(magic: Any) -> None:
    client = Client(Counter(verdict=magic.verdict))
    outcome = client.ask(authorization())
    assert outcome.kind is OutcomeKind.DECLINED
    assert (outcome.network_code, outcome.unmapped) == (magic.verdict.network_code, False)
    (told,) = client.told()
    assert told.outcome is not None
    assert told.outcome.kind is OutcomeKind.DECLINED
    by_scheme = magic.verdict.network_code not in {"", "68", "ZZ"}
    assert not by_scheme or outcome.code == magic.payera_code


@pytest.mark.parametrize("cvc", ["000", "001", "002", "003", "004", "005", "006", "737"])
def test_the_card_code_decides_its_result(cvc: str) -> None:
    body = body_of(Client().post("/payments", PAYMENT | {"paymentMethod": CARD | {"cvc": cvc}}))
    expected = "1" if cvc == "737" else cvc[-1]
    assert body["additionalData"]["cvcResult"] == f"{expected} {triggers.CVC_TEXTS[expected]}"


@pytest.mark.parametrize(("value", "currency", "minor"), [(105000, "ISK", 1050), (1050, "IDR", 105000), (7, "JPY", 7)])
def test_amounts_are_in_adyens_exponents(value: int, currency: str, minor: int) -> None:
    client = Client()
    amount = {"currency": currency, "value": value}
    assert body_of(client.post("/payments", PAYMENT | {"amount": amount}))["amount"] == amount
    (charge,) = client.counter.books.charges()
    assert charge.authorized == minor


def test_a_shopper_is_sent_to_authenticate_and_comes_back() -> None:
    client = Client()
    asked = replace(authorization(), details=PaymentDetails(three_ds_preference=ThreeDsPreference.CHALLENGE))
    outcome = client.ask(asked)
    assert (outcome.kind, client.told()) == (OutcomeKind.ACTION_REQUIRED, [])
    assert outcome.next_action is not None
    parts = urlsplit(outcome.next_action.url)
    back = client.counter.serve(Incoming(method="GET", path=parts.path, query=parts.query))
    assert back.status == 302
    location = back.headers["location"]
    assert location.startswith(RETURN_URL)
    result = parse_qs(urlsplit(location).query)["redirectResult"][0]
    completed = client.post("/payments/details", {"details": {"redirectResult": result}})
    assert body_of(completed)["resultCode"] == "Authorised"
    (told,) = client.told()
    assert told.outcome is not None
    assert (told.outcome.kind, told.psp_reference) == (OutcomeKind.APPROVED, outcome.psp_reference)
    again = client.post("/payments/details", {"details": {"redirectResult": result}})
    assert (again.body, len(client.told())) == (completed.body, 1)


@pytest.mark.parametrize("number", sorted(triggers.THREE_DS_CARDS))
def test_enrolled_cards_are_challenged_unless_the_request_says_never(number: str) -> None:
    method = {"paymentMethod": CARD | {"number": number, "cvc": "7373" if number.startswith("37") else "737"}}
    client = Client()
    assert body_of(client.post("/payments", PAYMENT | method))["resultCode"] == "RedirectShopper"
    never = {"authenticationData": {"attemptAuthentication": "never"}}
    assert body_of(client.post("/payments", PAYMENT | method | never))["resultCode"] == "Authorised"


def test_a_forged_return_settles_nothing() -> None:
    client = Client()
    asked = replace(authorization(), details=PaymentDetails(three_ds_preference=ThreeDsPreference.CHALLENGE))
    payment = client.ask(asked).psp_reference
    for result in ("", payment, f"{payment}.{'0' * 32}"):
        reply = client.post("/payments/details", {"details": {"redirectResult": result}})
        assert reply.status == 422
        address = f"/checkoutshopper/threeDS/redirect?redirectData={result}"
        path, _, query = address.partition("?")
        assert client.counter.serve(Incoming(method="GET", path=path, query=query)).status == 401
    assert client.told() == []


def test_a_reversal_cancels_or_refunds_and_a_technical_cancel_goes_by_reference() -> None:
    client = Client()
    for captured, action in (({"captureDelayHours": 0}, "refund"), ({"captureDelayHours": 24}, "cancel")):
        payment = body_of(client.post("/payments", PAYMENT | captured))["pspReference"]
        assert body_of(client.post(f"/payments/{payment}/reversals", MODIFICATION))["status"] == "received"
        client.counter.decide()
        content: Any = client.counter.notices[-1].content
        assert (content["eventCode"], content["additionalData"]["modification.action"]) == ("CANCEL_OR_REFUND", action)
    assert [charge.refunded for charge in client.counter.books.charges()] == [1050, 0]
    other = PAYMENT | {"reference": "order-2", "captureDelayHours": 24}
    client.post("/payments", other)
    reply = client.post("/cancels", MODIFICATION | {"paymentReference": "order-2"})
    assert body_of(reply)["paymentReference"] == "order-2"
    client.counter.decide()
    assert client.counter.notices[-1].type == "TECHNICAL_CANCEL"
    told = client.told()[-1]
    assert (told.kind, told.reference) == (OperationKind.REVERSE, "modification-1")


@pytest.mark.parametrize("event", ["CAPTURE_FAILED", "REFUND_FAILED"])
def test_a_success_that_fails_later_is_told(event: str) -> None:
    client = Client()
    payment = client.ask(authorization(capture=event == "REFUND_FAILED")).psp_reference
    operation = capture() if event == "CAPTURE_FAILED" else refund()
    acknowledged = client.ask(numbered(operation, 1, psp_reference=payment))
    client.counter.decide()
    client.counter.settle(acknowledged.psp_reference, Verdict(reason="declined"))
    assert client.counter.notices[-1].type == event
    told = client.told()[-1]
    assert (told.reversal, told.psp_reference, told.reference) == (
        True,
        acknowledged.psp_reference,
        operation.reference,
    )


def test_an_adjustment_that_lowers_fails_by_webhook() -> None:
    client = Client()
    payment = client.ask(authorization()).psp_reference
    lowered = numbered(increment(1, 1000), 1, psp_reference=payment)
    assert client.ask(lowered).kind is OutcomeKind.PENDING
    client.counter.decide()
    told = client.told()[-1]
    assert told.outcome is not None
    assert (told.outcome.kind, told.outcome.amount) == (OutcomeKind.DECLINED, 1000)
    (charge,) = client.counter.books.charges()
    assert charge.authorized == 1050


def test_a_used_key_gives_the_first_answer() -> None:
    client = Client()
    first = client.post("/payments", PAYMENT, **{"idempotency-key": KEY})
    again = client.post("/payments", PAYMENT, **{"idempotency-key": KEY})
    assert (first.body, first.headers["idempotency-key"]) == (again.body, KEY)
    assert len(list(client.counter.books.charges())) == 1
    client.post("/payments", PAYMENT)
    client.post("/payments", PAYMENT)
    assert len(list(client.counter.books.charges())) == 3


def test_a_key_in_use_is_told_and_understood_as_such() -> None:
    act = Act(type=OperationType.AUTHORIZE, reference="pay_1_1", key=KEY)
    for denial in (Denial.IN_FLIGHT, Denial.KEY_REUSED):
        reply = DIALECT.turned_away(act, denial)
        assert (error_of(reply), reply.headers["transient-error"]) == ((422, "704"), "true")
        outcome = CONNECTORS["adyen"].parse(authorization(), answered(reply))
        assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, "idempotency_conflict")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"merchantAccount": "Other"}, (403, "901")),
        ({"amount": None}, (422, "100")),
        ({"amount": {"currency": "XXX", "value": 1}}, (422, "138")),
        ({"amount": {"currency": "EUR", "value": -1}}, (422, "137")),
        ({"amount": {"currency": "ISK", "value": 1}}, (422, "137")),
        ({"reference": ""}, (422, "130")),
        ({"returnUrl": ""}, (422, "14_030")),
        ({"paymentMethod": CARD | {"number": "4111111111111112"}}, (422, "101")),
        ({"paymentMethod": CARD | {"cvc": "73"}}, (422, "103")),
        ({"paymentMethod": CARD | {"expiryMonth": "13"}}, (422, "140")),
        ({"paymentMethod": CARD | {"expiryYear": "30"}}, (422, "141")),
        ({"paymentMethod": {"type": "ideal"}}, (500, "905")),
    ],
)
def test_errors_are_adyens(changes: dict[str, Any], expected: tuple[int, str]) -> None:
    client = Client()
    assert error_of(client.post("/payments", PAYMENT | changes)) == expected
    assert list(client.counter.books.charges()) == []


def test_other_errors() -> None:
    client = Client()
    assert error_of(client.post("/payments", b"{")) == (400, "702")
    assert error_of(client.post("/payments", b"[]")) == (400, "702")
    assert error_of(client.post("/payments", PAYMENT, **{"x-api-key": "wrong"})) == (401, "000")
    assert error_of(client.post("/payments", PAYMENT, **{"idempotency-key": "k" * 65})) == (400, "000")
    assert error_of(client.post("/payments/NOSUCHPAYMENT000/cancels", MODIFICATION)) == (422, "167")
    assert error_of(client.post("/cancels", MODIFICATION | {"paymentReference": "unknown"})) == (422, "167")
    assert error_of(client.post("/nothing", MODIFICATION)) == (404, "000")
    invalid = DIALECT.invalid(["/paymentMethod/number: '4111' is no number"])
    assert "4111" not in str(invalid.body)
    assert error_of(DIALECT.failed()) == (500, "000")


def test_the_check_of_credentials() -> None:
    check = CONNECTORS["adyen"].check
    assert check is not None
    body = {"merchantAccount": MERCHANT_ACCOUNT}
    for reply, passed in (
        (Client().post("/paymentMethods", body), True),
        (Client().post("/paymentMethods", body, **{"x-api-key": "wrong"}), False),
        (Client().post("/paymentMethods", {"merchantAccount": "Other"}), False),
    ):
        result = check.parse(None, answered(reply))  # type: ignore[arg-type]
        assert result.passed is passed
        assert API_KEY not in result.detail


def test_a_test_number_stands_for_an_encrypted_one() -> None:
    method = {
        "type": "scheme",
        "encryptedCardNumber": "test_4111111111111111",
        "encryptedExpiryMonth": "test_03",
        "encryptedExpiryYear": "test_2030",
        "encryptedSecurityCode": "test_737",
    }
    assert body_of(Client().post("/payments", PAYMENT | {"paymentMethod": method}))["resultCode"] == "Authorised"


def test_the_test_cards_are_approved() -> None:
    for number in triggers.CARDS:
        method = {"paymentMethod": CARD | {"number": number, "cvc": "7373" if number.startswith("37") else "737"}}
        assert body_of(Client().post("/payments", PAYMENT | method))["resultCode"] == "Authorised"


def test_no_card_number_is_kept_or_told() -> None:
    client = Client()
    client.post("/payments", PAYMENT)
    told = repr(client.counter.lines) + repr([client.counter.sign(notice).body for notice in client.counter.notices])
    assert "4111111111111111" not in told
