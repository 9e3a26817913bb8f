"""The sandbox PSP's own API as a dialect; docs/sandbox.md describes it."""

import datetime as dt
import hmac
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

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
    Signed,
    Trigger,
)
from devstack.sandbox.incoming import Incoming, Reply
from devstack.sandbox.ledger import Charge, Entry, OperationType, State, Waiting
from devstack.sandbox.magic import (
    APPROVED,
    AUTHENTICATION_FAILED,
    AUTHENTICATION_REQUIRED,
    SUCCESS_CARDS,
    TEST_CARDS,
    Verdict,
    verdict_of_card,
)
from devstack.sandbox.requests import (
    LARGEST_BODY_BYTES,
    LONGEST_KEY,
    Action,
    ApiError,
    CaptureFields,
    ChargeFields,
    VoidFields,
    read_action,
    read_question,
)
from devstack.sandbox.settings import AccountEntry
from devstack.sandbox.shopper_page import shopper_visits
from devstack.sandbox.units import Units

_EXAMPLE: Final = """curl {url}/v1/charges -H 'Authorization: Bearer {key}' -H 'Idempotency-Key: 1' \\
  -d '{{"reference": "1", "amount": 1050, "currency": "EUR",
  "card": {{"number": "4242424242424242", "exp_month": 12, "exp_year": 2030}}}}'"""
SHOPPERS_PATH: Final = "/shopper/"
_FOREVER_SECONDS: Final = 10**10
_PROVEN: Final = frozenset({"Y", "A", "C"})
_DENIALS: Final[Mapping[Denial, ApiError]] = MappingProxyType(
    {
        Denial.KEY_REUSED: ApiError(409, "idempotency_key_reused", "the key was used for another request"),
        Denial.IN_FLIGHT: ApiError(
            409, "idempotency_key_in_flight", "the first request with this key is being worked on"
        ),
        Denial.REFERENCE_IN_USE: ApiError(409, "reference_in_use", "another operation has this reference"),
        Denial.CHARGE_UNKNOWN: ApiError(404, "charge_not_found", "there is no such charge"),
        Denial.TOO_MANY: ApiError(429, "rate_limited", "the charge has too many operations"),
    }
)


class PayeraDialect:
    """The API that the sandbox PSP has of its own."""

    @property
    def name(self) -> str:
        """Give the name in the accounts file."""
        return "payera"

    @property
    def units(self) -> Units:
        """Give ISO 4217's units."""
        return Units()

    @property
    def idempotency(self) -> Idempotency:
        """Tell that keys are remembered for ever, and that a second request waits for the first."""
        return Idempotency(header="Idempotency-Key", longest=LONGEST_KEY, seconds=_FOREVER_SECONDS, waits=True)

    @property
    def needs(self) -> AccountNeeds:
        """Tell that the key is all there is."""
        return AccountNeeds(api_key="API key", webhook_secret="")

    @property
    def guide(self) -> Guide:
        """Give little: the document has chapters of its own about this API."""
        declined = (
            Trigger(f"`{card.number}`", f"declined with {card.verdict.network_code or card.verdict.reason}")
            for card in TEST_CARDS
        )
        triggers = (Trigger(f"`{SUCCESS_CARDS[0]}`", "approved"), *declined)
        return Guide(
            title="an API of its own", version="v1", calls=(), webhooks=(), triggers=triggers, example=_EXAMPLE
        )

    @property
    def description(self) -> Description | None:
        """Give none."""
        return None

    def recognises(self, request: Incoming, account: AccountEntry) -> bool:
        """Tell whether the Authorization header is this account's; a shopper's browser has a sealed address instead."""
        if request.path.startswith(SHOPPERS_PATH):
            return _is_sealed(request, account)
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(f"Bearer {account.api_key}".encode(), given.encode("utf-8", "surrogateescape"))

    def unauthorized(self, request: Incoming) -> Reply:
        """Give 401."""
        del request
        return _refusal(ApiError(401, "unauthorized", "the API key is not known"))

    def read(self, request: Incoming, desk: Desk) -> Asked:
        """Read a request."""
        if request.path.startswith(SHOPPERS_PATH):
            return _shopper(request, desk)
        try:
            if request.method == "GET":
                question = read_question(request.path, request.query)
                return _question(question.type, question.reference, desk)
            if request.method != "POST":
                raise ApiError(404, "route_not_found", "there is no such resource")
            if len(request.body) > LARGEST_BODY_BYTES:
                raise ApiError(413, "body_too_large", f"the body may have {LARGEST_BODY_BYTES} bytes")
            action = read_action(request.path, request.headers.get("idempotency-key", ""), request.body)
        except ApiError as error:
            raise Refused(_refusal(error)) from None
        return _act(action, desk)

    def answer(self, act: Act, entry: Entry, charge: Charge, desk: Desk, *, replayed: bool) -> Reply:
        """Render an operation as it was taken."""
        del act, replayed
        return Reply(200, _rendered(entry, charge, entry.verdict, entry.record.captured_amount, desk))

    def turned_away(self, act: Act, denial: Denial) -> Reply:
        """Give the error for what never got into the books."""
        del act
        return _refusal(_DENIALS[denial])

    def failed(self) -> Reply:
        """Give an error from which nothing can be learnt."""
        return Reply(500, b"Internal Server Error\n", {"content-type": "text/plain; charset=utf-8"})

    def invalid(self, findings: Sequence[str]) -> Reply:
        """Give 400."""
        return _refusal(ApiError(400, "invalid_request", "; ".join(findings)))

    def notices(self, happening: Happening, desk: Desk) -> Sequence[Notice]:
        """Give none: this API has no webhooks."""
        del happening, desk
        return ()

    def sign(self, notice: Notice, desk: Desk, now: int) -> Signed:
        """Give the content, unsigned; never asked for."""
        del desk, now
        return Signed(msgspec.json.encode(notice.content), {})


