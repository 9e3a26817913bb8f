"""Reads a ruleset from a YAML or JSON file."""

from pathlib import Path
from typing import Any, Final

from devstack.errors import StackError

NEXT_STEP: Final = "the format is described in docs/routing.md"
#: As much as the edge takes.
FILE_BYTES_MAX: Final = 262_144


def read_ruleset(path: Path) -> dict[str, Any]:
    """Give the ruleset of a file as the API takes it: `rules` and `otherwise`, in the names of the API reference.

    Raises StackError for a file that can't be read, is too large, or has anything that a ruleset has not.
    """
    import yaml
    from google.protobuf import json_format
    from payera.routing.v1 import ruleset_service_pb2 as contract

    try:
        with path.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise StackError(f"{path} can't be read: {type(error).__name__}", "name a file that is there") from None
    if len(content) > FILE_BYTES_MAX:
        raise StackError(f"{path} has more than {FILE_BYTES_MAX:,} bytes", "put rules with one action together")
    try:
        document = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise StackError(f"{path} is neither YAML nor JSON: {error}", NEXT_STEP) from None
    if not isinstance(document, dict):
        raise StackError(f"{path} is no ruleset: it has no names with values", NEXT_STEP)
    try:
        message = json_format.ParseDict(document, contract.Ruleset())
    except json_format.ParseError as error:
        raise StackError(f"{path} is no ruleset: {error}", NEXT_STEP) from None
    # Written out anew, so that the service gets the API's own names and nothing that only YAML has.
    written: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return written
