from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LearningSnapshot(_message.Message):
    __slots__ = ("learning_format", "half_life_ms", "accounts", "known_older", "known_newer", "health", "offsets")
    LEARNING_FORMAT_FIELD_NUMBER: _ClassVar[int]
    HALF_LIFE_MS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    KNOWN_OLDER_FIELD_NUMBER: _ClassVar[int]
    KNOWN_NEWER_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    OFFSETS_FIELD_NUMBER: _ClassVar[int]
    learning_format: int
    half_life_ms: int
    accounts: _containers.RepeatedCompositeFieldContainer[LearntAccount]
    known_older: _containers.RepeatedScalarFieldContainer[int]
    known_newer: _containers.RepeatedScalarFieldContainer[int]
    health: HealthSnapshot
    offsets: _containers.RepeatedCompositeFieldContainer[PartitionOffset]
    def __init__(self, learning_format: _Optional[int] = ..., half_life_ms: _Optional[int] = ..., accounts: _Optional[_Iterable[_Union[LearntAccount, _Mapping]]] = ..., known_older: _Optional[_Iterable[int]] = ..., known_newer: _Optional[_Iterable[int]] = ..., health: _Optional[_Union[HealthSnapshot, _Mapping]] = ..., offsets: _Optional[_Iterable[_Union[PartitionOffset, _Mapping]]] = ...) -> None: ...

class LearntAccount(_message.Message):
    __slots__ = ("merchant_id", "account", "newest_ms", "segments")
    MERCHANT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    NEWEST_MS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    merchant_id: str
    account: str
    newest_ms: int
    segments: _containers.RepeatedCompositeFieldContainer[LearntSegment]
    def __init__(self, merchant_id: _Optional[str] = ..., account: _Optional[str] = ..., newest_ms: _Optional[int] = ..., segments: _Optional[_Iterable[_Union[LearntSegment, _Mapping]]] = ...) -> None: ...

class LearntSegment(_message.Message):
    __slots__ = ("name", "newest_ms", "paces", "latest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NEWEST_MS_FIELD_NUMBER: _ClassVar[int]
    PACES_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    newest_ms: int
    paces: _containers.RepeatedCompositeFieldContainer[LearntPace]
    latest: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., newest_ms: _Optional[int] = ..., paces: _Optional[_Iterable[_Union[LearntPace, _Mapping]]] = ..., latest: _Optional[_Iterable[int]] = ...) -> None: ...

class LearntPace(_message.Message):
    __slots__ = ("buckets", "counts")
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    buckets: _containers.RepeatedScalarFieldContainer[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, buckets: _Optional[_Iterable[int]] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class HealthSnapshot(_message.Message):
    __slots__ = ("format", "bucket_ms", "accounts", "known_older", "known_newer")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    BUCKET_MS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    KNOWN_OLDER_FIELD_NUMBER: _ClassVar[int]
    KNOWN_NEWER_FIELD_NUMBER: _ClassVar[int]
    format: int
    bucket_ms: int
    accounts: _containers.RepeatedCompositeFieldContainer[AccountHealth]
    known_older: _containers.RepeatedScalarFieldContainer[int]
    known_newer: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, format: _Optional[int] = ..., bucket_ms: _Optional[int] = ..., accounts: _Optional[_Iterable[_Union[AccountHealth, _Mapping]]] = ..., known_older: _Optional[_Iterable[int]] = ..., known_newer: _Optional[_Iterable[int]] = ...) -> None: ...

class AccountHealth(_message.Message):
    __slots__ = ("account", "newest_ms", "buckets", "errors", "answers", "newest_error_ms")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    NEWEST_MS_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    NEWEST_ERROR_MS_FIELD_NUMBER: _ClassVar[int]
    account: str
    newest_ms: int
    buckets: _containers.RepeatedScalarFieldContainer[int]
    errors: _containers.RepeatedScalarFieldContainer[int]
    answers: _containers.RepeatedScalarFieldContainer[int]
    newest_error_ms: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, account: _Optional[str] = ..., newest_ms: _Optional[int] = ..., buckets: _Optional[_Iterable[int]] = ..., errors: _Optional[_Iterable[int]] = ..., answers: _Optional[_Iterable[int]] = ..., newest_error_ms: _Optional[_Iterable[int]] = ...) -> None: ...

class PartitionOffset(_message.Message):
    __slots__ = ("partition", "next_offset")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    NEXT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    partition: int
    next_offset: int
    def __init__(self, partition: _Optional[int] = ..., next_offset: _Optional[int] = ...) -> None: ...
