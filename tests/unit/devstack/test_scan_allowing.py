"""The allow-list: patterns with reasons, and never for what was planted."""

from pathlib import Path

import pytest

from devstack.errors import StackError
from devstack.scan.allowing import SHIPPED, AllowList, load_allow_list
from devstack.scan.canaries import Canary
from devstack.scan.matching import Matcher, Wanted

NUMBER = "4242424242424242"


def loaded(tmp_path: Path, text: str) -> AllowList:
    path = tmp_path / "allow.txt"
    path.write_text(text)
    return load_allow_list((path,))


@pytest.mark.parametrize(
    "pattern",
    [
        *("*", f"*: {NUMBER}", "*: 424242??????4242", "docs/*", "docs/cards.md: raw: *", "*: raw: *", "docs/*: 4242*"),
        f"docs/cards.md: raw: {NUMBER}",
    ],
)
def test_a_pattern_lets_pass_what_it_fits(tmp_path: Path, pattern: str) -> None:
    allow = loaded(tmp_path, f"# comments and empty lines\n\n  {pattern}   # a test card of the documentation\n")
    [hit] = Matcher(Wanted()).search(NUMBER.encode())

    assert allow.reason_for("docs/cards.md", hit) == "a test card of the documentation"


@pytest.mark.parametrize("pattern", ["docs", "*: 5*", "other/*", "*: separated: *", "DOCS/*", f"{NUMBER}"])
def test_a_pattern_lets_nothing_else_pass(tmp_path: Path, pattern: str) -> None:
    [hit] = Matcher(Wanted()).search(NUMBER.encode())

    assert loaded(tmp_path, f"{pattern} # why").reason_for("docs/cards.md", hit) is None


def test_codes_can_be_allowed(tmp_path: Path) -> None:
    [hit] = Matcher(Wanted()).search(b"cid=123")

    assert loaded(tmp_path, "*.log: beside cid: * # ids of connections").reason_for("a.log", hit)
    assert loaded(tmp_path, "*.log: beside cvc: * # none").reason_for("a.log", hit) is None


def test_what_was_planted_is_never_allowed(tmp_path: Path) -> None:
    allow = loaded(tmp_path, "* # everything")
    hits = Matcher(Wanted([Canary(NUMBER)], ["7391"])).search(f"{NUMBER} cvc=7391".encode())

    assert [allow.reason_for("anywhere", hit) for hit in hits] == [None, None]


@pytest.mark.parametrize("line", ["*: 4242*", "*: 4242* #", "*: 4242*  #  ", "*#no space"])
def test_a_line_without_a_reason_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(StackError, match=r"line 2 of the allow-list .* gives no reason") as refusal:
        loaded(tmp_path, f"* # fine\n{line}\n")
    assert "PATTERN # REASON" in refusal.value.next_step


def test_a_list_that_cant_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="can't be read"):
        load_allow_list((tmp_path / "none.txt",))


def test_the_shipped_list_is_sound_and_lets_no_network_pass() -> None:
    shipped = load_allow_list((SHIPPED,))
    [hit] = Matcher(Wanted()).search(NUMBER.encode())

    assert all(len(entry.reason) > 20 for entry in shipped.entries)
    for place in ("logs/vault.log", "payera.vault.card (text)", "topic payera.payments.v1/0 record 1 value"):
        assert shipped.reason_for(place, hit) is None
