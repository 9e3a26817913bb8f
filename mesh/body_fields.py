"""Finds fields in a JSON body that the request message does not know; the edge would drop them silently."""

from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from mesh.card_numbers import mask_card_numbers

_LARGEST_CACHE = 256
_LONGEST_CACHED = 1024
_LONGEST_NAME = 200
# In JSON these are free-form objects, so anything may stand below them.
_FREE: Final = frozenset(
    {"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue", "google.protobuf.Any"}
)


class _Node:
    """The fields of one message, by name; None as a child is a value without fields of its own."""

    __slots__ = ("anything", "children")

    def __init__(self, *, anything: bool = False) -> None:
        self.anything = anything
        self.children: dict[str, _Node | None] = {}


class BodyFields:
    """Knows which paths the JSON body of one request message may have."""

    __slots__ = ("_good", "_root")

    def __init__(self, request: Descriptor) -> None:
        self._root = _node_of(request, {})
        self._good: set[str] = set()

    def first_unknown(self, listed: str) -> str | None:
        """Give the first path of a comma-separated list that the message does not have, or None when it has all.

        Names in a path are separated by dots; the edge writes `?` for what no field's name can have.
        A path into a map or free-form field is always known.
        """
        if listed in self._good:
            return None
        for path in listed.split(","):
            if path and not self._knows(path):
                return mask_card_numbers(path)[:_LONGEST_NAME]
        # Merchants send the same shapes again and again; both bounds keep strangers from filling the memory.
        if len(self._good) < _LARGEST_CACHE and len(listed) <= _LONGEST_CACHED:
            self._good.add(listed)
        return None

    def _knows(self, path: str) -> bool:
        node: _Node | None = self._root
        for name in path.split("."):
            if node is None:
                return False
            if node.anything:
                return True
            if name not in node.children:
                return False
            node = node.children[name]
        return True


def _node_of(message: Descriptor, known: dict[str, _Node]) -> _Node:
    """Build the node of `message`; `known` holds those under construction, so that recursive messages end."""
    if message.full_name in known:
        return known[message.full_name]
    node = known[message.full_name] = _Node(anything=message.full_name in _FREE)
    if not node.anything:
        for field in message.fields:
            # The API reference has snake_case names only: a second spelling would be a second API to keep.
            node.children[field.name] = _child_of(field, known)
    return node


def _child_of(field: FieldDescriptor, known: dict[str, _Node]) -> _Node | None:
    message = field.message_type
    if message is None:
        return None
    if message.GetOptions().map_entry:
        return _Node(anything=True)
    # Well-known types such as Timestamp are plain values in JSON.
    if message.full_name.startswith("google.protobuf.") and message.full_name not in _FREE:
        return None
    return _node_of(message, known)
