"""Finds the programs that come in wheels."""

import shutil
import sysconfig
from pathlib import Path

from devstack.errors import MissingPartError


def wheel_program(name: str, wheel: str) -> Path:
    """Return a program of this environment, else one on the PATH; raise MissingPartError, naming the wheel."""
    installed = Path(sysconfig.get_path("scripts")) / name
    if installed.is_file():
        return installed
    found = shutil.which(name)
    if found is None:
        message = f"the program {name} of the wheel {wheel} is not installed"
        raise MissingPartError(message, "install the locked wheels: make setup")
    return Path(found)
