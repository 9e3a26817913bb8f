"""What a payment's routing decides, what of it is recorded, and how it is refused."""

from typing import Any

import pytest

from gateway_svc.domain.eligibility import AccountTakes
from gateway_svc.domain.routing import CANDIDATES_MAX, REASON_LENGTH_MAX, RoutedAccount, RouteDecision, StepUp
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.peers import ranked
from tests.unit.gateway_svc.application.rig import MERCHANT, TOKEN, Rig

NO_YEN = RoutedAccount("psp_x", eligible=False, reason="no yen")


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def recorded(rig: Rig) -> RouteDecision:
    _, decision = await rig.store.get_routing(MERCHANT, rig.only_payment)
    assert decision is not None
    return decision


async def refused(rig: Rig, key: str = "") -> Refusal:
    with pytest.raises(Refusal) as caught:
        await rig.pay(key)
    return caught.value


async def test_the_router_is_told_all_that_is_known_of_the_payment(rig: Rig) -> None:
    await rig.pay()
    [asked] = rig.router.asked
    assert (asked.merchant_id, asked.amount, asked.currency, asked.method) == (MERCHANT, 1050, "EUR", "card")
    assert asked.card["brand"] == "visa"
    assert asked.metadata == {}


async def test_the_whole_decision_is_recorded_with_the_payment(rig: Rig) -> None:
    accounts = (
        RoutedAccount("psp_a", eligible=True, reason="best", approval_ppm=912_000, fee=31, explored=True),
        RoutedAccount("psp_b", eligible=True, reason="next", approval_ppm=0, fee=0),
        NO_YEN,
    )
    rig.router.decision = RouteDecision(
        accounts, list_version=3, ruleset_version=7, rule="euro", unheld_rules=("gift",), learning_current=True
    )
    view = (await rig.pay()).view
    assert await recorded(rig) == rig.router.decision
    assert [attempt["account"] for attempt in view["attempts"]] == ["psp_a"]
    assert [candidate["account"] for candidate in view["candidates"]] == ["psp_a", "psp_b"]


async def test_an_account_that_the_gateway_leaves_out_is_recorded_with_the_reason(rig: Rig) -> None:
    rig.router.decision = RouteDecision((*ranked(["psp_a", "psp_b"]).candidates, NO_YEN))
    rig.connectors.known = {"psp_a": AccountTakes(disabled=True)}
    view = (await rig.pay()).view
    assert [attempt["account"] for attempt in view["attempts"]] == ["psp_b"]
    assert [(each.account, each.eligible, each.reason) for each in (await recorded(rig)).candidates] == [
        ("psp_b", True, "rank 2"),
        ("psp_a", False, "it is disabled"),
        ("psp_x", False, "no yen"),
    ]


async def test_a_decision_is_recorded_within_bounds(rig: Rig) -> None:
    accounts = tuple(
        RoutedAccount(f"psp_{place}", eligible=place < 2, reason="x" * 1000) for place in range(CANDIDATES_MAX + 7)
    )
    rig.router.decision = RouteDecision(accounts)
    await rig.pay()
    decision = await recorded(rig)
    assert (len(decision.candidates), decision.left_out) == (CANDIDATES_MAX, 7)
    assert {len(each.reason) for each in decision.candidates} == {REASON_LENGTH_MAX}


async def test_a_payment_that_a_rule_blocks_is_created_nowhere_and_leaves_its_key_free(rig: Rig) -> None:
    rig.router.decision = ranked(["psp_a"], rule="subscriptions", blocked="no prepaid cards")
    key = new_id("key")
    refusal = await refused(rig, key)
    assert refusal.reason is Reason.PAYMENT_BLOCKED
    assert refusal.metadata == {"rule": "subscriptions", "detail": "no prepaid cards"}
    assert (rig.store.payments, rig.store.keys, rig.connectors.sent) == ({}, {}, [])
    rig.router.decision = None
    assert not (await rig.pay(key)).replayed


async def test_a_rule_that_blocks_by_now_does_not_change_what_a_key_stands_for(rig: Rig) -> None:
    key = new_id("key")
    first = await rig.pay(key)
    rig.router.decision = ranked([], rule="all", blocked="closed")
    again = await rig.pay(key)
    assert again.replayed
    assert again.view == first.view


@pytest.mark.parametrize(
    ("accounts", "known", "detail"),
    [
        ((), {}, "the merchant has no PSP accounts."),
        ((NO_YEN,), {}, "psp_x: no yen"),
        (
            (*ranked(["psp_a"]).candidates, NO_YEN),
            {"psp_a": AccountTakes(currencies=frozenset({"JPY"}))},
            "psp_a: it does not take this currency; psp_x: no yen",
        ),
        (
            tuple(RoutedAccount(f"psp_{place}", eligible=False, reason="no") for place in range(5)),
            {},
            "psp_0: no; psp_1: no; psp_2: no (and 2 more)",
        ),
    ],
)
async def test_a_payment_that_no_account_can_take_is_refused_with_the_reasons(
    rig: Rig, accounts: tuple[RoutedAccount, ...], known: Any, detail: str
) -> None:
    rig.router.decision = RouteDecision(accounts)
    rig.connectors.known = known
    refusal = await refused(rig)
    assert refusal.reason is Reason.NO_ELIGIBLE_ACCOUNT
    assert refusal.metadata == {"detail": detail}
    assert rig.store.payments == {}


@pytest.mark.parametrize(
    ("step_up", "preference"),
    [(StepUp.UNSET, "AUTOMATIC"), (StepUp.REQUIRE, "CHALLENGE"), (StepUp.SKIP, "SKIP")],
)
async def test_what_the_rule_says_of_3d_secure_is_recorded_with_the_payment(
    rig: Rig, step_up: StepUp, preference: str
) -> None:
    rig.router.decision = ranked(["psp_a"], step_up=step_up)
    view = (await rig.pay(return_url="https://shop.example/back")).view
    assert view["three_ds_preference"] == preference
    assert (await recorded(rig)).step_up is step_up
    assert view["token"] == TOKEN
