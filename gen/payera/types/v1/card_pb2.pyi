from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class CardSummary(_message.Message):
    __slots__ = ("brand", "last4", "bin", "exp_month", "exp_year", "networks", "funding", "issuer_country")
    BRAND_FIELD_NUMBER: _ClassVar[int]
    LAST4_FIELD_NUMBER: _ClassVar[int]
    BIN_FIELD_NUMBER: _ClassVar[int]
    EXP_MONTH_FIELD_NUMBER: _ClassVar[int]
    EXP_YEAR_FIELD_NUMBER: _ClassVar[int]
    NETWORKS_FIELD_NUMBER: _ClassVar[int]
    FUNDING_FIELD_NUMBER: _ClassVar[int]
    ISSUER_COUNTRY_FIELD_NUMBER: _ClassVar[int]
    brand: str
    last4: str
    bin: str
    exp_month: int
    exp_year: int
    networks: _containers.RepeatedScalarFieldContainer[str]
    funding: str
    issuer_country: str
    def __init__(self, brand: _Optional[str] = ..., last4: _Optional[str] = ..., bin: _Optional[str] = ..., exp_month: _Optional[int] = ..., exp_year: _Optional[int] = ..., networks: _Optional[_Iterable[str]] = ..., funding: _Optional[str] = ..., issuer_country: _Optional[str] = ...) -> None: ...
