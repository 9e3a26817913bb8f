"""The accounts on a merchant's list: which there are, what they take, and which lists may be set."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.listed_accounts import list_obstacles, listed_accounts, whose
from router_svc.domain.priorities import ListOrigin, Priority, PriorityList, default_list, require_settable


def merchants(*priorities: Priority) -> PriorityList:
    return PriorityList(priorities, 3, ListOrigin.MERCHANT)


def payment(currency: str = "EUR", brand: str = "visa") -> PaymentFacts:
    return PaymentFacts("mer_1", "pay_1", 1050, currency, datetime(2026, 11, 26, tzinfo=UTC), brand=brand)


def test_accounts_keep_the_order_of_the_list_and_what_the_connectors_know() -> None:
    known = (AccountFacts("a", "stripe", currencies=frozenset({"EUR"})), AccountFacts("b", "adyen"))
    assert listed_accounts(merchants(Priority("b"), Priority("a")), known) == (known[1], known[0])


def test_an_account_that_no_connector_knows_is_none_and_one_that_is_not_listed_neither() -> None:
    known = (AccountFacts("a", "stripe"), AccountFacts("c", "adyen"))
    assert listed_accounts(merchants(Priority("b"), Priority("a")), known) == (known[0],)


def test_while_nothing_is_known_of_accounts_each_takes_anything() -> None:
    found = listed_accounts(merchants(Priority("b"), Priority("a", disabled=True)), None)
    assert found == (AccountFacts("b", ""), AccountFacts("a", "", disabled=True))


def test_an_account_is_disabled_by_either_side() -> None:
    known = (AccountFacts("a", "stripe"), AccountFacts("b", "adyen", disabled=True), AccountFacts("c", "paypal"))
    listed = listed_accounts(merchants(Priority("a", disabled=True), Priority("b"), Priority("c")), known)
    assert [(account.account, account.disabled) for account in listed] == [("a", True), ("b", True), ("c", False)]
    assert listed[0].connector == "stripe"


def test_what_on_the_list_keeps_an_account_from_a_payment_is_told() -> None:
    listed = merchants(
        Priority("off", disabled=True),
        Priority("euro", currencies=("EUR",)),
        Priority("amex_only", brands=("amex",)),
        Priority("yen", currencies=("EUR", "JPY"), brands=("visa", "mastercard")),
    )
    assert list_obstacles(listed, payment("JPY")) == {
        "off": "disabled on the merchant's list",
        "euro": "does not take JPY",
        "amex_only": "does not take visa",
    }


@pytest.mark.parametrize(
    ("brand", "reason"),
    [
        ("unknown", "does not take cards of an unknown brand"),
        ("", "takes visa, amex only, and the card's brand is not known"),
    ],
)
def test_a_card_nobody_knows_goes_to_accounts_for_all_brands_only(brand: str, reason: str) -> None:
    listed = merchants(Priority("some", brands=("visa", "amex")), Priority("all"))
    assert list_obstacles(listed, payment(brand=brand)) == {"some": reason}


def test_the_default_list_is_told_and_has_version_0() -> None:
    default = default_list(("sandbox_a", "sandbox_b"))
    assert default.version == 0
    assert whose(default) == " of the default list, as the merchant has none"
    assert whose(merchants(Priority("a"))) == ""


priorities = st.lists(
    st.builds(
        Priority,
        account=st.from_regex(r"\A[a-z]{1,3}\Z"),
        currencies=st.lists(st.sampled_from(["EUR", "JPY", "KWD"]), max_size=2, unique=True).map(tuple),
        brands=st.lists(st.sampled_from(["visa", "amex"]), max_size=2, unique=True).map(tuple),
        disabled=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda priority: priority.account,
)


@given(priorities, st.sampled_from(["EUR", "JPY", "KWD"]), st.sampled_from(["visa", "amex", "unknown", ""]))
def test_an_account_is_kept_out_exactly_when_something_on_the_list_speaks_against_it(
    listed: list[Priority], currency: str, brand: str
) -> None:
    found = list_obstacles(merchants(*listed), payment(currency, brand))
    usable = [
        place.account
        for place in listed
        if not place.disabled and currency in (place.currencies or (currency,)) and brand in (place.brands or (brand,))
    ]
    assert [place.account for place in listed if place.account not in found] == usable
    assert all(found.values())


def test_a_list_with_an_account_twice_can_not_be_set() -> None:
    with pytest.raises(Refusal) as refused:
        require_settable([Priority("a"), Priority("b"), Priority("a")])
    assert refused.value.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in refused.value.violations] == ["priorities[2].account"]


def test_brands_are_those_that_cards_can_have() -> None:
    require_settable([Priority("a", brands=("visa", "unknown"))])
    with pytest.raises(Refusal) as refused:
        require_settable([Priority("a", brands=("visa", "Visa", "switch"))])
    assert refused.value.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in refused.value.violations] == [
        "priorities[0].brands[1]",
        "priorities[0].brands[2]",
    ]


@pytest.mark.parametrize("currency", ["XXX", "eur", "EURO", ""])
def test_a_currency_that_can_not_be_charged_can_not_be_set(currency: str) -> None:
    require_settable([Priority("a", currencies=("EUR", "JPY"))])
    with pytest.raises(Refusal) as refused:
        require_settable([Priority("a", currencies=("EUR", currency))])
    assert refused.value.reason is Reason.UNKNOWN_CURRENCY
    assert refused.value.metadata == {"currency": currency}
