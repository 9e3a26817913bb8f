"""Stripe's dialect without sockets: its tables, forms, signature, bounds of amounts, and the CLI that shows it."""

import base64
import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest

from devstack.descriptions import default_folder
from devstack.sandbox.books import Books
from devstack.sandbox.cli import lines
from devstack.sandbox.dialects.contract import Act, Ask, Desk, Notice, Refused
from devstack.sandbox.dialects.registry import NAMES, dialect
from devstack.sandbox.dialects.stripe import objects
from devstack.sandbox.dialects.stripe.dialect import DIALECT
from devstack.sandbox.dialects.stripe.events import EVENTS, signature
from devstack.sandbox.dialects.stripe.triggers import CARDS, METHODS, SMALLEST, UNITS, decline_of, refund_failure_of
from devstack.sandbox.incoming import Incoming
from devstack.sandbox.keys import constant_key, constant_webhook_secret
from devstack.sandbox.ledger import CardOnFile, OperationType, Waiting
from devstack.sandbox.magic import DECLINES, Verdict
from devstack.sandbox.settings import AccountEntry, completed
from devstack.sandbox.units import Units
from mesh.card_numbers import luhn_valid
from mesh.currencies import EXPONENT_OF
from mesh.money import Money
from mesh.settings import SettingsError
from psp_connectors.connectors.stripe.codes import DECLINES as CONNECTOR_DECLINES
from psp_connectors.connectors.stripe.codes import ERRORS as CONNECTOR_ERRORS
from psp_connectors.connectors.stripe.codes import REFUND_FAILURES as CONNECTOR_REFUND_FAILURES
from psp_connectors.connectors.stripe.money import UNITS as CONNECTOR_UNITS

NOW = 1_795_600_000
KEY = "sk_test_payera_sandbox_key"
ACCOUNT = AccountEntry(
    account="stripe_a", api_key=KEY, dialect="stripe", webhook_secret="whsec_new", webhook_secret_before="whsec_old"
)
PAYMENT = {
    "amount": "1050",
    "currency": "eur",
    "confirm": "true",
    "payment_method_data[type]": "card",
    "payment_method_data[card][number]": "4242424242424242",
    "payment_method_data[card][exp_month]": "12",
    "payment_method_data[card][exp_year]": "31",
    "payment_method_data[card][cvc]": "123",
    "metadata[reference]": "pay_1_1",
}


def desk() -> Desk:
    account = completed(ACCOUNT, DIALECT.needs)
    return Desk(account, Books("stripe_a", lambda _: None, lambda: NOW), "http://127.0.0.1:1", lambda: NOW)


def form(path: str, fields: dict[str, str], method: str = "POST", **headers: str) -> Incoming:
    text = urlencode(fields)
    return Incoming(
        method=method,
        path=path,
        query=text if method == "GET" else "",
        headers={"authorization": f"Bearer {KEY}"} | headers,
        body=text.encode() if method == "POST" else b"",
    )


def refusal(fields: dict[str, str], path: str = "/v1/payment_intents", **headers: str) -> tuple[int, dict[str, str]]:
    with pytest.raises(Refused) as caught:
        DIALECT.read(form(path, fields, **headers), desk())
    content = json.loads(caught.value.reply.content())
    assert "4242424242424241" not in json.dumps(content)
    return caught.value.reply.status, content["error"]


