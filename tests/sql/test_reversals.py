"""reverse_modification: what a PSP takes back is taken out of payment and ledger, once, with nothing left over."""

from tests.sql.test_ledger import journals
from tests.sql.test_races import end_of
from tests.sql.world import Row, World, in_parallel


def reverse(world: World, modification_id: str) -> Row:
    return world.gateway.call("reverse_modification", modification_id, "refund_returned", "raw")


def captured(world: World, payment: Row, amount: int, *, final: bool) -> str:
    begun = world.modify("CAPTURE", payment["id"], amount, final=final)
    world.settle(begun["modification"], "SUCCEEDED")
    return str(begun["modification"]["id"])


def test_a_refund_taken_back_books_the_contrary(world: World) -> None:
    payment = world.succeeded(amount=500, currency="JPY")
    begun = world.modify("REFUND", payment["id"], 200)
    world.settle(begun["modification"], "SUCCEEDED")
    row = reverse(world, begun["modification"]["id"])
    assert (row["reversed"], row["payment"]["amount_refunded"]) == (True, 0)
    merchant = f"merchant_pending:{world.merchant_id}"
    assert journals(world, payment["id"])[-2:] == [
        ("REFUND", merchant, "psp_receivable:psp_a", 200),
        ("REFUND_REVERSED", "psp_receivable:psp_a", merchant, 200),
    ]
    assert world.event_types(payment["id"])[-1] == "REFUND_FAILED"
    with world.unchanged():
        assert reverse(world, begun["modification"]["id"])["reversed"] is True
    end_of(world, payment)


def test_a_final_capture_taken_back_restores_the_whole_hold(world: World) -> None:
    payment = world.authorized(amount=500, currency="JPY")
    captured(world, payment, 100, final=False)
    last = captured(world, payment, 150, final=True)
    row = reverse(world, last)
    assert (row["payment"]["status"], row["payment"]["amount_captured"]) == ("AUTHORIZED", 100)
    assert world.ledger(payment["id"])["auth_hold"] == 400
    end_of(world, payment)


def test_captures_taken_back_one_after_the_other_leave_the_authorization(world: World) -> None:
    payment = world.authorized(amount=500, currency="JPY")
    first = captured(world, payment, 100, final=False)
    last = captured(world, payment, 150, final=True)
    row = reverse(world, first)
    assert (row["payment"]["status"], row["payment"]["amount_captured"]) == ("SUCCEEDED", 150)
    end_of(world, payment)
    row = reverse(world, last)
    assert (row["payment"]["status"], row["payment"]["amount_captured"]) == ("AUTHORIZED", 0)
    assert world.ledger(payment["id"]) == {"auth_hold": 500, "auth_hold_contra": -500}
    world.modified("VOID", payment["id"])
    end_of(world, payment)


def test_a_capture_that_was_refunded_in_part_is_left_to_an_operator(world: World) -> None:
    payment = world.authorized(amount=500, currency="JPY")
    capture = captured(world, payment, 500, final=True)
    begun = world.modify("REFUND", payment["id"], 1)
    with world.unchanged():
        assert reverse(world, capture)["reversed"] is False
    world.settle(begun["modification"], "SUCCEEDED")
    with world.unchanged():
        assert reverse(world, capture)["reversed"] is False


def test_what_did_not_succeed_and_a_void_are_left_alone(world: World) -> None:
    payment = world.authorized(amount=500, currency="JPY")
    void = world.modify("VOID", payment["id"])["modification"]
    with world.unchanged():
        assert reverse(world, void["id"])["reversed"] is False
    world.settle(void, "SUCCEEDED")
    with world.unchanged():
        assert reverse(world, void["id"])["reversed"] is False
    with world.fault():
        reverse(world, "cap_none")


def test_a_capture_taken_back_while_a_refund_begins(world: World) -> None:
    """Either the refund finds nothing to give back, or the capture stays for an operator."""
    for _ in range(10):
        payment = world.authorized(amount=500, currency="JPY")
        capture = captured(world, payment, 500, final=True)
        jobs = [
            lambda caller, payment=payment: world.modify("REFUND", payment["id"], 500, caller=caller)["disposition"],
            lambda caller, capture=capture: caller.call("reverse_modification", capture, "", "")["reversed"],
        ]
        refund, taken_back = in_parallel(jobs, world.server.role_urls["gateway_svc"], 2)
        assert (refund, taken_back) in {("STARTED", False), ("PAYMENT_NOT_REFUNDABLE", True)}
        view = world.gateway.call("get_payment", world.merchant_id, payment["id"])["payment"]
        assert view["amount_refunded"] + view["amount_refund_pending"] <= view["amount_captured"]
