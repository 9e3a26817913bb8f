"""A further operator's key, so that two people can be played on one machine."""

import hashlib
import secrets
from pathlib import Path
from typing import Final

from devstack.configuration import load_configuration, write_private
from devstack.errors import StackError

KEY_BYTES: Final = 24
KEY_PREFIX_LENGTH: Final = 12


def new_operator_key(home: Path | None, path: Path) -> None:
    """Register a new operator's key with the running stack, and write it to a file that only its owner can read."""
    import psycopg

    from mesh.identifiers import new_id

    if path.exists():
        message = f"{path} is there already"
        raise StackError(message, "name another file")
    key = f"ok_test_{secrets.token_urlsafe(KEY_BYTES)}"
    configuration = load_configuration(home, create=False)
    try:
        with psycopg.connect(configuration.administrator_url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(
                "SELECT gateway.ensure_operator_key(%s, %s, %s)",
                (new_id("key"), key[:KEY_PREFIX_LENGTH], hashlib.sha256(key.encode()).digest()),
            )
    except psycopg.OperationalError as error:
        message = "the stack's database can't be reached"
        raise StackError(message, "start the stack: payera up") from error
    write_private(path, f"{key}\n".encode())
