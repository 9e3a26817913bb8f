"""Where the time zones that conditions name are read from."""

from collections.abc import MutableMapping
from importlib.resources import files
from typing import Final

TZDIR: Final = "TZDIR"
"""Names the folder to CEL, whose library reads it when a zone is first asked for."""


def use_packaged_time_zones(environment: MutableMapping[str, str]) -> None:
    """Have CEL read the locked package's time zones, and not the machine's, which an image may lack.

    So every router judges an hour alike. A TZDIR that is set stands: somebody brings newer zones.
    To be called with the process's own environment before the first condition is compiled.
    """
    if not environment.get(TZDIR):
        environment[TZDIR] = str(files("tzdata").joinpath("zoneinfo"))
