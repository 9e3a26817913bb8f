"""Events: seq without gaps, enough in them to rebuild the payment, each payment handed to one relay and in order."""

from threading import Event as Signal
from threading import Thread

import pytest

from tests.sql.world import Caller, Row, World, in_parallel


def fold(events: list[Row]) -> Row:
    """Rebuild a payment from what its events tell of attempts and modifications, not from the state they carry."""
    state: Row = {"status": "PROCESSING", "void_pending": False, "under_review": False, "attempts": {}}
    state |= {
        f"amount_{name}": 0 for name in ("authorized", "captured", "refunded", "capture_pending", "refund_pending")
    }
    state["amount"] = events[0]["data"]["payment"]["amount"]
    for event in events:
        kind, attempt, modification = event["event_type"], event["data"]["attempt"], event["data"]["modification"]
        if attempt:
            state["attempts"][attempt["ordinal"]] = attempt
            _fold_attempt(state, kind)
        elif modification:
            _fold_modification(state, kind, modification)
        if kind == "REVIEW_REQUIRED":
            state["under_review"] = True
    return state


def _fold_attempt(state: Row, kind: str) -> None:
    status = kind.removeprefix("PAYMENT_")
    if status in {"AUTHORIZED", "SUCCEEDED", "DECLINED", "FAILED"}:
        state |= {"status": status, "under_review": False}
    if status in {"AUTHORIZED", "SUCCEEDED"}:
        state["amount_authorized"] = state["amount"]
    if status == "SUCCEEDED":
        state["amount_captured"] = state["amount"]


def _fold_modification(state: Row, kind: str, modification: Row) -> None:
    if kind == "MODIFICATION_STARTED":
        _pend(state, modification, 1)
    elif kind not in {"MODIFICATION_UNKNOWN", "REVIEW_REQUIRED"}:
        _pend(state, modification, -1)
    if kind in {"PAYMENT_SUCCEEDED", "PAYMENT_PARTIALLY_CAPTURED"}:
        state["amount_captured"] += modification["amount"]
    if kind in {"PAYMENT_SUCCEEDED", "PAYMENT_VOIDED"}:
        state["status"] = kind.removeprefix("PAYMENT_")
    if kind == "REFUND_SUCCEEDED":
        state["amount_refunded"] += modification["amount"]


def _pend(state: Row, modification: Row, sign: int) -> None:
    if modification["kind"] == "VOID":
        state["void_pending"] = sign > 0
    else:
        state[f"amount_{modification['kind'].lower()}_pending"] += sign * modification["amount"]


def long_story(world: World) -> Row:
    payment = world.payment(amount=1000)
    world.record(payment, "DECLINED", "PROCESSING", code="do_not_honor")
    view = world.cascade(payment, "psp_b")["payment"]
    world.record(view, "UNKNOWN", "PROCESSING")
    world.record(view, "UNKNOWN", "PROCESSING", asked=True, not_found=True)
    world.record(view, "APPROVED", "AUTHORIZED", asked=True, psp_reference="psp_9")
    world.settle(world.modify("VOID", payment["id"])["modification"], "FAILED")
    world.modified("CAPTURE", payment["id"], 300, final=False)
    world.modified("REFUND", payment["id"], 100)
    capture = world.modify("CAPTURE", payment["id"], 200, final=False)["modification"]
    world.settle(capture, "UNKNOWN")
    world.modify("REFUND", payment["id"], 50)
    world.settle(capture, "FAILED")
    world.modified("CAPTURE", payment["id"], 400)
    refund = world.modify("REFUND", payment["id"], 250)["modification"]
    world.settle(refund, "UNKNOWN")
    world.worker.call("require_review", payment["id"], refund["id"])
    view = world.gateway.call("get_payment", world.merchant_id, payment["id"])["payment"]
    assert isinstance(view, dict)
    return view


def test_seq_has_no_gap_and_folding_the_events_rebuilds_the_payment(world: World) -> None:
    payment = long_story(world)
    events = world.events(payment["id"])
    assert [event["seq"] for event in events] == list(range(1, payment["seq"] + 1))
    assert [event["event_type"] for event in events] == [
        "PAYMENT_CREATED", "ATTEMPT_FAILED", "ATTEMPT_STARTED", "ATTEMPT_UNKNOWN", "PAYMENT_AUTHORIZED",
        "MODIFICATION_STARTED", "VOID_FAILED", "MODIFICATION_STARTED", "PAYMENT_PARTIALLY_CAPTURED",
        "MODIFICATION_STARTED", "REFUND_SUCCEEDED", "MODIFICATION_STARTED", "MODIFICATION_UNKNOWN",
        "MODIFICATION_STARTED", "CAPTURE_FAILED", "MODIFICATION_STARTED", "PAYMENT_SUCCEEDED",
        "MODIFICATION_STARTED", "MODIFICATION_UNKNOWN", "REVIEW_REQUIRED",
    ]  # fmt: skip
    state = fold(events)
    attempts = state.pop("attempts")
    assert state == {name: payment[name] for name in state}
    # UNKNOWN again is no event, so that the last word on an attempt comes with its outcome.
    assert [attempts[attempt["ordinal"]] for attempt in payment["attempts"]] == payment["attempts"]
    assert events[-1]["data"]["payment"] == payment
    assert all(event["data"]["payment"]["seq"] == event["seq"] for event in events)


