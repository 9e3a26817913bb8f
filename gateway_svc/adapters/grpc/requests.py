"""Reads what the contract's requests say into the words of the use cases."""

import hashlib
from types import MappingProxyType
from typing import Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from payera.gateway.v1 import merchant_service_pb2 as merchants_pb2
from payera.gateway.v1 import payment_pb2
from payera.gateway.v1 import payment_service_pb2 as messages

from gateway_svc.adapters.grpc.agreements import EXEMPTIONS, stored_credential, three_ds_result
from gateway_svc.application.calls import MoneyCall
from gateway_svc.application.checks import invalid_field
from gateway_svc.application.create_payment import PaymentWish
from gateway_svc.application.read_payments import PaymentFilters
from gateway_svc.domain.cascade_policy import MAX_ATTEMPTS, CascadeSettings
from gateway_svc.domain.payment import CaptureMethod, PaymentStatus
from mesh.context import CallContext, Principal, current
from mesh.reasons import Reason
from mesh.refusal import Refusal

_CAPTURE_METHODS: Final = MappingProxyType(
    {
        payment_pb2.CaptureMethod.CAPTURE_METHOD_UNSPECIFIED: CaptureMethod.AUTOMATIC,
        payment_pb2.CaptureMethod.AUTOMATIC: CaptureMethod.AUTOMATIC,
        payment_pb2.CaptureMethod.MANUAL: CaptureMethod.MANUAL,
    }
)
# The contract's Timestamp goes from year 1 to year 9999.
_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799
_NANOS_MAX: Final = 999_999_999
_MICROSECONDS: Final = 1_000_000
_NANOS_PER_MICROSECOND: Final = 1000


def money_call(rpc: str, request: Message) -> MoneyCall:
    """Give who calls with which key; the hash is over the rpc's full name and the request's deterministic bytes."""
    context = current()
    digest = hashlib.sha256(rpc.encode())
    digest.update(b"\x00")
    digest.update(request.SerializeToString(deterministic=True))
    return MoneyCall(_merchant_of(context), context.idempotency_key, digest.digest(), context.deadline)


def calling_merchant() -> str:
    """Give the merchant whose key came with the call."""
    return _merchant_of(current())


def payment_wish(request: messages.CreatePaymentRequest) -> PaymentWish:
    """Read the payment that is asked for."""
    amount = request.amount
    return PaymentWish(
        amount=amount.value,
        currency=amount.currency,
        exponent=amount.exponent if amount.HasField("exponent") else None,
        token=request.token,
        capture_method=_CAPTURE_METHODS[request.capture_method],
        merchant_reference=request.merchant_reference,
        description=request.description,
        metadata=dict(request.metadata),
        statement_descriptor=request.statement_descriptor,
        store_card=request.store_card,
        stored_credential=stored_credential(request.stored_credential)
        if request.HasField("stored_credential")
        else None,
        three_ds=three_ds_result(request.three_d_secure) if request.HasField("three_d_secure") else None,
        exemption=EXEMPTIONS[request.exemption],
        return_url=request.return_url,
    )


def cascade_settings(message: merchants_pb2.CascadeSettings) -> CascadeSettings:
    """Read how far a merchant lets declined payments move on; without a number of attempts, as many as are allowed."""
    return CascadeSettings(
        off=message.off,
        codes=frozenset(message.codes),
        classes=frozenset(message.classes),
        max_attempts=message.max_attempts or MAX_ATTEMPTS,
    )


def payment_filters(request: messages.ListPaymentsRequest) -> PaymentFilters:
    """Read the filters of a list; refuses with INVALID_FIELD a time that is none."""
    created_from = request.created_from if request.HasField("created_from") else None
    created_before = request.created_before if request.HasField("created_before") else None
    status = payment_pb2.Payment.Status.Name(request.status)
    return PaymentFilters(
        status=PaymentStatus(status) if request.status else None,
        merchant_reference=request.merchant_reference,
        currency=request.currency,
        created_from_us=_microseconds("created_from", created_from),
        created_before_us=_microseconds("created_before", created_before),
    )


def _merchant_of(context: CallContext) -> str:
    principal: Principal | None = context.principal
    if principal is None or not principal.merchant_id:
        raise Refusal(Reason.API_KEY_SCOPE, scope="SECRET")
    return principal.merchant_id


def _microseconds(field: str, time: Timestamp | None) -> int | None:
    """Round up to whole microseconds, in which creation times are kept: from and before then mean what they say."""
    if time is None:
        return None
    if not _FIRST_SECOND <= time.seconds <= _LAST_SECOND or not 0 <= time.nanos <= _NANOS_MAX:
        raise invalid_field(field, "must be a time between the years 1 and 9999")
    return time.seconds * _MICROSECONDS - (-time.nanos // _NANOS_PER_MICROSECOND)
