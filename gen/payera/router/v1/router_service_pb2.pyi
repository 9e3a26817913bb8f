import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from payera.types.v1 import card_pb2 as _card_pb2
from payera.types.v1 import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Initiator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INITIATOR_UNSPECIFIED: _ClassVar[Initiator]
    INITIATOR_CUSTOMER: _ClassVar[Initiator]
    INITIATOR_MERCHANT: _ClassVar[Initiator]

class ThreeDsState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    THREE_DS_STATE_UNSPECIFIED: _ClassVar[ThreeDsState]
    THREE_DS_STATE_FRICTIONLESS: _ClassVar[ThreeDsState]
    THREE_DS_STATE_CHALLENGE: _ClassVar[ThreeDsState]
    THREE_DS_STATE_EXTERNAL: _ClassVar[ThreeDsState]

class StepUp(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_UP_UNSPECIFIED: _ClassVar[StepUp]
    STEP_UP_REQUIRE: _ClassVar[StepUp]
    STEP_UP_SKIP: _ClassVar[StepUp]
INITIATOR_UNSPECIFIED: Initiator
INITIATOR_CUSTOMER: Initiator
INITIATOR_MERCHANT: Initiator
THREE_DS_STATE_UNSPECIFIED: ThreeDsState
THREE_DS_STATE_FRICTIONLESS: ThreeDsState
THREE_DS_STATE_CHALLENGE: ThreeDsState
THREE_DS_STATE_EXTERNAL: ThreeDsState
STEP_UP_UNSPECIFIED: StepUp
STEP_UP_REQUIRE: StepUp
STEP_UP_SKIP: StepUp

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
    __slots__ = ("merchant_id", "payment_id", "amount", "card", "method", "initiator", "three_ds", "metadata", "payment_time")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    THREE_DS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_TIME_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    payment_id: str
    amount: _money_pb2.Money
    card: _card_pb2.CardSummary
    method: str
    initiator: Initiator
    three_ds: ThreeDsState
    metadata: _containers.ScalarMap[str, str]
    payment_time: _timestamp_pb2.Timestamp
    def __init__(self, merchant_id: _Optional[str] = ..., payment_id: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., card: _Optional[_Union[_card_pb2.CardSummary, _Mapping]] = ..., method: _Optional[str] = ..., initiator: _Optional[_Union[Initiator, str]] = ..., three_ds: _Optional[_Union[ThreeDsState, str]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., payment_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("account", "eligible", "reason", "approval_ppm", "fee", "explored")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_PPM_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    EXPLORED_FIELD_NUMBER: _ClassVar[int]
    account: str
    eligible: bool
    reason: str
    approval_ppm: int
    fee: int
    explored: bool
    def __init__(self, account: _Optional[str] = ..., eligible: _Optional[bool] = ..., reason: _Optional[str] = ..., approval_ppm: _Optional[int] = ..., fee: _Optional[int] = ..., explored: _Optional[bool] = ...) -> None: ...

class RouteResponse(_message.Message):
    __slots__ = ("candidates", "list_version", "ruleset_version", "rule", "step_up", "blocked", "unheld_rules", "learning_current")
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    LIST_VERSION_FIELD_NUMBER: _ClassVar[int]
    RULESET_VERSION_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    STEP_UP_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    UNHELD_RULES_FIELD_NUMBER: _ClassVar[int]
    LEARNING_CURRENT_FIELD_NUMBER: _ClassVar[int]
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    list_version: int
    ruleset_version: int
    rule: str
    step_up: StepUp
    blocked: str
    unheld_rules: _containers.RepeatedScalarFieldContainer[str]
    learning_current: bool
    def __init__(self, candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., list_version: _Optional[int] = ..., ruleset_version: _Optional[int] = ..., rule: _Optional[str] = ..., step_up: _Optional[_Union[StepUp, str]] = ..., blocked: _Optional[str] = ..., unheld_rules: _Optional[_Iterable[str]] = ..., learning_current: _Optional[bool] = ...) -> None: ...

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
