"""Writes docs/sandbox.md from the sandbox PSP's tables and dialects: `python -m devstack.sandbox.documentation`."""

from pathlib import Path
from typing import Final

from devstack.sandbox.account_needs import AccountNeed
from devstack.sandbox.dialects.contract import Dialect
from devstack.sandbox.dialects.registry import NAMES, OWN, dialect
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
from devstack.sandbox.webhooks import ATTEMPT_SECONDS, MOST_QUEUED, RETRY_SECONDS, WebhookMode

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
    FaultMode.HTML: "acts, then answers 200 with a web page, as a proxy in between may",
    FaultMode.TRICKLE: "acts, then sends the answer in small pieces over the delay",
    FaultMode.ANSWERED_TWICE: "acts, then sends the same answer a second time over the same connection",
    FaultMode.WRONG_CURRENCY: "acts rightly, but answers with another currency",
    FaultMode.WRONG_REFERENCE: "acts rightly, but answers with another `reference`, where the dialect repeats ours",
    FaultMode.DENIED: "acts, then answers that it has declined (05); webhooks and syncs tell the truth",
    FaultMode.RATE_LIMITED: "answers 429 without acting; `Retry-After` is the delay in whole seconds",
    FaultMode.NOT_FOUND: "answers that there is no such charge, without acting; a sync finds nothing",
}

_WEBHOOK_EFFECTS: Final = {
    WebhookMode.NORMAL: "sent once the API has answered",
    WebhookMode.FIRST: "sent and acknowledged before the API answers",
    WebhookMode.LATE: "held until released, or for `delay_ms`",
    WebhookMode.TWICE: "sent again although it was acknowledged",
    WebhookMode.MISSING: "not sent; can be sent by a release with `again`",
    WebhookMode.REVERSED: "held until released, then the newest first",
}

