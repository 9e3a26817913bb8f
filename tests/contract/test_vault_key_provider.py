"""What every key provider of the vault does: the keyring file, AWS KMS, and the fake that unit tests use."""

import asyncio
import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from mesh.identifiers import new_id
from tests.fakes.vault.key_provider import FakeKeyProvider
from tests.support.kms import MotoKms, moto_kms, set_aws_environment
from vault_svc.adapters.aws_kms.client import KmsLimits
from vault_svc.adapters.aws_kms.key_provider import AwsKmsKeyProvider
from vault_svc.adapters.keyring.key_provider import load_keyring
from vault_svc.application.ports.key_provider import KeyProvider, KeyState, KeyUnavailableError, WrappedKey

__all__ = ["moto_kms"]


class Lab(Protocol):
    """A provider, and what its operator may do."""

    @property
    def provider(self) -> KeyProvider: ...

    @property
    def unknown_key_id(self) -> str:
        """The id of a key that looks like ours and isn't there."""
        ...

    def rotate(self) -> KeyProvider:
        """Make another key the active one; give a provider of a process that starts after that."""
        ...


@dataclass
class FakeLab:
    provider: FakeKeyProvider = field(default_factory=FakeKeyProvider)
    unknown_key_id: str = "fake_kek_unknown"

    def rotate(self) -> KeyProvider:
        self.provider.active_key_id = f"{self.provider.active_key_id}_later"
        return self.provider


@dataclass
class FileLab:
    folder: Path
    keys: dict[str, str] = field(default_factory=dict)
    unknown_key_id: str = "kek_unknown"

    def __post_init__(self) -> None:
        self.provider: KeyProvider = self.rotate()

    def rotate(self) -> KeyProvider:
        active = f"kek_{len(self.keys)}"
        self.keys[active] = base64.b64encode(secrets.token_bytes(32)).decode()
        path = self.folder / f"{active}.json"
        path.touch(0o600)
        path.write_text(json.dumps({"active_key_encryption_key": active, "key_encryption_keys": self.keys}))
        return load_keyring(path, environment="dev")


@dataclass
class KmsLab:
    kms: MotoKms
    opened: ExitStack
    alias: str = field(default_factory=lambda: f"alias/{new_id('tok')}")
    keys: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.provider: KeyProvider = self.rotate()

    @property
    def unknown_key_id(self) -> str:
        return f"{self.keys[0].rpartition('/')[0]}/00000000-0000-4000-8000-000000000000"

    def rotate(self) -> KeyProvider:
        former = list(self.keys)
        self.keys.append(self.kms.create_key())
        self.kms.point_alias(self.alias, self.keys[-1])
        # Ample, so that a machine with much to do changes no outcome.
        limits = KmsLimits(deadline_seconds=30.0, connect_seconds=10.0, read_seconds=10.0)
        provider = AwsKmsKeyProvider(self.alias, decrypt_only_keys=former, endpoint=self.kms.endpoint, limits=limits)
        self.opened.callback(provider.close)
        return provider


@contextmanager
def open_lab(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Lab]:
    if kind != "kms":
        yield FileLab(folder) if kind == "file" else FakeLab()
        return
    set_aws_environment(request.getfixturevalue("monkeypatch"))
    with ExitStack() as opened:
        yield KmsLab(request.getfixturevalue("moto_kms"), opened)


