"""What `payera audit` takes, and how it ends when there is nothing to look at."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from devstack import cli
from devstack.audit import cli as audit_cli


def call(home: Path, *arguments: str) -> tuple[int, str, str]:
    outcome = CliRunner().invoke(cli.main, ["--home", str(home), "audit", *arguments])
    return outcome.exit_code, outcome.stdout, outcome.stderr


def moment(text: str | None) -> datetime | None:
    command = audit_cli.verify_audit
    return audit_cli._moment(click.Context(command), command.params[0], text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-02T03:04", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04+02:00", datetime(2026, 1, 2, 1, 4, tzinfo=UTC)),
        (None, None),
    ],
)
def test_since_takes_dates_and_times(text: str | None, expected: datetime | None) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("text", "age"), [("30m", timedelta(minutes=30)), ("12h", timedelta(hours=12)), ("7d", timedelta(days=7))]
)
def test_since_takes_ages(text: str, age: timedelta) -> None:
    found = moment(text)
    assert found is not None
    assert abs(datetime.now(UTC) - age - found) < timedelta(minutes=1)


@pytest.mark.parametrize("text", ["yesterday", "", "12", "7w", "-1d", "999999d", "2999-01-01"])
def test_since_refuses_what_is_no_moment_or_lies_ahead(tmp_path: Path, text: str) -> None:
    code, _, errors = call(tmp_path, "verify", "--since", text)
    assert code == 2
    assert "--since" in errors


@pytest.mark.parametrize("token", ["pay_01JD3V7C4G6H8J0K2M4N6P8Q0R", "tok_1", "4242424242424242", ""])
def test_only_a_token_can_be_asked_for(tmp_path: Path, token: str) -> None:
    code, _, errors = call(tmp_path, "show", token)
    assert code == 2
    assert "no token" in errors


def test_a_card_number_that_was_typed_by_mistake_is_not_repeated(tmp_path: Path) -> None:
    _, output, errors = call(tmp_path, "show", "4242424242424242")
    assert "4242424242424242" not in output + errors


def test_without_a_stack_nothing_is_verified_and_nothing_is_made(tmp_path: Path) -> None:
    home = tmp_path / "none"
    code, output, _ = call(home, "verify", "--json")
    document = json.loads(output)
    assert (code, document["result"]) == (2, "not_verified")
    assert document["not_verified"][0]["next"]
    assert call(home, "show", "tok_01JD3V7C4G6H8J0K2M4N6P8Q0R")[0] == 2
    assert not home.exists()


def test_progress_is_told_on_stderr_and_seldom(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("devstack.audit.cli.time.monotonic", lambda: now[0])
    tell = audit_cli._progress()
    for done in range(10):
        tell(done * 1000, 10_000)
        now[0] += 0.5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["4,000 of 10,000 records", "8,000 of 10,000 records"]
