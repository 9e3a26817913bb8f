"""Reads a descriptor set and its comments into look-up tables, so that pages are made from the contracts alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buf.validate import validate_pb2
from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    EnumValueDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)
from payera.options.v1 import options_pb2

ROOT: Final = Path(__file__).resolve().parents[3]
DESCRIPTOR_PATH: Final = ROOT / "gen" / "payera.binpb"

# Numbers of descriptor.proto's own fields: the paths of source_code_info are made of them.
_FILE_MESSAGE, _FILE_ENUM, _FILE_SERVICE = 4, 5, 6
_MESSAGE_FIELD, _MESSAGE_NESTED, _MESSAGE_ENUM = 2, 3, 4
_ENUM_VALUE = 2
_SERVICE_METHOD = 2

_Comments = Mapping[tuple[int, ...], str]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message, with its comment and validation rules."""

    descriptor: FieldDescriptorProto
    comment: str

    @property
    def name(self) -> str:
        """Give the field's name, as it also stands in JSON."""
        return self.descriptor.name

    @property
    def rules(self) -> validate_pb2.FieldRules:
        """Give the protovalidate rules; empty ones when there are none."""
        return self.descriptor.options.Extensions[validate_pb2.field]

    @property
    def type_name(self) -> str:
        """Give the full name of the message or enum, empty for a scalar."""
        return self.descriptor.type_name.removeprefix(".")

    @property
    def repeated(self) -> bool:
        """Tell whether it is a list or a map."""
        return self.descriptor.label == FieldDescriptorProto.LABEL_REPEATED

    @property
    def has_presence(self) -> bool:
        """Tell whether an absent value differs from the zero value."""
        is_message = self.descriptor.type == FieldDescriptorProto.TYPE_MESSAGE
        # An optional scalar is the one member of a oneof, too.
        return not self.repeated and (is_message or self.descriptor.HasField("oneof_index"))


@dataclass(frozen=True, slots=True)
class Message:
    """A message with its fields in the order of the contract."""

    full_name: str
    descriptor: DescriptorProto
    comment: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class EnumValue:
    """One value of an enum; `catalogue` is the entry of the error catalogue when it is a reason."""

    descriptor: EnumValueDescriptorProto
    comment: str

    @property
    def name(self) -> str:
        """Give the value's name."""
        return self.descriptor.name

    @property
    def catalogue(self) -> options_pb2.CatalogueEntry:
        """Give the error catalogue's entry; an empty one when it has none."""
        return self.descriptor.options.Extensions[options_pb2.catalogue]


@dataclass(frozen=True, slots=True)
class Enumeration:
    """An enum with its values in the order of the contract."""

    full_name: str
    comment: str
    values: tuple[EnumValue, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """One rpc, with its HTTP rule and who may call it."""

    descriptor: MethodDescriptorProto
    comment: str

    @property
    def name(self) -> str:
        """Give the rpc's name."""
        return self.descriptor.name

    @property
    def http(self) -> http_pb2.HttpRule:
        """Give the HTTP rule; an empty one when the rpc has none."""
        return self.descriptor.options.Extensions[annotations_pb2.http]

    @property
    def access(self) -> options_pb2.Access:
        """Give who may call it and with which key."""
        return self.descriptor.options.Extensions[options_pb2.access]


@dataclass(frozen=True, slots=True)
class Service:
    """A service with its rpcs in the order of the contract."""

    full_name: str
    comment: str
    methods: tuple[Method, ...]


@dataclass(frozen=True, slots=True)
class Contracts:
    """Everything of a descriptor set, by full name without a leading dot."""

    messages: Mapping[str, Message]
    enums: Mapping[str, Enumeration]
    services: Mapping[str, Service]


def read_contracts(path: Path = DESCRIPTOR_PATH) -> Contracts:
    """Read the descriptor set at `path`, which must hold source info; raise ValueError when it does not."""
    descriptors = FileDescriptorSet.FromString(path.read_bytes())
    messages: dict[str, Message] = {}
    enums: dict[str, Enumeration] = {}
    services: dict[str, Service] = {}
    for file in descriptors.file:
        comments = _comments(file)
        if file.package.startswith("payera.") and not comments:
            error = f"{path.name} holds no comments: build it with --include_source_info"
            raise ValueError(error)
        for index, message in enumerate(file.message_type):
            for found in _messages(message, file.package, (_FILE_MESSAGE, index), comments):
                if isinstance(found, Message):
                    messages[found.full_name] = found
                else:
                    enums[found.full_name] = found
        for index, enum in enumerate(file.enum_type):
            entry = _enum(enum, file.package, (_FILE_ENUM, index), comments)
            enums[entry.full_name] = entry
        for index, service in enumerate(file.service):
            described = _service(service, file.package, (_FILE_SERVICE, index), comments)
            services[described.full_name] = described
    return Contracts(messages, enums, services)


def _comments(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    locations = file.source_code_info.location
    return {tuple(location.path): _joined(location.leading_comments) for location in locations}


def _joined(comment: str) -> str:
    """Make one line of a comment's lines: a line break in a contract is no paragraph."""
    return " ".join(line.strip() for line in comment.splitlines() if line.strip())


def _messages(
    message: DescriptorProto, parent: str, path: tuple[int, ...], comments: _Comments
) -> Iterator[Message | Enumeration]:
    name = f"{parent}.{message.name}"
    fields = tuple(
        Field(field, comments.get((*path, _MESSAGE_FIELD, index), "")) for index, field in enumerate(message.field)
    )
    yield Message(name, message, comments.get(path, ""), fields)
    for index, nested in enumerate(message.nested_type):
        yield from _messages(nested, name, (*path, _MESSAGE_NESTED, index), comments)
    for index, enum in enumerate(message.enum_type):
        yield _enum(enum, name, (*path, _MESSAGE_ENUM, index), comments)


def _enum(enum: EnumDescriptorProto, parent: str, path: tuple[int, ...], comments: _Comments) -> Enumeration:
    values = tuple(
        EnumValue(value, comments.get((*path, _ENUM_VALUE, index), "")) for index, value in enumerate(enum.value)
    )
    return Enumeration(f"{parent}.{enum.name}", comments.get(path, ""), values)


def _service(service: ServiceDescriptorProto, package: str, path: tuple[int, ...], comments: _Comments) -> Service:
    methods = tuple(
        Method(method, comments.get((*path, _SERVICE_METHOD, index), "")) for index, method in enumerate(service.method)
    )
    return Service(f"{package}.{service.name}", comments.get(path, ""), methods)
