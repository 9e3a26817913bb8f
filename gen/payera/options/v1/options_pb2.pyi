from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeyScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_SCOPE_UNSPECIFIED: _ClassVar[KeyScope]
    KEY_SCOPE_PUBLISHABLE: _ClassVar[KeyScope]
    KEY_SCOPE_SECRET: _ClassVar[KeyScope]
    KEY_SCOPE_OPERATOR: _ClassVar[KeyScope]
KEY_SCOPE_UNSPECIFIED: KeyScope
KEY_SCOPE_PUBLISHABLE: KeyScope
KEY_SCOPE_SECRET: KeyScope
KEY_SCOPE_OPERATOR: KeyScope
ACCESS_FIELD_NUMBER: _ClassVar[int]
access: _descriptor.FieldDescriptor
CATALOGUE_FIELD_NUMBER: _ClassVar[int]
catalogue: _descriptor.FieldDescriptor

class Access(_message.Message):
    __slots__ = ("callers", "key_scope", "idempotent", "operators")
    CALLERS_FIELD_NUMBER: _ClassVar[int]
    KEY_SCOPE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_FIELD_NUMBER: _ClassVar[int]
    OPERATORS_FIELD_NUMBER: _ClassVar[int]
    callers: _containers.RepeatedScalarFieldContainer[str]
    key_scope: KeyScope
    idempotent: bool
    operators: bool
    def __init__(self, callers: _Optional[_Iterable[str]] = ..., key_scope: _Optional[_Union[KeyScope, str]] = ..., idempotent: _Optional[bool] = ..., operators: _Optional[bool] = ...) -> None: ...

class CatalogueEntry(_message.Message):
    __slots__ = ("grpc_code", "http_status", "message", "remedy", "retryable")
    GRPC_CODE_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    grpc_code: str
    http_status: int
    message: str
    remedy: str
    retryable: bool
    def __init__(self, grpc_code: _Optional[str] = ..., http_status: _Optional[int] = ..., message: _Optional[str] = ..., remedy: _Optional[str] = ..., retryable: _Optional[bool] = ...) -> None: ...
