from buf.validate import validate_pb2 as _validate_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from payera.types.v1 import money_pb2 as _money_pb2
from payera.types.v1 import outcome_pb2 as _outcome_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Operation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_UNSPECIFIED: _ClassVar[Operation]
    OPERATION_AUTHORIZE: _ClassVar[Operation]
    OPERATION_CAPTURE: _ClassVar[Operation]
    OPERATION_VOID: _ClassVar[Operation]
    OPERATION_REFUND: _ClassVar[Operation]
OPERATION_UNSPECIFIED: Operation
OPERATION_AUTHORIZE: Operation
OPERATION_CAPTURE: Operation
OPERATION_VOID: Operation
OPERATION_REFUND: Operation

class AuthorizeRequest(_message.Message):
    __slots__ = ("account", "reference", "idempotency_key", "merchant_id", "token", "amount", "capture", "payment_id", "statement_descriptor")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    account: str
    reference: str
    idempotency_key: str
    merchant_id: str
    token: str
    amount: _money_pb2.Money
    capture: bool
    payment_id: str
    statement_descriptor: str
    def __init__(self, account: _Optional[str] = ..., reference: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., merchant_id: _Optional[str] = ..., token: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., capture: _Optional[bool] = ..., payment_id: _Optional[str] = ..., statement_descriptor: _Optional[str] = ...) -> None: ...

class AuthorizeResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcome_pb2.Outcome
    def __init__(self, outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ...) -> None: ...

class CaptureRequest(_message.Message):
    __slots__ = ("account", "reference", "idempotency_key", "psp_reference", "amount", "final")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    account: str
    reference: str
    idempotency_key: str
    psp_reference: str
    amount: _money_pb2.Money
    final: bool
    def __init__(self, account: _Optional[str] = ..., reference: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., psp_reference: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., final: _Optional[bool] = ...) -> None: ...

class CaptureResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcome_pb2.Outcome
    def __init__(self, outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ...) -> None: ...

class VoidRequest(_message.Message):
    __slots__ = ("account", "reference", "idempotency_key", "psp_reference")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    account: str
    reference: str
    idempotency_key: str
    psp_reference: str
    def __init__(self, account: _Optional[str] = ..., reference: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., psp_reference: _Optional[str] = ...) -> None: ...

class VoidResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcome_pb2.Outcome
    def __init__(self, outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ...) -> None: ...

class RefundRequest(_message.Message):
    __slots__ = ("account", "reference", "idempotency_key", "psp_reference", "amount")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    reference: str
    idempotency_key: str
    psp_reference: str
    amount: _money_pb2.Money
    def __init__(self, account: _Optional[str] = ..., reference: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., psp_reference: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class RefundResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcome_pb2.Outcome
    def __init__(self, outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ...) -> None: ...

class SyncRequest(_message.Message):
    __slots__ = ("account", "operation", "reference", "amount")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    operation: Operation
    reference: str
    amount: _money_pb2.Money
    def __init__(self, account: _Optional[str] = ..., operation: _Optional[_Union[Operation, str]] = ..., reference: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class SyncResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcome_pb2.Outcome
    def __init__(self, outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ...) -> None: ...

class ListCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AccountCapabilities(_message.Message):
    __slots__ = ("account", "connector", "operations", "brands", "currencies", "sync_by_reference", "idempotency_window_seconds", "idempotency_key_max_length", "multiple_captures")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    BRANDS_FIELD_NUMBER: _ClassVar[int]
    CURRENCIES_FIELD_NUMBER: _ClassVar[int]
    SYNC_BY_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_WINDOW_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MULTIPLE_CAPTURES_FIELD_NUMBER: _ClassVar[int]
    account: str
    connector: str
    operations: _containers.RepeatedScalarFieldContainer[Operation]
    brands: _containers.RepeatedScalarFieldContainer[str]
    currencies: _containers.RepeatedScalarFieldContainer[str]
    sync_by_reference: bool
    idempotency_window_seconds: int
    idempotency_key_max_length: int
    multiple_captures: bool
    def __init__(self, account: _Optional[str] = ..., connector: _Optional[str] = ..., operations: _Optional[_Iterable[_Union[Operation, str]]] = ..., brands: _Optional[_Iterable[str]] = ..., currencies: _Optional[_Iterable[str]] = ..., sync_by_reference: _Optional[bool] = ..., idempotency_window_seconds: _Optional[int] = ..., idempotency_key_max_length: _Optional[int] = ..., multiple_captures: _Optional[bool] = ...) -> None: ...

class ListCapabilitiesResponse(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[AccountCapabilities]
    def __init__(self, accounts: _Optional[_Iterable[_Union[AccountCapabilities, _Mapping]]] = ...) -> None: ...
