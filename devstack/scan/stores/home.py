"""The data folder of a stack: logs, Kafka's segments, certificates, settings, and whatever else lies there."""

from collections.abc import Collection
from pathlib import Path

from devstack.scan.searching import Look
from devstack.scan.stores.files import search_folder


class Home:
    """All files of the data folder but those of the stores that have a search of their own."""

    name = "home"

    def __init__(self, home: Path, leave_out: Collection[Path]) -> None:
        self._home = home
        self._leave_out = tuple(leave_out)
        self.what = f"logs and data files in {home}"

    def search(self, look: Look) -> None:
        """Search every file."""
        search_folder(look, self._home, self._home, self._leave_out)
