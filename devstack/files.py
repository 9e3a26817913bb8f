"""Writes the small files that the services read at start-up."""

import contextlib
import json
from pathlib import Path
from typing import Final

from devstack.configuration import Configuration, remember, write_private
from devstack.errors import MissingPartError
from devstack.psp_accounts import accounts_of_the_connectors, accounts_of_the_sandbox, paypal_root

#: What `payera down --wipe` deletes from the data folder, and nothing else.
WIPED: Final = (
    "certificates",
    "crash",
    "envoy",
    "kafka",
    "keyrings",
    "logs",
    "merchant.json",
    "ports.json",
    "postgres",
    "psp_accounts.json",
    "run",
    "sandbox",
    "secrets.json",
    "temporal",
)
#: Folders that no other user of the machine may enter: histories and events tell of payments. Not PostgreSQL's:
#: it runs as a user of its own when the stack is started as root, and closes its folder itself.
PRIVATE: Final = ("crash", "envoy", "kafka", "keyrings", "sandbox", "temporal")


def write_files(configuration: Configuration) -> None:
    """Write what is missing or out of date: ports, secrets, PSP accounts, keys, and the folders the services expect."""
    remember(configuration)
    for name in PRIVATE:
        folder = configuration.home / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    _write_keyrings(configuration)
    _write_accounts(configuration)


def _write_keyrings(configuration: Configuration) -> None:
    """Make the development keys once; what was encrypted with them is lost with them."""
    from mesh.keyring import create_keyring as create_sealing_keyring

    for path in (configuration.codec_keyring, configuration.vault_codec_keyring, configuration.connectors_keyring):
        if not path.is_file():
            create_sealing_keyring(path)
    if not configuration.vault_keyring.is_file():
        try:
            from vault_svc.adapters.keyring.key_provider import create_keyring
        except ImportError as error:
            message = f"the vault's keyring cannot be made: {error}"
            raise MissingPartError(message, "bring the checkout up to date, then: make setup") from error
        # Another thread or command may have been quicker.
        with contextlib.suppress(FileExistsError):
            create_keyring(configuration.vault_keyring)


def _write_accounts(configuration: Configuration) -> None:
    """Write the same accounts for both sides: the connectors, and the sandbox PSP that keeps them."""
    if not configuration.sandbox_root.is_file():
        write_private(configuration.sandbox_root, paypal_root(configuration).encode())
    root = configuration.sandbox_root.read_text(encoding="utf-8").strip()
    _write_json(configuration.psp_accounts, accounts_of_the_connectors(configuration, root))
    _write_json(configuration.sandbox_accounts, accounts_of_the_sandbox(configuration))


def _write_json(path: Path, value: object) -> None:
    content = (json.dumps(value, indent=2) + "\n").encode()
    if not path.is_file() or path.read_bytes() != content:
        write_private(path, content)
