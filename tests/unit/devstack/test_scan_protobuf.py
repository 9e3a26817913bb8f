"""Protobuf messages without their contract: numbers in strings, numbers as integers, and what only looks like one."""

from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import Int64Value, StringValue, UInt64Value

from devstack.scan.matching import Hit, Matcher, Wanted
from devstack.scan.protobuf import card_numbers
from tests.unit.devstack.test_scan_forms import NUMBERS, varint

NUMBER = 4242424242424242


def found(message: bytes) -> list[Hit]:
    return Matcher(Wanted()).search(message, is_protobuf=True)


def within(message: bytes, field: int = 3) -> bytes:
    return bytes([field << 3 | 2]) + varint(len(message)) + message


def test_integers_that_could_be_card_numbers_are_found_at_any_depth() -> None:
    message = UInt64Value(value=NUMBER).SerializeToString()
    for depth in range(15):
        [hit] = found(message)
        assert (hit.form, hit.digits, hit.shown) == ("varint", str(NUMBER), "424242***4242"), depth
        assert message.startswith(varint(NUMBER), hit.offset)
        message = b"\x08\x01" + within(message) + within(b"text")


def test_every_network_and_length() -> None:
    for number in NUMBERS:
        if int(number) < 10**19:
            assert [hit.digits for hit in found(b"\x50" + varint(int(number)))] == [number]


def test_strings_are_found_whatever_comes_after_them() -> None:
    for tag in range(8, 128):
        message = within(str(NUMBER).encode(), 1) + bytes([tag]) + b"\x01"
        assert [hit.digits for hit in found(message)] == [str(NUMBER)], tag
    document = Struct()
    document.update({"card": {"number": str(NUMBER)}})
    assert [hit.digits for hit in found(document.SerializeToString())] == [str(NUMBER)]
    assert found(StringValue(value="paid").SerializeToString()) == []


def test_other_integers_are_none() -> None:
    times = Timestamp(seconds=1_763_712_345, nanos=999_999_999).SerializeToString()
    for message in (
        times,
        Int64Value(value=-1).SerializeToString(),
        Int64Value(value=-NUMBER).SerializeToString(),
        UInt64Value(value=NUMBER + 1).SerializeToString(),
        UInt64Value(value=2**64 - 1).SerializeToString(),
        UInt64Value(value=1_763_712_345_678_901).SerializeToString(),
    ):
        assert found(message) == []


def test_what_is_no_message_is_not_read_as_one() -> None:
    message = UInt64Value(value=NUMBER).SerializeToString()
    for broken in (message + b"\x08", message + b"\x09\x01", message + b"\x0d", message[:-1]):
        assert list(card_numbers(broken)) == []
    for broken in (b"\x00" + message, b"\x0f" + message, b"\x0a\x7f" + message):
        assert list(card_numbers(broken)) == []
    assert list(card_numbers(b"\x08" + b"\xff" * 20)) == []


def test_deep_nesting_ends() -> None:
    message = UInt64Value(value=NUMBER).SerializeToString()
    for _ in range(200):
        message = within(message)

    assert list(card_numbers(message)) == []


def test_without_the_hint_integers_are_not_guessed() -> None:
    assert Matcher(Wanted()).search(UInt64Value(value=NUMBER).SerializeToString()) == []
