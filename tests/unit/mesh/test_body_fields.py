"""Paths of a JSON body are compared with the message they are for."""

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from payera.gateway.v1 import payment_service_pb2

from mesh.body_fields import BodyFields

CREATE: Any = payment_service_pb2.CreatePaymentRequest.DESCRIPTOR
LIST: Any = payment_service_pb2.ListPaymentsRequest.DESCRIPTOR
STRUCT: Any = struct_pb2.Struct.DESCRIPTOR
RECURSIVE: Any = descriptor_pb2.DescriptorProto.DESCRIPTOR


@pytest.mark.parametrize(
    "listed",
    ["", "amount", "amount.value,token", "metadata.x.y.z", "metadata.camelCase", "capture_method", "token,token"],
)
def test_known_paths(listed: str) -> None:
    assert BodyFields(CREATE).first_unknown(listed) is None


@pytest.mark.parametrize(
    ("listed", "unknown"),
    [
        ("a", "a"),
        ("token,b,c", "b"),
        ("amount.metadata", "amount.metadata"),
        ("token.x", "token.x"),
        (".", "."),
        ("captureMethod", "captureMethod"),
    ],
)
def test_unknown_paths(listed: str, unknown: str) -> None:
    assert BodyFields(CREATE).first_unknown(listed) == unknown


def test_times_are_plain_values_and_structs_are_free() -> None:
    listing = BodyFields(LIST)

    assert listing.first_unknown("created_from") is None
    assert listing.first_unknown("created_from.seconds") == "created_from.seconds"
    assert BodyFields(STRUCT).first_unknown("any.thing") is None


def test_messages_that_hold_themselves_are_known_at_any_depth() -> None:
    fields = BodyFields(RECURSIVE)

    # google.protobuf's own messages are plain values in JSON, so only the first level is of interest here.
    assert fields.first_unknown("nested_type,name") is None
    assert fields.first_unknown("nested_typ") == "nested_typ"


@given(st.lists(st.text(max_size=8), max_size=20))
def test_a_verdict_does_not_depend_on_what_was_asked_before(paths: list[str]) -> None:
    listed = ",".join(paths)
    used = BodyFields(CREATE)
    used.first_unknown("amount")
    first = used.first_unknown(listed)

    assert first == used.first_unknown(listed) == BodyFields(CREATE).first_unknown(listed)


def test_strangers_cannot_fill_the_memory() -> None:
    fields = BodyFields(CREATE)

    for number in range(2000):
        assert fields.first_unknown(f"metadata.{number}") is None

    assert len(fields._good) <= 256
