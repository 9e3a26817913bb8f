"""A number in every form it can hide in, written independently of how the scan undoes them; others use the list."""

import base64
import itertools
import struct
from collections.abc import Callable

import pytest

from devstack.scan.canaries import Canary
from devstack.scan.matching import Kind, Matcher, Wanted
from mesh.card_numbers import luhn_valid

Encode = Callable[[str], bytes]


def completed(start: str, length: int) -> str:
    """Make a number of this length with the right check digit."""
    body = start.ljust(length - 1, "7")
    return next(body + digit for digit in "0123456789" if luhn_valid(body + digit))


#: Published test numbers, and one of each other network and length.
NUMBERS = (
    "4222222222222",
    "30569309025904",
    "378282246310005",
    "4242424242424242",
    "2223003122003222",
    "5555555555554444",
    "6011111111111117",
    "3530111333300000",
    completed("6212", 16),
    completed("2200", 16),
    completed("9792", 16),
    completed("6759", 17),
    completed("5018", 18),
    completed("62", 19),
    completed("40001", 19),
)
NEITHER = "4242424242424241"


def groups(number: str) -> list[str]:
    """Give the groups in which a card shows its number."""
    sizes = {13: (4, 3, 3, 3), 14: (4, 6, 4), 15: (4, 6, 5)}.get(len(number), (4, 4, 4, 4, 4))
    found, at = [], 0
    for size in sizes:
        if number[at : at + size]:
            found.append(number[at : at + size])
        at += size
    return found


def joined(sign: str) -> Encode:
    return lambda number: sign.join(groups(number)).encode()


def each(template: str) -> Encode:
    """Escape every digit: `{0}` is the digit, `{1}` its code."""
    return lambda number: "".join(template.format(digit, ord(digit)) for digit in number).encode()


def some(template: str) -> Encode:
    """Escape every second digit."""
    return lambda number: "".join(
        template.format(digit, ord(digit)) if place % 2 else digit for place, digit in enumerate(number)
    ).encode()


def in_base64(inner: Encode, shift: int = 0, *, urlsafe: bool = False) -> Encode:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    return lambda number: encode(b">?~"[:shift] + inner(number) + b"?>")


def raw(number: str) -> bytes:
    return number.encode()


def in_a_document(number: str) -> bytes:
    return f'{{"card": {{"number": "{number}", "exp_month": 12}}}}'.encode()


def lines_of_76(number: str) -> bytes:
    return base64.encodebytes(b"x" * 40 + b' {"n": "' + number.encode() + b'"} ' + b"y" * 40)


def lines_in_a_text(number: str) -> bytes:
    return lines_of_76(number).replace(b"\n", b"\\n")


def as_protobuf(number: str) -> bytes:
    """A message with the number as a string, and after it a field whose tag reads as a digit."""
    return b"\x0a\x03abc\x12" + bytes([len(number)]) + number.encode() + b"\x30\x01"


def as_row(number: str) -> bytes:
    """A row as PostgreSQL keeps it: twice the length and three before each text, and nothing between them."""
    neighbour = "merchant reference of 31 signs."
    return b"\x00\x18\x00" + bytes([len(number) * 2 + 3]) + number.encode() + bytes([0x41]) + neighbour.encode()


def track_1(number: str) -> bytes:
    """The first track of a magnetic stripe, as ISO/IEC 7813 has it."""
    return f"%B{number}^LOVELACE/ADA^30121011000000000000?".encode()


def track_2(number: str) -> bytes:
    """The second one."""
    return f";{number}=30121011000000000000?".encode()


