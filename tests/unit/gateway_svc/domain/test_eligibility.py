"""Accounts that can't take a payment are left out; what nothing is known of stays."""

import pytest

from gateway_svc.domain.eligibility import AccountTakes, Charge, fitting
from gateway_svc.domain.payment import Candidate

CHARGE = Charge("mer_1", 1050, "EUR", "visa")
CANDIDATES = (Candidate("psp_a", "first"), Candidate("psp_b", "second"), Candidate("psp_c", "third"))


@pytest.mark.parametrize(
    "takes",
    [
        AccountTakes(),
        AccountTakes(merchant_id="mer_1"),
        AccountTakes(brands=frozenset({"visa"}), currencies=frozenset({"EUR", "USD"})),
        AccountTakes(limits={"EUR": (1050, 1050), "USD": (1, 2)}),
    ],
)
def test_an_account_that_takes_the_payment_keeps_its_place(takes: AccountTakes) -> None:
    assert fitting(CANDIDATES, {"psp_b": takes}, CHARGE) == (list(CANDIDATES), "")


@pytest.mark.parametrize(
    ("takes", "reason"),
    [
        (AccountTakes(merchant_id="mer_2"), "it belongs to another merchant"),
        (AccountTakes(disabled=True), "it is disabled"),
        (AccountTakes(currencies=frozenset({"USD"})), "it does not take this currency"),
        (AccountTakes(brands=frozenset({"amex"})), "it does not take this card brand"),
        (AccountTakes(limits={"EUR": (1051, 9999)}), "the amount is outside its limits"),
        (AccountTakes(limits={"EUR": (1, 1049)}), "the amount is outside its limits"),
    ],
)
def test_an_account_that_can_not_take_the_payment_is_left_out_with_its_reason(takes: AccountTakes, reason: str) -> None:
    kept, told = fitting(CANDIDATES, {"psp_b": takes}, CHARGE)
    assert [candidate.account for candidate in kept] == ["psp_a", "psp_c"]
    assert told == f"psp_b: {reason}"


def test_a_card_whose_brand_nobody_knows_is_tried() -> None:
    unknown = Charge("mer_1", 1050, "EUR", "")
    assert fitting(CANDIDATES, {"psp_a": AccountTakes(brands=frozenset({"visa"}))}, unknown)[0] == list(CANDIDATES)
