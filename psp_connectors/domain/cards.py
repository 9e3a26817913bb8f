"""Card data as types that never show themselves: not in a repr, a log line, an error or a pickle."""

from dataclasses import dataclass, field
from typing import Final, NoReturn


class Redacted:
    """A secret text; only `reveal` gives it, everything else shows the type's name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the secret itself, to be put into a request and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        """Show the type only."""
        return f"{type(self).__name__}(***)"

    def __str__(self) -> str:
        """Show the type only."""
        return repr(self)

    def __format__(self, specification: str) -> str:
        """Show the type only, whatever the format asks for."""
        return format(repr(self), specification)

    def __eq__(self, other: object) -> bool:
        """Compare with a secret of the same type."""
        return type(other) is type(self) and isinstance(other, Redacted) and other._text == self._text

    def __hash__(self) -> int:
        """Hash the type alone, so that a hash tells nothing of the secret."""
        return hash(type(self))

    def __bool__(self) -> bool:
        """Tell whether there is a secret at all."""
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied out of memory."""
        message = f"a {type(self).__name__} is not pickled"
        raise TypeError(message)


class CardNumber(Redacted):
    """A card number, digits only."""

    __slots__ = ()


class CardCode(Redacted):
    """A card verification code; empty when the vault no longer holds it."""

    __slots__ = ()


class Secret(Redacted):
    """A credential for a PSP."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A billing address; `country` is ISO 3166-1 alpha-2. Its repr shows nothing."""

    line1: str = field(default="", repr=False)
    line2: str = field(default="", repr=False)
    city: str = field(default="", repr=False)
    state: str = field(default="", repr=False)
    postal_code: str = field(default="", repr=False)
    country: str = field(default="", repr=False)


NO_ADDRESS: Final = Address()
"""Nobody knows where the shopper gets the card's statements."""


@dataclass(frozen=True, slots=True)
class CardSummary:
    """What may be shown of a card; `brand` in lower case, the fields of an unknown card are empty or 0.

    `networks` are those the card may run on, its brand first. `funding` is `credit`, `debit`, `prepaid`, `charge` or
    `unknown`; `issuer_country` is ISO 3166-1 alpha-2.
    """

    brand: str = ""
    last4: str = ""
    bin: str = ""
    exp_month: int = 0
    exp_year: int = 0
    networks: tuple[str, ...] = ()
    funding: str = ""
    issuer_country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card as a PSP needs it; its `repr` shows the summary alone."""

    number: CardNumber
    code: CardCode
    exp_month: int = field(repr=False)
    exp_year: int = field(repr=False)
    holder_name: str = field(default="", repr=False)
    address: Address = field(default=NO_ADDRESS, repr=False)
    summary: CardSummary
