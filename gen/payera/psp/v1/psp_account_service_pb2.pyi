import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from payera.options.v1 import options_pb2 as _options_pb2
from payera.psp.v1 import psp_fees_pb2 as _psp_fees_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PspAccount(_message.Message):
    __slots__ = ("account", "merchant_id", "connector", "base_url", "settings", "credential_names", "limits", "brands", "fee_schedule", "source", "webhook_path", "version", "create_time", "update_time", "disable_time")
    class Source(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SOURCE_UNSPECIFIED: _ClassVar[PspAccount.Source]
        DATABASE: _ClassVar[PspAccount.Source]
        FILE: _ClassVar[PspAccount.Source]
    SOURCE_UNSPECIFIED: PspAccount.Source
    DATABASE: PspAccount.Source
    FILE: PspAccount.Source
    class SettingsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_NAMES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    BRANDS_FIELD_NUMBER: _ClassVar[int]
    FEE_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_PATH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DISABLE_TIME_FIELD_NUMBER: _ClassVar[int]
    account: str
    merchant_id: str
    connector: str
    base_url: str
    settings: _containers.ScalarMap[str, str]
    credential_names: _containers.RepeatedScalarFieldContainer[str]
    limits: PspAccountLimits
    brands: _containers.RepeatedScalarFieldContainer[str]
    fee_schedule: FeeSchedule
    source: PspAccount.Source
    webhook_path: str
    version: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    disable_time: _timestamp_pb2.Timestamp
    def __init__(self, account: _Optional[str] = ..., merchant_id: _Optional[str] = ..., connector: _Optional[str] = ..., base_url: _Optional[str] = ..., settings: _Optional[_Mapping[str, str]] = ..., credential_names: _Optional[_Iterable[str]] = ..., limits: _Optional[_Union[PspAccountLimits, _Mapping]] = ..., brands: _Optional[_Iterable[str]] = ..., fee_schedule: _Optional[_Union[FeeSchedule, _Mapping]] = ..., source: _Optional[_Union[PspAccount.Source, str]] = ..., webhook_path: _Optional[str] = ..., version: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., disable_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PspAccountLimits(_message.Message):
    __slots__ = ("concurrent_calls", "calls_per_second")
    CONCURRENT_CALLS_FIELD_NUMBER: _ClassVar[int]
    CALLS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    concurrent_calls: int
    calls_per_second: int
    def __init__(self, concurrent_calls: _Optional[int] = ..., calls_per_second: _Optional[int] = ...) -> None: ...

class FeeSchedule(_message.Message):
    __slots__ = ("basis_points", "fixed_fees", "scheme_fees", "cross_border_fee")
    BASIS_POINTS_FIELD_NUMBER: _ClassVar[int]
    FIXED_FEES_FIELD_NUMBER: _ClassVar[int]
    SCHEME_FEES_FIELD_NUMBER: _ClassVar[int]
    CROSS_BORDER_FEE_FIELD_NUMBER: _ClassVar[int]
    basis_points: int
    fixed_fees: _containers.RepeatedCompositeFieldContainer[FixedFee]
    scheme_fees: _containers.RepeatedCompositeFieldContainer[_psp_fees_pb2.SchemeFee]
    cross_border_fee: _psp_fees_pb2.CrossBorderFee
    def __init__(self, basis_points: _Optional[int] = ..., fixed_fees: _Optional[_Iterable[_Union[FixedFee, _Mapping]]] = ..., scheme_fees: _Optional[_Iterable[_Union[_psp_fees_pb2.SchemeFee, _Mapping]]] = ..., cross_border_fee: _Optional[_Union[_psp_fees_pb2.CrossBorderFee, _Mapping]] = ...) -> None: ...

class FixedFee(_message.Message):
    __slots__ = ("currency", "minor_units")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    MINOR_UNITS_FIELD_NUMBER: _ClassVar[int]
    currency: str
    minor_units: int
    def __init__(self, currency: _Optional[str] = ..., minor_units: _Optional[int] = ...) -> None: ...

class CreatePspAccountRequest(_message.Message):
    __slots__ = ("account", "merchant_id", "connector", "base_url", "api_key", "secrets", "settings", "limits", "brands", "fee_schedule")
    class SecretsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class SettingsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    BRANDS_FIELD_NUMBER: _ClassVar[int]
    FEE_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    account: str
    merchant_id: str
    connector: str
    base_url: str
    api_key: str
    secrets: _containers.ScalarMap[str, str]
    settings: _containers.ScalarMap[str, str]
    limits: PspAccountLimits
    brands: _containers.RepeatedScalarFieldContainer[str]
    fee_schedule: FeeSchedule
    def __init__(self, account: _Optional[str] = ..., merchant_id: _Optional[str] = ..., connector: _Optional[str] = ..., base_url: _Optional[str] = ..., api_key: _Optional[str] = ..., secrets: _Optional[_Mapping[str, str]] = ..., settings: _Optional[_Mapping[str, str]] = ..., limits: _Optional[_Union[PspAccountLimits, _Mapping]] = ..., brands: _Optional[_Iterable[str]] = ..., fee_schedule: _Optional[_Union[FeeSchedule, _Mapping]] = ...) -> None: ...

class GetPspAccountRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    def __init__(self, account: _Optional[str] = ...) -> None: ...

class ListPspAccountsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPspAccountsResponse(_message.Message):
    __slots__ = ("psp_accounts", "next_page_token")
    PSP_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    psp_accounts: _containers.RepeatedCompositeFieldContainer[PspAccount]
    next_page_token: str
    def __init__(self, psp_accounts: _Optional[_Iterable[_Union[PspAccount, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ConfigurePspAccountRequest(_message.Message):
    __slots__ = ("account", "base_url", "settings", "limits", "brands", "fee_schedule")
    class SettingsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    BRANDS_FIELD_NUMBER: _ClassVar[int]
    FEE_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    account: str
    base_url: str
    settings: _containers.ScalarMap[str, str]
    limits: PspAccountLimits
    brands: _containers.RepeatedScalarFieldContainer[str]
    fee_schedule: FeeSchedule
    def __init__(self, account: _Optional[str] = ..., base_url: _Optional[str] = ..., settings: _Optional[_Mapping[str, str]] = ..., limits: _Optional[_Union[PspAccountLimits, _Mapping]] = ..., brands: _Optional[_Iterable[str]] = ..., fee_schedule: _Optional[_Union[FeeSchedule, _Mapping]] = ...) -> None: ...

class SetPspCredentialsRequest(_message.Message):
    __slots__ = ("account", "api_key", "secrets", "base_url")
    class SecretsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    account: str
    api_key: str
    secrets: _containers.ScalarMap[str, str]
    base_url: str
    def __init__(self, account: _Optional[str] = ..., api_key: _Optional[str] = ..., secrets: _Optional[_Mapping[str, str]] = ..., base_url: _Optional[str] = ...) -> None: ...

class DisablePspAccountRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    def __init__(self, account: _Optional[str] = ...) -> None: ...

class EnablePspAccountRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    def __init__(self, account: _Optional[str] = ...) -> None: ...

class CheckPspAccountRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    def __init__(self, account: _Optional[str] = ...) -> None: ...

class CheckPspAccountResponse(_message.Message):
    __slots__ = ("result", "tried", "detail")
    class Result(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RESULT_UNSPECIFIED: _ClassVar[CheckPspAccountResponse.Result]
        PASSED: _ClassVar[CheckPspAccountResponse.Result]
        FAILED: _ClassVar[CheckPspAccountResponse.Result]
        UNREACHABLE: _ClassVar[CheckPspAccountResponse.Result]
        NOT_POSSIBLE: _ClassVar[CheckPspAccountResponse.Result]
    RESULT_UNSPECIFIED: CheckPspAccountResponse.Result
    PASSED: CheckPspAccountResponse.Result
    FAILED: CheckPspAccountResponse.Result
    UNREACHABLE: CheckPspAccountResponse.Result
    NOT_POSSIBLE: CheckPspAccountResponse.Result
    RESULT_FIELD_NUMBER: _ClassVar[int]
    TRIED_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    result: CheckPspAccountResponse.Result
    tried: _containers.RepeatedScalarFieldContainer[str]
    detail: str
    def __init__(self, result: _Optional[_Union[CheckPspAccountResponse.Result, str]] = ..., tried: _Optional[_Iterable[str]] = ..., detail: _Optional[str] = ...) -> None: ...

class WebhookSecret(_message.Message):
    __slots__ = ("id", "account", "create_time", "expire_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    account: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., account: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateWebhookSecretRequest(_message.Message):
    __slots__ = ("account", "secret", "overlap_seconds")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    account: str
    secret: str
    overlap_seconds: int
    def __init__(self, account: _Optional[str] = ..., secret: _Optional[str] = ..., overlap_seconds: _Optional[int] = ...) -> None: ...

class ListWebhookSecretsRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    def __init__(self, account: _Optional[str] = ...) -> None: ...

class ListWebhookSecretsResponse(_message.Message):
    __slots__ = ("webhook_secrets",)
    WEBHOOK_SECRETS_FIELD_NUMBER: _ClassVar[int]
    webhook_secrets: _containers.RepeatedCompositeFieldContainer[WebhookSecret]
    def __init__(self, webhook_secrets: _Optional[_Iterable[_Union[WebhookSecret, _Mapping]]] = ...) -> None: ...

class RetireWebhookSecretRequest(_message.Message):
    __slots__ = ("account", "secret_id")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SECRET_ID_FIELD_NUMBER: _ClassVar[int]
    account: str
    secret_id: str
    def __init__(self, account: _Optional[str] = ..., secret_id: _Optional[str] = ...) -> None: ...
