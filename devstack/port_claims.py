"""Keeps the stacks of one user apart: the ports that one has chosen are no other's, before anything listens on them.

Stacks that start side by side, as tests' do, choose from the same range, and a port that is free while one chooses may
be meant for another's broker. Each claim is a file that names the data folder; it ends with that folder.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CLAIM_MAX_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims as they stand while one stack chooses; nobody else chooses meanwhile."""

    folder: Path | None
    home: Path
    #: Ports that other stacks have claimed.
    taken: frozenset[int]

    def claim(self, ports: Iterable[int]) -> None:
        """Claim ports for this stack, instead of those it claimed before."""
        if self.folder is not None:
            content = json.dumps({"home": str(self.home), "ports": sorted(ports)})
            (self.folder / _name(self.home)).write_text(content, encoding="utf-8")


@contextlib.contextmanager
def choosing(home: Path, folder: Path | None = None) -> Iterator[Claims]:
    """Hold the claims of this user for the stack in `home`, while it chooses.

    Without a folder to keep them in (another user has taken its name), nothing is claimed and nothing is taken.
    """
    place = _own(folder or Path(tempfile.gettempdir()) / f"payera-ports-{os.getuid()}")
    if place is None:
        yield Claims(None, home, frozenset())
        return
    with (place / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield Claims(place, home, frozenset(_taken(place, home)))


def _own(folder: Path) -> Path | None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return None
    return folder if status.st_uid == os.getuid() and folder.is_dir() and not folder.is_symlink() else None


def _taken(folder: Path, home: Path) -> Iterator[int]:
    for path in folder.glob("*.json"):
        claim = _read(path)
        if not claim or not (Path(claim["home"]) / "ports.json").is_file():
            path.unlink(missing_ok=True)
        elif path.name != _name(home):
            yield from claim["ports"]


def _read(path: Path) -> dict[str, Any]:
    """Return a claim, an empty one for a file that is none."""
    with contextlib.suppress(OSError, ValueError):
        with path.open(encoding="utf-8") as stream:
            claim = json.loads(stream.read(CLAIM_MAX_BYTES))
        if isinstance(claim, dict) and isinstance(claim.get("home"), str) and isinstance(claim.get("ports"), list):
            return claim
    return {}


def _name(home: Path) -> str:
    return f"{hashlib.sha256(str(home).encode()).hexdigest()[:16]}.json"
