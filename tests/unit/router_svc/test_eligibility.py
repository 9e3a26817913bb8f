"""Which accounts may take a payment, and what keeps the others from it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from router_svc.domain.eligibility import challenge_obstacles, obstacle, obstacles
from router_svc.domain.facts import AccountFacts, Initiator, PaymentFacts, ThreeDs

PAYMENT = PaymentFacts(
    "mer_1", "pay_1", 1050, "JPY", datetime(2030, 1, 1, tzinfo=UTC), brand="visa", issuer_country="DE"
)
ACCOUNT = AccountFacts("a", "sandbox")


def test_an_account_without_bounds_takes_every_card_payment() -> None:
    assert obstacle(PAYMENT, ACCOUNT) == ""
    assert obstacle(replace(PAYMENT, brand="", issuer_country=""), ACCOUNT) == ""
    assert obstacle(replace(PAYMENT, initiator=Initiator.MERCHANT, three_ds=ThreeDs.EXTERNAL), ACCOUNT) == ""
    assert obstacle(replace(PAYMENT, method="wallet"), replace(ACCOUNT, methods=frozenset())) == ""


@pytest.mark.parametrize(
    ("payment", "account", "reason"),
    [
        ({}, {"disabled": True}, "disabled"),
        ({"method": "wallet"}, {}, "does not take wallet"),
        ({}, {"currencies": {"EUR"}}, "does not take JPY"),
        ({}, {"brands": {"amex"}}, "does not take visa"),
        ({"brand": "unknown"}, {"brands": {"amex"}}, "does not take cards of an unknown brand"),
        ({"brand": ""}, {"brands": {"visa", "amex"}}, "takes amex, visa only, and the card's brand is not known"),
        ({}, {"issuer_countries": {"US"}}, "does not take cards from DE"),
        (
            {"issuer_country": ""},
            {"issuer_countries": {"US", "DE"}},
            "takes cards from DE, US only, and the card's country is not known",
        ),
        ({}, {"limits": {"JPY": (1051, 9000)}}, "takes no less than 1051 JPY in minor units"),
        ({}, {"limits": {"JPY": (1, 1049)}}, "takes no more than 1049 JPY in minor units"),
        ({}, {"limits": {"JPY": (1050, 1050), "EUR": (1, 2)}}, ""),
        ({}, {"limits": {"EUR": (1, 2)}}, ""),
        (
            {"three_ds": ThreeDs.EXTERNAL},
            {"features": {"stored_credential"}},
            "does not take 3-D Secure data of another provider",
        ),
        (
            {"initiator": Initiator.MERCHANT},
            {"features": {"external_three_ds"}},
            "does not take payments that the merchant starts",
        ),
        ({"three_ds": ThreeDs.CHALLENGE}, {"features": {"level2"}}, ""),
        ({"brand": "amex"}, {"brands": {"visa"}, "currencies": {"EUR"}}, "does not take JPY"),
    ],
)
def test_the_first_reason_against_an_account_is_told(
    payment: dict[str, object], account: dict[str, object], reason: str
) -> None:
    sets = {name: frozenset(value) if isinstance(value, set) else value for name, value in account.items()}
    assert obstacle(replace(PAYMENT, **payment), replace(ACCOUNT, **sets)) == reason  # type: ignore[arg-type]


def test_only_accounts_with_an_obstacle_are_named() -> None:
    listed = [ACCOUNT, replace(ACCOUNT, account="b", disabled=True), replace(ACCOUNT, account="c")]
    assert obstacles(PAYMENT, listed) == {"b": "disabled"}


def test_a_rule_that_requires_3d_secure_keeps_out_who_can_not_bring_shoppers_through_it() -> None:
    able, unable = replace(ACCOUNT, features=frozenset({"challenge"})), replace(ACCOUNT, account="b")
    unable = replace(unable, features=frozenset({"own_three_ds"}))
    unknown = replace(ACCOUNT, account="c")
    reason = "can't bring shoppers through the 3-D Secure that the rule requires"
    assert challenge_obstacles(PAYMENT, (able, unable, unknown)) == {"b": reason}
    for facts in (replace(PAYMENT, initiator=Initiator.MERCHANT), replace(PAYMENT, three_ds=ThreeDs.EXTERNAL)):
        assert challenge_obstacles(facts, (able, unable, unknown)) == {}
