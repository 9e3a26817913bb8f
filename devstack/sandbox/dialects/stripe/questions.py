"""Reads Stripe's calls that ask: objects by id, lists of refunds, the search.

Source: Stripe API reference, "Search", "Pagination", "Retrieve" of each object.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from devstack.sandbox.books import REFUSALS
from devstack.sandbox.dialects.contract import Ask, Asked, Desk, Refused
from devstack.sandbox.dialects.stripe import errors
from devstack.sandbox.dialects.stripe.forms import Form
from devstack.sandbox.dialects.stripe.objects import charge_object, metadata, payment_intent, refund, setup_intent
from devstack.sandbox.dialects.stripe.reading import REFERENCE
from devstack.sandbox.incoming import Reply
from devstack.sandbox.ledger import Charge, Entry, OperationType

DEFAULT_PAGE: Final = 10
LARGEST_PAGE: Final = 100
MOST_SEARCHED: Final = 10_000
"""Of older payments a search by another entry than the reference finds nothing."""

_QUERY: Final = re.compile(r"""metadata\[(['"])(?P<key>[^'"]{1,40})\1\]:(['"])(?P<value>[^'"]{0,500})\3\Z""")


def question(parts: Sequence[str], form: Form, desk: Desk) -> Asked:
    """Read a GET by the parts of its path after the version; raises Refused."""
    match parts:
        case ("balance",) | ("account",):
            return Reply(200, _balance() if parts == ("balance",) else _account(desk))
        case ("payment_intents", "search"):
            return _search(form, desk)
        case ("refunds", *identifiers) if len(identifiers) <= 1:
            return _refund(identifiers[0], form, desk) if identifiers else _refunds(form, desk)
        case ("payment_intents", identifier):
            form.expanding(("latest_charge", "payment_method"))
            return _one(
                identifier,
                (OperationType.AUTHORIZE, "payment_intent", "intent"),
                desk,
                lambda charge: payment_intent(charge, desk, form.expand),
            )
        case ("setup_intents", identifier):
            form.expanding(("latest_attempt", "payment_method"))
            return _one(
                identifier,
                (OperationType.VERIFY, "setupintent", "intent"),
                desk,
                lambda charge: setup_intent(charge, desk, form.expand),
            )
        case ("charges", identifier):
            return _one(identifier, (OperationType.AUTHORIZE, "charge", "charge"), desk, charge_object)
    raise Refused(errors.NO_ROUTE)


def _one(
    identifier: str,
    what: tuple[OperationType, str, str],
    desk: Desk,
    render: Callable[[Charge], dict[str, Any]],
) -> Ask:
    type_, kind, param = what
    entry = desk.books.find_id(identifier)
    known = entry is not None and entry.record.type is type_

    def tell(charges: Sequence[Charge]) -> Reply:
        return Reply(200, render(charges[0])) if charges else errors.no_such(kind, identifier, param)

    reference = entry.record.reference if entry is not None else identifier
    return Ask(reference=reference, charges=(entry.record.charge,) if entry is not None and known else (), tell=tell)


def _refund(identifier: str, form: Form, desk: Desk) -> Ask:
    entry = desk.books.find_id(identifier)
    if entry is None or entry.record.type is not OperationType.REFUND or _is_refused(entry):
        return Ask(reference=identifier, charges=(), tell=lambda _: errors.no_such("refund", identifier, "id"))
    found = entry

    def tell(charges: Sequence[Charge]) -> Reply:
        if not charges:
            return errors.no_such("refund", identifier, "id")
        return Reply(200, refund(charges[0].entry(found.record.id), charges[0], form.expand))

    return Ask(reference=entry.record.reference, charges=(entry.record.charge,), tell=tell)


def _refunds(form: Form, desk: Desk) -> Ask:
    name = "payment_intent" if form.text("payment_intent") else "charge"
    identifier = form.required(name)
    entry = desk.books.find_id(identifier)
    if entry is None or entry.record.type is not OperationType.AUTHORIZE:
        raise Refused(errors.no_such(name, identifier, name))
    limit = _limit(form)
    after = form.text("starting_after")

    def tell(charges: Sequence[Charge]) -> Reply:
        entries = [one for charge in charges for one in reversed(charge.entries_of(OperationType.REFUND))]
        listed = [one for one in entries if not _is_refused(one)]
        if after:
            passed = next((place for place, one in enumerate(listed, 1) if one.record.id == after), len(listed))
            listed = listed[passed:]
        data = [refund(one, charges[0], ()) for one in listed[:limit]]
        return Reply(200, {"object": "list", "data": data, "has_more": len(listed) > limit, "url": "/v1/refunds"})

    return Ask(reference=entry.record.reference, charges=(entry.record.charge,), tell=tell)


def _search(form: Form, desk: Desk) -> Ask:
    form.expanding(("data.latest_charge", "data.payment_method"))
    match = _QUERY.match(form.required("query").strip())
    if match is None:
        raise Refused(errors.invalid("query", "The sandbox searches for metadata['key']:'value' alone."))
    key, value = match["key"], match["value"]
    limit = _limit(form)
    expand = tuple(name.removeprefix("data.") for name in form.expand)
    found = _by_reference(value, desk) if key == REFERENCE else _by_metadata(key, value, desk)

    def tell(charges: Sequence[Charge]) -> Reply:
        data = [payment_intent(charge, desk, expand) for charge in charges[:limit]]
        more = len(charges) > limit
        body = {"object": "search_result", "data": data, "has_more": more, "next_page": "2" if more else None}
        return Reply(200, body | {"url": "/v1/payment_intents/search"})

    return Ask(reference=value if key == REFERENCE else "", charges=found, tell=tell)


def _by_reference(value: str, desk: Desk) -> Sequence[str]:
    entries = desk.books.find_all(OperationType.AUTHORIZE, value)
    return tuple(entry.record.charge for entry in reversed(entries) if REFERENCE in entry.record.facts["metadata"])


def _by_metadata(key: str, value: str, desk: Desk) -> Sequence[str]:
    newest = list(desk.books.charges())[-MOST_SEARCHED:]
    payments = (charge for charge in reversed(newest) if charge.record.type is OperationType.AUTHORIZE)
    return tuple(charge.record.id for charge in payments if metadata(charge).get(key) == value)


def _limit(form: Form) -> int:
    limit = form.integer("limit")
    if limit is not None and not 1 <= limit <= LARGEST_PAGE:
        raise Refused(errors.invalid("limit", f"Limit must be between 1 and {LARGEST_PAGE}."))
    return limit or DEFAULT_PAGE


def _is_refused(entry: Entry) -> bool:
    return entry.verdict.reason in REFUSALS


def _balance() -> dict[str, Any]:
    nothing = [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}]
    return {"object": "balance", "available": nothing, "livemode": False, "pending": nothing}


def _account(desk: Desk) -> dict[str, Any]:
    return {"id": desk.setting("account_id"), "object": "account", "charges_enabled": True}
