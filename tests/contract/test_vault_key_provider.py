"""What every key provider of the vault does."""

from pathlib import Path

import pytest

from tests.fakes.vault.key_provider import FakeKeyProvider
from vault_svc.adapters.keyring.key_provider import create_keyring, load_keyring
from vault_svc.application.ports.key_provider import KeyProvider, KeyUnavailableError, WrappedKey


@pytest.fixture(params=["fake", "file"])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> KeyProvider:
    if request.param == "fake":
        return FakeKeyProvider()
    create_keyring(tmp_path / "keyring.json")
    return load_keyring(tmp_path / "keyring.json", environment="dev")


async def test_a_data_key_is_random_and_unwraps_to_itself(provider: KeyProvider) -> None:
    one, two = await provider.generate_data_key(b"here"), await provider.generate_data_key(b"here")
    assert len(one.key.reveal()) == 32
    assert one.key != two.key
    assert one.key.reveal() not in one.wrapped.wrapped
    assert await provider.unwrap(one.wrapped, b"here") == one.key
    assert await provider.unwrap(two.wrapped, b"here") == two.key


async def test_a_wrapped_key_does_not_open_in_another_context(provider: KeyProvider) -> None:
    new = await provider.generate_data_key(b"here")
    with pytest.raises(KeyUnavailableError):
        await provider.unwrap(new.wrapped, b"there")


async def test_changed_bytes_do_not_open(provider: KeyProvider) -> None:
    wrapped = (await provider.generate_data_key(b"here")).wrapped
    for changed in (
        b"",
        wrapped.wrapped[:-1],
        wrapped.wrapped + b"\0",
        wrapped.wrapped[:-1] + bytes([wrapped.wrapped[-1] ^ 1]),
        bytes([wrapped.wrapped[0] ^ 1]) + wrapped.wrapped[1:],
    ):
        with pytest.raises(KeyUnavailableError):
            await provider.unwrap(WrappedKey(wrapped.key_encryption_key_id, changed), b"here")


async def test_an_unknown_key_encryption_key_is_told_by_name(provider: KeyProvider) -> None:
    wrapped = (await provider.generate_data_key(b"here")).wrapped
    with pytest.raises(KeyUnavailableError, match="kek_of_nobody"):
        await provider.unwrap(WrappedKey("kek_of_nobody", wrapped.wrapped), b"here")


async def test_the_fingerprint_key_stays_the_same(provider: KeyProvider) -> None:
    first = await provider.fingerprint_key()
    assert len(first.key.reveal()) == 32
    assert await provider.fingerprint_key() == first
