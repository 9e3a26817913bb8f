"""The contract's requests as the use cases read them."""

from collections.abc import Iterator

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from payera.gateway.v1 import payment_pb2
from payera.gateway.v1 import payment_service_pb2 as messages

from gateway_svc.adapters.grpc.requests import calling_merchant, money_call, payment_filters, payment_wish
from gateway_svc.application.read_payments import PaymentFilters
from gateway_svc.domain.payment import CaptureMethod, PaymentStatus
from mesh.context import CallContext, KeyScope, Principal, serving
from mesh.reasons import Reason
from mesh.refusal import Refusal

RPC = "payera.gateway.v1.PaymentService/CreatePayment"


def context(principal: Principal | None) -> CallContext:
    return CallContext("req_1", "envoy", principal, "key", 1234.5)


@pytest.fixture
def called() -> Iterator[CallContext]:
    with serving(context(Principal("mer_1", KeyScope.SECRET, "key_1", live=False))) as one:
        yield one


def request(**metadata: str) -> messages.CreatePaymentRequest:
    return messages.CreatePaymentRequest(amount={"value": 1, "currency": "EUR"}, token="tok_1", metadata=metadata)


@pytest.mark.usefixtures("called")
def test_a_money_call_carries_who_and_until_when() -> None:
    call = money_call(RPC, request())
    assert (call.merchant_id, call.idempotency_key, call.deadline) == ("mer_1", "key", 1234.5)
    assert len(call.request_hash) == 32


@pytest.mark.usefixtures("called")
def test_the_hash_is_of_rpc_and_content_whatever_the_order_of_pairs() -> None:
    pairs = {f"key_{number}": str(number) for number in range(50)}
    reversed_pairs = dict(reversed(pairs.items()))
    one = money_call(RPC, request(**pairs)).request_hash
    assert money_call(RPC, request(**reversed_pairs)).request_hash == one
    assert money_call(RPC, request(**pairs | {"key_0": "x"})).request_hash != one
    assert money_call("payera.gateway.v1.PaymentService/VoidPayment", request(**pairs)).request_hash != one


@pytest.mark.usefixtures("called")
def test_a_payment_that_keeps_its_card_is_another_one() -> None:
    plain, keeping = request(), request()
    keeping.store_card = True
    assert money_call(RPC, keeping).request_hash != money_call(RPC, plain).request_hash
    assert (payment_wish(plain).store_card, payment_wish(keeping).store_card) == (False, True)


@pytest.mark.parametrize("principal", [None, Principal("", KeyScope.OPERATOR, "key_1", live=False)])
def test_without_a_merchants_key_nothing_is_read(principal: Principal | None) -> None:
    with serving(context(principal)), pytest.raises(Refusal) as caught:
        calling_merchant()
    assert caught.value.reason is Reason.API_KEY_SCOPE


def test_a_payment_is_read_with_its_defaults() -> None:
    wish = payment_wish(request(a="b"))
    assert (wish.amount, wish.currency, wish.exponent, wish.token) == (1, "EUR", None, "tok_1")
    assert wish.capture_method is CaptureMethod.AUTOMATIC
    assert wish.metadata == {"a": "b"}
    assert type(wish.metadata) is dict


def test_an_exponent_of_zero_is_an_exponent() -> None:
    wish = payment_wish(
        messages.CreatePaymentRequest(
            amount={"value": 1, "currency": "JPY", "exponent": 0},
            capture_method=payment_pb2.CaptureMethod.MANUAL,
            merchant_reference="r",
            description="d",
            statement_descriptor="s",
        )
    )
    assert (wish.exponent, wish.capture_method) == (0, CaptureMethod.MANUAL)
    assert (wish.merchant_reference, wish.description, wish.statement_descriptor) == ("r", "d", "s")


def test_an_empty_list_request_filters_nothing() -> None:
    assert payment_filters(messages.ListPaymentsRequest()) == PaymentFilters()


def test_filters_are_read_and_times_rounded_up_to_microseconds() -> None:
    filters = payment_filters(
        messages.ListPaymentsRequest(
            status=payment_pb2.Payment.AUTHORIZED,
            merchant_reference="r",
            currency="EUR",
            created_from=Timestamp(seconds=5, nanos=1),
            created_before=Timestamp(seconds=-1, nanos=2000),
        )
    )
    assert filters == PaymentFilters(PaymentStatus.AUTHORIZED, "r", "EUR", 5_000_001, -999_998)


@pytest.mark.parametrize(
    "time", [Timestamp(seconds=253_402_300_800), Timestamp(seconds=-62_135_596_801), Timestamp(nanos=-1)]
)
def test_a_time_that_is_none_is_refused(time: Timestamp) -> None:
    with pytest.raises(Refusal) as caught:
        payment_filters(messages.ListPaymentsRequest(created_before=time))
    assert caught.value.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in caught.value.violations] == ["created_before"]
