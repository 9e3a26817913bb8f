"""Takes secrets and card numbers out of what is about to be logged."""

import re
from collections.abc import Mapping
from typing import Any, Final

from mesh.card_numbers import MASK, mask_card_numbers, may_be_card_number

MASKED: Final = "[masked]"

_SECRET_WORDS = frozenset(
    {
        "number",
        "pan",
        "cvc",
        "cvv",
        "key",
        "secret",
        "password",
        "passphrase",
        "authorization",
        "credential",
        "credentials",
    }
)
_JOINED_WORDS = ("cardnumber", "apikey", "tokensecret", "privatekey", "cardholder")
# Names that hold such a word but say which key, not what it is.
_HARMLESS_ENDINGS = frozenset({"id", "prefix", "scope"})
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_SHORTEST_SECRET = 8
_SECRET_TEXT = re.compile(
    r"\b[a-z]{2}_(?:test|live)_[A-Za-z0-9]{4,}"
    r"|\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{4,}"
    r"|(?<=://)[^/\s:@]{1,100}:[^/\s@]{1,200}(?=@)",
    re.IGNORECASE,
)
_DEEPEST = 8
_SMALLEST_CARD_NUMBER = 10**11
_LARGEST_CARD_NUMBER = 10**19
_LARGEST_TEXT = 20_000
_MOST_REMEMBERED = 1000
_LONGEST_REMEMBERED = 100


def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name is always masked: `number`, `api_key`, `cardNumber`, but not `key_id`."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _HARMLESS_ENDINGS:
        return False
    return not _SECRET_WORDS.isdisjoint(words) or any(joined in "".join(words) for joined in _JOINED_WORDS)


def redact_text(text: str) -> str:
    """Give `text` without API keys, authorization values, passwords in URLs and card numbers; long texts are cut."""
    if len(text) < _SHORTEST_SECRET:
        return text
    if len(text) > _LARGEST_TEXT:
        text = f"{text[:_LARGEST_TEXT]}..."
    # Nearly every text has neither, and looking for a space or underscore is far cheaper than the expression.
    if "_" in text or " " in text or "://" in text:
        text = _SECRET_TEXT.sub(MASKED, text)
    return mask_card_numbers(text)


class Redactor:
    """A structlog processor that masks by name and by value, at any depth; remembers the verdict on field names."""

    __slots__ = ("_clean", "_verdicts")

    def __init__(self) -> None:
        self._verdicts: dict[str, bool] = {}
        # Texts found harmless before, such as names of methods and services.
        self._clean: set[str] = set()

    def __call__(self, _logger: object, _method: str, event: Any) -> Any:  # noqa: ANN401 - structlog's own type
        """Redact the event in place and hand it on."""
        for name, value in event.items():
            if type(value) is str:
                if self._secret(name):
                    event[name] = MASKED
                elif len(value) >= _SHORTEST_SECRET and value not in self._clean:
                    event[name] = self._text(value)
            else:
                event[name] = self._field(name, value, 0)
        return event

    def _text(self, text: str) -> str:
        redacted = redact_text(text)
        if redacted == text and len(text) <= _LONGEST_REMEMBERED and len(self._clean) < _MOST_REMEMBERED:
            self._clean.add(text)
        return redacted

    def _secret(self, name: str) -> bool:
        verdict = self._verdicts.get(name)
        if verdict is None:
            verdict = is_secret_name(name)
            # Names come from code, but a mapping's keys may come from outside.
            if len(self._verdicts) < _MOST_REMEMBERED:
                self._verdicts[name] = verdict
        return verdict

    def _field(self, name: str, value: object, depth: int) -> object:
        return MASKED if self._secret(name) and value is not None else self._value(value, depth)

    def _value(self, value: object, depth: int) -> object:  # noqa: PLR0911 - one return per kind of value
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            hidden = _SMALLEST_CARD_NUMBER <= value < _LARGEST_CARD_NUMBER and may_be_card_number(str(value))
            return MASK if hidden else value
        if isinstance(value, str):
            return redact_text(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return f"[{len(value)} bytes]"
        if depth >= _DEEPEST:
            return "[too deep]"
        if isinstance(value, Mapping):
            return {redact_text(str(name)): self._field(str(name), item, depth + 1) for name, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(item, depth + 1) for item in value]
        return redact_text(str(value))
