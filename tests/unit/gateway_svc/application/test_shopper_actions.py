"""Payments whose shopper must act: what the merchant gives for it, and what is answered."""

from dataclasses import replace

import pytest

from gateway_svc.application.create_payment import PaymentWish
from gateway_svc.application.return_urls import require_return_url
from gateway_svc.domain.outcome import NextAction, Outcome, OutcomeKind
from gateway_svc.domain.routing import StepUp
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.peers import ranked
from tests.unit.gateway_svc.application.rig import MERCHANT, Rig

RETURN_URL = "https://shop.example/back?order=17"
FIELDS = {"creq": "for-the-browser-only"}
ACTION = NextAction("REDIRECT", "https://psp.example/challenge/1", "POST", FIELDS)
WAITS = Outcome(OutcomeKind.ACTION_REQUIRED, psp_reference="psp_3", next_action=ACTION)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_payment_that_needs_the_shopper_is_answered_at_once_and_watched(rig: Rig) -> None:
    rig.connectors.outcomes = [WAITS]
    view = (await rig.pay("key", return_url=RETURN_URL)).view
    [attempt] = view["attempts"]
    assert (view["status"], attempt["status"], attempt["psp_reference"]) == (
        "REQUIRES_ACTION",
        "ACTION_REQUIRED",
        "psp_3",
    )
    action = view["next_action"]
    assert {name: action[name] for name in ("kind", "url", "method", "fields")} == {
        "kind": "REDIRECT",
        "url": ACTION.url,
        "method": "POST",
        "fields": FIELDS,
    }
    assert 0 < action["left_seconds"] <= 1800
    assert "next_action" not in attempt["details"]
    assert rig.durable.handed_over == [("PAYMENT", rig.only_payment, 0)]
    assert rig.store.keys[MERCHANT, "key"].answer is None, "what the shopper must do is kept in no answer"


async def test_the_same_key_again_shows_how_it_stands_now(rig: Rig) -> None:
    rig.connectors.outcomes = [WAITS]
    first = await rig.pay("key", return_url=RETURN_URL)
    again = await rig.pay("key", return_url=RETURN_URL)
    assert again.view["status"] == "REQUIRES_ACTION"
    assert again.view["id"] == first.view["id"]
    assert len(rig.connectors.sent) == 1


async def test_without_a_way_back_nobody_is_told_to_send_the_shopper_away(rig: Rig) -> None:
    rig.connectors.outcomes = [WAITS]
    view = (await rig.pay()).view
    assert (view["status"], view["next_action"]) == ("PROCESSING", None)
    assert view["attempts"][0]["status"] == "ACTION_REQUIRED"
    assert rig.durable.handed_over == [("PAYMENT", rig.only_payment, 0)]


async def test_a_rule_that_requires_3d_secure_needs_a_way_back(rig: Rig) -> None:
    rig.router.decision = ranked(["psp_a"], step_up=StepUp.REQUIRE, rule="large")
    key = new_id("key")
    with pytest.raises(Refusal) as caught:
        await rig.pay(key)
    assert caught.value.reason is Reason.INVALID_FIELD
    assert "`return_url`" in caught.value.metadata["detail"]
    assert "`large`" in caught.value.metadata["detail"]
    assert (rig.store.payments, rig.store.keys, rig.connectors.sent) == ({}, {}, [])
    assert (await rig.pay(key, return_url=RETURN_URL)).view["three_ds_preference"] == "CHALLENGE"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://shop.example",
        "https://shop.example:8443/a?b=c&d=%20#e",
        "http://localhost:3000/back",
        "http://127.0.0.1/back",
        "http://[::1]:1/back",
        "https://xn--bcher-kva.example/",
    ],
)
def test_a_shopper_can_be_sent_back_there(url: str) -> None:
    require_return_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "shop.example/back",
        "http://shop.example/back",
        "http://localhost.shop.example/",
        "javascript:alert(1)",
        "ftp://shop.example/",
        "https://",
        "https:///back",
        "https://user:secret@shop.example/",
        "https://shop.example/a b",
        "https://shop.example/ä",
        "https://shop.example/\n",
        "https://shop.example/<script>",
        "https://[::1/",
        "https://shop.example:port/",
        "https://shop.example/" + "x" * 2048,
    ],
)
def test_no_shopper_is_sent_there(url: str) -> None:
    with pytest.raises(Refusal) as caught:
        require_return_url(url)
    assert caught.value.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in caught.value.violations] == ["return_url"]


def test_a_card_number_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(Refusal) as caught:
        require_return_url("https://shop.example/?card=4111111111111111")
    assert caught.value.reason is Reason.CARD_NUMBER_IN_TEXT
    assert "4111" not in str(caught.value)


def test_what_is_for_the_browser_only_is_in_no_text_of_ours() -> None:
    wish = PaymentWish(1, "EUR", "tok", return_url="https://shop.example/?session=secret")
    assert "secret" not in repr(wish)
    assert FIELDS["creq"] not in repr(replace(WAITS, code="x"))
