"""`payera keys` over an operator's calls that answer as they are told."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devstack import cli

NOW = datetime.now(UTC)


def day(days: int) -> str:
    return (NOW + timedelta(days=days)).isoformat().replace("+00:00", "Z")


def key(kind: str, name: str, state: str, **others: Any) -> dict[str, Any]:
    known = {"algorithm": "AES-256-GCM", "strength_bits": 256, "owner": "payera", "wrapped_by": "a file", "rows": "0"}
    return {"id": name, "kind": kind, "state": state, **known, **others}


KEYS = [
    key("KEY_ENCRYPTION_KEY", "kek_2", "active"),
    key("KEY_ENCRYPTION_KEY", "kek_1", "decrypt_only", create_time=day(-900), due_time=day(-170)),
    key("FINGERPRINT_KEY", "fpk_1", "active", wrapped_by="kek_1", create_time=day(-1), due_time=day(729), rows="12"),
    key("DATA_KEY", "mer_1/2", "active", wrapped_by="kek_2", create_time=day(-350), due_time=day(15), rows="7"),
    key("IMPORT_KEY", "cop_1", "active", wrapped_by="kek_1", create_time=day(-40), due_time=day(-10)),
    key("KEY_ENCRYPTION_KEY", "kek_0", "unknown", algorithm="", strength_bits=0, wrapped_by=""),
    key("DATA_KEY", "mer_1/1", "destroyed", wrapped_by="kek_1", create_time=day(-800)),
]


def rotation(state: str, cards: int = 0, **others: Any) -> dict[str, Any]:
    counts = {"keys_done": "1", "cards_done": str(cards), "keys_destroyed": "0"}
    return {"kind": "DATA_KEY", "state": state, **counts, "start_time": "2026-11-21T12:00:00.5Z", **others}


@dataclass
class FakeOperator:
    """Answers with what stands in line for a path, the last for ever."""

    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    changes: list[tuple[str, Mapping[str, Any] | None]] = field(default_factory=list)

    def read(self, path: str, **_: str) -> dict[str, Any]:
        return self._next(path)

    def change(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.changes.append((path, body))
        return self._next(path)

    def pages(self, path: str, name: str, **_: str) -> Iterator[dict[str, Any]]:
        assert (path, name) == ("/v1/vault_keys", "keys")
        return iter(KEYS)

    def _next(self, path: str) -> dict[str, Any]:
        line = self.answers[path]
        return line.pop(0) if len(line) > 1 else line[0]


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> FakeOperator:
    made = FakeOperator()
    monkeypatch.setattr("devstack.keys.cli.operator_of", lambda _: made)
    monkeypatch.setattr("devstack.keys.cli.POLL_SECONDS", 0.0)
    return made


def call(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["--home", str(tmp_path), "keys", *arguments])


@pytest.mark.usefixtures("operator")
def test_keys_are_listed_with_what_is_under_them_and_when_their_time_is_over(tmp_path: Path) -> None:
    lines = call(tmp_path, "list").output.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["key-encryption-key", "kek_2", "active"],
        ["key-encryption-key", "kek_1", "decrypt_only"],
        ["fingerprint-key", "fpk_1", "active"],
        ["data-key", "mer_1/2", "active"],
        ["import-key", "cop_1", "active"],
        ["key-encryption-key", "kek_0", "unknown"],
    ]
    # What is destroyed counts no more; the key of an open import does.
    assert [line.split()[-3] for line in lines[1:3]] == ["1", "2"]
    assert lines[6].split()[3:] == ["unknown", "unknown", "unknown", "0"]
    assert lines[1].count("unknown") == 2
    assert f"{day(-170)[:10]} OVERDUE" in lines[2]
    assert f"{day(15)[:10]} soon" in lines[4]
    assert "soon" not in lines[3]


@pytest.mark.usefixtures("operator")
def test_destroyed_keys_are_listed_on_request_and_all_as_json(tmp_path: Path) -> None:
    assert "mer_1/1" in call(tmp_path, "list", "--all").output
    assert json.loads(call(tmp_path, "list", "--all", "--json").output) == KEYS
    assert len(json.loads(call(tmp_path, "list", "--json").output)) == 6


def test_a_rotation_is_started(tmp_path: Path, operator: FakeOperator) -> None:
    operator.answers["/v1/vault_keys:rotate"] = [rotation("running")]
    result = call(tmp_path, "rotate", "data-key", "--merchant", "mer_1", "--older-than-days", "365")
    assert result.exit_code == 0
    body = {"kind": "DATA_KEY", "merchant_id": "mer_1", "older_than_days": 365}
    assert operator.changes == [("/v1/vault_keys:rotate", body)]
    assert "running" in result.output
    assert "payera keys status data-key" in result.output


def test_waiting_tells_each_change_and_how_it_ended(tmp_path: Path, operator: FakeOperator) -> None:
    operator.answers["/v1/vault_keys:rotate"] = [rotation("running")]
    operator.answers["/v1/vault_key_rotations/DATA_KEY"] = [
        rotation("running", 3),
        rotation("running", 3),
        rotation("finished", 9, end_time="2026-11-21T12:20:00Z"),
    ]
    result = call(tmp_path, "rotate", "data-key", "--wait")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert len(lines) == 3
    assert "9 cards" in lines[2]
    assert "12:00:00 to 2026-11-21T12:20:00" in lines[2]


def test_a_failed_rotation_ends_with_1_and_the_next_step(tmp_path: Path, operator: FakeOperator) -> None:
    operator.answers["/v1/vault_keys:rotate"] = [rotation("running")]
    operator.answers["/v1/vault_key_rotations/DATA_KEY"] = [rotation("failed", end_time="2026-11-21T12:20:00Z")]
    result = call(tmp_path, "rotate", "data-key", "--wait")
    assert result.exit_code == 1
    assert "payera logs vault_worker" in result.output


def test_the_status_of_every_kind_or_of_some(tmp_path: Path, operator: FakeOperator) -> None:
    for kind in ("KEY_ENCRYPTION_KEY", "DATA_KEY", "FINGERPRINT_KEY"):
        operator.answers[f"/v1/vault_key_rotations/{kind}"] = [{"kind": kind, "state": "none"}]
    operator.answers["/v1/vault_key_rotations/DATA_KEY"] = [rotation("running", 5)]
    result = call(tmp_path, "status")
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.output.splitlines()] == [
        ["key-encryption-key", "none"],
        ["data-key", "running"],
        ["fingerprint-key", "none"],
    ]
    assert len(call(tmp_path, "status", "data-key").output.splitlines()) == 1
    assert len(json.loads(call(tmp_path, "status", "--json").output)) == 3


def test_an_unknown_kind_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    result = call(tmp_path, "rotate", "kek")
    assert result.exit_code == 2
    assert "key-encryption-key" in result.output


def test_it_is_listed_among_the_commands() -> None:
    assert "Look at the vault's keys" in CliRunner().invoke(cli.main, ["--help"]).output