@pytest.fixture(params=["fake", "file", pytest.param("kms", marks=pytest.mark.integration)])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    with open_lab(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture
def provider(lab: Lab) -> KeyProvider:
    return lab.provider


def changed_bytes(wrapped: bytes) -> list[bytes]:
    """Every byte changed in one bit, cuts at both ends, and something more at the end."""
    flipped = [wrapped[:at] + bytes([wrapped[at] ^ 1 << at % 7]) + wrapped[at + 1 :] for at in range(len(wrapped))]
    cut = [wrapped[:length] for length in (0, 1, len(wrapped) // 2, len(wrapped) - 16, len(wrapped) - 1)]
    return [*flipped, *cut, wrapped[1:], wrapped + b"\0"]


async def test_a_data_key_is_random_and_unwraps_to_itself(provider: KeyProvider) -> None:
    one, two = await provider.generate_data_key(b"here"), await provider.generate_data_key(b"here")
    assert len(one.key.reveal()) == 32
    assert one.key != two.key
    assert one.key.reveal() not in one.wrapped.wrapped
    assert await provider.unwrap(one.wrapped, b"here") == one.key
    assert await provider.unwrap(two.wrapped, b"here") == two.key


# moto does authenticate the encryption context, for GenerateDataKey, Decrypt and ReEncrypt alike.
@pytest.mark.parametrize("context", [b"there", b"", b"her", b"here\0", b"\0here", b"HERE"])
async def test_a_wrapped_key_does_not_open_in_another_context(provider: KeyProvider, context: bytes) -> None:
    new = await provider.generate_data_key(b"here")
    with pytest.raises(KeyUnavailableError):
        await provider.unwrap(new.wrapped, context)


@pytest.mark.parametrize("context", [b"", b"\xff\x00\xfe", b"x" * 20_000, "кот".encode()])
async def test_any_bytes_make_a_context(provider: KeyProvider, context: bytes) -> None:
    new = await provider.generate_data_key(context)
    assert await provider.unwrap(new.wrapped, context) == new.key


async def test_changed_bytes_do_not_open(provider: KeyProvider) -> None:
    wrapped = (await provider.generate_data_key(b"here")).wrapped
    for changed in changed_bytes(wrapped.wrapped):
        with pytest.raises(KeyUnavailableError):
            await provider.unwrap(WrappedKey(wrapped.key_encryption_key_id, changed), b"here")


async def test_an_unknown_key_encryption_key_is_told_by_name(provider: KeyProvider) -> None:
    wrapped = (await provider.generate_data_key(b"here")).wrapped
    for key_id in ("kek_of_nobody", f"{wrapped.key_encryption_key_id}0"):
        with pytest.raises(KeyUnavailableError, match=key_id):
            await provider.unwrap(WrappedKey(key_id, wrapped.wrapped), b"here")


async def test_many_keys_at_once_are_all_different(provider: KeyProvider) -> None:
    made = await asyncio.gather(*[provider.generate_data_key(b"here") for _ in range(60)])
    assert len({new.key.reveal() for new in made}) == 60
    assert await asyncio.gather(*[provider.unwrap(new.wrapped, b"here") for new in made]) == [new.key for new in made]


async def test_a_key_that_is_gone_is_told_by_name(lab: Lab) -> None:
    wrapped = (await lab.provider.generate_data_key(b"here")).wrapped
    gone = WrappedKey(lab.unknown_key_id, wrapped.wrapped)
    for call in (lab.provider.unwrap(gone, b"here"), lab.provider.rewrap(gone, b"here")):
        with pytest.raises(KeyUnavailableError, match=lab.unknown_key_id):
            await call


async def test_new_keys_are_under_the_active_key(lab: Lab) -> None:
    new = await lab.provider.generate_data_key(b"here")
    assert new.wrapped.key_encryption_key_id == lab.provider.active_key_id
    later = lab.rotate()
    newer = await later.generate_data_key(b"here")
    assert newer.wrapped.key_encryption_key_id == later.active_key_id != new.wrapped.key_encryption_key_id
    assert await later.unwrap(new.wrapped, b"here") == new.key


async def test_what_is_under_the_active_key_is_not_wrapped_again(lab: Lab) -> None:
    new = await lab.provider.generate_data_key(b"here")
    assert await lab.provider.rewrap(new.wrapped, b"here") == new.wrapped


async def test_a_rewrapped_key_is_the_same_key_under_the_active_one(lab: Lab) -> None:
    new = await lab.provider.generate_data_key(b"here")
    later = lab.rotate()
    rewrapped = await later.rewrap(new.wrapped, b"here")
    assert rewrapped.key_encryption_key_id == later.active_key_id
    assert rewrapped.wrapped != new.wrapped.wrapped
    assert new.key.reveal() not in rewrapped.wrapped
    assert await later.unwrap(rewrapped, b"here") == new.key
    assert await later.rewrap(rewrapped, b"here") == rewrapped
    # The old wrapping still opens: what reads it from an older row finds the same key.
    assert await later.unwrap(new.wrapped, b"here") == new.key
    with pytest.raises(KeyUnavailableError):
        await later.unwrap(rewrapped, b"there")


async def test_what_does_not_open_is_not_rewrapped(lab: Lab) -> None:
    wrapped = (await lab.provider.generate_data_key(b"here")).wrapped
    later = lab.rotate()
    with pytest.raises(KeyUnavailableError):
        await later.rewrap(wrapped, b"there")
    for changed in changed_bytes(wrapped.wrapped)[::5]:
        with pytest.raises(KeyUnavailableError):
            await later.rewrap(WrappedKey(wrapped.key_encryption_key_id, changed), b"here")


async def test_a_wrapped_key_under_another_keys_name_does_not_open(lab: Lab) -> None:
    first = await lab.provider.generate_data_key(b"here")
    second_provider = lab.rotate()
    second = await second_provider.generate_data_key(b"here")
    third_provider = lab.rotate()
    swapped = [
        WrappedKey(first.wrapped.key_encryption_key_id, second.wrapped.wrapped),
        WrappedKey(second.wrapped.key_encryption_key_id, first.wrapped.wrapped),
    ]
    for wrapped in swapped:
        with pytest.raises(KeyUnavailableError):
            await third_provider.unwrap(wrapped, b"here")
        # moto takes no notice of SourceKeyId, where KMS answers IncorrectKeyException: here our own look at what key
        # was used is tested.
        with pytest.raises(KeyUnavailableError):
            await third_provider.rewrap(wrapped, b"here")


async def test_the_keys_are_described_for_the_inventory(lab: Lab) -> None:
    await lab.provider.generate_data_key(b"here")
    [only] = await lab.provider.keys()
    assert (only.key_id, only.state) == (lab.provider.active_key_id, KeyState.ACTIVE)
    later = lab.rotate()
    active, former = await later.keys()
    assert (active.key_id, active.state) == (later.active_key_id, KeyState.ACTIVE)
    assert (former.key_id, former.state) == (only.key_id, KeyState.DECRYPT_ONLY)
    for described in (active, former):
        assert described.algorithm
        assert described.strength_bits == 256
        assert described.kept_in
        if described.created_at is not None:
            assert described.created_at.tzinfo is UTC
            assert abs((datetime.now(UTC) - described.created_at).total_seconds()) < 60


async def test_no_error_or_text_shows_a_key(lab: Lab) -> None:
    new = await lab.provider.generate_data_key(b"here")
    errors = []
    for wrapped in (WrappedKey(lab.unknown_key_id, new.wrapped.wrapped), new.wrapped):
        with pytest.raises(KeyUnavailableError) as refused:
            await lab.provider.unwrap(wrapped, b"there")
        errors.append(refused.value)
    assert all(error.__suppress_context__ or error.__context__ is None for error in errors)
    shown = repr(errors) + str(errors) + repr(new) + repr(lab.provider) + repr(await lab.provider.keys())
    key = new.key.reveal()
    assert not any(form in shown for form in (key.hex(), base64.b64encode(key).decode(), repr(key)[2:-1]))
