"""Tokens serve one payment, unless a payment that succeeds asks to keep them: whatever dies in between."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest

from devstack.names import ComponentName
from devstack.rest import Rest, expect_ok
from devstack.seed import set_priorities
from tests.e2e.support import Mesh, until
from tests.e2e.test_crashes import CASCADE, Call, arm, clear, finish, send

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

INSUFFICIENT_FUNDS = "4000000000009995"
ADDRESS = {"line1": "Rue de Rivoli 7", "city": "Paris", "postal_code": "75001", "country": "FR"}
AT_ONCE = 8
#: Each kills its process there, and the process is started again.
KILLS = (
    (ComponentName.GATEWAY, "gateway.after_record", 1000),
    (ComponentName.GATEWAY, "gateway.after_keep", 1000),
    (ComponentName.WORKER, "worker.after_record", CASCADE),
    (ComponentName.WORKER, "worker.after_keep", CASCADE),
)
#: Each is killed while the gateway or the worker stands at that point.
LOSSES = (
    (ComponentName.VAULT, "gateway.after_record", 1000),
    (ComponentName.POSTGRES, "gateway.after_keep", 1000),
    (ComponentName.VAULT, "worker.after_record", CASCADE),
    (ComponentName.POSTGRES, "worker.after_keep", CASCADE),
)


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(AT_ONCE) as executor:
        yield executor


def new_shop(mesh: Mesh, name: str, *accounts: str) -> Mesh:
    """Give the mesh as a merchant of its own sees it, whose payments go to these accounts, best first."""
    configuration = mesh.stack.configuration
    operator = Rest(configuration.rest_url, mesh.merchant.operator_key)
    merchant = expect_ok(operator.post("/v1/merchants", {"name": name}, money=False), "creating a merchant")
    path = f"/v1/merchants/{merchant['id']}/api_keys"
    key = expect_ok(operator.post(path, {"scope": "SECRET"}, money=False), "creating a key")["key"]
    set_priorities(configuration, merchant["id"], accounts)
    return Mesh(mesh.stack, replace(mesh.merchant, merchant_id=merchant["id"], secret_key=key))


def require_codes(shop: Mesh, *, required: bool = True) -> dict[str, Any]:
    operator = Rest(shop.stack.configuration.rest_url, shop.merchant.operator_key)
    path = f"/v1/merchants/{shop.merchant.merchant_id}:configure"
    return expect_ok(operator.post(path, {"card_code_required": required}, money=False), "configuring a merchant")


def waiting(mesh: Mesh, payment_id: str) -> int:
    """Tell whether the vault is still to be told of a payment's token."""
    rows = mesh.rows("SELECT count(*) AS n FROM gateway.token_to_keep WHERE payment_id = %s", payment_id)
    return int(rows[0]["n"])


def assert_kept(mesh: Mesh, payment: dict[str, Any]) -> None:
    """The vault keeps the token, nothing is left to tell, and later payments go through with it."""
    token = mesh.kept(payment["token"], 120)
    assert "expire_time" not in token or token["expire_time"] is None
    until(lambda: waiting(mesh, payment["id"]), lambda count: count == 0, 120)
    later = until(lambda: mesh.create(500, token=payment["token"]), lambda answer: answer.status == HTTPStatus.OK, 30)
    assert mesh.settled(later.body["id"])["status"] == "SUCCEEDED"


def test_a_token_serves_one_payment(mesh: Mesh) -> None:
    key = str(uuid.uuid4())
    token = mesh.token()
    first = mesh.create(1000, key=key, token=token)
    assert first.body["store_card"] is False
    again = mesh.create(1000, token=token)
    assert (again.status, again.reason) == (400, "TOKEN_USED")
    replayed = mesh.create(1000, key=key, token=token)
    assert (replayed.status, replayed.body) == (200, first.body)
    known = mesh.read_token(token)
    assert (known["usage"], known["payment_id"]) == ("SINGLE_USE", first.body["id"])
    assert len(mesh.truth(first.body["id"])) == 1


