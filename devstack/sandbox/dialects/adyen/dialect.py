"""Adyen's dialect, put together."""

import hmac
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from devstack.sandbox.account_needs import AccountNeeds
from devstack.sandbox.dialects.adyen import answers, errors, reading
from devstack.sandbox.dialects.adyen.events import notices_of, signed_body
from devstack.sandbox.dialects.adyen.guide import GUIDE, NEEDS
from devstack.sandbox.dialects.contract import (
    Act,
    Asked,
    Denial,
    Description,
    Desk,
    Guide,
    Happening,
    Idempotency,
    Notice,
    Refused,
    Settle,
    Signed,
)
from devstack.sandbox.incoming import Incoming, Reply
from devstack.sandbox.ledger import Charge, Entry
from devstack.sandbox.settings import AccountEntry
from devstack.sandbox.units import Units

_DENIALS: Final = {
    Denial.KEY_REUSED: errors.IN_PROGRESS,
    Denial.IN_FLIGHT: errors.IN_PROGRESS,
    Denial.REFERENCE_IN_USE: errors.TOO_MANY,
    Denial.CHARGE_UNKNOWN: errors.NO_PAYMENT,
    Denial.TOO_MANY: errors.TOO_MANY,
}
_BRANDS: Final = ("amex", "cup", "diners", "discover", "jcb", "mc", "visa")
_WEEK_SECONDS: Final = 7 * 24 * 3600


class AdyenDialect:
    """Adyen's Checkout API v72 over the books of an account."""

    @property
    def name(self) -> str:
        """Give the name in the accounts file."""
        return "adyen"

    @property
    def units(self) -> Units:
        """Give Adyen's own units."""
        return reading.UNITS

    @property
    def idempotency(self) -> Idempotency:
        """Tell that a key in use turns a second request away, with error 704."""
        return Idempotency(header="Idempotency-Key", longest=reading.LONGEST_KEY, seconds=_WEEK_SECONDS)

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
        """Give Adyen's own description."""
        return Description("adyen", ("CheckoutService-v72.json",), "Webhooks-v1.json")

    def recognises(self, request: Incoming, account: AccountEntry) -> bool:
        """Tell whether the request has the account's API key; a shopper's browser has a sealed token instead."""
        if request.path.endswith(answers.REDIRECT_PATH):
            payment, seal = _redirect_data(request)
            return bool(payment) and hmac.compare_digest(answers.sealed(account, payment).encode(), seal.encode())
        return request.headers.get("x-api-key", "") == account.api_key

    def unauthorized(self, request: Incoming) -> Reply:
        """Give error 000 with HTTP 401."""
        del request
        return errors.UNAUTHORIZED

    def read(self, request: Incoming, desk: Desk) -> Asked:
        """Read a request."""
        if request.method == "GET" and request.path.endswith(answers.REDIRECT_PATH):
            return _return_of_shopper(request, desk)
        if request.method != "POST":
            raise Refused(errors.NO_RESOURCE)
        call = reading.read_call(request, desk)
        if call.path == "/payments/details":
            return _settle(call, desk)
        reading.require_merchant_account(call, desk)
        match call.path:
            case "/payments":
                return reading.read_payment(call, desk)
            case "/cancels":
                return reading.read_technical_cancel(call, desk)
            case "/paymentMethods":
                return Reply(
                    200, {"paymentMethods": [{"type": "scheme", "name": "Credit Card", "brands": list(_BRANDS)}]}
                )
            case path if reading.is_modification(path):
                return reading.read_modification(call, desk)
            case _:
                raise Refused(errors.NO_RESOURCE)

    def answer(self, act: Act, entry: Entry, charge: Charge, desk: Desk, *, replayed: bool) -> Reply:
        """Render an operation; a key that is used again gives the first answer, whatever was asked."""
        del replayed
        render = answers.payment if entry.record.type.opens else answers.modification
        reply = render(entry, charge, desk)
        return Reply(reply.status, reply.body, {**reply.headers, "idempotency-key": act.key})

    def turned_away(self, act: Act, denial: Denial) -> Reply:
        """Give the error for what never got into the books."""
        del act
        return _DENIALS[denial]

    def failed(self) -> Reply:
        """Give an internal error."""
        return errors.INTERNAL

    def invalid(self, findings: Sequence[str]) -> Reply:
        """Give error 702, which names the places and repeats no value."""
        places = sorted({finding.partition(":")[0] for finding in findings})
        return errors.error(400, "702", f"The message is not as described at: {', '.join(places[:5])}")

    def notices(self, happening: Happening, desk: Desk) -> Sequence[Notice]:
        """Give the standard webhooks of a happening."""
        return notices_of(happening, desk)

    def sign(self, notice: Notice, desk: Desk, now: int) -> Signed:
        """Sign the item; the body's other fields, and the time, are not signed at Adyen."""
        del now
        headers = {"content-type": "application/json"}
        login = desk.account.secrets.get("webhook_login", "")
        if login:
            headers["authorization"] = f"Basic {b64encode(login.encode()).decode()}"
        content: Any = notice.content
        return Signed(signed_body(content, desk.account.webhook_secret), headers)


def _redirect_data(request: Incoming) -> tuple[str, str]:
    values = parse_qs(request.query, max_num_fields=8).get("redirectData", [""])
    payment, _, seal = values[0].partition(".")
    return payment, seal


def _return_of_shopper(request: Incoming, desk: Desk) -> Reply:
    """Send the shopper's browser back to the merchant, as if the challenge had been passed."""
    payment, seal = _redirect_data(request)
    entry = desk.books.find_id(payment)
    if entry is None:
        raise Refused(errors.NO_RESOURCE)
    url = str(entry.record.facts.get("return_url", ""))
    result = urlencode({"redirectResult": f"{payment}.{seal}"})
    return Reply(302, b"", {"location": f"{url}{'&' if '?' in url else '?'}{result}", "content-type": "text/plain"})


def _settle(call: reading.Call, desk: Desk) -> Settle:
    payment, _, seal = call.text("details", "redirectResult").partition(".")
    entry = desk.books.find_id(payment)
    if entry is None or answers.sealed(desk.account, payment) != seal:
        raise Refused(errors.error(422, "101_0", "Invalid redirectResult"))

    def answer(charge: Charge) -> Reply:
        return answers.payment(charge.first, charge, desk)

    return Settle(operation=entry.record.id, answer=answer)


DIALECT: Final = AdyenDialect()
"""The dialect itself, without state."""
