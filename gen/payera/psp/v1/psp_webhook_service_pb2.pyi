import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReceiveWebhookRequest(_message.Message):
    __slots__ = ("account", "body")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    account: str
    body: _httpbody_pb2.HttpBody
    def __init__(self, account: _Optional[str] = ..., body: _Optional[_Union[_httpbody_pb2.HttpBody, _Mapping]] = ...) -> None: ...

class PspWebhook(_message.Message):
    __slots__ = ("id", "account", "state", "receive_time", "body_bytes", "refused_items", "attempts", "last_error", "next_attempt_time", "request_id", "events", "header_names", "body_text", "body_base64")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[PspWebhook.State]
        UNVERIFIED: _ClassVar[PspWebhook.State]
        RECEIVED: _ClassVar[PspWebhook.State]
        DONE: _ClassVar[PspWebhook.State]
        PARKED: _ClassVar[PspWebhook.State]
        REFUSED: _ClassVar[PspWebhook.State]
    STATE_UNSPECIFIED: PspWebhook.State
    UNVERIFIED: PspWebhook.State
    RECEIVED: PspWebhook.State
    DONE: PspWebhook.State
    PARKED: PspWebhook.State
    REFUSED: PspWebhook.State
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    BODY_BYTES_FIELD_NUMBER: _ClassVar[int]
    REFUSED_ITEMS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    HEADER_NAMES_FIELD_NUMBER: _ClassVar[int]
    BODY_TEXT_FIELD_NUMBER: _ClassVar[int]
    BODY_BASE64_FIELD_NUMBER: _ClassVar[int]
    id: str
    account: str
    state: PspWebhook.State
    receive_time: _timestamp_pb2.Timestamp
    body_bytes: int
    refused_items: int
    attempts: int
    last_error: str
    next_attempt_time: _timestamp_pb2.Timestamp
    request_id: str
    events: _containers.RepeatedCompositeFieldContainer[PspWebhookEvent]
    header_names: _containers.RepeatedScalarFieldContainer[str]
    body_text: str
    body_base64: bytes
    def __init__(self, id: _Optional[str] = ..., account: _Optional[str] = ..., state: _Optional[_Union[PspWebhook.State, str]] = ..., receive_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., body_bytes: _Optional[int] = ..., refused_items: _Optional[int] = ..., attempts: _Optional[int] = ..., last_error: _Optional[str] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[PspWebhookEvent, _Mapping]]] = ..., header_names: _Optional[_Iterable[str]] = ..., body_text: _Optional[str] = ..., body_base64: _Optional[bytes] = ...) -> None: ...

class PspWebhookEvent(_message.Message):
    __slots__ = ("event_id", "event_type", "state", "disposition", "payment_id", "attempts", "repetitions", "last_error", "next_attempt_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[PspWebhookEvent.State]
        WAITING: _ClassVar[PspWebhookEvent.State]
        DONE: _ClassVar[PspWebhookEvent.State]
        PARKED: _ClassVar[PspWebhookEvent.State]
    STATE_UNSPECIFIED: PspWebhookEvent.State
    WAITING: PspWebhookEvent.State
    DONE: PspWebhookEvent.State
    PARKED: PspWebhookEvent.State
    class Disposition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DISPOSITION_UNSPECIFIED: _ClassVar[PspWebhookEvent.Disposition]
        APPLIED: _ClassVar[PspWebhookEvent.Disposition]
        KNOWN: _ClassVar[PspWebhookEvent.Disposition]
        UNMATCHED: _ClassVar[PspWebhookEvent.Disposition]
        REVIEW: _ClassVar[PspWebhookEvent.Disposition]
        NOT_AN_OPERATION: _ClassVar[PspWebhookEvent.Disposition]
    DISPOSITION_UNSPECIFIED: PspWebhookEvent.Disposition
    APPLIED: PspWebhookEvent.Disposition
    KNOWN: PspWebhookEvent.Disposition
    UNMATCHED: PspWebhookEvent.Disposition
    REVIEW: PspWebhookEvent.Disposition
    NOT_AN_OPERATION: PspWebhookEvent.Disposition
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    REPETITIONS_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    event_type: str
    state: PspWebhookEvent.State
    disposition: PspWebhookEvent.Disposition
    payment_id: str
    attempts: int
    repetitions: int
    last_error: str
    next_attempt_time: _timestamp_pb2.Timestamp
    def __init__(self, event_id: _Optional[str] = ..., event_type: _Optional[str] = ..., state: _Optional[_Union[PspWebhookEvent.State, str]] = ..., disposition: _Optional[_Union[PspWebhookEvent.Disposition, str]] = ..., payment_id: _Optional[str] = ..., attempts: _Optional[int] = ..., repetitions: _Optional[int] = ..., last_error: _Optional[str] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListPspWebhooksRequest(_message.Message):
    __slots__ = ("account", "state", "page_size", "page_token")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account: str
    state: PspWebhook.State
    page_size: int
    page_token: str
    def __init__(self, account: _Optional[str] = ..., state: _Optional[_Union[PspWebhook.State, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPspWebhooksResponse(_message.Message):
    __slots__ = ("psp_webhooks", "next_page_token")
    PSP_WEBHOOKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    psp_webhooks: _containers.RepeatedCompositeFieldContainer[PspWebhook]
    next_page_token: str
    def __init__(self, psp_webhooks: _Optional[_Iterable[_Union[PspWebhook, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetPspWebhookRequest(_message.Message):
    __slots__ = ("webhook_id",)
    WEBHOOK_ID_FIELD_NUMBER: _ClassVar[int]
    webhook_id: str
    def __init__(self, webhook_id: _Optional[str] = ...) -> None: ...

class ReplayPspWebhookRequest(_message.Message):
    __slots__ = ("webhook_id",)
    WEBHOOK_ID_FIELD_NUMBER: _ClassVar[int]
    webhook_id: str
    def __init__(self, webhook_id: _Optional[str] = ...) -> None: ...
