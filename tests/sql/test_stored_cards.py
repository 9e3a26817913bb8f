"""Stored cards: a token to keep comes with the approval or not at all, is handed out in turns and dropped once."""

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import pytest

from mesh.identifiers import new_id
from tests.sql.world import CARD, LEASE_MS, Caller, Row, World, hashed, in_parallel, overlapped

Job = Callable[[Caller], Any]


def token_rows(world: World, payment_id: str) -> list[Row]:
    return world.rows("SELECT * FROM gateway.token_to_keep WHERE payment_id = %s", payment_id)


def kept_rows(world: World) -> list[Row]:
    return world.rows("SELECT token, payment_id FROM gateway.kept_token WHERE merchant_id = %s", world.merchant_id)


def make_due(world: World, seconds: int = 1) -> None:
    world.admin.connection.execute(
        "UPDATE gateway.token_to_keep SET next_try_at = now() - %s * interval '1 s' WHERE merchant_id = %s",
        (seconds, world.merchant_id),
    )


def taken(caller: Caller, limit: int = 1000) -> list[str]:
    return [row["payment_id"] for row in caller.call_many("take_tokens_to_keep", limit)]


def drop(payment_id: str, caller: Caller) -> Row:
    return caller.call("drop_token_to_keep", payment_id)


def stored(world: World, **changes: Any) -> Row:
    return world.succeeded(store_card=True, token=new_id("tok"), **changes)


def test_the_token_comes_with_the_approval(world: World) -> None:
    payment = world.payment(store_card=True, token="tok_7", capture_method="MANUAL")
    assert payment["store_card"] is True
    assert token_rows(world, payment["id"]) == kept_rows(world) == []
    world.record(payment, "UNKNOWN", "PROCESSING")
    assert token_rows(world, payment["id"]) == []
    view = world.record(payment, "APPROVED", "AUTHORIZED", asked=True, psp_reference="psp_1")["payment"]
    [row] = token_rows(world, payment["id"])
    assert (row["merchant_id"], row["token"], row["tries"]) == (world.merchant_id, "tok_7", 0)
    assert (row["next_try_at"] - row["created_at"]).total_seconds() == 5
    assert kept_rows(world) == [{"token": "tok_7", "payment_id": payment["id"]}]
    assert view["store_card"] is True
    assert world.events(payment["id"])[-1]["data"]["payment"]["store_card"] is True


def test_a_record_that_is_rolled_back_keeps_nothing(world: World) -> None:
    payment = world.payment(store_card=True, capture_method="AUTOMATIC")
    with world.unchanged(), world.gateway.connection.transaction() as transaction:
        world.record(payment, "APPROVED", "SUCCEEDED", psp_reference="psp_1")
        assert len(world.gateway.call("load_payment", payment["id"])["payment"]["attempts"]) == 1
        raise psycopg.Rollback(transaction)


@pytest.mark.parametrize(
    ("status", "next_status"), [("DECLINED", "DECLINED"), ("NOT_SENT", "FAILED"), ("PENDING", "PROCESSING")]
)
def test_no_other_end_keeps_anything(world: World, status: str, next_status: str) -> None:
    payment = world.payment(store_card=True)
    world.record(payment, status, next_status)
    assert token_rows(world, payment["id"]) == kept_rows(world) == []


def test_a_gateway_from_before_begins_payments_that_keep_nothing(world: World) -> None:
    row = world.gateway.call(
        "begin_payment",
        new_id("pay"),
        world.merchant_id,
        100,
        "EUR",
        "AUTOMATIC",
        "tok_1",
        CARD,
        "",
        "",
        {},
        "",
        [{"account": "psp_a", "reason": "only"}],
        new_id("key"),
        hashed("body"),
        LEASE_MS,
    )
    assert row["payment"]["store_card"] is False
    assert world.payment(store_card=None)["store_card"] is False


def test_a_second_payment_that_keeps_the_same_token_is_told_too(world: World) -> None:
    payments = [world.succeeded(store_card=True, token="tok_7") for _ in range(2)]
    assert [len(token_rows(world, payment["id"])) for payment in payments] == [1, 1]
    assert kept_rows(world) == [{"token": "tok_7", "payment_id": payments[0]["id"]}]


def test_what_is_handed_out_comes_again_after_a_while_that_grows_to_five_minutes(world: World) -> None:
    payment = stored(world)
    waits = []
    for tries in range(12):
        make_due(world)
        assert taken(world.worker) == [payment["id"]]
        assert taken(world.worker) == []
        [row] = world.rows(
            "SELECT tries, next_try_at - now() AS wait FROM gateway.token_to_keep WHERE payment_id = %s", payment["id"]
        )
        assert row["tries"] == tries + 1
        waits.append(round(row["wait"].total_seconds()))
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300, 300]


def test_the_longest_due_comes_first_within_the_limit(world: World) -> None:
    payments = [stored(world)["id"] for _ in range(3)]
    for payment_id, seconds in zip(payments, (10, 30, 20), strict=True):
        world.admin.connection.execute(
            "UPDATE gateway.token_to_keep SET next_try_at = now() - %s * interval '1 s' WHERE payment_id = %s",
            (seconds, payment_id),
        )
    assert taken(world.worker, 1) == [payments[1]]
    assert sorted(taken(world.worker, 2)) == sorted([payments[0], payments[2]])


