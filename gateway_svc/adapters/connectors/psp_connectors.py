"""Sends authorizations, captures, voids and refunds to the PSP connectors, and asks what became of them."""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

import grpc
import grpc.aio
from payera.connectors.v1 import connector_service_pb2 as messages
from payera.connectors.v1 import connector_service_pb2_grpc as stubs
from payera.types.v1 import outcome_pb2

from gateway_svc.adapters.connectors.capabilities import KnownAccounts
from gateway_svc.adapters.connectors.details import add_details
from gateway_svc.adapters.connectors.failures import NOT_CONNECTED, outcome_of_error
from gateway_svc.adapters.connectors.outcomes import kind_of, outcome_of
from gateway_svc.domain.eligibility import AccountTakes
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import (
    Attempt,
    CaptureMethod,
    Modification,
    ModificationKind,
    Payment,
)
from gateway_svc.domain.resolution import Means
from mesh.channels import call_metadata
from mesh.identifiers import psp_idempotency_key
from mesh.reasons import Reason
from mesh.refusal import Refusal

# How long a call waits for the channel before it counts as not sent: a restarted peer is back within it, and while it
# lasts nothing has left this process.
CONNECT_PATIENCE_MS: Final = 500
_POLL_SECONDS: Final = 0.01

_OPERATIONS: Final = MappingProxyType(
    {
        ModificationKind.CAPTURE: messages.OPERATION_CAPTURE,
        ModificationKind.VOID: messages.OPERATION_VOID,
        ModificationKind.REFUND: messages.OPERATION_REFUND,
    }
)


class _Answer(Protocol):
    @property
    def outcome(self) -> outcome_pb2.Outcome: ...


