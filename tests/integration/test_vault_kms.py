"""The vault's keys in AWS KMS: what goes over the wire, what its refusals mean, and what happens without it.

moto's server stands for a KMS that works, and a server that answers as told for what moto does not do: it has no IAM,
opens with disabled keys, takes no notice of ReEncrypt's SourceKeyId and never has too much to do.
"""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any, Final, TypeVar

import pytest

from mesh.identifiers import new_id
from tests.fakes.vault.clocks import FakeMonotonic
from tests.support.kms import (
    ACCOUNT,
    BLOB,
    CONTEXT,
    DIGEST,
    ELSEWHERE_KEY,
    FOREIGN_KEY,
    HOST,
    KEY,
    OLD_KEY,
    PLAINTEXT,
    SECRET_ACCESS_KEY,
    SESSION_TOKEN,
    Answer,
    MotoKms,
    ToldKms,
    b64,
    decrypted,
    described,
    generated,
    moto_kms,
    open_told_kms,
    re_encrypted,
    refusal,
    set_aws_environment,
)
from vault_svc.adapters.aws_kms.client import KmsLimits
from vault_svc.adapters.aws_kms.key_provider import ACTIVE_KEY_LIFE_SECONDS, AwsKmsKeyProvider
from vault_svc.application.ports.key_provider import (
    KeyProviderDownError,
    KeyState,
    KeyUnavailableError,
    WrappedKey,
)

__all__ = ["moto_kms"]

pytestmark = pytest.mark.integration

#: Ample, so that a machine with much to do changes no outcome; where time matters, the test says so.
LIMITS: Final = KmsLimits(deadline_seconds=30.0, connect_seconds=10.0, read_seconds=10.0)

T = TypeVar("T")
Call = Callable[[AwsKmsKeyProvider], Coroutine[Any, Any, Any]]
CALLS: Final[dict[str, Call]] = {
    "generate": lambda provider: provider.generate_data_key(CONTEXT),
    "unwrap": lambda provider: provider.unwrap(WrappedKey(OLD_KEY, BLOB), CONTEXT),
    "rewrap": lambda provider: provider.rewrap(WrappedKey(OLD_KEY, BLOB), CONTEXT),
    "keys": lambda provider: provider.keys(),
}
every_call = pytest.mark.parametrize("call", [pytest.param(call, id=name) for name, call in CALLS.items()])


def free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def provider_at(endpoint: str, key: str = KEY, **options: Any) -> Iterator[AwsKmsKeyProvider]:
    provider = AwsKmsKeyProvider(key, endpoint=endpoint, **({"limits": LIMITS} | options))
    try:
        yield provider
    finally:
        provider.close()


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    set_aws_environment(monkeypatch)


@pytest.fixture
async def told() -> AsyncIterator[ToldKms]:
    async with open_told_kms() as kms:
        yield kms


# What goes over the wire.


async def test_a_data_key_is_made_under_the_alias_and_bound_to_a_digest_of_the_context(told: ToldKms) -> None:
    told.will(generated())
    with provider_at(told.endpoint, "alias/payera-vault") as provider:
        assert provider.active_key_id == "alias/payera-vault"
        new = await provider.generate_data_key(CONTEXT)
        assert (new.key.reveal(), new.wrapped) == (PLAINTEXT, WrappedKey(KEY, BLOB))
        assert provider.active_key_id == KEY
    [asked] = told.asked
    assert asked.operation == "GenerateDataKey"
    assert asked.body == {"KeyId": "alias/payera-vault", "KeySpec": "AES_256", "EncryptionContext": DIGEST}


async def test_decrypt_names_the_key_and_the_context(told: ToldKms) -> None:
    told.will(decrypted())
    with provider_at(told.endpoint) as provider:
        assert (await provider.unwrap(WrappedKey(OLD_KEY, BLOB), CONTEXT)).reveal() == PLAINTEXT
    [asked] = told.asked
    assert asked.operation == "Decrypt"
    assert asked.body == {
        "CiphertextBlob": b64(BLOB),
        "KeyId": OLD_KEY,
        "EncryptionContext": DIGEST,
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }


