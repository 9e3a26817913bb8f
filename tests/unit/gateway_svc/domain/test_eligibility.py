"""Accounts that can't take a payment are not used, with the reason; what nothing is known of stays."""

from dataclasses import replace

import pytest

from gateway_svc.domain.eligibility import AccountTakes, Charge, second_look
from gateway_svc.domain.routing import RoutedAccount, RouteDecision

CHARGE = Charge("mer_1", 1050, "EUR", "visa")
FIRST, SECOND, THIRD = (
    RoutedAccount(account, eligible=True, reason=reason, approval_ppm=900_000)
    for account, reason in (("psp_a", "first"), ("psp_b", "second"), ("psp_c", "third"))
)
NO_YEN = RoutedAccount("psp_d", eligible=False, reason="no yen")
DECISION = RouteDecision((FIRST, SECOND, THIRD, NO_YEN), rule="euro")


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
    assert second_look(DECISION, {"psp_b": takes}, CHARGE) == DECISION


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
def test_an_account_that_can_not_take_the_payment_is_not_used_and_the_reason_stays(
    takes: AccountTakes, reason: str
) -> None:
    looked_at = second_look(DECISION, {"psp_b": takes}, CHARGE)
    assert [candidate.account for candidate in looked_at.to_try()] == ["psp_a", "psp_c"]
    left_out = replace(SECOND, eligible=False, reason=reason)
    assert looked_at == replace(DECISION, candidates=(FIRST, THIRD, left_out, NO_YEN))


def test_why_the_router_does_not_use_an_account_stays() -> None:
    looked_at = second_look(DECISION, {"psp_d": AccountTakes(disabled=True)}, CHARGE)
    assert looked_at.candidates[-1] == NO_YEN


def test_a_card_whose_brand_nobody_knows_is_tried() -> None:
    unknown = Charge("mer_1", 1050, "EUR", "")
    assert second_look(DECISION, {"psp_a": AccountTakes(brands=frozenset({"visa"}))}, unknown) == DECISION
