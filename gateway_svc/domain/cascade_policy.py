"""Which declines may be tried at another PSP at once: `cascade_table` read for a payment, and the limits of it all.

The moment that counts is the one at which the payment began, as recorded: whoever judges later, or again, judges alike.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final

from gateway_svc.domain.cascade_table import TABLE, UNJUDGED, Cascade, DeclineClass, Row, Voice

MAX_ATTEMPTS: Final = 4
"""Attempts of one payment in all."""

MAX_CASCADE_SECONDS: Final = 900
"""No attempt follows another when the payment began longer ago: the shopper has left, or pays otherwise by now."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Table = Mapping[tuple[Voice, str, str], tuple[Row, ...]]
"""Rows by voice, brand and code, the newest first."""


def table_of(rows: Sequence[Row]) -> Table:
    """Give rows as a table to look up in; raises ValueError for two rows about one word from one day on."""
    found: defaultdict[tuple[Voice, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row.voice, row.brand, row.code].append(row)
    for key, same in found.items():
        if len({row.effective_from for row in same}) < len(same):
            raise ValueError(f"two rows about {key} hold from one day on")
    newest_first = {
        key: tuple(sorted(same, key=lambda row: row.effective_from, reverse=True)) for key, same in found.items()
    }
    return MappingProxyType(newest_first)


POLICY: Final = table_of(TABLE)


@dataclass(frozen=True, slots=True)
class Decline:
    """What was said when an attempt was declined; ``network_code`` and ``advice_code`` are empty when nobody said."""

    code: str
    network_code: str = ""
    advice_code: str = ""
    brand: str = ""


@dataclass(frozen=True, slots=True)
class CascadeSettings:
    """How far a merchant lets declined payments move on; it only ever narrows the policy.

    ``codes`` and ``classes`` name the declines that may move on; when both are empty, all that the policy allows. Calls
    that were not sent to anybody move on even when it is ``off``: nobody has declined. ``max_attempts`` counts those
    too; 1 means that no second account is ever tried.
    """

    off: bool = False
    codes: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    max_attempts: int = MAX_ATTEMPTS

    def allows(self, decline: Decline, row: Row) -> bool:
        """Tell whether the merchant lets a payment move on that was declined so."""
        if self.off:
            return False
        return not (self.codes or self.classes) or decline.code in self.codes or row.decline_class in self.classes


UNRESTRICTED: Final = CascadeSettings()


def day_of(moment_us: int) -> date:
    """Give the day (UTC) of a moment in microseconds since the epoch; rows hold from 00:00 UTC of their day."""
    return (_EPOCH + timedelta(microseconds=moment_us)).date()


def row_for(decline: Decline, moment_us: int, table: Table = POLICY) -> Row:
    """Give the row that holds for a decline at a moment, in microseconds since the epoch.

    The network's advice goes before its response code, that before the normalised code, and a brand's own row before
    the one for all brands. Without any row it is `UNJUDGED`.
    """
    day = day_of(moment_us)
    said = ((Voice.ADVICE, decline.advice_code), (Voice.NETWORK, decline.network_code), (Voice.CODE, decline.code))
    for voice, code in said:
        for brand in (decline.brand, ""):
            rows = table.get((voice, brand, code), ()) if code else ()
            row = next((row for row in rows if row.effective_from <= day), None)
            if row is not None:
                return row
    return UNJUDGED


def may_cascade(
    declines: Sequence[Decline], moment_us: int, settings: CascadeSettings = UNRESTRICTED, table: Table = POLICY
) -> bool:
    """Tell whether a payment that was declined so, oldest first, may be tried at another PSP account now.

    ``moment_us`` is when the payment began. The last decline decides; one that allows one cascade allows none when such
    a one has come before.
    """
    if not declines:
        return False
    last = row_for(declines[-1], moment_us, table)
    if last.cascade is Cascade.NEVER or not settings.allows(declines[-1], last):
        return False
    if last.cascade is Cascade.ALWAYS:
        return True
    return all(row_for(each, moment_us, table).cascade is not Cascade.ONCE for each in declines[:-1])


def max_attempts(settings: CascadeSettings) -> int:
    """Give how many attempts a payment may have in all."""
    return min(settings.max_attempts, MAX_ATTEMPTS)


def cascadable_codes() -> frozenset[str]:
    """Give the normalised codes that the policy lets move on: those that a merchant may name."""
    return frozenset(row.code for row in TABLE if row.voice is Voice.CODE and row.cascade is not Cascade.NEVER)


def cascadable_classes() -> frozenset[str]:
    """Give the classes of which some decline may move on: those that a merchant may name."""
    return frozenset(DeclineClass(row.decline_class).value for row in TABLE if row.cascade is not Cascade.NEVER)
