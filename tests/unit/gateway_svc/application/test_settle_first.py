"""A capture, void or refund first settles what is unknown about its payment."""

from dataclasses import replace

import pytest

from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import AttemptStatus, ModificationKind, ModificationStatus, PaymentStatus
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.peers import APPROVED
from tests.unit.gateway_svc.application.rig import Rig

CAPTURE, VOID, REFUND = ModificationKind.CAPTURE, ModificationKind.VOID, ModificationKind.REFUND
LOST = Outcome(OutcomeKind.UNKNOWN, code="psp_timeout")
FAILED = ModificationVerdict(ModificationStatus.FAILED, code="invalid_transaction", psp_reference="psp_3")


async def unknown(rig: Rig, *, manual: bool) -> str:
    """Make a payment of which nobody knows yet, and let its workflow find that it was approved."""
    rig.connectors.outcomes = [LOST, APPROVED]
    payment_id = str((await rig.pay(manual=manual)).view["id"])

    async def settle(_: str) -> None:
        status = PaymentStatus.AUTHORIZED if manual else PaymentStatus.SUCCEEDED
        verdict = AttemptVerdict(AttemptStatus.APPROVED, status, psp_reference="psp_1")
        await rig.store.record_attempt(payment_id, f"{payment_id}_1", verdict, asked=True)

    rig.durable.settle = settle
    rig.durable.handed_over.clear()
    return payment_id


@pytest.mark.parametrize(("kind", "manual"), [(CAPTURE, True), (VOID, True), (REFUND, False)])
async def test_an_unknown_authorization_is_settled_before_it_is_changed(
    rig: Rig, kind: ModificationKind, *, manual: bool
) -> None:
    payment_id = await unknown(rig, manual=manual)
    await rig.change(kind, payment_id)
    [(what, reference, wait_ms)] = rig.durable.handed_over
    assert (what, reference) == ("PAYMENT", payment_id)
    # There is time left for the operation itself.
    assert 0 < wait_ms <= rig.timing.budget_ms / 2
    assert [operation for operation, _ in rig.connectors.sent] == ["authorize", kind.value.lower()]


@pytest.mark.parametrize("first", [CAPTURE, VOID])
async def test_an_unknown_modification_in_the_way_is_settled_first(rig: Rig, first: ModificationKind) -> None:
    payment_id = await rig.paid(manual=True)
    rig.connectors.outcomes = [LOST, APPROVED]
    await rig.change(first, payment_id)
    [open_id] = rig.store.modifications

    async def settle(reference: str) -> None:
        await rig.store.record_modification(reference, FAILED, asked=True)

    rig.durable.settle = settle
    rig.durable.handed_over.clear()
    answer = await rig.change(VOID, payment_id)
    assert [(what, reference) for what, reference, _ in rig.durable.handed_over] == [("MODIFICATION", open_id)]
    assert answer.view["status"] == "VOIDED"


async def test_an_unknown_refund_in_the_way_is_settled_first(rig: Rig) -> None:
    payment_id = await rig.paid()
    rig.connectors.outcomes = [LOST, APPROVED]
    await rig.change(REFUND, payment_id)

    async def settle(reference: str) -> None:
        await rig.store.record_modification(reference, FAILED, asked=True)

    rig.durable.settle = settle
    answer = await rig.change(REFUND, payment_id)
    assert answer.view["status"] == "SUCCEEDED"


async def test_what_stays_unknown_refuses_as_before(rig: Rig) -> None:
    payment_id = await unknown(rig, manual=True)
    rig.durable.settle = None
    with pytest.raises(Refusal) as caught:
        await rig.change(CAPTURE, payment_id)
    assert caught.value.reason is Reason.PAYMENT_NOT_CAPTURABLE
    assert rig.store.modifications == {}


async def test_nobody_waits_for_what_is_known_or_under_way_or_with_an_operator(rig: Rig) -> None:
    declined = replace(APPROVED, kind=OutcomeKind.DECLINED, code="stolen_card")
    reviewed = await unknown(rig, manual=True)
    rig.durable.settle = None
    await rig.store.require_review(reviewed, f"{reviewed}_1")
    rig.connectors.outcomes = [Outcome(OutcomeKind.PENDING, psp_reference="psp_1")]
    pending = str((await rig.pay(manual=True)).view["id"])
    rig.connectors.outcomes = [declined]
    over = str((await rig.pay(manual=True)).view["id"])
    rig.durable.handed_over.clear()
    for payment_id in (over, reviewed, pending):
        with pytest.raises(Refusal):
            await rig.change(CAPTURE, payment_id)
    assert rig.durable.handed_over == []