async def test_a_key_is_rewrapped_inside_kms_alone(told: ToldKms) -> None:
    told.will(described(), re_encrypted())
    with provider_at(told.endpoint, "alias/payera-vault") as provider:
        assert await provider.rewrap(WrappedKey(OLD_KEY, BLOB), CONTEXT) == WrappedKey(KEY, BLOB[::-1])
        assert await provider.rewrap(WrappedKey(KEY, BLOB), CONTEXT) == WrappedKey(KEY, BLOB)
    assert told.operations == ["DescribeKey", "ReEncrypt"]
    assert told.asked[1].body == {
        "CiphertextBlob": b64(BLOB),
        "SourceKeyId": OLD_KEY,
        "SourceEncryptionContext": DIGEST,
        "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "DestinationKeyId": KEY,
        "DestinationEncryptionContext": DIGEST,
        "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }


async def test_a_key_named_by_its_arn_is_not_asked_for(told: ToldKms) -> None:
    told.will(re_encrypted())
    with provider_at(told.endpoint, KEY) as provider:
        assert provider.active_key_id == KEY
        await provider.rewrap(WrappedKey(OLD_KEY, BLOB), CONTEXT)
    assert told.operations == ["ReEncrypt"]


async def test_an_endpoint_of_awss_own_settings_is_not_used(told: ToldKms, monkeypatch: pytest.MonkeyPatch) -> None:
    told.will(generated())
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:{free_port()}")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://{HOST}:{free_port()}")
    monkeypatch.setenv("HTTP_PROXY", f"http://{HOST}:{free_port()}")
    with provider_at(told.endpoint) as provider:
        await provider.generate_data_key(CONTEXT)
    told.asked.clear()
    # To AWS itself, which a proxy that is not there keeps from being reached.
    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", told.endpoint)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{HOST}:{free_port()}")
    with provider_at("") as provider, pytest.raises(KeyProviderDownError):
        await provider.generate_data_key(CONTEXT)
    assert told.asked == []


async def test_an_alias_may_move_to_another_key(moto_kms: MotoKms) -> None:
    alias = f"alias/{new_id('tok')}"
    clock = FakeMonotonic()
    first, second = moto_kms.create_key(), moto_kms.create_key()
    moto_kms.point_alias(alias, first)
    with provider_at(moto_kms.endpoint, alias, monotonic=clock) as provider:
        old = await provider.generate_data_key(CONTEXT)
        assert old.wrapped.key_encryption_key_id == provider.active_key_id == first
        moto_kms.point_alias(alias, second)
        # A process that has not asked for a while rewraps nothing yet, and nothing goes wrong by it.
        assert await provider.rewrap(old.wrapped, CONTEXT) == old.wrapped
        clock.seconds += ACTIVE_KEY_LIFE_SECONDS
        rewrapped = await provider.rewrap(old.wrapped, CONTEXT)
        assert rewrapped.key_encryption_key_id == provider.active_key_id == second
        assert (await provider.generate_data_key(CONTEXT)).wrapped.key_encryption_key_id == second
        for wrapped in (old.wrapped, rewrapped):
            assert await provider.unwrap(wrapped, CONTEXT) == old.key


async def test_a_new_key_is_used_at_once_for_new_data_keys(moto_kms: MotoKms) -> None:
    alias = f"alias/{new_id('tok')}"
    first, second = moto_kms.create_key(), moto_kms.create_key()
    moto_kms.point_alias(alias, first)
    with provider_at(moto_kms.endpoint, alias) as provider:
        old = await provider.generate_data_key(CONTEXT)
        moto_kms.point_alias(alias, second)
        assert (await provider.generate_data_key(CONTEXT)).wrapped.key_encryption_key_id == second
        assert (await provider.rewrap(old.wrapped, CONTEXT)).key_encryption_key_id == second


async def test_an_alias_may_be_named_by_its_arn(moto_kms: MotoKms) -> None:
    alias, key = f"alias/{new_id('tok')}", moto_kms.create_key()
    moto_kms.point_alias(alias, key)
    with provider_at(moto_kms.endpoint, f"{key.rpartition(':')[0]}:{alias}") as provider:
        new = await provider.generate_data_key(CONTEXT)
        assert new.wrapped.key_encryption_key_id == key
        assert await provider.unwrap(new.wrapped, CONTEXT) == new.key


# Keys that are not ours.


