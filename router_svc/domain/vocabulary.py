"""The words that facts of payments are made of; whoever writes a rule can use no others."""

from types import MappingProxyType
from typing import Final

from mesh.currencies import EXPONENT_OF
from router_svc.domain.facts import Initiator, ThreeDs

#: The words that the vault has for brands.
BRANDS: Final = frozenset(
    {
        "amex",
        "bancontact",
        "bccard",
        "carnet",
        "dankort",
        "diners",
        "discover",
        "elo",
        "hipercard",
        "jcb",
        "mada",
        "maestro",
        "mastercard",
        "mir",
        "rupay",
        "troy",
        "uatp",
        "unionpay",
        "unknown",
        "verve",
        "visa",
    }
)
#: The words that the vault has for whose money a card spends; the fact is empty where nobody knows.
FUNDINGS: Final = frozenset({"credit", "debit", "prepaid", "charge"})

WORDS_OF: Final = MappingProxyType(
    {
        "currency": frozenset(EXPONENT_OF),
        "brand": BRANDS | {""},
        "funding": FUNDINGS | {""},
        "initiator": frozenset(str(initiator) for initiator in Initiator),
        "three_ds": frozenset(str(state) for state in ThreeDs),
    }
)
"""All words that a fact can have, by the fact's name; facts that are not named here can have any text."""

BOUNDS_OF: Final = MappingProxyType(
    {
        "amount": (0, 2**63 - 1),
        "at.getFullYear": (0, 10_000),
        "at.getMonth": (0, 11),
        "at.getDate": (1, 31),
        "at.getDayOfMonth": (0, 30),
        "at.getDayOfWeek": (0, 6),
        "at.getDayOfYear": (0, 365),
        "at.getHours": (0, 23),
        "at.getMinutes": (0, 59),
        "at.getSeconds": (0, 59),
        "at.getMilliseconds": (0, 999),
    }
)
"""The smallest and largest number that a fact can be, by the fact's name. Sunday is day 0, January is month 0."""
