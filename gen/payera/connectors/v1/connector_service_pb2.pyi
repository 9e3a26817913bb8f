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
    OPERATION_VERIFY: _ClassVar[Operation]
    OPERATION_INCREMENT: _ClassVar[Operation]
    OPERATION_REVERSE: _ClassVar[Operation]

class Initiator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INITIATOR_UNSPECIFIED: _ClassVar[Initiator]
    INITIATOR_CUSTOMER: _ClassVar[Initiator]
    INITIATOR_MERCHANT: _ClassVar[Initiator]

class CredentialUse(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREDENTIAL_USE_UNSPECIFIED: _ClassVar[CredentialUse]
    CREDENTIAL_USE_FIRST: _ClassVar[CredentialUse]
    CREDENTIAL_USE_SUBSEQUENT: _ClassVar[CredentialUse]

class CredentialReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREDENTIAL_REASON_UNSPECIFIED: _ClassVar[CredentialReason]
    CREDENTIAL_REASON_CARD_ON_FILE: _ClassVar[CredentialReason]
    CREDENTIAL_REASON_RECURRING: _ClassVar[CredentialReason]
    CREDENTIAL_REASON_INSTALLMENT: _ClassVar[CredentialReason]
    CREDENTIAL_REASON_UNSCHEDULED: _ClassVar[CredentialReason]
    CREDENTIAL_REASON_RESUBMISSION: _ClassVar[CredentialReason]
    CREDENTIAL_REASON_DELAYED_CHARGE: _ClassVar[CredentialReason]
    CREDENTIAL_REASON_NO_SHOW: _ClassVar[CredentialReason]
    CREDENTIAL_REASON_REAUTHORIZATION: _ClassVar[CredentialReason]
    CREDENTIAL_REASON_PARTIAL_SHIPMENT: _ClassVar[CredentialReason]

class ThreeDsPreference(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    THREE_DS_PREFERENCE_UNSPECIFIED: _ClassVar[ThreeDsPreference]
    THREE_DS_PREFERENCE_AUTOMATIC: _ClassVar[ThreeDsPreference]
    THREE_DS_PREFERENCE_CHALLENGE: _ClassVar[ThreeDsPreference]
    THREE_DS_PREFERENCE_SKIP: _ClassVar[ThreeDsPreference]

class Exemption(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXEMPTION_UNSPECIFIED: _ClassVar[Exemption]
    EXEMPTION_LOW_VALUE: _ClassVar[Exemption]
    EXEMPTION_TRANSACTION_RISK: _ClassVar[Exemption]
    EXEMPTION_TRUSTED_BENEFICIARY: _ClassVar[Exemption]
    EXEMPTION_SECURE_CORPORATE: _ClassVar[Exemption]
OPERATION_UNSPECIFIED: Operation
OPERATION_AUTHORIZE: Operation
OPERATION_CAPTURE: Operation
OPERATION_VOID: Operation
OPERATION_REFUND: Operation
OPERATION_VERIFY: Operation
OPERATION_INCREMENT: Operation
OPERATION_REVERSE: Operation
INITIATOR_UNSPECIFIED: Initiator
INITIATOR_CUSTOMER: Initiator
INITIATOR_MERCHANT: Initiator
CREDENTIAL_USE_UNSPECIFIED: CredentialUse
CREDENTIAL_USE_FIRST: CredentialUse
CREDENTIAL_USE_SUBSEQUENT: CredentialUse
CREDENTIAL_REASON_UNSPECIFIED: CredentialReason
CREDENTIAL_REASON_CARD_ON_FILE: CredentialReason
CREDENTIAL_REASON_RECURRING: CredentialReason
CREDENTIAL_REASON_INSTALLMENT: CredentialReason
CREDENTIAL_REASON_UNSCHEDULED: CredentialReason
CREDENTIAL_REASON_RESUBMISSION: CredentialReason
CREDENTIAL_REASON_DELAYED_CHARGE: CredentialReason
CREDENTIAL_REASON_NO_SHOW: CredentialReason
CREDENTIAL_REASON_REAUTHORIZATION: CredentialReason
CREDENTIAL_REASON_PARTIAL_SHIPMENT: CredentialReason
THREE_DS_PREFERENCE_UNSPECIFIED: ThreeDsPreference
THREE_DS_PREFERENCE_AUTOMATIC: ThreeDsPreference
THREE_DS_PREFERENCE_CHALLENGE: ThreeDsPreference
THREE_DS_PREFERENCE_SKIP: ThreeDsPreference
EXEMPTION_UNSPECIFIED: Exemption
EXEMPTION_LOW_VALUE: Exemption
EXEMPTION_TRANSACTION_RISK: Exemption
EXEMPTION_TRUSTED_BENEFICIARY: Exemption
EXEMPTION_SECURE_CORPORATE: Exemption

class AuthorizeRequest(_message.Message):
    __slots__ = ("account", "reference", "idempotency_key", "merchant_id", "token", "amount", "capture", "payment_id", "statement_descriptor", "details", "repetition", "code_required")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    REPETITION_FIELD_NUMBER: _ClassVar[int]
    CODE_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    account: str
    reference: str
    idempotency_key: str
    merchant_id: str
    token: str
    amount: _money_pb2.Money
    capture: bool
    payment_id: str
    statement_descriptor: str
    details: PaymentDetails
    repetition: bool
    code_required: bool
    def __init__(self, account: _Optional[str] = ..., reference: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., merchant_id: _Optional[str] = ..., token: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., capture: _Optional[bool] = ..., payment_id: _Optional[str] = ..., statement_descriptor: _Optional[str] = ..., details: _Optional[_Union[PaymentDetails, _Mapping]] = ..., repetition: _Optional[bool] = ..., code_required: _Optional[bool] = ...) -> None: ...

class AuthorizeResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcome_pb2.Outcome
    def __init__(self, outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("account", "reference", "idempotency_key", "merchant_id", "token", "currency", "payment_id", "details", "repetition")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    REPETITION_FIELD_NUMBER: _ClassVar[int]
    account: str
    reference: str
    idempotency_key: str
    merchant_id: str
    token: str
    currency: str
    payment_id: str
    details: PaymentDetails
    repetition: bool
    def __init__(self, account: _Optional[str] = ..., reference: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., merchant_id: _Optional[str] = ..., token: _Optional[str] = ..., currency: _Optional[str] = ..., payment_id: _Optional[str] = ..., details: _Optional[_Union[PaymentDetails, _Mapping]] = ..., repetition: _Optional[bool] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcome_pb2.Outcome
    def __init__(self, outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ...) -> None: ...

class PaymentDetails(_message.Message):
    __slots__ = ("merchant_reference", "description", "return_url", "customer", "stored_credential", "three_ds", "three_ds_preference", "exemption", "level2")
    MERCHANT_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    RETURN_URL_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    STORED_CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    THREE_DS_FIELD_NUMBER: _ClassVar[int]
    THREE_DS_PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    EXEMPTION_FIELD_NUMBER: _ClassVar[int]
    LEVEL2_FIELD_NUMBER: _ClassVar[int]
    merchant_reference: str
    description: str
    return_url: str
    customer: Customer
    stored_credential: StoredCredential
    three_ds: ThreeDsResult
    three_ds_preference: ThreeDsPreference
    exemption: Exemption
    level2: Level2
    def __init__(self, merchant_reference: _Optional[str] = ..., description: _Optional[str] = ..., return_url: _Optional[str] = ..., customer: _Optional[_Union[Customer, _Mapping]] = ..., stored_credential: _Optional[_Union[StoredCredential, _Mapping]] = ..., three_ds: _Optional[_Union[ThreeDsResult, _Mapping]] = ..., three_ds_preference: _Optional[_Union[ThreeDsPreference, str]] = ..., exemption: _Optional[_Union[Exemption, str]] = ..., level2: _Optional[_Union[Level2, _Mapping]] = ...) -> None: ...

class Customer(_message.Message):
    __slots__ = ("id", "name", "email", "ip_address", "address")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    email: str
    ip_address: str
    address: Address
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., email: _Optional[str] = ..., ip_address: _Optional[str] = ..., address: _Optional[_Union[Address, _Mapping]] = ...) -> None: ...

class Address(_message.Message):
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

class StoredCredential(_message.Message):
    __slots__ = ("initiator", "use", "reason", "network_transaction_id", "network_transaction_date")
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NETWORK_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    NETWORK_TRANSACTION_DATE_FIELD_NUMBER: _ClassVar[int]
    initiator: Initiator
    use: CredentialUse
    reason: CredentialReason
    network_transaction_id: str
    network_transaction_date: str
    def __init__(self, initiator: _Optional[_Union[Initiator, str]] = ..., use: _Optional[_Union[CredentialUse, str]] = ..., reason: _Optional[_Union[CredentialReason, str]] = ..., network_transaction_id: _Optional[str] = ..., network_transaction_date: _Optional[str] = ...) -> None: ...

class ThreeDsResult(_message.Message):
    __slots__ = ("version", "eci", "cryptogram", "ds_transaction_id", "trans_status", "challenge_status")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ECI_FIELD_NUMBER: _ClassVar[int]
    CRYPTOGRAM_FIELD_NUMBER: _ClassVar[int]
    DS_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    TRANS_STATUS_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_STATUS_FIELD_NUMBER: _ClassVar[int]
    version: str
    eci: str
    cryptogram: str
    ds_transaction_id: str
    trans_status: str
    challenge_status: str
    def __init__(self, version: _Optional[str] = ..., eci: _Optional[str] = ..., cryptogram: _Optional[str] = ..., ds_transaction_id: _Optional[str] = ..., trans_status: _Optional[str] = ..., challenge_status: _Optional[str] = ...) -> None: ...

class Level2(_message.Message):
    __slots__ = ("customer_reference", "tax_amount")
    CUSTOMER_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    TAX_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    customer_reference: str
    tax_amount: int
    def __init__(self, customer_reference: _Optional[str] = ..., tax_amount: _Optional[int] = ...) -> None: ...

class IncrementRequest(_message.Message):
    __slots__ = ("account", "reference", "idempotency_key", "psp_reference", "amount", "total")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    account: str
    reference: str
    idempotency_key: str
    psp_reference: str
    amount: _money_pb2.Money
    total: _money_pb2.Money
    def __init__(self, account: _Optional[str] = ..., reference: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., psp_reference: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., total: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class IncrementResponse(_message.Message):
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
    __slots__ = ("account", "reference", "idempotency_key", "psp_reference", "amount", "capture_psp_reference")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    account: str
    reference: str
    idempotency_key: str
    psp_reference: str
    amount: _money_pb2.Money
    capture_psp_reference: str
    def __init__(self, account: _Optional[str] = ..., reference: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., psp_reference: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., capture_psp_reference: _Optional[str] = ...) -> None: ...

class RefundResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcome_pb2.Outcome
    def __init__(self, outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ...) -> None: ...

class ReverseRequest(_message.Message):
    __slots__ = ("account", "reference", "idempotency_key")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    account: str
    reference: str
    idempotency_key: str
    def __init__(self, account: _Optional[str] = ..., reference: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ReverseResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcome_pb2.Outcome
    def __init__(self, outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ...) -> None: ...

class SyncRequest(_message.Message):
    __slots__ = ("account", "operation", "reference", "amount", "psp_reference", "payment_psp_reference", "capture")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_FIELD_NUMBER: _ClassVar[int]
    account: str
    operation: Operation
    reference: str
    amount: _money_pb2.Money
    psp_reference: str
    payment_psp_reference: str
    capture: bool
    def __init__(self, account: _Optional[str] = ..., operation: _Optional[_Union[Operation, str]] = ..., reference: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., psp_reference: _Optional[str] = ..., payment_psp_reference: _Optional[str] = ..., capture: _Optional[bool] = ...) -> None: ...

class SyncResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: _outcome_pb2.Outcome
    def __init__(self, outcome: _Optional[_Union[_outcome_pb2.Outcome, _Mapping]] = ...) -> None: ...

class ListCapabilitiesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class AccountCapabilities(_message.Message):
    __slots__ = ("account", "connector", "operations", "brands", "currencies", "sync_by_reference", "idempotency_window_seconds", "idempotency_key_max_length", "multiple_captures", "operation_capabilities", "countries", "amount_limits", "refunds_captures", "disabled", "merchant_id", "methods", "features", "fees")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    BRANDS_FIELD_NUMBER: _ClassVar[int]
    CURRENCIES_FIELD_NUMBER: _ClassVar[int]
    SYNC_BY_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_WINDOW_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MULTIPLE_CAPTURES_FIELD_NUMBER: _ClassVar[int]
    OPERATION_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    COUNTRIES_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_LIMITS_FIELD_NUMBER: _ClassVar[int]
    REFUNDS_CAPTURES_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    FEES_FIELD_NUMBER: _ClassVar[int]
    account: str
    connector: str
    operations: _containers.RepeatedScalarFieldContainer[Operation]
    brands: _containers.RepeatedScalarFieldContainer[str]
    currencies: _containers.RepeatedScalarFieldContainer[str]
    sync_by_reference: bool
    idempotency_window_seconds: int
    idempotency_key_max_length: int
    multiple_captures: bool
    operation_capabilities: _containers.RepeatedCompositeFieldContainer[OperationCapability]
    countries: _containers.RepeatedScalarFieldContainer[str]
    amount_limits: _containers.RepeatedCompositeFieldContainer[AmountLimits]
    refunds_captures: bool
    disabled: bool
    merchant_id: str
    methods: _containers.RepeatedScalarFieldContainer[str]
    features: _containers.RepeatedScalarFieldContainer[str]
    fees: AccountFees
    def __init__(self, account: _Optional[str] = ..., connector: _Optional[str] = ..., operations: _Optional[_Iterable[_Union[Operation, str]]] = ..., brands: _Optional[_Iterable[str]] = ..., currencies: _Optional[_Iterable[str]] = ..., sync_by_reference: _Optional[bool] = ..., idempotency_window_seconds: _Optional[int] = ..., idempotency_key_max_length: _Optional[int] = ..., multiple_captures: _Optional[bool] = ..., operation_capabilities: _Optional[_Iterable[_Union[OperationCapability, _Mapping]]] = ..., countries: _Optional[_Iterable[str]] = ..., amount_limits: _Optional[_Iterable[_Union[AmountLimits, _Mapping]]] = ..., refunds_captures: _Optional[bool] = ..., disabled: _Optional[bool] = ..., merchant_id: _Optional[str] = ..., methods: _Optional[_Iterable[str]] = ..., features: _Optional[_Iterable[str]] = ..., fees: _Optional[_Union[AccountFees, _Mapping]] = ...) -> None: ...

class AccountFees(_message.Message):
    __slots__ = ("percentage_ppm", "fixed", "scheme_ppm", "cross_border_ppm", "country")
    class FixedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class SchemePpmEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    PERCENTAGE_PPM_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    SCHEME_PPM_FIELD_NUMBER: _ClassVar[int]
    CROSS_BORDER_PPM_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    percentage_ppm: int
    fixed: _containers.ScalarMap[str, int]
    scheme_ppm: _containers.ScalarMap[str, int]
    cross_border_ppm: int
    country: str
    def __init__(self, percentage_ppm: _Optional[int] = ..., fixed: _Optional[_Mapping[str, int]] = ..., scheme_ppm: _Optional[_Mapping[str, int]] = ..., cross_border_ppm: _Optional[int] = ..., country: _Optional[str] = ...) -> None: ...

class OperationCapability(_message.Message):
    __slots__ = ("operation", "ask_by_reference", "ask_by_psp_reference", "ask_by_payment", "repeat_seconds", "webhook", "answers_later", "settles_within_seconds")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    ASK_BY_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    ASK_BY_PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    ASK_BY_PAYMENT_FIELD_NUMBER: _ClassVar[int]
    REPEAT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_LATER_FIELD_NUMBER: _ClassVar[int]
    SETTLES_WITHIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    operation: Operation
    ask_by_reference: bool
    ask_by_psp_reference: bool
    ask_by_payment: bool
    repeat_seconds: int
    webhook: bool
    answers_later: bool
    settles_within_seconds: int
    def __init__(self, operation: _Optional[_Union[Operation, str]] = ..., ask_by_reference: _Optional[bool] = ..., ask_by_psp_reference: _Optional[bool] = ..., ask_by_payment: _Optional[bool] = ..., repeat_seconds: _Optional[int] = ..., webhook: _Optional[bool] = ..., answers_later: _Optional[bool] = ..., settles_within_seconds: _Optional[int] = ...) -> None: ...

class AmountLimits(_message.Message):
    __slots__ = ("currency", "smallest", "largest")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    SMALLEST_FIELD_NUMBER: _ClassVar[int]
    LARGEST_FIELD_NUMBER: _ClassVar[int]
    currency: str
    smallest: int
    largest: int
    def __init__(self, currency: _Optional[str] = ..., smallest: _Optional[int] = ..., largest: _Optional[int] = ...) -> None: ...

class ListCapabilitiesResponse(_message.Message):
    __slots__ = ("accounts", "next_page_token")
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[AccountCapabilities]
    next_page_token: str
    def __init__(self, accounts: _Optional[_Iterable[_Union[AccountCapabilities, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
