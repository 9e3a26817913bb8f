"""An explanation as the contract's message: whole, and honest about what is not known."""

import pytest
from google.protobuf.json_format import MessageToDict
from payera.gateway.v1 import payment_pb2, routing_pb2

from gateway_svc.adapters.grpc.routing_messages import routing_message
from gateway_svc.application.read_payments import ReadPayments
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.decline_messages import decline_message
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus
from gateway_svc.domain.routing import RoutedAccount, RouteDecision, StepUp
from gateway_svc.domain.stored_credentials import CredentialReason, Initiator, StoredCredential
from gateway_svc.domain.three_ds import ThreeDsResult
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.unit.gateway_svc.application.rig import MERCHANT, Rig

DECISION = RouteDecision(
    (
        RoutedAccount("psp_a", eligible=True, reason="best", approval_ppm=912_000, fee=31),
        RoutedAccount("psp_b", eligible=True, reason="next", approval_ppm=0, fee=0, explored=True),
        RoutedAccount("psp_x", eligible=False, reason="no yen"),
    ),
    list_version=3,
    ruleset_version=7,
    rule="euro",
    unheld_rules=("gift",),
    learning_current=True,
)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def explained(rig: Rig, payment_id: str = "") -> routing_pb2.PaymentRouting:
    return routing_message(await ReadPayments(rig.store).routing(MERCHANT, payment_id or rig.only_payment))


async def test_a_cascade_is_explained_whole(rig: Rig) -> None:
    rig.router.decision = DECISION
    rig.connectors.outcomes = [Outcome(OutcomeKind.DECLINED, code="do_not_honor", raw_code="05", psp_reference="p")]
    await rig.pay()
    payment_id = rig.only_payment
    await rig.store.begin_attempt(payment_id, 2, "psp_b", "next")
    approved = AttemptVerdict(AttemptStatus.APPROVED, PaymentStatus.SUCCEEDED, psp_reference="psp_1")
    await rig.store.record_attempt(payment_id, f"{payment_id}_2", approved, asked=False)
    message = await explained(rig)
    shown = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    assert shown == {
        "payment_id": payment_id,
        "status": "SUCCEEDED",
        "ruleset_version": 7,
        "rule": "euro",
        "unheld_rules": ["gift"],
        "three_ds": "PSP_DECIDES",
        "list_version": 3,
        "learning_current": True,
        "candidates": [
            {
                "psp_account": "psp_a",
                "rank": 1,
                "eligible": True,
                "reason": "best",
                "approval_ppm": 912_000,
                "fee": "31",
                "explored": False,
                "outcome": "declined with do_not_honor",
            },
            {
                "psp_account": "psp_b",
                "rank": 2,
                "eligible": True,
                "reason": "next",
                "approval_ppm": 0,
                "fee": "0",
                "explored": True,
                "outcome": "approved",
            },
            {
                "psp_account": "psp_x",
                "rank": 0,
                "eligible": False,
                "reason": "no yen",
                "explored": False,
                "outcome": "",
            },
        ],
        "candidates_left_out": 0,
        "attempts": [
            {
                "id": f"{payment_id}_1",
                "psp_account": "psp_a",
                "rank": 1,
                "status": "DECLINED",
                "decline": {"code": "do_not_honor", "message": decline_message("do_not_honor"), "raw_code": "05"},
                "route_reason": "best",
                "passed_over": [{"psp_account": "psp_x", "reason": "no yen", "attempt_id": ""}],
            },
            {
                "id": f"{payment_id}_2",
                "psp_account": "psp_b",
                "rank": 2,
                "status": "APPROVED",
                "route_reason": "next",
                "passed_over": [
                    {
                        "psp_account": "psp_a",
                        "reason": "declined with do_not_honor",
                        "attempt_id": f"{payment_id}_1",
                    },
                    {"psp_account": "psp_x", "reason": "no yen", "attempt_id": ""},
                ],
            },
        ],
        "stopped": "",
        "complete": True,
        "currency": "EUR",
        "facts": {"initiator": "CUSTOMER", "three_ds": "NONE"},
    }


@pytest.mark.parametrize(
    ("step_up", "shown"),
    [
        (StepUp.UNSET, routing_pb2.PaymentRouting.PSP_DECIDES),
        (StepUp.REQUIRE, routing_pb2.PaymentRouting.REQUIRED),
        (StepUp.SKIP, routing_pb2.PaymentRouting.SKIPPED),
    ],
)
async def test_what_the_rule_says_of_3d_secure_is_shown(rig: Rig, step_up: StepUp, shown: int) -> None:
    rig.router.decision = RouteDecision(DECISION.candidates, step_up=step_up)
    await rig.pay(return_url="https://shop.example/back")
    assert (await explained(rig)).three_ds == shown


async def test_what_rules_were_told_is_shown(rig: Rig) -> None:
    credential = StoredCredential(Initiator.MERCHANT, CredentialReason.RECURRING, "483297487231504")
    await rig.pay(stored_credential=credential, three_ds=ThreeDsResult("2.2.0", "U", "07"))
    facts = (await explained(rig)).facts
    assert facts.initiator == payment_pb2.StoredCredential.MERCHANT
    assert facts.three_ds == routing_pb2.RoutingFacts.EXTERNAL


async def test_a_payment_from_before_decisions_were_recorded_shows_what_is_known(rig: Rig) -> None:
    await rig.pay()
    rig.store.decisions.kept.clear()
    message = await explained(rig)
    assert not message.complete
    assert [(each.psp_account, each.rank, each.reason) for each in message.candidates] == [
        ("psp_a", 1, "rank 1"),
        ("psp_b", 2, "rank 2"),
    ]
    assert not message.candidates[0].HasField("approval_ppm")
    [attempt] = message.attempts
    assert (attempt.psp_account, attempt.status) == ("psp_a", payment_pb2.Attempt.APPROVED)


async def test_a_decline_that_stops_says_so(rig: Rig) -> None:
    rig.connectors.outcomes = [Outcome(OutcomeKind.DECLINED, code="stolen_card", raw_code="43", psp_reference="p")]
    await rig.pay()
    assert (await explained(rig)).stopped == "stolen_card does not move on to another account"


@pytest.mark.parametrize("payment_id", ["nonsense", "pay_\x00", "pay_01JD3V5H2A9D4EJ6M8QPSRTVWX"])
async def test_what_is_not_there_is_not_explained(rig: Rig, payment_id: str) -> None:
    with pytest.raises(Refusal) as caught:
        await explained(rig, payment_id)
    assert caught.value.reason is Reason.PAYMENT_NOT_FOUND
