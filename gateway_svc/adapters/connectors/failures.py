"""What a gRPC error of the connectors says about whether a PSP may have been called."""

from typing import Final

import grpc

from gateway_svc.domain.outcome import Outcome, OutcomeKind
from mesh.channels import refusal_of
from mesh.reasons import Reason

# The connectors' server refuses with these before its logic runs, so no PSP was called.
REFUSED_BEFORE_SENDING: Final = frozenset({Reason.OVERLOADED, Reason.INVALID_FIELD, Reason.CALLER_NOT_ALLOWED})

NOT_CONNECTED: Final = Outcome(OutcomeKind.NOT_SENT, code="connectors_unavailable")
REFUSED: Final = Outcome(OutcomeKind.NOT_SENT, code="psp_unavailable")
TIMED_OUT: Final = Outcome(OutcomeKind.UNKNOWN, code="connectors_timeout")
BROKEN: Final = Outcome(OutcomeKind.UNKNOWN, code="connectors_error")


def outcome_of_error(error: grpc.aio.AioRpcError) -> Outcome:
    """Read an error as an outcome: NOT_SENT only when the connectors say that they refused before calling a PSP.

    A broken connection or a deadline leaves open whether the request arrived: UNKNOWN.
    """
    refusal = refusal_of(error)
    if refusal is not None and refusal.reason in REFUSED_BEFORE_SENDING:
        return REFUSED
    return TIMED_OUT if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED else BROKEN
