from buf.validate import validate_pb2 as _validate_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from payera.types.v1 import card_pb2 as _card_pb2
from payera.types.v1 import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Priority(_message.Message):
    __slots__ = ("account", "currencies", "brands", "disabled")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENCIES_FIELD_NUMBER: _ClassVar[int]
    BRANDS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    account: str
    currencies: _containers.RepeatedScalarFieldContainer[str]
    brands: _containers.RepeatedScalarFieldContainer[str]
    disabled: bool
    def __init__(self, account: _Optional[str] = ..., currencies: _Optional[_Iterable[str]] = ..., brands: _Optional[_Iterable[str]] = ..., disabled: _Optional[bool] = ...) -> None: ...

class RouteRequest(_message.Message):
    __slots__ = ("merchant_id", "payment_id", "amount", "card")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    payment_id: str
    amount: _money_pb2.Money
    card: _card_pb2.CardSummary
    def __init__(self, merchant_id: _Optional[str] = ..., payment_id: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., card: _Optional[_Union[_card_pb2.CardSummary, _Mapping]] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("account", "eligible", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: str
    eligible: bool
    reason: str
    def __init__(self, account: _Optional[str] = ..., eligible: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class RouteResponse(_message.Message):
    __slots__ = ("candidates", "list_version")
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    LIST_VERSION_FIELD_NUMBER: _ClassVar[int]
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    list_version: int
    def __init__(self, candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., list_version: _Optional[int] = ...) -> None: ...

class SetPrioritiesRequest(_message.Message):
    __slots__ = ("merchant_id", "priorities")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITIES_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    priorities: _containers.RepeatedCompositeFieldContainer[Priority]
    def __init__(self, merchant_id: _Optional[str] = ..., priorities: _Optional[_Iterable[_Union[Priority, _Mapping]]] = ...) -> None: ...

class SetPrioritiesResponse(_message.Message):
    __slots__ = ("list_version",)
    LIST_VERSION_FIELD_NUMBER: _ClassVar[int]
    list_version: int
    def __init__(self, list_version: _Optional[int] = ...) -> None: ...

class GetPrioritiesRequest(_message.Message):
    __slots__ = ("merchant_id",)
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    def __init__(self, merchant_id: _Optional[str] = ...) -> None: ...

class GetPrioritiesResponse(_message.Message):
    __slots__ = ("priorities", "list_version")
    PRIORITIES_FIELD_NUMBER: _ClassVar[int]
    LIST_VERSION_FIELD_NUMBER: _ClassVar[int]
    priorities: _containers.RepeatedCompositeFieldContainer[Priority]
    list_version: int
    def __init__(self, priorities: _Optional[_Iterable[_Union[Priority, _Mapping]]] = ..., list_version: _Optional[int] = ...) -> None: ...