FORMS: dict[str, Encode] = {
    "raw": raw,
    "spaces": joined(" "),
    "two spaces": joined("  "),
    "dashes": joined("-"),
    "a dash between spaces": joined(" - "),
    "dots": joined("."),
    "slashes": joined("/"),
    "underscores": joined("_"),
    "stars": joined("*"),
    "plus": joined("+"),
    "tabs": joined("\t"),
    "commas": joined(","),
    "no-break spaces": joined("\u00a0"),
    "narrow no-break spaces": joined("\u202f"),
    "en dashes": joined("\u2013"),
    "minus signs": joined("\u2212"),
    "middle dots": joined("\u00b7"),
    "digit by digit": lambda number: " ".join(number).encode(),
    "digit by digit, dashes": lambda number: "-".join(number).encode(),
    "url": each("%{1:02x}"),
    "url, every second digit": some("%{1:02X}"),
    "url, twice": each("%25{1:02x}"),
    "url, four times": each("%252525{1:02x}"),
    "url, %20": joined("%20"),
    "url, %2D": joined("%2D"),
    "url, no-break spaces": joined("%C2%A0"),
    "url, after an escaped sign": lambda number: b"q%3D" + number.encode() + b"%26",
    "json": each("\\u{1:04x}"),
    "json, every second digit": some("\\u{1:04X}"),
    "json in json": each("\\\\u{1:04x}"),
    "json, spaces": joined("\\u0020"),
    "json, en dashes": joined("\\u2013"),
    "json, after an escaped sign": lambda number: b"a\\u003d" + number.encode() + b"\\u0026b",
    "json, after a line break": lambda number: b"text\\n" + number.encode() + b"\\ntext",
    "python": each("\\x{1:02x}"),
    "html": each("&#{1};"),
    "html, hex": some("&#x{1:x};"),
    "html, no-break spaces": joined("&nbsp;"),
    "full width": lambda number: "".join(chr(0xFF10 + int(digit)) for digit in number).encode(),
    "arabic": lambda number: "".join(chr(0x0660 + int(digit)) for digit in number).encode(),
    "persian": lambda number: "".join(chr(0x06F0 + int(digit)) for digit in number).encode(),
    "base64": in_base64(raw),
    "base64, second alignment": in_base64(raw, 1),
    "base64, third alignment": in_base64(raw, 2),
    "base64 for urls": in_base64(raw, 3, urlsafe=True),
    "base64 of spaces": in_base64(joined(" "), 1),
    "base64 of dashes": in_base64(joined("-"), 2),
    "base64 of a document": in_base64(in_a_document, 1),
    "base64 after a word": lambda number: b"Bearer/" + base64.b64encode(number.encode()),
    "base64 in lines": lines_of_76,
    "base64 in lines in a text": lines_in_a_text,
    "base64 in base64": in_base64(in_base64(raw), 1),
    "base64 of json escapes": in_base64(each("\\u{1:04x}"), 2),
    "base64 of hex": in_base64(lambda number: number.encode().hex().encode()),
    "hex": lambda number: number.encode().hex().encode(),
    "hex, capitals": lambda number: b"\\x" + b"\xfe<".hex().upper().encode() + number.encode().hex().upper().encode(),
    "hex, odd": lambda number: b"0x0" + number.encode().hex().encode(),
    "hex, glued": lambda number: b"e" + number.encode().hex().encode() + b"7",
    "hex of dashes": lambda number: joined("-")(number).hex().encode(),
    "hex, dumped": lambda number: b"0000: " + number.encode().hex(" ").encode(),
    "hex, colons": lambda number: number.encode().hex(":").upper().encode(),
    "hex of utf-16": lambda number: number.encode("utf-16-be").hex().encode(),
    "utf-16": lambda number: number.encode("utf-16"),
    "utf-16, big": lambda number: f"n={number};".encode("utf-16-be"),
    "utf-16, spaces": lambda number: " ".join(groups(number)).encode("utf-16-le"),
    "track 1": track_1,
    "track 1, without its first sign": lambda number: track_1(number)[1:],
    "track 1, small": lambda number: track_1(number).lower(),
    "track 1 in url": lambda number: track_1(number).replace(b"%", b"%25").replace(b"^", b"%5E"),
    "track 1 in json": lambda number: track_1(number).replace(b"^", b"\\u005e"),
    "track 1 in base64": in_base64(track_1, 1),
    "track 1 in hex": lambda number: track_1(number).hex().encode(),
    "track 1 in utf-16": lambda number: track_1(number).decode().encode("utf-16"),
    "track 2": track_2,
    "protobuf": as_protobuf,
    "a row": as_row,
}


def varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value % 128 + 128])
        value //= 128
    return found + bytes([value])


#: Only what was planted is found in these: any bytes could be some number.
PLANTED_FORMS: dict[str, Encode] = {
    "glued to letters": lambda number: b"x" + number.encode() + b"y",
    "glued to digits": lambda number: b"00" + number.encode() + b"99",
    "after a point": lambda number: b"0." + number.encode(),
    "any groups": lambda number: f"{number[:2]} {number[2:7]} / {number[7:]}".encode(),
    "any signs": lambda number: b"\n".join([number[:6].encode(), number[6:8].encode(), number[8:].encode()]),
    "varint": lambda number: b"\x18" + varint(int(number)),
    "zigzag": lambda number: b"\x18" + varint(int(number) * 2),
    "big endian": lambda number: int(number).to_bytes(8, "big"),
    "little endian": lambda number: int(number).to_bytes(8, "little"),
    "packed": lambda number: bytes.fromhex(number if len(number) % 2 == 0 else f"0{number}"),
    "packed, filled at the end": lambda number: bytes.fromhex(number if len(number) % 2 == 0 else f"{number}f"),
}


def matcher() -> Matcher:
    return Matcher(Wanted())


