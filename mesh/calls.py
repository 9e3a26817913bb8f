"""Wraps each rpc's handler in everything a call needs: identity, key, checks, deadline, errors, log line, metrics.

There is one wrapper per rpc instead of a chain of interceptors: what does not depend on the call is worked out when the
server is built, so that a call pays for its own checks only.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import grpc
from google.api import annotations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from payera.options.v1 import options_pb2

from mesh.authentication import Authenticator, authenticate
from mesh.body_fields import BodyFields
from mesh.card_numbers import contains_card_number
from mesh.context import CallContext, KeyScope, set_current
from mesh.error_status import Catalogue
from mesh.identifiers import new_id
from mesh.identity import Identity
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.stepping import within
from mesh.telemetry import Metrics
from mesh.validation import Validation

Handler = Callable[[Any, Any], Awaitable[Message]]
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

DEFAULT_DEADLINE_SECONDS: Final = 15.0
LONGEST_DEADLINE_SECONDS: Final = 60.0
EDGE: Final = "envoy"
"""The identity of the edge, which turns JSON bodies into messages."""

# What is left of the caller's time for our answer to reach it.
_ANSWER_SECONDS = 0.02
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}\Z")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
_REPLAYED = ("idempotent-replayed", "true")
_OK = "OK"
_CANCELLED = "CANCELLED"
# What an operator should look at; all other refusals are answers to a caller's mistake.
_TROUBLE: Final = frozenset({"INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})


@dataclass(slots=True)
class Surroundings:
    """What all rpcs of one server share."""

    identity: Identity
    logger: Any
    metrics: Metrics
    authenticator: Authenticator | None
    concurrency_limit: int
    catalogue: Catalogue = field(default_factory=Catalogue)
    validation: Validation = field(default_factory=Validation)
    in_flight: int = 0


class GuardedRpc:
    """One rpc with all that guards it; `serve` is what the gRPC server calls, with the request's and answer's bytes.

    Raises ValueError when the contract asks for an API key and the server has no Authenticator.
    """

    def __init__(self, method: MethodDescriptor, handler: Handler, around: Surroundings) -> None:
        options: Any = method.GetOptions()
        access = options.Extensions[options_pb2.access] if options.HasExtension(options_pb2.access) else None
        self._name = f"/{method.containing_service.full_name}/{method.name}"
        self._handler = handler
        self._around = around
        self._callers = frozenset(access.callers) if access is not None else frozenset()
        self._scope = KeyScope(access.key_scope) if access is not None and access.key_scope else None
        self._or_operator = access is not None and access.operators
        self._idempotent = access is not None and access.idempotent
        self._parse = message_factory.GetMessageClass(method.input_type).FromString
        self._answer_class = message_factory.GetMessageClass(method.output_type)
        self._body_fields = BodyFields(method.input_type)
        self._has_body = bool(options.Extensions[annotations_pb2.http].body)
        self._meters: dict[str, tuple[Callable[[], None], Callable[[float], None]]] = {}
        if self._scope is not None and around.authenticator is None:
            message = f"{self._name} asks for an API key: the server needs an Authenticator"
            raise ValueError(message)

    async def serve(self, request: bytes, grpc_context: Context) -> bytes:
        """Serve one call: give the answer's bytes, or abort with the status of what went wrong.

        The log line is written before the answer goes out.
        """
        started = time.monotonic()
        around = self._around
        metadata: dict[str, str] = dict(grpc_context.invocation_metadata() or ())  # type: ignore[arg-type]
        request_id = metadata.get("x-request-id", "")
        id_is_ours = _REQUEST_ID.match(request_id) is None or contains_card_number(request_id)
        if id_is_ours:
            request_id = new_id("req")
        context = CallContext(request_id, "", None, "", started + DEFAULT_DEADLINE_SECONDS)
        set_current(context)
        admitted = around.in_flight < around.concurrency_limit
        around.in_flight += admitted
        code = _CANCELLED
        refusal: Refusal | None = None
        try:
            answer = (
                await self._outcome(request, metadata, grpc_context, context)
                if admitted
                else Refusal(Reason.OVERLOADED)
            )
            if isinstance(answer, Refusal):
                refusal = answer
                code = around.catalogue.entry(answer.reason).code_name
            else:
                code = _OK
        except grpc.aio.AbortError:
            # The handler has answered by itself.
            code = grpc_context.code().name
            raise
        finally:
            around.in_flight -= admitted
            self._record(context, code, refusal, time.monotonic() - started)
        if isinstance(answer, Refusal):
            await grpc_context.send_initial_metadata(_initial_metadata_of(context))
            await grpc_context.abort_with_status(around.catalogue.status_of(answer, request_id))
        # A caller that gave the id knows it, and the frame would cost as much as all checks together.
        elif id_is_ours or context.replayed:
            await grpc_context.send_initial_metadata(_initial_metadata_of(context))
        return answer

    async def _outcome(
        self, request: bytes, metadata: dict[str, str], grpc_context: Context, context: CallContext
    ) -> bytes | Refusal:
        try:
            return await self._checked(request, metadata, grpc_context, context)
        except Refusal as refusal:
            return refusal
        except grpc.aio.AbortError:
            raise
        except Exception:
            self._around.logger.exception("call failed", method=self._name, request_id=context.request_id)
            return Refusal(Reason.INTERNAL)

    async def _checked(
        self, request: bytes, metadata: dict[str, str], grpc_context: Context, context: CallContext
    ) -> bytes:
        """Run the checks that need no waiting, then the rest within the deadline."""
        context.caller = caller = self._around.identity.caller_among(grpc_context.peer_identities() or ())
        if caller not in self._callers:
            raise Refusal(Reason.CALLER_NOT_ALLOWED)
        seconds = self._time_of(grpc_context)
        context.deadline = time.monotonic() + seconds
        limit = asyncio.timeout(seconds)
        try:
            return await within(limit, self._handled(request, metadata, grpc_context, context))
        except TimeoutError:
            if limit.expired():
                raise Refusal(Reason.DEADLINE_EXCEEDED) from None
            raise

    async def _handled(
        self, request: bytes, metadata: dict[str, str], grpc_context: Context, context: CallContext
    ) -> bytes:
        if self._scope is not None and self._around.authenticator is not None:
            context.principal = await authenticate(
                self._around.authenticator, metadata, self._scope, or_operator=self._or_operator
            )
        if self._idempotent:
            context.idempotency_key = _idempotency_key_of(metadata)
        self._check_body_fields(metadata.get("x-payera-body-fields"), context)
        try:
            message = self._parse(request)
        except DecodeError:
            raise Refusal(Reason.MALFORMED_BODY, detail="the message is not valid protobuf") from None
        self._around.validation.check(message)
        answer = await self._handler(message, grpc_context)
        if not isinstance(answer, self._answer_class):
            wrong = f"{self._name} answered with {type(answer).__name__}"
            raise TypeError(wrong)
        return answer.SerializeToString()

    def _check_body_fields(self, listed: str | None, context: CallContext) -> None:
        if listed:
            unknown = self._body_fields.first_unknown(listed)
            if unknown is not None:
                raise Refusal(Reason.UNKNOWN_FIELD, field=unknown)
        elif listed is None and self._has_body and context.caller == EDGE:
            # Also a call without a body comes with an empty list, so the edge's check of the body has failed.
            self._around.logger.error(
                "the edge sent no list of body fields", method=self._name, request_id=context.request_id
            )
            raise Refusal(Reason.INTERNAL)

    def _time_of(self, grpc_context: Context) -> float:
        """Give the seconds this call may take."""
        remaining: float | None = grpc_context.time_remaining()
        if remaining is None:
            return DEFAULT_DEADLINE_SECONDS
        return min(max(0.0, remaining - _ANSWER_SECONDS), LONGEST_DEADLINE_SECONDS)

    def _record(self, context: CallContext, code: str, refusal: Refusal | None, seconds: float) -> None:
        meters = self._meters.get(code)
        if meters is None:
            metrics = self._around.metrics
            meters = (
                metrics.calls.labels(self._name, code).inc,
                metrics.seconds.labels(self._name, code).observe,
            )
            self._meters[code] = meters
        meters[0]()
        meters[1](seconds)
        trouble = code in _TROUBLE
        # What does not apply to a call is left out of its line.
        details: dict[str, str] = {}
        if refusal is not None:
            details["reason"] = refusal.reason.value
            if trouble and refusal.__cause__ is not None:
                details["cause"] = type(refusal.__cause__).__name__
        if context.principal is not None and context.principal.merchant_id:
            details["merchant_id"] = context.principal.merchant_id
        logger = self._around.logger
        if trouble:
            write = logger.warning
        else:
            # A payment is five internal calls: what goes well among services is for debugging.
            write = logger.info if self._scope is not None or refusal is not None else logger.debug
        write(
            "call",
            method=self._name,
            code=code,
            **details,
            duration_ms=round(seconds * 1000, 3),
            caller=context.caller,
            request_id=context.request_id,
        )


def _initial_metadata_of(context: CallContext) -> tuple[tuple[str, str], ...]:
    echoed = ("x-request-id", context.request_id)
    return (echoed, _REPLAYED) if context.replayed else (echoed,)


def _idempotency_key_of(metadata: dict[str, str]) -> str:
    key = metadata.get("idempotency-key", "")
    if not key:
        raise Refusal(Reason.IDEMPOTENCY_KEY_MISSING)
    if _IDEMPOTENCY_KEY.match(key) is None:
        raise Refusal(Reason.IDEMPOTENCY_KEY_INVALID)
    return key
