"""The gateway's rpcs over mutual TLS and the real PostgreSQL, with scripted connectors, router and vault."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from payera.gateway.v1 import merchant_service_pb2 as merchants_pb2
from payera.gateway.v1 import payment_pb2
from payera.gateway.v1 import payment_service_pb2 as payments_pb2
from payera.keys.v1 import key_service_pb2 as keys_pb2
from payera.keys.v1 import key_service_pb2_grpc as keys_grpc
from payera.options.v1 import options_pb2
from payera.types.v1 import outcome_pb2

from mesh.identifiers import new_id
from tests.fakes.gateway.mesh import CALL_SECONDS, RunningMesh, reason_of, running_mesh
from tests.fakes.gateway.peers import CARD
from tests.support.mesh_services import write_identities
from tests.support.postgres import PostgresServer, postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.integration

Payment, Refund = payment_pb2.Payment, payment_pb2.Refund
MANUAL = payment_pb2.CaptureMethod.MANUAL


@pytest.fixture(scope="module")
async def mesh(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningMesh]:
    identities = write_identities(tmp_path_factory.mktemp("identities"))
    async with running_mesh(postgres, identities) as running:
        yield running


@pytest.fixture(autouse=True)
async def _clean(mesh: RunningMesh) -> None:
    mesh.connectors.__init__()  # type: ignore[misc]
    mesh.router.__init__()  # type: ignore[misc]
    mesh.durable.__init__()  # type: ignore[misc]
    mesh.vault.__init__({mesh.token})  # type: ignore[misc]
    mesh.logger.events.clear()
    mesh.merchant_id, mesh.secret_key = await mesh.new_merchant()


async def refusal_of(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), reason_of(caught.value)


async def test_a_payment_is_made_read_and_replayed(mesh: RunningMesh) -> None:
    key = new_id("key")
    call = mesh.payments.CreatePayment(
        mesh.request(metadata={"order": "17"}, merchant_reference="r1"),
        metadata=mesh.metadata(key),
        timeout=CALL_SECONDS,
    )
    payment = await call
    assert "idempotent-replayed" not in dict(await call.initial_metadata())
    assert (payment.status, payment.amount.value, payment.amount_captured) == (Payment.SUCCEEDED, 1050, 1050)
    assert (payment.card.last4, dict(payment.metadata)) == ("1111", {"order": "17"})
    assert payment.attempts[0].id == f"{payment.id}_1"
    [request] = mesh.connectors.requests
    assert (request.token, request.merchant_id, request.payment_id) == (mesh.token, mesh.merchant_id, payment.id)
    again = mesh.payments.CreatePayment(
        mesh.request(metadata={"order": "17"}, merchant_reference="r1"),
        metadata=mesh.metadata(key),
        timeout=CALL_SECONDS,
    )
    assert await again == payment
    assert dict(await again.initial_metadata())["idempotent-replayed"] == "true"
    assert len(mesh.connectors.requests) == 1
    read = await mesh.payments.GetPayment(
        payments_pb2.GetPaymentRequest(payment_id=payment.id), metadata=mesh.metadata(), timeout=CALL_SECONDS
    )
    assert read == payment


async def test_a_stored_card_is_kept_by_the_vault_and_everything_that_may_be_shown_of_it_is(mesh: RunningMesh) -> None:
    key = new_id("key")
    payment = await mesh.pay(key, store_card=True)
    assert (payment.status, payment.store_card) == (Payment.SUCCEEDED, True)
    assert MessageToDict(payment.card, preserving_proto_field_name=True) == CARD
    [told] = mesh.vault.kept
    assert (told.merchant_id, told.token_id, told.payment_id) == (mesh.merchant_id, mesh.token, payment.id)
    assert await mesh.pay(key, store_card=True) == payment
    assert len(mesh.vault.kept) == 1
    assert (await refusal_of(mesh.pay(key)))[1] == "IDEMPOTENCY_KEY_REUSED"
    read = payments_pb2.GetPaymentRequest(payment_id=payment.id)
    assert await mesh.payments.GetPayment(read, metadata=mesh.metadata(), timeout=CALL_SECONDS) == payment
    plain = await mesh.pay()
    assert not plain.store_card
    assert len(mesh.vault.kept) == 1


async def test_a_token_that_has_another_payment_is_refused_unless_the_key_is_known(mesh: RunningMesh) -> None:
    key = new_id("key")
    first = await mesh.pay(key)
    mesh.vault.used.add(mesh.token)
    assert await refusal_of(mesh.pay()) == (grpc.StatusCode.FAILED_PRECONDITION, "TOKEN_USED")
    assert await mesh.pay(key) == first
    assert len(mesh.connectors.requests) == 1


async def configure(mesh: RunningMesh, *, card_code_required: bool, merchant_id: str = "", api_key: str = "") -> Any:
    request = merchants_pb2.ConfigureMerchantRequest(
        merchant_id=merchant_id or mesh.merchant_id, card_code_required=card_code_required
    )
    metadata = mesh.metadata(api_key=api_key or mesh.operator_key)
    return await mesh.merchants.ConfigureMerchant(request, metadata=metadata, timeout=CALL_SECONDS)


async def test_a_merchant_whose_first_payments_need_the_code(mesh: RunningMesh) -> None:
    await mesh.pay()
    merchant = await configure(mesh, card_code_required=True)
    assert (merchant.id, merchant.name, merchant.card_code_required) == (mesh.merchant_id, "Shop", True)
    operators = mesh.metadata(api_key=mesh.operator_key)
    read = merchants_pb2.GetMerchantRequest(merchant_id=mesh.merchant_id)
    assert await mesh.merchants.GetMerchant(read, metadata=operators, timeout=CALL_SECONDS) == merchant
    page = merchants_pb2.ListMerchantsRequest(page_size=1)
    listed = await mesh.merchants.ListMerchants(page, metadata=operators, timeout=CALL_SECONDS)
    assert list(listed.merchants) == [merchant]
    await mesh.pay(store_card=True)
    # The card is on file now, and its code was used.
    await mesh.pay()
    await configure(mesh, card_code_required=False)
    assert [request.code_required for request in mesh.connectors.requests] == [False, True, False]
    [(_, _, values), _] = [event for event in mesh.logger.events if event[1] == "merchant configured"]
    assert values["merchant_id"] == mesh.merchant_id
    assert values["card_code_required"] is True
    assert str(values["changed_by"]).startswith("key_")
    assert (await refusal_of(configure(mesh, card_code_required=True, merchant_id=new_id("mer"))))[1] == (
        "MERCHANT_NOT_FOUND"
    )
    assert (await refusal_of(configure(mesh, card_code_required=True, api_key=mesh.secret_key)))[1] == "API_KEY_SCOPE"


async def test_a_card_that_came_to_the_vault_without_a_payment_needs_no_code(mesh: RunningMesh) -> None:
    await configure(mesh, card_code_required=True)
    mesh.vault.on_file.add(mesh.token)
    await mesh.pay()
    mesh.vault.on_file.clear()
    await mesh.pay()
    assert [request.code_required for request in mesh.connectors.requests] == [False, True]


async def test_a_missing_code_declines_the_payment_and_no_other_account_is_asked(mesh: RunningMesh) -> None:
    async def decline(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001
        return outcome_pb2.Outcome(kind=outcome_pb2.OUTCOME_KIND_DECLINED, code="cvc_required")

    mesh.connectors.answer = decline
    payment = await mesh.pay()
    assert (payment.status, payment.decline.code) == (Payment.DECLINED, "cvc_required")
    assert payment.decline.message
    assert (len(payment.attempts), mesh.durable.handed_over) == (1, [])


async def test_where_the_code_is_required_the_first_decline_is_the_payments(mesh: RunningMesh) -> None:
    async def decline(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001
        return outcome_pb2.Outcome(
            kind=outcome_pb2.OUTCOME_KIND_DECLINED, code="do_not_honor", raw_code="05", psp_reference="psp_1"
        )

    mesh.connectors.answer = decline
    cascading = await mesh.pay()
    assert (cascading.status, len(mesh.durable.handed_over)) == (Payment.PROCESSING, 1)
    await configure(mesh, card_code_required=True)
    ended = await mesh.pay()
    assert (ended.status, ended.decline.code, ended.decline.raw_code) == (Payment.DECLINED, "do_not_honor", "05")
    assert len(mesh.durable.handed_over) == 1


async def test_twenty_calls_at_once_with_one_key_charge_once(mesh: RunningMesh) -> None:
    key = new_id("key")
    results = await asyncio.gather(*(mesh.pay(key) for _ in range(20)), return_exceptions=True)
    payments = [one for one in results if isinstance(one, Payment)]
    refused = {reason_of(one) for one in results if isinstance(one, grpc.aio.AioRpcError)}
    assert len(payments) >= 1
    assert len({payment.id for payment in payments}) == 1
    assert refused <= {"IDEMPOTENCY_KEY_IN_FLIGHT"}
    assert len(mesh.connectors.requests) == 1


async def test_a_decline_is_an_ordinary_answer(mesh: RunningMesh) -> None:
    async def decline(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001
        return outcome_pb2.Outcome(kind=outcome_pb2.OUTCOME_KIND_DECLINED, code="insufficient_funds", raw_code="51")

    mesh.connectors.answer = decline
    payment = await mesh.pay()
    assert (payment.status, payment.decline.code, payment.decline.raw_code) == (
        Payment.DECLINED,
        "insufficient_funds",
        "51",
    )
    assert payment.decline.message


async def test_captures_void_and_refunds(mesh: RunningMesh) -> None:
    authorized = await mesh.pay(capture_method=MANUAL)
    assert (authorized.status, authorized.amount_capturable) == (Payment.AUTHORIZED, 1050)
    capture = payments_pb2.CapturePaymentRequest(payment_id=authorized.id, amount=50, final=False)
    part = await mesh.payments.CapturePayment(capture, metadata=mesh.metadata(), timeout=CALL_SECONDS)
    assert (part.status, part.amount_captured, part.amount_capturable) == (Payment.AUTHORIZED, 50, 1000)
    void = payments_pb2.VoidPaymentRequest(payment_id=authorized.id)
    assert await refusal_of(mesh.payments.VoidPayment(void, metadata=mesh.metadata(), timeout=CALL_SECONDS)) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "PAYMENT_NOT_VOIDABLE",
    )
    rest = payments_pb2.CapturePaymentRequest(payment_id=authorized.id)
    done = await mesh.payments.CapturePayment(rest, metadata=mesh.metadata(), timeout=CALL_SECONDS)
    assert (done.status, done.amount_captured) == (Payment.SUCCEEDED, 1050)
    refund_request = payments_pb2.CreateRefundRequest(payment_id=authorized.id, amount=1000, reason="too big")
    key = new_id("key")
    refund = await mesh.payments.CreateRefund(refund_request, metadata=mesh.metadata(key), timeout=CALL_SECONDS)
    assert (refund.status, refund.amount.value, refund.reason) == (Refund.SUCCEEDED, 1000, "too big")
    again = mesh.payments.CreateRefund(refund_request, metadata=mesh.metadata(key), timeout=CALL_SECONDS)
    assert await again == refund
    assert dict(await again.initial_metadata())["idempotent-replayed"] == "true"
    too_much = payments_pb2.CreateRefundRequest(payment_id=authorized.id, amount=51)
    assert await refusal_of(mesh.payments.CreateRefund(too_much, metadata=mesh.metadata(), timeout=CALL_SECONDS)) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "REFUND_EXCEEDS_CAPTURED",
    )
    read = await mesh.payments.GetRefund(
        payments_pb2.GetRefundRequest(refund_id=refund.id), metadata=mesh.metadata(), timeout=CALL_SECONDS
    )
    assert read == refund
    listed = await mesh.payments.ListRefunds(
        payments_pb2.ListRefundsRequest(payment_id=authorized.id), metadata=mesh.metadata(), timeout=CALL_SECONDS
    )
    assert (list(listed.refunds), listed.next_page_token) == ([refund], "")


async def test_a_void_releases(mesh: RunningMesh) -> None:
    authorized = await mesh.pay(capture_method=MANUAL)
    void = payments_pb2.VoidPaymentRequest(payment_id=authorized.id)
    voided = await mesh.payments.VoidPayment(void, metadata=mesh.metadata(), timeout=CALL_SECONDS)
    assert (voided.status, [one.status for one in voided.voids]) == (Payment.VOIDED, [payment_pb2.Void.SUCCEEDED])


async def test_payments_are_listed_page_by_page(mesh: RunningMesh) -> None:
    made = [(await mesh.pay()).id for _ in range(3)]
    seen: list[str] = []
    token = ""
    for _ in range(3):
        page = await mesh.payments.ListPayments(
            payments_pb2.ListPaymentsRequest(page_size=2, page_token=token, currency="EUR"),
            metadata=mesh.metadata(),
            timeout=CALL_SECONDS,
        )
        seen += [payment.id for payment in page.payments]
        token = page.next_page_token
        if not token:
            break
        wrong = payments_pb2.ListPaymentsRequest(page_token=token)
        assert await refusal_of(mesh.payments.ListPayments(wrong, metadata=mesh.metadata(), timeout=CALL_SECONDS)) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_PAGE_TOKEN",
        )
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": {"value": -1, "currency": "EUR"}}, "INVALID_AMOUNT"),
        ({"amount": {"value": 1, "currency": "XXX"}}, "UNKNOWN_CURRENCY"),
        ({"amount": {"value": 1, "currency": "JPY", "exponent": 2}}, "CURRENCY_EXPONENT_MISMATCH"),
        ({"description": "4111 1111 1111 1111"}, "CARD_NUMBER_IN_TEXT"),
        ({"description": "a\x00b"}, "INVALID_FIELD"),
        ({"token": "nonsense"}, "INVALID_FIELD"),
        ({"token": new_id("tok")}, "TOKEN_NOT_FOUND"),
    ],
)
async def test_a_refused_payment_leaves_no_trace(mesh: RunningMesh, changes: dict[str, Any], reason: str) -> None:
    key = new_id("key")
    assert (await refusal_of(mesh.pay(key, **changes)))[1] == reason
    assert mesh.connectors.requests == []
    assert (await mesh.pay(key)).status == Payment.SUCCEEDED


async def test_a_key_and_a_reference_belong_to_one_payment(mesh: RunningMesh) -> None:
    first = await mesh.pay("key-1", merchant_reference="r1")
    assert (await refusal_of(mesh.pay("key-1", merchant_reference="r2")))[1] == "IDEMPOTENCY_KEY_REUSED"
    code, reason = await refusal_of(mesh.pay("key-2", merchant_reference="r1"))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "MERCHANT_REFERENCE_TAKEN")
    assert len(mesh.connectors.requests) == 1
    mesh.merchant_id, mesh.secret_key = await mesh.new_merchant()
    other = await mesh.pay("key-1", merchant_reference="r1")
    assert other.id != first.id
    read = payments_pb2.GetPaymentRequest(payment_id=first.id)
    assert (await refusal_of(mesh.payments.GetPayment(read, metadata=mesh.metadata(), timeout=CALL_SECONDS)))[
        1
    ] == "PAYMENT_NOT_FOUND"


async def test_what_no_account_may_take_is_refused_with_the_reasons(mesh: RunningMesh) -> None:
    mesh.router.candidates = [("psp_a", False, "takes no EUR")]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await mesh.pay()
    assert reason_of(caught.value) == "NO_ELIGIBLE_ACCOUNT"
    assert "psp_a: takes no EUR" in str(caught.value.details())


async def test_who_may_call_what(mesh: RunningMesh) -> None:
    operators = mesh.metadata(api_key=mesh.operator_key)
    create = merchants_pb2.CreateApiKeyRequest(merchant_id=mesh.merchant_id, scope=merchants_pb2.ApiKey.PUBLISHABLE)
    publishable = await mesh.merchants.CreateApiKey(create, metadata=operators, timeout=CALL_SECONDS)
    calls = {
        "API_KEY_MISSING": (("idempotency-key", "1"),),
        "API_KEY_INVALID": mesh.metadata(api_key="sk_test_nobodys"),
        "API_KEY_SCOPE": mesh.metadata(api_key=publishable.key),
        "IDEMPOTENCY_KEY_MISSING": mesh.metadata()[:1],
    }
    for reason, metadata in calls.items():
        call = mesh.payments.CreatePayment(mesh.request(), metadata=metadata, timeout=CALL_SECONDS)
        assert (await refusal_of(call))[1] == reason
    as_operator = mesh.payments.CreatePayment(mesh.request(), metadata=operators, timeout=CALL_SECONDS)
    assert (await refusal_of(as_operator))[1] == "API_KEY_SCOPE"
    as_merchant = mesh.merchants.ListMerchants(
        merchants_pb2.ListMerchantsRequest(), metadata=mesh.metadata(), timeout=CALL_SECONDS
    )
    assert (await refusal_of(as_merchant))[1] == "API_KEY_SCOPE"
    assert mesh.connectors.requests == []


async def test_operators_manage_merchants_and_keys(mesh: RunningMesh) -> None:
    metadata = mesh.metadata(api_key=mesh.operator_key)
    read = merchants_pb2.GetMerchantRequest(merchant_id=mesh.merchant_id)
    merchant = await mesh.merchants.GetMerchant(read, metadata=metadata, timeout=CALL_SECONDS)
    assert (merchant.id, merchant.name) == (mesh.merchant_id, "Shop")
    page = await mesh.merchants.ListMerchants(
        merchants_pb2.ListMerchantsRequest(page_size=1), metadata=metadata, timeout=CALL_SECONDS
    )
    assert [one.id for one in page.merchants] == [mesh.merchant_id]
    listed = await mesh.merchants.ListApiKeys(
        merchants_pb2.ListApiKeysRequest(merchant_id=mesh.merchant_id), metadata=metadata, timeout=CALL_SECONDS
    )
    [key] = listed.api_keys
    assert (key.key, key.prefix, key.scope) == ("", mesh.secret_key[:12], merchants_pb2.ApiKey.SECRET)
    revoke = merchants_pb2.RevokeApiKeyRequest(key_id=key.id)
    revoked = await mesh.merchants.RevokeApiKey(revoke, metadata=metadata, timeout=CALL_SECONDS)
    assert revoked.HasField("revoke_time")
    assert (await refusal_of(mesh.pay()))[1] == "API_KEY_REVOKED"


async def test_the_vault_alone_looks_keys_up(mesh: RunningMesh) -> None:
    request = keys_pb2.LookUpKeyRequest(key_sha256=hashlib.sha256(mesh.secret_key.encode()).digest())
    vault = keys_grpc.KeyServiceStub(mesh.channel("vault_svc"))
    found = await vault.LookUpKey(request, timeout=CALL_SECONDS)
    assert (found.state, found.merchant_id, found.scope, found.live) == (
        keys_pb2.LookUpKeyResponse.STATE_ACTIVE,
        mesh.merchant_id,
        options_pb2.KEY_SCOPE_SECRET,
        False,
    )
    unknown = await vault.LookUpKey(keys_pb2.LookUpKeyRequest(key_sha256=bytes(32)), timeout=CALL_SECONDS)
    assert unknown == keys_pb2.LookUpKeyResponse()
    worker = keys_grpc.KeyServiceStub(mesh.channel("gateway_worker"))
    assert (await refusal_of(worker.LookUpKey(request, timeout=CALL_SECONDS)))[1] == "CALLER_NOT_ALLOWED"


async def test_no_key_is_written_down(mesh: RunningMesh) -> None:
    await mesh.pay()
    assert mesh.logger.events
    assert mesh.secret_key not in repr(mesh.logger.events)
    assert mesh.operator_key not in repr(mesh.logger.events)
