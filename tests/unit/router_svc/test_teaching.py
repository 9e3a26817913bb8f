"""What events teach: the account's own part in an outcome, and nothing else."""

from typing import Any

import pytest
from payera.events.v1 import payment_event_pb2 as contract

from gateway_svc.domain.cascade_table import TABLE, Voice
from router_svc.adapters.kafka.payment_events import LARGEST_VALUE_BYTES, UnreadableEventError, observation_in
from router_svc.domain.health import Health, HealthSettings
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.learning.state import Learning
from router_svc.domain.observation import Observation, Taught
from router_svc.domain.teaching import is_classified, observation_of, taught_by
from tests.unit.router_svc.observations import BEGIN

KINDS = {kind.removeprefix("PAYMENT_EVENT_TYPE_") for kind in contract.PaymentEventType.keys()}  # noqa: SIM118
OUTCOMES = {
    "ATTEMPT_FAILED",
    "ATTEMPT_UNKNOWN",
    "PAYMENT_AUTHORIZED",
    "PAYMENT_SUCCEEDED",
    "PAYMENT_DECLINED",
    "PAYMENT_FAILED",
}
CODES = sorted({row.code for row in TABLE if row.voice is Voice.CODE})


def observation(event_type: str, status: str, code: str = "", **changes: Any) -> Observation | None:
    values: dict[str, Any] = {
        "merchant_id": "m",
        "payment_id": "p",
        "at": BEGIN,
        "currency": "EUR",
        "account": "alpha",
        "ordinal": 1,
    }
    return observation_of(event_type, status=status, code=code, **(values | changes))


def event(kind: str = "PAYMENT_AUTHORIZED", status: str = "APPROVED", **changes: Any) -> contract.PaymentEvent:
    message = contract.PaymentEvent(
        id="evt_1",
        type=f"PAYMENT_EVENT_TYPE_{kind}",
        payment_id="p",
        merchant_id="m",
        seq=2,
        payment={
            "amount": {"value": 1_000, "currency": "EUR"},
            "card": {"brand": "visa", "bin": "424242", "funding": "unknown", "issuer_country": "FR"},
        },
        attempt={"ordinal": 1, "psp_account": "alpha", "status": status},
    )
    message.occur_time.FromDatetime(BEGIN)
    message.MergeFrom(contract.PaymentEvent(**changes))
    return message


@pytest.mark.parametrize("code", CODES)
def test_somebody_has_judged_every_code_of_the_gateways_table(code: str) -> None:
    assert is_classified(code), f"say in router_svc/domain/teaching.py what {code} tells of the account"


@pytest.mark.parametrize(
    ("code", "taught"),
    [
        ("stolen_card", Taught.IGNORED),
        ("insufficient_funds", Taught.IGNORED),
        ("incorrect_cvc", Taught.IGNORED),
        ("retry_limit_reached", Taught.IGNORED),
        ("do_not_honor", Taught.DECLINED),
        ("merchant_configuration", Taught.DECLINED),
        ("issuer_unavailable", Taught.DECLINED),
        ("psp_unavailable", Taught.TECHNICAL),
        ("a_code_of_tomorrow", Taught.DECLINED),
    ],
)
def test_a_decline_teaches_what_is_the_accounts_own(code: str, taught: Taught) -> None:
    assert taught_by("DECLINED", code) is taught


@pytest.mark.parametrize("code", ["psp_timeout", "connectors_timeout", "duplicate_transaction", ""])
@pytest.mark.parametrize("status", ["UNKNOWN", "NOT_SENT"])
def test_what_is_not_known_or_did_not_arrive_is_a_technical_error(status: str, code: str) -> None:
    assert taught_by(status, code) is Taught.TECHNICAL


def test_an_absence_of_payeras_own_connectors_says_nothing_of_an_account() -> None:
    assert taught_by("NOT_SENT", "connectors_unavailable") is Taught.IGNORED


@pytest.mark.parametrize("status", ["SENDING", "PENDING", "", "OF_TOMORROW"])
def test_an_attempt_without_an_outcome_teaches_nothing(status: str) -> None:
    assert observation("ATTEMPT_FAILED", status) is None


@pytest.mark.parametrize("event_type", [*sorted(KINDS - OUTCOMES), "OF_TOMORROW"])
def test_other_events_teach_nothing_even_when_they_show_an_attempt(event_type: str) -> None:
    assert observation(event_type, "APPROVED") is None


def test_a_decline_without_an_attempt_teaches_nothing() -> None:
    assert observation("PAYMENT_DECLINED", "", account="") is None
    message = event("PAYMENT_DECLINED")
    message.ClearField("attempt")
    assert observation_in(message.SerializeToString()) is None


def test_an_unknown_outcome_that_is_settled_teaches_both_once() -> None:
    learning, health = Learning(LearningSettings()), Health(HealthSettings())
    told = [
        observation("ATTEMPT_UNKNOWN", "UNKNOWN", "psp_timeout"),
        observation("PAYMENT_AUTHORIZED", "APPROVED"),
    ]
    for seen in [*told, *told]:
        assert seen is not None
        learning.observe(seen)
        health.observe(seen)
    account = learning.account("m", "alpha")
    assert account is not None
    assert len(account.segments[""].latest) == 1
    (breaker,) = health.snapshot().breakers
    assert [(errors, answers) for _, errors, answers, _ in breaker.buckets] == [(1, 1)]


def test_a_message_becomes_an_observation_with_its_segment() -> None:
    assert observation_in(event().SerializeToString()) == Observation(
        "m", "alpha", "p", 1, Taught.APPROVED, BEGIN, "EUR", "visa", "", "FR", "424242"
    )


def test_an_event_of_a_type_of_tomorrow_teaches_nothing() -> None:
    message = event()
    message.type = 999  # type: ignore[assignment]
    assert observation_in(message.SerializeToString()) is None


def test_fields_of_tomorrow_do_no_harm() -> None:
    # Field 99, a text.
    assert observation_in(event().SerializeToString() + b"\x9a\x06\x03new") is not None


def without(field: str) -> bytes:
    message = event()
    message.ClearField(field)
    return message.SerializeToString()


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"not a message",
        event().SerializeToString()[:-1],
        b"x" * (LARGEST_VALUE_BYTES + 1),
        without("payment_id"),
        without("merchant_id"),
        without("occur_time"),
        event(occur_time={"seconds": 10**15}).SerializeToString(),
    ],
    ids=["tombstone", "empty", "noise", "cut", "huge", "no payment", "no merchant", "no time", "no date"],
)
def test_what_is_no_event_is_told_apart(value: bytes | None) -> None:
    with pytest.raises(UnreadableEventError):
        observation_in(value)


@pytest.mark.parametrize("event_type", sorted(OUTCOMES))
def test_the_events_of_outcomes_teach(event_type: str) -> None:
    seen = observation(event_type, "APPROVED")
    assert seen is not None
    assert seen.taught is Taught.APPROVED
