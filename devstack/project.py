"""Where the project's checkout, its caches and its data are."""

import os
from pathlib import Path

from devstack.errors import MissingPartError


def project_root() -> Path:
    """Return the checkout this package was installed from; raise MissingPartError when it is not a checkout."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "jgo.lock.toml").is_file():
        message = f"{root} is not a checkout of Payera: jgo.lock.toml is not there"
        raise MissingPartError(message, "install the project from its checkout: make setup")
    return root


def cache_directory() -> Path:
    """Return `$XDG_CACHE_HOME/payera`, or `~/.cache/payera`; the folder need not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "payera"
