from payera.gateway.v1 import payment_pb2 as _payment_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PaymentRouting(_message.Message):
    __slots__ = ("payment_id", "status", "ruleset_version", "rule", "unheld_rules", "three_ds", "list_version", "learning_current", "candidates", "candidates_left_out", "attempts", "stopped", "complete", "currency", "facts")
    class ThreeDs(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        THREE_DS_UNSPECIFIED: _ClassVar[PaymentRouting.ThreeDs]
        PSP_DECIDES: _ClassVar[PaymentRouting.ThreeDs]
        REQUIRED: _ClassVar[PaymentRouting.ThreeDs]
        SKIPPED: _ClassVar[PaymentRouting.ThreeDs]
    THREE_DS_UNSPECIFIED: PaymentRouting.ThreeDs
    PSP_DECIDES: PaymentRouting.ThreeDs
    REQUIRED: PaymentRouting.ThreeDs
    SKIPPED: PaymentRouting.ThreeDs
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RULESET_VERSION_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    UNHELD_RULES_FIELD_NUMBER: _ClassVar[int]
    THREE_DS_FIELD_NUMBER: _ClassVar[int]
    LIST_VERSION_FIELD_NUMBER: _ClassVar[int]
    LEARNING_CURRENT_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    payment_id: str
    status: _payment_pb2.Payment.Status
    ruleset_version: int
    rule: str
    unheld_rules: _containers.RepeatedScalarFieldContainer[str]
    three_ds: PaymentRouting.ThreeDs
    list_version: int
    learning_current: bool
    candidates: _containers.RepeatedCompositeFieldContainer[RoutingCandidate]
    candidates_left_out: int
    attempts: _containers.RepeatedCompositeFieldContainer[RoutingAttempt]
    stopped: str
    complete: bool
    currency: str
    facts: RoutingFacts
    def __init__(self, payment_id: _Optional[str] = ..., status: _Optional[_Union[_payment_pb2.Payment.Status, str]] = ..., ruleset_version: _Optional[int] = ..., rule: _Optional[str] = ..., unheld_rules: _Optional[_Iterable[str]] = ..., three_ds: _Optional[_Union[PaymentRouting.ThreeDs, str]] = ..., list_version: _Optional[int] = ..., learning_current: _Optional[bool] = ..., candidates: _Optional[_Iterable[_Union[RoutingCandidate, _Mapping]]] = ..., candidates_left_out: _Optional[int] = ..., attempts: _Optional[_Iterable[_Union[RoutingAttempt, _Mapping]]] = ..., stopped: _Optional[str] = ..., complete: _Optional[bool] = ..., currency: _Optional[str] = ..., facts: _Optional[_Union[RoutingFacts, _Mapping]] = ...) -> None: ...

class RoutingFacts(_message.Message):
    __slots__ = ("initiator", "three_ds")
    class ThreeDsState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        THREE_DS_STATE_UNSPECIFIED: _ClassVar[RoutingFacts.ThreeDsState]
        NONE: _ClassVar[RoutingFacts.ThreeDsState]
        EXTERNAL: _ClassVar[RoutingFacts.ThreeDsState]
    THREE_DS_STATE_UNSPECIFIED: RoutingFacts.ThreeDsState
    NONE: RoutingFacts.ThreeDsState
    EXTERNAL: RoutingFacts.ThreeDsState
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    THREE_DS_FIELD_NUMBER: _ClassVar[int]
    initiator: _payment_pb2.StoredCredential.Initiator
    three_ds: RoutingFacts.ThreeDsState
    def __init__(self, initiator: _Optional[_Union[_payment_pb2.StoredCredential.Initiator, str]] = ..., three_ds: _Optional[_Union[RoutingFacts.ThreeDsState, str]] = ...) -> None: ...

class RoutingCandidate(_message.Message):
    __slots__ = ("psp_account", "rank", "eligible", "reason", "approval_ppm", "fee", "explored", "outcome")
    PSP_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_PPM_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    EXPLORED_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    psp_account: str
    rank: int
    eligible: bool
    reason: str
    approval_ppm: int
    fee: int
    explored: bool
    outcome: str
    def __init__(self, psp_account: _Optional[str] = ..., rank: _Optional[int] = ..., eligible: _Optional[bool] = ..., reason: _Optional[str] = ..., approval_ppm: _Optional[int] = ..., fee: _Optional[int] = ..., explored: _Optional[bool] = ..., outcome: _Optional[str] = ...) -> None: ...

class RoutingAttempt(_message.Message):
    __slots__ = ("id", "psp_account", "rank", "status", "decline", "route_reason", "passed_over")
    ID_FIELD_NUMBER: _ClassVar[int]
    PSP_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DECLINE_FIELD_NUMBER: _ClassVar[int]
    ROUTE_REASON_FIELD_NUMBER: _ClassVar[int]
    PASSED_OVER_FIELD_NUMBER: _ClassVar[int]
    id: str
    psp_account: str
    rank: int
    status: _payment_pb2.Attempt.Status
    decline: _payment_pb2.Decline
    route_reason: str
    passed_over: _containers.RepeatedCompositeFieldContainer[PassedOverAccount]
    def __init__(self, id: _Optional[str] = ..., psp_account: _Optional[str] = ..., rank: _Optional[int] = ..., status: _Optional[_Union[_payment_pb2.Attempt.Status, str]] = ..., decline: _Optional[_Union[_payment_pb2.Decline, _Mapping]] = ..., route_reason: _Optional[str] = ..., passed_over: _Optional[_Iterable[_Union[PassedOverAccount, _Mapping]]] = ...) -> None: ...

class PassedOverAccount(_message.Message):
    __slots__ = ("psp_account", "reason", "attempt_id")
    PSP_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_ID_FIELD_NUMBER: _ClassVar[int]
    psp_account: str
    reason: str
    attempt_id: str
    def __init__(self, psp_account: _Optional[str] = ..., reason: _Optional[str] = ..., attempt_id: _Optional[str] = ...) -> None: ...
