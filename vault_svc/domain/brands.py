"""Card brands and networks by number range, and what a number and a code of each must look like."""

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Brand(StrEnum):
    """Brands and networks as contracts name them; every scheme without rules of its own here is `UNKNOWN`."""

    VISA = "visa"
    MASTERCARD = "mastercard"
    AMEX = "amex"
    DISCOVER = "discover"
    DINERS = "diners"
    JCB = "jcb"
    UNIONPAY = "unionpay"
    MAESTRO = "maestro"
    BANCONTACT = "bancontact"
    BCCARD = "bccard"
    CARNET = "carnet"
    CARTES_BANCAIRES = "cartes_bancaires"
    DANKORT = "dankort"
    EFTPOS = "eftpos"
    ELO = "elo"
    HIPERCARD = "hipercard"
    MADA = "mada"
    MIR = "mir"
    RUPAY = "rupay"
    TROY = "troy"
    UATP = "uatp"
    VERVE = "verve"
    UNKNOWN = "unknown"


NETWORKS_ONLY: Final = frozenset({Brand.CARTES_BANCAIRES, Brand.EFTPOS})
"""Networks that stand behind another brand on almost every card of theirs: never a card's brand, only in `networks`."""


@dataclass(frozen=True, slots=True)
class BrandRules:
    """What numbers and codes of a network look like: lengths in digits, and whether the check digit counts.

    A code length of 0 stands for cards that are issued without a code.
    """

    number_lengths: frozenset[int]
    code_lengths: frozenset[int] = frozenset({3})
    check_digit: bool = True


_SIXTEEN: Final = BrandRules(frozenset({16}))
_LONG: Final = frozenset(range(16, 20))

_RULES: Final[dict[Brand, BrandRules]] = {
    Brand.VISA: BrandRules(frozenset({13, 16, 19})),
    Brand.MASTERCARD: _SIXTEEN,
    Brand.AMEX: BrandRules(frozenset({15}), frozenset({4})),
    Brand.DISCOVER: BrandRules(_LONG),
    Brand.DINERS: BrandRules(frozenset(range(14, 20))),
    Brand.JCB: BrandRules(_LONG),
    # Some UnionPay ranges were issued without a check digit, so a wrong one proves nothing.
    Brand.UNIONPAY: BrandRules(_LONG, check_digit=False),
    Brand.MAESTRO: BrandRules(frozenset(range(12, 20)), frozenset({0, 3})),
    Brand.BANCONTACT: BrandRules(_LONG, frozenset({0, 3})),
    Brand.BCCARD: _SIXTEEN,
    Brand.CARNET: _SIXTEEN,
    Brand.CARTES_BANCAIRES: _SIXTEEN,
    Brand.DANKORT: _SIXTEEN,
    Brand.EFTPOS: _SIXTEEN,
    Brand.ELO: _SIXTEEN,
    # Hipercard numbers are known without a check digit.
    Brand.HIPERCARD: BrandRules(frozenset({13, 16, 19}), check_digit=False),
    Brand.MADA: _SIXTEEN,
    Brand.MIR: BrandRules(_LONG),
    Brand.RUPAY: _SIXTEEN,
    Brand.TROY: _SIXTEEN,
    Brand.UATP: BrandRules(frozenset({15}), frozenset({0, 3, 4})),
    Brand.VERVE: BrandRules(frozenset({16, 18, 19})),
    Brand.UNKNOWN: BrandRules(frozenset(range(12, 20)), frozenset({3, 4})),
}


@dataclass(frozen=True, slots=True)
class _Range:
    """Numbers whose leading digits lie between `first` and `last` (both of the same length, both included)."""

    first: str
    last: str
    networks: tuple[Brand, ...]
    check_digit: bool = True


def _ranges(text: str, *networks: Brand, check_digit: bool = True) -> list[_Range]:
    """Make the ranges out of `51-55 644-649 65`: a lone prefix is a range of one."""
    return [
        _Range(first, last or first, networks, check_digit)
        for first, _, last in (part.partition("-") for part in text.split())
    ]


