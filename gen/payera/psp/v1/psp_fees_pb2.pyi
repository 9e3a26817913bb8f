from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class SchemeFee(_message.Message):
    __slots__ = ("brand", "basis_points")
    BRAND_FIELD_NUMBER: _ClassVar[int]
    BASIS_POINTS_FIELD_NUMBER: _ClassVar[int]
    brand: str
    basis_points: int
    def __init__(self, brand: _Optional[str] = ..., basis_points: _Optional[int] = ...) -> None: ...

class CrossBorderFee(_message.Message):
    __slots__ = ("country", "basis_points")
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    BASIS_POINTS_FIELD_NUMBER: _ClassVar[int]
    country: str
    basis_points: int
    def __init__(self, country: _Optional[str] = ..., basis_points: _Optional[int] = ...) -> None: ...
