import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from payera.types.v1 import card_pb2 as _card_pb2
from payera.types.v1 import money_pb2 as _money_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PaymentEventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAYMENT_EVENT_TYPE_UNSPECIFIED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_PAYMENT_CREATED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_ATTEMPT_STARTED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_ATTEMPT_FAILED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_ATTEMPT_UNKNOWN: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_PAYMENT_AUTHORIZED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_PAYMENT_SUCCEEDED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_PAYMENT_DECLINED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_PAYMENT_FAILED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_PAYMENT_PARTIALLY_CAPTURED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_CAPTURE_FAILED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_PAYMENT_VOIDED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_VOID_FAILED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_REFUND_SUCCEEDED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_REFUND_FAILED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_MODIFICATION_STARTED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_MODIFICATION_UNKNOWN: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_REVIEW_REQUIRED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_ATTEMPT_PENDING: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_MODIFICATION_PENDING: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_REVIEW_RESOLVED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_PAYMENT_REQUIRES_ACTION: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_ACTION_EXPIRED: _ClassVar[PaymentEventType]
    PAYMENT_EVENT_TYPE_ATTEMPT_REVERSING: _ClassVar[PaymentEventType]
PAYMENT_EVENT_TYPE_UNSPECIFIED: PaymentEventType
PAYMENT_EVENT_TYPE_PAYMENT_CREATED: PaymentEventType
PAYMENT_EVENT_TYPE_ATTEMPT_STARTED: PaymentEventType
PAYMENT_EVENT_TYPE_ATTEMPT_FAILED: PaymentEventType
PAYMENT_EVENT_TYPE_ATTEMPT_UNKNOWN: PaymentEventType
PAYMENT_EVENT_TYPE_PAYMENT_AUTHORIZED: PaymentEventType
PAYMENT_EVENT_TYPE_PAYMENT_SUCCEEDED: PaymentEventType
PAYMENT_EVENT_TYPE_PAYMENT_DECLINED: PaymentEventType
PAYMENT_EVENT_TYPE_PAYMENT_FAILED: PaymentEventType
PAYMENT_EVENT_TYPE_PAYMENT_PARTIALLY_CAPTURED: PaymentEventType
PAYMENT_EVENT_TYPE_CAPTURE_FAILED: PaymentEventType
PAYMENT_EVENT_TYPE_PAYMENT_VOIDED: PaymentEventType
PAYMENT_EVENT_TYPE_VOID_FAILED: PaymentEventType
PAYMENT_EVENT_TYPE_REFUND_SUCCEEDED: PaymentEventType
PAYMENT_EVENT_TYPE_REFUND_FAILED: PaymentEventType
PAYMENT_EVENT_TYPE_MODIFICATION_STARTED: PaymentEventType
PAYMENT_EVENT_TYPE_MODIFICATION_UNKNOWN: PaymentEventType
PAYMENT_EVENT_TYPE_REVIEW_REQUIRED: PaymentEventType
PAYMENT_EVENT_TYPE_ATTEMPT_PENDING: PaymentEventType
PAYMENT_EVENT_TYPE_MODIFICATION_PENDING: PaymentEventType
PAYMENT_EVENT_TYPE_REVIEW_RESOLVED: PaymentEventType
PAYMENT_EVENT_TYPE_PAYMENT_REQUIRES_ACTION: PaymentEventType
PAYMENT_EVENT_TYPE_ACTION_EXPIRED: PaymentEventType
PAYMENT_EVENT_TYPE_ATTEMPT_REVERSING: PaymentEventType

class PaymentEvent(_message.Message):
    __slots__ = ("id", "type", "payment_id", "merchant_id", "seq", "occur_time", "payment", "attempt", "modification")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MODIFICATION_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: PaymentEventType
    payment_id: str
    merchant_id: str
    seq: int
    occur_time: _timestamp_pb2.Timestamp
    payment: PaymentState
    attempt: AttemptState
    modification: ModificationState
    def __init__(self, id: _Optional[str] = ..., type: _Optional[_Union[PaymentEventType, str]] = ..., payment_id: _Optional[str] = ..., merchant_id: _Optional[str] = ..., seq: _Optional[int] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., payment: _Optional[_Union[PaymentState, _Mapping]] = ..., attempt: _Optional[_Union[AttemptState, _Mapping]] = ..., modification: _Optional[_Union[ModificationState, _Mapping]] = ...) -> None: ...

class PaymentState(_message.Message):
    __slots__ = ("status", "amount", "amount_authorized", "amount_captured", "amount_refunded", "capture_method", "card", "merchant_reference", "decline_code", "initiator", "credential_reason", "eci")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_AUTHORIZED_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_CAPTURED_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_REFUNDED_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_METHOD_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    DECLINE_CODE_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_REASON_FIELD_NUMBER: _ClassVar[int]
    ECI_FIELD_NUMBER: _ClassVar[int]
    status: str
    amount: _money_pb2.Money
    amount_authorized: int
    amount_captured: int
    amount_refunded: int
    capture_method: str
    card: _card_pb2.CardSummary
    merchant_reference: str
    decline_code: str
    initiator: str
    credential_reason: str
    eci: str
    def __init__(self, status: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., amount_authorized: _Optional[int] = ..., amount_captured: _Optional[int] = ..., amount_refunded: _Optional[int] = ..., capture_method: _Optional[str] = ..., card: _Optional[_Union[_card_pb2.CardSummary, _Mapping]] = ..., merchant_reference: _Optional[str] = ..., decline_code: _Optional[str] = ..., initiator: _Optional[str] = ..., credential_reason: _Optional[str] = ..., eci: _Optional[str] = ...) -> None: ...

class AttemptState(_message.Message):
    __slots__ = ("id", "ordinal", "psp_account", "status", "code", "raw_code", "psp_reference")
    ID_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    PSP_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    RAW_CODE_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    ordinal: int
    psp_account: str
    status: str
    code: str
    raw_code: str
    psp_reference: str
    def __init__(self, id: _Optional[str] = ..., ordinal: _Optional[int] = ..., psp_account: _Optional[str] = ..., status: _Optional[str] = ..., code: _Optional[str] = ..., raw_code: _Optional[str] = ..., psp_reference: _Optional[str] = ...) -> None: ...

class ModificationState(_message.Message):
    __slots__ = ("id", "kind", "amount", "status", "final", "code", "psp_reference")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    amount: int
    status: str
    final: bool
    code: str
    psp_reference: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., amount: _Optional[int] = ..., status: _Optional[str] = ..., final: _Optional[bool] = ..., code: _Optional[str] = ..., psp_reference: _Optional[str] = ...) -> None: ...
