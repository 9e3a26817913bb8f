from payera.types.v1 import card_pb2 as _card_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutcomeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_KIND_UNSPECIFIED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_APPROVED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_DECLINED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_ACTION_REQUIRED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_PENDING: _ClassVar[OutcomeKind]
    OUTCOME_KIND_NOT_SENT: _ClassVar[OutcomeKind]
    OUTCOME_KIND_UNKNOWN: _ClassVar[OutcomeKind]
    OUTCOME_KIND_NOT_FOUND: _ClassVar[OutcomeKind]
OUTCOME_KIND_UNSPECIFIED: OutcomeKind
OUTCOME_KIND_APPROVED: OutcomeKind
OUTCOME_KIND_DECLINED: OutcomeKind
OUTCOME_KIND_ACTION_REQUIRED: OutcomeKind
OUTCOME_KIND_PENDING: OutcomeKind
OUTCOME_KIND_NOT_SENT: OutcomeKind
OUTCOME_KIND_UNKNOWN: OutcomeKind
OUTCOME_KIND_NOT_FOUND: OutcomeKind

class Outcome(_message.Message):
    __slots__ = ("kind", "psp_reference", "code", "raw_code", "detail", "amount", "network_transaction_id", "card", "captured_amount")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    RAW_CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    NETWORK_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    kind: OutcomeKind
    psp_reference: str
    code: str
    raw_code: str
    detail: str
    amount: int
    network_transaction_id: str
    card: _card_pb2.CardSummary
    captured_amount: int
    def __init__(self, kind: _Optional[_Union[OutcomeKind, str]] = ..., psp_reference: _Optional[str] = ..., code: _Optional[str] = ..., raw_code: _Optional[str] = ..., detail: _Optional[str] = ..., amount: _Optional[int] = ..., network_transaction_id: _Optional[str] = ..., card: _Optional[_Union[_card_pb2.CardSummary, _Mapping]] = ..., captured_amount: _Optional[int] = ...) -> None: ...
