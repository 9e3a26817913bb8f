"""A card on its way between vaults: the text inside its envelope, and the rules that it has to keep."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from mesh.card_numbers import contains_card_number
from mesh.refusal import Refusal
from vault_svc.domain.address import BillingAddress
from vault_svc.domain.bin_table import BinTable
from vault_svc.domain.card import Card, CardDetails, Expiry, accept_card, check_expiry

EXPIRED: Final = "exp_year: the card has expired; it was taken all the same."
"""What is said of an expired card. It is taken: issuers replace cards, and networks know the new one."""

# Envelopes come in steps of this size, so that their length does not tell how long number and name are.
_STEP_BYTES: Final = 64
_YEAR_FIRST: Final = 2000
_YEAR_LAST: Final = 2099
_MONTHS_IN_YEAR: Final = 12
_SOURCE_ID: Final = re.compile(r"[!-~]{1,128}\Z")
_CUSTOMER_ID: Final = re.compile(r"[A-Za-z0-9_.:@-]{0,64}\Z")
_COUNTRY: Final = re.compile(r"([A-Z]{2})?\Z")
_LONGEST: Final = {"number": 30, "holder_name": 100}
_LONGEST_OF_ADDRESS: Final = {"line1": 100, "line2": 100, "city": 50, "state": 50, "postal_code": 16}
_SHAPE: Final = (
    "the card must be a JSON object with the texts id, number, holder_name and customer_id, the integers exp_month and "
    "exp_year, the object address, and no other field (card verification codes are not taken)."
)


class CardTextRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The text is no card that is taken; says which rules it breaks and repeats nothing of it."""


class _AddressText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    line1: str = ""
    line2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""

    def __repr__(self) -> str:
        return "_AddressText(redacted)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


_NO_ADDRESS: Final = _AddressText()


class CardText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A card as it stands in its envelope; nothing of it was checked. Prints as redacted."""

    id: str
    number: str
    exp_month: int
    exp_year: int
    holder_name: str = ""
    customer_id: str = ""
    address: _AddressText = _NO_ADDRESS

    def __repr__(self) -> str:
        """Show nothing."""
        return "CardText(redacted)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show nothing to rich either, which asks for the fields by itself."""
        return []


@dataclass(frozen=True, slots=True)
class TransferredCard:
    """A card that may be kept; `expired` when it is good for nothing but its history and its replacement."""

    source_id: str
    customer_id: str
    card: Card
    expired: bool


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(CardText)


def write_text(source_id: str, customer_id: str, details: CardDetails) -> bytes:
    """Give the text of a card for its envelope, padded with spaces."""
    text = _encoder.encode(
        CardText(
            id=source_id,
            number=details.number.reveal(),
            exp_month=details.expiry.month,
            exp_year=details.expiry.year,
            holder_name=details.holder_name.reveal(),
            customer_id=customer_id,
            address=_AddressText(**dict(details.address.named())),
        )
    )
    return text.ljust(-(-len(text) // _STEP_BYTES) * _STEP_BYTES)


def read_text(text: bytes) -> CardText:
    """Read the text of an envelope. Raises CardTextRefused for what does not have the shape of a card."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The decoder's own message could quote what it read.
        raise CardTextRefused(_SHAPE) from None


def source_id_of(card: CardText) -> str:
    """Give the id that the other vault has for the card, as it may be shown. Raises CardTextRefused."""
    if _SOURCE_ID.match(card.id) is None:
        raise CardTextRefused("id: it must have 1 to 128 visible ASCII characters.")
    if contains_card_number(card.id):
        raise CardTextRefused("id: it looks like a card number.")
    return card.id


def accept_transferred(text: CardText, now: datetime, bin_table: BinTable | None = None) -> TransferredCard:
    """Check a card as one that a shopper typed, but for the expiry, and make a card of it; `now` is in UTC.

    Raises CardTextRefused with every rule that it breaks.
    """
    broken = _rules_broken(text)
    expiry = Expiry(text.exp_month, text.exp_year)
    moment = _moment_of_validity(expiry, now)
    card = None
    try:
        card = accept_card(
            number=text.number,
            expiry=expiry,
            code="",
            holder_name=text.holder_name,
            now=moment,
            address=BillingAddress(**{name: getattr(text.address, name) for name in _AddressText.__struct_fields__}),
            bin_table=bin_table,
        )
    except Refusal as refusal:
        broken += [f"{each.field.removeprefix('card.')}: {each.description}" for each in refusal.violations]
    if broken or card is None:
        raise CardTextRefused(" ".join(broken))
    return TransferredCard(source_id_of(text), text.customer_id, card, moment != now)


def _rules_broken(text: CardText) -> list[str]:
    longest = [(name, getattr(text, name), most) for name, most in _LONGEST.items()]
    longest += [(f"address.{name}", getattr(text.address, name), most) for name, most in _LONGEST_OF_ADDRESS.items()]
    broken = [f"{name}: it has more than {most} characters." for name, value, most in longest if len(value) > most]
    if not _YEAR_FIRST <= text.exp_year <= _YEAR_LAST:
        broken.append(f"exp_year: it must be between {_YEAR_FIRST} and {_YEAR_LAST}.")
    if _CUSTOMER_ID.match(text.customer_id) is None:
        broken.append("customer_id: it may have 64 characters, and letters, digits and _ . : @ - only.")
    elif contains_card_number(text.customer_id):
        broken.append("customer_id: it looks like a card number.")
    if _COUNTRY.match(text.address.country) is None:
        broken.append("address.country: it must be two capital letters, ISO 3166-1.")
    return broken


def _moment_of_validity(expiry: Expiry, now: datetime) -> datetime:
    """Give the moment at which the expiry is to be right: for a card that has expired one in its last month."""
    try:
        check_expiry(expiry, now)
    except Refusal:
        if 1 <= expiry.month <= _MONTHS_IN_YEAR and _YEAR_FIRST <= expiry.year <= _YEAR_LAST:
            return min(now, datetime(expiry.year, expiry.month, 15, tzinfo=UTC))
    return now
