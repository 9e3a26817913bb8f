"""A stream is searched in windows that overlap: whatever lies across a border is found once, where it is."""

import base64
import itertools
import os
import time

import pytest

from devstack.scan.canaries import Canary
from devstack.scan.matching import Matcher, Wanted, windows
from tests.unit.devstack.test_scan_forms import FORMS, NUMBERS

WINDOW = 1024
MARGIN = 512
NUMBER = "4000056655665556"
TEXT = b"payment settled at the second account; "
BINARY = bytes(range(128, 256)) + b"\x00\x01\x02"


def small(*, any_card: bool = True) -> Matcher:
    wanted = Wanted((), any_card=any_card) if any_card else Wanted([Canary(NUMBER)], any_card=False)
    return Matcher(wanted, window_bytes=WINDOW, margin_bytes=MARGIN)


def filled(filler: bytes, length: int) -> bytes:
    return (filler * (length // len(filler) + 1))[:length]


@pytest.mark.parametrize("length", [0, 1, WINDOW, WINDOW + 2 * MARGIN, WINDOW + 2 * MARGIN + 1, 10_000])
@pytest.mark.parametrize("block", [1, 7, 1000, 1 << 20])
def test_every_place_belongs_to_one_window_with_a_margin_around_it(length: int, block: int) -> None:
    data = os.urandom(length)
    blocks = (data[at : at + block] for at in range(0, length, block))
    covered = 0

    for window in windows(blocks, WINDOW, MARGIN):
        assert window.base + window.low == covered
        assert window.data == data[window.base : window.base + len(window.data)]
        assert window.low in {0, MARGIN}
        assert len(window.data) < 2 * (WINDOW + 2 * MARGIN)
        last = window.base + len(window.data) == length
        assert last or len(window.data) - window.high == MARGIN
        covered = window.base + window.high
    assert covered == length


@pytest.mark.parametrize(
    ("form", "filler"), [*itertools.product(FORMS, [TEXT]), *itertools.product(("raw", "hex", "protobuf"), [BINARY])]
)
def test_a_number_across_a_border_is_found_once_in_every_form(form: str, filler: bytes) -> None:
    content = b" " + FORMS[form](NUMBER) + b" "
    [alone] = small().search(filled(filler, 300) + content + filled(filler, 300))
    border = WINDOW + MARGIN

    for place in (*range(border - len(content) - 20, border + 20, 7), border - MARGIN, border + MARGIN, 0, 1):
        data = filled(filler, place) + content + filled(filler, 3000)
        hits = list(small().stream([data]))

        assert [(hit.digits, hit.form) for hit in hits] == [(NUMBER, alone.form)], (place, hits)
        assert hits[0].offset == place + alone.offset - 300


def test_a_number_is_found_once_wherever_it_is() -> None:
    for place in range(0, WINDOW + 2 * MARGIN + 64, 2):
        data = filled(TEXT, place) + b" 4000-0566-5566-5556 " + filled(TEXT, 2500)

        assert [hit.offset for hit in small().stream([data])] == [place + 1]


def test_a_planted_number_is_found_once_wherever_it_is_and_however_the_blocks_are_cut() -> None:
    for place, block in itertools.product(range(0, WINDOW + 2 * MARGIN + 64, 5), (1 << 20, 100)):
        data = filled(BINARY, place) + bytes.fromhex(NUMBER) + filled(BINARY, 2500)
        blocks = (data[at : at + block] for at in range(0, len(data), block))

        assert [hit.offset for hit in small(any_card=False).stream(blocks)] == [place]


def test_a_piece_of_a_longer_number_is_none_at_a_border_either() -> None:
    for place in range(WINDOW + MARGIN - 40, WINDOW + MARGIN + 5):
        data = filled(TEXT, place) + b" 1234" + NUMBER.encode() * 2 + b" " + filled(TEXT, 2500)

        assert list(small().stream([data])) == []


def test_many_numbers_are_all_found() -> None:
    lines = [f"line {count}: {NUMBERS[count % len(NUMBERS)]}\n".encode() for count in range(3000)]

    hits = list(Matcher(Wanted(), window_bytes=WINDOW, margin_bytes=MARGIN).stream(lines))

    assert [hit.digits for hit in hits] == [NUMBERS[count % len(NUMBERS)] for count in range(3000)]
    data = b"".join(lines)
    assert all(data[hit.offset :].startswith(hit.digits.encode()) for hit in hits)


def test_planted_numbers_side_by_side_are_all_found() -> None:
    for sign in (b"", b"\n", b" / "):
        data = sign.join([NUMBER.encode()] * 500)
        hits = list(small(any_card=False).stream([data]))

        assert [hit.offset for hit in hits] == [count * (len(NUMBER) + len(sign)) for count in range(500)]


@pytest.mark.parametrize(
    "piece",
    [
        *(b"\0", b"4", b"4 ", b"4-", b"42", b"4242 ", b"4242,", b"0.", b"%", b"%34", b"%25", b"%2", b"\\", b"\\u0034"),
        *(b"&#52;", b"&#", b"a", b"MTEx", b"MTEx\n", b"QUFB", b"f", b"34", b"34 ", b"4\0", b"cvc", b"cvc=1", b"cvc:"),
        *(b'cvc":"', b"\x80", b"\xff\xff\xff\xff\xff\x01", b"\xef\xbc\x94", b"4242424242424241 ", b"=", b"\n", b"\r\n"),
    ],
)
def test_work_grows_with_the_bytes_whatever_they_are(piece: bytes) -> None:
    matcher = Matcher(Wanted([Canary(NUMBER), Canary("A-planted-text")], ["7391"]))

    def work(length: int) -> float:
        data = filled(piece, length)
        began = time.process_time()
        list(matcher.stream([data]))
        return max(time.process_time() - began, 0.001)

    def growth() -> float:
        return work(160_000) / work(5_000)

    # 32 times the bytes; squares would be 1,024 times the work, each time. What else the machine does is no fault, so
    # one good try of several is enough.
    assert any(growth() < 200 for _ in range(5))


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\\r\\n"])
def test_places_are_right_after_many_lines_of_base64(line_end: bytes) -> None:
    for before in range(600, 660):
        lines = base64.encodebytes(b"x" * before + b' {"n": "' + NUMBER.encode() + b'"} ').replace(b"\n", line_end)
        [hit] = small().search(TEXT + b"\n" + lines)

        place = (before + 8) * 4 // 3
        expected = len(TEXT) + 1 + place + place // 76 * len(line_end)
        assert hit.form == "base64"
        # A quantum across two lines counts as standing in the first of them.
        assert abs(hit.offset - expected) <= 3 + len(line_end)


def test_places_are_right_in_hex() -> None:
    for before in range(13):
        content = b"number: it is"[:before] + b" " + NUMBER.encode()
        for sign, step in (("", 2), (" ", 3), (":", 3)):
            dumped = content.hex(sign).encode() if sign else content.hex().encode()
            [hit] = small().search(TEXT + dumped)

            assert hit.offset == len(TEXT) + (before + 1) * step


def test_two_stretches_of_an_encoding_don_t_make_one_number() -> None:
    for encode in (bytes.hex, lambda part: base64.b64encode(part).decode()):
        first, second = encode(b"a text before 40000566"), encode(b"55665556 and a text after")

        assert small().search(f"{first} {TEXT.decode() * 20} {second}".encode()) == []
    assert small().search(b"%3440000566 " + TEXT * 20 + b" %355665556") == []
