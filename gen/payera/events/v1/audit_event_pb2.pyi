import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AuditHeads(_message.Message):
    __slots__ = ("id", "publish_time", "publisher", "chains")
    ID_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_TIME_FIELD_NUMBER: _ClassVar[int]
    PUBLISHER_FIELD_NUMBER: _ClassVar[int]
    CHAINS_FIELD_NUMBER: _ClassVar[int]
    id: str
    publish_time: _timestamp_pb2.Timestamp
    publisher: str
    chains: _containers.RepeatedCompositeFieldContainer[AuditChainHead]
    def __init__(self, id: _Optional[str] = ..., publish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., publisher: _Optional[str] = ..., chains: _Optional[_Iterable[_Union[AuditChainHead, _Mapping]]] = ...) -> None: ...

class AuditChainHead(_message.Message):
    __slots__ = ("chain", "sequence", "hash")
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    chain: int
    sequence: int
    hash: bytes
    def __init__(self, chain: _Optional[int] = ..., sequence: _Optional[int] = ..., hash: _Optional[bytes] = ...) -> None: ...
