from buf.validate import validate_pb2 as _validate_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LookUpKeyRequest(_message.Message):
    __slots__ = ("key_sha256",)
    KEY_SHA256_FIELD_NUMBER: _ClassVar[int]
    key_sha256: bytes
    def __init__(self, key_sha256: _Optional[bytes] = ...) -> None: ...

class LookUpKeyResponse(_message.Message):
    __slots__ = ("state", "merchant_id", "scope", "key_id", "live")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[LookUpKeyResponse.State]
        STATE_ACTIVE: _ClassVar[LookUpKeyResponse.State]
        STATE_REVOKED: _ClassVar[LookUpKeyResponse.State]
    STATE_UNSPECIFIED: LookUpKeyResponse.State
    STATE_ACTIVE: LookUpKeyResponse.State
    STATE_REVOKED: LookUpKeyResponse.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    state: LookUpKeyResponse.State
    merchant_id: str
    scope: _options_pb2.KeyScope
    key_id: str
    live: bool
    def __init__(self, state: _Optional[_Union[LookUpKeyResponse.State, str]] = ..., merchant_id: _Optional[str] = ..., scope: _Optional[_Union[_options_pb2.KeyScope, str]] = ..., key_id: _Optional[str] = ..., live: _Optional[bool] = ...) -> None: ...
