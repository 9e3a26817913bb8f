"""Opens channels to other services of the mesh, and reads why one of them refused a call."""

from pathlib import Path
from typing import Final

import grpc
from google.rpc import error_details_pb2, status_pb2

from mesh.context import current_or_none
from mesh.identity import Identity
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation

LARGEST_MESSAGE_BYTES: Final = 1024 * 1024 + 64 * 1024
"""A webhook's body of 1 MiB with what stands around it."""
ERROR_DOMAIN: Final = "payera.dev"

_STATUS_METADATA = "grpc-status-details-bin"
_ADDED_BY_SERVERS = frozenset({"doc", "remedy", "request_id"})
_OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    # A call about money is repeated by those who know whether it may be, never by the transport.
    ("grpc.enable_retries", 0),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
    ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
)


# How gRPC writes an address that may stand for several processes.
_OF_SEVERAL: Final = ("ipv4:", "ipv6:", "dns:")


def open_channel(address: str, *, service: str, tls_directory: Path) -> grpc.aio.Channel:
    """Open a mutual TLS channel to `address`; the peer must prove to be `<service>.payera.internal`.

    Beside `host:port`, an address may name several processes of the service as gRPC does: `ipv4:` with addresses and
    commas between, or `dns:///` with a name that has several. Calls then go to them in turn, and to none that is away.

    Connects when first used and reconnects by itself. The caller closes it, and gives every call a deadline.
    Raises IdentityError when the TLS directory is not complete.
    """
    options = [*_OPTIONS, ("grpc.ssl_target_name_override", f"{service}.payera.internal")]
    if address.startswith(_OF_SEVERAL):
        options.append(("grpc.lb_policy_name", "round_robin"))
    return grpc.aio.secure_channel(address, Identity(tls_directory).channel_credentials(), options=options)


def call_metadata() -> tuple[tuple[str, str], ...]:
    """Give the metadata to pass on to the next service: the request id of the call being served, if there is one."""
    context = current_or_none()
    return (("x-request-id", context.request_id),) if context is not None else ()


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal | None:
    """Give the refusal that another service of the mesh answered with, or None when it answered with none of ours."""
    status = status_pb2.Status()
    for name, value in error.trailing_metadata() or ():
        if name == _STATUS_METADATA:
            status.ParseFromString(value)
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    for detail in status.details:
        _ = detail.Unpack(info) or detail.Unpack(bad_request)
    if info.domain != ERROR_DOMAIN or info.reason not in Reason.__members__:
        return None
    metadata = {name: value for name, value in info.metadata.items() if name not in _ADDED_BY_SERVERS}
    violations = [Violation(violation.field, violation.description) for violation in bad_request.field_violations]
    refusal = Refusal(Reason[info.reason], violations=violations)
    refusal.metadata = metadata
    return refusal
