"""What logs, tables and histories are full of is no card number: ids, times, hashes, amounts, addresses."""

import base64
import hashlib
import json
import random
import uuid

import pytest

from devstack.scan.issuers import is_card_number
from devstack.scan.matching import Hit, Kind, Matcher, Wanted
from mesh.identifiers import new_id

SEED = 20261126


def found(text: str | bytes) -> list[Hit]:
    return Matcher(Wanted()).search(text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize(
    "text",
    [
        # Parts of words and of longer numbers.
        "pay_01J4242424242424242ABCDEF",
        "x4242424242424242",
        "4242424242424242x",
        "42424242424242424242",
        "14242424242424242424242",
        "tok_4242424242424242A",
        "x4242 4242 4242 4242",
        "B4242424242424242",
        "%B4242424242424242",
        "AB4242424242424242^LOVELACE/ADA^3012",
        "4B4242424242424242^LOVELACE/ADA^3012",
        "B14242424242424242^LOVELACE/ADA^3012",
        "14242-4242-4242-4242",
        "4242 4242 4242 4242x",
        "4242-4242-4242-42420000",
        # Times: seconds, milliseconds, microseconds, nanoseconds, and as people write them.
        "1763712345",
        "1763712345678 1763712345681",
        "1763712345678901",
        "1763712345678901234",
        "2026-11-26 03:50:12.123456",
        "20261126035012",
        "2026-11-26-03-50-12-123",
        "26/11/2026 03:50:12",
        # Fractions, amounts and lists.
        "0.4242424242424242",
        "duration=12.4111111111111111s",
        "1,234,567,890,123",
        "[4000, 4001, 4002, 4003]",
        "5432,5433,5434,5435,5436",
        "{2281,2281,2281,2283,2281}",
        "4000\t4002\t4003\t4004\t4005",
        "1 4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        # Unknown prefixes with a right check digit, and known ones with a wrong one or another length.
        "0000000000000000",
        "7992739871399270",
        "4242424242424241",
        "42424242424242",
        "37828224631000",
        # Dots, versions, addresses, phone numbers, IBANs.
        "127.0.0.1:5433 10.244.128.255",
        "+43 660 1234567",
        "AT61 1904 3002 3457 3201",
        "DE89370400440532013000",
        "ISBN 978-3-16-148410-0",
        # What is masked already.
        "424242******4242",
        "424242***4242",
        "[card number]",
        "4242",
        "visa 424242 4242 12/2040",
    ],
)
def test_what_is_no_card_number(text: str) -> None:
    assert found(text) == []
    assert found(base64.b64encode(text.encode())) == []
    assert found(text.encode("utf-16-le")) == []


def test_identifiers_by_the_thousand() -> None:
    chance = random.Random(SEED)
    lines = []
    for _ in range(3000):
        lines += [
            new_id("pay_"),
            str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            hashlib.sha256(chance.randbytes(8)).hexdigest(),
            hashlib.md5(chance.randbytes(8)).hexdigest(),  # noqa: S324
            base64.b64encode(chance.randbytes(33)).decode(),
            base64.urlsafe_b64encode(chance.randbytes(32)).decode(),
            f"{chance.randrange(10**9)}.{chance.randrange(10**9):09}",
            repr(chance.random()),
            f"00-{chance.getrandbits(128):032x}-{chance.getrandbits(64):016x}-01",
        ]

    assert found("\n".join(lines)) == []


@pytest.mark.parametrize(
    "next_column", [b"2026-11-26 09:44:46.917215281+00:00", b"9999-12-31 23:59:59+00:00", b"8\x01B\x0c"]
)
def test_a_uuid_whose_last_group_has_no_letter_before_the_next_column_of_a_database(next_column: bytes) -> None:
    """As it stands in the file of Temporal's database: a run's id, and the year in which it began or will end."""
    chance = random.Random(SEED)
    digits = next_column[: len(next_column) - len(next_column.lstrip(b"0123456789"))].decode()
    lookalikes = 0
    while lookalikes < 50:
        last = f"{chance.choice('45')}{chance.randrange(10**11):011}"
        lookalikes += is_card_number(last + digits)
        run_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))[:24] + last
        assert found(b"\x06U\x01" + run_id.encode() + next_column) == [], run_id


@pytest.mark.parametrize(
    "before", ["1b4e28ba-2fa1-71d2-c83f-", "1b4e28ba-2fa1-01d2-883f-", "b4e28ba-2fa1-41d2-883f-", "order-12-"]
)
def test_a_number_behind_a_dash_is_one_where_there_is_no_uuid(before: str) -> None:
    assert [hit.kind for hit in found(f"({before}4242424242424242)")] == [Kind.CARD_NUMBER]


def test_a_number_behind_a_whole_uuid_is_one() -> None:
    assert [hit.kind for hit in found(f"{uuid.UUID(int=7, version=4)}-4242424242424242")] == [Kind.CARD_NUMBER]


def test_a_log_of_a_service() -> None:
    chance = random.Random(SEED)
    lines = [
        json.dumps(
            {
                "timestamp": f"2026-11-26T03:{count // 60 % 60:02}:{count % 60:02}.{chance.randrange(10**6):06}Z",
                "event": "call served",
                "request_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                "payment_id": new_id("pay_"),
                "milliseconds": chance.random() * 100,
                "amount": chance.randrange(10**7),
                "peer": f"ipv4:127.0.0.1:{chance.randrange(1024, 65536)}",
                "card": {"brand": "visa", "last4": "4242", "bin": "424242", "exp_month": 12, "exp_year": 2040},
                "url": "/v1/payments?created_after=2026-11-26T03%3A50%3A12Z&page_size=100",
            }
        )
        for count in range(2000)
    ]

    assert found("\n".join(lines)) == []


def test_bytes_at_random() -> None:
    chance = random.Random(SEED)

    assert found(chance.randbytes(3_000_000)) == []
    assert found(base64.b64encode(chance.randbytes(500_000))) == []
    assert found(chance.randbytes(500_000).hex()) == []


def test_codes_are_codes_by_their_name_only() -> None:
    for text in ("123", "7391", '"code": "123"', "status=402", "cvc", '"cvc": "***"', '"cvc_check": "pass"', "cid-123"):
        assert found(text) == [], text


@pytest.mark.parametrize(
    "text", ["4242424242424242", "(4242424242424242)", "n=4242424242424242;", "_4242424242424242_"]
)
def test_what_is_one(text: str) -> None:
    assert [hit.kind for hit in found(text)] == [Kind.CARD_NUMBER]
