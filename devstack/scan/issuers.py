"""Which digits could be a card number: the networks' prefixes, the lengths each of them issues, and the check digit."""

from dataclasses import dataclass
from typing import Final

from mesh.card_numbers import luhn_valid

SHORTEST: Final = 13
LONGEST: Final = 19
_PREFIX_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Issuer:
    """A network, its prefixes as `low` or `low-high`, and the lengths of its numbers."""

    name: str
    prefixes: tuple[str, ...]
    lengths: frozenset[int]


def _lengths(low: int, high: int | None = None) -> frozenset[int]:
    return frozenset(range(low, (high or low) + 1))


#: Wider than the vault's table on purpose: the vault refuses what it can't route, the scan must know all that exist.
ISSUERS: Final = (
    Issuer("Visa", ("4",), frozenset({13, 16, 19})),
    Issuer("Mastercard", ("51-55", "2221-2720"), _lengths(16)),
    Issuer("American Express", ("34", "37"), _lengths(15)),
    Issuer("Discover", ("6011", "644-649", "65"), _lengths(16, 19)),
    Issuer("Diners Club", ("300-305", "3095", "36", "38-39"), _lengths(14, 19)),
    Issuer("JCB", ("3528-3589",), _lengths(16, 19)),
    Issuer("UnionPay", ("62", "81"), _lengths(16, 19)),
    Issuer("Maestro", ("5018", "5020", "5038", "56-58", "6304", "639", "67"), _lengths(13, 19)),
    Issuer("Dankort", ("5019",), _lengths(16)),
    Issuer("Cartes Bancaires", ("507589",), _lengths(16)),
    Issuer("Elo", ("506699-506778", "509", "627780", "636297-636369", "650-655"), _lengths(16)),
    Issuer("Hipercard", ("384100", "606282"), _lengths(13, 19)),
    Issuer("Carnet", ("286900", "502275", "506199-506499"), _lengths(16)),
    Issuer("Verve", ("506099-506198", "650002-650027"), _lengths(16, 19)),
    Issuer("Mada", ("5043", "588", "9682"), _lengths(16)),
    Issuer("Mir", ("2200-2204",), _lengths(16, 19)),
    Issuer("RuPay", ("508", "60", "82"), _lengths(16)),
    Issuer("Troy", ("9792",), _lengths(16)),
    Issuer("UATP", ("1",), _lengths(15)),
)


def _ranges() -> tuple[tuple[int, int, Issuer], ...]:
    """Give all prefixes as ranges of their first six digits."""
    found = []
    for issuer in ISSUERS:
        for prefix in issuer.prefixes:
            low, _, high = prefix.partition("-")
            found.append((int(low.ljust(_PREFIX_DIGITS, "0")), int((high or low).ljust(_PREFIX_DIGITS, "9")), issuer))
    return tuple(found)


_RANGES: Final = _ranges()


def issuer_of(digits: str) -> str | None:
    """Return the network that issues numbers with this prefix and length, or None."""
    length = len(digits)
    start = int(digits[:_PREFIX_DIGITS])
    return next((it.name for low, high, it in _RANGES if low <= start <= high and length in it.lengths), None)


def is_card_number(digits: str) -> bool:
    """Tell whether these ASCII digits could be a card number: length, check digit and a known prefix."""
    return SHORTEST <= len(digits) <= LONGEST and luhn_valid(digits) and issuer_of(digits) is not None
