"""Writes docs/sandbox.md from the sandbox PSP's tables: `python -m devstack.sandbox.documentation`."""

from pathlib import Path
from typing import Final

from devstack.sandbox.faults import DEFAULT_DELAY_MS, NEVER_MS, FaultMode
from devstack.sandbox.magic import (
    ACCOUNT_STEP,
    DECLINES,
    FAULTS,
    FIRST_AMOUNT,
    LAST_ACCOUNT,
    SUCCESS_CARDS,
    TEST_CARDS,
    MagicAmount,
    brand_of,
)
from devstack.sandbox.requests import LARGEST_BODY_BYTES, LONGEST_KEY

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "sandbox.md"

_EFFECTS: Final = {
    FaultMode.REFUSE: "closes the account's port until healed: connections are refused",
    FaultMode.RESET_BEFORE: "resets the connection before acting",
    FaultMode.RESET_AFTER: "acts, then resets the connection",
    FaultMode.TIMEOUT_THEN_SUCCESS: "acts, then answers after the delay, or never",
    FaultMode.TIMEOUT_THEN_DECLINE: "declines (05), then answers after the delay, or never",
    FaultMode.SLOW: "waits for the delay, then acts and answers: it may act long after the caller gave up",
    FaultMode.GARBAGE: "acts, then answers 200 with bytes that are no JSON",
    FaultMode.TRUNCATED: "acts, then sends half of the answer and closes",
    FaultMode.WRONG_AMOUNT: "acts rightly, but answers with an amount one minor unit higher",
    FaultMode.DUPLICATE: "takes the request twice; the idempotency key must absorb the second",
    FaultMode.SERVER_ERROR_BEFORE: "answers 500 without acting",
    FaultMode.SERVER_ERROR_AFTER: "acts, then answers 500",
    FaultMode.NOT_FOUND_THEN_FOUND: "a sync finds nothing the first `count` times; by amount: acts, resets, then once",
}