@pytest.mark.parametrize("method", ["AUTOMATIC", "MANUAL"])
def test_a_payment_that_stores_the_card_makes_its_token_permanent(mesh: Mesh, method: str) -> None:
    payment = mesh.pay(1000, capture_method=method, store_card=True)
    assert payment["store_card"] is True
    # The vault was told before the answer, as nothing was in the way.
    assert mesh.read_token(payment["token"])["usage"] == "PERMANENT"
    assert waiting(mesh, payment["id"]) == 0
    for _ in range(3):
        later = mesh.pay(700, token=payment["token"])
        assert (later["status"], later["store_card"]) == ("SUCCEEDED", False)
    assert mesh.pay(700, token=payment["token"], store_card=True)["status"] == "SUCCEEDED"
    assert mesh.read_token(payment["token"])["payment_id"] == payment["id"]


def test_what_may_be_shown_of_the_card_is_the_same_everywhere(mesh: Mesh) -> None:
    payment = mesh.pay(1000, store_card=True)
    card = mesh.read_token(payment["token"])["card"]
    assert payment["card"] == mesh.payment(payment["id"])["card"] == card
    assert card["networks"][0] == card["brand"] == "visa"
    [created, *_] = mesh.events(payment["id"], "PAYMENT_SUCCEEDED")
    shown = created.payment.card
    assert (list(shown.networks), shown.funding, shown.issuer_country) == (
        card["networks"],
        card["funding"],
        card["issuer_country"],
    )


def test_a_payment_that_fails_keeps_no_card(mesh: Mesh) -> None:
    declined = mesh.pay(1000, token=mesh.token(INSUFFICIENT_FUNDS), store_card=True)
    assert (declined["status"], declined["store_card"]) == ("DECLINED", True)
    assert mesh.read_token(declined["token"])["usage"] == "SINGLE_USE"
    assert mesh.rows("SELECT 1 FROM gateway.token_to_keep WHERE payment_id = %s", declined["id"]) == []
    again = mesh.create(1000, token=declined["token"])
    assert (again.status, again.reason) == (400, "TOKEN_USED")


def test_a_cascade_keeps_the_card_too(mesh: Mesh) -> None:
    payment = mesh.settled(mesh.pay(CASCADE, store_card=True)["id"])
    assert (payment["status"], len(payment["attempts"])) == ("SUCCEEDED", 2)
    assert_kept(mesh, payment)


def test_of_payments_at_once_with_one_token_one_goes_through(mesh: Mesh, pool: ThreadPoolExecutor) -> None:
    for _ in range(5):
        token = mesh.token()
        answers = list(pool.map(lambda _, token=token: mesh.create(1000, token=token), range(AT_ONCE)))
        payments = [answer.body for answer in answers if answer.status == 200]
        assert all((answer.status, answer.reason) == (400, "TOKEN_USED") for answer in answers if answer.status != 200)
        ended = [mesh.settled(payment["id"]) for payment in payments]
        assert sorted(payment["status"] for payment in ended) == ["FAILED"] * (len(ended) - 1) + ["SUCCEEDED"]
        failed = [payment for payment in ended if payment["status"] == "FAILED"]
        assert {payment["decline"]["code"] for payment in failed} <= {"token_used"}
        assert all(len(payment["attempts"]) == 1 for payment in failed)
        assert sum(len(mesh.truth(payment["id"])) for payment in ended) == 1


@pytest.mark.parametrize(("killed", "point", "amount"), KILLS, ids=str)
def test_whoever_dies_around_the_telling_the_vault_is_told(
    mesh: Mesh, pool: ThreadPoolExecutor, killed: ComponentName, point: str, amount: int
) -> None:
    armed = arm(mesh, point, "kill")
    call = storing(mesh, amount)
    first = pool.submit(send, mesh, call)
    until(armed.with_suffix(armed.suffix + ".hit").exists, bool, 30)
    until(lambda: mesh.stack.processes.running(killed) is None, bool, 10)
    mesh.stack.start(killed)
    clear(mesh)
    payment = finish(mesh, call, first)
    assert payment["status"] == "SUCCEEDED"
    assert len(mesh.truth(payment["id"])) == 1
    assert_kept(mesh, payment)


