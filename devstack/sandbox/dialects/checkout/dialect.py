"""Checkout.com's dialect, put together."""

import hmac
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs

from devstack.sandbox.account_needs import AccountNeeds
from devstack.sandbox.dialects.checkout import answers, errors, reading
from devstack.sandbox.dialects.checkout.events import notices_of, signed
from devstack.sandbox.dialects.checkout.guide import GUIDE, NEEDS
from devstack.sandbox.dialects.contract import (
    Act,
    Ask,
    Asked,
    Denial,
    Description,
    Desk,
    Guide,
    Happening,
    Idempotency,
    Notice,
    Refused,
    Signed,
)
from devstack.sandbox.incoming import Incoming, Reply
from devstack.sandbox.ledger import Charge, Entry, OperationType
from devstack.sandbox.magic import AUTHENTICATION_FAILED
from devstack.sandbox.settings import AccountEntry
from devstack.sandbox.shopper_page import shopper_visits
from devstack.sandbox.units import Units

_DAY_SECONDS: Final = 24 * 3600
_DENIALS: Final = {
    Denial.KEY_REUSED: errors.IN_FLIGHT,
    Denial.IN_FLIGHT: errors.IN_FLIGHT,
    Denial.REFERENCE_IN_USE: errors.NOT_ALLOWED,
    Denial.CHARGE_UNKNOWN: errors.NOT_FOUND,
    Denial.TOO_MANY: errors.invalid("action_failure_limit_exceeded"),
}
_SHOPPERS_PAGE: Final = "3ds"


class CheckoutDialect:
    """Checkout.com's payments over the books of an account."""

    @property
    def name(self) -> str:
        """Give the name in the accounts file."""
        return "checkout"

    @property
    def units(self) -> Units:
        """Give Checkout.com's own units."""
        return reading.UNITS

    @property
    def idempotency(self) -> Idempotency:
        """Tell that a key in use turns a second request away."""
        return Idempotency(header="Cko-Idempotency-Key", longest=reading.LONGEST_KEY, seconds=_DAY_SECONDS)

    @property
    def needs(self) -> AccountNeeds:
        """Tell what an account consists of."""
        return NEEDS

    @property
    def guide(self) -> Guide:
        """Give what users read."""
        return GUIDE

    @property
    def description(self) -> Description | None:
        """Give Checkout.com's own description."""
        return Description("checkout", ("nas-2021-07-20.bundled.json",))

    def recognises(self, request: Incoming, account: AccountEntry) -> bool:
        """Tell whether the request has the account's key; a shopper's browser has a sealed address instead."""
        parts = reading.parts_of(request)
        if parts[:1] == (_SHOPPERS_PAGE,) and len(parts) == len(("3ds", "id")):
            seal = parse_qs(request.query, max_num_fields=8).get("seal", [""])[0]
            expected = hmac.new(account.api_key.encode(), parts[1].encode(), "sha256").hexdigest()[:32]
            return hmac.compare_digest(seal.encode(), expected.encode())
        return hmac.compare_digest(request.bearer.encode(), account.api_key.encode())

    def unauthorized(self, request: Incoming) -> Reply:
        """Give HTTP 401, which has no body."""
        del request
        return errors.UNAUTHORIZED

    def read(self, request: Incoming, desk: Desk) -> Asked:
        """Read a request."""
        parts = reading.parts_of(request)
        match (request.method, *parts):
            case (_, "3ds", payment):
                return _visit_of_shopper(request, payment, desk)
            case ("POST", "payments"):
                return reading.read_payment(reading.read_call(request, desk), desk)
            case ("POST", "payments", _, _):
                return reading.read_action(reading.read_call(request, desk), desk)
            case ("GET", "payments", payment):
                return _ask(payment, desk, lambda charge: answers.details(charge, desk))
            case ("GET", "payments", payment, "actions"):
                return _ask(payment, desk, answers.actions)
        raise Refused(errors.NOT_FOUND)

    def answer(self, act: Act, entry: Entry, charge: Charge, desk: Desk, *, replayed: bool) -> Reply:
        """Render an operation."""
        del act, replayed
        if entry.record.type.opens:
            return answers.payment(entry, charge, desk)
        if entry.record.type is OperationType.INCREMENT:
            return answers.increment(entry, charge, desk)
        return answers.acknowledgement(entry, charge, desk)

    def turned_away(self, act: Act, denial: Denial) -> Reply:
        """Give the error for what never got into the books."""
        del act
        return _DENIALS[denial]

    def failed(self) -> Reply:
        """Give the only server error that the description has."""
        return errors.BAD_GATEWAY

    def invalid(self, findings: Sequence[str]) -> Reply:
        """Give a validation error that names the places and repeats no value."""
        return errors.invalid_places(finding.partition(":")[0] for finding in findings)

    def notices(self, happening: Happening, desk: Desk) -> Sequence[Notice]:
        """Give the webhooks of a happening."""
        return notices_of(happening, desk)

    def sign(self, notice: Notice, desk: Desk, now: int) -> Signed:
        """Sign the body; the time is not signed at Checkout.com."""
        del now
        account = desk.account
        authorization = account.secrets.get("webhook_authorization", "")
        return Signed(*signed(notice.content, account.webhook_secret, authorization))


def _ask(payment: str, desk: Desk, tell: answers.Teller) -> Ask:
    entry = desk.books.find_id(payment)
    known = entry is not None and entry.record.type.opens

    def told(charges: Sequence[Charge]) -> Reply:
        return tell(charges[0]) if charges else errors.NOT_FOUND

    reference = (entry.record.reference if entry is not None else "") or payment
    return Ask(reference=reference, charges=(payment,) if known else (), tell=told)


def _visit_of_shopper(request: Incoming, payment: str, desk: Desk) -> Asked:
    """Let the shopper pass or fail the challenge, and send them back to the merchant."""
    entry = desk.books.find_id(payment)
    if entry is None:
        raise Refused(errors.NOT_FOUND)
    url = str(entry.record.facts.get("success_url", ""))
    back = f"{url}{'&' if '?' in url else '?'}cko-payment-id={payment}"
    return shopper_visits(request, desk, entry, failed=AUTHENTICATION_FAILED, back=lambda _charge: back)


DIALECT: Final = CheckoutDialect()
"""The dialect itself, without state."""
