"""What a ciphertext of the vault is bound to, and how a card is written before it is sealed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from vault_svc.domain.address import BillingAddress
from vault_svc.domain.card import CardDetails, Expiry
from vault_svc.domain.secret_values import CardNumber, CardSecurityCode, HolderName

_SCHEME: Final = b"payera.vault.v1"
_LENGTH_BYTES: Final = 4
# Sealed cards come in steps of this size, so that a ciphertext does not tell how long the number and the name are.
_STEP_BYTES: Final = 64
_CODE_BYTES: Final = 8
_PADDING: Final = b" "


class SealBrokenError(Exception):
    """A ciphertext was changed, cut, moved to another row, or sealed with another key; says nothing about its text."""


class SealedKind(StrEnum):
    """What a ciphertext holds."""

    CARD = "pan"
    CODE = "cvc"
    CARD_KEY = "key"


@dataclass(frozen=True, slots=True)
class Binding:
    """The place of a ciphertext. Opened in any other place, it fails."""

    merchant_id: str
    token_id: str
    key_version: int
    kind: SealedKind

    def associated_data(self) -> bytes:
        """Give the bytes that are authenticated with the ciphertext: unambiguous, as each part is led by its length."""
        return frame(
            _SCHEME,
            self.kind.value.encode(),
            self.merchant_id.encode(),
            self.token_id.encode(),
            str(self.key_version).encode(),
        )


def frame(*parts: bytes) -> bytes:
    """Join parts so that no two different sequences of parts give the same bytes."""
    return b"".join([len(part).to_bytes(_LENGTH_BYTES, "big") + part for part in parts])


class _CardText(msgspec.Struct, frozen=True, array_like=True):
    """The kept part of a card as it is sealed; new fields go to the end, with a default."""

    number: str
    exp_month: int
    exp_year: int
    holder_name: str
    address: dict[str, str] = {}


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(_CardText)


def write_card(details: CardDetails) -> bytes:
    """Give the bytes of a card for sealing, padded so that their length tells next to nothing."""
    text = _encoder.encode(
        _CardText(
            details.number.reveal(),
            details.expiry.month,
            details.expiry.year,
            details.holder_name.reveal(),
            {name: text for name, text in details.address.named() if text},
        )
    )
    return text.ljust(-(-len(text) // _STEP_BYTES) * _STEP_BYTES, _PADDING)


def read_card(text: bytes) -> CardDetails:
    """Read what `write_card` wrote. Raises SealBrokenError when it is anything else."""
    try:
        card = _decoder.decode(text)
        address = BillingAddress(**card.address)
    except (msgspec.DecodeError, TypeError):
        # The decoder's own message could quote what it read.
        message = "the sealed text is no card"
        raise SealBrokenError(message) from None
    return CardDetails(
        CardNumber(card.number), Expiry(card.exp_month, card.exp_year), HolderName(card.holder_name), address
    )


def write_code(code: CardSecurityCode) -> bytes:
    """Give the bytes of a card verification code for sealing, all of one length."""
    return code.reveal().encode("ascii").ljust(_CODE_BYTES, _PADDING)


def read_code(text: bytes) -> CardSecurityCode:
    """Read what `write_code` wrote. Raises SealBrokenError when it is anything else."""
    digits = text.rstrip(_PADDING)
    if len(text) != _CODE_BYTES or not digits.isdigit():
        message = "the sealed text is no card verification code"
        raise SealBrokenError(message)
    return CardSecurityCode(digits.decode("ascii"))
