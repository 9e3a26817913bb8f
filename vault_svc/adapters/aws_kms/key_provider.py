"""A key provider whose key-encryption keys never leave AWS KMS: for production."""

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Final

from mesh.expiring_cache import ExpiringCache
from vault_svc.adapters.aws_kms.client import KmsClient, KmsLimits, KmsSetUpError, check_endpoint, default_region
from vault_svc.application.ports.key_provider import (
    KeyDescription,
    KeyState,
    KeyUnavailableError,
    NewDataKey,
    WrappedKey,
    not_described,
)
from vault_svc.domain.secret_values import SecretKey

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient
    from types_boto3_kms.type_defs import KeyMetadataTypeDef

ACTIVE_KEY_LIFE_SECONDS: Final = 60.0
_KEY_BYTES: Final = 32
_WRAPPED_BYTES_MAX: Final = 6144
#: The one name under which a context's digest travels. A key policy may insist on it; see ADR 15.
_CONTEXT_NAME: Final = "payera.vault.context.v1"
_ARN: Final = re.compile(
    r"(arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}):(key/[A-Za-z0-9-]{1,64}|alias/[A-Za-z0-9/_-]{1,250})"
)
_ALIAS: Final = re.compile(r"alias/[A-Za-z0-9/_-]{1,250}")
#: SYMMETRIC_DEFAULT, which has 256 bits everywhere but in China, where it is SM4 with 128: less than a data key.
_ALGORITHM: Final = "AES-256-GCM"
_STRENGTH_BITS: Final = 256
_WEAKER_REGIONS: Final = "cn-"
_USABLE: Final = frozenset({"Enabled", "Updating"})


