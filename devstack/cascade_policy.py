"""Writes what follows from the cascade policy: docs/cascade-policy.md, and the routines with its data.

Usage: ``python -m devstack.cascade_policy [--root FOLDER]``. The policy itself is `gateway_svc/domain/cascade_table.py`
and `retry_governor.py`; a test fails while a file here says something else.
"""

import argparse
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway_svc.domain.cascade_policy import MAX_ATTEMPTS, MAX_CASCADE_SECONDS
from gateway_svc.domain.cascade_table import FIRST_DAY, TABLE, TABLE_VERSION, DeclineClass, Row, Voice
from gateway_svc.domain.retry_governor import LIMITS, RetryLimit

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = "docs/cascade-policy.md"
ROUTINES: Final = "sql/gateway/routines"

_WRITTEN: Final = "Written by devstack/cascade_policy.py. Change it in gateway_svc/domain"
_CLASSES: Final = MappingProxyType(
    {
        DeclineClass.HARD: "this card will not work again here",
        DeclineClass.SOFT: "time may heal it",
        DeclineClass.TECHNICAL: "a system on the way failed",
        DeclineClass.AUTHENTICATION: "the cardholder must be authenticated first",
        DeclineClass.DATA: "something that was sent must be corrected first",
        DeclineClass.POLICY: "the merchant, the PSP account or the law does not allow it",
    }
)
_VOICES: Final = (
    (Voice.ADVICE, "Advice of the network", "Mastercard's Merchant Advice Code. It goes before everything else."),
    (
        Voice.NETWORK,
        "Response codes of the network",
        "ISO 8583 field 39, as the PSP passes it on. They go before the normalised codes. *Visa* is Visa's category.",
    ),
    (Voice.CODE, "Normalised codes", "Payera's own words, used where no network has said anything."),
)

_INTRODUCTION: Final = f"""\
# What follows a decline

<!-- {_WRITTEN}. -->

Version {TABLE_VERSION} of the table. A payment is judged by the rows that held when it began (from 00:00 UTC of their
day), whoever judges it and however late. A brand's own row goes before the row for all brands; a word without any row
stops.

- **retry**: the same account may be asked again later, by a new payment.
- **cascade**: another account may be asked now, by the same payment: *once* or *always*.
- **step up**: 3-D Secure, then the same account.
- **stop**: nothing of that.
- **never again**: the network forbids any further try of the card by this merchant. *The merchant's*: of payments that
  the merchant starts by an agreement; the shopper may pay with the card as before.

Only what was declined, or was sent to nobody, moves on. An outcome that is not known never does. A payment has at most
{MAX_ATTEMPTS} attempts, and none follows another more than {MAX_CASCADE_SECONDS // 60} minutes after the payment began.
A merchant can switch cascading off or narrow it (`cascade` in the merchant's settings), never widen it.

| class | meaning |
|---|---|
"""


def page() -> str:
    """Give docs/cascade-policy.md."""
    lines = [_INTRODUCTION + "\n".join(f"| {kind} | {meaning} |" for kind, meaning in _CLASSES.items())]
    for voice, title, text in _VOICES:
        lines += ["", f"## {title}", "", text, "", "| code | brand | from | class | follows | Visa | never again |"]
        lines.append("|---|---|---|---|---|---|---|")
        rows = [row for row in TABLE if row.voice is voice]
        lines += [_line(row) for row in sorted(rows, key=lambda row: (row.code, row.brand, row.effective_from))]
    lines += ["", *_limits_section()]
    return "\n".join(lines) + "\n"


def routines() -> Mapping[str, str]:
    """Give the routines with the policy's data by their names."""
    return {
        "cascade_limits": _CASCADE_LIMITS,
        "decline_rules": _decline_rules(),
        "retry_limits": _retry_limits(),
    }


def files() -> Mapping[str, str]:
    """Give every file that is written, by its path in the repository."""
    return {PAGE: page()} | {f"{ROUTINES}/{name}.sql": text for name, text in routines().items()}


_CASCADE_LIMITS: Final = f"""\
-- How many attempts a payment has at most, and for how long after its begin one may follow another.
-- {_WRITTEN}/cascade_policy.py.
CREATE OR REPLACE FUNCTION gateway.cascade_limits(OUT max_attempts integer, OUT patience interval)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT {MAX_ATTEMPTS}, interval '{MAX_CASCADE_SECONDS} seconds'
$$;
"""


def _line(row: Row) -> str:
    follows = ", ".join(
        f"cascade {row.cascade.lower()}" if follow == "CASCADE" else follow.lower().replace("_", " ")
        for follow in row.follows
    )
    category = str(row.visa_category) if row.visa_category else ""
    never = ("the merchant's" if row.merchant_only else "yes") if row.never_again else ""
    since = "" if row.effective_from == FIRST_DAY else str(row.effective_from)
    return f"| `{row.code}` | {row.brand} | {since} | {row.decline_class} | {follows} | {category} | {never} |"


