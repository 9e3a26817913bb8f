from payera.types.v1 import card_pb2 as _card_pb2
from google.protobuf.internal import containers as _containers
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

class Check(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHECK_UNSPECIFIED: _ClassVar[Check]
    CHECK_MATCH: _ClassVar[Check]
    CHECK_NO_MATCH: _ClassVar[Check]
    CHECK_UNAVAILABLE: _ClassVar[Check]
    CHECK_NOT_CHECKED: _ClassVar[Check]

class NextActionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NEXT_ACTION_KIND_UNSPECIFIED: _ClassVar[NextActionKind]
    NEXT_ACTION_KIND_REDIRECT: _ClassVar[NextActionKind]
    NEXT_ACTION_KIND_FINGERPRINT: _ClassVar[NextActionKind]
    NEXT_ACTION_KIND_CHALLENGE: _ClassVar[NextActionKind]
OUTCOME_KIND_UNSPECIFIED: OutcomeKind
OUTCOME_KIND_APPROVED: OutcomeKind
OUTCOME_KIND_DECLINED: OutcomeKind
OUTCOME_KIND_ACTION_REQUIRED: OutcomeKind
OUTCOME_KIND_PENDING: OutcomeKind
OUTCOME_KIND_NOT_SENT: OutcomeKind
OUTCOME_KIND_UNKNOWN: OutcomeKind
OUTCOME_KIND_NOT_FOUND: OutcomeKind
CHECK_UNSPECIFIED: Check
CHECK_MATCH: Check
CHECK_NO_MATCH: Check
CHECK_UNAVAILABLE: Check
CHECK_NOT_CHECKED: Check
NEXT_ACTION_KIND_UNSPECIFIED: NextActionKind
NEXT_ACTION_KIND_REDIRECT: NextActionKind
NEXT_ACTION_KIND_FINGERPRINT: NextActionKind
NEXT_ACTION_KIND_CHALLENGE: NextActionKind

class Outcome(_message.Message):
    __slots__ = ("kind", "psp_reference", "code", "raw_code", "detail", "amount", "network_transaction_id", "card", "captured_amount", "network_code", "advice_code", "checks", "next_action", "expires_at", "expected_within_seconds")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    RAW_CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    NETWORK_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    NETWORK_CODE_FIELD_NUMBER: _ClassVar[int]
    ADVICE_CODE_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_ACTION_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_WITHIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    kind: OutcomeKind
    psp_reference: str
    code: str
    raw_code: str
    detail: str
    amount: int
    network_transaction_id: str
    card: _card_pb2.CardSummary
    captured_amount: int
    network_code: str
    advice_code: str
    checks: Checks
    next_action: NextAction
    expires_at: int
    expected_within_seconds: int
    def __init__(self, kind: _Optional[_Union[OutcomeKind, str]] = ..., psp_reference: _Optional[str] = ..., code: _Optional[str] = ..., raw_code: _Optional[str] = ..., detail: _Optional[str] = ..., amount: _Optional[int] = ..., network_transaction_id: _Optional[str] = ..., card: _Optional[_Union[_card_pb2.CardSummary, _Mapping]] = ..., captured_amount: _Optional[int] = ..., network_code: _Optional[str] = ..., advice_code: _Optional[str] = ..., checks: _Optional[_Union[Checks, _Mapping]] = ..., next_action: _Optional[_Union[NextAction, _Mapping]] = ..., expires_at: _Optional[int] = ..., expected_within_seconds: _Optional[int] = ...) -> None: ...

class Checks(_message.Message):
    __slots__ = ("street", "postal_code", "card_code")
    STREET_FIELD_NUMBER: _ClassVar[int]
    POSTAL_CODE_FIELD_NUMBER: _ClassVar[int]
    CARD_CODE_FIELD_NUMBER: _ClassVar[int]
    street: Check
    postal_code: Check
    card_code: Check
    def __init__(self, street: _Optional[_Union[Check, str]] = ..., postal_code: _Optional[_Union[Check, str]] = ..., card_code: _Optional[_Union[Check, str]] = ...) -> None: ...

class NextAction(_message.Message):
    __slots__ = ("kind", "url", "method", "fields")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    kind: NextActionKind
    url: str
    method: str
    fields: _containers.ScalarMap[str, str]
    def __init__(self, kind: _Optional[_Union[NextActionKind, str]] = ..., url: _Optional[str] = ..., method: _Optional[str] = ..., fields: _Optional[_Mapping[str, str]] = ...) -> None: ...
