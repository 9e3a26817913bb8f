"""What exactly the connector's forms hold, the card included, which the description exempts from validation."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.descriptions import decode_form
from mesh.currencies import EXPONENT_OF, exponent_of
from psp_connectors.connectors.stripe.connector import STRIPE
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.details import PaymentDetails, ThreeDsPreference
from psp_connectors.domain.operations import Action
from tests.contract.connector_suite import BOUNDED
from tests.fakes.connectors.ports import authorization
from tests.fakes.connectors.stripe import RETURN_URL, THREE_DS, actions, questions, stripe_account

ACTIONS = actions()
QUESTIONS = questions()

ASKING = {
    "request_multicapture": "if_available",
    "request_incremental_authorization": "if_available",
    "request_extended_authorization": "if_available",
}
ZERO_DECIMAL = ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
NO_DECIMALS_BUT_SENT_WITH_TWO = ("ISK", "UGX")
THREE_DECIMAL = ("BHD", "JOD", "KWD", "OMR", "TND")


def form_of(operation: Action, **settings: str) -> dict[str, object]:
    document = decode_form(STRIPE.build(operation, stripe_account(**settings)).body.decode())
    assert isinstance(document, dict)
    return document


def test_an_authorization_in_full() -> None:
    address = {
        "line1": "1 Row",
        "line2": "B",
        "city": "London",
        "state": "LND",
        "postal_code": "W1",
        "country": "GB",
    }
    assert form_of(ACTIONS["authorize_full_False"], **ASKING) == {
        "amount": "1050",
        "currency": "eur",
        "capture_method": "manual",
        "confirm": "true",
        "description": "Two hats",
        "expand": ["latest_charge"],
        # Neither an entry that would pass for a reference of ours, nor one whose name has brackets.
        "metadata": {"reference": "pay_1_1", "merchant_reference": "order 7", "shop": "7"},
        "payment_method_data": {
            "type": "card",
            "card": {"number": "4242424242424242", "exp_month": "12", "exp_year": "2099", "cvc": "737"},
            "billing_details": {"address": address, "name": "Ada Lovelace", "email": "ada@example.com"},
        },
        "payment_method_options": {"card": {**ASKING, "request_three_d_secure": "challenge"}},
        "payment_method_types": ["card"],
        "return_url": RETURN_URL,
        "statement_descriptor_suffix": "SHOP",
    }


def test_a_payment_that_captures_at_once_asks_for_no_later_changes() -> None:
    form = form_of(authorization(capture=True), **ASKING)
    assert form["capture_method"] == "automatic"
    assert "payment_method_options" not in form


def test_headers() -> None:
    request = STRIPE.build(authorization(), stripe_account(stripe_account="acct_1"))
    assert request.headers["Stripe-Version"] == "2024-04-10"
    assert request.headers["Stripe-Account"] == "acct_1"
    assert "Stripe-Account" not in STRIPE.build(authorization(), stripe_account()).headers


@pytest.mark.parametrize(("version", "status"), [("2.3.0", "Y"), ("", "Y"), ("2.2.0", "D"), ("2.2.0", "")])
def test_a_3ds_result_that_stripe_has_no_word_for_is_not_sent(version: str, status: str) -> None:
    details = PaymentDetails(three_ds=replace(THREE_DS, version=version, trans_status=status))
    with pytest.raises(Unsendable):
        STRIPE.build(replace(authorization(), details=details), stripe_account())


def test_an_authentication_done_elsewhere_leaves_nothing_to_act_on() -> None:
    form = form_of(ACTIONS["authorize_three_ds_exempt_False"])
    result = {
        "version": "2.2.0",
        "ares_trans_status": "Y",
        "cryptogram": THREE_DS.cryptogram.reveal(),
        "transaction_id": THREE_DS.ds_transaction_id,
        "electronic_commerce_indicator": "05",
        "exemption_indicator": "low_risk",
    }
    assert form["error_on_requires_action"] == "true"
    assert form["payment_method_options"] == {"card": {"three_d_secure": result}}


def test_a_shopper_is_sent_away_only_when_there_is_a_way_back() -> None:
    assert form_of(authorization())["error_on_requires_action"] == "true"
    assert "error_on_requires_action" not in form_of(ACTIONS["authorize_full_False"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("customer_first_card_on_file", {"setup_future_usage": "on_session"}),
        ("customer_first_recurring", {"setup_future_usage": "off_session"}),
        ("customer_first_unscheduled", {"setup_future_usage": "off_session"}),
        ("customer_subsequent_card_on_file", {}),
        ("merchant_subsequent_recurring", {"off_session": "recurring"}),
        ("merchant_subsequent_installment", {"off_session": "recurring"}),
        ("merchant_subsequent_unscheduled", {"off_session": "one_off"}),
        ("merchant_subsequent_no_show", {"off_session": "one_off"}),
    ],
)
def test_the_agreement(name: str, expected: dict[str, str]) -> None:
    form = form_of(ACTIONS[f"authorize_{name}_False"])
    assert {key: form[key] for key in ("setup_future_usage", "off_session") if key in form} == expected
    # Stripe takes only one of the two.
    assert not {"off_session", "error_on_requires_action"} <= set(form)


def test_captures_and_increments_leave_their_mark_and_only_a_part_says_that_more_follows() -> None:
    assert form_of(ACTIONS["capture"]) == {"amount_to_capture": "1050", "metadata": {"cap_1": "1050"}}
    part = form_of(ACTIONS["capture_part"])
    assert part == {"amount_to_capture": "400", "metadata": {"cap_1": "400"}, "final_capture": "false"}
    assert form_of(ACTIONS["increment"]) == {"amount": "1500", "metadata": {"inc_1": "450"}}


@pytest.mark.parametrize(
    ("preference", "sent"),
    [
        (ThreeDsPreference.AUTOMATIC, None),
        (ThreeDsPreference.CHALLENGE, "challenge"),
        (ThreeDsPreference.SKIP, "automatic"),
    ],
)
def test_the_preference_for_3ds(preference: ThreeDsPreference, sent: str | None) -> None:
    details = PaymentDetails(three_ds_preference=preference, return_url=RETURN_URL)
    expected = {"card": {"request_three_d_secure": sent}} if sent else None
    assert form_of(replace(authorization(), details=details)).get("payment_method_options") == expected


@pytest.mark.parametrize(
    ("descriptor", "suffix"),
    [("SHOP", "SHOP"), ("Café <b>*'\"", "Caf b"), ("12345", None), ("", None), ("A LONG NAME OF A SHOP", "A LONG NAM")],
)
def test_the_statement_descriptor(descriptor: str, suffix: str | None) -> None:
    form = form_of(replace(authorization(), statement_descriptor=descriptor))
    assert form.get("statement_descriptor_suffix") == suffix


def test_metadata_leaves_room_for_the_marks_of_captures() -> None:
    details = PaymentDetails(metadata={f"key_{n}": str(n) for n in range(60)})
    metadata = form_of(replace(authorization(), details=details))["metadata"]
    assert isinstance(metadata, dict)
    assert len(metadata) == 1 + 15


def expected_units(value: int, currency: str) -> int | None:
    """Give what Stripe's page on currencies says, written without the connector's tables; None for what it refuses."""
    units, rest = value, 0
    if currency in NO_DECIMALS_BUT_SENT_WITH_TWO:
        units = value * 100
    elif currency == "MGA":
        units, rest = divmod(value, 10 ** (exponent_of("MGA") or 0))
    elif currency in THREE_DECIMAL:
        rest = value % 10
    largest = 999_999_999_999 if currency == "IDR" else 99_999_999
    return units if not rest and units <= largest else None


@BOUNDED
@given(
    currency=st.sampled_from(STRIPE.capabilities.currencies),
    value=st.integers(0, 100_000_000) | st.integers(0, 999_999_999_999),
    capture=st.booleans(),
)
def test_any_currency_and_amount(*, currency: str, value: int, capture: bool) -> None:
    operation = authorization(value, currency, capture=capture)
    expected = expected_units(value, currency)
    if expected is None:
        with pytest.raises(Unsendable):
            STRIPE.build(operation, stripe_account())
        return
    form = form_of(operation)
    assert (form["amount"], form["currency"]) == (str(expected), currency.lower())


@pytest.mark.parametrize("currency", ZERO_DECIMAL)
def test_currencies_without_decimals_are_sent_whole(currency: str) -> None:
    assert form_of(authorization(500 * 10 ** (exponent_of(currency) or 0), currency))["amount"] == "500"


@pytest.mark.parametrize("currency", sorted(set(EXPONENT_OF) - set(STRIPE.capabilities.currencies)))
def test_currencies_that_stripe_does_not_take_are_not_sent(currency: str) -> None:
    with pytest.raises(Unsendable):
        STRIPE.build(authorization(1000, currency), stripe_account())


@BOUNDED
@given(key=st.text(st.characters(min_codepoint=1, max_codepoint=300), max_size=300))
def test_any_idempotency_key(key: str) -> None:
    operation = replace(authorization(), idempotency_key=key)
    if 0 < len(key) <= 255 and all("!" <= letter <= "~" for letter in key):
        assert STRIPE.build(operation, stripe_account()).headers["Idempotency-Key"] == key
    else:
        with pytest.raises(Unsendable):
            STRIPE.build(operation, stripe_account())


@pytest.mark.parametrize("reference", ["", "a" * 41, "a b", "a'b", "a[b]", "a\n", "é", "x' OR metadata['y']:'z"])
def test_references_that_could_leave_their_place_are_not_sent(reference: str) -> None:
    for operation in (*ACTIONS.values(), *QUESTIONS.values()):
        with pytest.raises(Unsendable):
            STRIPE.build(replace(operation, reference=reference), stripe_account())