_OPENING: Final = f"""\
# The sandbox PSP

A payment service provider of our own, for development, tests and demonstrations: it keeps real books, declines on demand, and
shows every fault a PSP can show. It speaks an API of its own and those of {{titles}}: see "Dialects". This page is written by `python -m devstack.sandbox.documentation`; a test holds it equal
to the tables in `devstack/sandbox`.

## Running it

`payera sandbox --dialect stripe` runs one account in the foreground and prints its address, its keys, a first payment and what
it does on demand (`--port`, `--webhook-url`, `--store` and more: `payera sandbox --help`). For several accounts:
`python -m devstack.sandbox.server` with

| variable | meaning |
|---|---|
| `PAYERA_LISTEN` | `host:port` of the control API, and of the accounts without a port of their own |
| `PAYERA_SANDBOX_ACCOUNTS` | JSON file: `[{{"account": "sandbox_a", "api_key": "...", "port": 8191}}, ...]`; `port` may be left out (the account then can't `refuse`), 0 takes a free one. `dialect` is the API it speaks, with `settings`, `secrets`, `webhook_url`, `webhook_secret` and, while that is being replaced, `webhook_secret_before` |
| `PAYERA_SANDBOX_STORE` | file in which the books survive a restart (a journal, one line per operation); without it they live as long as the process |
| `PAYERA_SANDBOX_DESCRIPTIONS` | folder of the PSPs' own API descriptions (`stripe/`, `adyen/`, ...): dialects then refuse requests that are not as described, and answer 500 rather than give an answer that is not; `GET /control/violations` tells of both |
| `PAYERA_LOG_LEVEL` | `info` |

Every account has its own key, books, idempotency keys and faults.

## The PSP's API

Every call bears `Authorization: Bearer <key of the account>`. A POST also needs an `Idempotency-Key` of 1 to {LONGEST_KEY} characters: the
same key with the same body gives the first answer again, with another body 409 `idempotency_key_reused`; a second request waits
while the first is being worked on. A `reference` is unique per account and type (409 `reference_in_use`). Bodies have at most
{LARGEST_BODY_BYTES} bytes; unknown fields are refused (400 `invalid_request`).

| call | body |
|---|---|
| `POST /v1/charges` | `reference`, `amount` (minor units), `currency`, `card` (`number`, `exp_month`, `exp_year`, optional `cvc`, `holder_name`), `capture` (default true), optional `statement_descriptor`, `stored_credential` (`initiator`, `use`, `reason`, `network_transaction_id`, `network_transaction_date`), `authentication` (`version`, `trans_status`, `eci`, `cryptogram`, `ds_transaction_id`, `challenge_status`), `exemption`, `return_url`, `three_ds` (`automatic`, `challenge`, `skip`) |
| `POST /v1/charges/{{id}}/captures` | `reference`, `amount`, `currency`, `final` (default true: the rest is released) |
| `POST /v1/charges/{{id}}/void` | `reference` |
| `POST /v1/charges/{{id}}/refunds` | `reference`, `amount`, `currency` |
| `GET /v1/operations?reference=...&type=...` | `type` is `authorize`, `capture`, `void` or `refund`; 404 `operation_not_found` |

Every answer is an operation: `id`, `type`, `status` (`approved`, `declined`, `action_required`), `action`, `reference`, `charge`, `amount`, `currency`,
`captured_amount`, `network_code`, `reason`, `network_transaction_id`, `card`. A decline is a 200. The books refuse with a declined
operation and a `reason`: `amount_exceeds_authorized`, `amount_exceeds_captured`, `already_captured`, `already_voided`,
`charge_closed`, `charge_declined`, `currency_mismatch`.

**3-D Secure.** With a `return_url`, the cards below that are declined with 1A wait for the shopper instead, and so does every other with
`three_ds` `challenge`: `action` has the `url` of a page with two buttons, one to complete and one to fail, which leads back to the
`return_url`. Nothing tells the caller but a question. A void cancels what waits. The pages of Stripe's and Checkout.com's dialects have
the same buttons.

## Test cards

Approved: {{approved}}. So is every other number with a right check digit. A wrong check digit is declined with 14, a past
expiry with 54. The gateway holds test cards to the networks' rules too: after a decline with one of Visa's codes of category 1 (41 or 43,
say) it sends that card nowhere for that merchant any more, so try them with a number of their own. Declined:

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

"Never" is a reset after {NEVER_MS // 1000} seconds. Without a delay, `slow` waits {DEFAULT_DELAY_MS[FaultMode.SLOW] // 1000} seconds, `trickle` takes {NEVER_MS // 1000} seconds, `Retry-After` is {DEFAULT_DELAY_MS[FaultMode.RATE_LIMITED] // 1000} and the timeouts never
answer.

## The control API

On `PAYERA_LISTEN`; it is no part of what a PSP shows to merchants.

| call | effect |
|---|---|
| `GET /health` | 200 when it serves |
| `GET /control/accounts` | accounts, ports, faults in force |
| `PUT /control/accounts/{{account}}/faults` | sets a fault: `mode`, `operation` (`any`, `verify`, `authorize`, `increment`, `capture`, `void`, `refund`, `sync`), optional `count` (else until healed), `delay_ms`, `reference` (a prefix), `first` (how many requests about each single reference are struck; else all). One fault per operation and reference; those with a reference go first |
| `DELETE /control/accounts/{{account}}/faults` | heals everything, and opens the port again |
| `GET /control/violations` | what was not as the PSP's description has it: `count`, and the newest with account, place and findings |
| `PUT /control/accounts/{{account}}/webhooks` | how webhooks are sent: `mode`, `delay_ms` of late ones, `url` |
| `GET /control/accounts/{{account}}/webhooks` | what was to be sent, with state and attempts; `reference` and `type` are prefixes |
| `POST /control/accounts/{{account}}/webhooks:release` | delivers what is held and answers when it was; `reference` and `type` (prefixes), `again` for those that were delivered, withheld or failed too |
| `POST /control/accounts/{{account}}/webhooks:settle` | answers when nothing is queued or to be tried again |
| `PUT /control/accounts/{{account}}/decisions` | `held`: operations that are only acknowledged, or fail later, then wait to be decided by hand |
| `POST /control/accounts/{{account}}/decisions` | decides an operation that waits, or lets one that succeeded fail: `type`, `reference`, and `network_code` or `reason` (else what it was meant to get) |
| `POST /control/accounts/{{account}}/keys:forget` | forgets all idempotency keys, as if their time had passed |
| `GET /control/accounts/{{account}}/exchanges` | the newest requests with their answers, numbered higher than `after`; keys are masked, of card numbers the first six and last four digits are shown |
| `GET /control/truth` | what really happened to money: per charge `authorized`, `captured`, `refunded`, `voided`, `money_moves` and `requests`, and the same per operation; `reference` (exact), `prefix`, `limit`, `after` (a charge id, see `next`); with `reference` also how often each account was asked, acted upon or not |

    curl -X PUT localhost:8090/control/accounts/sandbox_a/faults -d '{{"operation": "authorize", "mode": "reset_after", "count": 3}}'

## Webhooks

An account that has a `webhook_url` gets the webhooks of its dialect, signed as that PSP signs them, one after another. One that
is not answered with 2xx within {ATTEMPT_SECONDS:g} seconds is tried again after {", ".join(f"{seconds:g}" for seconds in RETRY_SECONDS)} seconds, then it has failed. At most
{MOST_QUEUED:_} wait; more are dropped and counted.

| mode | effect |
|---|---|
{{webhooks}}

## Dialects

Every dialect has the same books, magic amounts (in ISO 4217 minor units, whatever units the PSP counts in), faults and control
API. `refuse` needs a port of the account's own. The books refuse with the reasons told above, and with `amount_not_higher` (an
increment), `charge_pending` and `charge_declined`; each PSP has its own words for them.

{{dialects}}
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
        "{webhooks}": "\n".join(f"| `{mode.value}` | {_WEBHOOK_EFFECTS[mode]} |" for mode in WebhookMode),
        "{titles}": ", ".join(one.guide.title for one in _dialects()),
        "{dialects}": "\n".join(line for one in _dialects() for line in _dialect(one)).rstrip(),
    }
    for place, content in parts.items():
        text = text.replace(place, content)
    return text


def _dialects() -> list[Dialect]:
    return [dialect(name) for name in NAMES if name != OWN]


def _dialect(one: Dialect) -> list[str]:
    guide, key = one.guide, one.idempotency
    needs = [AccountNeed("api_key", one.needs.api_key), AccountNeed("webhook_secret", one.needs.webhook_secret)]
    settings = [*needs, *one.needs.settings, *one.needs.secrets]
    hours = key.seconds // 3600
    return [
        f"### {guide.title}: `{one.name}`",
        "",
        f"{guide.version}. `{key.header}` of up to {key.longest} characters, remembered for {hours} hours.",
        "",
        "Calls: " + ", ".join(f"`{call}`" for call in guide.calls) + ".",
        "",
        "Webhooks: " + ", ".join(f"`{name}`" for name in guide.webhooks) + ".",
        "",
        "| of the account | meaning | if left out |",
        "|---|---|---|",
        *(f"| `{need.name}` | {need.meaning} | {f'`{need.default}`' if need.default else ''} |" for need in settings),
        "",
        "| trigger | effect |",
        "|---|---|",
        *(f"| {_cell(trigger.trigger)} | {_cell(trigger.effect)} |" for trigger in guide.triggers),
        "",
        *(f"- {remark}" for remark in guide.remarks),
        "",
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


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
