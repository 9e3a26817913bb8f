"""The file keyring is private, whole, and never used in production."""

import base64
import json
from pathlib import Path

import pytest

from vault_svc.adapters.keyring.key_provider import KeyringError, create_keyring, load_keyring
from vault_svc.application.ports.key_provider import KeyUnavailableError, WrappedKey
from vault_svc.entrypoints import create_keyring as command


def key(byte: int) -> str:
    return base64.b64encode(bytes([byte]) * 32).decode()


def write(path: Path, **changes: object) -> Path:
    content: dict[str, object] = {
        "active_key_encryption_key": "kek_2",
        "key_encryption_keys": {"kek_1": key(1), "kek_2": key(2)},
        "active_fingerprint_key": "fpk_1",
        "fingerprint_keys": {"fpk_1": key(3)},
    }
    path.write_text(json.dumps(content | changes))
    path.chmod(0o600)
    return path


def test_a_created_keyring_is_private_complete_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    create_keyring(path)
    assert path.stat().st_mode & 0o777 == 0o600
    load_keyring(path, environment="dev")
    content = path.read_text()
    with pytest.raises(FileExistsError):
        create_keyring(path)
    assert path.read_text() == content


def test_the_command_creates_a_keyring_and_says_when_it_can_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vault.json"
    assert command.main([str(path)]) == 0
    load_keyring(path, environment="dev")
    assert command.main([str(path)]) == 1
    assert command.main([]) == 2
    assert command.main([str(tmp_path / "nowhere" / "vault.json")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "File exists" in said.err


def test_production_takes_no_keys_from_a_file(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="key management service"):
        load_keyring(write(tmp_path / "vault.json"), environment="prod")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610, 0o700 | 0o001])
def test_a_keyring_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "vault.json")
    path.chmod(mode)
    with pytest.raises(KeyringError, match="chmod 600"):
        load_keyring(path, environment="dev")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"active_key_encryption_key": "kek_9"}, "active key", id="no-active-kek"),
        pytest.param({"key_encryption_keys": {"kek_2": key(1)[:-4]}}, "32 bytes", id="short"),
        pytest.param({"key_encryption_keys": {"kek_2": "!" * 44}}, "32 bytes", id="not-base64"),
        pytest.param({"key_encryption_keys": {"kek_2": key(2), "kek_3": key(2)}}, "one use", id="one-key-for-two-uses"),
        pytest.param({"surprise": 1}, "fields of a keyring", id="unknown-field"),
        pytest.param({"fingerprint_keys": 5}, "fields of a keyring", id="wrong-type"),
    ],
)
def test_a_wrong_keyring_is_refused_without_quoting_a_key(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(KeyringError, match=message) as refused:
        load_keyring(write(tmp_path / "vault.json", **changes), environment="dev")
    assert not any(secret in str(refused.value) for secret in (key(1), key(2), key(3)))


def test_a_missing_or_huge_keyring_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="No such file"):
        load_keyring(tmp_path / "vault.json", environment="dev")
    path = write(tmp_path / "vault.json", surprise="x" * 70_000)
    with pytest.raises(KeyringError, match="larger than"):
        load_keyring(path, environment="dev")


async def test_a_keyring_needs_no_fingerprint_keys(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    path.write_text(json.dumps({"active_key_encryption_key": "kek_1", "key_encryption_keys": {"kek_1": key(1)}}))
    path.chmod(0o600)
    provider = load_keyring(path, environment="dev")
    new = await provider.generate_data_key(b"context")
    assert await provider.unwrap(new.wrapped, b"context") == new.key


async def test_a_keyring_from_before_fingerprint_keys_were_kept_loads_as_before(tmp_path: Path) -> None:
    provider = load_keyring(write(tmp_path / "vault.json"), environment="dev")
    assert provider.active_key_id == "kek_2"


async def test_the_keys_of_a_keyring_are_described_without_age(tmp_path: Path) -> None:
    path = write(tmp_path / "vault.json", key_encryption_keys={"kek_1": key(1), "kek_2": key(2), "kek_3": key(4)})
    described = await load_keyring(path, environment="dev").keys()
    assert [(one.key_id, one.state.value) for one in described] == [
        ("kek_2", "active"),
        ("kek_1", "decrypt_only"),
        ("kek_3", "decrypt_only"),
    ]
    assert {(one.algorithm, one.strength_bits) for one in described} == {("AES-256-GCM", 256)}
    assert {one.kept_in for one in described} == {f"file {path}"}
    assert {one.created_at for one in described} == {None}


async def test_a_key_is_rewrapped_as_long_as_both_keys_are_there(tmp_path: Path) -> None:
    earlier = load_keyring(write(tmp_path / "a.json", active_key_encryption_key="kek_1"), environment="dev")
    both = load_keyring(write(tmp_path / "b.json"), environment="dev")
    later = load_keyring(write(tmp_path / "c.json", key_encryption_keys={"kek_2": key(2)}), environment="dev")
    new = await earlier.generate_data_key(b"context")
    with pytest.raises(KeyUnavailableError, match="kek_1"):
        await later.rewrap(new.wrapped, b"context")
    rewrapped = await both.rewrap(new.wrapped, b"context")
    assert rewrapped.key_encryption_key_id == "kek_2"
    assert await later.unwrap(rewrapped, b"context") == new.key


async def test_a_key_wrapped_with_an_earlier_key_encryption_key_still_opens(tmp_path: Path) -> None:
    earlier = load_keyring(write(tmp_path / "a.json", active_key_encryption_key="kek_1"), environment="dev")
    later = load_keyring(write(tmp_path / "b.json"), environment="dev")
    new = await earlier.generate_data_key(b"context")
    assert new.wrapped.key_encryption_key_id == "kek_1"
    assert await later.unwrap(new.wrapped, b"context") == new.key
    assert (await later.generate_data_key(b"context")).wrapped.key_encryption_key_id == "kek_2"


async def test_a_wrapped_key_under_another_key_encryption_keys_name_does_not_open(tmp_path: Path) -> None:
    # Both names stand for one key in turn, so that only the bound name can make the difference.
    one = load_keyring(write(tmp_path / "a.json", key_encryption_keys={"kek_2": key(1)}), environment="dev")
    two = load_keyring(
        write(tmp_path / "b.json", active_key_encryption_key="kek_1", key_encryption_keys={"kek_1": key(1)}),
        environment="dev",
    )
    new = await one.generate_data_key(b"context")
    with pytest.raises(KeyUnavailableError):
        await two.unwrap(WrappedKey("kek_1", new.wrapped.wrapped), b"context")
