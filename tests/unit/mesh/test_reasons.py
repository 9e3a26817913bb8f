"""The reasons in Python and the error catalogue in the contract say the same."""

import re
from typing import Any

import grpc
import pytest
from payera.errors.v1 import reason_pb2
from payera.options.v1 import options_pb2

from mesh.error_status import Catalogue
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation

# What Envoy's transcoder makes of a gRPC code.
HTTP_OF_CODE = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "INTERNAL": 500,
}
ANSWERED_BY_THE_EDGE = {Reason.BODY_TOO_LARGE: 413}


def entry_of(reason: Reason) -> Any:
    value: Any = reason_pb2.Reason.DESCRIPTOR.values_by_name[f"REASON_{reason}"]
    return value.GetOptions().Extensions[options_pb2.catalogue]


def test_reasons_are_those_of_the_contract() -> None:
    names = {name.removeprefix("REASON_") for name in reason_pb2.Reason.keys()}  # noqa: SIM118 - no mapping

    assert {reason.name for reason in Reason} == names - {"UNSPECIFIED"}
    assert all(reason.name == reason.value for reason in Reason)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_complete_entry(reason: Reason) -> None:
    entry = entry_of(reason)

    assert entry.message.strip()
    assert entry.remedy.strip()
    assert entry.grpc_code in {code.name for code in grpc.StatusCode}
    assert entry.http_status == ANSWERED_BY_THE_EDGE.get(reason, HTTP_OF_CODE[entry.grpc_code])


@pytest.mark.parametrize("reason", Reason)
def test_every_message_is_filled_from_the_metadata(reason: Reason) -> None:
    gaps = re.findall(r"\{(\w+)\}", entry_of(reason).message)
    values: Any = {name: f"value-of-{name}" for name in gaps}
    refusal = Refusal(reason, **values)

    message = Catalogue().message_of(refusal)

    assert "{" not in message
    assert all(f"value-of-{name}" in message for name in gaps)


def test_a_value_with_braces_is_not_filled_again() -> None:
    refusal = Refusal(Reason.UNKNOWN_ROUTE, method="{path}", path="/x")

    assert Catalogue().message_of(refusal) == "There is no {path} /x."


def test_a_missing_value_does_not_break_the_answer() -> None:
    assert Catalogue().message_of(Refusal(Reason.PAYMENT_NOT_FOUND)) == "There is no payment `unknown`."


def test_a_refusal_keeps_what_it_was_told() -> None:
    violations = [Violation("amount.value", "must be positive")]
    refusal = Refusal(Reason.INVALID_AMOUNT, violations=violations, retry_after_seconds=2.5, amount=0)

    assert refusal.reason is Reason.INVALID_AMOUNT
    assert refusal.metadata == {"amount": "0"}
    assert refusal.violations == (Violation("amount.value", "must be positive"),)
    assert refusal.retry_after_seconds == 2.5
    assert str(refusal) == "INVALID_AMOUNT {'amount': '0'}"
