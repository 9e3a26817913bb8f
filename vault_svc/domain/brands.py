"""Card brands by number range, and what a number and a code of each brand must look like."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Brand(StrEnum):
    """Brands as contracts name them; every scheme without rules of its own here is `UNKNOWN`."""

    VISA = "visa"
    MASTERCARD = "mastercard"
    AMEX = "amex"
    DISCOVER = "discover"
    DINERS = "diners"
    JCB = "jcb"
    UNIONPAY = "unionpay"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BrandRules:
    """What numbers and codes of a brand look like: lengths in digits, and whether the check digit counts."""

    number_lengths: frozenset[int]
    code_lengths: frozenset[int]
    check_digit: bool = True


@dataclass(frozen=True, slots=True)
class _Range:
    """Numbers whose leading digits lie between `first` and `last` (both of the same length, both included)."""

    first: str
    last: str
    brand: Brand
    check_digit: bool = True

    def contains(self, digits: str) -> bool:
        return self.first <= digits[: len(self.first)] <= self.last


_RULES: Final[dict[Brand, BrandRules]] = {
    Brand.VISA: BrandRules(frozenset({13, 16, 19}), frozenset({3})),
    Brand.MASTERCARD: BrandRules(frozenset({16}), frozenset({3})),
    Brand.AMEX: BrandRules(frozenset({15}), frozenset({4})),
    Brand.DISCOVER: BrandRules(frozenset(range(16, 20)), frozenset({3})),
    Brand.DINERS: BrandRules(frozenset(range(14, 20)), frozenset({3})),
    Brand.JCB: BrandRules(frozenset(range(16, 20)), frozenset({3})),
    # Some UnionPay ranges were issued without a check digit, so a wrong one proves nothing.
    Brand.UNIONPAY: BrandRules(frozenset(range(16, 20)), frozenset({3}), check_digit=False),
    Brand.UNKNOWN: BrandRules(frozenset(range(12, 20)), frozenset({3, 4})),
}

_RANGES: Final[tuple[_Range, ...]] = (
    _Range("4", "4", Brand.VISA),
    _Range("51", "55", Brand.MASTERCARD),
    _Range("222100", "272099", Brand.MASTERCARD),
    _Range("34", "34", Brand.AMEX),
    _Range("37", "37", Brand.AMEX),
    _Range("6011", "6011", Brand.DISCOVER),
    _Range("644", "649", Brand.DISCOVER),
    _Range("65", "65", Brand.DISCOVER),
    _Range("300", "305", Brand.DINERS),
    _Range("36", "36", Brand.DINERS),
    _Range("38", "39", Brand.DINERS),
    _Range("3528", "3589", Brand.JCB),
    _Range("62", "62", Brand.UNIONPAY),
    _Range("8100", "8171", Brand.UNIONPAY),
    # A Maestro range whose numbers have no check digit.
    _Range("501080", "501082", Brand.UNKNOWN, check_digit=False),
)

# The longest prefix decides, so the table is tried from long to short.
_BY_LENGTH: Final[tuple[_Range, ...]] = tuple(sorted(_RANGES, key=lambda entry: len(entry.first), reverse=True))


def brand_of(digits: str) -> Brand:
    """Tell the brand of a card number by its leading digits; `Brand.UNKNOWN` for a range of no listed brand."""
    for entry in _BY_LENGTH:
        if entry.contains(digits):
            return entry.brand
    return Brand.UNKNOWN


def rules_for(digits: str) -> BrandRules:
    """Give the rules that apply to a card number, by its brand and its range."""
    for entry in _BY_LENGTH:
        if entry.contains(digits):
            rules = _RULES[entry.brand]
            if entry.check_digit:
                return rules
            return BrandRules(rules.number_lengths, rules.code_lengths, check_digit=False)
    return _RULES[Brand.UNKNOWN]
