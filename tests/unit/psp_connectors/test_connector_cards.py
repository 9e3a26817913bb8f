import copy
import logging
import pickle
import traceback
from dataclasses import replace

import msgspec
import pytest

from psp_connectors.domain.cards import Address, CardCode, CardNumber, Redacted, Secret
from psp_connectors.domain.http import HttpRequest
from tests.fakes.connectors.ports import API_KEY, CARD_CODE, CARD_NUMBER, account, authorization, card, order

SECRETS = (CARD_NUMBER, CARD_CODE, API_KEY)


def shows_nothing(text: str) -> bool:
    return not any(secret in text for secret in SECRETS)


@pytest.mark.parametrize("secret", [CardNumber(CARD_NUMBER), CardCode(CARD_CODE), Secret(API_KEY)])
def test_secret_shows_its_type_only(secret: Redacted) -> None:
    assert shows_nothing(f"{secret} {secret!r} {secret!s} {secret:>40} " + "%s %r" % (secret, secret))  # noqa: UP031
    assert shows_nothing(str([secret]) + str({"a": secret}))
    assert repr(secret) == f"{type(secret).__name__}(***)"


def test_secret_is_given_by_reveal_alone() -> None:
    assert CardNumber(CARD_NUMBER).reveal() == CARD_NUMBER


@pytest.mark.parametrize("steal", [pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode, msgspec.to_builtins])
def test_secret_is_not_serialised(steal: object) -> None:
    assert callable(steal)
    with pytest.raises(TypeError) as caught:
        steal(CardNumber(CARD_NUMBER))
    assert shows_nothing(str(caught.value))


def test_secret_has_no_dictionary() -> None:
    with pytest.raises(TypeError):
        vars(CardNumber(CARD_NUMBER))


def test_values_that_hold_secrets_show_none() -> None:
    for value in (card(), authorization(), account()):
        assert shows_nothing(repr(value)), type(value)


def test_an_address_shows_nothing_of_itself_wherever_it_goes() -> None:
    lines = {
        "line1": "Rue de Rivoli 7",
        "line2": "Escalier B",
        "city": "Paris",
        "state": "Ile-de-France",
        "postal_code": "75001",
        "country": "FR",
    }
    address = Address(**lines)
    with_address = replace(card(), address=address)
    operation = order().operation(with_address)
    shown = f"{address} {address!r} {with_address!r} {operation!r} {operation.details!r} {operation.details.customer!r}"
    assert not [text for text in lines.values() if text != "FR" and text in shown]
    assert repr(address) == "Address()"
    with pytest.raises(TypeError):
        pickle.dumps(with_address)


def test_request_shows_neither_headers_nor_body() -> None:
    request = HttpRequest(
        method="POST", url="https://psp/", headers={"Authorization": API_KEY}, body=CARD_NUMBER.encode()
    )
    assert shows_nothing(repr(request))


def test_secret_in_an_exception_and_a_log_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError(card())
    except ValueError as error:
        text = "".join(traceback.format_exception(error))
    assert shows_nothing(text)
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r", card(), card().number)
    assert shows_nothing(caplog.text)


def test_secrets_compare_by_type_and_text_and_hash_alike() -> None:
    assert CardNumber("1") == CardNumber("1")
    assert CardNumber("1") != CardNumber("2")
    assert CardNumber("1") != CardCode("1")
    assert CardNumber("1") != "1"
    assert hash(CardNumber("1")) == hash(CardNumber("2"))
    assert not CardCode("")
