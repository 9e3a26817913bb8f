import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VaultKey(_message.Message):
    __slots__ = ("id", "kind", "state", "algorithm", "strength_bits", "owner", "wrapped_by", "create_time", "due_time", "rows")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[VaultKey.Kind]
        KEY_ENCRYPTION_KEY: _ClassVar[VaultKey.Kind]
        DATA_KEY: _ClassVar[VaultKey.Kind]
        FINGERPRINT_KEY: _ClassVar[VaultKey.Kind]
        IMPORT_KEY: _ClassVar[VaultKey.Kind]
    KIND_UNSPECIFIED: VaultKey.Kind
    KEY_ENCRYPTION_KEY: VaultKey.Kind
    DATA_KEY: VaultKey.Kind
    FINGERPRINT_KEY: VaultKey.Kind
    IMPORT_KEY: VaultKey.Kind
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_BITS_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    WRAPPED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: VaultKey.Kind
    state: str
    algorithm: str
    strength_bits: int
    owner: str
    wrapped_by: str
    create_time: _timestamp_pb2.Timestamp
    due_time: _timestamp_pb2.Timestamp
    rows: int
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[VaultKey.Kind, str]] = ..., state: _Optional[str] = ..., algorithm: _Optional[str] = ..., strength_bits: _Optional[int] = ..., owner: _Optional[str] = ..., wrapped_by: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rows: _Optional[int] = ...) -> None: ...

class ListKeysRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListKeysResponse(_message.Message):
    __slots__ = ("keys", "next_page_token")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[VaultKey]
    next_page_token: str
    def __init__(self, keys: _Optional[_Iterable[_Union[VaultKey, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RotateKeysRequest(_message.Message):
    __slots__ = ("kind", "merchant_id", "older_than_days")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    OLDER_THAN_DAYS_FIELD_NUMBER: _ClassVar[int]
    kind: VaultKey.Kind
    merchant_id: str
    older_than_days: int
    def __init__(self, kind: _Optional[_Union[VaultKey.Kind, str]] = ..., merchant_id: _Optional[str] = ..., older_than_days: _Optional[int] = ...) -> None: ...

class GetKeyRotationRequest(_message.Message):
    __slots__ = ("kind",)
    KIND_FIELD_NUMBER: _ClassVar[int]
    kind: VaultKey.Kind
    def __init__(self, kind: _Optional[_Union[VaultKey.Kind, str]] = ...) -> None: ...

class KeyRotation(_message.Message):
    __slots__ = ("kind", "state", "keys_done", "cards_done", "keys_destroyed", "start_time", "end_time")
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    KEYS_DONE_FIELD_NUMBER: _ClassVar[int]
    CARDS_DONE_FIELD_NUMBER: _ClassVar[int]
    KEYS_DESTROYED_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    kind: VaultKey.Kind
    state: str
    keys_done: int
    cards_done: int
    keys_destroyed: int
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, kind: _Optional[_Union[VaultKey.Kind, str]] = ..., state: _Optional[str] = ..., keys_done: _Optional[int] = ..., cards_done: _Optional[int] = ..., keys_destroyed: _Optional[int] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DestroyDataKeyRequest(_message.Message):
    __slots__ = ("operation_id",)
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    def __init__(self, operation_id: _Optional[str] = ...) -> None: ...

class DestroyDataKeyResponse(_message.Message):
    __slots__ = ("cards",)
    CARDS_FIELD_NUMBER: _ClassVar[int]
    cards: int
    def __init__(self, cards: _Optional[int] = ...) -> None: ...

class RequestOperationRequest(_message.Message):
    __slots__ = ("kind", "merchant_id", "public_key", "key_version")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_VERSION_FIELD_NUMBER: _ClassVar[int]
    kind: str
    merchant_id: str
    public_key: str
    key_version: int
    def __init__(self, kind: _Optional[str] = ..., merchant_id: _Optional[str] = ..., public_key: _Optional[str] = ..., key_version: _Optional[int] = ...) -> None: ...

class ApproveOperationRequest(_message.Message):
    __slots__ = ("operation_id",)
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    def __init__(self, operation_id: _Optional[str] = ...) -> None: ...

class CancelOperationRequest(_message.Message):
    __slots__ = ("operation_id",)
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    def __init__(self, operation_id: _Optional[str] = ...) -> None: ...

class ListOperationsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOperationsResponse(_message.Message):
    __slots__ = ("operations", "next_page_token")
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[ControlledOperation]
    next_page_token: str
    def __init__(self, operations: _Optional[_Iterable[_Union[ControlledOperation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ControlledOperation(_message.Message):
    __slots__ = ("id", "kind", "merchant_id", "state", "requested_by", "approvers", "create_time", "expire_time", "public_key_digest", "key_version")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    APPROVERS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    KEY_VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    merchant_id: str
    state: str
    requested_by: str
    approvers: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    public_key_digest: str
    key_version: int
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., merchant_id: _Optional[str] = ..., state: _Optional[str] = ..., requested_by: _Optional[str] = ..., approvers: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., public_key_digest: _Optional[str] = ..., key_version: _Optional[int] = ...) -> None: ...

class ExportCardsRequest(_message.Message):
    __slots__ = ("operation_id", "page_size", "page_token")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    page_size: int
    page_token: str
    def __init__(self, operation_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ExportCardsResponse(_message.Message):
    __slots__ = ("cards", "unreadable_tokens", "next_page_token")
    CARDS_FIELD_NUMBER: _ClassVar[int]
    UNREADABLE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    cards: _containers.RepeatedScalarFieldContainer[str]
    unreadable_tokens: _containers.RepeatedScalarFieldContainer[str]
    next_page_token: str
    def __init__(self, cards: _Optional[_Iterable[str]] = ..., unreadable_tokens: _Optional[_Iterable[str]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetImportKeyRequest(_message.Message):
    __slots__ = ("operation_id",)
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    def __init__(self, operation_id: _Optional[str] = ...) -> None: ...

class GetImportKeyResponse(_message.Message):
    __slots__ = ("public_key",)
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    public_key: str
    def __init__(self, public_key: _Optional[str] = ...) -> None: ...

class ImportCardsRequest(_message.Message):
    __slots__ = ("operation_id", "cards", "last")
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    CARDS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    cards: _containers.RepeatedScalarFieldContainer[str]
    last: bool
    def __init__(self, operation_id: _Optional[str] = ..., cards: _Optional[_Iterable[str]] = ..., last: _Optional[bool] = ...) -> None: ...

class ImportCardsResponse(_message.Message):
    __slots__ = ("cards",)
    CARDS_FIELD_NUMBER: _ClassVar[int]
    cards: _containers.RepeatedCompositeFieldContainer[ImportedCard]
    def __init__(self, cards: _Optional[_Iterable[_Union[ImportedCard, _Mapping]]] = ...) -> None: ...

class ImportedCard(_message.Message):
    __slots__ = ("token_id", "error", "source_id")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    error: str
    source_id: str
    def __init__(self, token_id: _Optional[str] = ..., error: _Optional[str] = ..., source_id: _Optional[str] = ...) -> None: ...
