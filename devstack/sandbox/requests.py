"""Reads requests of the sandbox PSP's API into values, or says what is wrong with them."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import parse_qs

import msgspec

from devstack.sandbox.faults import FaultOperation
from devstack.sandbox.ledger import OperationType

LARGEST_BODY_BYTES: Final = 65536
LONGEST_KEY: Final = 255
MOST_PARAMETERS: Final = 8

Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Amount = Annotated[int, msgspec.Meta(ge=1, le=999_999_999_999)]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class ApiError(Exception):
    """A request that is answered with an error: nothing was done."""

    def __init__(self, status: int, code: str, message: str, **fields: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, **fields}}


class CardFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card in a request."""

    number: Annotated[str, msgspec.Meta(pattern="^[0-9]{12,19}$")]
    exp_month: Annotated[int, msgspec.Meta(ge=1, le=12)]
    exp_year: Annotated[int, msgspec.Meta(ge=2000, le=2099)]
    cvc: Annotated[str, msgspec.Meta(pattern="^[0-9]{3,4}$")] | None = None
    holder_name: Annotated[str, msgspec.Meta(max_length=100)] = ""

    def __repr__(self) -> str:
        """Show nothing of the card."""
        return "CardFields(***)"


class CredentialFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The agreement that a charge belongs to."""

    initiator: Literal["customer", "merchant"]
    use: Literal["first", "subsequent"]
    reason: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,30}$")]
    network_transaction_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    network_transaction_date: Annotated[str, msgspec.Meta(pattern="^([0-9]{4})?$")] = ""


class AuthenticationFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An authentication of the shopper that was done elsewhere."""

    version: Annotated[str, msgspec.Meta(pattern="^2[.][0-9.]{1,5}$")]
    trans_status: Literal["Y", "A", "C", "U", "I"]
    eci: Annotated[str, msgspec.Meta(pattern="^([0-9]{2})?$")] = ""
    cryptogram: Annotated[str, msgspec.Meta(max_length=64)] = ""
    ds_transaction_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    challenge_status: Literal["", "Y"] = ""

    def __repr__(self) -> str:
        """Show nothing of what proves it."""
        return "AuthenticationFields(***)"


class ChargeFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/charges."""

    reference: Reference
    amount: Amount
    currency: Currency
    card: CardFields
    capture: bool = True
    statement_descriptor: Annotated[str, msgspec.Meta(max_length=22)] = ""
    return_url: Annotated[str, msgspec.Meta(max_length=2048, pattern="^(https?://[!-~]+)?$")] = ""
    three_ds: Literal["automatic", "challenge", "skip"] = "automatic"
    stored_credential: CredentialFields | None = None
    authentication: AuthenticationFields | None = None
    exemption: Annotated[str, msgspec.Meta(pattern="^[a-z_]{0,30}$")] = ""


class CaptureFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/charges/{id}/captures."""

    reference: Reference
    amount: Amount
    currency: Currency
    final: bool = True


class VoidFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/charges/{id}/void."""

    reference: Reference


class RefundFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/charges/{id}/refunds."""

    reference: Reference
    amount: Amount
    currency: Currency


Fields = ChargeFields | CaptureFields | VoidFields | RefundFields


@dataclass(frozen=True, slots=True)
class Action:
    """A request to do something."""

    type: OperationType
    charge: str
    key: str
    body: bytes
    fields: Fields

    @property
    def reference(self) -> str:
        """Give the caller's reference."""
        return self.fields.reference

    @property
    def amount(self) -> int:
        """Give the amount asked for, 0 for a void."""
        return 0 if isinstance(self.fields, VoidFields) else self.fields.amount

    @property
    def fault_operation(self) -> FaultOperation:
        """Give the name under which faults know it."""
        return FaultOperation(self.type.value)


@dataclass(frozen=True, slots=True)
class Question:
    """A request to tell what became of an operation."""

    type: OperationType
    reference: str

    @property
    def fault_operation(self) -> FaultOperation:
        """Give the name under which faults know it."""
        return FaultOperation.SYNC


_DECODERS: Final[dict[OperationType, msgspec.json.Decoder[Fields]]] = {
    OperationType.AUTHORIZE: msgspec.json.Decoder(ChargeFields),
    OperationType.CAPTURE: msgspec.json.Decoder(CaptureFields),
    OperationType.VOID: msgspec.json.Decoder(VoidFields),
    OperationType.REFUND: msgspec.json.Decoder(RefundFields),
}
_VERBS: Final = {"captures": OperationType.CAPTURE, "void": OperationType.VOID, "refunds": OperationType.REFUND}


def read_action(path: str, key: str, body: bytes) -> Action:
    """Read a POST; raises ApiError."""
    type_, charge = _route(path)
    if not 0 < len(key) <= LONGEST_KEY:
        raise ApiError(400, "invalid_request", f"Idempotency-Key must have 1 to {LONGEST_KEY} characters")
    try:
        fields = _DECODERS[type_].decode(body)
    except msgspec.ValidationError as error:
        raise ApiError(400, "invalid_request", str(error)) from None
    except msgspec.DecodeError:
        raise ApiError(400, "invalid_request", "the body is not JSON") from None
    return Action(type_, charge, key, body, fields)


def read_question(path: str, query: str) -> Question:
    """Read a GET; raises ApiError."""
    if path != "/v1/operations":
        raise ApiError(404, "route_not_found", "there is no such resource")
    try:
        parameters = parse_qs(query, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise ApiError(400, "invalid_request", f"there are more than {MOST_PARAMETERS} parameters") from None
    reference = "".join(parameters.get("reference", ()))
    kind = "".join(parameters.get("type", ()))
    if not reference or kind not in {type_.value for type_ in _DECODERS}:
        raise ApiError(400, "invalid_request", "reference and type are required")
    return Question(OperationType(kind), reference)


def _route(path: str) -> tuple[OperationType, str]:
    if path == "/v1/charges":
        return OperationType.AUTHORIZE, ""
    match path.split("/"):
        case ["", "v1", "charges", charge, verb] if charge and verb in _VERBS:
            return _VERBS[verb], charge
        case _:
            raise ApiError(404, "route_not_found", "there is no such resource")
