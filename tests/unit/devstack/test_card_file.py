"""Files of cards: whole ones are taken, cut and changed ones are not, and the largest are read in little memory."""

import itertools
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from payera.vault.v1 import key_service_pb2 as contract

from devstack.cards.card_file import LINE_LONGEST, CardFileError, CardFileReader, check_file
from devstack.cards.exporting import export_cards
from devstack.cards.importing import PAGE_BYTES, TOO_LONG, import_cards
from devstack.cards.writing import CardFileWriter
from devstack.errors import StackError
from devstack.project import project_root
from mesh.channels import LARGEST_MESSAGE_BYTES
from tests.unit.devstack.card_vault import DIGEST, OPERATION, FakeVault, envelopes, rewritten, written

LITTLE_MEMORY_KIB = 8 * 1024


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def results_of(path: Path) -> list[dict[str, object]]:
    lines = path.with_name(f"{path.name}.results").read_text().splitlines()
    return [json.loads(line) for line in lines[1:]]


def test_a_written_file_is_read_back_and_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    cards = envelopes(250)
    path = written(tmp_path / "cards", cards)
    assert mode_of(path) == 0o600
    assert [line.envelope for line in CardFileReader(path)] == cards
    summary = check_file(path)
    assert summary.cards == 250
    assert (summary.header["merchant_id"], summary.header["operation_id"]) == ("mer_1", OPERATION)
    assert summary.header["public_key_digest"] == DIGEST
    lines = path.read_text().splitlines()
    assert json.loads(lines[0])["format"] == "payera-cards"
    assert json.loads(lines[-1]) == {"cards": 250, "sha256": summary.sha256}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cards"]


def test_a_file_without_cards_is_a_file(tmp_path: Path) -> None:
    assert check_file(written(tmp_path / "cards", [])).cards == 0


def test_a_file_that_was_cut_anywhere_is_noticed(tmp_path: Path) -> None:
    content = written(tmp_path / "cards", envelopes(3, 20)).read_bytes()
    cut = tmp_path / "cut"
    # Without its very last byte, the end of the last line, nothing is missing.
    for end in range(len(content) - 1):
        cut.write_bytes(content[:end])
        with pytest.raises(CardFileError):
            check_file(cut)


def test_a_changed_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    content = written(tmp_path / "cards", envelopes(3, 20)).read_bytes()
    changed = tmp_path / "changed"
    for place, bit in itertools.product(range(len(content)), (0, 3, 7)):
        changed.write_bytes(content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :])
        try:
            check_file(changed)
        except CardFileError:
            continue
        # What is left: the blank after the trailer's last brace, which is no part of any line's content.
        assert place == len(content) - 1


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "two lines swapped": lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
    "a line left out": lambda lines: [*lines[:2], *lines[3:]],
    "a line twice": lambda lines: [*lines[:3], lines[2], *lines[3:]],
    "a line from elsewhere": lambda lines: [*lines[:2], b"other\n", *lines[3:]],
    "an empty line": lambda lines: [*lines[:2], b"\n", *lines[2:]],
    "no header": lambda lines: lines[1:],
    "two headers": lambda lines: [lines[0], *lines],
    "no trailer": lambda lines: lines[:-1],
    "two trailers": lambda lines: [*lines, lines[-1]],
    "something after the trailer": lambda lines: [*lines, b"x"],
    "another header": lambda lines: [lines[0].replace(b"mer_1", b"mer_2"), *lines[1:]],
    "another version": lambda lines: [lines[0].replace(b'"version":1', b'"version":2'), *lines[1:]],
    "another count": lambda lines: [*lines[:-1], lines[-1].replace(b'"cards":5', b'"cards":4')],
    "ends of lines of another system": lambda lines: [line.replace(b"\n", b"\r\n") for line in lines],
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_file_is_noticed(tmp_path: Path, what: str) -> None:
    lines = written(tmp_path / "cards", envelopes(5)).read_bytes().splitlines(keepends=True)
    changed = tmp_path / "changed"
    changed.write_bytes(b"".join(CHANGES[what](lines)))
    with pytest.raises(CardFileError) as caught:
        check_file(changed)
    assert "eeee" not in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize("content", [b"", b"\n", b"{}", b"[]\n", b"4242424242424242\n", b"\xff" * 100, b"{" * 50_000])
def test_what_is_no_file_of_cards_is_not_read_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(CardFileError) as caught:
        check_file(path)
    assert "4242" not in str(caught.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CardFileError, match="can't be read"):
        check_file(tmp_path / "none")


