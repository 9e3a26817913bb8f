"""Checks of the `format` keyword for the formats that the PSPs' descriptions use; all others say nothing."""

import base64
import binascii
import ipaddress
import re
from datetime import date, datetime
from typing import Final
from urllib.parse import urlsplit

from jsonschema import FormatChecker

_RFC3339: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})\Z")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+\Z")
_DECIMAL: Final = re.compile(r"-?\d+(\.\d+)?\Z")
_INT32: Final = 2**31
_INT64: Final = 2**63
_LATEST: Final = 253_402_300_800
"""The first second of the year 10000: a larger number is not in seconds."""


def _is_date_time(text: str) -> bool:
    if _RFC3339.match(text) is None:
        return False
    datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    return True


def _is_iso_8601(text: str) -> bool:
    datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    return True


def _is_date(text: str) -> bool:
    date.fromisoformat(text)
    return True


def _is_uri(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme) and bool(parts.netloc or parts.path)


def _is_base64(text: str) -> bool:
    base64.b64decode(text, validate=True)
    return True


def _is_ipv4(text: str) -> bool:
    ipaddress.IPv4Address(text)
    return True


def _between(low: int, high: int, number: float) -> bool:
    return low <= number < high


_TEXTS: Final = {
    "date-time": _is_date_time,
    "date": _is_date,
    "ISO-8601": _is_iso_8601,
    "uri": _is_uri,
    "email": lambda text: _EMAIL.match(text) is not None,
    "ipv4": _is_ipv4,
    "byte": _is_base64,
    "decimal": lambda text: _DECIMAL.match(text) is not None,
    "ISO 3166-1": lambda text: re.fullmatch("[A-Z]{2}", text) is not None,
    "ISO 4217": lambda text: re.fullmatch("[A-Z]{3}", text) is not None,
}

_NUMBERS: Final = {
    "int32": lambda number: _between(-_INT32, _INT32, number),
    "int64": lambda number: _between(-_INT64, _INT64, number),
    "unix-time": lambda number: _between(0, _LATEST, number),
}


def format_checker() -> FormatChecker:
    """Give a checker of the formats named above; a value of another type than a format is about passes."""
    checker = FormatChecker(formats=())
    for name, holds_for_text in _TEXTS.items():

        def check_text(value: object, holds=holds_for_text) -> bool:  # type: ignore[no-untyped-def] # noqa: ANN001
            return not isinstance(value, str) or bool(holds(value))

        checker.checks(name, raises=(ValueError, binascii.Error))(check_text)
    for name, holds_for_number in _NUMBERS.items():

        def check_number(value: object, holds=holds_for_number) -> bool:  # type: ignore[no-untyped-def] # noqa: ANN001
            return isinstance(value, bool) or not isinstance(value, int | float) or bool(holds(value))

        checker.checks(name)(check_number)
    return checker
