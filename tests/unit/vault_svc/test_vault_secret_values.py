"""Secrets never show, copy or travel by accident."""

import copy
import dataclasses
import json
import logging
import pickle
from collections.abc import Callable

import msgspec
import pytest
import structlog

from vault_svc.domain.card import CardDetails, Expiry
from vault_svc.domain.secret_values import CardNumber, CardSecurityCode, HolderName, SecretKey

NUMBER = "4242424242424242"
CODE = "737"
NAME = "Ada Lovelace"
KEY = bytes(range(32))
SECRETS = [
    pytest.param(CardNumber(NUMBER), NUMBER, id="number"),
    pytest.param(CardSecurityCode(CODE), CODE, id="code"),
    pytest.param(HolderName(NAME), NAME, id="name"),
    pytest.param(SecretKey(KEY), repr(KEY)[2:-1], id="key"),
]

Secret = CardNumber | CardSecurityCode | HolderName | SecretKey


@pytest.mark.parametrize(("secret", "hidden"), SECRETS)
@pytest.mark.parametrize(
    "show",
    [
        pytest.param(repr, id="repr"),
        pytest.param(str, id="str"),
        pytest.param(lambda secret: f"{secret}", id="format"),
        pytest.param(lambda secret: f"{secret:>40}", id="format-with-width"),
        pytest.param(lambda secret: "%s %r" % (secret, secret), id="percent"),  # noqa: UP031 - the way loggers format
        pytest.param("{0!s} {0!r} {0}".format, id="str.format"),
        pytest.param(lambda secret: repr([secret, {"value": secret}]), id="in-containers"),
        pytest.param(lambda secret: str(ValueError("bad", secret)), id="in-an-exception"),
    ],
)
def test_every_way_of_printing_is_redacted(secret: Secret, hidden: str, show: Callable[[Secret], str]) -> None:
    shown = show(secret)
    assert hidden not in shown
    assert "redacted" in shown


@pytest.mark.parametrize(("secret", "hidden"), SECRETS)
@pytest.mark.parametrize(
    "copying",
    [
        pytest.param(pickle.dumps, id="pickle"),
        *[
            pytest.param(lambda secret, protocol=protocol: pickle.dumps(secret, protocol), id=f"pickle-{protocol}")
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ],
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(json.dumps, id="json"),
        pytest.param(msgspec.json.encode, id="msgspec"),
        pytest.param(vars, id="vars"),
        pytest.param(hash, id="hash"),
        pytest.param(bytes, id="bytes"),
        pytest.param(len, id="len"),
        pytest.param(list, id="list"),
    ],
)
def test_every_way_out_but_reveal_is_refused(secret: Secret, hidden: str, copying: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as refused:
        copying(secret)
    assert hidden not in str(refused.value)


def test_reveal_gives_what_went_in() -> None:
    assert CardNumber(NUMBER).reveal() == NUMBER
    assert CardSecurityCode(CODE).reveal() == CODE
    assert HolderName("Zoë Æther").reveal() == "Zoë Æther"
    assert SecretKey(KEY).reveal() == KEY


def test_a_secret_can_not_be_changed() -> None:
    number = CardNumber(NUMBER)
    with pytest.raises(TypeError):
        number.digits = "1"
    with pytest.raises(TypeError):
        setattr(number, "_Secret__value", b"1")  # noqa: B010 - the name that only the class itself may use
    with pytest.raises(TypeError):
        delattr(number, "_Secret__value")
    assert number.reveal() == NUMBER


def test_equality_is_by_type_and_value() -> None:
    assert CardNumber(NUMBER) == CardNumber(NUMBER)
    assert CardNumber(NUMBER) != CardNumber("4111111111111111")
    assert CardSecurityCode("123") != HolderName("123")
    assert CardNumber(NUMBER) != NUMBER


def test_a_value_that_holds_secrets_prints_without_them() -> None:
    details = CardDetails(CardNumber(NUMBER), Expiry(12, 2030), HolderName(NAME))
    assert NUMBER not in repr(details)
    assert NAME not in repr(details)
    with pytest.raises(TypeError):
        dataclasses.asdict(details)


def test_loggers_write_nothing_of_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    number = CardNumber(NUMBER)
    with caplog.at_level(logging.INFO):
        logging.getLogger("payments").info("card %s %r", number, number, extra={"card": number})
    assert NUMBER not in caplog.text
    rendered = structlog.processors.JSONRenderer()(None, "info", {"event": "card", "card": number})
    assert NUMBER not in str(rendered)
