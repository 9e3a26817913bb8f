"""Stripe's dialect, put together."""

import base64
import binascii
import hmac
from collections.abc import Collection, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from devstack.sandbox.account_needs import AccountNeeds
from devstack.sandbox.books import REFUSALS
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
    Signed,
)
from devstack.sandbox.dialects.stripe import errors, reading
from devstack.sandbox.dialects.stripe.events import API_VERSION, notices_of, signature
from devstack.sandbox.dialects.stripe.forms import Form, read_form
from devstack.sandbox.dialects.stripe.guide import GUIDE, NEEDS
from devstack.sandbox.dialects.stripe.objects import (
    SHOPPERS_PATH,
    charge_object,
    decline,
    payment_intent,
    payment_method,
    refund,
    setup_intent,
)
from devstack.sandbox.dialects.stripe.questions import question
from devstack.sandbox.dialects.stripe.triggers import UNITS
from devstack.sandbox.incoming import Incoming, Reply
from devstack.sandbox.ledger import Charge, Entry, OperationType, State
from devstack.sandbox.settings import AccountEntry
from devstack.sandbox.shopper_page import shopper_visits
from devstack.sandbox.units import Units

_DAY_SECONDS: Final = 24 * 3600
_VERSION_PATH: Final = "/v1/"


class StripeDialect:
    """Stripe's API of version 2024-04-10 over the books of an account."""

    @property
    def name(self) -> str:
        """Give the name in the accounts file."""
        return "stripe"

    @property
    def units(self) -> Units:
        """Give Stripe's own units."""
        return UNITS

    @property
    def idempotency(self) -> Idempotency:
        """Tell that a key in use turns a second request away, and is remembered for a day."""
        return Idempotency(header="Idempotency-Key", longest=reading.LONGEST_KEY, seconds=_DAY_SECONDS)

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
        """Give Stripe's own description."""
        return Description("stripe", ("spec3-2024-04-10.json",))

    def recognises(self, request: Incoming, account: AccountEntry) -> bool:
        """Tell whether the request has the account's key; a shopper's browser has a sealed address instead."""
        if request.path.startswith(SHOPPERS_PATH):
            expected = _seal_of(request, account)
            return hmac.compare_digest(dict(request.parameters()).get("seal", "").encode(), expected.encode())
        return hmac.compare_digest(_key(request).encode("utf-8", "surrogateescape"), account.api_key.encode())

    def unauthorized(self, request: Incoming) -> Reply:
        """Give HTTP 401."""
        return errors.WRONG_KEY if "authorization" in request.headers else errors.NO_KEY

    def read(self, request: Incoming, desk: Desk) -> Asked:
        """Read a request."""
        if request.path.startswith(SHOPPERS_PATH):
            return _visit_of_shopper(request, desk)
        if not request.path.startswith(_VERSION_PATH) or request.method not in {"GET", "POST"}:
            raise Refused(errors.NO_ROUTE)
        parts = tuple(request.path.removeprefix(_VERSION_PATH).split("/"))
        form = read_form(request)
        return question(parts, form, desk) if request.method == "GET" else _act(parts, form, request, desk)

    def answer(self, act: Act, entry: Entry, charge: Charge, desk: Desk, *, replayed: bool) -> Reply:
        """Render an operation; a key that is used again gives the first answer, and says so."""
        form = act.request
        reply = _rendered(entry, charge, desk, form.expand if isinstance(form, Form) else ())
        headers = {"request-id": f"req_{desk.seal(entry.record.id)[:14]}", "stripe-version": API_VERSION}
        if act.key:
            headers["idempotency-key"] = act.key
        if replayed:
            headers["idempotent-replayed"] = "true"
        return Reply(reply.status, reply.body, headers)

    def turned_away(self, act: Act, denial: Denial) -> Reply:
        """Give the error for what never got into the books."""
        match denial:
            case Denial.KEY_REUSED:
                return errors.key_reused(act.key)
            case Denial.IN_FLIGHT:
                return errors.IN_FLIGHT
            case Denial.CHARGE_UNKNOWN:
                return errors.no_such("payment_intent", act.charge, "intent")
            case _:
                return errors.TOO_MANY

    def failed(self) -> Reply:
        """Give an error of the API itself."""
        return errors.INTERNAL

    def invalid(self, findings: Sequence[str]) -> Reply:
        """Give an error that names the first place and repeats no value."""
        place = findings[0].partition(":")[0] if findings else ""
        return errors.invalid(place[:100], f"Invalid or unknown parameter: {place[:100]}")

    def notices(self, happening: Happening, desk: Desk) -> Sequence[Notice]:
        """Give the events of a happening."""
        return notices_of(happening, desk)

    def sign(self, notice: Notice, desk: Desk, now: int) -> Signed:
        """Sign a delivery, with the secret before too while the secret is being replaced."""
        body = msgspec.json.encode(notice.content)
        secrets = (desk.account.webhook_secret, desk.account.webhook_secret_before)
        headers = {"content-type": "application/json; charset=utf-8", "user-agent": "Stripe/1.0"}
        return Signed(body, headers | {"stripe-signature": signature(body, now, secrets)})


