"""PayPal's dialect, put together."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from devstack.sandbox.account_needs import AccountNeeds
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
    Settle,
    Signed,
)
from devstack.sandbox.dialects.paypal import errors, reading, tokens
from devstack.sandbox.dialects.paypal.certificates import Signer, new_signer
from devstack.sandbox.dialects.paypal.events import notices_of
from devstack.sandbox.dialects.paypal.guide import GUIDE, NEEDS
from devstack.sandbox.dialects.paypal.reading import refundable
from devstack.sandbox.dialects.paypal.resources import (
    authorization_body,
    capture_body,
    is_refused_by_books,
    minimal,
    order_body,
    refund_body,
)
from devstack.sandbox.incoming import Incoming, Reply
from devstack.sandbox.ledger import Charge, Entry, OperationType, State
from devstack.sandbox.settings import AccountEntry
from devstack.sandbox.units import Units

_DENIALS: Final = {
    # Cannot come: a request id that is used again gets the first answer, whatever is asked with it.
    Denial.KEY_REUSED: errors.IN_PROGRESS,
    Denial.IN_FLIGHT: errors.IN_PROGRESS,
    Denial.REFERENCE_IN_USE: errors.DUPLICATE_INVOICE,
    Denial.CHARGE_UNKNOWN: errors.NO_RESOURCE,
    Denial.TOO_MANY: errors.error(422, "MAX_CAPTURE_COUNT_EXCEEDED"),
}
_REFUSALS: Final = {
    (OperationType.CAPTURE, "already_voided"): "AUTHORIZATION_VOIDED",
    (OperationType.CAPTURE, "charge_closed"): "AUTHORIZATION_ALREADY_CAPTURED",
    (OperationType.CAPTURE, "charge_declined"): "AUTHORIZATION_DENIED",
    (OperationType.CAPTURE, "charge_pending"): "TRANSACTION_REFUSED",
    (OperationType.CAPTURE, "amount_exceeds_authorized"): "MAX_CAPTURE_AMOUNT_EXCEEDED",
    (OperationType.CAPTURE, "currency_mismatch"): "AUTH_CAPTURE_CURRENCY_MISMATCH",
    (OperationType.VOID, "already_voided"): "PREVIOUSLY_VOIDED",
    (OperationType.VOID, "already_captured"): "PREVIOUSLY_CAPTURED",
    (OperationType.VOID, "charge_declined"): "CANNOT_BE_VOIDED",
    (OperationType.REFUND, "amount_exceeds_captured"): "REFUND_AMOUNT_EXCEEDED",
    (OperationType.REFUND, "charge_declined"): "REFUND_NOT_ALLOWED",
    (OperationType.REFUND, "charge_pending"): "PENDING_CAPTURE",
    (OperationType.REFUND, "currency_mismatch"): "REFUND_CAPTURE_CURRENCY_MISMATCH",
}
_KEY_SECONDS: Final = 6 * 3600
_MOST_SIGNERS: Final = 64
_WEBHOOKS: Final = "/v1/notifications/webhooks/"
_VERIFY: Final = "/v1/notifications/verify-webhook-signature"


class PayPalDialect:
    """PayPal's Orders v2 and Payments v2 over the books of an account."""

    def __init__(self) -> None:
        # Signing keys are costly to make, and only this process can sign with them.
        self._signers: dict[str, Signer] = {}

    @property
    def name(self) -> str:
        """Give the name in the accounts file."""
        return "paypal"

    @property
    def units(self) -> Units:
        """Give PayPal's own units."""
        return reading.UNITS

    @property
    def idempotency(self) -> Idempotency:
        """Tell that a key in use turns a second request away."""
        return Idempotency(header="PayPal-Request-Id", longest=reading.LONGEST_KEY, seconds=_KEY_SECONDS)

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
        """Give PayPal's own descriptions."""
        return Description("paypal", ("checkout_orders_v2.json", "payments_payment_v2.json"))

    def recognises(self, request: Incoming, account: AccountEntry) -> bool:
        """Tell whether the request has the account's token, its client id and secret, or something it has sealed."""
        return tokens.recognises(request, account)

    def unauthorized(self, request: Incoming) -> Reply:
        """Give PayPal's answer to unknown credentials; the token's address answers as OAuth 2.0 has it."""
        return errors.BAD_CLIENT if request.path == tokens.TOKEN_PATH else errors.UNAUTHORIZED

    def read(self, request: Incoming, desk: Desk) -> Asked:
        """Read a request."""
        if request.path == tokens.TOKEN_PATH:
            return tokens.grant(request, desk)
        if request.path.startswith(tokens.CERTIFICATES_PATH):
            return self._certificate(request, desk)
        if request.path == tokens.PAYER_PATH:
            return _return_of_payer(request, desk)
        if not tokens.is_in_force(request, desk):
            raise Refused(errors.UNAUTHORIZED)
        if request.method == "GET":
            return _question(request.path, desk)
        if request.method != "POST":
            raise Refused(errors.NO_RESOURCE)
        if request.path == _VERIFY:
            return self._verification(request, desk)
        return _act(request, desk)

    def answer(self, act: Act, entry: Entry, charge: Charge, desk: Desk, *, replayed: bool) -> Reply:
        """Render an operation: refusals of the books are errors, all else is a resource."""
        record = entry.record
        whole = isinstance(act.request, reading.Call) and act.request.whole
        if is_refused_by_books(entry):
            return errors.error(422, _issue_of(entry, charge))
        if record.type is OperationType.VOID and not record.verdict.approved:
            return errors.error(422, "CANNOT_BE_VOIDED")
        if record.type is OperationType.VOID:
            return Reply(200, authorization_body(charge, desk)) if whole else Reply(204)
        if record.type is OperationType.AUTHORIZE:
            body = order_body(charge, desk)
            return Reply(200 if replayed else 201, body if whole else minimal(body))
        render = capture_body if record.type is OperationType.CAPTURE else refund_body
        body = render(entry, charge, desk)
        body.pop("supplementary_data", None)
        return Reply(201, body if whole else minimal(body))

    def turned_away(self, act: Act, denial: Denial) -> Reply:
        """Give the error for what never got into the books."""
        del act
        return _DENIALS[denial]

    def failed(self) -> Reply:
        """Give an internal error."""
        return errors.INTERNAL

    def invalid(self, findings: Sequence[str]) -> Reply:
        """Give the error for a request that is not as described: the first place, and no value."""
        place = findings[0].partition(":")[0] if findings else ""
        return errors.error(400, "INVALID_PARAMETER_SYNTAX", f"/{place.replace('.', '/')}"[:200])

    def notices(self, happening: Happening, desk: Desk) -> Sequence[Notice]:
        """Give the webhooks of a happening."""
        return notices_of(happening, desk)

    def sign(self, notice: Notice, desk: Desk, now: int) -> Signed:
        """Sign a delivery with the account's certificate."""
        signer = self._signer(desk.account)
        body = msgspec.json.encode(notice.content)
        identifier = f"{desk.seal(notice.id)[:8]}-{now:x}-11e5-baa3-{desk.seal(notice.id)[:12]}"
        time = dt.datetime.fromtimestamp(now, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        certificate = tokens.certificate_id(desk.account, signer.serial)
        headers = {
            "content-type": "application/json",
            "paypal-transmission-id": identifier,
            "paypal-transmission-time": time,
            "paypal-transmission-sig": signer.sign(identifier, time, desk.setting("webhook_id"), body),
            "paypal-cert-url": f"{desk.base_url}{tokens.CERTIFICATES_PATH}{certificate}",
            "paypal-auth-algo": "SHA256withRSA",
        }
        return Signed(body, headers)

    def _signer(self, account: AccountEntry) -> Signer:
        known = self._signers.get(account.api_key)
        if known is None:
            if len(self._signers) >= _MOST_SIGNERS:
                del self._signers[next(iter(self._signers))]
            known = self._signers[account.api_key] = new_signer(account.api_key)
        return known

    def _certificate(self, request: Incoming, desk: Desk) -> Reply:
        signer = self._signer(desk.account)
        wanted = tokens.CERTIFICATES_PATH + tokens.certificate_id(desk.account, signer.serial)
        if request.method != "GET" or request.path != wanted:
            raise Refused(errors.NO_RESOURCE)
        return Reply(200, signer.pem, {"content-type": "application/x-pem-file"})

    def _verification(self, request: Incoming, desk: Desk) -> Reply:
        """Say whether a delivery is ours. The event must come with its fields in the order in which it was sent."""
        fields = reading.read_call(request, desk).fields
        event = fields.get("webhook_event")
        texts = [fields.get(f"transmission_{name}") for name in ("sig", "id", "time")] + [fields.get("webhook_id")]
        if not isinstance(event, dict) or not all(isinstance(text, str) for text in texts):
            raise Refused(errors.error(400, "MISSING_REQUIRED_PARAMETER", "/webhook_event"))
        signature, identifier, time, webhook_id = (str(text) for text in texts)
        known = webhook_id == desk.setting("webhook_id")
        body = msgspec.json.encode(event)
        genuine = known and self._signer(desk.account).has_signed(signature, identifier, time, webhook_id, body)
        return Reply(200, {"verification_status": "SUCCESS" if genuine else "FAILURE"})


def _issue_of(entry: Entry, charge: Charge) -> str:
    """Give PayPal's issue for a refusal of the books."""
    record = entry.record
    issue = _REFUSALS.get((record.type, record.verdict.reason), "TRANSACTION_REFUSED")
    if issue == "MAX_CAPTURE_AMOUNT_EXCEEDED" and not charge.rest(OperationType.CAPTURE):
        return "AUTHORIZATION_ALREADY_CAPTURED"
    if issue == "REFUND_AMOUNT_EXCEEDED" and not refundable(charge, charge.entry(record.facts["capture"])):
        return "CAPTURE_FULLY_REFUNDED"
    return issue


def _act(request: Incoming, desk: Desk) -> Asked:
    call = reading.read_call(request, desk)
    match request.path.split("/"):
        case ["", "v2", "checkout", "orders"]:
            return reading.read_order(call, request, desk)
        case ["", "v2", "checkout", "orders", order, "authorize" | "capture" as verb]:
            return _settle(call, order, verb, desk)
        case ["", "v2", "payments", "authorizations", identifier, "capture"]:
            return reading.read_capture(call, identifier, desk)
        case ["", "v2", "payments", "authorizations", identifier, "void"]:
            return reading.read_void(call, identifier, desk)
        case ["", "v2", "payments", "authorizations", identifier, "reauthorize"]:
            reading.authorization_charge(identifier, desk)
            raise Refused(errors.error(422, "REAUTHORIZATION_NOT_SUPPORTED"))
        case ["", "v2", "payments", "captures", identifier, "refund"]:
            return reading.read_refund(call, identifier, desk)
        case _:
            raise Refused(errors.NO_RESOURCE)


def _settle(call: reading.Call, order: str, verb: str, desk: Desk) -> Settle:
    """Complete an order whose payer has acted."""
    entry = desk.books.find_id(order)
    if entry is None or entry.record.ids.get("order") != order:
        raise Refused(errors.NO_RESOURCE)
    if entry.record.capture != (verb == "capture"):
        raise Refused(errors.error(422, "ACTION_DOES_NOT_MATCH_INTENT"))

    def answer(charge: Charge) -> Reply:
        body = order_body(charge, desk)
        return Reply(201, body if call.whole else minimal(body))

    return Settle(operation=entry.record.id, answer=answer)


def _question(path: str, desk: Desk) -> Asked:
    if path.startswith(_WEBHOOKS):
        return _webhook(path.removeprefix(_WEBHOOKS), desk)
    kind, _, identifier = path.rpartition("/")
    entry = desk.books.find_id(identifier)
    fitting = entry is not None and _is(kind, entry, identifier)
    if entry is None or not fitting:
        # Nobody knows it: the books are asked all the same, so that faults of questions apply.
        return Ask(reference=identifier, charges=(), tell=lambda _charges: errors.NO_RESOURCE)
    found = entry

    def tell(charges: Sequence[Charge]) -> Reply:
        if not charges:
            return errors.NO_RESOURCE
        return Reply(200, _resource(kind, charges[0].entry(found.record.id), charges[0], desk))

    reference = entry.record.reference or entry.record.charge
    return Ask(reference=reference, charges=(entry.record.charge,), tell=tell)


def _is(kind: str, entry: Entry, identifier: str) -> bool:
    record = entry.record
    match kind:
        case reading.ORDERS:
            return record.ids.get("order") == identifier
        case _ if record.id != identifier or entry.state is State.PENDING:
            # Before its payer has acted an order has no authorization and no capture.
            return False
        case reading.AUTHORIZATIONS:
            return record.type is OperationType.AUTHORIZE and not record.capture
        case reading.CAPTURES:
            return record.type is OperationType.CAPTURE or record.capture
        case reading.REFUNDS:
            return record.type is OperationType.REFUND
        case _:
            return False


def _resource(kind: str, entry: Entry, charge: Charge, desk: Desk) -> dict[str, Any]:
    match kind:
        case reading.ORDERS:
            return order_body(charge, desk)
        case reading.AUTHORIZATIONS:
            return authorization_body(charge, desk)
        case reading.CAPTURES:
            return capture_body(entry, charge, desk)
        case _:
            return refund_body(entry, charge, desk)


def _webhook(identifier: str, desk: Desk) -> Reply:
    if identifier != desk.setting("webhook_id"):
        raise Refused(errors.NO_RESOURCE)
    events = [{"name": name} for name in GUIDE.webhooks]
    return Reply(200, {"id": identifier, "url": "https://payera.example/webhooks", "event_types": events})


def _return_of_payer(request: Incoming, desk: Desk) -> Reply:
    """Send the payer's browser back to the merchant, as if the challenge had been passed."""
    order = dict(request.parameters()).get("token", "")
    entry = desk.books.find_id(order)
    url = str(entry.record.facts.get("return_url", "")) if entry is not None else ""
    if not url:
        raise Refused(errors.NO_RESOURCE)
    query = urlencode({"token": order, "liability_shift": "POSSIBLE"})
    return Reply(302, b"", {"location": f"{url}{'&' if '?' in url else '?'}{query}", "content-type": "text/plain"})


DIALECT: Final = PayPalDialect()
"""The dialect itself."""
