"""Payments that the merchant starts, and authentications done elsewhere, from the edge to each PSP's own wire."""

import uuid
from base64 import b64encode
from typing import Any

import pytest

from devstack.rest import Rest, expect_ok
from devstack.sandbox.magic import ACCOUNT_STEP, FIRST_AMOUNT
from tests.e2e.support import Mesh
from tests.e2e.test_leaks import scanned
from tests.e2e.test_real_psps import CARD, CARD_CODE, ISSUER_AWAY, PSPS, Psps, Till, psps, till
from tests.e2e.test_rulesets import Merchant, merchant

__all__ = ["merchant", "psps"]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ID = "483297487231504"
#: A card of the sandbox, see docs/sandbox.md.
WANTS_AUTHENTICATION = "4000002500003155"
MIT = {"initiator": "MERCHANT", "reason": "RECURRING"}
CIT = {"initiator": "CUSTOMER", "reason": "RECURRING"}
PROOF = b64encode(uuid.uuid5(uuid.NAMESPACE_DNS, "agreements").bytes + b"e2e!").decode()
SECURE = {
    "version": "2.2.0",
    "eci": "02",
    "cryptogram": PROOF,
    "ds_transaction_id": "c272b04f-6e7b-43a2-bb78-90f4fb94aa25",
    "trans_status": "Y",
}


def token(rest: Rest) -> str:
    card = {"number": CARD, "exp_month": 12, "exp_year": 2040, "cvc": CARD_CODE}
    return str(expect_ok(rest.post("/v1/tokens", {"card": card}, money=False), "a token")["id"])


def pay(shop: Till, amount: int = 1050, **fields: Any) -> dict[str, Any]:
    body = {"amount": {"value": amount, "currency": "EUR"}, "token": fields.pop("token", "") or token(shop.rest)}
    payment = expect_ok(shop.rest.post("/v1/payments", body | fields), "a payment")
    return shop.settled(payment["id"])


def sent(psps: Psps, psp: str, attempt_id: str) -> Any:
    """Give the body of the request that carried an attempt, as the PSP got it."""
    exchanges = psps.control(psp, "GET", "exchanges")["exchanges"]
    [body] = [each["body"] for each in exchanges if each["method"] == "POST" and attempt_id in repr(each["body"])]
    return dict(body) if isinstance(body, list) else body


def test_a_payment_that_the_merchant_starts_names_the_agreement_at_the_psp(psps: Psps) -> None:
    shop = till(psps, "adyen")
    payment = pay(shop, stored_credential=MIT | {"network_transaction_id": ID})
    assert payment["status"] == "SUCCEEDED"
    assert payment["stored_credential"]["network_transaction_id"] == ID
    body = sent(psps, "adyen", payment["attempts"][0]["id"])
    assert (body["shopperInteraction"], body["recurringProcessingModel"]) == ("ContAuth", "Subscription")
    assert body["additionalData"]["networkTxReference"] == ID
    event = psps.mesh.events(payment["id"], "PAYMENT_SUCCEEDED")[-1].payment
    assert (event.initiator, event.credential_reason) == ("MERCHANT", "RECURRING")
    routing = expect_ok(shop.rest.get(f"/v1/payments/{payment['id']}/routing"), "an explanation")
    assert routing["facts"] == {"initiator": "MERCHANT", "three_ds": "NONE"}


def test_a_card_on_file_links_the_merchants_payments_at_another_psp_to_the_shoppers_first(psps: Psps) -> None:
    shop = till(psps, "adyen")
    first = pay(shop, stored_credential=CIT, store_card=True)
    put = sent(psps, "adyen", first["attempts"][0]["id"])
    assert (put["shopperInteraction"], put["recurringProcessingModel"]) == ("Ecommerce", "Subscription")
    shop.rest.get(f"/v1/payments/{first['id']}")
    later = pay(shop, token=first["token"], stored_credential=MIT)
    link = later["stored_credential"]["network_transaction_id"]
    assert link.startswith("nti")
    body = sent(psps, "adyen", later["attempts"][0]["id"])
    assert body["additionalData"]["networkTxReference"] == link


