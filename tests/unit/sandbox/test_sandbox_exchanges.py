import json

import pytest
from aiohttp import web

from devstack.sandbox.exchanges import MOST_KEPT, Exchanges
from devstack.sandbox.incoming import Incoming
from devstack.sandbox.settings import AccountEntry
from devstack.sandbox.wire import GoneNowhere

KEY = "sk_test_of_this_account"
NUMBER = "5105105105105100"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def exchanges() -> Exchanges:
    return Exchanges(AccountEntry(account="a", api_key=KEY, webhook_secret="whsec_1", secrets={"login": "user:word"}))


def a_request(body: bytes, content_type: str = "application/json", **headers: str) -> Incoming:
    return Incoming(
        method="POST",
        path="/v1/charges",
        headers={"content-type": content_type, "host": "127.0.0.1", **headers},
        body=body,
    )


def test_what_was_said_is_shown_as_it_was(exchanges: Exchanges) -> None:
    request = a_request(b'{"amount": 1050, "reference": "pay_1"}')
    exchanges.keep(request, web.Response(status=201, body=b'{"id": "ch_1"}', content_type="application/json"))

    [told] = exchanges.told(0)

    assert (told["method"], told["path"], told["body"]) == (
        "POST",
        "/v1/charges",
        {"amount": 1050, "reference": "pay_1"},
    )
    assert told["headers"] == {"content-type": "application/json"}
    assert (told["answer"]["status"], told["answer"]["body"]) == (201, {"id": "ch_1"})


def test_nothing_secret_is_shown_wherever_it_stands(exchanges: Exchanges) -> None:
    card = {"number": NUMBER, "cvc": "739", "cvv": "739", "security_code": "739", "note": f"card {NUMBER} of {KEY}"}
    exchanges.keep(
        a_request(json.dumps({"source": card}).encode(), authorization=f"Bearer {KEY}", **{"x-api-key": KEY}),
        web.Response(body=json.dumps({"access_token": "A21.x", "login": "user:word"}).encode()),
    )
    form = f"card[number]={NUMBER}&card[cvc]=739&key={KEY}&secret=whsec_1".encode()
    exchanges.keep(a_request(form, FORM, authorization="Basic c2s6"), None)
    exchanges.keep(a_request(f"{NUMBER} {KEY}".encode(), "text/plain"), None)

    text = json.dumps(list(exchanges.told(0)))

    for secret in (NUMBER, "739", KEY, "c2s6", "A21.x", "user:word", "whsec_1"):
        assert secret not in text
    assert text.count("510510***5100") == 2
    assert '"Bearer ***"' in text
    assert '"Basic ***"' in text


def test_numbers_that_are_no_texts_names_and_broken_bodies_show_no_more(exchanges: Exchanges) -> None:
    card = {"number": int(NUMBER), "cvc": {"value": "739"}, NUMBER: "as a name", "amount": 1050, "live": False}
    exchanges.keep(a_request(json.dumps({"card": card}).encode()), None)
    cut = json.dumps({"card": {"number": NUMBER, "cvc": "739", "exp_month": 12}})[:-3].encode()
    exchanges.keep(a_request(cut), None)
    exchanges.keep(a_request(f"card[number={NUMBER}&cvv=739&".encode(), "text/plain"), None)

    told = list(exchanges.told(0))

    assert NUMBER not in json.dumps(told)
    assert "739" not in json.dumps(told)
    assert told[0]["body"]["card"]["amount"] == 1050
    assert told[0]["body"]["card"]["live"] is False
    assert "exp_month" in told[1]["body"]


def test_an_answer_that_went_nowhere_is_none(exchanges: Exchanges) -> None:
    exchanges.keep(a_request(b"{"), GoneNowhere())
    exchanges.keep(a_request(b""), None)

    assert [told["answer"] for told in exchanges.told(0)] == [None, None]
    assert [told["body"] for told in exchanges.told(0)] == ["{", None]


def test_the_newest_are_kept_and_can_be_asked_for_from_a_number_on(exchanges: Exchanges) -> None:
    for _ in range(MOST_KEPT + 5):
        exchanges.keep(a_request(b""), None)

    assert exchanges.count == MOST_KEPT + 5
    assert [told["number"] for told in exchanges.told(0)] == list(range(6, MOST_KEPT + 6))
    assert [told["number"] for told in exchanges.told(MOST_KEPT + 3)] == [MOST_KEPT + 4, MOST_KEPT + 5]


def test_its_repr_shows_neither_side(exchanges: Exchanges) -> None:
    exchanges.keep(a_request(NUMBER.encode(), authorization=KEY), None)

    assert NUMBER not in repr(exchanges._kept)
    assert KEY not in repr(exchanges._kept)
