import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from payera.types.v1 import card_pb2 as _card_pb2
from payera.types.v1 import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CaptureMethod(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CAPTURE_METHOD_UNSPECIFIED: _ClassVar[CaptureMethod.Value]
        AUTOMATIC: _ClassVar[CaptureMethod.Value]
        MANUAL: _ClassVar[CaptureMethod.Value]
    CAPTURE_METHOD_UNSPECIFIED: CaptureMethod.Value
    AUTOMATIC: CaptureMethod.Value
    MANUAL: CaptureMethod.Value
    def __init__(self) -> None: ...

class Exemption(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        EXEMPTION_UNSPECIFIED: _ClassVar[Exemption.Value]
        LOW_VALUE: _ClassVar[Exemption.Value]
        TRANSACTION_RISK: _ClassVar[Exemption.Value]
        TRUSTED_BENEFICIARY: _ClassVar[Exemption.Value]
        SECURE_CORPORATE: _ClassVar[Exemption.Value]
    EXEMPTION_UNSPECIFIED: Exemption.Value
    LOW_VALUE: Exemption.Value
    TRANSACTION_RISK: Exemption.Value
    TRUSTED_BENEFICIARY: Exemption.Value
    SECURE_CORPORATE: Exemption.Value
    def __init__(self) -> None: ...

class StoredCredential(_message.Message):
    __slots__ = ("initiator", "reason", "network_transaction_id", "network_transaction_date")
    class Initiator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        INITIATOR_UNSPECIFIED: _ClassVar[StoredCredential.Initiator]
        CUSTOMER: _ClassVar[StoredCredential.Initiator]
        MERCHANT: _ClassVar[StoredCredential.Initiator]
    INITIATOR_UNSPECIFIED: StoredCredential.Initiator
    CUSTOMER: StoredCredential.Initiator
    MERCHANT: StoredCredential.Initiator
    class CredentialReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CREDENTIAL_REASON_UNSPECIFIED: _ClassVar[StoredCredential.CredentialReason]
        CARD_ON_FILE: _ClassVar[StoredCredential.CredentialReason]
        RECURRING: _ClassVar[StoredCredential.CredentialReason]
        INSTALLMENT: _ClassVar[StoredCredential.CredentialReason]
        UNSCHEDULED: _ClassVar[StoredCredential.CredentialReason]
        RESUBMISSION: _ClassVar[StoredCredential.CredentialReason]
        DELAYED_CHARGE: _ClassVar[StoredCredential.CredentialReason]
        NO_SHOW: _ClassVar[StoredCredential.CredentialReason]
        REAUTHORIZATION: _ClassVar[StoredCredential.CredentialReason]
        PARTIAL_SHIPMENT: _ClassVar[StoredCredential.CredentialReason]
    CREDENTIAL_REASON_UNSPECIFIED: StoredCredential.CredentialReason
    CARD_ON_FILE: StoredCredential.CredentialReason
    RECURRING: StoredCredential.CredentialReason
    INSTALLMENT: StoredCredential.CredentialReason
    UNSCHEDULED: StoredCredential.CredentialReason
    RESUBMISSION: StoredCredential.CredentialReason
    DELAYED_CHARGE: StoredCredential.CredentialReason
    NO_SHOW: StoredCredential.CredentialReason
    REAUTHORIZATION: StoredCredential.CredentialReason
    PARTIAL_SHIPMENT: StoredCredential.CredentialReason
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NETWORK_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    NETWORK_TRANSACTION_DATE_FIELD_NUMBER: _ClassVar[int]
    initiator: StoredCredential.Initiator
    reason: StoredCredential.CredentialReason
    network_transaction_id: str
    network_transaction_date: str
    def __init__(self, initiator: _Optional[_Union[StoredCredential.Initiator, str]] = ..., reason: _Optional[_Union[StoredCredential.CredentialReason, str]] = ..., network_transaction_id: _Optional[str] = ..., network_transaction_date: _Optional[str] = ...) -> None: ...

class ThreeDSecure(_message.Message):
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

class ThreeDSecureSummary(_message.Message):
    __slots__ = ("version", "eci", "ds_transaction_id", "trans_status", "challenge_status")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ECI_FIELD_NUMBER: _ClassVar[int]
    DS_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    TRANS_STATUS_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_STATUS_FIELD_NUMBER: _ClassVar[int]
    version: str
    eci: str
    ds_transaction_id: str
    trans_status: str
    challenge_status: str
    def __init__(self, version: _Optional[str] = ..., eci: _Optional[str] = ..., ds_transaction_id: _Optional[str] = ..., trans_status: _Optional[str] = ..., challenge_status: _Optional[str] = ...) -> None: ...

class Payment(_message.Message):
    __slots__ = ("id", "status", "amount", "amount_authorized", "amount_captured", "amount_refunded", "amount_capturable", "amount_refundable", "capture_method", "token", "card", "merchant_reference", "description", "metadata", "decline", "attempts", "captures", "under_review", "create_time", "update_time", "voids", "store_card", "stored_credential", "three_d_secure", "exemption", "next_action")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[Payment.Status]
        PROCESSING: _ClassVar[Payment.Status]
        REQUIRES_ACTION: _ClassVar[Payment.Status]
        AUTHORIZED: _ClassVar[Payment.Status]
        SUCCEEDED: _ClassVar[Payment.Status]
        DECLINED: _ClassVar[Payment.Status]
        FAILED: _ClassVar[Payment.Status]
        VOIDED: _ClassVar[Payment.Status]
    STATUS_UNSPECIFIED: Payment.Status
    PROCESSING: Payment.Status
    REQUIRES_ACTION: Payment.Status
    AUTHORIZED: Payment.Status
    SUCCEEDED: Payment.Status
    DECLINED: Payment.Status
    FAILED: Payment.Status
    VOIDED: Payment.Status
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_AUTHORIZED_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_CAPTURED_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_REFUNDED_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_CAPTURABLE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_REFUNDABLE_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_METHOD_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    DECLINE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    CAPTURES_FIELD_NUMBER: _ClassVar[int]
    UNDER_REVIEW_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    VOIDS_FIELD_NUMBER: _ClassVar[int]
    STORE_CARD_FIELD_NUMBER: _ClassVar[int]
    STORED_CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    THREE_D_SECURE_FIELD_NUMBER: _ClassVar[int]
    EXEMPTION_FIELD_NUMBER: _ClassVar[int]
    NEXT_ACTION_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: Payment.Status
    amount: _money_pb2.Money
    amount_authorized: int
    amount_captured: int
    amount_refunded: int
    amount_capturable: int
    amount_refundable: int
    capture_method: CaptureMethod.Value
    token: str
    card: _card_pb2.CardSummary
    merchant_reference: str
    description: str
    metadata: _containers.ScalarMap[str, str]
    decline: Decline
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    captures: _containers.RepeatedCompositeFieldContainer[Capture]
    under_review: bool
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    voids: _containers.RepeatedCompositeFieldContainer[Void]
    store_card: bool
    stored_credential: StoredCredential
    three_d_secure: ThreeDSecureSummary
    exemption: Exemption.Value
    next_action: NextAction
    def __init__(self, id: _Optional[str] = ..., status: _Optional[_Union[Payment.Status, str]] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., amount_authorized: _Optional[int] = ..., amount_captured: _Optional[int] = ..., amount_refunded: _Optional[int] = ..., amount_capturable: _Optional[int] = ..., amount_refundable: _Optional[int] = ..., capture_method: _Optional[_Union[CaptureMethod.Value, str]] = ..., token: _Optional[str] = ..., card: _Optional[_Union[_card_pb2.CardSummary, _Mapping]] = ..., merchant_reference: _Optional[str] = ..., description: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., decline: _Optional[_Union[Decline, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ..., captures: _Optional[_Iterable[_Union[Capture, _Mapping]]] = ..., under_review: _Optional[bool] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., voids: _Optional[_Iterable[_Union[Void, _Mapping]]] = ..., store_card: _Optional[bool] = ..., stored_credential: _Optional[_Union[StoredCredential, _Mapping]] = ..., three_d_secure: _Optional[_Union[ThreeDSecureSummary, _Mapping]] = ..., exemption: _Optional[_Union[Exemption.Value, str]] = ..., next_action: _Optional[_Union[NextAction, _Mapping]] = ...) -> None: ...

class NextAction(_message.Message):
    __slots__ = ("kind", "url", "method", "fields", "expire_time")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[NextAction.Kind]
        REDIRECT: _ClassVar[NextAction.Kind]
        FINGERPRINT: _ClassVar[NextAction.Kind]
        CHALLENGE: _ClassVar[NextAction.Kind]
    KIND_UNSPECIFIED: NextAction.Kind
    REDIRECT: NextAction.Kind
    FINGERPRINT: NextAction.Kind
    CHALLENGE: NextAction.Kind
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    kind: NextAction.Kind
    url: str
    method: str
    fields: _containers.ScalarMap[str, str]
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, kind: _Optional[_Union[NextAction.Kind, str]] = ..., url: _Optional[str] = ..., method: _Optional[str] = ..., fields: _Optional[_Mapping[str, str]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Decline(_message.Message):
    __slots__ = ("code", "message", "raw_code")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RAW_CODE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    raw_code: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., raw_code: _Optional[str] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("id", "psp_account", "status", "psp_reference", "decline", "route_reason", "create_time", "network_code", "advice_code", "checks", "capture_before", "expected_by")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[Attempt.Status]
        SENDING: _ClassVar[Attempt.Status]
        APPROVED: _ClassVar[Attempt.Status]
        DECLINED: _ClassVar[Attempt.Status]
        NOT_SENT: _ClassVar[Attempt.Status]
        UNKNOWN: _ClassVar[Attempt.Status]
        PENDING: _ClassVar[Attempt.Status]
        ACTION_REQUIRED: _ClassVar[Attempt.Status]
    STATUS_UNSPECIFIED: Attempt.Status
    SENDING: Attempt.Status
    APPROVED: Attempt.Status
    DECLINED: Attempt.Status
    NOT_SENT: Attempt.Status
    UNKNOWN: Attempt.Status
    PENDING: Attempt.Status
    ACTION_REQUIRED: Attempt.Status
    ID_FIELD_NUMBER: _ClassVar[int]
    PSP_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    DECLINE_FIELD_NUMBER: _ClassVar[int]
    ROUTE_REASON_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    NETWORK_CODE_FIELD_NUMBER: _ClassVar[int]
    ADVICE_CODE_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    psp_account: str
    status: Attempt.Status
    psp_reference: str
    decline: Decline
    route_reason: str
    create_time: _timestamp_pb2.Timestamp
    network_code: str
    advice_code: str
    checks: CardChecks
    capture_before: _timestamp_pb2.Timestamp
    expected_by: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., psp_account: _Optional[str] = ..., status: _Optional[_Union[Attempt.Status, str]] = ..., psp_reference: _Optional[str] = ..., decline: _Optional[_Union[Decline, _Mapping]] = ..., route_reason: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., network_code: _Optional[str] = ..., advice_code: _Optional[str] = ..., checks: _Optional[_Union[CardChecks, _Mapping]] = ..., capture_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expected_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CardChecks(_message.Message):
    __slots__ = ("street", "postal_code", "card_code")
    class Result(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RESULT_UNSPECIFIED: _ClassVar[CardChecks.Result]
        MATCH: _ClassVar[CardChecks.Result]
        NO_MATCH: _ClassVar[CardChecks.Result]
        UNAVAILABLE: _ClassVar[CardChecks.Result]
    RESULT_UNSPECIFIED: CardChecks.Result
    MATCH: CardChecks.Result
    NO_MATCH: CardChecks.Result
    UNAVAILABLE: CardChecks.Result
    STREET_FIELD_NUMBER: _ClassVar[int]
    POSTAL_CODE_FIELD_NUMBER: _ClassVar[int]
    CARD_CODE_FIELD_NUMBER: _ClassVar[int]
    street: CardChecks.Result
    postal_code: CardChecks.Result
    card_code: CardChecks.Result
    def __init__(self, street: _Optional[_Union[CardChecks.Result, str]] = ..., postal_code: _Optional[_Union[CardChecks.Result, str]] = ..., card_code: _Optional[_Union[CardChecks.Result, str]] = ...) -> None: ...

class Capture(_message.Message):
    __slots__ = ("id", "amount", "final", "status", "decline", "create_time", "expected_by")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[Capture.Status]
        PROCESSING: _ClassVar[Capture.Status]
        SUCCEEDED: _ClassVar[Capture.Status]
        FAILED: _ClassVar[Capture.Status]
    STATUS_UNSPECIFIED: Capture.Status
    PROCESSING: Capture.Status
    SUCCEEDED: Capture.Status
    FAILED: Capture.Status
    ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DECLINE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    amount: int
    final: bool
    status: Capture.Status
    decline: Decline
    create_time: _timestamp_pb2.Timestamp
    expected_by: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., amount: _Optional[int] = ..., final: _Optional[bool] = ..., status: _Optional[_Union[Capture.Status, str]] = ..., decline: _Optional[_Union[Decline, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expected_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Void(_message.Message):
    __slots__ = ("id", "status", "decline", "create_time", "expected_by")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[Void.Status]
        PROCESSING: _ClassVar[Void.Status]
        SUCCEEDED: _ClassVar[Void.Status]
        FAILED: _ClassVar[Void.Status]
    STATUS_UNSPECIFIED: Void.Status
    PROCESSING: Void.Status
    SUCCEEDED: Void.Status
    FAILED: Void.Status
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DECLINE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: Void.Status
    decline: Decline
    create_time: _timestamp_pb2.Timestamp
    expected_by: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., status: _Optional[_Union[Void.Status, str]] = ..., decline: _Optional[_Union[Decline, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expected_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Refund(_message.Message):
    __slots__ = ("id", "payment_id", "amount", "status", "reason", "decline", "psp_reference", "create_time", "update_time", "expected_by")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[Refund.Status]
        PROCESSING: _ClassVar[Refund.Status]
        SUCCEEDED: _ClassVar[Refund.Status]
        FAILED: _ClassVar[Refund.Status]
    STATUS_UNSPECIFIED: Refund.Status
    PROCESSING: Refund.Status
    SUCCEEDED: Refund.Status
    FAILED: Refund.Status
    ID_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DECLINE_FIELD_NUMBER: _ClassVar[int]
    PSP_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    payment_id: str
    amount: _money_pb2.Money
    status: Refund.Status
    reason: str
    decline: Decline
    psp_reference: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    expected_by: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., payment_id: _Optional[str] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., status: _Optional[_Union[Refund.Status, str]] = ..., reason: _Optional[str] = ..., decline: _Optional[_Union[Decline, _Mapping]] = ..., psp_reference: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expected_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
