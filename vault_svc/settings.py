"""What the vault is told by its environment."""

from pathlib import Path
from typing import Annotated

import msgspec

from mesh.settings import BaseSettings


class VaultSettings(BaseSettings, frozen=True, kw_only=True):
    """The vault's PAYERA_* variables."""

    database_url: str
    gateway_address: str
    vault_keyring: Path | None = None
    vault_kms_key: str = ""
    vault_kms_decrypt_only_keys: str = ""
    vault_kms_endpoint: str = ""
    vault_bin_table: Path | None = None
    vault_accesses_per_second: Annotated[float, msgspec.Meta(ge=1)] = 1_000.0
    database_pool_size: int = 8
    temporal_address: str = ""
    temporal_namespace: str = "default"
    codec_keyring: Path | None = None


class VaultWorkerSettings(BaseSettings, frozen=True, kw_only=True):
    """The vault worker's PAYERA_* variables.

    A retired key stays for `rotation_idle_seconds`: longer than any statement of the vault may run, so that no card
    can be on its way to it any more.
    """

    database_url: str
    temporal_address: str
    codec_keyring: Path
    temporal_namespace: str = "default"
    vault_keyring: Path | None = None
    vault_kms_key: str = ""
    vault_kms_decrypt_only_keys: str = ""
    vault_kms_endpoint: str = ""
    kafka_bootstrap: str
    database_pool_size: Annotated[int, msgspec.Meta(ge=1)] = 6
    rotation_cards_per_second: Annotated[float, msgspec.Meta(gt=0)] = 500.0
    rotation_idle_seconds: Annotated[int, msgspec.Meta(ge=10, le=604_800)] = 900