def test_payment_is_read() -> None:
    asked = DIALECT.read(form("/v1/payment_intents", PAYMENT, **{"idempotency-key": "k"}), desk())
    assert isinstance(asked, Act)
    assert (asked.type, asked.reference, asked.key) == (OperationType.AUTHORIZE, "pay_1_1", "k")
    assert (asked.amount, asked.currency, asked.capture, asked.verdict) == (1050, "EUR", True, None)
    assert asked.card is not None
    assert (asked.card.exp_month, asked.card.exp_year) == (12, 2031)
    assert "4242" not in repr(asked)
    assert "4242" not in json.dumps(dict(asked.facts))


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": ""}, 400, "parameter_missing"),
        ({"amount": "1.5"}, 400, "parameter_invalid_integer"),
        ({"amount": "-1"}, 400, "parameter_invalid_integer"),
        ({"amount": "49"}, 400, "amount_too_small"),
        ({"amount": "100000000"}, 400, "amount_too_large"),
        ({"amount": "1001", "currency": "kwd"}, 400, "invalid_charge_amount"),
        ({"amount": "1050", "currency": "isk"}, 400, "invalid_charge_amount"),
        ({"currency": "EUR"}, 400, None),
        ({"currency": "xxx"}, 400, None),
        ({"confirm": "false"}, 400, None),
        ({"confirm": "yes"}, 400, None),
        ({"capture_method": "later"}, 400, None),
        ({"colour": "red"}, 400, "parameter_unknown"),
        ({"expand[]": "customer"}, 400, None),
        ({"payment_method_data[type]": "sepa_debit"}, 400, None),
        ({"payment_method": "pm_unknown"}, 404, "resource_missing"),
        ({"payment_method_data[card][number]": "4242424242424241"}, 402, "incorrect_number"),
        ({"payment_method_data[card][exp_month]": "13"}, 402, "invalid_expiry_month"),
        ({"payment_method_data[card][exp_year]": "20"}, 402, "invalid_expiry_year"),
        ({"payment_method_data[card][cvc]": "12"}, 402, "invalid_cvc"),
        ({"metadata[" + "k" * 41 + "]": "v"}, 400, None),
    ],
)
def test_malformed_payments_are_refused(changes: dict[str, str], status: int, code: str | None) -> None:
    answered, error = refusal(PAYMENT | changes)
    assert (answered, error.get("code")) == (status, code)


def test_other_refusals() -> None:
    assert refusal(PAYMENT, "/v1/tokens")[0] == 404
    assert refusal({}, "/v1/payment_intents/pi_1/capture")[0] == 404
    assert refusal({"amount": "1"}, "/v1/refunds")[0] == 400
    assert refusal(PAYMENT, **{"idempotency-key": "k" * 256})[0] == 400


def test_key_as_bearer_or_as_user() -> None:
    def recognised(authorization: str) -> bool:
        return DIALECT.recognises(
            Incoming(method="GET", path="/v1/balance", headers={"authorization": authorization}), ACCOUNT
        )

    assert recognised(f"Bearer {KEY}")
    assert recognised("Basic " + base64.b64encode(f"{KEY}:".encode()).decode())
    for header in ("", "Bearer ", "Bearer other", "Basic !", "Basic " + base64.b64encode(b":").decode()):
        assert not recognised(header)
    assert not DIALECT.recognises(Incoming(method="GET", path="/authentications/pi_1", query="seal=x"), ACCOUNT)


def test_cards_do_what_the_table_says() -> None:
    for card in CARDS.values():
        assert luhn_valid(card.number)
        fields = PAYMENT | {"payment_method_data[card][number]": card.number, "return_url": "https://shop.example"}
        asked = DIALECT.read(form("/v1/payment_intents", fields), desk())
        assert isinstance(asked, Act)
        required = card.authentication in {"required", "failing", "on_session"}
        assert (asked.waiting is Waiting.SHOPPER) == required
        assert (asked.verdict is None) == (not card.code)
        if asked.verdict is not None:
            assert decline_of(asked.verdict) == (card.code, card.decline_code)
    assert METHODS["pm_card_visa"].number == "4242424242424242"


def test_every_decline_has_a_word_of_stripes_that_the_connector_knows() -> None:
    for entry in DECLINES.values():
        code, decline_code = decline_of(entry.verdict)
        assert decline_code in CONNECTOR_DECLINES if decline_code else code in CONNECTOR_ERRORS
    assert decline_of(Verdict(reason="whatever")) == ("card_declined", "generic_decline")
    for verdict in (Verdict("43"), Verdict("05"), Verdict(reason="lost_or_stolen_card"), Verdict(reason="other")):
        assert refund_failure_of(verdict) in CONNECTOR_REFUND_FAILURES


def test_units_agree_with_those_of_the_connector() -> None:
    for currency in EXPONENT_OF:
        assert UNITS.decimals_of(currency) == CONNECTOR_UNITS.exponent(currency)
        # A hundred whole units of the currency.
        minor = 100 * 10 ** EXPONENT_OF[currency]
        assert UNITS.own(minor, currency) == CONNECTOR_UNITS.to_integer(Money(minor, currency))
        assert UNITS.minor(UNITS.own(minor, currency), currency) == minor
    assert all(UNITS.knows(code.upper()) for code in SMALLEST if code != "bgn")