@pytest.mark.parametrize("slots", [1, 2, 3, 7])
def test_slots_share_the_payments_out_completely(world: World, slots: int) -> None:
    payments = {world.payment()["id"] for _ in range(20)}
    seen: dict[str, set[int]] = {}
    positions: list[int] = []
    for slot in range(slots):
        batch = world.relay.call_many("outbox_batch", (slot,), slots, 1000, ())
        assert [row["position"] for row in batch] == sorted(row["position"] for row in batch)
        positions.extend(row["position"] for row in batch)
        for row in batch:
            seen.setdefault(row["payment_id"], set()).add(slot)
    waiting = [row["position"] for row in world.rows("SELECT position FROM gateway.outbox ORDER BY position")]
    if len(waiting) <= 1000:
        assert sorted(positions) == waiting
        assert payments <= seen.keys()
    assert all(len(slots_of_payment) == 1 for slots_of_payment in seen.values())


def drain(world: World) -> None:
    while batch := world.relay.call_many("outbox_batch", (0,), 1, 1000, ()):
        world.relay.call("outbox_delete", tuple([row["position"] for row in batch]))


def test_batch_is_bounded_in_order_and_complete(world: World) -> None:
    drain(world)
    payment = long_story(world)
    first = world.relay.call_many("outbox_batch", (0,), 1, 5, ())
    assert [row["seq"] for row in first] == [1, 2, 3, 4, 5]
    row = first[0]
    stored = world.events(payment["id"])[0]
    assert row == {
        "position": stored["position"],
        "event_id": f"evt_{payment['id'].removeprefix('pay_')}_1",
        "payment_id": payment["id"],
        "merchant_id": world.merchant_id,
        "seq": 1,
        "event_type": "PAYMENT_CREATED",
        "data": stored["data"],
        "occurred_us": payment["created_us"],
    }
    assert len(row["event_id"]) <= 64
    assert world.relay.call("outbox_delete", tuple([row["position"] for row in first])) == {"deleted": 5}
    assert world.relay.call("outbox_delete", tuple([row["position"] for row in first])) == {"deleted": 0}
    rest = world.relay.call_many("outbox_batch", (0,), 1, 1000, ())
    assert [row["seq"] for row in rest] == list(range(6, payment["seq"] + 1))
    assert len({row["event_id"] for row in first + rest}) == payment["seq"]


def test_batch_leaves_out_payments_that_are_blocked(world: World) -> None:
    drain(world)
    blocked, other = world.payment()["id"], world.payment()["id"]
    batch = world.relay.call_many("outbox_batch", (0,), 1, 10, (blocked,))
    assert [row["payment_id"] for row in batch] == [other]


def test_several_slots_are_read_at_once_in_one_order(world: World) -> None:
    drain(world)
    for _ in range(12):
        world.payment()
    apart = [row["position"] for slot in (0, 2) for row in world.relay.call_many("outbox_batch", (slot,), 3, 100, ())]
    together = [row["position"] for row in world.relay.call_many("outbox_batch", (0, 2), 3, 100, ())]
    assert together == sorted(apart)


def test_backlog_counts_what_waits_and_for_how_long(world: World) -> None:
    drain(world)
    assert world.relay.call("outbox_backlog") == {"pending": 0, "oldest_age_ms": 0}
    world.payment()
    world.payment()
    world.admin.connection.execute("UPDATE gateway.outbox SET occurred_at = occurred_at - interval '10 s'")
    backlog = world.relay.call("outbox_backlog")
    assert backlog["pending"] == 2
    assert 10_000 <= backlog["oldest_age_ms"] < 40_000


@pytest.mark.parametrize(("slot", "slots"), [(0, 0), (-1, 2), (2, 2)])
def test_slot_that_is_none_is_a_fault(world: World, slot: int, slots: int) -> None:
    with world.fault():
        world.relay.call_many("outbox_batch", (slot,), slots, 10, ())


@pytest.mark.timeout(60)
def test_relay_that_reads_while_payments_change_never_sees_an_event_before_an_earlier_one(world: World) -> None:
    drain(world)
    payments = [world.succeeded(amount=100) for _ in range(4)]
    seen: dict[str, list[int]] = {}
    done = Signal()

    def read() -> None:
        with Caller(world.server.role_urls["gateway_relay"]) as relay:
            last = False
            while not last:
                last = done.is_set()
                batch = relay.call_many("outbox_batch", (0,), 1, 7, ())
                last = last and not batch
                for row in batch:
                    seen.setdefault(row["payment_id"], []).append(row["seq"])
                relay.call("outbox_delete", tuple([row["position"] for row in batch]))

    reader = Thread(target=read)
    reader.start()
    try:
        in_parallel(
            [
                lambda caller, number=number: world.modify("REFUND", payments[number % 4]["id"], 1, caller=caller)
                for number in range(160)
            ],
            world.server.role_urls["gateway_svc"],
            threads=8,
        )
    finally:
        done.set()
        reader.join(30)
    assert not reader.is_alive()
    assert {payment["id"]: list(range(1, 43)) for payment in payments} == seen
