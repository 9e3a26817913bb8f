"""The page that a shopper opens who must authenticate: it shows what is paid, and two buttons to pass or to fail."""

from collections.abc import Callable
from html import escape
from typing import Final

from devstack.sandbox.dialects.contract import Desk, Refused, Settle
from devstack.sandbox.incoming import Incoming, Reply
from devstack.sandbox.ledger import Charge, Entry, State
from devstack.sandbox.magic import Verdict
from devstack.sandbox.units import Units

OUTCOME: Final = "outcome"
COMPLETE: Final = "complete"
FAIL: Final = "fail"
LARGEST_FORM_BYTES: Final = 1024

# Nothing of it is loaded from elsewhere, and no other page may frame it.
_HEADERS: Final = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Confirm your payment</title>
<style>body{{font:16px sans-serif;max-width:24rem;margin:3rem auto;padding:0 1rem}}
button{{font:inherit;padding:.6rem 1rem}}</style></head><body><h1>Confirm your payment</h1>
<p>{what}</p><p>This page belongs to the sandbox: nothing real is paid.</p>
{form}</body></html>
"""
_FORM: Final = """<form method="post"><button name="outcome" value="complete">Complete</button>
<button name="outcome" value="fail">Fail</button></form>
"""
_BAD_FORM: Final = Reply(400, b"send outcome=complete or outcome=fail\n", {"content-type": "text/plain; charset=utf-8"})


def shopper_visits(
    request: Incoming, desk: Desk, entry: Entry, *, failed: Verdict, back: Callable[[Charge], str]
) -> Settle | Reply:
    """Serve a shopper's browser: GET shows the page, POST decides and leads to where `back` says, empty for nowhere.

    Raises Refused for a form that says neither. What is decided already stays so, whatever is posted.
    """
    charge = desk.books.charge(entry.record.charge)
    if request.method == "GET":
        waits = entry.state is State.PENDING and not charge.voided
        return _page(charge, desk, _FORM if waits else "<p>There is nothing left to confirm.</p>\n")
    outcome = _outcome_of(request)

    def answer(charge: Charge) -> Reply:
        location = back(charge)
        if not location:
            return _page(charge, desk, f"<p>{escape(charge.first.state.value)}</p>\n")
        return Reply(303, b"", {"location": location, "content-type": "text/plain", "cache-control": "no-store"})

    return Settle(operation=entry.record.id, answer=answer, verdict=failed if outcome == FAIL else None)


def _outcome_of(request: Incoming) -> str:
    if request.method != "POST" or len(request.body) > LARGEST_FORM_BYTES:
        raise Refused(_BAD_FORM)
    try:
        outcome = dict(request.form()).get(OUTCOME, "")
    except ValueError:
        raise Refused(_BAD_FORM) from None
    if outcome not in {COMPLETE, FAIL}:
        raise Refused(_BAD_FORM)
    return outcome


def _page(charge: Charge, desk: Desk, form: str) -> Reply:
    record, units = charge.record, Units()
    card = f" with the card that ends in {record.card.last4}" if record.card is not None else ""
    amount = units.decimal(record.amount, record.currency) if units.knows(record.currency) else str(record.amount)
    paid = f"{amount} {record.currency} " if record.amount else ""
    what = escape(f"{paid}at {desk.account.account}{card}.")
    return Reply(200, _PAGE.format(what=what, form=form).encode(), _HEADERS)
