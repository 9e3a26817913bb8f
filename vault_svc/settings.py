"""What the vault is told by its environment."""

from pathlib import Path

from mesh.settings import BaseSettings


class VaultSettings(BaseSettings, frozen=True, kw_only=True):
    """The vault's PAYERA_* variables."""

    database_url: str
    gateway_address: str
    vault_keyring: Path
    database_pool_size: int = 8
