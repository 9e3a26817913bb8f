"""Makes a development keyring: `python -m vault_svc.entrypoints.create_keyring FILE`."""

import sys
from pathlib import Path
from typing import Final

from vault_svc.adapters.keyring.key_provider import create_keyring

_USAGE_ERROR: Final = 2


def main(arguments: list[str]) -> int:
    """Write a new keyring to the file named; give the exit code, 1 when the file is there or can't be written."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m vault_svc.entrypoints.create_keyring FILE\n")
        return _USAGE_ERROR
    try:
        create_keyring(Path(arguments[0]))
    except OSError as error:
        sys.stderr.write(f"{arguments[0]}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