_OPENING: Final = f"""\
# The sandbox PSP

A payment service provider of our own, for development, tests and demonstrations: it keeps real books, declines on demand, and
shows every fault a PSP can show. This page is written by `python -m devstack.sandbox.documentation`; a test holds it equal
to the tables in `devstack/sandbox`.

## Running it

`python -m devstack.sandbox.server` with

| variable | meaning |
|---|---|
| `PAYERA_LISTEN` | `host:port` of the control API, and of the accounts without a port of their own |
| `PAYERA_SANDBOX_ACCOUNTS` | JSON file: `[{{"account": "sandbox_a", "api_key": "...", "port": 8191}}, ...]`; `port` may be left out (the account then can't `refuse`), 0 takes a free one |
| `PAYERA_SANDBOX_STORE` | file in which the books survive a restart (a journal, one line per operation); without it they live as long as the process |
| `PAYERA_LOG_LEVEL` | `info` |

Every account has its own key, books, idempotency keys and faults.

## The PSP's API

Every call bears `Authorization: Bearer <key of the account>`. A POST also needs an `Idempotency-Key` of 1 to {LONGEST_KEY} characters: the
same key with the same body gives the first answer again, with another body 409 `idempotency_key_reused`; a second request waits
while the first is being worked on. A `reference` is unique per account and type (409 `reference_in_use`). Bodies have at most
{LARGEST_BODY_BYTES} bytes; unknown fields are refused (400 `invalid_request`).

| call | body |
|---|---|
| `POST /v1/charges` | `reference`, `amount` (minor units), `currency`, `card` (`number`, `exp_month`, `exp_year`, optional `cvc`, `holder_name`), `capture` (default true), optional `statement_descriptor` |
| `POST /v1/charges/{{id}}/captures` | `reference`, `amount`, `currency`, `final` (default true: the rest is released) |
| `POST /v1/charges/{{id}}/void` | `reference` |
| `POST /v1/charges/{{id}}/refunds` | `reference`, `amount`, `currency` |
| `GET /v1/operations?reference=...&type=...` | `type` is `authorize`, `capture`, `void` or `refund`; 404 `operation_not_found` |

Every answer is an operation: `id`, `type`, `status` (`approved`, `declined`), `reference`, `charge`, `amount`, `currency`,
`captured_amount`, `network_code`, `reason`, `network_transaction_id`, `card`. A decline is a 200. The books refuse with a declined
operation and a `reason`: `amount_exceeds_authorized`, `amount_exceeds_captured`, `already_captured`, `already_voided`,
`charge_closed`, `charge_declined`, `currency_mismatch`.

## Test cards

Approved: {{approved}}. So is every other number with a right check digit. A wrong check digit is declined with 14, a past
expiry with 54. Declined:

| card | network code | reason | Payera's code |
|---|---|---|---|
{{cards}}

## Magic amounts

An amount of {FIRST_AMOUNT:_} plus three digits, in minor units of any currency, is declined. Add {ACCOUNT_STEP:_} for the first account in the
accounts file, twice that for the second, and so on (up to the {LAST_ACCOUNT}th): the amount is then declined *at that account alone* and
approved elsewhere, which is what a cascade needs. {FIRST_AMOUNT + 105:_} is declined with 05 everywhere, {FIRST_AMOUNT + ACCOUNT_STEP + 105:_} at the first account
only, {FIRST_AMOUNT + 2 * ACCOUNT_STEP + 105:_} at the second only. The amount of a capture or refund counts in the same way.

| amount | at the first account only | network code | reason | Payera's code | note |
|---|---|---|---|---|---|
{{amounts}}

## Faults

By amount a fault strikes the first request of an authorization; what is sent again later is served properly.

| mode | by amount | at the first account only | effect |
|---|---|---|---|
{{faults}}

"Never" is a reset after {NEVER_MS // 1000} seconds. Without a delay, `slow` waits {DEFAULT_DELAY_MS[FaultMode.SLOW] // 1000} seconds and the timeouts never answer.

## The control API

On `PAYERA_LISTEN`; it is no part of what a PSP shows to merchants.

| call | effect |
|---|---|
| `GET /health` | 200 when it serves |
| `GET /control/accounts` | accounts, ports, faults in force |
| `PUT /control/accounts/{{account}}/faults` | sets a fault: `mode`, `operation` (`any`, `authorize`, `capture`, `void`, `refund`, `sync`), optional `count` (else until healed), `delay_ms`, `reference` (a prefix). One fault per operation and reference; those with a reference go first |
| `DELETE /control/accounts/{{account}}/faults` | heals everything, and opens the port again |
| `GET /control/truth` | what really happened to money: per charge `authorized`, `captured`, `refunded`, `voided`, `money_moves` and `requests`, and the same per operation; `reference` (exact), `prefix`, `limit`, `after` (a charge id, see `next`); with `reference` also how often each account was asked, acted upon or not |

    curl -X PUT localhost:8090/control/accounts/sandbox_a/faults -d '{{"operation": "authorize", "mode": "reset_after", "count": 3}}'
"""  # noqa: E501 - lines of a document, of which tables can't be broken


def render() -> str:
    """Give the whole document."""
    text = _OPENING
    parts = {
        "{approved}": ", ".join(f"`{number}` ({brand_of(number)})" for number in SUCCESS_CARDS),
        "{cards}": "\n".join(
            f"| `{card.number}` | {card.verdict.network_code} | {card.verdict.reason} | `{card.payera_code}` |"
            for card in TEST_CARDS
        ),
        "{amounts}": "\n".join(_amount(entry) for entry in DECLINES.values()),
        "{faults}": "\n".join(_fault(mode) for mode in FaultMode),
    }
    for place, content in parts.items():
        text = text.replace(place, content)
    return text


def _amount(entry: MagicAmount) -> str:
    everywhere = FIRST_AMOUNT + entry.suffix
    verdict = entry.verdict
    return (
        f"| {everywhere} | {everywhere + ACCOUNT_STEP} | {verdict.network_code} | {verdict.reason} "
        f"| `{entry.payera_code}` | {entry.note} |"
    )


def _fault(mode: FaultMode) -> str:
    suffix = next((suffix for suffix, by_amount in FAULTS.items() if by_amount is mode), None)
    amounts = (FIRST_AMOUNT + suffix, FIRST_AMOUNT + suffix + ACCOUNT_STEP) if suffix is not None else ("", "")
    return f"| `{mode.value}` | {amounts[0]} | {amounts[1]} | {_EFFECTS[mode]} |"


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
