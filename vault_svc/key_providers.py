"""Chooses the key provider by the settings: AWS KMS, or in development a keyring file."""

from pathlib import Path
from typing import Protocol

from mesh.settings import SettingsError
from vault_svc.adapters.keyring.key_provider import KeyringError, load_keyring
from vault_svc.application.ports.key_provider import KeyProvider


class ProviderSettings(Protocol):
    """The settings of a process that needs keys."""

    @property
    def environment(self) -> str: ...  # noqa: D102 - as its name says
    @property
    def vault_keyring(self) -> Path | None: ...  # noqa: D102
    @property
    def vault_kms_key(self) -> str: ...  # noqa: D102
    @property
    def vault_kms_decrypt_only_keys(self) -> str: ...  # noqa: D102
    @property
    def vault_kms_endpoint(self) -> str: ...  # noqa: D102


def key_provider(settings: ProviderSettings) -> KeyProvider:
    """Give the provider, which connects to nothing yet.

    Raises SettingsError unless exactly one of the two is set, and set so that it can be used.
    """
    if bool(settings.vault_kms_key) == (settings.vault_keyring is not None):
        message = "set PAYERA_VAULT_KMS_KEY, or in development PAYERA_VAULT_KEYRING, and not both"
        raise SettingsError(message)
    if settings.vault_keyring is None:
        return _of_kms(settings)
    try:
        return load_keyring(settings.vault_keyring, environment=settings.environment)
    except KeyringError as error:
        message = f"PAYERA_VAULT_KEYRING can't be used: {error}"
        raise SettingsError(message) from None


def _of_kms(settings: ProviderSettings) -> KeyProvider:
    # boto3 takes the better part of a second to import, which a development stack need not wait for.
    from vault_svc.adapters.aws_kms.client import KmsSetUpError  # noqa: PLC0415
    from vault_svc.adapters.aws_kms.key_provider import AwsKmsKeyProvider  # noqa: PLC0415

    if settings.environment == "prod" and settings.vault_kms_endpoint.startswith("http:"):
        message = "PAYERA_VAULT_KMS_ENDPOINT must be https in prod"
        raise SettingsError(message)
    decrypt_only = [key.strip() for key in settings.vault_kms_decrypt_only_keys.split(",") if key.strip()]
    try:
        return AwsKmsKeyProvider(
            settings.vault_kms_key, decrypt_only_keys=decrypt_only, endpoint=settings.vault_kms_endpoint
        )
    except KmsSetUpError as error:
        message = f"PAYERA_VAULT_KMS_KEY can't be used: {error}"
        raise SettingsError(message) from None


def close_provider(provider: KeyProvider) -> None:
    """End what a provider has open."""
    close = getattr(provider, "close", None)
    if close is not None:
        close()
