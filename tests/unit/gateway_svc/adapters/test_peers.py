"""The client of the connectors against a real server over mutual TLS."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from payera.connectors.v1 import connector_service_pb2 as connectors_pb2
from payera.types.v1 import outcome_pb2

from gateway_svc.adapters.connectors.psp_connectors import GrpcPspConnectors
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import (
    Attempt,
    AttemptStatus,
    CaptureMethod,
    Modification,
    ModificationKind,
    ModificationStatus,
    Payment,
    PaymentStatus,
    ThreeDsPreference,
)
from gateway_svc.domain.stored_credentials import CredentialReason, CredentialUse, Initiator, StoredCredential
from gateway_svc.domain.three_ds import Cryptogram, Exemption, ThreeDsResult
from mesh.channels import open_channel
from mesh.identifiers import new_id, psp_idempotency_key
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.servers import (
    ScriptedConnectors,
    connectors_server,
)
from tests.support.mesh_services import free_port, write_identities

ATTEMPT = Attempt("pay_1_1", 1, "psp_a", AttemptStatus.SENDING)
PAYMENT = Payment(
    id="pay_1",
    merchant_id="mer_1",
    status=PaymentStatus.PROCESSING,
    amount=1050,
    currency="EUR",
    capture_method=CaptureMethod.MANUAL,
    token="tok_1",
    attempts=(ATTEMPT,),
    candidates=(),
    statement_descriptor="BOOKS",
)


def modification(kind: ModificationKind, *, final: bool = False) -> Modification:
    amount = 0 if kind is ModificationKind.VOID else 50
    return Modification(
        "mod_1", "pay_1", kind, "psp_a", "psp_77", ModificationStatus.SENDING, amount, "EUR", final=final
    )


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_identities(tmp_path_factory.mktemp("identities"))


@pytest.fixture
def script() -> ScriptedConnectors:
    return ScriptedConnectors()


@pytest.fixture
async def client(identities: Path, script: ScriptedConnectors) -> AsyncIterator[GrpcPspConnectors]:
    async with connectors_server(identities, script) as address, channel_to(address, identities) as channel:
        yield GrpcPspConnectors(channel, connect_patience_ms=10_000)


def channel_to(
    address: str, identities: Path, service: str = "psp_connectors", identity: str = "gateway_svc"
) -> grpc.aio.Channel:
    return open_channel(address, service=service, tls_directory=identities / identity)


def say(script: ScriptedConnectors, kind: Any, **values: Any) -> None:
    async def answer(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001
        return outcome_pb2.Outcome(kind=kind, **values)

    script.answer = answer


def refuse(script: ScriptedConnectors, error: Exception) -> None:
    async def answer(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001
        raise error

    script.answer = answer


async def test_an_authorization_carries_token_merchant_and_its_own_key(
    client: GrpcPspConnectors, script: ScriptedConnectors
) -> None:
    assert await client.authorize(PAYMENT, ATTEMPT, timeout_ms=5000) == Outcome(
        OutcomeKind.APPROVED, psp_reference="psp_1"
    )
    [request] = script.requests
    assert request == connectors_pb2.AuthorizeRequest(
        account="psp_a",
        reference="pay_1_1",
        idempotency_key=psp_idempotency_key("pay_1_1", "authorize"),
        merchant_id="mer_1",
        token="tok_1",
        amount={"value": 1050, "currency": "EUR"},
        capture=False,
        payment_id="pay_1",
        statement_descriptor="BOOKS",
    )


async def test_an_authorization_carries_agreement_authentication_and_exemption_and_a_repetition_the_same(
    client: GrpcPspConnectors, script: ScriptedConnectors
) -> None:
    asked = replace(
        PAYMENT,
        stored_credential=StoredCredential(
            Initiator.MERCHANT, CredentialReason.PARTIAL_SHIPMENT, "MCC1234AB", "0131", CredentialUse.SUBSEQUENT
        ),
        three_ds=ThreeDsResult("2.2.0", "C", "05", "ds-1", "Y", proven=True, cryptogram=Cryptogram("AAAA")),
        exemption=Exemption.SECURE_CORPORATE,
    )
    for repetition in (False, True):
        await client.authorize(asked, ATTEMPT, timeout_ms=5000, repetition=repetition)
    first, second = (one.details for one in script.requests)
    assert first == second
    assert first == connectors_pb2.PaymentDetails(
        stored_credential=connectors_pb2.StoredCredential(
            initiator=connectors_pb2.INITIATOR_MERCHANT,
            use=connectors_pb2.CREDENTIAL_USE_SUBSEQUENT,
            reason=connectors_pb2.CREDENTIAL_REASON_PARTIAL_SHIPMENT,
            network_transaction_id="MCC1234AB",
            network_transaction_date="0131",
        ),
        three_ds=connectors_pb2.ThreeDsResult(
            version="2.2.0",
            eci="05",
            cryptogram="AAAA",
            ds_transaction_id="ds-1",
            trans_status="C",
            challenge_status="Y",
        ),
        exemption=connectors_pb2.EXEMPTION_SECURE_CORPORATE,
    )


@pytest.mark.parametrize("word", [*Initiator, *CredentialUse, *CredentialReason, *Exemption])
def test_the_connectors_have_every_word_of_ours(word: Initiator | CredentialUse | CredentialReason | Exemption) -> None:
    names = {
        Initiator: ("INITIATOR", connectors_pb2.Initiator),
        CredentialUse: ("CREDENTIAL_USE", connectors_pb2.CredentialUse),
        CredentialReason: ("CREDENTIAL_REASON", connectors_pb2.CredentialReason),
        Exemption: ("EXEMPTION", connectors_pb2.Exemption),
    }
    prefix, enumeration = next(value for kind, value in names.items() if isinstance(word, kind))
    assert f"{prefix}_{word.value}" in enumeration.keys()  # noqa: SIM118 - an enumeration is no mapping


@pytest.mark.parametrize("code_required", [False, True])
async def test_an_authorization_says_whether_the_code_is_required(
    client: GrpcPspConnectors, script: ScriptedConnectors, *, code_required: bool
) -> None:
    for repetition in (False, True):
        asked = replace(PAYMENT, code_required=code_required)
        await client.authorize(asked, ATTEMPT, timeout_ms=5000, repetition=repetition)
    assert [(one.code_required, one.repetition) for one in script.requests] == [
        (code_required, False),
        (code_required, True),
    ]


@pytest.mark.parametrize(
    ("preference", "sent"),
    [
        (ThreeDsPreference.CHALLENGE, connectors_pb2.THREE_DS_PREFERENCE_CHALLENGE),
        (ThreeDsPreference.SKIP, connectors_pb2.THREE_DS_PREFERENCE_SKIP),
    ],
)
async def test_what_a_rule_says_of_3d_secure_goes_along_with_every_try(
    client: GrpcPspConnectors, script: ScriptedConnectors, preference: ThreeDsPreference, sent: int
) -> None:
    for repetition in (False, True):
        await client.authorize(
            replace(PAYMENT, three_ds_preference=preference), ATTEMPT, timeout_ms=5000, repetition=repetition
        )
    assert [request.details.three_ds_preference for request in script.requests] == [sent, sent]
    await client.authorize(PAYMENT, ATTEMPT, timeout_ms=5000)
    assert not script.requests[-1].HasField("details")


async def test_modifications_carry_what_each_kind_needs(client: GrpcPspConnectors, script: ScriptedConnectors) -> None:
    for kind in ModificationKind:
        outcome = await client.modify(modification(kind, final=True), timeout_ms=5000)
        assert outcome.kind is OutcomeKind.APPROVED
    common = {"account": "psp_a", "reference": "mod_1", "psp_reference": "psp_77"}
    keys = {kind: psp_idempotency_key("mod_1", kind.value.lower()) for kind in ModificationKind}
    assert len(set(keys.values())) == 3
    amount = {"value": 50, "currency": "EUR"}
    assert script.requests == [
        connectors_pb2.CaptureRequest(
            **common, idempotency_key=keys[ModificationKind.CAPTURE], amount=amount, final=True
        ),
        connectors_pb2.VoidRequest(**common, idempotency_key=keys[ModificationKind.VOID]),
        connectors_pb2.RefundRequest(**common, idempotency_key=keys[ModificationKind.REFUND], amount=amount),
    ]


async def test_each_reversal_of_an_attempt_has_a_key_of_its_own(identities: Path, script: ScriptedConnectors) -> None:
    async with connectors_server(identities, script) as address:
        async with channel_to(address, identities, identity="gateway_worker") as channel:
            worker = GrpcPspConnectors(channel, connect_patience_ms=10_000)
            for number in (1, 2):
                outcome = await worker.reverse_attempt(ATTEMPT, number, timeout_ms=5000)
                assert outcome == Outcome(OutcomeKind.APPROVED, psp_reference="psp_1")
        async with channel_to(address, identities) as channel:
            server = GrpcPspConnectors(channel, connect_patience_ms=10_000)
            assert (await server.reverse_attempt(ATTEMPT, 3, timeout_ms=5000)).kind is OutcomeKind.NOT_SENT
    assert script.requests == [
        connectors_pb2.ReverseRequest(
            account="psp_a", reference="pay_1_1", idempotency_key=psp_idempotency_key("pay_1_1", f"reverse{number}")
        )
        for number in (1, 2)
    ]


async def test_questions_name_operation_reference_and_amount(
    client: GrpcPspConnectors, script: ScriptedConnectors
) -> None:
    await client.ask_attempt(PAYMENT, ATTEMPT, timeout_ms=5000)
    for kind in ModificationKind:
        await client.ask_modification(modification(kind), timeout_ms=5000)
    assert [(request.operation, request.reference, request.amount.value) for request in script.requests] == [
        (connectors_pb2.OPERATION_AUTHORIZE, "pay_1_1", 1050),
        (connectors_pb2.OPERATION_CAPTURE, "mod_1", 50),
        (connectors_pb2.OPERATION_VOID, "mod_1", 0),
        (connectors_pb2.OPERATION_REFUND, "mod_1", 50),
    ]
    assert [request.HasField("amount") for request in script.requests] == [True, True, False, True]


@pytest.mark.parametrize("kind", list(OutcomeKind))
async def test_every_kind_of_answer_comes_through_but_not_found_of_a_sent_operation(
    client: GrpcPspConnectors, script: ScriptedConnectors, kind: OutcomeKind
) -> None:
    number = outcome_pb2.OutcomeKind.Value(f"OUTCOME_KIND_{kind.value}")
    say(script, number, psp_reference="p", code="c", raw_code="r", network_transaction_id="n")
    sent = await client.authorize(PAYMENT, ATTEMPT, timeout_ms=5000)
    asked = await client.ask_attempt(PAYMENT, ATTEMPT, timeout_ms=5000)
    if kind is OutcomeKind.NOT_FOUND:
        assert sent.kind is OutcomeKind.UNKNOWN
    else:
        assert sent == Outcome(kind, "p", "c", "r", "n")
    assert asked.kind is (OutcomeKind.UNKNOWN if kind is OutcomeKind.NOT_SENT else kind)


@pytest.mark.parametrize(
    ("capture_method", "captured", "kind"),
    [
        (CaptureMethod.AUTOMATIC, 1050, OutcomeKind.APPROVED),
        (CaptureMethod.AUTOMATIC, 0, OutcomeKind.UNKNOWN),
        (CaptureMethod.AUTOMATIC, 1000, OutcomeKind.UNKNOWN),
        (CaptureMethod.MANUAL, 0, OutcomeKind.APPROVED),
        (CaptureMethod.MANUAL, 50, OutcomeKind.UNKNOWN),
    ],
)
async def test_an_approval_found_by_a_question_counts_only_when_as_much_was_captured_as_was_asked_for(
    client: GrpcPspConnectors,
    script: ScriptedConnectors,
    capture_method: CaptureMethod,
    captured: int,
    kind: OutcomeKind,
) -> None:
    say(script, outcome_pb2.OUTCOME_KIND_APPROVED, psp_reference="p", amount=1050, captured_amount=captured)
    payment = replace(PAYMENT, capture_method=capture_method)
    outcome = await client.ask_attempt(payment, ATTEMPT, timeout_ms=5000)
    assert outcome.kind is kind
    assert outcome.psp_reference == "p"
    assert outcome.code == ("" if kind is OutcomeKind.APPROVED else "amount_mismatch")


async def test_an_answer_without_a_kind_is_unknown(client: GrpcPspConnectors, script: ScriptedConnectors) -> None:
    say(script, outcome_pb2.OUTCOME_KIND_UNSPECIFIED)
    assert (await client.authorize(PAYMENT, ATTEMPT, timeout_ms=5000)).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize("reason", [Reason.OVERLOADED, Reason.INVALID_FIELD, Reason.CALLER_NOT_ALLOWED])
async def test_a_refusal_before_the_psp_call_is_not_sent(
    client: GrpcPspConnectors, script: ScriptedConnectors, reason: Reason
) -> None:
    refuse(script, Refusal(reason))
    expected = Outcome(OutcomeKind.NOT_SENT, code="psp_unavailable")
    assert await client.authorize(PAYMENT, ATTEMPT, timeout_ms=5000) == expected
    assert await client.modify(modification(ModificationKind.REFUND), timeout_ms=5000) == expected
    assert (await client.ask_attempt(PAYMENT, ATTEMPT, timeout_ms=5000)).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    "error", [Refusal(Reason.UNAVAILABLE), Refusal(Reason.DEADLINE_EXCEEDED), ValueError("a fault")]
)
async def test_any_other_error_leaves_open_what_happened(
    client: GrpcPspConnectors, script: ScriptedConnectors, error: Exception
) -> None:
    refuse(script, error)
    assert (await client.authorize(PAYMENT, ATTEMPT, timeout_ms=5000)).kind is OutcomeKind.UNKNOWN
    outcome = await client.modify(modification(ModificationKind.VOID), timeout_ms=5000)
    assert outcome.kind is OutcomeKind.UNKNOWN


async def test_a_caller_who_may_not_call_sent_nothing(identities: Path, script: ScriptedConnectors) -> None:
    async with (
        connectors_server(identities, script) as address,
        channel_to(address, identities, identity="router_svc") as channel,
    ):
        client = GrpcPspConnectors(channel, connect_patience_ms=10_000)
        outcome = await client.authorize(PAYMENT, ATTEMPT, timeout_ms=5000)
    assert outcome == Outcome(OutcomeKind.NOT_SENT, code="psp_unavailable")
    assert script.requests == []


async def test_a_call_that_takes_too_long_is_unknown(client: GrpcPspConnectors, script: ScriptedConnectors) -> None:
    never = asyncio.Event()

    async def answer(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001
        await never.wait()
        raise AssertionError

    await client.ask_attempt(PAYMENT, ATTEMPT, timeout_ms=5000)
    script.answer = answer
    outcome = await client.authorize(PAYMENT, ATTEMPT, timeout_ms=300)
    assert outcome == Outcome(OutcomeKind.UNKNOWN, code="connectors_timeout")


async def test_a_connection_that_breaks_during_the_call_is_unknown(
    identities: Path, script: ScriptedConnectors
) -> None:
    never = asyncio.Event()

    async def answer(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001
        await never.wait()
        raise AssertionError

    script.answer = answer
    async with connectors_server(identities, script) as address:
        channel = channel_to(address, identities)
        client = GrpcPspConnectors(channel, connect_patience_ms=10_000)
        call = asyncio.create_task(client.authorize(PAYMENT, ATTEMPT, timeout_ms=20_000))
        await script.reached.wait()
    outcome = await call
    await channel.close()
    assert outcome.kind is OutcomeKind.UNKNOWN


async def test_without_a_connection_nothing_is_sent(identities: Path) -> None:
    async with channel_to(f"127.0.0.1:{free_port()}", identities) as channel:
        client = GrpcPspConnectors(channel, connect_patience_ms=50)
        expected = Outcome(OutcomeKind.NOT_SENT, code="connectors_unavailable")
        assert await client.authorize(PAYMENT, ATTEMPT, timeout_ms=5000) == expected
        assert await client.modify(modification(ModificationKind.CAPTURE), timeout_ms=5000) == expected


async def test_without_a_connection_nothing_is_asked(identities: Path) -> None:
    async with channel_to(f"127.0.0.1:{free_port()}", identities) as channel:
        client = GrpcPspConnectors(channel, connect_patience_ms=50)
        for ask in (
            client.ask_attempt(PAYMENT, ATTEMPT, timeout_ms=5000),
            client.ask_modification(modification(ModificationKind.REFUND), timeout_ms=5000),
        ):
            with pytest.raises(Refusal) as caught:
                await ask
            assert caught.value.reason is Reason.UNAVAILABLE


async def test_a_server_that_takes_connections_and_says_nothing_was_not_sent_anything(identities: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        async with channel_to(f"127.0.0.1:{listener.getsockname()[1]}", identities) as channel:
            client = GrpcPspConnectors(channel, connect_patience_ms=100)
            outcome = await client.authorize(PAYMENT, ATTEMPT, timeout_ms=5000)
    assert outcome == Outcome(OutcomeKind.NOT_SENT, code="connectors_unavailable")


async def test_a_peer_that_comes_back_is_used_again(identities: Path, script: ScriptedConnectors) -> None:
    port = free_port()
    async with channel_to(f"127.0.0.1:{port}", identities) as channel:
        impatient = GrpcPspConnectors(channel, connect_patience_ms=20)
        assert (await impatient.authorize(PAYMENT, ATTEMPT, timeout_ms=5000)).kind is OutcomeKind.NOT_SENT
        async with connectors_server(identities, script, port):
            patient = GrpcPspConnectors(channel, connect_patience_ms=20_000)
            outcome = await patient.authorize(PAYMENT, ATTEMPT, timeout_ms=20_000)
    assert outcome.kind is OutcomeKind.APPROVED


async def test_a_cancelling_is_a_void_by_the_psps_reference_with_a_key_of_its_own(
    client: GrpcPspConnectors, script: ScriptedConnectors
) -> None:
    waiting = replace(ATTEMPT, status=AttemptStatus.ACTION_REQUIRED, psp_reference="psp_7")
    await client.cancel_attempt(waiting, 1, timeout_ms=5000)
    await client.cancel_attempt(waiting, 2, timeout_ms=5000)
    first, second = script.requests
    assert first == connectors_pb2.VoidRequest(
        account="psp_a",
        reference="pay_1_1_c1",
        idempotency_key=psp_idempotency_key("pay_1_1", "cancel_1"),
        psp_reference="psp_7",
    )
    assert second.idempotency_key != first.idempotency_key
    longest = replace(waiting, id=f"{new_id('pay')}_4")
    await client.cancel_attempt(longest, 6, timeout_ms=5000)
    assert len(script.requests[-1].reference) <= 40, "Stripe has room for no more"


async def test_an_authorization_tells_where_the_shopper_comes_back_to(
    client: GrpcPspConnectors, script: ScriptedConnectors
) -> None:
    await client.authorize(replace(PAYMENT, return_url="https://shop.example/"), ATTEMPT, timeout_ms=5000)
    assert script.requests[0].details.return_url == "https://shop.example/"
