"""Operators' calls to the vault itself: mutual TLS as `operator`, and an operator's API key in the metadata."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from devstack.configuration import load_configuration
from devstack.errors import StackError
from devstack.names import OPERATOR_IDENTITY, PortName
from devstack.seed import remembered_merchant

if TYPE_CHECKING:
    import grpc
    from payera.vault.v1 import key_service_pb2 as contract

KEY_VARIABLE: Final = "PAYERA_OPERATOR_KEY"
CALL_SECONDS: Final = 60
PAGES_MAX: Final = 1_000
#: Calls that may be repeated are, while the vault or its database is away, with these pauses.
PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 4.0)

_STATUS_METADATA: Final = "grpc-status-details-bin"

key_option: Final = click.option(
    "--key-file",
    type=click.File(),
    help=f"Read the operator's API key from here; - for stdin. Else ${KEY_VARIABLE}, else the stack's own.",
)


class VaultRefusedError(StackError):
    """The vault refused a call; `reason` is that of the error catalogue, else the name of gRPC's code."""

    def __init__(self, message: str, next_step: str, reason: str) -> None:
        super().__init__(message, next_step)
        self.reason = reason


class Vault:
    """The vault's services for operators. Every call has a deadline; what is no answer raises VaultRefusedError."""

    def __init__(self, channel: "grpc.Channel", key: str) -> None:
        from payera.vault.v1 import key_service_pb2_grpc as stubs

        self._metadata = (("authorization", f"Bearer {key}"),)
        operations: Any = stubs.ControlledOperationServiceStub(channel)
        transfers: Any = stubs.CardTransferServiceStub(channel)
        self._rpcs: dict[str, Any] = {
            name: getattr(stub, name)
            for stub, names in (
                (
                    operations,
                    ("RequestOperation", "ApproveOperation", "CancelOperation", "ListOperations", "DestroyDataKey"),
                ),
                (transfers, ("ExportCards", "GetImportKey", "ImportCards")),
            )
            for name in names
        }

    def call(self, rpc: str, request: object) -> Any:  # noqa: ANN401 - each rpc has its own message
        """Make a call once."""
        import grpc

        try:
            return self._rpcs[rpc](request, timeout=CALL_SECONDS, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _refusal_of(rpc, error) from None

    def repeat(self, rpc: str, request: object) -> Any:  # noqa: ANN401 - as above
        """Make a call that may be repeated, again for a while when the vault can't take it right now."""
        for pause in PAUSES_SECONDS:
            try:
                return self.call(rpc, request)
            except VaultRefusedError as refused:
                if refused.reason not in ("UNAVAILABLE", "OVERLOADED", "DEADLINE_EXCEEDED"):
                    raise
            time.sleep(pause)
        return self.call(rpc, request)

    def operations(self) -> Iterator["contract.ControlledOperation"]:
        """Give all operations, newest first, page by page."""
        from payera.vault.v1 import key_service_pb2 as contract

        token = ""
        for _ in range(PAGES_MAX):
            page = self.call("ListOperations", contract.ListOperationsRequest(page_size=100, page_token=token))
            yield from page.operations
            token = page.next_page_token
            if not token:
                return

    def operation(self, operation_id: str) -> "contract.ControlledOperation":
        """Give one operation; raise StackError when there is none of this id."""
        for operation in self.operations():
            if operation.id == operation_id:
                return operation
        message = "there is no operation with this id"
        raise StackError(message, "see which there are: payera operations list")


def counted(count: int, noun: str) -> str:
    """Give a number with its noun: `1 card`, `2,000 cards`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@contextmanager
def vault_of(home: Path | None, key_file: TextIO | None) -> Iterator[Vault]:
    """Open a channel to the stack's vault as its operator."""
    import grpc

    from mesh.channels import LARGEST_MESSAGE_BYTES
    from mesh.identity import Identity, IdentityError

    configuration = load_configuration(home, create=False)
    key = operator_key(home, key_file)
    try:
        credentials = Identity(configuration.tls_directory(OPERATOR_IDENTITY)).channel_credentials()
    except IdentityError as error:
        raise StackError(str(error), "start the stack, which makes it: payera up") from None
    options = [
        ("grpc.ssl_target_name_override", "vault_svc.payera.internal"),
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
        ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
    ]
    with grpc.secure_channel(configuration.address(PortName.VAULT), credentials, options=options) as channel:
        yield Vault(channel, key)


def operator_key(home: Path | None, key_file: TextIO | None) -> str:
    """Give the key from the file, else of the environment, else the one that the stack was seeded with."""
    if key_file is not None:
        return _required(key_file.readline().strip(), "the file of the key is empty")
    if KEY_VARIABLE in os.environ:
        return _required(os.environ[KEY_VARIABLE].strip(), f"{KEY_VARIABLE} is empty")
    merchant = remembered_merchant(load_configuration(home, create=False))
    return _required("" if merchant is None else merchant.operator_key, "this stack has no operator key yet")


def _required(key: str, message: str) -> str:
    if not key or not key.isascii() or not key.isprintable():
        raise StackError(message if not key else "this is no API key", "start the stack: payera up, or name a key")
    return key


def _refusal_of(rpc: str, error: Any) -> VaultRefusedError:  # noqa: ANN401 - gRPC's errors are calls too, of no common type
    """Make a failure with every rule that the call broke, and the catalogue's remedy as the next step."""
    from google.rpc import error_details_pb2, status_pb2

    status = status_pb2.Status()
    for name, value in error.trailing_metadata() or ():
        if name == _STATUS_METADATA:
            status.ParseFromString(value)
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    for detail in status.details:
        _ = detail.Unpack(info) or detail.Unpack(bad_request)
    if not info.reason:
        code = error.code().name
        return VaultRefusedError(f"{rpc} got no answer: {code}", "see whether it runs: payera status", code)
    lines = [status.message, *(f"{each.field}: {each.description}" for each in bad_request.field_violations[1:])]
    return VaultRefusedError("\n       ".join(lines), info.metadata.get("remedy", ""), info.reason)
