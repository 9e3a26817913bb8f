"""One idempotency key is one operation, however often and from wherever it is sent."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.support import Mesh


def test_50_clients_with_one_key_make_one_payment_and_get_equal_answers_or_409(mesh: Mesh) -> None:
    token, key = mesh.token(), str(uuid.uuid4())
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: mesh.create(4321, key=key, token=token), range(50)))
    good = [answer for answer in answers if answer.status == 200]
    busy = [answer for answer in answers if answer.status != 200]
    assert good
    assert all(answer.body == good[0].body for answer in good)
    assert all((answer.status, answer.reason) == (409, "IDEMPOTENCY_KEY_IN_FLIGHT") for answer in busy)
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in busy)
    payment_id = good[0].body["id"]
    assert len(mesh.truth(payment_id)) == 1
    count = mesh.rows("SELECT count(*) AS n FROM gateway.payment WHERE amount = 4321 AND token = %s", token)
    assert count[0]["n"] == 1
    replayed = [answer for answer in good if answer.headers.get("idempotent-replayed") == "true"]
    assert len(replayed) == len(good) - 1


def test_a_replay_gives_the_first_answer_even_after_the_payment_has_changed(mesh: Mesh) -> None:
    token, key = mesh.token(), str(uuid.uuid4())
    first = mesh.create(2000, key=key, token=token)
    refund_key = str(uuid.uuid4())
    path = f"/v1/payments/{first.body['id']}/refunds"
    refund = mesh.rest.post(path, {"amount": 500}, idempotency_key=refund_key)
    again = mesh.create(2000, key=key, token=token)
    assert again.body == first.body
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    replayed_refund = mesh.rest.post(path, {"amount": 500}, idempotency_key=refund_key)
    assert replayed_refund.body == refund.body
    assert mesh.payment(first.body["id"])["amount_refunded"] == "500"
