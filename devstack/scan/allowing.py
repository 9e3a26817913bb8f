"""The allow-list: what looks like a card number or code and is none, each with the reason why."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from devstack.errors import StackError
from devstack.scan.matching import Hit

SHIPPED: Final = Path(__file__).with_name("allow.txt")
_REASON: Final = " # "
_FORMAT: Final = "write each line as: PATTERN # REASON, where the pattern is like: *place*: form: 424242??????4242"


@dataclass(frozen=True, slots=True)
class Allowed:
    """A pattern for `place: form: digits`, and why what it fits is all right."""

    pattern: str
    reason: str


class AllowList:
    """Patterns of several files. Never asked about what was planted: a canary is a canary everywhere."""

    def __init__(self, entries: tuple[Allowed, ...] = ()) -> None:
        self.entries = entries

    def reason_for(self, place: str, hit: Hit) -> str | None:
        """Return why this is all right, or None when it isn't."""
        if hit.planted or not self.entries:
            return None
        text = f"{place}: {hit.form}: {hit.digits}"
        return next((entry.reason for entry in self.entries if fnmatchcase(text, entry.pattern)), None)


def load_allow_list(paths: tuple[Path, ...]) -> AllowList:
    """Read allow-lists; raises StackError for a line without a reason."""
    entries = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise StackError(f"the allow-list {path} can't be read: {type(error).__name__}") from None
        for count, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            pattern, _, reason = line.partition(_REASON)
            if not pattern.strip() or not reason.strip():
                raise StackError(f"line {count} of the allow-list {path} gives no reason", _FORMAT)
            entries.append(Allowed(pattern.strip(), reason.strip()))
    return AllowList(tuple(entries))