@pytest.mark.parametrize("length", [LINE_LONGEST - 1, LINE_LONGEST, LINE_LONGEST + 1, LINE_LONGEST + 2, 100_000])
def test_a_line_that_is_too_long_is_one_refused_card(tmp_path: Path, length: int) -> None:
    path = rewritten(tmp_path / "cards", [b"first\n", b"x" * length + b"\n", b"last\n"])
    lines = list(CardFileReader(path))
    fits = length <= LINE_LONGEST
    assert [line.number for line in lines] == [2, 3, 4]
    assert [line.envelope for line in lines] == ["first", "x" * length if fits else None, "last"]
    done = import_cards(FakeVault(), path, OPERATION)
    assert (done.taken, done.refused) == ((3, 0) if fits else (2, 1))
    if not fits:
        assert results_of(path)[1] == {"line": 3, "source_id": "", "token_id": "", "error": TOO_LONG}


def test_a_line_of_other_signs_is_sent_as_none(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "cards", ["é\n".encode(), b"good00\n"])
    assert [line.envelope for line in CardFileReader(path)] == ["", "good00"]


def test_a_hundred_thousand_cards_need_little_memory(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from tests.unit.devstack.card_vault import stream_many\n"
        f"stream_many(Path({str(tmp_path / 'cards')!r}))\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{project_root()}:{project_root() / 'gen'}"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert told.returncode == 0, told.stderr
    checked, taken, kibibytes = map(int, told.stdout.split())
    assert (checked, taken) == (100_000, 100_000)
    assert (tmp_path / "cards").stat().st_size > 30_000_000
    assert kibibytes < LITTLE_MEMORY_KIB


@pytest.mark.parametrize("fail_at", [1, 2, 3, 4, 5])
def test_an_export_goes_on_after_an_interruption(tmp_path: Path, fail_at: int) -> None:
    cards = envelopes(250)
    path = tmp_path / "cards"
    vault = FakeVault(cards=cards, unreadable={0: ["tok_a"], 100: ["tok_b"]}, fail_at=fail_at)
    if fail_at < 5:
        with pytest.raises(StackError, match="lost"):
            export_cards(vault, path, OPERATION, 100)
        assert not path.exists()
        # Where nothing came, nothing is left.
        assert {mode_of(each) for each in tmp_path.iterdir()} == ({0o600} if fail_at > 1 else set())
    done = export_cards(vault, path, OPERATION, 100)
    assert (done.cards, done.unreadable) == (250, 2)
    assert [line.envelope for line in CardFileReader(path)] == cards
    assert check_file(path).sha256 == done.sha256
    assert path.with_name("cards.unreadable").read_text() == "tok_a\ntok_b\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cards", "cards.unreadable"]
    assert vault.calls.count("ExportCards") == 4 + (fail_at < 5)


def test_what_was_written_after_the_state_was_kept_is_not_counted(tmp_path: Path) -> None:
    cards = envelopes(250)
    path = tmp_path / "cards"
    with pytest.raises(StackError):
        export_cards(FakeVault(cards=cards, fail_at=2), path, OPERATION, 100)
    with path.with_name("cards.part").open("ab") as stream:
        stream.write(b"half a line")
    export_cards(FakeVault(cards=cards), path, OPERATION, 100)
    assert [line.envelope for line in CardFileReader(path)] == cards


def test_an_export_does_not_go_on_with_files_of_another_or_broken_ones(tmp_path: Path) -> None:
    path = tmp_path / "cards"
    with pytest.raises(StackError):
        export_cards(FakeVault(cards=envelopes(250), fail_at=2), path, OPERATION, 100)
    state = path.with_name("cards.state")
    kept = state.read_text()
    for text in (kept.replace(OPERATION, "cop_other"), "{", "[]", kept.replace('"cards": 100', '"cards_": 100')):
        state.write_text(text)
        with pytest.raises(StackError, match=r"cards\.state"):
            export_cards(FakeVault(), path, OPERATION, 100)
    state.write_text(kept)
    part = path.with_name("cards.part")
    whole = part.read_bytes()
    for content in (b"short", b"", whole[:-1], whole.replace(b"000099", b"000098")):
        part.write_bytes(content)
        with pytest.raises(StackError, match="is not what"):
            export_cards(FakeVault(), path, OPERATION, 100)


def test_a_file_is_never_written_over_and_by_one_command_only(tmp_path: Path) -> None:
    path = tmp_path / "cards"
    with CardFileWriter(path, OPERATION, b"{}\n"), pytest.raises(StackError, match="another command"):
        CardFileWriter(path, OPERATION, b"{}\n").__enter__()
    path.write_text("mine")
    with pytest.raises(StackError, match="there already"):
        export_cards(FakeVault(), path, OPERATION, 100)
    assert path.read_text() == "mine"


