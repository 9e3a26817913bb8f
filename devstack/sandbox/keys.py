"""Keys and webhook secrets in the form that each PSP gives its own, which SDKs look at."""

import hashlib
from types import MappingProxyType
from typing import Final

_KEY_PREFIXES: Final = MappingProxyType({"stripe": "sk_test_", "checkout": "sk_sbox_"})
_WEBHOOK_PREFIXES: Final = MappingProxyType({"stripe": "whsec_"})


def key_of(dialect: str, text: str) -> str:
    """Give an API key made of `text`."""
    return _KEY_PREFIXES.get(dialect, "") + text


def webhook_secret_of(dialect: str, text: str) -> str:
    """Give a webhook secret made of `text`, which has 64 hexadecimal digits where the dialect wants that."""
    return _WEBHOOK_PREFIXES.get(dialect, "") + text


def constant_key(name: str) -> str:
    """Give the API key of a dialect's sandbox that nobody has chosen another for: no secret, it serves this machine."""
    return key_of(name, hashlib.sha256(f"payera sandbox key {name}".encode()).hexdigest()[:32])


def constant_webhook_secret(name: str) -> str:
    """Give the webhook secret that goes with it: 64 hexadecimal digits after the prefix a PSP gives its secrets."""
    return webhook_secret_of(name, hashlib.sha256(f"payera sandbox webhooks {name}".encode()).hexdigest())