def _key(request: Incoming) -> str:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return request.bearer
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def _seal_of(request: Incoming, account: AccountEntry) -> str:
    name = request.path.removeprefix(SHOPPERS_PATH)
    return hmac.new(account.api_key.encode(), f"authentication {name}".encode(), "sha256").hexdigest()[:32]


def _act(parts: tuple[str, ...], form: Form, request: Incoming, desk: Desk) -> Asked:
    match parts:
        case ("payment_intents",):
            return reading.read_payment(form, request, desk)
        case ("setup_intents",):
            return reading.read_setup(form, request, desk)
        case ("refunds",):
            return reading.read_refund(form, request, desk)
        case ("payment_intents", identifier, ("capture" | "cancel" | "increment_authorization") as verb):
            entry = desk.books.find_id(identifier)
            if entry is None or entry.record.id != identifier or entry.record.type is not OperationType.AUTHORIZE:
                raise Refused(errors.no_such("payment_intent", identifier, "intent"))
            if verb == "capture":
                return reading.read_capture(form, request, entry)
            if verb == "cancel":
                return reading.read_cancel(form, request, entry)
            return reading.read_increment(form, request, entry, desk.books.charge(entry.record.charge))
    raise Refused(errors.NO_ROUTE)


def _rendered(entry: Entry, charge: Charge, desk: Desk, expand: Collection[str]) -> Reply:
    record = entry.record
    reason = entry.verdict.reason
    if entry.state is State.DECLINED and reason in REFUSALS:
        return _refused(entry, charge, desk)
    match record.type:
        case OperationType.VERIFY if entry.state is State.DECLINED:
            return _card_error(entry, {"setup_intent": setup_intent(charge, desk)}, charge)
        case OperationType.VERIFY:
            return Reply(200, setup_intent(charge, desk, expand))
        case OperationType.REFUND:
            return Reply(200, refund(entry, charge, expand))
        case _ if entry.state is State.DECLINED:
            objects = {"charge": charge_object(charge)["id"], "payment_intent": payment_intent(charge, desk)}
            return _card_error(entry, objects, charge)
        case _:
            return Reply(200, payment_intent(charge, desk, expand))


def _card_error(entry: Entry, objects: dict[str, Any], charge: Charge) -> Reply:
    told = decline(entry.verdict)
    objects["payment_method"] = payment_method(charge)
    return errors.card_error(told["code"], told["message"], told.get("decline_code", ""), objects)


def _refused(entry: Entry, charge: Charge, desk: Desk) -> Reply:
    """Give the error for what the books don't allow."""
    record, reason = entry.record, entry.verdict.reason
    if record.type is OperationType.REFUND:
        if charge.captured and not charge.rest(OperationType.REFUND):
            return errors.error(400, "This charge has already been refunded.", code="charge_already_refunded")
        return errors.error(400, "Refund amount is greater than unrefunded amount on charge.", param="amount")
    intent = payment_intent(charge, desk)
    if reason == "amount_exceeds_authorized":
        message = "The amount to capture is greater than the amount that can be captured."
        return errors.error(400, message, code="amount_too_large", param="amount_to_capture", payment_intent=intent)
    if reason == "amount_not_higher":
        return errors.error(400, "The amount must be greater than the authorized amount.", param="amount")
    message = f"This PaymentIntent could not be changed because it has a status of {intent['status']}."
    return errors.error(400, message, code=errors.UNEXPECTED, payment_intent=intent)


def _visit_of_shopper(request: Incoming, desk: Desk) -> Asked:
    """Let the shopper pass or fail the challenge, and send them back to the merchant."""
    name = request.path.removeprefix(SHOPPERS_PATH)
    entry = desk.books.find_id(name)
    if entry is None or not entry.record.type.opens:
        raise Refused(errors.NO_ROUTE)
    url = str(entry.record.facts.get("return_url") or "")
    kind = "payment_intent" if entry.record.type is OperationType.AUTHORIZE else "setup_intent"

    def back(charge: Charge) -> str:
        status = "succeeded" if charge.first.state is State.APPROVED else "failed"
        query = urlencode({kind: name, "redirect_status": status})
        return f"{url}{'&' if '?' in url else '?'}{query}" if url else ""

    return shopper_visits(request, desk, entry, failed=reading.FAILED_AUTHENTICATION, back=back)


DIALECT: Final = StripeDialect()
"""The dialect itself, without state."""