# A range within a range of another length is the more exact one. Cards of Visa and Mastercard that also belong to a
# network at home (Cartes Bancaires, eftpos, Dankort, mada ...) have no ranges of their own: a BIN table tells of them.
_RANGES: Final[tuple[_Range, ...]] = (
    *_ranges("4", Brand.VISA),
    *_ranges("51-55 222100-272099", Brand.MASTERCARD),
    *_ranges("34 37", Brand.AMEX),
    *_ranges("6011 644-649 65", Brand.DISCOVER),
    *_ranges("300-305 36 38-39", Brand.DINERS),
    *_ranges("3528-3589", Brand.JCB),
    *_ranges("62 8100-8171", Brand.UNIONPAY),
    *_ranges("5000 5018 5020 5038 56-58 5893 59 6304 639 67", Brand.MAESTRO),
    *_ranges("501080-501082", Brand.MAESTRO, check_digit=False),
    *_ranges("6703", Brand.BANCONTACT, Brand.MAESTRO),
    *_ranges("5019", Brand.DANKORT),
    *_ranges("1", Brand.UATP),
    *_ranges("2200-2204", Brand.MIR),
    *_ranges("9792", Brand.TROY),
    *_ranges("508500-508999 606985-607984 608001-608500 8172-8199 82", Brand.RUPAY),
    *_ranges("506099-506198 507865-507964", Brand.VERVE),
    *_ranges("286900 502275 506199-506499 588772 606333 636318 636379 639388 639484 639559", Brand.CARNET),
    *_ranges("504175 506699-506778 509 636297-636298 636368", Brand.ELO),
    *_ranges("606282", Brand.HIPERCARD),
    *_ranges("504300 506968 508160 585265 588845-588851 588982-588983 589005 589206", Brand.MADA),
    *_ranges("604906 605141 636120 968201-968211", Brand.MADA),
    *_ranges("507589-507590 507593-507595 507597 560408 581752", Brand.CARTES_BANCAIRES),
    *_ranges("585402-585405 585501-585505 585577-585582", Brand.CARTES_BANCAIRES),
    # Ranges that two networks share. The brand is the one that PSPs know the numbers by.
    *_ranges("622126-622925", Brand.UNIONPAY, Brand.DISCOVER),
    *_ranges("627780", Brand.UNIONPAY, Brand.ELO),
    *_ranges("627535", Brand.UNIONPAY, Brand.CARNET),
    *_ranges("384100 384140 384160", Brand.DINERS, Brand.HIPERCARD),
    *_ranges("650002-650027", Brand.DISCOVER, Brand.VERVE),
    *_ranges("650031-650033 650035-650051 650057-650081 650405-650439 650485-650504", Brand.DISCOVER, Brand.ELO),
    *_ranges("650506-650538 650541-650598 650700-650718 650720-650727 650901-650978", Brand.DISCOVER, Brand.ELO),
    *_ranges("651652-651704 655000-655019 655021-655058", Brand.DISCOVER, Brand.ELO),
    *_ranges("652150-653149", Brand.DISCOVER, Brand.RUPAY),
    *_ranges("6555", Brand.DISCOVER, Brand.BCCARD),
)


@dataclass(frozen=True, slots=True)
class _Level:
    """The ranges of one prefix length, in order of their first prefix; they do not overlap."""

    length: int
    firsts: tuple[str, ...]
    ranges: tuple[_Range, ...]

    def find(self, digits: str) -> _Range | None:
        prefix = digits[: self.length]
        place = bisect_right(self.firsts, prefix) - 1
        if place >= 0 and prefix <= self.ranges[place].last and len(prefix) == self.length:
            return self.ranges[place]
        return None


def _level(length: int) -> _Level:
    ranges = sorted((entry for entry in _RANGES if len(entry.first) == length), key=lambda entry: entry.first)
    return _Level(length, tuple(entry.first for entry in ranges), tuple(ranges))


# The longest prefix decides, so the levels are tried from long to short.
_LEVELS: Final = tuple(_level(length) for length in sorted({len(entry.first) for entry in _RANGES}, reverse=True))


def brand_of(digits: str) -> Brand:
    """Tell the brand of a card number by its leading digits; `Brand.UNKNOWN` for a range of no listed brand."""
    entry = _range_of(digits)
    return Brand.UNKNOWN if entry is None or entry.networks[0] in NETWORKS_ONLY else entry.networks[0]


def networks_of(digits: str) -> tuple[Brand, ...]:
    """Give the networks that a card number may run on by its range, its brand first; none for an unlisted range."""
    entry = _range_of(digits)
    return () if entry is None else entry.networks


def rules_for(digits: str) -> tuple[BrandRules, ...]:
    """Give the rules that apply to a card number, one for each of its networks: a number is right if it fits any."""
    entry = _range_of(digits)
    if entry is None:
        return (_RULES[Brand.UNKNOWN],)
    rules = tuple(_RULES[network] for network in entry.networks)
    if entry.check_digit:
        return rules
    return tuple(BrandRules(rule.number_lengths, rule.code_lengths, check_digit=False) for rule in rules)


def _range_of(digits: str) -> _Range | None:
    for level in _LEVELS:
        entry = level.find(digits)
        if entry is not None:
            return entry
    return None
