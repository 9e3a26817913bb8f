"""An authentication of the shopper by EMV 3-D Secure 2 that was done elsewhere, and what makes it fit to be sent.

The indicators by network are those of acquirers' tables (checkout.com, tabapay, solidgate); EMV 3-D Secure tells the
statuses.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NoReturn

from gateway_svc.domain.stored_credentials import Fault


class Exemption(StrEnum):
    """An exemption from strong customer authentication that the merchant asks for (RTS 2018/389, articles 13 to 18)."""

    LOW_VALUE = "LOW_VALUE"
    TRANSACTION_RISK = "TRANSACTION_RISK"
    TRUSTED_BENEFICIARY = "TRUSTED_BENEFICIARY"
    SECURE_CORPORATE = "SECURE_CORPORATE"


class ThreeDsState(StrEnum):
    """What is known of 3-D Secure before a payment is sent, as routing rules ask for it."""

    NONE = "NONE"
    EXTERNAL = "EXTERNAL"


class Cryptogram:
    """What proves an authentication (CAVV, AAV), in base64. Only `reveal` gives it; everything else shows the type."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the cryptogram itself, to be sent or sealed and nothing else."""
        return self._text

    def __repr__(self) -> str:
        """Show the type only."""
        return "Cryptogram(***)"

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        """Show the type only, whatever the format asks for."""
        return format(repr(self), specification)

    def __eq__(self, other: object) -> bool:
        """Compare with another cryptogram."""
        return isinstance(other, Cryptogram) and other._text == self._text

    def __hash__(self) -> int:
        """Hash the type alone, so that a hash tells nothing of it."""
        return hash(Cryptogram)

    def __bool__(self) -> bool:
        """Tell whether there is one at all."""
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied out of memory."""
        message = "a cryptogram is not pickled"
        raise TypeError(message)


NO_CRYPTOGRAM: Final = Cryptogram()


@dataclass(frozen=True, slots=True)
class ThreeDsResult:
    """The result of an authentication.

    ``trans_status`` is that of the authentication response, ``challenge_status`` that after a challenge, else empty.
    ``eci`` has two digits or is empty. ``proven`` tells that it came with a cryptogram; ``cryptogram`` is empty unless
    it was loaded to be sent.
    """

    version: str
    trans_status: str
    eci: str = ""
    ds_transaction_id: str = ""
    challenge_status: str = ""
    proven: bool = False
    cryptogram: Cryptogram = field(default=NO_CRYPTOGRAM, repr=False)

    @property
    def outcome(self) -> str:
        """Give the last status: after a challenge that of the challenge."""
        return self.challenge_status or self.trans_status


_FIELD: Final = "three_d_secure"
_CRYPTOGRAM_BYTES: Final = 20
_CHALLENGED: Final = "C"
_AUTHENTICATED: Final = frozenset({"Y", "A"})
_REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "N": "the shopper was not authenticated",
        "R": "the issuer rejects the payment",
    }
)
_LIKE_VISA: Final = frozenset({"visa", "amex", "discover", "diners", "jcb", "unionpay", "elo"})
_LIKE_MASTERCARD: Final = frozenset({"mastercard", "maestro"})
_VISAS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"Y": ("05",), "A": ("06",), "U": ("07",), "I": ("07",)}
)
_MASTERCARDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"Y": ("02",), "A": ("01",), "U": ("00",), "I": ("00", "04", "06")}
)
# An authentication that the merchant asked for without the shopper (3RI), or that an earlier one covers.
_BY_MERCHANT: Final = ("07",)


def faults_of_result(result: ThreeDsResult, *, brand: str, by_merchant: bool) -> Iterator[Fault]:
    """Give why a payment can't be sent with an authentication, field by field; never the cryptogram itself.

    ``brand`` is the card's, lower case, empty when nobody knows it.
    """
    challenged = result.trans_status == _CHALLENGED
    if challenged and not result.challenge_status:
        yield Fault(f"{_FIELD}.challenge_status", "must say what came of the challenge when `trans_status` is C")
        return
    if result.challenge_status and not challenged:
        yield Fault(
            f"{_FIELD}.challenge_status", f"must be left out without a challenge: `trans_status` is not {_CHALLENGED}"
        )
        return
    if result.outcome in _REFUSED:
        name = "challenge_status" if challenged else "trans_status"
        yield Fault(
            f"{_FIELD}.{name}",
            f"{result.outcome} says that {_REFUSED[result.outcome]}: such a payment is not sent. Let the shopper"
            " authenticate again, or pay otherwise",
        )
        return
    yield from _missing(result)
    yield from _indicator(result, brand, by_merchant=by_merchant)


def has_wrong_form(cryptogram: Cryptogram) -> bool:
    """Tell whether a text is no cryptogram: 20 bytes in base64, 28 signs with the one that fills up."""
    try:
        return len(b64decode(cryptogram.reveal(), validate=True)) != _CRYPTOGRAM_BYTES
    except (binascii.Error, ValueError):
        return True


def eci_of(brand: str, outcome: str, *, by_merchant: bool) -> tuple[str, ...]:
    """Give the indicators that a network's authentications with this outcome have."""
    tables = [table for table, brands in ((_VISAS, _LIKE_VISA), (_MASTERCARDS, _LIKE_MASTERCARD)) if brand in brands]
    # Of other networks nobody prints a table; most of their cards are one of these abroad.
    allowed = [eci for table in tables or (_VISAS, _MASTERCARDS) for eci in table[outcome]]
    if by_merchant:
        allowed += [eci for eci in _BY_MERCHANT if eci not in allowed]
    return tuple(allowed)


def _missing(result: ThreeDsResult) -> Iterator[Fault]:
    if result.cryptogram and has_wrong_form(result.cryptogram):
        yield Fault(f"{_FIELD}.cryptogram", "must be 20 bytes in base64: 28 signs, as the directory server gave it")
    if result.outcome not in _AUTHENTICATED:
        return
    for name, value in (
        ("eci", result.eci),
        ("cryptogram", result.cryptogram),
        ("ds_transaction_id", result.ds_transaction_id),
    ):
        if not value:
            yield Fault(f"{_FIELD}.{name}", f"is needed with status {result.outcome}; the directory server gave one")


def _indicator(result: ThreeDsResult, brand: str, *, by_merchant: bool) -> Iterator[Fault]:
    allowed = eci_of(brand, result.outcome, by_merchant=by_merchant)
    if result.eci and result.eci not in allowed:
        yield Fault(
            f"{_FIELD}.eci",
            f"{result.eci} does not fit status {result.outcome} of a {brand or 'card'} payment, which has"
            f" {' or '.join(allowed)}: send status and indicator of one and the same authentication",
        )


def faults_of_exemption(exemption: Exemption, result: ThreeDsResult | None, *, by_merchant: bool) -> Iterator[Fault]:
    """Give why an exemption can't be asked for."""
    if by_merchant:
        yield Fault(
            "exemption",
            f"{exemption} is for payments that the shopper starts; those of the merchant need no authentication, so"
            " leave it out",
        )
    elif result is not None and result.outcome in _AUTHENTICATED:
        yield Fault(
            "exemption",
            f"{exemption} would give up what the authentication in `three_d_secure` has brought; send one of them",
        )
