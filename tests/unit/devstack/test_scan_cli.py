"""`payera scan` over files: exit codes, what it prints where, and that it never prints a number."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from devstack import cli
from devstack.scan import searching
from devstack.scan.stack import STORES

NUMBER = "4242424242424242"
CANARY = "4000056655665557"


def scan(home: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["--home", str(home), "scan", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_text("nothing to see\n")
    return tmp_path / "logs"


def test_nothing_found(folder: Path) -> None:
    outcome = scan(folder, folder)

    assert outcome.exit_code == 0
    assert "nothing found in 1 places" in outcome.stdout
    assert "paths: searching" in outcome.stderr


def test_found(folder: Path) -> None:
    (folder / "b.log").write_text(f"card {NUMBER}\n" + '{"cvc": "739"}\n')

    outcome = scan(folder, folder)

    assert outcome.exit_code == 1
    assert "b.log: raw: 424242***4242 at offset 5\n" in outcome.stdout
    assert "b.log: beside cvc: *** at offset 31 (code)\n" in outcome.stdout
    assert "FOUND: 2. What to do: docs/scan.md" in outcome.stdout
    assert NUMBER not in outcome.output
    assert "739" not in outcome.output


def test_json(folder: Path) -> None:
    (folder / "b.log").write_text(f"card {NUMBER}\n")

    outcome = scan(folder, folder, folder / "none", "--json")

    assert outcome.exit_code == 1
    told = json.loads(outcome.stdout)
    assert (told["exit_code"], told["found"], told["complete"]) == (1, 1, False)
    assert told["findings"] == [
        {
            "store": "paths",
            "place": "b.log",
            "kind": "card number",
            "form": "raw",
            "shown": "424242***4242",
            "offset": 5,
        }
    ]
    assert told["stores"][0]["state"] == "searched in part"
    assert told["stores"][0]["reasons"] == [f"{folder / 'none'}: there is no such file or folder"]
    assert NUMBER not in outcome.output


def test_what_could_not_be_searched_is_not_called_clean(folder: Path) -> None:
    outcome = scan(folder, folder / "none")

    assert outcome.exit_code == 2
    assert "NOT ALL SEARCHED: paths" in outcome.stdout
    assert "nothing found in" not in outcome.stdout


def test_a_home_without_a_stack_is_not_called_clean(tmp_path: Path) -> None:
    outcome = scan(tmp_path / "none")

    assert outcome.exit_code == 2
    assert outcome.stdout.count("there is no stack in") == len(STORES)
    assert not (tmp_path / "none").exists()


def test_stores_can_be_named_and_left_out(tmp_path: Path) -> None:
    outcome = scan(tmp_path, "--store", "kafka", "--store", "home", "--without", "home", "--json")
    assert [store["name"] for store in json.loads(outcome.stdout)["stores"]] == ["kafka"]

    outcome = scan(tmp_path, *(part for name in STORES for part in ("--without", name)))
    assert outcome.exit_code == 2
    assert "there is nothing left to search" in outcome.stderr
    assert scan(tmp_path, "--store", "nowhere").exit_code == 2


@pytest.mark.parametrize("given", [CANARY, "4000 0566 5566 5557", "4000-0566-5566-5557"])
def test_canaries_are_found_though_their_check_digit_is_wrong(folder: Path, given: str) -> None:
    (folder / "b.log").write_text(f"x{CANARY}y\n")
    assert scan(folder, folder).exit_code == 0

    outcome = scan(folder, folder, "--canary", given)

    assert outcome.exit_code == 1
    assert "b.log: raw: 400005***5557 at offset 1 (canary)" in outcome.stdout
    assert CANARY not in outcome.output


def test_canaries_from_a_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "canaries").write_text(f"# planted on Monday\n{CANARY}\n\ncode: 7391\nsk_live_planted_key\n")
    (folder / "b.log").write_text(f"{CANARY} cvc was 7391, key sk_live_planted_key, card {NUMBER}")

    outcome = scan(folder, folder, "--canaries", tmp_path / "canaries", "--canaries-only")

    assert outcome.exit_code == 1
    lines = [line for line in outcome.stdout.splitlines() if line.startswith("b.log")]
    assert [line.rsplit("(", 1)[1] for line in lines] == ["canary)", "canary code)", "canary)"]
    for secret in (CANARY, "7391", "sk_live_planted_key", NUMBER):
        assert secret not in outcome.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("--canary", "400005665566"),
        ("--canary", "40000566556655574000056655665557"),
        ("--canary", "short"),
        ("--canary-code", "73915"),
        ("--canary-code", "abc"),
        ("--canaries", "/nowhere"),
        ("--canaries-only",),
        ("--allow", "/nowhere"),
        ("--seconds", "0"),
    ],
)
def test_what_is_wrong_is_refused_and_not_repeated(folder: Path, arguments: tuple[str, ...]) -> None:
    outcome = scan(folder, folder, *arguments)

    assert outcome.exit_code == 2
    assert all(len(part) < 3 or part not in outcome.output for part in arguments[1:] if part != "/nowhere")


def test_an_allow_list(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "allow").write_text(f"b.log: raw: {NUMBER} # a published test card\n")
    (folder / "b.log").write_text(f"card {NUMBER}\n")

    outcome = scan(folder, folder, "--allow", tmp_path / "allow")

    assert outcome.exit_code == 0
    assert "1 on the allow-list" in outcome.stdout


def test_an_interruption_ends_without_a_verdict(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(searching.Look, "through", interrupted)

    outcome = scan(folder, folder)

    assert outcome.exit_code == 130
    assert "nothing found in" not in outcome.output
    assert "interrupted" in outcome.stderr


def test_the_help_says_what_the_exit_codes_mean() -> None:
    outcome = CliRunner().invoke(cli.main, ["scan", "--help"])

    assert outcome.exit_code == 0
    assert "0 when nothing was found, 1 when something was, and 2 when" in " ".join(outcome.stdout.split())