def test_dropping_forgets_the_note_and_not_that_the_card_is_on_file(world: World) -> None:
    payment = stored(world)
    for caller in (world.gateway, world.worker):
        caller.call("drop_token_to_keep", payment["id"])
    assert token_rows(world, payment["id"]) == []
    assert [row["payment_id"] for row in kept_rows(world)] == [payment["id"]]
    world.record(payment, "APPROVED", "SUCCEEDED", ordinal=1, psp_reference="psp_1")
    assert token_rows(world, payment["id"]) == [], "a late second record notes nothing anew"


def test_what_is_just_dropped_or_recorded_does_not_hold_the_sweep_up(world: World) -> None:
    first, second = stored(world)["id"], stored(world)["id"]
    make_due(world)
    with world.gateway.connection.transaction():
        world.gateway.call("drop_token_to_keep", first)
        assert taken(world.worker) == [second]
    make_due(world)
    assert taken(world.worker) == [second]


@pytest.mark.timeout(60)
def test_takers_at_once_share_the_tokens(world: World) -> None:
    payments = {stored(world)["id"] for _ in range(40)}
    make_due(world)
    jobs: list[Job] = [lambda caller: taken(caller, 7)] * 16
    results = in_parallel(jobs, world.server.role_urls["gateway_worker"], threads=8)
    handed_out = [payment_id for batch in results for payment_id in batch]
    assert sorted(handed_out) == sorted(payments)


@pytest.mark.timeout(60)
def test_records_at_once_keep_one_token(world: World) -> None:
    payment = world.payment(store_card=True, token="tok_7", capture_method="AUTOMATIC")
    jobs: list[Job] = [
        lambda caller: world.record(payment, "APPROVED", "SUCCEEDED", caller=caller, psp_reference="psp_1")["applied"]
    ] * 8
    results = in_parallel(jobs, world.server.role_urls["gateway_svc"], threads=8)
    assert sorted(results) == [False] * 7 + [True]
    assert len(token_rows(world, payment["id"])) == 1


@pytest.mark.timeout(60)
def test_taking_and_dropping_at_once_ends_with_nothing_left(world: World) -> None:
    payments = [stored(world)["id"] for _ in range(20)]
    make_due(world)
    url = world.server.role_urls["gateway_worker"]
    jobs: list[Job] = []
    for payment_id in payments:
        jobs += [lambda caller: taken(caller, 3), partial(drop, payment_id)]
    in_parallel(jobs, url, threads=8)
    assert [row for payment_id in payments for row in token_rows(world, payment_id)] == []


class TestCodes:
    def require(self, world: World, *, caller: Caller | None = None, required: bool = True) -> Row:
        return (caller or world.gateway).call("configure_merchant", world.merchant_id, required)

    def test_settings_are_replaced_and_shown(self, world: World) -> None:
        assert world.gateway.call("get_merchant", world.merchant_id)["merchant"]["card_code_required"] is False
        merchant = self.require(world)["merchant"]
        assert merchant["card_code_required"] is True
        assert world.gateway.call("get_merchant", world.merchant_id)["merchant"] == merchant
        assert self.require(world, required=False)["merchant"]["card_code_required"] is False

    def test_an_unknown_merchant_is_refused(self, world: World) -> None:
        with world.refused("MERCHANT_NOT_FOUND", merchant_id="mer_none"):
            world.gateway.call("configure_merchant", "mer_none", True)

    def test_the_setting_holds_for_payments_that_begin_later_and_for_their_whole_life(self, world: World) -> None:
        before = world.payment()
        self.require(world)
        after = world.payment()
        self.require(world, required=False)
        assert world.record(before, "DECLINED", "PROCESSING")["payment"]["code_required"] is False
        assert world.record(after, "NOT_SENT", "PROCESSING")["payment"]["code_required"] is True
        assert world.cascade(after, "psp_b")["payment"]["code_required"] is True

    def test_a_card_on_file_needs_no_code_from_its_approval_on(self, world: World) -> None:
        self.require(world)
        first = world.payment(store_card=True, token="tok_7", capture_method="AUTOMATIC")
        # Another payment with the token before the approval is a first payment too; the vault will refuse it.
        assert first["code_required"] is world.payment(token="tok_7")["code_required"] is True
        world.record(first, "APPROVED", "SUCCEEDED", psp_reference="psp_1")
        assert world.payment(token="tok_7")["code_required"] is False
        assert world.payment(token="tok_8")["code_required"] is True

    def test_a_card_that_the_vault_has_on_file_needs_no_code_whoever_brought_it_there(self, world: World) -> None:
        self.require(world)
        imported = world.payment(token="tok_7", card_on_file=True)
        assert imported["code_required"] is False
        # What is known of the token is said of this payment alone, and nothing said is a card that is on no file.
        assert world.payment(token="tok_7", card_on_file=None)["code_required"] is True
        assert kept_rows(world) == []

    def test_beginning_a_payment_waits_for_no_one_who_changes_the_setting(self, world: World) -> None:
        with world.gateway.connection.transaction():
            self.require(world)
            with Caller(world.server.role_urls["gateway_svc"]) as other:
                assert world.payment(caller=other)["code_required"] is False
        assert world.payment()["code_required"] is True

    def test_two_changes_at_once_end_with_the_second(self, world: World) -> None:
        first, second = overlapped(
            world,
            lambda caller: self.require(world, caller=caller, required=True),
            lambda caller: self.require(world, caller=caller, required=False),
        )
        settings = [row["merchant"]["card_code_required"] for row in (first, second)]
        assert settings == [True, False]
        assert world.gateway.call("get_merchant", world.merchant_id)["merchant"]["card_code_required"] is False
