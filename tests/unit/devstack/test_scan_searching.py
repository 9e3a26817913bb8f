"""Searching stores: what is counted, what a failing store comes to, and that a number is never told whole."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.scan.allowing import load_allow_list
from devstack.scan.canaries import Canary
from devstack.scan.matching import Matcher, Wanted
from devstack.scan.searching import (
    LISTED_MAX,
    SKIPPED_MAX,
    CannotSearchError,
    Look,
    News,
    Order,
    Report,
    State,
    search_all,
)

NUMBER = "4000056655665556"
SECRET = "sk_live_planted_secret"


class FakeStore:
    def __init__(self, search: Callable[[Look], None], name: str = "fake") -> None:
        self.name = name
        self.what = f"the {name} store"
        self._search = search

    def search(self, look: Look) -> None:
        self._search(look)


def run(*searches: Callable[[Look], None], seconds: float = 60, allow: tuple[Path, ...] = ()) -> tuple[Report, str]:
    told: list[News] = []
    canaries = (Canary(NUMBER), Canary(SECRET))
    order = Order(Matcher(Wanted(canaries)), canaries, load_allow_list(allow), seconds)
    stores = [FakeStore(search, f"fake{count}") for count, search in enumerate(searches)]
    report = search_all(stores, order, told.append)
    lines = [news.text or str(news.finding) for news in told]
    return report, "\n".join([*lines, repr(report)])


def test_nothing_found_ends_with_0() -> None:
    report, told = run(
        lambda look: look.at("a place", b"nothing"), lambda look: look.through("a stream", [b"no", b"ne"])
    )

    assert (report.exit_code, report.found, report.is_complete) == (0, 0, True)
    assert [(store.places, store.bytes_read) for store in report.stores] == [(1, 7), (1, 4)]
    assert "fake0 store" in told
    assert "nothing found (1 places" in told


def test_a_finding_ends_with_1_and_is_told_at_once_and_masked() -> None:
    report, told = run(lambda look: look.at("a place", b"card 4242 4242 4242 4242"))

    assert report.exit_code == 1
    assert str(report.findings[0]) == "a place: separated: 424242***4242 at offset 5"
    assert "a place: separated: 424242***4242 at offset 5" in told
    assert "4242424242424242" not in told


def test_what_was_planted_says_so() -> None:
    report, _ = run(lambda look: look.at("a place", f"{NUMBER} {SECRET} cvc=123".encode()))

    assert [str(finding) for finding in report.findings] == [
        "a place: raw: 400005***5556 at offset 0 (canary)",
        "a place: raw: sk_*** at offset 17 (canary)",
        "a place: beside cvc: *** at offset 44 (code)",
    ]


def test_a_store_that_cant_be_searched_ends_with_2_and_the_others_are_searched() -> None:
    def away(_: Look) -> None:
        raise CannotSearchError("nobody answers")

    report, told = run(away, lambda look: look.at("a place", b"nothing"))

    assert (report.exit_code, report.found) == (2, 0)
    assert [store.state for store in report.stores] == [State.NOT_SEARCHED, State.SEARCHED]
    assert report.stores[0].reasons == ["nobody answers"]
    assert "NOT SEARCHED" in told


def test_any_other_failure_is_told_the_same_way() -> None:
    def broken(look: Look) -> None:
        look.at("a place", b"nothing")
        message = f"bad row: {NUMBER}\nand more"
        raise ValueError(message)

    report, told = run(broken)

    assert report.exit_code == 2
    assert report.stores[0].state is State.INCOMPLETE
    assert report.stores[0].reasons == ["ValueError: bad row: [card number] and more"]
    assert NUMBER not in told


def test_what_was_found_counts_more_than_what_was_not_searched() -> None:
    def half(look: Look) -> None:
        look.at("a place", NUMBER.encode())
        raise CannotSearchError("and then it went away")

    report, told = run(half)

    assert (report.exit_code, report.is_complete) == (1, False)
    assert "1 found, but NOT ALL OF IT WAS SEARCHED" in told


def test_a_skipped_place_makes_a_store_incomplete_and_a_note_does_not() -> None:
    report, _ = run(lambda look: look.skip("a table", "locked"), lambda look: look.note("by the way"))

    assert [store.state for store in report.stores] == [State.INCOMPLETE, State.SEARCHED]
    assert report.stores[0].reasons == ["a table: locked"]
    assert report.stores[1].notes == ["by the way"]
    assert report.exit_code == 2


def test_skipped_places_without_end_are_listed_up_to_a_bound() -> None:
    def search(look: Look) -> None:
        for count in range(1000):
            look.skip(f"place {count}", "closed")

    report, _ = run(search)

    assert len(report.stores[0].reasons) == SKIPPED_MAX + 1


def test_a_store_ends_when_its_time_is_over() -> None:
    def endless(look: Look) -> None:
        def blocks() -> Iterator[bytes]:
            while True:
                time.sleep(0.01)
                yield b"nothing"

        look.through("a stream", blocks())

    report, _ = run(endless, lambda look: look.at("a place", b"nothing"), seconds=0.3)

    assert report.exit_code == 2
    assert report.stores[0].reasons == ["not finished within 0.3 s (next: give it longer: --seconds)"]
    assert report.stores[1].state is State.SEARCHED


def test_findings_without_end_are_counted_and_listed_up_to_a_bound() -> None:
    report, _ = run(lambda look: look.through("a stream", [NUMBER.encode() + b"\n"] * (LISTED_MAX + 500)))

    assert report.found == LISTED_MAX + 500
    assert len(report.findings) == LISTED_MAX


@pytest.mark.parametrize("number", [NUMBER, "4242424242424242", SECRET])
def test_a_number_in_a_name_is_found_and_not_told(number: str) -> None:
    def search(look: Look) -> None:
        look.name("the file", f"{number}.txt")
        look.at(f"{number}.txt", b"cvc=123")
        look.skip(f"{number}.txt", "closed")
        look.note(f"{number}.txt")

    report, told = run(search)

    assert report.found == 2
    assert number not in told
    assert report.findings[0].place.startswith("the name of the file ")


def test_what_is_allowed_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "allow"
    path.write_text("a place: raw: 4242* # a test card\n")

    report, told = run(
        lambda look: look.at("a place", b"4242424242424242"),
        lambda look: look.at("another", b"4242424242424242"),
        allow=(path,),
    )

    assert [(store.found, store.allowed) for store in report.stores] == [(0, 1), (1, 0)]
    assert "nothing found, 1 on the allow-list" in told


def test_places_of_a_stream_are_told_where_they_came_from() -> None:
    report, _ = run(lambda look: look.through("a stream", [NUMBER.encode()], lambda index: index + 1000))

    assert report.findings[0].offset == 1000


def test_an_interruption_is_no_result() -> None:
    def search(_: Look) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(search)
