"""A step of a payment on its own: what it does with a record that has moved on meanwhile."""

import copy
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from gateway_svc.application.keep_tokens import AT_ONCE_MS, KeepToken
from gateway_svc.application.ports import TokenToKeep
from gateway_svc.domain.outcome import Outcome
from gateway_svc.domain.resolution import Means
from gateway_svc.domain.stored_credentials import CredentialReason, CredentialUse, Initiator, StoredCredential
from gateway_svc.domain.three_ds import Cryptogram, Exemption, ThreeDsResult
from gateway_svc.workflows.failures import PASSING
from gateway_svc.workflows.limits import FRESH_SECONDS
from gateway_svc.workflows.messages import Advance
from gateway_svc.workflows.payment_activities import PaymentActivities
from gateway_svc.workflows.recording import require_fresh
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.durable.connectors import APPROVED, UNKNOWN, FakeConnectors
from tests.fakes.durable.observing import FakeCrashes, FakeObserver
from tests.fakes.durable.store import FakeStore
from tests.fakes.gateway.peers import FakeLogger, FakeTokenVault

THREE_DS = {"version": "2.2.0", "trans_status": "Y", "eci": "05", "ds_transaction_id": "ds-1", "cryptogram": True}
CREDENTIAL = {"initiator": "CUSTOMER", "reason": "RECURRING", "use": "FIRST"}


class StaleStore(FakeStore):
    """Shows a payment as it was before somebody else began the next attempt."""

    stale: Any = None

    async def load_payment(self, payment_id: str) -> dict[str, Any]:
        if self.stale is not None:
            view, self.stale = self.stale, None
            return dict(view)
        return await super().load_payment(payment_id)


async def _nothing() -> None:
    """Stand for a crash point that is not armed."""


def _activities(store: FakeStore, connectors: FakeConnectors, vault: FakeTokenVault | None = None) -> PaymentActivities:
    keep = KeepToken(vault=vault or FakeTokenVault(), store=store, after_keep=_nothing, logger=FakeLogger())
    return PaymentActivities(store, connectors, FakeCrashes(), FakeObserver(), keep)


