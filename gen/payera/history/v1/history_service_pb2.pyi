import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from payera.types.v1 import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListRoutedPaymentsRequest(_message.Message):
    __slots__ = ("merchant_id", "begin_time", "end_time", "page_size", "page_token")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    BEGIN_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    begin_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, merchant_id: _Optional[str] = ..., begin_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRoutedPaymentsResponse(_message.Message):
    __slots__ = ("payments", "next_page_token")
    PAYMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    payments: _containers.RepeatedCompositeFieldContainer[RoutedPayment]
    next_page_token: str
    def __init__(self, payments: _Optional[_Iterable[_Union[RoutedPayment, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RoutedPayment(_message.Message):
    __slots__ = ("payment_id", "amount", "create_time", "method", "card", "metadata", "first_account", "outcome", "initiator", "three_ds")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[RoutedPayment.Outcome]
        OUTCOME_APPROVED: _ClassVar[RoutedPayment.Outcome]
        OUTCOME_NOT_APPROVED: _ClassVar[RoutedPayment.Outcome]
    OUTCOME_UNSPECIFIED: RoutedPayment.Outcome
    OUTCOME_APPROVED: RoutedPayment.Outcome
    OUTCOME_NOT_APPROVED: RoutedPayment.Outcome
    class Initiator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        INITIATOR_UNSPECIFIED: _ClassVar[RoutedPayment.Initiator]
        INITIATOR_CUSTOMER: _ClassVar[RoutedPayment.Initiator]
        INITIATOR_MERCHANT: _ClassVar[RoutedPayment.Initiator]
    INITIATOR_UNSPECIFIED: RoutedPayment.Initiator
    INITIATOR_CUSTOMER: RoutedPayment.Initiator
    INITIATOR_MERCHANT: RoutedPayment.Initiator
    class ThreeDsState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        THREE_DS_STATE_UNSPECIFIED: _ClassVar[RoutedPayment.ThreeDsState]
        THREE_DS_STATE_EXTERNAL: _ClassVar[RoutedPayment.ThreeDsState]
    THREE_DS_STATE_UNSPECIFIED: RoutedPayment.ThreeDsState
    THREE_DS_STATE_EXTERNAL: RoutedPayment.ThreeDsState
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    FIRST_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    THREE_DS_FIELD_NUMBER: _ClassVar[int]
    payment_id: str
    amount: _money_pb2.Money
    create_time: _timestamp_pb2.Timestamp
    method: str
    card: CardFacts
    metadata: _containers.ScalarMap[str, str]
    first_account: str
    outcome: RoutedPayment.Outcome
    initiator: RoutedPayment.Initiator
    three_ds: RoutedPayment.ThreeDsState
    def __init__(self, payment_id: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., method: _Optional[str] = ..., card: _Optional[_Union[CardFacts, _Mapping]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., first_account: _Optional[str] = ..., outcome: _Optional[_Union[RoutedPayment.Outcome, str]] = ..., initiator: _Optional[_Union[RoutedPayment.Initiator, str]] = ..., three_ds: _Optional[_Union[RoutedPayment.ThreeDsState, str]] = ...) -> None: ...

class CardFacts(_message.Message):
    __slots__ = ("brand", "bin", "funding", "issuer_country")
    BRAND_FIELD_NUMBER: _ClassVar[int]
    BIN_FIELD_NUMBER: _ClassVar[int]
    FUNDING_FIELD_NUMBER: _ClassVar[int]
    ISSUER_COUNTRY_FIELD_NUMBER: _ClassVar[int]
    brand: str
    bin: str
    funding: str
    issuer_country: str
    def __init__(self, brand: _Optional[str] = ..., bin: _Optional[str] = ..., funding: _Optional[str] = ..., issuer_country: _Optional[str] = ...) -> None: ...
