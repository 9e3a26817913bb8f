import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from payera.gateway.v1 import payment_pb2 as _payment_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from payera.types.v1 import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Review(_message.Message):
    __slots__ = ("id", "kind", "cause", "version", "open", "open_time", "close_time", "payment_id", "merchant_id", "psp_account", "amount", "recorded_status", "psp_reference", "code", "raw_code", "create_time", "asks", "not_founds", "contradiction", "inquiries", "decisions", "payment", "contradictions")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Review.Kind]
        AUTHORIZE: _ClassVar[Review.Kind]
        CAPTURE: _ClassVar[Review.Kind]
        VOID: _ClassVar[Review.Kind]
        REFUND: _ClassVar[Review.Kind]
    KIND_UNSPECIFIED: Review.Kind
    AUTHORIZE: Review.Kind
    CAPTURE: Review.Kind
    VOID: Review.Kind
    REFUND: Review.Kind
    class Cause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CAUSE_UNSPECIFIED: _ClassVar[Review.Cause]
        UNKNOWN: _ClassVar[Review.Cause]
        CONTRADICTION: _ClassVar[Review.Cause]
    CAUSE_UNSPECIFIED: Review.Cause
    UNKNOWN: Review.Cause
    CONTRADICTION: Review.Cause
    class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ACTION_UNSPECIFIED: _ClassVar[Review.Action]
        CHARGED: _ClassVar[Review.Action]
        NOT_CHARGED: _ClassVar[Review.Action]
        ASK_AGAIN: _ClassVar[Review.Action]
    ACTION_UNSPECIFIED: Review.Action
    CHARGED: Review.Action
    NOT_CHARGED: Review.Action
    ASK_AGAIN: Review.Action
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    OPEN_TIME_FIELD_NUMBER: _ClassVar[int]
    CLOSE_TIME_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    PSP_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    RECORDED_STATUS_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    RAW_CODE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    NOT_FOUNDS_FIELD_NUMBER: _ClassVar[int]
    CONTRADICTION_FIELD_NUMBER: _ClassVar[int]
    INQUIRIES_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    CONTRADICTIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: Review.Kind
    cause: Review.Cause
    version: int
    open: bool
    open_time: _timestamp_pb2.Timestamp
    close_time: _timestamp_pb2.Timestamp
    payment_id: str
    merchant_id: str
    psp_account: str
    amount: _money_pb2.Money
    recorded_status: str
    psp_reference: str
    code: str
    raw_code: str
    create_time: _timestamp_pb2.Timestamp
    asks: int
    not_founds: int
    contradiction: Contradiction
    inquiries: _containers.RepeatedCompositeFieldContainer[Inquiry]
    decisions: _containers.RepeatedCompositeFieldContainer[ReviewDecision]
    payment: _payment_pb2.Payment
    contradictions: _containers.RepeatedCompositeFieldContainer[Contradiction]
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[Review.Kind, str]] = ..., cause: _Optional[_Union[Review.Cause, str]] = ..., version: _Optional[int] = ..., open: _Optional[bool] = ..., open_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., close_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., payment_id: _Optional[str] = ..., merchant_id: _Optional[str] = ..., psp_account: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., recorded_status: _Optional[str] = ..., psp_reference: _Optional[str] = ..., code: _Optional[str] = ..., raw_code: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., asks: _Optional[int] = ..., not_founds: _Optional[int] = ..., contradiction: _Optional[_Union[Contradiction, _Mapping]] = ..., inquiries: _Optional[_Iterable[_Union[Inquiry, _Mapping]]] = ..., decisions: _Optional[_Iterable[_Union[ReviewDecision, _Mapping]]] = ..., payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., contradictions: _Optional[_Iterable[_Union[Contradiction, _Mapping]]] = ...) -> None: ...

class Contradiction(_message.Message):
    __slots__ = ("outcome", "code", "raw_code", "psp_reference", "amount", "currency", "reversal", "time")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    RAW_CODE_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    REVERSAL_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    outcome: str
    code: str
    raw_code: str
    psp_reference: str
    amount: int
    currency: str
    reversal: bool
    time: _timestamp_pb2.Timestamp
    def __init__(self, outcome: _Optional[str] = ..., code: _Optional[str] = ..., raw_code: _Optional[str] = ..., psp_reference: _Optional[str] = ..., amount: _Optional[int] = ..., currency: _Optional[str] = ..., reversal: _Optional[bool] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Inquiry(_message.Message):
    __slots__ = ("time", "outcome", "code", "raw_code", "psp_reference")
    TIME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    RAW_CODE_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    outcome: str
    code: str
    raw_code: str
    psp_reference: str
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[str] = ..., code: _Optional[str] = ..., raw_code: _Optional[str] = ..., psp_reference: _Optional[str] = ...) -> None: ...

class ReviewDecision(_message.Message):
    __slots__ = ("version", "action", "note", "psp_reference", "decided_by", "request_id", "time")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    version: int
    action: Review.Action
    note: str
    psp_reference: str
    decided_by: str
    request_id: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, version: _Optional[int] = ..., action: _Optional[_Union[Review.Action, str]] = ..., note: _Optional[str] = ..., psp_reference: _Optional[str] = ..., decided_by: _Optional[str] = ..., request_id: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListReviewsRequest(_message.Message):
    __slots__ = ("merchant_id", "psp_account", "kind", "page_size", "page_token")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    PSP_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    psp_account: str
    kind: Review.Kind
    page_size: int
    page_token: str
    def __init__(self, merchant_id: _Optional[str] = ..., psp_account: _Optional[str] = ..., kind: _Optional[_Union[Review.Kind, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListReviewsResponse(_message.Message):
    __slots__ = ("reviews", "next_page_token")
    REVIEWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    reviews: _containers.RepeatedCompositeFieldContainer[Review]
    next_page_token: str
    def __init__(self, reviews: _Optional[_Iterable[_Union[Review, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetReviewRequest(_message.Message):
    __slots__ = ("review_id",)
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    def __init__(self, review_id: _Optional[str] = ...) -> None: ...

class ResolveReviewRequest(_message.Message):
    __slots__ = ("review_id", "version", "action", "note", "psp_reference")
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    version: int
    action: Review.Action
    note: str
    psp_reference: str
    def __init__(self, review_id: _Optional[str] = ..., version: _Optional[int] = ..., action: _Optional[_Union[Review.Action, str]] = ..., note: _Optional[str] = ..., psp_reference: _Optional[str] = ...) -> None: ...
