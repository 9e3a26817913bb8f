"""Clients that race for a payment's money never get more than there is, whatever the order."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from mesh.identifiers import new_id
from tests.sql.world import Caller, Row, World, hashed, in_parallel, overlapped

ROUNDS = int(os.environ.get("PAYERA_RACE_ROUNDS", "10"))
THREADS = 8
pytestmark = pytest.mark.timeout(30 + 5 * ROUNDS)

Job = Callable[[Caller], Any]


@pytest.fixture(params=range(ROUNDS))
def round_number(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


def through(world: World, kind: str, payment_id: str, amount: int | None, outcome: str, **changes: Any) -> Job:
    """Make a job that begins a modification and records its outcome; tells the outcome or why it was refused."""

    def run(caller: Caller) -> str:
        begun = world.modify(kind, payment_id, amount, caller=caller, **changes)
        row = world.settle(begun["modification"], outcome, caller=caller)
        assert row["applied"] is True
        return f"{kind} {outcome}"

    return run


def race(world: World, jobs: list[Job]) -> list[Any]:
    return in_parallel(jobs, world.server.role_urls["gateway_svc"], THREADS)


def end_of(world: World, payment: Row) -> Row:
    """Check what must hold after any race, and give the payment as it ended."""
    view: Row = world.gateway.call("get_payment", world.merchant_id, payment["id"])["payment"]
    assert 0 <= view["amount_refunded"] <= view["amount_captured"] <= view["amount_authorized"] == view["amount"]
    assert view["amount_capture_pending"] == view["amount_refund_pending"] == 0
    assert [event["seq"] for event in world.events(payment["id"])] == list(range(1, view["seq"] + 1))
    assert all(row["imbalance"] == 0 for row in world.admin.call_many("ledger_check"))
    booked = world.ledger(payment["id"])
    held = 0 if view["status"] in {"SUCCEEDED", "VOIDED"} else view["amount"] - view["amount_captured"]
    assert booked.get("auth_hold", 0) == held == -booked.get("auth_hold_contra", 0)
    owed = view["amount_captured"] - view["amount_refunded"]
    assert booked.get("psp_receivable:psp_a", 0) == owed == -booked.get(f"merchant_pending:{world.merchant_id}", 0)
    return view


class TestOverlaps:
    """The narrowest race, forced: the second call arrives when the first has done its work and not committed yet."""

    def test_begin_with_the_same_key(self, world: World) -> None:
        first, second = overlapped(
            world,
            lambda caller: world.begin(caller=caller, key="k"),
            lambda caller: world.begin(caller=caller, key="k"),
        )
        assert (first["disposition"], second["disposition"]) == ("CREATED", "IN_FLIGHT")
        assert second["payment"] == first["payment"]

    def test_resume(self, world: World) -> None:
        world.begin(key="k", lease_ms=0)
        first, second = overlapped(
            world,
            lambda caller: world.begin(caller=caller, key="k"),
            lambda caller: world.begin(caller=caller, key="k"),
        )
        assert (first["disposition"], second["disposition"]) == ("RESUME", "IN_FLIGHT")

    def test_begin_with_the_same_reference(self, world: World) -> None:
        first, second = overlapped(
            world,
            lambda caller: world.begin(caller=caller, reference="order-1"),
            lambda caller: world.begin(caller=caller, reference="order-1"),
        )
        assert (first["disposition"], second) == ("CREATED", "MERCHANT_REFERENCE_TAKEN")

    def test_record_of_an_attempt(self, world: World) -> None:
        payment = world.payment()
        first, second = overlapped(
            world,
            lambda caller: world.record(payment, "DECLINED", "DECLINED", caller=caller),
            lambda caller: world.record(payment, "APPROVED", "AUTHORIZED", caller=caller),
        )
        assert (first["applied"], second["applied"]) == (True, False)
        assert second["payment"] == first["payment"]

    @pytest.mark.parametrize("kind", ["CAPTURE", "VOID", "REFUND"])
    def test_record_of_a_modification(self, world: World, kind: str) -> None:
        payment = world.succeeded() if kind == "REFUND" else world.authorized()
        modification = world.modify(kind, payment["id"])["modification"]
        first, second = overlapped(
            world,
            lambda caller: world.settle(modification, "FAILED", caller=caller),
            lambda caller: world.settle(modification, "SUCCEEDED", caller=caller),
        )
        assert (first["applied"], second["applied"]) == (True, False)
        # The late success contradicts the failure: an operator is called, and nothing else changes.
        called = {"under_review": True, "updated_us": second["modification"]["updated_us"]}
        assert second["modification"] == first["modification"] | called
        end_of(world, payment)

    @pytest.mark.parametrize(
        ("kind", "other", "refusal"),
        [
            ("REFUND", "REFUND", "REFUND_EXCEEDS_CAPTURED"),
            ("CAPTURE", "CAPTURE", "CAPTURE_EXCEEDS_AUTHORIZED"),
            ("CAPTURE", "VOID", "MODIFICATION_IN_PROGRESS"),
            ("VOID", "CAPTURE", "MODIFICATION_IN_PROGRESS"),
            ("VOID", "VOID", "MODIFICATION_IN_PROGRESS"),
        ],
    )
    def test_begin_of_two_modifications(self, world: World, kind: str, other: str, refusal: str) -> None:
        payment = world.succeeded() if kind == "REFUND" else world.authorized()
        first, second = overlapped(
            world,
            lambda caller: world.modify(kind, payment["id"], 60, caller=caller, final=False),
            lambda caller: world.modify(other, payment["id"], 60, caller=caller, final=False),
        )
        assert (first["disposition"], second) == ("STARTED", refusal)

    def test_last_api_key_below_the_limit(self, world: World) -> None:
        def create(caller: Caller) -> Row:
            key_id = new_id("key")
            return caller.call("create_api_key", key_id, world.merchant_id, 2, False, "p", hashed(key_id))

        for _ in range(99):
            create(world.gateway)
        first, second = overlapped(world, create, create)
        assert (first["api_key"]["merchant_id"], second) == (world.merchant_id, "API_KEY_LIMIT")


@pytest.mark.usefixtures("round_number")
def test_two_clients_with_sixty_refunds_of_one_each(world: World) -> None:
    payment = world.succeeded(amount=100)
    results = race(world, [through(world, "REFUND", payment["id"], 1, "SUCCEEDED") for _ in range(120)])
    assert sorted(set(results)) == ["REFUND SUCCEEDED", "REFUND_EXCEEDS_CAPTURED"]
    assert results.count("REFUND SUCCEEDED") == 100
    assert end_of(world, payment)["amount_refunded"] == 100


@pytest.mark.usefixtures("round_number")
def test_two_clients_with_sixty_captures_of_one_each(world: World) -> None:
    payment = world.authorized(amount=100)
    results = race(world, [through(world, "CAPTURE", payment["id"], 1, "SUCCEEDED", final=False) for _ in range(120)])
    assert results.count("CAPTURE SUCCEEDED") == 100
    assert set(results) <= {"CAPTURE SUCCEEDED", "CAPTURE_EXCEEDS_AUTHORIZED", "PAYMENT_NOT_CAPTURABLE"}
    view = end_of(world, payment)
    assert (view["status"], view["amount_captured"]) == ("SUCCEEDED", 100)


def test_captures_against_voids(world: World, round_number: int) -> None:
    payment = world.authorized(amount=100)
    jobs = [
        through(
            world, "VOID" if number % 2 == round_number % 2 else "CAPTURE", payment["id"], 20, "SUCCEEDED", final=False
        )
        for number in range(16)
    ]
    results = race(world, jobs)
    view = end_of(world, payment)
    if view["status"] == "VOIDED":
        assert results.count("VOID SUCCEEDED") == 1
        assert "CAPTURE SUCCEEDED" not in results
    else:
        assert "VOID SUCCEEDED" not in results
        assert view["amount_captured"] == 20 * results.count("CAPTURE SUCCEEDED") > 0


@pytest.mark.usefixtures("round_number")
def test_failures_give_their_amount_back(world: World) -> None:
    payment = world.succeeded(amount=10)
    jobs = [through(world, "REFUND", payment["id"], 3, "SUCCEEDED" if number % 3 else "FAILED") for number in range(24)]
    results = race(world, jobs)
    refunded = end_of(world, payment)["amount_refunded"]
    assert refunded == 3 * results.count("REFUND SUCCEEDED") <= 9
    # Nothing of the failed ones is still held back.
    assert world.modified("REFUND", payment["id"], 10 - refunded)["amount_refunded"] == 10


@pytest.mark.usefixtures("round_number")
def test_final_captures_of_all_that_is_left(world: World) -> None:
    payment = world.authorized(amount=100)
    results = race(world, [through(world, "CAPTURE", payment["id"], None, "SUCCEEDED") for _ in range(16)])
    assert results.count("CAPTURE SUCCEEDED") == 1
    assert set(results) <= {"CAPTURE SUCCEEDED", "MODIFICATION_IN_PROGRESS", "PAYMENT_NOT_CAPTURABLE"}
    assert end_of(world, payment)["amount_captured"] == 100


@pytest.mark.usefixtures("round_number")
def test_one_key_is_one_refund(world: World) -> None:
    payment = world.succeeded(amount=100)

    def refund(caller: Caller) -> str:
        return str(world.modify("REFUND", payment["id"], 10, caller=caller, key="k")["modification"]["id"])

    assert len(set(race(world, [refund] * 16))) == 1
    view = world.gateway.call("get_payment", world.merchant_id, payment["id"])["payment"]
    assert view["amount_refund_pending"] == 10


@pytest.mark.usefixtures("round_number")
def test_calls_about_many_payments_at_once_never_deadlock(world: World) -> None:
    """Repeats lock a key and read its payment, records lock the payment and then write the key."""
    payments = [world.payment(key=f"k{number}") for number in range(4)]

    def record(number: int) -> Job:
        return lambda caller: world.record(payments[number], "APPROVED", "AUTHORIZED", caller=caller)["applied"]

    def repeat(number: int) -> Job:
        return lambda caller: world.begin(caller=caller, key=f"k{number}", lease_ms=0)["disposition"]

    def release(number: int) -> Job:
        return lambda caller: caller.call("release_lease", world.merchant_id, f"k{number}")

    race(world, [make(number) for _ in range(6) for number in range(4) for make in (repeat, record, release)])
    assert {world.begin(key=f"k{number}")["disposition"] for number in range(4)} == {"REPLAYED"}