def _limits_section() -> list[str]:
    lines = [
        "## How often a card may be tried again",
        "",
        "Counted per merchant and card (the vault's fingerprint), at all PSPs together, before an attempt is begun.",
        "What is too much ends `DECLINED` with `retry_limit_reached`, and a card that must never be tried again with",
        "`do_not_retry`; no PSP is asked, and the payment has no attempt for it. A *reattempt* is an attempt that was",
        "begun when a decline of the card was known that no approval had followed; the other limits count first tries",
        "that were declined too. What was not sent counts nowhere, what is not known counts.",
        "",
        "An approval starts Visa's count anew, as it counts consecutive declines ([tabapay][retry-rules]). It changes",
        "nothing about Mastercard's, which counts the declines of a card at an acceptor within the window",
        "([tabapay][retry-rules], [on Mastercard][tabapay-mastercard], [retries.com][tpe]). One source",
        "has a success reset both ([dintero][quota]); where sources disagree, the stricter reading holds.",
        "",
        "[retry-rules]: https://developers.tabapay.com/docs/excessive-retry-rules",
        "[tabapay-mastercard]: https://developers.tabapay.com/docs/mastercard-1",
        "[tpe]: https://retries.com/guides/transaction-processing-excellence",
        "[quota]: https://docs.dintero.com/docs/checkout/tokenization-error-handling",
        "",
        "| brand | from | attempts | within | counted |",
        "|---|---|---|---|---|",
    ]
    for limit in LIMITS:
        since = "" if limit.effective_from == FIRST_DAY else str(limit.effective_from)
        hours = limit.window // timedelta(hours=1)
        window = f"{hours // 24} days" if hours > 24 else f"{hours} hours"  # noqa: PLR2004 - a day
        counted = [
            "reattempts" if limit.reattempts_only else "declined attempts and reattempts",
            *(["of the same amount"] if limit.same_amount else []),
            *(["since the last approval"] if limit.since_approval else []),
        ]
        lines.append(f"| {limit.brand} | {since} | {limit.attempts} | {window} | {', '.join(counted)} |")
    return lines


def _decline_rules() -> str:
    values = ",\n        ".join(
        f"({place}, '{row.brand}', '{row.code}', {_since(row.effective_from)},"
        f" {str(row.never_again).lower()}, {str(row.merchant_only).lower()})"
        for place, voice in enumerate((Voice.ADVICE, Voice.NETWORK, Voice.CODE), 1)
        for row in sorted(TABLE, key=lambda row: (row.code, row.brand, row.effective_from))
        if row.voice is voice
    )
    return f"""\
-- Which words of a decline forbid any further try of a card: voice 1 is the network's advice, 2 its response code, 3
-- Payera's normalised code. Brand is empty for all brands; merchant_only forbids payments that the merchant starts, and
-- no others. gateway.is_never_again tells which row holds.
-- {_WRITTEN}/cascade_table.py.
CREATE OR REPLACE FUNCTION gateway.decline_rules()
RETURNS TABLE (
    voice integer, brand text, code text, effective_from timestamptz, never_again boolean, merchant_only boolean
)
LANGUAGE sql IMMUTABLE
AS $$
    VALUES
        {values}
$$;
"""  # noqa: S608 - of our own data


def _retry_limits() -> str:
    values = ",\n        ".join(_limit(limit) for limit in LIMITS)
    return f"""\
-- How often the networks allow a card to be tried again at one merchant. gateway.retry_limits_in_force tells which rows
-- hold.
-- {_WRITTEN}/retry_governor.py.
CREATE OR REPLACE FUNCTION gateway.retry_limits()
RETURNS TABLE (
    brand text, attempts integer, period interval, same_amount boolean, reattempts_only boolean,
    since_approval boolean, effective_from timestamptz
)
LANGUAGE sql IMMUTABLE
AS $$
    VALUES
        {values}
$$;
"""  # noqa: S608 - of our own data


def _limit(limit: RetryLimit) -> str:
    flags = ", ".join(str(flag).lower() for flag in (limit.same_amount, limit.reattempts_only, limit.since_approval))
    period = f"interval '{limit.window // timedelta(hours=1)} hours'"
    return f"('{limit.brand}', {limit.attempts}, {period}, {flags}, {_since(limit.effective_from)})"


def _since(day: date) -> str:
    return "timestamptz '-infinity'" if day == FIRST_DAY else f"timestamptz '{day} 00:00:00+00'"


def main() -> None:
    """Parse the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT)
    root = parser.parse_args().root
    for name, text in files().items():
        (root / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