@pytest.mark.parametrize("key", [KEY, "alias/payera-vault"])
@pytest.mark.parametrize(
    "foreign", [FOREIGN_KEY, ELSEWHERE_KEY, f"{ACCOUNT}:alias/payera-vault", "", "alias/x", f"{KEY}\n"]
)
async def test_a_key_of_another_account_is_not_even_tried(told: ToldKms, key: str, foreign: str) -> None:
    told.will(described())
    with provider_at(told.endpoint, key) as provider:
        for call in (provider.unwrap, provider.rewrap):
            with pytest.raises(KeyUnavailableError):
                await call(WrappedKey(foreign, BLOB), CONTEXT)
    assert set(told.operations) <= {"DescribeKey"}


async def test_a_key_of_another_account_may_be_listed(told: ToldKms) -> None:
    told.will(decrypted(FOREIGN_KEY))
    with provider_at(told.endpoint, decrypt_only_keys=[FOREIGN_KEY]) as provider:
        assert (await provider.unwrap(WrappedKey(FOREIGN_KEY, BLOB), CONTEXT)).reveal() == PLAINTEXT


@pytest.mark.parametrize("size", [0, 6145])
async def test_what_kms_can_not_have_wrapped_is_not_sent(told: ToldKms, size: int) -> None:
    told.will(decrypted())
    with provider_at(told.endpoint) as provider, pytest.raises(KeyUnavailableError, match="empty or too long"):
        await provider.unwrap(WrappedKey(OLD_KEY, b"x" * size), CONTEXT)
    assert told.asked == []


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        pytest.param("unwrap", decrypted(KEY), id="decrypted-with-another-key"),
        pytest.param("unwrap", decrypted(plaintext=PLAINTEXT[:16]), id="short-key"),
        pytest.param("rewrap", re_encrypted(source=KEY), id="from-another-key"),
        pytest.param("rewrap", re_encrypted(target=OLD_KEY), id="to-another-key"),
        pytest.param("generate", generated(plaintext=b""), id="no-key"),
        pytest.param("generate", generated(f"{ACCOUNT}:alias/x"), id="generated-under-no-key"),
        pytest.param("keys", described(spec="RSA_4096"), id="asymmetric"),
        pytest.param("keys", described(spec="HMAC_256"), id="mac"),
    ],
)
async def test_another_answer_than_asked_for_is_refused(told: ToldKms, call: str, answer: Answer) -> None:
    told.will(answer)
    with provider_at(told.endpoint) as provider, pytest.raises(KeyUnavailableError):
        await CALLS[call](provider)


# Refusals, and failures that pass.


FINAL_REFUSALS: Final = (
    "AccessDeniedException",
    "NotFoundException",
    "DisabledException",
    "KMSInvalidStateException",
    "InvalidCiphertextException",
    "IncorrectKeyException",
    "InvalidKeyUsageException",
    "InvalidArnException",
    "InvalidGrantTokenException",
    "ValidationException",
    "UnrecognizedClientException",
    "SomethingNewException",
)


@pytest.mark.parametrize(
    ("call", "code"),
    [*[(call, FINAL_REFUSALS[0]) for call in CALLS], *[("unwrap", code) for code in FINAL_REFUSALS[1:]]],
)
async def test_a_refusal_is_final_and_not_tried_again(told: ToldKms, call: str, code: str) -> None:
    told.will(refusal(code, text=f"quotes {b64(PLAINTEXT)}"))
    with provider_at(told.endpoint) as provider, pytest.raises(KeyUnavailableError, match=code) as refused:
        await CALLS[call](provider)
    assert len(told.asked) == 1
    assert "5a3b-request" in str(refused.value)
    assert "quotes" not in str(refused.value)
    assert any(key in str(refused.value) for key in (KEY, OLD_KEY))


@pytest.mark.parametrize(
    ("call", "code", "status", "tries"),
    [
        *[(call, "ThrottlingException", 400, 2) for call in CALLS],
        ("unwrap", "LimitExceededException", 400, 2),
        ("unwrap", "TooManyRequestsException", 429, 2),
        ("unwrap", "SomethingNewException", 429, 2),
        ("unwrap", "KeyUnavailableException", 500, 2),
        ("unwrap", "KMSInternalException", 500, 2),
        ("unwrap", "DependencyTimeoutException", 503, 2),
        ("unwrap", "DependencyTimeoutException", 400, 1),
        ("unwrap", "ServiceUnavailable", 503, 2),
        ("unwrap", "ExpiredTokenException", 400, 1),
    ],
)
async def test_what_passes_is_told_as_down_when_it_did_not_pass_at_once(
    told: ToldKms, call: str, code: str, status: int, tries: int
) -> None:
    told.will(refusal(code, status))
    with provider_at(told.endpoint) as provider, pytest.raises(KeyProviderDownError, match=code):
        await CALLS[call](provider)
    assert len(told.asked) == tries