def test_units_of_decimals() -> None:
    units = Units({"HUF": 0})
    assert (units.decimal(1050, "EUR"), units.decimal(5, "EUR"), units.decimal(105_000, "HUF")) == (
        "10.50",
        "0.05",
        "1050",
    )
    assert units.minor_of_decimal("10.5", "EUR") == 1050
    assert units.minor_of_decimal("1050", "HUF") == 105_000
    for text in ("", "x", "1,5", "10.505", ".5", "1e3", "-1", "9" * 40):
        assert units.minor_of_decimal(text, "EUR") is None
    assert units.minor_of_decimal("10.5", "HUF") is None
    assert (units.step("HUF"), units.step("EUR"), units.step("JPY")) == (100, 1, 1)


def test_signature_is_made_with_every_secret_in_force() -> None:
    notice = Notice(id="evt_1", type=EVENTS[0], reference="pay_1_1", content={"id": "evt_1"})
    signed = DIALECT.sign(notice, desk(), NOW)
    given = dict(part.split("=") for part in signed.headers["stripe-signature"].split(",")[:1])
    assert given == {"t": str(NOW)}
    expected = [
        hmac.new(secret, f"{NOW}.".encode() + signed.body, hashlib.sha256).hexdigest()
        for secret in (b"whsec_new", b"whsec_old")
    ]
    assert signed.headers["stripe-signature"].split(",")[1:] == [f"v1={one}" for one in expected]


def test_signature_of_the_public_vector() -> None:
    specs = default_folder()
    if specs is None:
        pytest.skip("the PSP material at ../shared/psp is not there")
    vectors = json.loads((specs.parent / "vectors" / "webhook_vectors.json").read_text())
    vector = next(one for one in vectors if one["psp"] == "stripe")
    expected = vector["header"].removeprefix("Stripe-Signature: ").rpartition(",v0=")[0]
    assert signature(vector["body"].encode(), 1_533_204_620, [vector["secret"]]) == expected


@pytest.mark.parametrize("query", ["", "status:'succeeded'", "metadata['a']:'b' AND status:'x'", "metadata[a]:'b'"])
def test_searches_that_the_sandbox_does_not_know(query: str) -> None:
    with pytest.raises(Refused) as caught:
        DIALECT.read(form("/v1/payment_intents/search", {"query": query}, "GET"), desk())
    assert caught.value.reply.status == 400


def test_a_question_about_nothing_is_asked_of_the_books_all_the_same() -> None:
    for path in ("/v1/payment_intents/pi_1", "/v1/charges/ch_1", "/v1/refunds/re_1", "/v1/setup_intents/seti_1"):
        asked = DIALECT.read(form(path, {}, "GET"), desk())
        assert isinstance(asked, Ask)
        assert asked.charges == ()
        assert asked.tell([]).status == 404


@pytest.mark.parametrize("name", NAMES)
def test_terminal_shows_address_key_and_faults(name: str) -> None:
    spoken = dialect(name)
    entry = completed(
        AccountEntry(
            account="sandbox",
            api_key=constant_key(name),
            dialect=name,
            webhook_secret=constant_webhook_secret(name),
        ),
        spoken.needs,
    )
    text = "\n".join(lines(entry, spoken, "http://127.0.0.1:8190", "http://127.0.0.1:8191"))
    assert entry.api_key in text
    assert "curl http" in text
    assert "/control/accounts/sandbox/faults" in text
    assert (entry.webhook_secret in text) == (name != "payera")
    for trigger in spoken.guide.triggers:
        assert trigger.trigger.replace("`", "") in text


def test_accounts_that_lack_something_or_have_too_much_are_refused() -> None:
    needs = dialect("adyen").needs
    whole = completed(AccountEntry(account="a", api_key="k" * 8, dialect="adyen"), needs)
    assert whole.settings["merchant_account"]
    assert "k" * 8 not in repr(whole)
    with pytest.raises(SettingsError, match="unknown: \\['colour'\\]"):
        completed(AccountEntry(account="a", api_key="k" * 8, settings={"colour": "red"}), needs)
    with pytest.raises(SettingsError, match="klarna"):
        dialect("klarna")


@pytest.mark.parametrize(("brand", "word"), [("visa", "visa"), ("unionpay", "unionpay"), ("maestro", "unknown")])
def test_a_brand_that_stripe_has_no_name_for_is_unknown_to_it(brand: str, word: str) -> None:
    card = CardOnFile(brand=brand, last4="0008", bin="677179", exp_month=12, exp_year=2031, fingerprint="f")
    assert objects._card(card)["brand"] == word
