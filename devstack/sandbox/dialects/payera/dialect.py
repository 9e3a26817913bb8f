"""The sandbox PSP's own API as a dialect; docs/sandbox.md describes it."""

import datetime as dt
import hmac
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from devstack.sandbox.dialects.contract import (
    AccountNeeds,
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
from devstack.sandbox.ledger import Charge, Entry, OperationType
from devstack.sandbox.magic import SUCCESS_CARDS, TEST_CARDS, Verdict, verdict_of_card
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
from devstack.sandbox.units import Units

_EXAMPLE: Final = """curl {url}/v1/charges -H 'Authorization: Bearer {key}' -H 'Idempotency-Key: 1' \\
  -d '{{"reference": "1", "amount": 1050, "currency": "EUR",
  "card": {{"number": "4242424242424242", "exp_month": 12, "exp_year": 2030}}}}'"""
_FOREVER_SECONDS: Final = 10**10
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
        """Tell whether the Authorization header is this account's."""
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(f"Bearer {account.api_key}".encode(), given.encode("utf-8", "surrogateescape"))

    def unauthorized(self, request: Incoming) -> Reply:
        """Give 401."""
        del request
        return _refusal(ApiError(401, "unauthorized", "the API key is not known"))

    def read(self, request: Incoming, desk: Desk) -> Asked:
        """Read a request."""
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
        del act, desk, replayed
        return Reply(200, _rendered(entry, charge, entry.verdict, entry.record.captured_amount))

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
        verdict=verdict_of_card(card.number, card.exp_year, card.exp_month, (now.year, now.month)) if card else None,
        unique_reference=True,
    )


def _question(type_: OperationType, reference: str, desk: Desk) -> Ask:
    entry = desk.books.find(type_, reference)

    def tell(charges: Sequence[Charge]) -> Reply:
        if entry is None or not charges:
            error = ApiError(
                404, "operation_not_found", "there is no such operation", reference=reference, type=type_.value
            )
            return _refusal(error)
        told = charges[0].entry(entry.record.id)
        return Reply(200, _rendered(told, charges[0], told.verdict.later, charges[0].captured))

    return Ask(reference=reference, charges=(entry.record.charge,) if entry is not None else (), tell=tell)


def _rendered(entry: Entry, charge: Charge, verdict: Verdict, captured: int) -> dict[str, object]:
    record = entry.record
    card = charge.record.card
    shown = msgspec.to_builtins(card) if card is not None else {}
    shown.pop("fingerprint", None)
    return {
        "id": record.id,
        "type": record.type.value,
        "status": "approved" if verdict.approved else "declined",
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