class GrpcPspConnectors:
    """The `PspConnectors` port over gRPC.

    A call goes out on a connected channel only: without one, nothing has left and the outcome is NOT_SENT, and a
    question is refused with UNAVAILABLE. Once it went out, any error but a refusal of the connectors' own server is
    UNKNOWN. Nothing is repeated here.
    """

    __slots__ = ("_accounts", "_channel", "_connect_patience_ms", "_stub")

    def __init__(self, channel: grpc.aio.Channel, *, connect_patience_ms: int = CONNECT_PATIENCE_MS) -> None:
        self._channel = channel
        self._stub = stubs.ConnectorServiceStub(channel)
        self._accounts = KnownAccounts(self._stub)
        self._connect_patience_ms = connect_patience_ms

    async def means(self, account: str, operation: str) -> Means:
        """Give what the PSP offers to settle an operation; refuses with UNAVAILABLE while nothing is known."""
        return await self._accounts.means(account, operation)

    def takes(self) -> Mapping[str, AccountTakes]:
        """Give what is known of which payments the accounts take."""
        return self._accounts.takes()

    async def authorize(
        self, payment: Payment, attempt: Attempt, *, timeout_ms: int, repetition: bool = False
    ) -> Outcome:
        """Send an attempt, with its idempotency key derived from its id."""
        deadline = time.monotonic() + timeout_ms / 1000
        if not await self._connected(deadline):
            return NOT_CONNECTED
        request = messages.AuthorizeRequest(
            account=attempt.account,
            reference=attempt.id,
            idempotency_key=psp_idempotency_key(attempt.id, "authorize"),
            merchant_id=payment.merchant_id,
            token=payment.token,
            amount={"value": payment.amount, "currency": payment.currency},
            capture=payment.capture_method is CaptureMethod.AUTOMATIC,
            payment_id=payment.id,
            statement_descriptor=payment.statement_descriptor,
            repetition=repetition,
            code_required=payment.code_required,
        )
        add_details(request.details, payment)
        return await _sent(self._stub.Authorize(request, timeout=_seconds_until(deadline), metadata=call_metadata()))

    async def cancel_attempt(self, attempt: Attempt, number: int, *, timeout_ms: int) -> Outcome:
        """Tell the PSP to cancel an attempt that waits for the shopper, as a void by the PSP's own reference."""
        deadline = time.monotonic() + timeout_ms / 1000
        if not await self._connected(deadline):
            return NOT_CONNECTED
        void = messages.VoidRequest(
            account=attempt.account,
            # Some PSPs have room for forty characters.
            reference=f"{attempt.id}_c{number}",
            idempotency_key=psp_idempotency_key(attempt.id, f"cancel_{number}"),
            psp_reference=attempt.psp_reference,
        )
        return await _sent(self._stub.Void(void, timeout=_seconds_until(deadline), metadata=call_metadata()))

    async def reverse_attempt(self, attempt: Attempt, number: int, *, timeout_ms: int) -> Outcome:
        """Have the PSP take back an attempt by our reference; the key is derived from its id and `number`."""
        deadline = time.monotonic() + timeout_ms / 1000
        if not await self._connected(deadline):
            return NOT_CONNECTED
        request = messages.ReverseRequest(
            account=attempt.account,
            reference=attempt.id,
            idempotency_key=psp_idempotency_key(attempt.id, f"reverse{number}"),
        )
        return await _sent(self._stub.Reverse(request, timeout=_seconds_until(deadline), metadata=call_metadata()))

    async def modify(self, modification: Modification, *, timeout_ms: int) -> Outcome:
        """Send a capture, void or refund, with its idempotency key derived from its id."""
        deadline = time.monotonic() + timeout_ms / 1000
        if not await self._connected(deadline):
            return NOT_CONNECTED
        return await _sent(self._send(modification, _seconds_until(deadline)))

    async def ask_attempt(self, payment: Payment, attempt: Attempt, *, timeout_ms: int) -> Outcome:
        """Ask the PSP by our reference what became of an attempt."""
        request = messages.SyncRequest(
            account=attempt.account,
            operation=messages.OPERATION_AUTHORIZE,
            reference=attempt.id,
            amount={"value": payment.amount, "currency": payment.currency},
            psp_reference=attempt.psp_reference,
            payment_psp_reference=attempt.psp_reference,
            capture=payment.capture_method is CaptureMethod.AUTOMATIC,
        )
        automatic = payment.capture_method is CaptureMethod.AUTOMATIC
        # No capture may begin before the attempt is known to be approved, so anything else was not asked for.
        return await self._ask(request, timeout_ms, captured=payment.amount if automatic else 0)

    async def ask_modification(self, modification: Modification, *, timeout_ms: int) -> Outcome:
        """Ask the PSP by our reference what became of a capture, void or refund."""
        request = messages.SyncRequest(
            account=modification.account,
            operation=_OPERATIONS[modification.kind],
            reference=modification.id,
            psp_reference=modification.psp_reference,
            payment_psp_reference=modification.payment_psp_reference,
        )
        if modification.kind is not ModificationKind.VOID:
            request.amount.value = modification.amount
            request.amount.currency = modification.currency
        return await self._ask(request, timeout_ms)

    def _send(self, modification: Modification, timeout_seconds: float) -> Awaitable[_Answer]:
        amount = {"value": modification.amount, "currency": modification.currency}
        operation = modification.kind.value.lower()
        key = psp_idempotency_key(modification.id, operation)
        metadata = call_metadata()
        if modification.kind is ModificationKind.CAPTURE:
            capture = messages.CaptureRequest(
                account=modification.account,
                reference=modification.id,
                idempotency_key=key,
                psp_reference=modification.payment_psp_reference,
                amount=amount,
                final=modification.final,
            )
            return self._stub.Capture(capture, timeout=timeout_seconds, metadata=metadata)
        if modification.kind is ModificationKind.VOID:
            void = messages.VoidRequest(
                account=modification.account,
                reference=modification.id,
                idempotency_key=key,
                psp_reference=modification.payment_psp_reference,
            )
            return self._stub.Void(void, timeout=timeout_seconds, metadata=metadata)
        refund = messages.RefundRequest(
            account=modification.account,
            reference=modification.id,
            idempotency_key=key,
            psp_reference=modification.payment_psp_reference,
            amount=amount,
            capture_psp_reference=modification.capture_psp_reference,
        )
        return self._stub.Refund(refund, timeout=timeout_seconds, metadata=metadata)

    async def _ask(self, request: messages.SyncRequest, timeout_ms: int, *, captured: int | None = None) -> Outcome:
        """Ask; an approval that captured another amount than `captured` contradicts what was asked for: UNKNOWN."""
        deadline = time.monotonic() + timeout_ms / 1000
        if not await self._connected(deadline):
            # Not a question that the PSP left open: counted as one, a restart of the connectors would use up the quick
            # asks, and the next is minutes away.
            raise Refusal(Reason.UNAVAILABLE)
        call = self._stub.Sync(request, timeout=_seconds_until(deadline), metadata=call_metadata())
        outcome = await _outcome(call, captured=captured)
        if outcome.kind is OutcomeKind.NOT_SENT:
            # The question was not sent; that says nothing about the operation it asks about.
            return Outcome(OutcomeKind.UNKNOWN, code=outcome.code, raw_code=outcome.raw_code)
        return outcome

    async def _connected(self, deadline: float) -> bool:
        """Tell whether the channel is connected, waiting for it a little; starts to connect when it was idle."""
        if self._channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY:
            return True
        until = min(deadline, time.monotonic() + self._connect_patience_ms / 1000)
        while time.monotonic() < until:
            await asyncio.sleep(_POLL_SECONDS)
            if self._channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY:
                return True
        return False


async def _sent(call: Awaitable[_Answer]) -> Outcome:
    outcome = await _outcome(call)
    if outcome.kind is OutcomeKind.NOT_FOUND:
        # Only a question can be answered so; as the answer to an operation it tells nothing.
        return Outcome(OutcomeKind.UNKNOWN, code="unexpected_answer", raw_code=outcome.raw_code)
    return outcome


async def _outcome(call: Awaitable[_Answer], *, captured: int | None = None) -> Outcome:
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return outcome_of_error(error)
    outcome = answer.outcome
    kind = kind_of(outcome)
    if kind is OutcomeKind.APPROVED and captured not in {None, outcome.captured_amount}:
        return Outcome(OutcomeKind.UNKNOWN, psp_reference=outcome.psp_reference, code="amount_mismatch")
    return outcome_of(outcome)


def _seconds_until(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())
