"""A card as a shopper types it: taken apart, checked, and summarised without its secrets."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mesh.card_numbers import contains_card_number, luhn_valid
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from vault_svc.domain.brands import brand_of, rules_for
from vault_svc.domain.secret_values import CardNumber, CardSecurityCode, HolderName

_SEPARATORS: Final = str.maketrans("", "", " -")
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
    """What may be shown of a card. `bin` is empty where first six and last four would give the number away."""

    brand: str
    last4: str
    bin: str
    expiry: Expiry


@dataclass(frozen=True, slots=True)
class CardDetails:
    """The part of a card that is kept: number, expiry and the holder's name."""

    number: CardNumber
    expiry: Expiry
    holder_name: HolderName


@dataclass(frozen=True, slots=True)
class Card:
    """An acceptable card: the part that is kept, its summary, and its code, which is kept for minutes only."""

    details: CardDetails
    summary: CardSummary
    code: CardSecurityCode | None


def accept_card(*, number: str, expiry: Expiry, code: str, holder_name: str, now: datetime) -> Card:
    """Check what a shopper typed and make a card of it; `now` is in UTC, an empty `code` means none was given.

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
            ("card.holder_name", _holder_name_rule_broken(holder_name)),
        )
        if rule
    ]
    if broken:
        raise Refusal(Reason.INVALID_CARD, violations=broken, field=broken[0].field, rule=broken[0].description)
    return Card(
        details=CardDetails(CardNumber(digits), expiry, HolderName(holder_name)),
        summary=_summary_of(digits, expiry),
        code=CardSecurityCode(code) if code else None,
    )


def _number_rule_broken(digits: str) -> str:
    if not (digits.isascii() and digits.isdigit()):
        return "it may have digits, spaces and dashes only."
    rules = rules_for(digits)
    if len(digits) not in rules.number_lengths:
        return "the number of digits does not fit the card's brand."
    if rules.check_digit and not luhn_valid(digits):
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


def _code_rule_broken(code: str, digits: str) -> str:
    if not code:
        return ""
    if not (code.isascii() and code.isdigit()):
        return "it may have digits only."
    lengths = rules_for(digits).code_lengths
    if len(code) in lengths:
        return ""
    wanted = " or ".join(str(length) for length in sorted(lengths))
    return f"it must have {wanted} digits for a card of this brand."


def _holder_name_rule_broken(holder_name: str) -> str:
    if contains_card_number(holder_name):
        return "it looks like a card number."
    if not holder_name.isprintable():
        return "it has characters that can't be printed."
    return ""


def _summary_of(digits: str, expiry: Expiry) -> CardSummary:
    hidden = len(digits) - _BIN_LENGTH - _LAST_LENGTH
    return CardSummary(
        brand=brand_of(digits).value,
        last4=digits[-_LAST_LENGTH:],
        bin=digits[:_BIN_LENGTH] if hidden >= _HIDDEN_DIGITS_MIN else "",
        expiry=expiry,
    )
