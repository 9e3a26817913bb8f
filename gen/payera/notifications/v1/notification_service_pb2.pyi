from buf.validate import validate_pb2 as _validate_pb2
from payera.connectors.v1 import connector_service_pb2 as _connector_service_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from payera.types.v1 import outcome_pb2 as _outcome_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NotifyRequest(_message.Message):
    __slots__ = ("account", "event_id", "event_type", "operation", "reference", "payment_reference", "psp_reference", "payment_psp_reference", "currency", "outcome", "reversal")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REVERSAL_FIELD_NUMBER: _ClassVar[int]
    account: str
    event_id: str
    event_type: str
    operation: _connector_service_pb2.Operation
    reference: str
    payment_reference: str
    psp_reference: str
    payment_psp_reference: str
    currency: str
    outcome: _outcome_pb2.Outcome
    reversal: bool
    def __init__(self, account: _Optional[str] = ..., event_id: _Optional[str] = ..., event_type: _Optional[str] = ..., operation: _Optional[_Union[_connector_service_pb2.Operation, str]] = ..., reference: _Optional[str] = ..., payment_reference: _Optional[str] = ..., psp_reference: _Optional[str] = ..., payment_psp_reference: _Optional[str] = ..., currency: _Optional[str] = ..., outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ..., reversal: _Optional[bool] = ...) -> None: ...

class NotifyResponse(_message.Message):
    __slots__ = ("disposition", "payment_id")
    class Disposition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DISPOSITION_UNSPECIFIED: _ClassVar[NotifyResponse.Disposition]
        DISPOSITION_APPLIED: _ClassVar[NotifyResponse.Disposition]
        DISPOSITION_KNOWN: _ClassVar[NotifyResponse.Disposition]
        DISPOSITION_UNMATCHED: _ClassVar[NotifyResponse.Disposition]
        DISPOSITION_REVIEW: _ClassVar[NotifyResponse.Disposition]
    DISPOSITION_UNSPECIFIED: NotifyResponse.Disposition
    DISPOSITION_APPLIED: NotifyResponse.Disposition
    DISPOSITION_KNOWN: NotifyResponse.Disposition
    DISPOSITION_UNMATCHED: NotifyResponse.Disposition
    DISPOSITION_REVIEW: NotifyResponse.Disposition
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    disposition: NotifyResponse.Disposition
    payment_id: str
    def __init__(self, disposition: _Optional[_Union[NotifyResponse.Disposition, str]] = ..., payment_id: _Optional[str] = ...) -> None: ...
