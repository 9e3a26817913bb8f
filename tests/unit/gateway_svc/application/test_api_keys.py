"""API keys as they are made."""

import hashlib
import re

import pytest

from gateway_svc.application.api_keys import material_of, new_key
from mesh.context import KeyScope


@pytest.mark.parametrize(
    ("scope", "live", "start"),
    [
        (KeyScope.PUBLISHABLE, False, "pk_test_"),
        (KeyScope.PUBLISHABLE, True, "pk_live_"),
        (KeyScope.SECRET, False, "sk_test_"),
        (KeyScope.SECRET, True, "sk_live_"),
        (KeyScope.OPERATOR, False, "ok_test_"),
        (KeyScope.OPERATOR, True, "ok_live_"),
    ],
)
def test_a_key_tells_what_it_is_and_has_32_random_characters(scope: KeyScope, start: str, *, live: bool) -> None:
    key = new_key(scope, live=live)
    assert re.fullmatch(rf"{start}[A-Za-z0-9_-]{{32}}", key.text)
    assert key.prefix == key.text[:12]
    assert key.sha256 == hashlib.sha256(key.text.encode()).digest()
    assert key.text not in repr(key)
    assert material_of(key.text) == key


def test_no_two_keys_are_equal() -> None:
    assert len({new_key(KeyScope.SECRET, live=False).text for _ in range(1000)}) == 1000
