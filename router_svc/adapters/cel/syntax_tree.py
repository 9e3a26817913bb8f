"""Reads the syntax tree that the compiler has made of a condition.

The compiler gives it as a serialized `cel.expr.CheckedExpr`, a published and stable format. No package that we use
brings its descriptor, so the part of it that is read is declared here, under a name of ours.
"""

from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

_PACKAGE: Final = "payera.router.cel"
_LOOP: Final = "comprehension_expr"
_FIELD: Final = descriptor_pb2.FieldDescriptorProto
#: Field name: number and type, by message; a type that is one of the messages is named, `*` marks a list.
_MESSAGES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "CheckedExpr": {"expr": (4, "Expr")},
    "Expr": {
        "const_expr": (3, "Constant"),
        "ident_expr": (4, "Ident"),
        "select_expr": (5, "Select"),
        "call_expr": (6, "Call"),
        "list_expr": (7, "List"),
        "struct_expr": (8, "Struct"),
        "comprehension_expr": (9, "Comprehension"),
    },
    "Constant": {
        "null_value": (1, "int64"),
        "bool_value": (2, "bool"),
        "int64_value": (3, "int64"),
        "uint64_value": (4, "uint64"),
        "double_value": (5, "double"),
        "string_value": (6, "string"),
        "bytes_value": (7, "bytes"),
    },
    "Ident": {"name": (1, "string")},
    "Select": {"operand": (1, "Expr"), "field": (2, "string"), "test_only": (3, "bool")},
    "Call": {"target": (1, "Expr"), "function": (2, "string"), "args": (3, "*Expr")},
    "List": {"elements": (1, "*Expr")},
    "Struct": {"message_name": (1, "string"), "entries": (2, "*Entry")},
    "Entry": {"field_key": (2, "string"), "map_key": (3, "Expr"), "value": (4, "Expr")},
    "Comprehension": {
        "iter_var": (1, "string"),
        "iter_range": (2, "Expr"),
        "accu_var": (3, "string"),
        "accu_init": (4, "Expr"),
        "loop_condition": (5, "Expr"),
        "loop_step": (6, "Expr"),
        "result": (7, "Expr"),
        "iter_var2": (8, "string"),
    },
}


class UnreadableTreeError(Exception):
    """A tree is nested more deeply than can be read."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the condition; None is CEL's null."""

    value: bool | int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, or the running one of a macro like `exists`."""

    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """A field of something, or with `test_only` whether it is there: `has(metadata.tier)`."""

    operand: "Node"
    field: str
    test_only: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator with its arguments; what a method is called on is the first of them."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Elements:
    """A list."""

    elements: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Other:
    """A map, a message, a loop, or an unsigned literal: `kind` tells which, `parts` what it is made of.

    `names` has all texts that belong to it: two nodes that differ are never equal.
    """

    kind: str
    names: tuple[str, ...]
    parts: tuple["Node", ...]


Node = Literal | Variable | Select | Call | Elements | Other


def read_tree(serialized: bytes) -> Node:
    """Read the tree of a compiled expression. Raises UnreadableTreeError when it is nested too deeply."""
    packed = any_pb2.Any()
    checked: Any = _CHECKED()
    try:
        packed.ParseFromString(serialized)
        checked.ParseFromString(packed.value)
    except DecodeError as error:
        raise UnreadableTreeError from error
    return _node(checked.expr)


def is_loop(node: Node) -> bool:
    """Tell whether a node is a loop, which macros like `exists` and `all` are made of."""
    return isinstance(node, Other) and node.kind == _LOOP


def children(node: Node) -> tuple[Node, ...]:
    """Give the nodes that a node is made of."""
    match node:
        case Select():
            return (node.operand,)
        case Call():
            return node.arguments
        case Elements():
            return node.elements
        case Other():
            return node.parts
        case _:
            return ()


def _node(expression: Any) -> Node:  # noqa: ANN401, PLR0911 - a message whose class is made at run time; one return per kind
    kind = expression.WhichOneof("kind")
    part = getattr(expression, kind)
    match kind:
        case "const_expr":
            return _literal(part)
        case "ident_expr":
            return Variable(part.name)
        case "select_expr":
            return Select(_node(part.operand), part.field, part.test_only)
        case "call_expr":
            target = (_node(part.target),) if part.HasField("target") else ()
            return Call(part.function, (*target, *(_node(argument) for argument in part.args)))
        case "list_expr":
            return Elements(tuple(_node(element) for element in part.elements))
        case "struct_expr":
            names = (part.message_name, *(entry.field_key for entry in part.entries))
            sides = (side for entry in part.entries for side in _sides(entry))
            return Other(kind, names, tuple(_node(side) for side in sides))
        case _:
            steps = (part.iter_range, part.accu_init, part.loop_condition, part.loop_step, part.result)
            return Other(_LOOP, (part.iter_var, part.iter_var2, part.accu_var), tuple(_node(step) for step in steps))


def _literal(constant: Any) -> Node:  # noqa: ANN401 - see above
    which = constant.WhichOneof("kind")
    if which == "null_value":
        return Literal(None)
    value = getattr(constant, which)
    # An unsigned number is not the whole number that looks like it in Python.
    return Other(which, (str(value),), ()) if which == "uint64_value" else Literal(value)


def _sides(entry: Any) -> tuple[Any, ...]:  # noqa: ANN401 - see above
    return (entry.map_key, entry.value) if entry.HasField("map_key") else (entry.value,)


def _checked_class() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="payera/router/cel.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name in {"Expr", "Constant"}:
            message.oneof_decl.add(name="kind")
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number)
            field.label = _FIELD.LABEL_REPEATED if kind.startswith("*") else _FIELD.LABEL_OPTIONAL
            if kind.removeprefix("*") in _MESSAGES:
                field.type = _FIELD.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{kind.removeprefix('*')}"
            else:
                field.type = _FIELD.Type.Value(f"TYPE_{kind.upper()}")
            if message.oneof_decl:
                field.oneof_index = 0
    # A pool of its own: nobody else sees these names.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.CheckedExpr"))


_CHECKED: Final = _checked_class()
