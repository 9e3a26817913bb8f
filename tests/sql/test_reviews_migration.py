"""What was under review before there was a queue: the migration puts it there, and it can be decided."""

import shutil
from pathlib import Path

import psycopg

from tests.sql.world import Caller
from tests.support.postgres import SQL_ROOT, running_postgres

QUEUE = "0011_reviews.sql"
PAYMENT = (
    "INSERT INTO gateway.payment (id, merchant_id, status, capture_method, amount, currency, amount_authorized,"
    " under_review, seq, token, card, merchant_reference, description, metadata, statement_descriptor, candidates,"
    " idempotency_key, created_at, updated_at) VALUES"
    " (%s, 'mer_1', %s, 'MANUAL', 100, 'EUR', %s, true, 3, 'tok_1', '{}', '', '', '{}', '', '[]', 'k', now(), now())"
)
ATTEMPT = (
    "INSERT INTO gateway.attempt (payment_id, ordinal, account, status, unsettled, under_review, route_reason,"
    " psp_reference, created_at, updated_at) VALUES (%s, 1, 'psp_a', %s, %s, %s, 'first', 'psp_1', now(), now())"
)
CAPTURE = (
    "INSERT INTO gateway.modification (id, payment_id, merchant_id, kind, status, amount, currency, final, account,"
    " payment_psp_reference, reason, under_review, idempotency_key, created_at, updated_at) VALUES"
    " ('cap_1', 'pay_2', 'mer_1', 'CAPTURE', 'UNKNOWN', 100, 'EUR', true, 'psp_a', 'psp_1', '', true, 'c', now(),"
    " now())"
)


def test_what_was_under_review_is_in_the_queue(tmp_path: Path) -> None:
    old = tmp_path / "gateway" / "migrations"
    old.mkdir(parents=True)
    for file in sorted((SQL_ROOT / "gateway" / "migrations").iterdir()):
        if file.name < QUEUE:
            shutil.copy(file, old)
    with running_postgres() as server:
        server.migrate(tmp_path)
        with psycopg.connect(server.admin_url) as connection:
            connection.execute(PAYMENT.encode(), ("pay_1", "PROCESSING", 0))
            connection.execute(ATTEMPT.encode(), ("pay_1", "UNKNOWN", True, True))
            connection.execute(PAYMENT.encode(), ("pay_2", "AUTHORIZED", 100))
            connection.execute(ATTEMPT.encode(), ("pay_2", "APPROVED", False, True))
            connection.execute(CAPTURE.encode())
            connection.execute(PAYMENT.encode(), ("pay_3", "AUTHORIZED", 100))
            connection.execute(ATTEMPT.encode(), ("pay_3", "APPROVED", False, False))
        server.migrate()
        with Caller(server.role_urls["gateway_svc"]) as gateway:
            rows = gateway.call_many("list_reviews", 10, None, None, None, None, None)
            waiting = {row["review"]["id"]: row["review"] for row in rows}
            assert {name: (row["kind"], row["cause"]) for name, row in waiting.items()} == {
                "pay_1_1": ("AUTHORIZE", "UNKNOWN"),
                "pay_2_1": ("AUTHORIZE", "CONTRADICTION"),
                "cap_1": ("CAPTURE", "UNKNOWN"),
            }
            decided = ("", "", "psp_1", "", "note", "key_1", "req_1")
            row = gateway.call("resolve_review", "pay_2_1", 1, "CHARGED", "CONFIRM", "APPROVED", "AUTHORIZED", *decided)
            # The capture is still to be looked at.
            assert row["payment"]["under_review"] is True


def test_what_contradicted_the_record_is_kept(tmp_path: Path) -> None:
    old = tmp_path / "gateway" / "migrations"
    old.mkdir(parents=True)
    for file in sorted((SQL_ROOT / "gateway" / "migrations").iterdir()):
        if file.name < "0015_contradictions.sql":
            shutil.copy(file, old)
    with running_postgres() as server:
        server.migrate(tmp_path)
        with psycopg.connect(server.admin_url) as connection:
            connection.execute(PAYMENT.encode(), ("pay_1", "AUTHORIZED", 100))
            connection.execute(ATTEMPT.encode(), ("pay_1", "APPROVED", False, True))
            connection.execute(
                "INSERT INTO gateway.review (reference, payment_id, merchant_id, account, kind, cause, told, version,"
                " opened_at) VALUES ('pay_1_1', 'pay_1', 'mer_1', 'psp_a', 'AUTHORIZE', 'CONTRADICTION',"
                """ '{"kind": "DECLINED", "code": "lost_card"}', 1, now())"""
            )
        server.migrate()
        with Caller(server.role_urls["gateway_svc"]) as gateway:
            first = gateway.call("get_review", "pay_1_1")["review"]
            assert [said["told"]["code"] for said in first["contradictions"]] == ["lost_card"]
            # The same word, in the same words, is none that is new.
            gateway.call("report_contradiction", "pay_1", "pay_1_1", {"kind": "DECLINED", "code": "lost_card"})
            again = gateway.call("get_review", "pay_1_1")["review"]
            assert (again["version"], len(again["contradictions"])) == (1, 1)
