"""Writes what a draft would change for people at a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mesh.currencies import exponent_of

MILLION: Final = 1_000_000
_MINUTES: Final = len("2026-11-20T14:02")
Row = tuple[str, ...]


def simulation_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Write a simulation: what was looked at, both rulesets beside each other, and some of the payments that move."""
    draft = f"version {found['version']}" if found["version"] else "the draft"
    active = f"version {found['active_version']}" if found["active_version"] else "no ruleset"
    yield f"{draft} (AFTER) beside {active} (BEFORE)"
    count = found["payments"]
    if not count:
        yield "there is no payment in that time to try it out on"
        return
    begin, end = (found[name][:_MINUTES].replace("T", " ") for name in ("oldest_time", "newest_time"))
    yield f"{_counted(count, 'payment')} from {begin} to {end} UTC; {_in_fact(found)}"
    yield from _reservations(found)
    yield f"{found['moved']:,} of them go elsewhere first ({_share(found['moved'], count)})"
    yield ""
    yield from _table([("", "BEFORE", "AFTER", "DIFFERENCE"), *_sides(found), *_currencies(found["currencies"])])
    yield ""
    yield from _table([("FIRST ACCOUNT", "IN FACT", "BEFORE", "AFTER", "DIFFERENCE"), *_accounts(found["accounts"])])
    yield ""
    yield from _table([("RULE", "BEFORE", "AFTER", "CONDITION FAILED"), *_rules(found)])
    if found["examples"]:
        yield ""
        yield "for example"
        for example in found["examples"]:
            yield from _move(example)


def _in_fact(found: Mapping[str, Any]) -> str:
    known = found["payments"] - found["open"]
    return f"{found['approved_in_fact']:,} of {known:,} were approved ({_share(found['approved_in_fact'], known)})"


def _reservations(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["complete"]:
        yield "time ran out before all were looked at: ask for fewer with --payments"
    if not found["learning_current"]:
        yield "the router has not caught up with past payments: chances are what is assumed of accounts nobody knows"
    if found["troubled_accounts"]:
        yield f"technical errors keep payments from {', '.join(found['troubled_accounts'])} just now, on both sides"


def _sides(found: Mapping[str, Any]) -> Iterator[Row]:
    before, after = found["before"], found["after"]
    count = found["payments"]
    first, second = (int(side["expected_approvals_ppm"]) for side in (before, after))
    for title, unit in (("expected approvals", MILLION // 10), ("  in % of payments", MILLION * count // 1_000)):
        yield (title, *_compared(round(first / unit), round(second / unit), exponent=1))
    for name, title in (
        ("blocked", "blocked by a rule"),
        ("not_served", "taken by no account"),
        ("three_ds_required", "3-D Secure required"),
        ("three_ds_skipped", "3-D Secure skipped"),
    ):
        if before[name] or after[name]:
            yield (title, *_compared(before[name], after[name]))


def _currencies(currencies: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for each in currencies:
        for name in ("approved", "fees"):
            before, after = (int(each[side][name]) for side in ("before", "after"))
            exponent = exponent_of(each["currency"]) or 0
            yield (f"{each['currency']} {name}", *_compared(before, after, exponent))


def _accounts(accounts: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for each in accounts:
        yield (each["psp_account"], f"{each['in_fact']:,}", *_compared(each["before"], each["after"]))


def _rules(found: Mapping[str, Any]) -> Iterator[Row]:
    """Write the rules of both, those of the draft first, each by its name; last the payments of none."""
    sides = [{each["rule"]: each for each in found[name]["rules"]} for name in ("before", "after")]
    named = [name for name in dict.fromkeys([*sides[1], *sides[0]]) if name]
    for name in [*named, ""]:
        before, after = (side.get(name) for side in sides)
        counts = (f"{each['payments']:,}" if each else "-" for each in (before, after))
        failed = after["failed"] if after else 0
        yield (name or "(no rule)", *counts, f"{failed:,}" if failed else "")


def _move(example: Mapping[str, Any]) -> Iterator[str]:
    currency = example["currency"]
    yield f"  {example['payment_id']}  {currency} {_number(int(example['amount']), exponent_of(currency) or 0)}"
    for word, place in (("from", example["before"]), ("to", example["after"])):
        account = place["psp_account"] or ("nowhere, blocked" if place["blocked"] else "nowhere")
        rule = f', rule "{place["rule"]}"' if place["rule"] else ""
        yield f"    {word:<4} {account}{rule}: {place['reason']}"


def _compared(before: int, after: int, exponent: int = 0) -> Row:
    difference = after - before
    sign = "+" if difference > 0 else ""
    return _number(before, exponent), _number(after, exponent), f"{sign}{_number(difference, exponent)}"


def _number(value: int, exponent: int) -> str:
    whole, part = divmod(abs(value), 10**exponent)
    text = f"{whole:,}.{part:0{exponent}}" if exponent else f"{whole:,}"
    return f"-{text}" if value < 0 else text


def _share(part: int, whole: int) -> str:
    return f"{part * 100 / whole:.1f} %" if whole else "-"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """Align the first column to the left and numbers to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for first, *others in rows:
        cells = (text.rjust(width) for text, width in zip(others, widths[1:], strict=True))
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
