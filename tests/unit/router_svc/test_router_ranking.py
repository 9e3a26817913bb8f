"""Which accounts a payment may go to, in which order, and what the router says about each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.domain.priorities import ListOrigin, Priority, PriorityList, default_list, require_settable
from router_svc.domain.ranking import Candidate, rank


def merchants(*priorities: Priority) -> PriorityList:
    return PriorityList(priorities, 3, ListOrigin.MERCHANT)


def test_accounts_keep_the_order_of_the_list() -> None:
    assert rank(merchants(Priority("b"), Priority("a")), currency="EUR", brand="visa") == (
        Candidate("b", eligible=True, reason="priority 1 of 2"),
        Candidate("a", eligible=True, reason="priority 2 of 2"),
    )


def test_accounts_that_may_not_be_used_come_last_with_the_reason_why() -> None:
    ranked = rank(
        merchants(
            Priority("off", disabled=True),
            Priority("euro", currencies=("EUR",)),
            Priority("amex_only", brands=("amex",)),
            Priority("yen", currencies=("EUR", "JPY"), brands=("visa", "mastercard")),
        ),
        currency="JPY",
        brand="visa",
    )
    assert ranked == (
        Candidate("yen", eligible=True, reason="priority 4 of 4"),
        Candidate("off", eligible=False, reason="not used: disabled on the merchant's list"),
        Candidate("euro", eligible=False, reason="not used: does not take JPY"),
        Candidate("amex_only", eligible=False, reason="not used: does not take visa"),
    )


@pytest.mark.parametrize(
    ("brand", "reason"),
    [
        ("unknown", "not used: does not take cards of an unknown brand"),
        ("", "not used: takes visa, amex only, and the card's brand is not known"),
    ],
)
def test_a_card_nobody_knows_goes_to_accounts_for_all_brands_only(brand: str, reason: str) -> None:
    ranked = rank(merchants(Priority("some", brands=("visa", "amex")), Priority("all")), currency="EUR", brand=brand)
    assert [candidate.account for candidate in ranked if candidate.eligible] == ["all"]
    assert ranked[1].reason == reason


def test_the_default_list_is_told_in_the_reason_and_has_version_0() -> None:
    default = default_list(("sandbox_a", "sandbox_b"))
    assert default.version == 0
    assert [(candidate.account, candidate.reason) for candidate in rank(default, currency="EUR", brand="visa")] == [
        ("sandbox_a", "priority 1 of 2 of the default list, as the merchant has none"),
        ("sandbox_b", "priority 2 of 2 of the default list, as the merchant has none"),
    ]


def test_an_empty_list_gives_no_candidates() -> None:
    assert rank(default_list(()), currency="EUR", brand="visa") == ()


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
def test_every_account_is_considered_once_and_is_eligible_exactly_when_nothing_speaks_against_it(
    listed: list[Priority], currency: str, brand: str
) -> None:
    ranked = rank(merchants(*listed), currency=currency, brand=brand)
    usable = [
        priority.account
        for priority in listed
        if not priority.disabled
        and currency in (priority.currencies or (currency,))
        and brand in (priority.brands or (brand,))
    ]
    assert [candidate.account for candidate in ranked if candidate.eligible] == usable
    assert [candidate.account for candidate in ranked][: len(usable)] == usable
    assert sorted(candidate.account for candidate in ranked) == sorted(priority.account for priority in listed)
    assert all(candidate.reason for candidate in ranked)


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