def test_one_authentication_goes_along_a_cascade_and_past_who_can_not_take_it(psps: Psps) -> None:
    shop = till(psps, "paypal", "stripe", "adyen")
    amount = FIRST_AMOUNT + (PSPS.index("stripe") + 1) * ACCOUNT_STEP + ISSUER_AWAY
    payment = pay(shop, amount, three_d_secure=SECURE)
    told = [(each["psp_account"], each["status"]) for each in payment["attempts"]]
    assert told == [(psps.accounts["stripe"], "DECLINED"), (psps.accounts["adyen"], "APPROVED")]
    first, second = (each["id"] for each in payment["attempts"])
    form = sent(psps, "stripe", first)
    options = "payment_method_options[card][three_d_secure]"
    at_stripe = (form[f"{options}[electronic_commerce_indicator]"], form[f"{options}[cryptogram]"])
    mpi = sent(psps, "adyen", second)["mpiData"]
    assert at_stripe == (mpi["eci"], mpi["cavv"]) == ("02", PROOF)
    assert form[f"{options}[transaction_id]"] == mpi["dsTransID"] == SECURE["ds_transaction_id"]
    # What is shown afterwards proves nothing.
    shown = shop.read(payment["id"])
    secure = {name: text for name, text in SECURE.items() if name != "cryptogram"}
    assert {name: text for name, text in shown["three_d_secure"].items() if text} == secure
    routing = expect_ok(shop.rest.get(f"/v1/payments/{payment['id']}/routing"), "an explanation")
    assert routing["facts"] == {"initiator": "CUSTOMER", "three_ds": "EXTERNAL"}
    [paypal] = [each for each in routing["candidates"] if each["psp_account"] == psps.accounts["paypal"]]
    assert (paypal["eligible"], paypal["rank"]) == (False, 0)
    assert "3-D Secure data of another provider" in paypal["reason"]
    assert PROOF not in repr((payment, shown, routing, psps.mesh.events(payment["id"], "PAYMENT_SUCCEEDED")))
    kept = psps.mesh.rows("SELECT 1 FROM gateway.payment_cryptogram WHERE payment_id = %s", payment["id"])
    assert kept == []
    assert scanned(psps.mesh, [PROOF]).findings == []


@pytest.mark.parametrize(
    ("fields", "reason", "named"),
    [
        ({"stored_credential": MIT}, "STORED_CREDENTIAL_UNKNOWN", "stored_credential"),
        ({"stored_credential": {"initiator": "MERCHANT"}}, "INVALID_FIELD", "stored_credential.reason"),
        ({"stored_credential": CIT | {"reason": "NO_SHOW"}}, "INVALID_FIELD", "stored_credential.reason"),
        ({"three_d_secure": SECURE}, "INVALID_FIELD", "three_d_secure.eci"),
        ({"three_d_secure": SECURE | {"trans_status": "R"}}, "INVALID_FIELD", "three_d_secure.trans_status"),
        ({"three_d_secure": SECURE | {"version": "1.0.2"}}, "INVALID_FIELD", "three_d_secure.version"),
        (
            {"stored_credential": MIT | {"network_transaction_id": CARD}},
            "CARD_NUMBER_IN_TEXT",
            "stored_credential.network_transaction_id",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_nothing_of_it_kept(
    mesh: Mesh, fields: dict[str, Any], reason: str, named: str
) -> None:
    answer = mesh.create(**fields)
    assert (answer.status, answer.reason) == (400, reason)
    assert named in repr(answer.body)
    assert not {CARD, PROOF} & {text for text in (CARD, PROOF) if text in repr(answer.body)}


def test_a_key_stands_for_one_authentication(mesh: Mesh) -> None:
    key, card = str(uuid.uuid4()), mesh.token()
    visa = SECURE | {"eci": "05"}
    first = expect_ok(mesh.create(key=key, token=card, three_d_secure=visa), "a payment")
    again = expect_ok(mesh.create(key=key, token=card, three_d_secure=visa), "the same payment")
    assert first["id"] == again["id"]
    other = visa | {"cryptogram": b64encode(bytes(range(20))).decode()}
    assert mesh.create(key=key, token=card, three_d_secure=other).reason == "IDEMPOTENCY_KEY_REUSED"


def test_an_issuer_that_wants_an_authentication_has_the_one_that_comes_along(mesh: Mesh) -> None:
    without = mesh.settled(mesh.pay(token=mesh.token(WANTS_AUTHENTICATION))["id"])
    assert (without["status"], without["decline"]["code"]) == ("DECLINED", "authentication_required")
    secured = mesh.pay(token=mesh.token(WANTS_AUTHENTICATION), three_d_secure=SECURE | {"eci": "05"})
    assert (secured["status"], secured["three_d_secure"]["eci"]) == ("SUCCEEDED", "05")


def test_drafts_are_tried_out_on_who_started_the_payments_in_fact(merchant: Merchant) -> None:
    merchant.pays_at()
    body = {"amount": {"value": 1000, "currency": "EUR"}, "token": token(merchant.anna)}
    by_merchant = body | {"stored_credential": MIT | {"network_transaction_id": ID}}
    expect_ok(merchant.anna.post("/v1/payments", by_merchant), "a payment")
    draft = {"rules": [{"name": "none", "condition": 'initiator == "merchant"', "block": {"reason": "No."}}]}
    found = expect_ok(
        merchant.anna.post("/v1/routing/rulesets:simulate", {"ruleset": draft}, money=False), "trying out a ruleset"
    )
    assert (found["payments"], found["after"]["blocked"]) == (2, 1)
