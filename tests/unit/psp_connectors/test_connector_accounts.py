import json
from pathlib import Path
from typing import Any

import pytest

from mesh.settings import SettingsError
from psp_connectors.adapters.accounts import load_accounts
from psp_connectors.connectors.registry import CONNECTORS

ENTRY = {"account": "a", "connector": "sandbox", "base_url": "https://psp/", "api_key": "very_secret"}


def load(path: Path, *entries: Any, environment: str = "dev") -> Any:
    path.write_text(json.dumps(entries))
    return load_accounts(path, CONNECTORS, environment)


def test_accounts_come_ordered_with_redacted_keys(tmp_path: Path) -> None:
    extras = {"secrets": {"webhook": "very_secret"}, "settings": {"merchant": "m"}}
    accounts = load(tmp_path / "f", ENTRY | {"account": "b"}, ENTRY | extras)
    assert list(accounts) == ["a", "b"]
    assert accounts["a"].api_key.reveal() == "very_secret"
    assert accounts["a"].secrets["webhook"].reveal() == "very_secret"
    assert accounts["a"].settings == {"merchant": "m"}
    assert accounts["a"].base_url == "https://psp"
    assert "very_secret" not in repr(accounts)


@pytest.mark.parametrize(
    "changes",
    [
        {"connector": "none"},
        {"account": ""},
        {"api_key": ""},
        {"api_key": 5},
        {"other": 1},
        {"base_url": "psp"},
        {"base_url": "ftp://psp"},
        {"base_url": "https://psp?x"},
        {"base_url": "https://user:very_secret@psp"},
    ],
)
def test_wrong_entries_are_explained_without_secrets(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "f", ENTRY | changes)
    assert "very_secret" not in str(caught.value)


def test_names_are_unique(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="twice"):
        load(tmp_path / "f", ENTRY, ENTRY)


def test_production_takes_no_address_without_tls(tmp_path: Path) -> None:
    plain = ENTRY | {"base_url": "http://psp"}
    assert load(tmp_path / "f", plain)
    with pytest.raises(SettingsError, match="https"):
        load(tmp_path / "f", plain, environment="prod")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'[{"account": "a"}]'])
def test_unusable_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(SettingsError):
        load_accounts(path, CONNECTORS, "dev")
    with pytest.raises(SettingsError, match="can't be read"):
        load_accounts(tmp_path / "missing", CONNECTORS, "dev")
