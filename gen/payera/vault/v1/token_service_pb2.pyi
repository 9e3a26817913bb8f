import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from payera.types.v1 import card_pb2 as _card_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Card(_message.Message):
    __slots__ = ("number", "exp_month", "exp_year", "cvc", "holder_name", "address")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EXP_MONTH_FIELD_NUMBER: _ClassVar[int]
    EXP_YEAR_FIELD_NUMBER: _ClassVar[int]
    CVC_FIELD_NUMBER: _ClassVar[int]
    HOLDER_NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    number: str
    exp_month: int
    exp_year: int
    cvc: str
    holder_name: str
    address: BillingAddress
    def __init__(self, number: _Optional[str] = ..., exp_month: _Optional[int] = ..., exp_year: _Optional[int] = ..., cvc: _Optional[str] = ..., holder_name: _Optional[str] = ..., address: _Optional[_Union[BillingAddress, _Mapping]] = ...) -> None: ...

class BillingAddress(_message.Message):
    __slots__ = ("line1", "line2", "city", "state", "postal_code", "country")
    LINE1_FIELD_NUMBER: _ClassVar[int]
    LINE2_FIELD_NUMBER: _ClassVar[int]
    CITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    POSTAL_CODE_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    line1: str
    line2: str
    city: str
    state: str
    postal_code: str
    country: str
    def __init__(self, line1: _Optional[str] = ..., line2: _Optional[str] = ..., city: _Optional[str] = ..., state: _Optional[str] = ..., postal_code: _Optional[str] = ..., country: _Optional[str] = ...) -> None: ...

class CreateTokenRequest(_message.Message):
    __slots__ = ("card", "customer_id")
    CARD_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    card: Card
    customer_id: str
    def __init__(self, card: _Optional[_Union[Card, _Mapping]] = ..., customer_id: _Optional[str] = ...) -> None: ...

class GetTokenRequest(_message.Message):
    __slots__ = ("token_id",)
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    def __init__(self, token_id: _Optional[str] = ...) -> None: ...

class Token(_message.Message):
    __slots__ = ("id", "card", "create_time", "usage", "expire_time", "customer_id", "fingerprint", "payment_id")
    class Usage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        USAGE_UNSPECIFIED: _ClassVar[Token.Usage]
        SINGLE_USE: _ClassVar[Token.Usage]
        PERMANENT: _ClassVar[Token.Usage]
    USAGE_UNSPECIFIED: Token.Usage
    SINGLE_USE: Token.Usage
    PERMANENT: Token.Usage
    ID_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    card: _card_pb2.CardSummary
    create_time: _timestamp_pb2.Timestamp
    usage: Token.Usage
    expire_time: _timestamp_pb2.Timestamp
    customer_id: str
    fingerprint: str
    payment_id: str
    def __init__(self, id: _Optional[str] = ..., card: _Optional[_Union[_card_pb2.CardSummary, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., usage: _Optional[_Union[Token.Usage, str]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., customer_id: _Optional[str] = ..., fingerprint: _Optional[str] = ..., payment_id: _Optional[str] = ...) -> None: ...

class ListTokensRequest(_message.Message):
    __slots__ = ("customer_id", "page_size", "page_token")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    page_size: int
    page_token: str
    def __init__(self, customer_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTokensResponse(_message.Message):
    __slots__ = ("tokens", "next_page_token")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedCompositeFieldContainer[Token]
    next_page_token: str
    def __init__(self, tokens: _Optional[_Iterable[_Union[Token, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateTokenRequest(_message.Message):
    __slots__ = ("token_id", "exp_month", "exp_year", "customer_id")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    EXP_MONTH_FIELD_NUMBER: _ClassVar[int]
    EXP_YEAR_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    exp_month: int
    exp_year: int
    customer_id: str
    def __init__(self, token_id: _Optional[str] = ..., exp_month: _Optional[int] = ..., exp_year: _Optional[int] = ..., customer_id: _Optional[str] = ...) -> None: ...

class DeleteTokenRequest(_message.Message):
    __slots__ = ("token_id",)
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    def __init__(self, token_id: _Optional[str] = ...) -> None: ...

class DeleteTokenResponse(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class MakePermanentRequest(_message.Message):
    __slots__ = ("merchant_id", "token_id", "payment_id")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    token_id: str
    payment_id: str
    def __init__(self, merchant_id: _Optional[str] = ..., token_id: _Optional[str] = ..., payment_id: _Optional[str] = ...) -> None: ...

class MakePermanentResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeTokenRequest(_message.Message):
    __slots__ = ("merchant_id", "token_id")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    token_id: str
    def __init__(self, merchant_id: _Optional[str] = ..., token_id: _Optional[str] = ...) -> None: ...

class DescribeTokenResponse(_message.Message):
    __slots__ = ("card", "usage", "fingerprint")
    CARD_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    card: _card_pb2.CardSummary
    usage: Token.Usage
    fingerprint: str
    def __init__(self, card: _Optional[_Union[_card_pb2.CardSummary, _Mapping]] = ..., usage: _Optional[_Union[Token.Usage, str]] = ..., fingerprint: _Optional[str] = ...) -> None: ...

class DetokenizeRequest(_message.Message):
    __slots__ = ("merchant_id", "token_id", "payment_id", "purpose")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    token_id: str
    payment_id: str
    purpose: str
    def __init__(self, merchant_id: _Optional[str] = ..., token_id: _Optional[str] = ..., payment_id: _Optional[str] = ..., purpose: _Optional[str] = ...) -> None: ...

class DetokenizeResponse(_message.Message):
    __slots__ = ("card", "summary")
    CARD_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    card: Card
    summary: _card_pb2.CardSummary
    def __init__(self, card: _Optional[_Union[Card, _Mapping]] = ..., summary: _Optional[_Union[_card_pb2.CardSummary, _Mapping]] = ...) -> None: ...