async def test_a_call_that_works_the_second_time_works(told: ToldKms) -> None:
    told.will(refusal("ThrottlingException"), generated())
    with provider_at(told.endpoint) as provider:
        assert (await provider.generate_data_key(CONTEXT)).key.reveal() == PLAINTEXT
    assert len(told.asked) == 2


@every_call
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(b""), id="nothing"),
        pytest.param(Answer({}), id="no-parts"),
        pytest.param(Answer(b"[]"), id="no-object"),
        pytest.param(Answer(b"<html>proxy</html>"), id="html"),
        pytest.param(Answer(b"<html>proxy</html>", 502), id="html-502"),
        pytest.param(
            Answer({"Plaintext": "A", "CiphertextBlob": "A", "KeyId": KEY, "SourceKeyId": KEY, "KeyMetadata": 5}),
            id="no-base64",
        ),
    ],
)
async def test_an_answer_that_is_none_of_kms_tells_that_it_is_down(told: ToldKms, call: Call, answer: Answer) -> None:
    told.will(answer)
    with provider_at(told.endpoint) as provider, pytest.raises(KeyProviderDownError):
        await call(provider)


async def test_without_credentials_kms_is_down_until_there_are_some(
    told: ToldKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.will(generated())
    had = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    for name in had:
        monkeypatch.delenv(name)
    with provider_at(told.endpoint) as provider:
        with pytest.raises(KeyProviderDownError, match="NoCredentialsError"):
            await provider.generate_data_key(CONTEXT)
        for name, value in had.items():
            monkeypatch.setenv(name, value)
        await provider.generate_data_key(CONTEXT)


# KMS that is away, hangs, comes back.


@every_call
async def test_without_a_server_kms_is_down_within_the_deadline(call: Call) -> None:
    with provider_at(f"http://{HOST}:{free_port()}", limits=KmsLimits()) as provider:
        async with asyncio.timeout(60):
            with pytest.raises(KeyProviderDownError):
                await call(provider)


async def eventually(call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do what the error asks for: try again, until it works."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(KeyProviderDownError):
                return await call()


async def test_a_server_that_hangs_is_waited_for_until_the_deadline_and_used_again(moto_kms: MotoKms) -> None:
    limits = KmsLimits(deadline_seconds=1.5, connect_seconds=1.0, read_seconds=1.0, calls_at_once=3)
    with provider_at(moto_kms.endpoint, moto_kms.create_key(), limits=limits) as provider:
        new = await eventually(lambda: provider.generate_data_key(CONTEXT))
        with moto_kms.frozen():
            began = time.monotonic()
            # More calls than threads: those that wait for one wait no longer than the others.
            ended = await asyncio.gather(
                *[provider.unwrap(new.wrapped, CONTEXT) for _ in range(60)], return_exceptions=True
            )
            # One after another they would take twenty deadlines.
            assert limits.deadline_seconds - 0.1 < time.monotonic() - began < 15 * limits.deadline_seconds
        assert [type(error) for error in ended] == [KeyProviderDownError] * 60
        # Every thread comes back, at the latest when botocore gives up.
        again = [eventually(lambda: provider.unwrap(new.wrapped, CONTEXT)) for _ in range(12)]
        assert await asyncio.gather(*again) == [new.key] * 12


async def test_a_thread_waits_for_an_answer_no_longer_than_it_may(told: ToldKms) -> None:
    told.will(Answer(generated().body, after_seconds=30))
    limits = replace(LIMITS, read_seconds=0.5, attempts=1)
    # Who waited for the answer would get it.
    with (
        provider_at(told.endpoint, limits=limits) as provider,
        pytest.raises(KeyProviderDownError, match="ReadTimeoutError"),
    ):
        await provider.generate_data_key(CONTEXT)


async def test_no_more_calls_than_allowed_are_under_way(told: ToldKms) -> None:
    told.will(Answer(generated().body, after_seconds=0.02))
    with provider_at(told.endpoint, limits=replace(LIMITS, calls_at_once=4)) as provider:
        await asyncio.gather(*[provider.generate_data_key(CONTEXT) for _ in range(40)])
    assert len(told.asked) == 40
    assert told.under_way_most <= 4


async def test_a_cancelled_caller_leaves_its_place_to_others(told: ToldKms) -> None:
    told.will(Answer(generated().body, after_seconds=0.3))
    with provider_at(told.endpoint, limits=replace(LIMITS, calls_at_once=1)) as provider:
        cancelled = [asyncio.create_task(provider.generate_data_key(CONTEXT)) for _ in range(5)]
        await asyncio.wait_for(told.came.wait(), 5)
        for task in cancelled:
            task.cancel()
        ended = await asyncio.gather(*cancelled, return_exceptions=True)
        assert [type(error) for error in ended] == [asyncio.CancelledError] * 5
        # Only the call that was under way was made; its thread is free when it is over, and not before.
        assert (await provider.generate_data_key(CONTEXT)).key.reveal() == PLAINTEXT
        assert len(told.asked) == 2
        assert told.under_way_most == 1


async def test_a_closed_provider_is_down(told: ToldKms) -> None:
    told.will(generated())
    with provider_at(told.endpoint) as provider:
        await provider.generate_data_key(CONTEXT)
    for _ in range(KmsLimits().calls_at_once + 1):
        with pytest.raises(KeyProviderDownError, match="stopping"):
            await provider.generate_data_key(CONTEXT)


async def test_keys_are_described_as_kms_knows_them(told: ToldKms) -> None:
    told.will(described(), described(OLD_KEY, "PendingDeletion"), described(FOREIGN_KEY, "Disabled"))
    with provider_at(told.endpoint, "alias/payera-vault", decrypt_only_keys=[OLD_KEY, FOREIGN_KEY, KEY]) as provider:
        active, old, foreign = await provider.keys()
    assert (active.key_id, active.state) == (KEY, KeyState.ACTIVE)
    assert (active.algorithm, active.strength_bits) == ("AES-256-GCM", 256)
    assert active.kept_in == "AWS KMS, eu-central-1, account 123456789012, key material of AWS_KMS"
    assert active.created_at is not None
    assert active.created_at.isoformat() == "2023-11-14T22:13:20+00:00"
    assert [(key.key_id, key.state) for key in (old, foreign)] == [
        (OLD_KEY, KeyState.UNUSABLE),
        (FOREIGN_KEY, KeyState.UNUSABLE),
    ]


async def test_a_disabled_key_is_told_as_unusable(moto_kms: MotoKms) -> None:
    key = moto_kms.create_key()
    moto_kms.administrator.disable_key(KeyId=key.rpartition("/")[2])
    with provider_at(moto_kms.endpoint, key) as provider:
        [described_key] = await provider.keys()
    assert described_key.state is KeyState.UNUSABLE


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(f"{record.name} {record.getMessage()} {record.exc_text or ''}" for record in caplog.records)


async def exercise(kms: ToldKms) -> None:
    """Make calls of every kind: they succeed, are refused, or can't be read."""
    kms.will(
        generated(), decrypted(), re_encrypted(), refusal("InvalidCiphertextException"), Answer({"Plaintext": "!"})
    )
    with provider_at(kms.endpoint, KEY) as provider:
        for call in ("generate", "unwrap", "rewrap", "unwrap", "unwrap"):
            with contextlib.suppress(KeyUnavailableError, KeyProviderDownError):
                await CALLS[call](provider)


async def test_no_log_shows_a_key_or_a_credential_at_any_level(told: ToldKms, caplog: pytest.LogCaptureFixture) -> None:
    secrets = (b64(PLAINTEXT), PLAINTEXT.hex(), repr(PLAINTEXT)[2:-1], SECRET_ACCESS_KEY, SESSION_TOKEN)
    caplog.set_level(logging.DEBUG)
    for name in ("botocore", "botocore.parsers", "botocore.endpoint", "botocore.auth", "boto3", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    await exercise(told)
    assert "botocore" in logged(caplog)
    assert not [secret for secret in secrets if secret in logged(caplog)]
    # The same without the filters, so that it is they that keep the secrets.
    caplog.clear()
    loggers = [logging.getLogger(name) for name in ("botocore.parsers", "botocore.endpoint", "botocore.auth")]
    kept = [list(logger.filters) for logger in loggers]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vault_svc.adapters.aws_kms.client._keep_quiet", lambda: None)
        for logger in loggers:
            patch.setattr(logger, "filters", [])
        await exercise(told)
    assert b64(PLAINTEXT) in logged(caplog)
    assert SESSION_TOKEN in logged(caplog)
    assert [list(logger.filters) for logger in loggers] == kept