@pytest.mark.parametrize("form", FORMS)
def test_a_number_is_found_in_every_form(form: str) -> None:
    around = ((b"", b""), (b"card: ", b" declined"), (b'{"a":"', b'"}'), (b"\x00\x07", b"\x00\x00"))
    for number, (before, after) in itertools.product(NUMBERS, around):
        hits = matcher().search(before + FORMS[form](number) + after)

        assert [hit.digits for hit in hits] == [number], (before, hits)
        assert hits[0].kind is Kind.CARD_NUMBER
        assert number not in repr(hits)


@pytest.mark.parametrize("form", FORMS)
def test_a_number_with_a_wrong_check_digit_is_none_in_any_form(form: str) -> None:
    assert not luhn_valid(NEITHER)
    assert matcher().search(b"card: " + FORMS[form](NEITHER) + b" declined") == []


@pytest.mark.parametrize("form", [*FORMS, *PLANTED_FORMS])
def test_a_planted_number_is_found_in_every_form_and_beside_anything(form: str) -> None:
    around = ((b"", b""), (b"card: ", b" declined"), (b"\xfe\x81", b"\x9a\x00"))
    for number, (before, after) in itertools.product([*NUMBERS, NEITHER], around):
        planted = Matcher(Wanted([Canary(number), Canary("4012888888881881")], any_card=False, any_code=False))
        hits = planted.search(before + (FORMS | PLANTED_FORMS)[form](number) + after)

        assert [hit.digits for hit in hits] == [number], (before, hits)
        assert hits[0].kind is Kind.CANARY
        assert number not in repr(hits)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_planted_number_is_found_as_postgresql_keeps_a_numeric(number: str) -> None:
    padded = number.zfill(-(-len(number) // 4) * 4)
    parts = [int(padded[at : at + 4]) for at in range(0, len(padded), 4)]
    while parts[-1] == 0:
        parts.pop()
    planted = Matcher(Wanted([Canary(number)], any_card=False))

    for order in "<>":
        hits = planted.search(b"\x00\x01" + struct.pack(f"{order}{len(parts)}H", *parts) + b"\x00")
        # Too few groups could be anything.
        assert [hit.form for hit in hits] == (["numeric"] if len(parts) > 2 else [])


def test_a_planted_number_is_found_as_a_floating_point_number() -> None:
    planted = Matcher(Wanted([Canary("4242424242424242")], any_card=False))

    for order in "<>":
        assert [hit.form for hit in planted.search(b"\x09" + struct.pack(f"{order}d", 4242424242424242.0))] == [
            "double"
        ]


TEXT_FORMS = (
    *("raw", "url", "url, every second digit", "url, twice", "url, after an escaped sign", "json", "json in json"),
    *("json, every second digit", "python", "html", "html, hex", "hex", "hex, capitals", "hex, odd", "hex, glued"),
    *("hex, dumped", "hex, colons", "hex of utf-16", "utf-16", "utf-16, big", "glued to letters", "glued to digits"),
    *(form for form in FORMS if form.startswith("base64") and form not in {"base64 of spaces", "base64 of dashes"}),
)


@pytest.mark.parametrize("form", TEXT_FORMS)
@pytest.mark.parametrize("secret", ["sk_live_Xq7/planted+b", "whsec_30569309", "A1B2C3D4" * 8])
def test_a_planted_text_is_found_in_every_form(form: str, secret: str) -> None:
    content = (FORMS | PLANTED_FORMS)[form](secret)
    planted = Matcher(Wanted([Canary(secret)], any_card=False, any_code=False))

    hits = planted.search(b"key: " + content + b" refused")

    assert [hit.digits for hit in hits] == [secret]
    assert hits[0].shown == f"{secret[:3]}***"
    assert secret not in repr(hits)


@pytest.mark.parametrize("sign", [" ", "-"])
def test_a_planted_text_is_found_in_groups_of_four(sign: str) -> None:
    secret = "sk_live_Xq7/planted+b"
    grouped = sign.join(secret[at : at + 4] for at in range(0, len(secret), 4))
    planted = Matcher(Wanted([Canary(secret)]))

    assert [hit.form for hit in planted.search(grouped.encode())] == ["separated"]


def test_the_names_of_forms_say_how_a_number_was_hidden() -> None:
    number = "4242424242424242"
    wanted = {
        "raw": "raw",
        "spaces": "separated",
        "url": "raw in url-encoded",
        "json": "raw in json escape",
        "html": "raw in html escape",
        "base64": "base64",
        "hex of dashes": "separated in hex",
        "utf-16": "utf-16",
        "base64 of hex": "hex in base64",
        "arabic": "digits of another script",
    }
    names = {form: matcher().search(FORMS[form](number))[0].form for form in wanted}

    assert names == {form: name.removeprefix("raw in ") for form, name in wanted.items()}