async def test_attempt_begun_by_somebody_else_is_asked_for_and_not_sent() -> None:
    store, connectors = StaleStore(), FakeConnectors()
    store.add_payment("pay_1", "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    stale = copy.deepcopy(await store.load_payment("pay_1"))
    begun, _ = await store.begin_attempt("pay_1", 2, "psp_b", "secret reason")
    assert begun
    store.stale = stale
    activities = _activities(store, connectors)
    plan = await activities.advance_payment(Advance("pay_1"))
    assert connectors.sent == []
    assert (plan.done, plan.marker) == (False, "pay_1_2#0")
    assert plan.delay_ms > 0


async def test_order_whose_wait_was_for_another_ask_only_plans() -> None:
    store, connectors = FakeStore(), FakeConnectors()
    store.add_payment("pay_1", "psp_a", status="UNKNOWN", asks=3)
    plan = await _activities(store, connectors).advance_payment(Advance("pay_1", waited_for="pay_1_1#2"))
    assert connectors.asked == []
    assert plan.marker == "pay_1_1#3"


async def test_same_order_twice_asks_once() -> None:
    store, connectors = FakeStore(), FakeConnectors()
    store.add_payment("pay_1", "psp_a", status="UNKNOWN")
    connectors.tell("pay_1_1", UNKNOWN, APPROVED)
    activities = _activities(store, connectors)
    order = Advance("pay_1", waited_for="pay_1_1#0")
    first = await activities.advance_payment(order)
    assert await activities.advance_payment(order) == first
    assert connectors.asked == ["pay_1_1"]


async def test_a_cascade_and_a_repetition_send_the_authentication_that_came_with_the_payment() -> None:
    store, connectors = FakeStore(), FakeConnectors()
    payment = store.add_payment("pay_1", "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    payment["three_ds"], payment["stored_credential"], payment["exemption"] = THREE_DS, CREDENTIAL, "LOW_VALUE"
    store.cryptograms["pay_1"] = Cryptogram("the-proof")
    connectors.tell("pay_1_2", UNKNOWN, APPROVED)
    connectors.offered = Means(repeat_seconds=6 * 3600)
    activities = _activities(store, connectors)
    plan = await activities.advance_payment(Advance("pay_1"))
    await activities.advance_payment(Advance("pay_1", waited_for=plan.marker))
    assert connectors.sent == ["pay_1_2", "pay_1_2"]
    first, again = connectors.payments
    assert (first.three_ds, first.stored_credential, first.exemption) == (
        ThreeDsResult("2.2.0", "Y", "05", "ds-1", proven=True, cryptogram=Cryptogram("the-proof")),
        StoredCredential(Initiator.CUSTOMER, CredentialReason.RECURRING, use=CredentialUse.FIRST),
        Exemption.LOW_VALUE,
    )
    assert (again.three_ds, again.stored_credential, again.exemption) == (
        first.three_ds,
        first.stored_credential,
        first.exemption,
    )


async def test_without_its_proof_an_authenticated_payment_is_not_sent_and_the_step_tried_anew() -> None:
    store, connectors = FakeStore(), FakeConnectors()
    payment = store.add_payment("pay_1", "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    payment["three_ds"] = THREE_DS
    with pytest.raises(ApplicationError) as caught:
        await _activities(store, connectors).advance_payment(Advance("pay_1"))
    assert (caught.value.type, caught.value.non_retryable) == ("UNAVAILABLE", False)
    assert connectors.sent == []


async def test_an_authentication_that_proves_nothing_is_sent_without_asking_for_a_proof() -> None:
    store, connectors = FakeStore(), FakeConnectors()
    payment = store.add_payment("pay_1", "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    payment["three_ds"] = {"version": "2.2.0", "trans_status": "U", "eci": "07"}
    store.cryptograms["pay_1"] = Cryptogram("of another")
    connectors.tell("pay_1_2", APPROVED)
    await _activities(store, connectors).advance_payment(Advance("pay_1"))
    assert connectors.payments[0].three_ds == ThreeDsResult("2.2.0", "U", "07")


class AbsentConnectors(FakeConnectors):
    """Can't be reached, so that nothing is asked."""

    async def ask_attempt(self, *arguments: Any, timeout_ms: int) -> Outcome:
        del arguments, timeout_ms
        raise Refusal(Reason.UNAVAILABLE)


async def test_a_question_that_nobody_was_asked_is_tried_again_and_uses_up_no_ask() -> None:
    """Otherwise connectors that restart would leave the payment to the asks minutes and hours later."""
    store = FakeStore()
    store.add_payment("pay_1", "psp_a", status="UNKNOWN", asks=1)
    with pytest.raises(ApplicationError) as caught:
        await _activities(store, AbsentConnectors()).advance_payment(Advance("pay_1", waited_for="pay_1_1#1"))
    assert not caught.value.non_retryable
    [attempt] = store.payments["pay_1"]["attempts"]
    assert (attempt["status"], attempt["asks"]) == ("UNKNOWN", 1)


def test_what_rests_on_an_old_record_is_not_sent() -> None:
    require_fresh(began=100.0, now=100.0 + FRESH_SECONDS)
    with pytest.raises(Refusal) as caught:
        require_fresh(began=100.0, now=100.1 + FRESH_SECONDS)
    assert caught.value.reason in PASSING, "the step is tried anew"


class SlowStore(FakeStore):
    """Begins an attempt, and then the worker stands still for an hour."""

    def __init__(self, clock: list[float]) -> None:
        super().__init__()
        self._clock = clock

    async def begin_attempt(self, *arguments: Any) -> tuple[bool, dict[str, Any]]:
        begun, view = await super().begin_attempt(*arguments)
        self._clock[0] += 3600
        return begun, dict(view)


async def test_worker_that_stood_still_after_the_begin_asks_instead_of_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("gateway_svc.workflows.payment_activities.time.monotonic", lambda: clock[0])
    store, connectors = SlowStore(clock), FakeConnectors()
    store.add_payment("pay_1", "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    activities = _activities(store, connectors)
    with pytest.raises(ApplicationError) as caught:
        await activities.advance_payment(Advance("pay_1"))
    assert not caught.value.non_retryable
    assert connectors.sent == []
    plan = await activities.advance_payment(Advance("pay_1"))
    assert (connectors.sent, plan.marker) == ([], "pay_1_2#0")


async def test_a_step_that_brings_the_approval_tells_the_vault_of_a_stored_card() -> None:
    store, connectors, vault = FakeStore(), FakeConnectors(), FakeTokenVault()
    store.add_payment("pay_1", "psp_a", "psp_b", store_card=True, status="DECLINED", code="do_not_honor")
    connectors.tell("pay_1_2", APPROVED)
    plan = await _activities(store, connectors, vault).advance_payment(Advance("pay_1"))
    assert plan.done
    assert vault.told == [TokenToKeep("pay_1", "mer_secretmerchant", "tok_secrettoken")]
    assert vault.timeouts_ms == [AT_ONCE_MS]
    assert store.tokens.waiting == {}


@pytest.mark.parametrize("store_card", [False, True])
async def test_a_step_that_brings_no_approval_tells_nothing(*, store_card: bool) -> None:
    store, connectors, vault = FakeStore(), FakeConnectors(), FakeTokenVault()
    store.add_payment("pay_1", "psp_a", "psp_b", store_card=store_card, status="DECLINED", code="do_not_honor")
    connectors.tell("pay_1_2", UNKNOWN if store_card else APPROVED)
    await _activities(store, connectors, vault).advance_payment(Advance("pay_1"))
    assert vault.told == []


async def test_a_vault_that_is_away_fails_no_step() -> None:
    store, connectors, vault = FakeStore(), FakeConnectors(), FakeTokenVault(refusal=Refusal(Reason.UNAVAILABLE))
    store.add_payment("pay_1", "psp_a", "psp_b", store_card=True, status="DECLINED", code="do_not_honor")
    connectors.tell("pay_1_2", APPROVED)
    plan = await _activities(store, connectors, vault).advance_payment(Advance("pay_1"))
    assert plan.done
    assert set(store.tokens.waiting) == {"pay_1"}


async def test_a_payment_that_a_networks_rule_stops_is_sent_nowhere_and_done() -> None:
    store, connectors = FakeStore(stopped={"pay_1"}), FakeConnectors()
    store.add_payment("pay_1", "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    plan = await _activities(store, connectors).advance_payment(Advance("pay_1"))
    assert plan.done
    assert connectors.sent == []
    assert store.payments["pay_1"]["status"] == "DECLINED"
    assert (await _activities(store, connectors).advance_payment(Advance("pay_1"))).done
