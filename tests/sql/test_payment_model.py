"""Any sequence of operations on one payment agrees with a tiny model of the money rules."""

from dataclasses import dataclass, field

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from tests.sql.test_events import fold
from tests.sql.world import Row, World

AMOUNT = 20


@dataclass
class Model:
    """What the money rules allow; `pending` holds (amount, final) of what is under way, by kind."""

    captured: int = 0
    refunded: int = 0
    status: str = "AUTHORIZED"
    pending: dict[str, list[tuple[int, bool]]] = field(
        default_factory=lambda: {"CAPTURE": [], "VOID": [], "REFUND": []}
    )

    def under_way(self, kind: str) -> int:
        return sum(amount for amount, _ in self.pending[kind])

    def may_begin(self, kind: str, amount: int, *, final: bool) -> bool:
        captures, voids = self.pending["CAPTURE"], self.pending["VOID"]
        if kind == "REFUND":
            return amount <= self.captured - self.refunded - self.under_way("REFUND")
        if self.status != "AUTHORIZED" or voids or any(last for _, last in captures):
            return False
        if kind == "VOID":
            return self.captured == 0 and not captures
        return amount <= AMOUNT - self.captured - self.under_way("CAPTURE") and not (final and captures)

    def end(self, kind: str, amount: int, *, final: bool, succeeded: bool) -> None:
        self.pending[kind].remove((amount, final))
        if not succeeded:
            return
        if kind == "VOID":
            self.status = "VOIDED"
        elif kind == "REFUND":
            self.refunded += amount
        else:
            self.captured += amount
            if final or self.captured == AMOUNT:
                self.status = "SUCCEEDED"


def modify_or_refuse(world: World, kind: str, payment_id: str, amount: int | None, *, final: bool) -> Row | None:
    try:
        return world.modify(kind, payment_id, amount, final=final)
    except psycopg.Error as error:
        if error.sqlstate != "PY001":
            raise
        return None


@pytest.mark.timeout(120)
def test_one_payment_against_the_model(world: World) -> None:
    class Machine(RuleBasedStateMachine):
        begun = Bundle("begun")

        def __init__(self) -> None:
            super().__init__()
            self.payment = world.authorized(amount=AMOUNT)
            self.model = Model()

        @rule(
            target=begun,
            kind=st.sampled_from(["CAPTURE", "CAPTURE", "REFUND", "REFUND", "VOID"]),
            amount=st.integers(1, AMOUNT + 1),
            final=st.booleans(),
        )
        def begin(self, kind: str, amount: int, final: bool) -> Row | None:
            final = final and kind == "CAPTURE"
            amount = 0 if kind == "VOID" else amount
            allowed = self.model.may_begin(kind, amount, final=final)
            row = modify_or_refuse(world, kind, self.payment["id"], amount or None, final=final)
            assert (row is not None) is allowed
            if row is None:
                return None
            self.model.pending[kind].append((amount, final))
            modification: Row = row["modification"]
            return modification

        @rule(modification=consumes(begun), outcome=st.sampled_from(["SUCCEEDED", "SUCCEEDED", "FAILED"]))
        def end(self, modification: Row | None, outcome: str) -> None:
            if modification is None:
                return
            row = world.settle(modification, outcome)
            assert row["applied"] is True
            self.model.end(
                modification["kind"],
                modification["amount"],
                final=modification["final"],
                succeeded=outcome == "SUCCEEDED",
            )
            assert world.settle(modification, "FAILED")["applied"] is False

        @rule(modification=begun)
        def lose_track(self, modification: Row | None) -> None:
            if modification is not None:
                world.settle(modification, "UNKNOWN")

        @invariant()
        def agrees(self) -> None:
            view = world.gateway.call("get_payment", world.merchant_id, self.payment["id"])["payment"]
            assert view["status"] == self.model.status
            assert (view["amount_captured"], view["amount_refunded"]) == (self.model.captured, self.model.refunded)
            assert view["amount_capture_pending"] == self.model.under_way("CAPTURE")
            assert view["amount_refund_pending"] == self.model.under_way("REFUND")
            assert view["void_pending"] == bool(self.model.pending["VOID"])

        def teardown(self) -> None:
            view = world.gateway.call("get_payment", world.merchant_id, self.payment["id"])["payment"]
            state = fold(world.events(self.payment["id"]))
            del state["attempts"]
            assert state == {name: view[name] for name in state}
            held = AMOUNT - self.model.captured if self.model.status == "AUTHORIZED" else 0
            booked = world.ledger(self.payment["id"])
            assert booked.get("auth_hold", 0) == held
            assert booked.get("psp_receivable:psp_a", 0) == self.model.captured - self.model.refunded

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=75,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