def _refusal(error: ApiError) -> Reply:
    return Reply(error.status, error.body)


def _act(action: Action, desk: Desk) -> Act:
    fields = action.fields
    card = fields.card if isinstance(fields, ChargeFields) else None
    now = dt.datetime.fromtimestamp(desk.now(), tz=dt.UTC)
    verdict = verdict_of_card(card.number, card.exp_year, card.exp_month, (now.year, now.month)) if card else None
    return_url, waiting = "", Waiting.NOTHING
    if isinstance(fields, ChargeFields):
        return_url = fields.return_url
        verdict, waiting = _authentication(fields, verdict)
    return Act(
        type=action.type,
        reference=action.reference,
        key=action.key,
        fingerprint=action.body,
        charge=action.charge,
        amount=action.amount,
        currency="" if isinstance(fields, VoidFields) else fields.currency,
        capture=isinstance(fields, ChargeFields) and fields.capture,
        final=isinstance(fields, CaptureFields) and fields.final,
        card=card,
        verdict=verdict,
        waiting=waiting,
        facts={"return_url": return_url} if return_url else {},
        unique_reference=True,
    )


def _authentication(fields: ChargeFields, verdict: Verdict | None) -> tuple[Verdict | None, Waiting]:
    """Tell the verdict, and whether the shopper comes first: at the issuer's wish or the caller's.

    Without an address to come back to, nobody can be sent away.
    """
    wanted = verdict == AUTHENTICATION_REQUIRED or (fields.three_ds == "challenge" and verdict == APPROVED)
    proven = fields.authentication is not None and fields.authentication.trans_status in _PROVEN
    if proven and verdict == AUTHENTICATION_REQUIRED:
        # The issuer has what it wishes for.
        return APPROVED, Waiting.NOTHING
    if not wanted or (fields.three_ds == "skip" and verdict == AUTHENTICATION_REQUIRED):
        return verdict, Waiting.NOTHING
    if not fields.return_url:
        return AUTHENTICATION_REQUIRED, Waiting.NOTHING
    return APPROVED, Waiting.SHOPPER


def _is_sealed(request: Incoming, account: AccountEntry) -> bool:
    try:
        given = dict(request.parameters()).get("seal", "")
    except ValueError:
        return False
    expected = hmac.new(account.api_key.encode(), request.path.encode(), "sha256").hexdigest()[:32]
    return hmac.compare_digest(given.encode(), expected.encode())


def _shopper(request: Incoming, desk: Desk) -> Asked:
    """Let the shopper decide, and come back to the shop: what became of it, the shop must ask."""
    entry = desk.books.find_id(request.path.removeprefix(SHOPPERS_PATH))
    if entry is None or entry.record.type is not OperationType.AUTHORIZE:
        raise Refused(_refusal(ApiError(404, "charge_not_found", "there is no such charge")))
    back = str(entry.record.facts.get("return_url", ""))
    return shopper_visits(request, desk, entry, failed=AUTHENTICATION_FAILED, back=lambda _charge: back)


def _question(type_: OperationType, reference: str, desk: Desk) -> Ask:
    entry = desk.books.find(type_, reference)

    def tell(charges: Sequence[Charge]) -> Reply:
        if entry is None or not charges:
            error = ApiError(
                404, "operation_not_found", "there is no such operation", reference=reference, type=type_.value
            )
            return _refusal(error)
        told = charges[0].entry(entry.record.id)
        return Reply(200, _rendered(told, charges[0], told.verdict.later, charges[0].captured, desk))

    return Ask(reference=reference, charges=(entry.record.charge,) if entry is not None else (), tell=tell)


def _rendered(entry: Entry, charge: Charge, verdict: Verdict, captured: int, desk: Desk) -> dict[str, object]:
    record = entry.record
    status = "approved" if verdict.approved else "declined"
    action = None
    if entry.state is State.PENDING and not charge.voided:
        path = f"{SHOPPERS_PATH}{record.id}"
        status, verdict = "action_required", Verdict()
        action = {"method": "GET", "url": f"{desk.base_url}{path}?seal={desk.seal(path)}"}
    elif entry.state is State.PENDING:
        status, verdict = "declined", Verdict(reason="authentication_abandoned")
    card = charge.record.card
    shown = msgspec.to_builtins(card) if card is not None else {}
    shown.pop("fingerprint", None)
    return {
        "id": record.id,
        "type": record.type.value,
        "status": status,
        "action": action,
        "reference": record.reference,
        "charge": record.charge,
        "amount": record.amount,
        "currency": record.currency,
        "captured_amount": captured,
        "network_code": verdict.network_code or None,
        "reason": verdict.reason or None,
        "network_transaction_id": record.network_transaction_id or None,
        "card": shown,
    }


DIALECT: Final = PayeraDialect()
"""The dialect itself."""
