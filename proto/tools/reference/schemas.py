"""Turns messages and enums of the contracts into JSON schemas, with the validation rules as constraints."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from reference.contracts import Contracts, Enumeration, EnumValue, Field, Message

Schema = dict[str, Any]

TIMESTAMP: Final = "google.protobuf.Timestamp"
_PLAIN: Final[Mapping[int, Schema]] = {
    FieldDescriptorProto.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptorProto.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
_INT64_TYPES: Final = frozenset({FieldDescriptorProto.TYPE_INT64, FieldDescriptorProto.TYPE_UINT64})
_INT32_TYPES: Final = frozenset({FieldDescriptorProto.TYPE_INT32, FieldDescriptorProto.TYPE_UINT32})


def component_name(full_name: str) -> str:
    """Give the name in the document: `Payment.Status` is `PaymentStatus`, `CaptureMethod.Value` is `CaptureMethod`."""
    parts = [part for part in full_name.split(".") if part[:1].isupper()]
    if parts[-1] == "Value":
        parts.pop()
    return "".join(parts)


@dataclass(slots=True)
class SchemaBook:
    """Collects the component schemas that operations refer to; each message and enum is written once."""

    contracts: Contracts
    components: dict[str, Schema] = field(default_factory=dict)
    _written_for: dict[str, str] = field(default_factory=dict)

    def reference(self, full_name: str, *, in_request: bool) -> Schema:
        """Give a `$ref` to a message or enum, writing its schema when it is new."""
        name = component_name(full_name)
        known = self._written_for.setdefault(name, full_name)
        if known != full_name:
            error = f"{known} and {full_name} would both be called {name}"
            raise ValueError(error)
        if name not in self.components:
            self.components[name] = {}
            if full_name in self.contracts.enums:
                self.components[name] = _enum_schema(self.contracts.enums[full_name])
            else:
                message = self.contracts.messages[full_name]
                self.components[name] = self.message_schema(message, message.fields, in_request=in_request)
        return {"$ref": f"#/components/schemas/{name}"}

    def body(self, message: Message, bound: frozenset[str]) -> Schema:
        """Give a `$ref` to a request body: the message without the fields that stand in the path."""
        name = component_name(message.full_name)
        fields = tuple(item for item in message.fields if item.name not in bound)
        schema = self.message_schema(message, fields, in_request=True)
        schema["additionalProperties"] = False
        if not fields:
            schema["description"] += " Nothing is needed: send `{}`, or no body."
        self.components[name] = schema
        return {"$ref": f"#/components/schemas/{name}"}

    def message_schema(self, message: Message, fields: tuple[Field, ...], *, in_request: bool) -> Schema:
        """Give the schema of a message with the given fields.

        In a request a field is required when its zero value breaks a rule. In an answer everything is present except
        messages and optional fields that are not set.
        """
        required = [
            item.name for item in fields if (_required_in_request(item) if in_request else not item.has_presence)
        ]
        schema: Schema = {
            "type": "object",
            "description": message.comment,
            "properties": {item.name: self.field_schema(item, in_request=in_request) for item in fields},
        }
        if required:
            schema["required"] = required
        return schema

    def field_schema(self, item: Field, *, in_request: bool) -> Schema:
        """Give the schema of one field, with its comment as description."""
        if item.repeated:
            entry = self._map_entry(item)
            if entry is not None:
                return self._map_schema(item, entry)
            items = self._single(item, in_request=in_request)
            return {"type": "array", "description": item.comment, "items": items}
        schema = self._single(item, in_request=in_request)
        note = schema.pop("x-note", "")
        description = " ".join(part for part in (item.comment, note) if part)
        if "$ref" in schema:
            # A description beside the reference hides the enum's own, so its values are named here again.
            enum = self.contracts.enums.get(item.type_name)
            texts = "" if enum is None else "\n\n" + _value_list(enum)
            return schema | {"description": description + texts}
        return {"type": schema.pop("type"), "description": description, **schema}

    def _map_entry(self, item: Field) -> Message | None:
        message = self.contracts.messages.get(item.type_name)
        return message if message is not None and message.descriptor.options.map_entry else None

    def _map_schema(self, item: Field, entry: Message) -> Schema:
        if any(part.descriptor.type != FieldDescriptorProto.TYPE_STRING for part in entry.fields):
            error = f"{entry.full_name}: only maps of strings to strings have a schema here"
            raise ValueError(error)
        rules = item.rules.map
        schema: Schema = {"type": "object", "description": item.comment}
        if rules.HasField("max_pairs"):
            schema["maxProperties"] = rules.max_pairs
        names = _string_constraints(rules.keys.string)
        if names:
            schema["propertyNames"] = {"type": "string", **names}
        schema["additionalProperties"] = {"type": "string", **_string_constraints(rules.values.string)}
        return schema

    def _single(self, item: Field, *, in_request: bool) -> Schema:
        kind = item.descriptor.type
        if item.type_name == TIMESTAMP:
            return {"type": "string", "format": "date-time"}
        if kind in (FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_ENUM):
            return self.reference(item.type_name, in_request=in_request)
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if kind == FieldDescriptorProto.TYPE_STRING:
            return {"type": "string", **_string_constraints(item.rules.string)}
        if kind in _INT64_TYPES:
            return _int64(item, in_request=in_request)
        if kind in _INT32_TYPES:
            return {"type": "integer", "format": "int32", **_bounds(item.rules.int32)}
        error = f"{item.name}: a field of type {FieldDescriptorProto.Type.Name(kind)} has no schema here"
        raise ValueError(error)


def _enum_schema(enum: Enumeration) -> Schema:
    return {
        "type": "string",
        "description": f"{enum.comment}\n\n{_value_list(enum)}",
        "enum": [value.name for value in _documented(enum)],
    }


def _value_list(enum: Enumeration) -> str:
    return "\n".join(f"- `{value.name}`: {value.comment}" for value in _documented(enum))


def _documented(enum: Enumeration) -> list[EnumValue]:
    """Give the values that can be sent: the zero value stands for an absent one."""
    return [value for value in enum.values if value.descriptor.number != 0]


def _string_constraints(rules: Any) -> Schema:  # noqa: ANN401 - rules of protovalidate have no stubs that help
    names: Mapping[str, str] = {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern"}
    return {ours: getattr(rules, theirs) for theirs, ours in names.items() if rules.HasField(theirs)}


def _bounds(rules: Any) -> Schema:  # noqa: ANN401 - see above
    names = {"gte": "minimum", "gt": "exclusiveMinimum", "lte": "maximum", "lt": "exclusiveMaximum"}
    return {ours: getattr(rules, theirs) for theirs, ours in names.items() if rules.HasField(theirs)}


def _int64(item: Field, *, in_request: bool) -> Schema:
    """Write a 64-bit integer: a string in every answer, and a string or an integer in a request."""
    bounds = _bounds(item.rules.int64)
    lowest = bounds["exclusiveMinimum"] + 1 if "exclusiveMinimum" in bounds else bounds.get("minimum")
    highest = bounds.get("maximum")
    schema: Schema = {"type": "string", "format": "int64", "pattern": "^[0-9]+$"}
    notes = ["A JSON string; an integer is taken too." if in_request else "A JSON string."]
    if "JSON" in item.comment:
        notes = []
    if lowest == 1 and highest is not None and set(str(highest)) == {"9"}:
        schema["pattern"] = f"^[1-9][0-9]{{0,{len(str(highest)) - 1}}}$"
        notes.append(f"1 to {highest}.")
    elif bounds:
        error = f"{item.name}: no pattern is known for the bounds {bounds}"
        raise ValueError(error)
    return schema | {"x-note": " ".join(notes)}


def _required_in_request(item: Field) -> bool:
    """Tell whether leaving the field out breaks a rule."""
    rules = item.rules
    if rules.required:
        return True
    if item.has_presence or item.repeated:
        return False
    if rules.HasField("string"):
        text = rules.string
        empty_fails = text.HasField("pattern") and re.search(text.pattern, "") is None
        return bool(text.min_len > 0 or empty_fails)
    if rules.HasField("enum"):
        return 0 in rules.enum.not_in
    for kind in ("int32", "int64"):
        if rules.HasField(kind):
            bounds = _bounds(getattr(rules, kind))
            return bounds.get("minimum", 0) > 0 or bounds.get("exclusiveMinimum", -1) >= 0
    return False