class AwsKmsKeyProvider:
    """Wraps data keys under a symmetric key of KMS, named by its ARN or by an alias that may move to another key.

    A wrapped key carries the ARN of the very key that wrapped it, and is unwrapped with that one only. It has to be a
    key of the same account and region as ours, or one of `decrypt_only_keys`: who can write to the database must not
    be able to slip in a data key that is wrapped by a key of their own.
    """

    def __init__(
        self,
        key: str,
        *,
        decrypt_only_keys: Sequence[str] = (),
        endpoint: str = "",
        limits: KmsLimits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect to nothing yet. Raises KmsSetUpError for a key, region or endpoint that can't be meant."""
        arn = _ARN.fullmatch(key)
        if arn is None and _ALIAS.fullmatch(key) is None:
            message = f"{key!r} is neither an alias nor an ARN of a KMS key or alias"
            raise KmsSetUpError(message)
        region = default_region() if arn is None else arn[2]
        if not region:
            message = "no region of AWS is set, and the key is not named by an ARN"
            raise KmsSetUpError(message)
        if region.startswith(_WEAKER_REGIONS):
            message = f"keys of KMS in {region} have 128 bits, fewer than the data keys they would protect"
            raise KmsSetUpError(message)
        for other in decrypt_only_keys:
            found = _ARN.fullmatch(other)
            if found is None or found[2] != region or not _is_key(other):
                message = f"{other!r} is not the ARN of a KMS key in {region}"
                raise KmsSetUpError(message)
        if endpoint:
            check_endpoint(endpoint)
        self._key = key
        self._decrypt_only = tuple(dict.fromkeys(decrypt_only_keys))
        # The part of an ARN in front of the key: partition, region and account.
        self._home = "" if arn is None else arn[1]
        self._learnt = key if _is_key(key) else ""
        self._active: ExpiringCache[str, str] = ExpiringCache(
            life_seconds=ACTIVE_KEY_LIFE_SECONDS, entries_max=1, monotonic=monotonic
        )
        self._kms = KmsClient(region=region, endpoint=endpoint, limits=limits or KmsLimits())

    @property
    def active_key_id(self) -> str:
        """The ARN of the key that wraps new keys; the alias as it was set until KMS has told what it stands for."""
        return self._learnt or self._key

    async def generate_data_key(self, context: bytes) -> NewDataKey:
        """Let KMS make 32 random bytes and wrap them, bound to `context`, with what the alias stands for now."""

        def generate(kms: "KMSClient") -> NewDataKey:
            answer = kms.generate_data_key(KeyId=self._key, KeySpec="AES_256", EncryptionContext=_bound(context))
            return NewDataKey(SecretKey(answer["Plaintext"]), WrappedKey(answer["KeyId"], answer["CiphertextBlob"]))

        new = await self._kms.call("GenerateDataKey", self._key, generate)
        _expect_data_key(new.key, new.wrapped.key_encryption_key_id)
        self._learn(new.wrapped.key_encryption_key_id)
        return new

    async def unwrap(self, wrapped: WrappedKey, context: bytes) -> SecretKey:
        """Give the data key back. Raises KeyUnavailableError for a missing key, other bytes or another context."""
        await self._expect_ours(wrapped)
        key_id = wrapped.key_encryption_key_id

        def decrypt(kms: "KMSClient") -> tuple[SecretKey, str]:
            # With the key named, KMS refuses what another key has wrapped.
            answer = kms.decrypt(
                CiphertextBlob=wrapped.wrapped,
                KeyId=key_id,
                EncryptionContext=_bound(context),
                EncryptionAlgorithm="SYMMETRIC_DEFAULT",
            )
            return SecretKey(answer["Plaintext"]), answer["KeyId"]

        key, used = await self._kms.call("Decrypt", key_id, decrypt)
        _expect_key(used, key_id)
        _expect_data_key(key, key_id)
        return key

    async def rewrap(self, wrapped: WrappedKey, context: bytes) -> WrappedKey:
        """Give the data key under the active key. KMS does it by itself: the data key is never in the clear here."""
        active = await self._active_key()
        if wrapped.key_encryption_key_id == active:
            return wrapped
        await self._expect_ours(wrapped)
        key_id = wrapped.key_encryption_key_id

        def re_encrypt(kms: "KMSClient") -> tuple[WrappedKey, str]:
            answer = kms.re_encrypt(
                CiphertextBlob=wrapped.wrapped,
                SourceKeyId=key_id,
                SourceEncryptionContext=_bound(context),
                SourceEncryptionAlgorithm="SYMMETRIC_DEFAULT",
                DestinationKeyId=active,
                DestinationEncryptionContext=_bound(context),
                DestinationEncryptionAlgorithm="SYMMETRIC_DEFAULT",
            )
            return WrappedKey(answer["KeyId"], answer["CiphertextBlob"]), answer["SourceKeyId"]

        again, used = await self._kms.call("ReEncrypt", key_id, re_encrypt)
        _expect_key(used, key_id)
        _expect_key(again.key_encryption_key_id, active)
        return again

    async def keys(self) -> Sequence[KeyDescription]:
        """Describe the active key as KMS knows it now, then the decrypt-only keys that were set."""
        active = await self._describe(self._key, KeyState.ACTIVE)
        self._learn(active.key_id)
        others = [other for other in self._decrypt_only if other != active.key_id]
        return [active, *[await self._describe_other(other) for other in others]]

    def close(self) -> None:
        """Take no more calls and close the connections."""
        self._kms.close()

    async def _active_key(self) -> str:
        """Give the ARN of the active key, at most a minute old where it is named by an alias."""
        if _is_key(self._key):
            return self._key
        return await self._active.get_or_load(self._key, self._ask_for_active_key)

    async def _ask_for_active_key(self) -> str:
        description = await self._describe(self._key, KeyState.ACTIVE)
        self._learn(description.key_id)
        return description.key_id

    def _learn(self, arn: str) -> None:
        found = _ARN.fullmatch(arn)
        if found is None or not _is_key(arn):
            message = f"KMS answered {arn!r} for {self._key}, which is not the ARN of a key"
            raise KeyUnavailableError(message)
        self._home = found[1]
        self._learnt = arn
        self._active.put(self._key, arn)

    async def _expect_ours(self, wrapped: WrappedKey) -> None:
        key_id = wrapped.key_encryption_key_id
        if not _is_key(key_id):
            message = f"{key_id!r} is not the ARN of a KMS key"
            raise KeyUnavailableError(message)
        if key_id not in self._decrypt_only:
            if not self._home:
                await self._active_key()
            if not key_id.startswith(f"{self._home}:"):
                message = f"{key_id} is a key of another account or region, and not among the decrypt-only keys"
                raise KeyUnavailableError(message)
        if not 1 <= len(wrapped.wrapped) <= _WRAPPED_BYTES_MAX:
            message = f"what is said to be wrapped with {key_id} is empty or too long"
            raise KeyUnavailableError(message)

    async def _describe_other(self, key: str) -> KeyDescription:
        """Describe a decrypt-only key. One that is gone must not hide the others, nor stop a rotation away from it."""
        try:
            return await self._describe(key, KeyState.DECRYPT_ONLY)
        except KeyUnavailableError:
            return not_described(key)

    async def _describe(self, key: str, state: KeyState) -> KeyDescription:
        metadata = await self._kms.call("DescribeKey", key, lambda kms: kms.describe_key(KeyId=key)["KeyMetadata"])
        if metadata.get("KeySpec") != "SYMMETRIC_DEFAULT":
            message = f"{key} is no symmetric encryption key"
            raise KeyUnavailableError(message)
        return _description(metadata, state)


def _description(metadata: "KeyMetadataTypeDef", state: KeyState) -> KeyDescription:
    arn = metadata.get("Arn", "")
    created = metadata.get("CreationDate")
    found = _ARN.fullmatch(arn)
    region = "" if found is None else found[2]
    kept_in = f"AWS KMS, {region}, account {metadata.get('AWSAccountId')}, key material of {metadata.get('Origin')}"
    return KeyDescription(
        key_id=arn,
        algorithm=_ALGORITHM,
        strength_bits=_STRENGTH_BITS,
        kept_in=kept_in,
        state=state if metadata.get("KeyState") in _USABLE else KeyState.UNUSABLE,
        created_at=None if created is None else created.astimezone(UTC),
    )


def _is_key(arn: str) -> bool:
    found = _ARN.fullmatch(arn)
    return found is not None and found[3].startswith("key/")


def _bound(context: bytes) -> dict[str, str]:
    """Give what KMS authenticates with the wrapped key. It stands in CloudTrail: a digest says nothing there."""
    return {_CONTEXT_NAME: hashlib.sha256(context).hexdigest()}


def _expect_key(used: str, wanted: str) -> None:
    if used != wanted:
        message = f"KMS used {used!r} where {wanted} was named"
        raise KeyUnavailableError(message)


def _expect_data_key(key: SecretKey, key_id: str) -> None:
    if len(key.reveal()) != _KEY_BYTES:
        message = f"what was wrapped with {key_id} is no data key of {_KEY_BYTES} bytes"
        raise KeyUnavailableError(message)