@pytest.mark.parametrize(("killed", "point", "amount"), LOSSES, ids=str)
def test_whatever_is_away_while_the_vault_is_told_it_is_told_later(
    mesh: Mesh, pool: ThreadPoolExecutor, killed: ComponentName, point: str, amount: int
) -> None:
    armed = arm(mesh, point, "pause")
    call = storing(mesh, amount)
    first = pool.submit(send, mesh, call)
    until(armed.with_suffix(armed.suffix + ".hit").exists, bool, 30)
    mesh.stack.kill(killed)
    armed.with_suffix(armed.suffix + ".go").touch()
    time.sleep(1)
    mesh.stack.start(killed)
    clear(mesh)
    payment = finish(mesh, call, first)
    assert payment["status"] == "SUCCEEDED"
    assert len(mesh.truth(payment["id"])) == 1
    assert_kept(mesh, payment)


def storing(mesh: Mesh, amount: int) -> Call:
    body = {"amount": {"value": amount, "currency": "EUR"}, "token": mesh.token(), "store_card": True}
    return Call("create", "/v1/payments", body, str(uuid.uuid4()), "")


@pytest.fixture(scope="module")
def shop(mesh: Mesh) -> Mesh:
    """Give a merchant whose first payments with a card need its code."""
    careful = new_shop(mesh, "Careful", "sandbox_a", "sandbox_b")
    assert require_codes(careful)["card_code_required"] is True
    return careful


class TestCodes:
    def test_with_its_code_a_card_is_taken_and_stored_and_later_needs_none(self, shop: Mesh) -> None:
        payment = shop.pay(1000, store_card=True)
        assert payment["status"] == "SUCCEEDED"
        shop.kept(payment["token"])
        assert shop.pay(1000, token=payment["token"])["status"] == "SUCCEEDED"

    def test_without_it_the_payment_is_declined_and_no_psp_is_asked(self, shop: Mesh) -> None:
        payment = shop.pay(1000, token=shop.token(cvc=""))
        assert (payment["status"], payment["decline"]["code"]) == ("DECLINED", "cvc_required")
        [attempt] = payment["attempts"]
        assert (attempt["status"], attempt["psp_reference"]) == ("DECLINED", "")
        assert shop.truth(payment["id"]) == []

    def test_the_first_decline_is_the_payments(self, shop: Mesh) -> None:
        payment = shop.pay(CASCADE)
        [attempt] = payment["attempts"]
        assert (payment["status"], payment["decline"]) == ("DECLINED", attempt["decline"])
        assert payment["decline"]["code"] != "cvc_required"

    def test_an_account_out_of_reach_leads_to_the_next_which_has_no_code(self, shop: Mesh) -> None:
        fault = {"operation": "authorize", "mode": "refuse"}
        shop.control("PUT", "/control/accounts/sandbox_a/faults", fault)
        try:
            payment = shop.settled(shop.pay(1000)["id"])
        finally:
            shop.heal()
        assert payment["status"] == "DECLINED"
        assert [attempt["status"] for attempt in payment["attempts"]] == ["NOT_SENT", "DECLINED"]
        assert payment["decline"]["code"] == "cvc_required"
        assert shop.truth(payment["id"]) == []

    def test_the_setting_can_be_taken_back(self, mesh: Mesh) -> None:
        careless = new_shop(mesh, "Careful for a while", "sandbox_a")
        require_codes(careless)
        assert require_codes(careless, required=False)["card_code_required"] is False
        assert careless.pay(1000, token=careless.token(cvc=""))["status"] == "SUCCEEDED"


def test_the_issuer_is_asked_about_the_address_that_came_with_the_card(mesh: Mesh) -> None:
    shop = new_shop(mesh, "With addresses", "sandbox_stripe")
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    checked = {}
    for name, fields in (("with", card | {"address": ADDRESS}), ("without", card)):
        token = expect_ok(shop.rest.post("/v1/tokens", {"card": fields}, money=False), "a token")["id"]
        payment = shop.pay(1000, token=token, capture_method="MANUAL")
        assert payment["status"] == "AUTHORIZED"
        checks = payment["attempts"][0]["checks"]
        checked[name] = (checks["street"], checks["postal_code"])
    assert checked == {"with": ("MATCH", "MATCH"), "without": ("RESULT_UNSPECIFIED", "RESULT_UNSPECIFIED")}
