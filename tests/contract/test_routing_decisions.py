"""What every store does with decisions: the whole decision is kept with the payment, and given to its merchant."""

import pytest

from gateway_svc.application.ports import Disposition
from gateway_svc.application.views import payment_of
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus, ThreeDsPreference
from gateway_svc.domain.routing import RoutedAccount, RouteDecision, StepUp
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.contract.payment_stores import Subject, new_payment, subject  # noqa: F401 - a fixture
from tests.support.postgres import postgres  # noqa: F401 - a fixture

FULL = RouteDecision(
    (
        RoutedAccount("psp_a", eligible=True, reason="best", approval_ppm=912_000, fee=31, explored=True),
        RoutedAccount("psp_b", eligible=True, reason="ünd", approval_ppm=0, fee=0),
        RoutedAccount("psp_x", eligible=False, reason="no yen"),
    ),
    list_version=3,
    ruleset_version=7,
    rule="euro",
    step_up=StepUp.REQUIRE,
    unheld_rules=("gift", "other"),
    learning_current=True,
    left_out=4,
)
PLAIN = RouteDecision((RoutedAccount("psp_a", eligible=True, reason=""),))
DECLINED = AttemptVerdict(AttemptStatus.DECLINED, PaymentStatus.PROCESSING, code="do_not_honor")


@pytest.mark.parametrize("decision", [FULL, PLAIN], ids=["full", "plain"])
async def test_a_decision_is_given_back_as_it_was_taken(subject: Subject, decision: RouteDecision) -> None:  # noqa: F811
    payment = await subject.begun(decision=decision)
    view, found = await subject.store.get_routing(subject.merchant_id, payment["id"])
    assert found == decision
    assert view == await subject.store.get_payment(subject.merchant_id, payment["id"])


async def test_a_payment_from_before_decisions_were_recorded_has_none(subject: Subject) -> None:  # noqa: F811
    payment = await subject.begun()
    assert payment["three_ds_preference"] == "AUTOMATIC"
    assert (await subject.store.get_routing(subject.merchant_id, payment["id"]))[1] is None


async def test_a_repeated_key_keeps_its_first_decision(subject: Subject) -> None:  # noqa: F811
    operation = subject.operation()
    payment = await subject.begun(operation, decision=FULL, three_ds_preference=ThreeDsPreference.CHALLENGE)
    again = await subject.store.begin_payment(
        operation, new_payment(decision=PLAIN, three_ds_preference=ThreeDsPreference.SKIP)
    )
    assert again.disposition is Disposition.IN_FLIGHT
    assert again.payment == payment
    assert (await subject.store.get_routing(subject.merchant_id, payment["id"]))[1] == FULL


async def test_a_preference_goes_along_with_every_attempt(subject: Subject) -> None:  # noqa: F811
    payment = await subject.begun(decision=FULL, three_ds_preference=ThreeDsPreference.CHALLENGE)
    await subject.store.record_attempt(payment["id"], f"{payment['id']}_1", DECLINED, asked=False)
    _, view = await subject.worker.begin_attempt(payment["id"], 2, "psp_b", "second")
    assert payment_of(view).three_ds_preference is ThreeDsPreference.CHALLENGE
    loaded = await subject.worker.load_payment(payment["id"])
    assert payment_of(loaded).three_ds_preference is ThreeDsPreference.CHALLENGE
    assert (await subject.store.get_routing(subject.merchant_id, payment["id"]))[1] == FULL


async def test_decisions_of_other_merchants_do_not_exist(subject: Subject) -> None:  # noqa: F811
    payment = await subject.begun(decision=FULL)
    for merchant_id, payment_id in ((subject.foreign_id, payment["id"]), (subject.merchant_id, new_id("pay"))):
        with pytest.raises(Refusal) as caught:
            await subject.store.get_routing(merchant_id, payment_id)
        assert caught.value.reason is Reason.PAYMENT_NOT_FOUND