def test_an_import_writes_down_what_became_of_each_line(tmp_path: Path) -> None:
    def answer(envelope: str) -> contract.ImportedCard:
        place = int(envelope[-6:])
        if place % 10 == 3:
            return contract.ImportedCard(source_id=str(place), error="number: the check digit is wrong.")
        return contract.ImportedCard(
            source_id=str(place), token_id=f"tok_{place}", error="expired" if place < 2 else ""
        )

    path = written(tmp_path / "cards", envelopes(250))
    vault = FakeVault(answer=answer)
    done = import_cards(vault, path, OPERATION)
    assert (done.taken, done.remarks, done.refused, done.lines) == (225, 2, 25, 250)
    results = results_of(path)
    assert [result["line"] for result in results] == list(range(2, 252))
    assert results[3] == {"line": 5, "source_id": "3", "token_id": "", "error": "number: the check digit is wrong."}
    assert mode_of(path.with_name("cards.results")) == 0o600
    assert not vault.finished


@pytest.mark.parametrize("fail_at", [1, 2, 3])
def test_an_import_goes_on_after_an_interruption(tmp_path: Path, fail_at: int) -> None:
    path = written(tmp_path / "cards", envelopes(250))
    vault = FakeVault(fail_at=fail_at)
    with pytest.raises(StackError, match="lost"):
        import_cards(vault, path, OPERATION)
    with path.with_name("cards.results").open("ab") as stream:
        stream.write(b'{"line": 9')
    done = import_cards(vault, path, OPERATION)
    assert done.taken == 250
    assert [result["source_id"] for result in results_of(path)] == [f"{place:06d}" for place in range(250)]
    assert vault.calls.count("ImportCards") == 4


def test_a_whole_import_that_is_repeated_sends_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "cards", envelopes(5))
    vault = FakeVault()
    for _ in range(2):
        assert import_cards(vault, path, OPERATION).taken == 5
    assert vault.calls == ["ImportCards"]


def test_results_of_another_file_or_import_are_not_gone_on_with(tmp_path: Path) -> None:
    path = written(tmp_path / "cards", envelopes(5))
    import_cards(FakeVault(), path, OPERATION)
    with pytest.raises(StackError, match="another file or import"):
        import_cards(FakeVault(), path, "cop_other")
    path.unlink()
    written(path, envelopes(6))
    with pytest.raises(StackError, match="another file or import"):
        import_cards(FakeVault(), path, OPERATION)
    results = path.with_name("cards.results")
    results.write_text(results.read_text().splitlines()[0].replace("x", "x") + "\n{}\n")
    with pytest.raises(StackError):
        import_cards(FakeVault(), path, OPERATION)


def test_no_card_of_a_broken_file_is_sent(tmp_path: Path) -> None:
    path = written(tmp_path / "cards", envelopes(250))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"000249", b"000250"))
    vault = FakeVault()
    with pytest.raises(CardFileError):
        import_cards(vault, path, OPERATION)
    assert vault.calls == []
    assert not path.with_name("cards.results").exists()


def test_a_page_fits_in_a_message_whatever_the_length_of_its_lines(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "cards", [b"x" * LINE_LONGEST + b"\n"] * 120)
    vault = FakeVault()
    assert import_cards(vault, path, OPERATION).taken == 120
    assert PAGE_BYTES < vault.largest + LINE_LONGEST < LARGEST_MESSAGE_BYTES


def test_a_file_for_another_key_is_refused_before_a_line_is_sent_and_leaves_nothing(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "cards", [b"e\n"], "cd" * 32)
    vault = FakeVault()
    with pytest.raises(CardFileError, match="encrypted for another key") as caught:
        import_cards(vault, path, OPERATION)
    assert f"payera cards import-key --operation {OPERATION}" in caught.value.next_step
    assert DIGEST in str(caught.value)
    assert vault.calls == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cards"]


@pytest.mark.parametrize("digest", ["", "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo", "\x1b[31m" + "cd" * 32])
def test_a_digest_that_others_write_in_their_own_way_is_no_matter(tmp_path: Path, digest: str) -> None:
    path = rewritten(tmp_path / "cards", [b"e\n"], digest)
    assert import_cards(FakeVault(), path, OPERATION).taken == 1


def test_an_import_that_was_finished_unseen_answers_again_from_its_results(tmp_path: Path) -> None:
    vault = FakeVault()
    path = rewritten(tmp_path / "cards", [b"e\n"], DIGEST)
    assert import_cards(vault, path, OPERATION).taken == 1
    # The end was reached, and its answer lost: the key is gone, and nothing needs it any more.
    vault.finished = True
    assert import_cards(vault, path, OPERATION).taken == 1
    assert vault.taken == 1


def test_an_export_that_is_refused_from_the_start_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cards"
    with pytest.raises(StackError, match="the answer was lost"):
        export_cards(FakeVault(cards=envelopes(3), fail_at=1), path, OPERATION, 2)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StackError, match="the answer was lost"):
        export_cards(FakeVault(cards=envelopes(3), fail_at=2), path, OPERATION, 2)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cards.part", "cards.state"]
    assert export_cards(FakeVault(cards=envelopes(3)), path, OPERATION, 2).cards == 3
