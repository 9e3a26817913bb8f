"""A card as a shopper types it: taken apart, checked, and summarised without its secrets."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mesh.card_numbers import contains_card_number, luhn_valid
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from vault_svc.domain.address import NO_ADDRESS, BillingAddress
from vault_svc.domain.bin_table import NO_FACTS, BinFacts, BinTable, Funding
from vault_svc.domain.brands import Brand, brand_of, networks_of, rules_for
from vault_svc.domain.secret_values import CardNumber, CardSecurityCode, HolderName

# Spaces and dashes of every width, as texts are pasted with them: those that a number is recognised with in logs too.
_SEPARATORS: Final = str.maketrans(
    "",
    "",
    " -\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f"
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",
)
_MONTHS_IN_YEAR: Final = 12
_YEARS_AHEAD_MAX: Final = 20
_BEHIND_UTC_MAX: Final = timedelta(hours=12)
_BIN_LENGTH: Final = 6
_LAST_LENGTH: Final = 4
# Ten digits may be shown of a number; fewer than this many hidden ones could be guessed with the check digit.
_HIDDEN_DIGITS_MIN: Final = 4


@dataclass(frozen=True, slots=True)
class Expiry:
    """Month (1 to 12) and four-digit year in which a card expires; valid through the month's last moment."""

    month: int
    year: int


@dataclass(frozen=True, slots=True)
class CardSummary:
    """What may be shown of a card. `bin` is empty where first six and last four would give the number away.

    `networks` are those that the card may run on, the brand first: two for a co-badged card, none when nothing is
    known. `issuer_country` is ISO 3166-1 alpha-2, empty when not known.
    """

    brand: str
    last4: str
    bin: str
    expiry: Expiry
    networks: tuple[str, ...] = ()
    funding: str = Funding.UNKNOWN.value
    issuer_country: str = ""


@dataclass(frozen=True, slots=True)
class CardDetails:
    """The part of a card that is kept: number, expiry, the holder's name and address."""

    number: CardNumber
    expiry: Expiry
    holder_name: HolderName
    address: BillingAddress = NO_ADDRESS


@dataclass(frozen=True, slots=True)
class Card:
    """An acceptable card: the part that is kept, its summary, and its code, which is kept for minutes only."""

    details: CardDetails
    summary: CardSummary
    code: CardSecurityCode | None


def accept_card(
    *,
    number: str,
    expiry: Expiry,
    code: str,
    holder_name: str,
    now: datetime,
    address: BillingAddress = NO_ADDRESS,
    bin_table: BinTable | None = None,
) -> Card:
    """Check what a shopper typed and make a card of it; `now` is in UTC, an empty `code` means none was given.

    `bin_table` adds what it knows to the summary; whether a card is accepted does not depend on it.

    Raises `Refusal(INVALID_CARD)` with a violation for every field that is wrong. No text of the refusal holds a
    digit of the number or of the code.
    """
    digits = number.translate(_SEPARATORS)
    broken = [
        Violation(field, rule)
        for field, rule in (
            ("card.number", _number_rule_broken(digits)),
            *_expiry_rules_broken(expiry, now),
            ("card.cvc", _code_rule_broken(code, digits)),
            ("card.holder_name", _text_rule_broken(holder_name)),
            *((f"card.address.{name}", _text_rule_broken(text)) for name, text in address.named()),
        )
        if rule
    ]
    if broken:
        raise Refusal(Reason.INVALID_CARD, violations=broken, field=broken[0].field, rule=broken[0].description)
    return Card(
        details=CardDetails(CardNumber(digits), expiry, HolderName(holder_name), address),
        summary=_summary_of(digits, expiry, NO_FACTS if bin_table is None else bin_table.facts_of(digits)),
        code=CardSecurityCode(code) if code else None,
    )


def _number_rule_broken(digits: str) -> str:
    if not (digits.isascii() and digits.isdigit()):
        return "it may have digits, spaces and dashes only, no digits of other scripts and no invisible signs."
    fitting = [rules for rules in rules_for(digits) if len(digits) in rules.number_lengths]
    if not fitting:
        return "the number of digits does not fit the card's brand."
    if all(rules.check_digit for rules in fitting) and not luhn_valid(digits):
        return "the check digit is wrong, so at least one digit was mistyped."
    return ""


def _expiry_rules_broken(expiry: Expiry, now: datetime) -> tuple[tuple[str, str], ...]:
    if not 1 <= expiry.month <= _MONTHS_IN_YEAR:
        return (("card.exp_month", "it must be between 1 and 12."),)
    # A card is good until its month has ended everywhere on earth, and the last places are twelve hours behind UTC.
    latest_calendar = now - _BEHIND_UTC_MAX
    if (expiry.year, expiry.month) < (latest_calendar.year, latest_calendar.month):
        field = "card.exp_year" if expiry.year < latest_calendar.year else "card.exp_month"
        return ((field, "the card has expired."),)
    if expiry.year > now.year + _YEARS_AHEAD_MAX:
        return (("card.exp_year", f"it is more than {_YEARS_AHEAD_MAX} years ahead."),)
    return ()


def check_expiry(expiry: Expiry, now: datetime) -> None:
    """Refuse with INVALID_CARD an expiry that no card that still works has; `now` is in UTC."""
    broken = [Violation(field.removeprefix("card."), rule) for field, rule in _expiry_rules_broken(expiry, now)]
    if broken:
        raise Refusal(Reason.INVALID_CARD, violations=broken, field=broken[0].field, rule=broken[0].description)


def _code_rule_broken(code: str, digits: str) -> str:
    if not code:
        return ""
    if not (code.isascii() and code.isdigit()):
        return "it may have digits only."
    lengths = {length for rules in rules_for(digits) for length in rules.code_lengths if length}
    if len(code) in lengths:
        return ""
    wanted = " or ".join(str(length) for length in sorted(lengths))
    return f"it must have {wanted} digits for a card of this brand."


def _text_rule_broken(text: str) -> str:
    if contains_card_number(text):
        return "it looks like a card number."
    if not text.isprintable():
        return "it has characters that can't be printed."
    return ""


def _summary_of(digits: str, expiry: Expiry, facts: BinFacts) -> CardSummary:
    brand = brand_of(digits)
    if brand is Brand.UNKNOWN and facts.brand is not None:
        # Where the ranges name a brand it stands, whatever a table says: PSPs are chosen by it.
        brand = facts.brand
    hidden = len(digits) - _BIN_LENGTH - _LAST_LENGTH
    return CardSummary(
        brand=brand.value,
        last4=digits[-_LAST_LENGTH:],
        bin=digits[:_BIN_LENGTH] if hidden >= _HIDDEN_DIGITS_MIN else "",
        expiry=expiry,
        networks=_networks(brand, digits, facts),
        funding=facts.funding.value,
        issuer_country=facts.issuer_country,
    )


def _networks(brand: Brand, digits: str, facts: BinFacts) -> tuple[str, ...]:
    """Give the networks of a card: those that the table names, else those of its range; the brand first."""
    named = facts.networks or ((facts.brand or Brand.UNKNOWN), *networks_of(digits))
    return tuple(network.value for network in dict.fromkeys((brand, *named)) if network is not Brand.UNKNOWN)
