import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RulesetSimulation(_message.Message):
    __slots__ = ("active_version", "version", "payments", "oldest_time", "newest_time", "complete", "moved", "approved_in_fact", "open", "before", "after", "accounts", "currencies", "examples", "learning_current", "troubled_accounts")
    ACTIVE_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PAYMENTS_FIELD_NUMBER: _ClassVar[int]
    OLDEST_TIME_FIELD_NUMBER: _ClassVar[int]
    NEWEST_TIME_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    APPROVED_IN_FACT_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    CURRENCIES_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    LEARNING_CURRENT_FIELD_NUMBER: _ClassVar[int]
    TROUBLED_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    active_version: int
    version: int
    payments: int
    oldest_time: _timestamp_pb2.Timestamp
    newest_time: _timestamp_pb2.Timestamp
    complete: bool
    moved: int
    approved_in_fact: int
    open: int
    before: SimulatedSide
    after: SimulatedSide
    accounts: _containers.RepeatedCompositeFieldContainer[SimulatedAccount]
    currencies: _containers.RepeatedCompositeFieldContainer[SimulatedCurrency]
    examples: _containers.RepeatedCompositeFieldContainer[SimulatedMove]
    learning_current: bool
    troubled_accounts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, active_version: _Optional[int] = ..., version: _Optional[int] = ..., payments: _Optional[int] = ..., oldest_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., newest_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., complete: _Optional[bool] = ..., moved: _Optional[int] = ..., approved_in_fact: _Optional[int] = ..., open: _Optional[int] = ..., before: _Optional[_Union[SimulatedSide, _Mapping]] = ..., after: _Optional[_Union[SimulatedSide, _Mapping]] = ..., accounts: _Optional[_Iterable[_Union[SimulatedAccount, _Mapping]]] = ..., currencies: _Optional[_Iterable[_Union[SimulatedCurrency, _Mapping]]] = ..., examples: _Optional[_Iterable[_Union[SimulatedMove, _Mapping]]] = ..., learning_current: _Optional[bool] = ..., troubled_accounts: _Optional[_Iterable[str]] = ...) -> None: ...

class SimulatedSide(_message.Message):
    __slots__ = ("blocked", "not_served", "three_ds_required", "three_ds_skipped", "expected_approvals_ppm", "rules")
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    NOT_SERVED_FIELD_NUMBER: _ClassVar[int]
    THREE_DS_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    THREE_DS_SKIPPED_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_APPROVALS_PPM_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    blocked: int
    not_served: int
    three_ds_required: int
    three_ds_skipped: int
    expected_approvals_ppm: int
    rules: _containers.RepeatedCompositeFieldContainer[SimulatedRule]
    def __init__(self, blocked: _Optional[int] = ..., not_served: _Optional[int] = ..., three_ds_required: _Optional[int] = ..., three_ds_skipped: _Optional[int] = ..., expected_approvals_ppm: _Optional[int] = ..., rules: _Optional[_Iterable[_Union[SimulatedRule, _Mapping]]] = ...) -> None: ...

class SimulatedRule(_message.Message):
    __slots__ = ("rule", "payments", "failed")
    RULE_FIELD_NUMBER: _ClassVar[int]
    PAYMENTS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    rule: str
    payments: int
    failed: int
    def __init__(self, rule: _Optional[str] = ..., payments: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...

class SimulatedAccount(_message.Message):
    __slots__ = ("psp_account", "in_fact", "before", "after")
    PSP_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    IN_FACT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    psp_account: str
    in_fact: int
    before: int
    after: int
    def __init__(self, psp_account: _Optional[str] = ..., in_fact: _Optional[int] = ..., before: _Optional[int] = ..., after: _Optional[int] = ...) -> None: ...

class SimulatedCurrency(_message.Message):
    __slots__ = ("currency", "payments", "amount", "before", "after")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    PAYMENTS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    currency: str
    payments: int
    amount: int
    before: SimulatedAmounts
    after: SimulatedAmounts
    def __init__(self, currency: _Optional[str] = ..., payments: _Optional[int] = ..., amount: _Optional[int] = ..., before: _Optional[_Union[SimulatedAmounts, _Mapping]] = ..., after: _Optional[_Union[SimulatedAmounts, _Mapping]] = ...) -> None: ...

class SimulatedAmounts(_message.Message):
    __slots__ = ("approved", "fees")
    APPROVED_FIELD_NUMBER: _ClassVar[int]
    FEES_FIELD_NUMBER: _ClassVar[int]
    approved: int
    fees: int
    def __init__(self, approved: _Optional[int] = ..., fees: _Optional[int] = ...) -> None: ...

class SimulatedMove(_message.Message):
    __slots__ = ("payment_id", "amount", "currency", "before", "after")
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    payment_id: str
    amount: int
    currency: str
    before: SimulatedPlace
    after: SimulatedPlace
    def __init__(self, payment_id: _Optional[str] = ..., amount: _Optional[int] = ..., currency: _Optional[str] = ..., before: _Optional[_Union[SimulatedPlace, _Mapping]] = ..., after: _Optional[_Union[SimulatedPlace, _Mapping]] = ...) -> None: ...

class SimulatedPlace(_message.Message):
    __slots__ = ("psp_account", "blocked", "rule", "reason")
    PSP_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    psp_account: str
    blocked: bool
    rule: str
    reason: str
    def __init__(self, psp_account: _Optional[str] = ..., blocked: _Optional[bool] = ..., rule: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
