"""Files and folders as a store: compressed, large, linked, named after a number, and those that can not be read."""

import bz2
import gzip
import lzma
import os
import sqlite3
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from devstack.scan.matching import Matcher, Wanted
from devstack.scan.searching import Order, Report, State, Store, search_all
from devstack.scan.stores.files import Paths
from devstack.scan.stores.home import Home
from devstack.scan.stores.postgres_files import PostgresFiles, WalPages
from devstack.scan.stores.temporal_files import TemporalFiles

NUMBER = b"4242424242424242"
LINE = b"card 4242 4242 4242 4242 declined\n"
PAGE = 8192


def scanned(store: Store) -> Report:
    return search_all([store], Order(Matcher(Wanted())))


def places(store: Store) -> list[tuple[str, int]]:
    return [(finding.place, finding.offset) for finding in scanned(store).findings]


def test_files_are_searched_in_folders_and_alone(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.log").write_bytes(b"fine\n" + LINE)
    (tmp_path / "b.log").write_bytes(b"fine\n")

    assert places(Paths([tmp_path])) == [("deep/er/a.log", 10)]
    assert places(Paths([tmp_path / "deep" / "er" / "a.log"])) == [(str(tmp_path / "deep/er/a.log"), 10)]
    assert scanned(Paths([tmp_path / "b.log"])).exit_code == 0


@pytest.mark.parametrize(("name", "pack"), [("a.gz", gzip.compress), ("a.bz2", bz2.compress), ("a.xz", lzma.compress)])
def test_compressed_files_are_unpacked(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / name).write_bytes(pack(b"fine\n" * 100_000 + LINE))
    # What it is called does not matter.
    (tmp_path / "log.1").write_bytes(pack(LINE) + pack(LINE))

    assert places(Paths([tmp_path])) == [
        (f"{name} (unpacked)", 500_005),
        ("log.1 (unpacked)", 5),
        ("log.1 (unpacked)", 5 + len(LINE)),
    ]


def test_a_compressed_file_that_ends_early_is_searched_as_far_as_it_goes_and_incomplete(tmp_path: Path) -> None:
    packed = gzip.compress(LINE + b"fine\n" * 20_000 + os.urandom(60_000).hex().encode())
    (tmp_path / "a.gz").write_bytes(packed[: len(packed) // 2])

    report = scanned(Paths([tmp_path]))

    assert [finding.place for finding in report.findings] == ["a.gz (unpacked)"]
    assert report.stores[0].state is State.INCOMPLETE
    assert "can't be unpacked to its end" in report.stores[0].reasons[0]


def test_a_file_that_only_begins_like_a_compressed_one_is_searched_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\x1f\x8b\x08" + LINE)

    report = scanned(Paths([tmp_path]))

    assert [finding.place for finding in report.findings] == ["a"]
    assert not report.is_complete


@pytest.mark.parametrize("magic", [b"PK\3\4", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"])
def test_what_is_not_unpacked_is_not_called_clean(tmp_path: Path, magic: bytes) -> None:
    (tmp_path / "a").write_bytes(magic + b"whatever")

    assert scanned(Paths([tmp_path])).exit_code == 2


def test_what_is_not_there_or_cant_be_read_is_not_called_clean(tmp_path: Path) -> None:
    assert scanned(Paths([tmp_path / "none"])).exit_code == 2
    # A regular file whose first byte nobody can read, root neither.
    report = scanned(Paths([Path("/proc/self/mem")]))
    assert report.exit_code == 2
    assert report.stores[0].reasons[0].startswith("/proc/self/mem: ")


def test_links_pipes_and_sockets_are_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.log").write_bytes(LINE)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").symlink_to(elsewhere / "a.log")
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe")

    report = scanned(Paths([folder]))

    assert report.exit_code == 0
    assert report.stores[0].notes == [f"2 symbolic links below {folder} were not followed"]


def test_a_number_in_a_files_name_is_found(tmp_path: Path) -> None:
    (tmp_path / f"receipt-{NUMBER.decode()}.txt").write_bytes(b"fine")

    [finding] = scanned(Paths([tmp_path])).findings

    assert NUMBER.decode() not in str(finding)
    assert finding.place.startswith("the name of the file receipt-")


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(40):
            stream.write(bytes(1 << 20))
        stream.write(LINE)
    tracemalloc.start()
    try:
        assert places(Paths([path])) == [(f"{path} (unpacked)", 40 * (1 << 20) + 5)]
        assert tracemalloc.get_traced_memory()[1] < 24 * (1 << 20)
    finally:
        tracemalloc.stop()


def test_the_home_leaves_out_what_other_stores_search(tmp_path: Path) -> None:
    for name in ("logs", "kafka", "postgres", "temporal"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(LINE)

    found = places(Home(tmp_path, (tmp_path / "postgres", tmp_path / "temporal")))

    assert found == [("kafka/file", 5), ("logs/file", 5)]


def page(number: int, content: bytes, *, long: bool = False) -> bytes:
    """Make a page of a write-ahead log; the first of a segment has the longer header."""
    header = struct.pack("<HHIQI", 0xD118, 0x0002 if long else 0x0001, 1, 0x1000000 + number * PAGE, 0)
    header += b"\0" * 4 + (struct.pack("<QII", 7_500_000_000_000_000_001, 1 << 24, PAGE) if long else b"")
    return header + content.ljust(PAGE - len(header), b"\0")


def test_a_number_across_two_pages_of_the_write_ahead_log_is_found_where_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "pg_wal"
    folder.mkdir()
    room = PAGE - 24
    for cut in range(1, 16):
        first = page(0, b"\x01" * 100, long=True)
        second = page(1, b"\x01" * (room - cut) + NUMBER[:cut])
        third = page(2, NUMBER[cut:] + b"\x01" * 50)
        (folder / "000000010000000000000001").write_bytes(first + second + third)

        assert places(PostgresFiles(tmp_path)) == [("pg_wal/000000010000000000000001", 2 * PAGE - cut)]


def test_pages_without_a_header_are_read_whole() -> None:
    data = os.urandom(8) + b"\xff" * (PAGE - 8) + bytes(PAGE) + b"end"
    pages = WalPages(iter([data[:100], data[100:]]))

    assert b"".join(pages) == data
    assert pages.locate(PAGE + 1) == PAGE + 1


def test_postgresql_elsewhere_is_followed(tmp_path: Path) -> None:
    data, wal, space = tmp_path / "data", tmp_path / "wal", tmp_path / "space"
    for folder in (data / "pg_tblspc", data / "base" / "5", wal, space):
        folder.mkdir(parents=True)
    (data / "pg_wal").symlink_to(wal)
    (data / "pg_tblspc" / "16400").symlink_to(space)
    (wal / "000000010000000000000001").write_bytes(LINE)
    (space / "16401").write_bytes(LINE)
    (data / "base" / "5" / "2619").write_bytes(LINE)

    assert {place for place, _ in places(PostgresFiles(data))} == {
        "base/5/2619",
        str(wal / "000000010000000000000001"),
        str(space / "16401"),
    }


def test_a_cluster_that_cant_be_read_is_not_called_clean(tmp_path: Path) -> None:
    report = scanned(PostgresFiles(tmp_path / "none"))

    assert report.exit_code == 2
    assert report.stores[0].state is State.NOT_SEARCHED


def test_values_of_temporals_database_are_searched_one_by_one(tmp_path: Path) -> None:
    folder = tmp_path / "temporal"
    folder.mkdir()
    connection = sqlite3.connect(folder / "temporal.db")
    connection.execute("CREATE TABLE executions (a TEXT, b TEXT, c BLOB, d INTEGER, e REAL)")
    # In the file nothing stands between the first two.
    row = (NUMBER.decode(), "abcdef", b"\x0a\x10" + NUMBER + b"\x30\x01", int(NUMBER), 0.5)
    connection.execute("INSERT INTO executions VALUES (?, ?, ?, ?, ?)", row)
    connection.commit()
    connection.close()

    found = [place for place, _ in places(TemporalFiles(folder))]

    assert found.count("temporal.db table executions") == 3
    assert "temporal/temporal.db" in found


def test_a_folder_without_a_database_is_not_called_clean(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"fine")

    assert scanned(TemporalFiles(tmp_path)).exit_code == 2


def test_a_broken_database_is_not_called_clean(tmp_path: Path) -> None:
    (tmp_path / "temporal.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)

    assert scanned(TemporalFiles(tmp_path)).exit_code == 2
