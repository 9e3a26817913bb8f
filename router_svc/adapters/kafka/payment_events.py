"""Turns messages of the topic into what they teach: a PaymentEvent as the gateway's relay writes it."""

from datetime import UTC
from typing import Final

from google.protobuf.message import DecodeError
from payera.events.v1 import payment_event_pb2 as contract

from router_svc.domain.observation import Observation
from router_svc.domain.teaching import observation_of

_PREFIX: Final = "PAYMENT_EVENT_TYPE_"
#: A tombstone or a message of somebody else's can be anything; an event has some hundred bytes.
LARGEST_VALUE_BYTES: Final = 256 * 1024


class UnreadableEventError(ValueError):
    """A message is not an event of a payment."""


def observation_in(value: bytes | None) -> Observation | None:
    """Give what a message teaches, None when it is an event that teaches nothing. Raises UnreadableEventError.

    An event of a type that is not known here is one of those that teach nothing: newer gateways may have more of them.
    """
    if value is None or len(value) > LARGEST_VALUE_BYTES:
        raise UnreadableEventError("no value, or one larger than any event")
    try:
        event = contract.PaymentEvent.FromString(value)
        kind = contract.PaymentEventType.DESCRIPTOR.values_by_number.get(event.type)
        if not event.payment_id or not event.merchant_id or not event.HasField("occur_time"):
            raise UnreadableEventError("says not which payment it is about, or when it happened")
        attempt = event.attempt
        if kind is None or not attempt.psp_account:
            return None
        card = event.payment.card
        return observation_of(
            kind.name.removeprefix(_PREFIX),
            merchant_id=event.merchant_id,
            payment_id=event.payment_id,
            at=event.occur_time.ToDatetime(tzinfo=UTC),
            currency=event.payment.amount.currency,
            account=attempt.psp_account,
            ordinal=attempt.ordinal,
            status=attempt.status,
            code=attempt.code,
            brand=card.brand,
            funding=card.funding,
            issuer_country=card.issuer_country,
            bin=card.bin,
        )
    except (DecodeError, ValueError, OverflowError) as error:
        raise UnreadableEventError(str(error)) from error
