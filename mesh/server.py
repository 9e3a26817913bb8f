"""The gRPC server of every service: mutual TLS, guarded rpcs, health, reflection, graceful stop."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mesh.authentication import Authenticator, KeyRecord
from mesh.calls import GuardedRpc, Surroundings
from mesh.channels import LARGEST_MESSAGE_BYTES
from mesh.context import CallContext, KeyScope, Principal
from mesh.identity import Identity
from mesh.settings import BaseSettings, SettingsError
from mesh.telemetry import Metrics

__all__ = ["Authenticator", "CallContext", "KeyRecord", "KeyScope", "MeshServer", "Principal"]

_OPTIONS: Final = (
    # A second process on the port must fail to start instead of taking half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
    ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Our channels ping every 20 s even without calls.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
)


class MeshServer:
    """One service's gRPC server. Every rpc needs the `access` option in its contract, else no one may call it.

    `settings.listen` is `host:port`; with port 0 the system picks one, see `port`. Raises IdentityError when the TLS
    directory is not complete, SettingsError without `listen`.
    """

    def __init__(
        self,
        settings: BaseSettings,
        *,
        logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
        metrics: Metrics,
        authenticator: Authenticator | None = None,
        concurrency_limit: int = 64,
    ) -> None:
        if not settings.listen:
            message = "PAYERA_LISTEN is not set"
            raise SettingsError(message)
        self._settings = settings
        self._around = Surroundings(Identity(settings.tls_directory), logger, metrics, authenticator, concurrency_limit)
        metrics.in_flight.set_function(lambda: self._around.in_flight)
        self._server = grpc.aio.server(options=_OPTIONS)
        self._health = health.aio.HealthServicer()
        self._services: list[str] = []
        self._changes: set[asyncio.Task[None]] = set()
        self.port = 0

    def add(self, full_service_name: str, register: Callable[[grpc.aio.Server], None]) -> None:
        """Add a service before the start; `register` hands the server it is given to the generated `add_..._to_server`.

        Raises ValueError when the service is not in the contracts, is added twice, has a streaming rpc, or asks for API
        keys while the server has no Authenticator.
        """
        if full_service_name in self._services:
            message = f"{full_service_name} is added twice"
            raise ValueError(message)
        recorder = _Recorder()
        register(cast("grpc.aio.Server", recorder))
        handlers = recorder.handlers.get(full_service_name)
        if handlers is None:
            message = f"{full_service_name} was not registered; registered: {', '.join(recorder.handlers) or 'nothing'}"
            raise ValueError(message)
        try:
            service = descriptor_pool.Default().FindServiceByName(full_service_name)
        except KeyError:
            message = f"there is no contract of {full_service_name}"
            raise ValueError(message) from None
        guarded = _guard(service, handlers, self._around)
        generic = grpc.method_handlers_generic_handler(full_service_name, guarded)
        self._server.add_generic_rpc_handlers((generic,))
        self._services.append(full_service_name)

    async def start(self) -> None:
        """Bind the port, serve, and tell health checks so. Raises OSError when the port can't be bound."""
        self.port = self._bind()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        if self._settings.environment != "prod":
            names = (*self._services, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)
        await self._server.start()
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)
        self._around.logger.info("serving", port=self.port, services=self._services)

    def set_serving(self, serving: bool) -> None:  # noqa: FBT001 - a state, not a switch of behaviour
        """Tell health checks whether to send calls here; calls that come all the same are served."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        change = asyncio.get_running_loop().create_task(self._set_health(status))
        self._changes.add(change)
        change.add_done_callback(self._changes.discard)

    async def stop(self, grace_seconds: float = 5) -> None:
        """Take no more calls, let those that run finish for `grace_seconds`, then cancel them. Safe to repeat."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)

    async def wait(self) -> None:
        """Return when the server has stopped."""
        await self._server.wait_for_termination()

    def _bind(self) -> int:
        listen = self._settings.listen
        _require_free(listen)
        try:
            port: int = self._server.add_secure_port(listen, self._around.identity.server_credentials())
        except RuntimeError:
            message = f"can't listen on {listen}, PAYERA_LISTEN"
            raise OSError(message) from None
        return port

    async def _set_health(self, status: int) -> None:
        for name in ("", *self._services):
            await self._health.set(name, status)


class _Recorder:
    """Stands in for the server while a service registers itself, to get hold of its handlers."""

    def __init__(self) -> None:
        self.handlers: dict[str, Mapping[str, Any]] = {}

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Sequence[object]) -> None:
        """Take nothing: the same handlers come by name."""

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Keep a service's handlers."""
        self.handlers[service_name] = method_handlers


def _require_free(listen: str) -> None:
    """Raise OSError that says why `host:port` can't be bound; gRPC says so on stderr only."""
    host, _, port = listen.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        with socket.socket(family) as probe:
            # As gRPC does: connections of an earlier process that linger do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = "it is not host:port" if isinstance(error, socket.gaierror) else error.strerror
        message = f"can't listen on {listen}, PAYERA_LISTEN: {reason}"
        raise OSError(message) from None


def _guard(
    service: ServiceDescriptor, handlers: Mapping[str, Any], around: Surroundings
) -> dict[str, "grpc.RpcMethodHandler[Any, Any]"]:
    guarded: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
    for name, handler in handlers.items():
        if handler.unary_unary is None:
            message = f"{service.full_name}/{name} is a streaming rpc, which the mesh does not guard"
            raise ValueError(message)
        rpc = GuardedRpc(service.methods_by_name[name], handler.unary_unary, around)
        # Without (de)serializers the wrapper gets the bytes: nothing is parsed before the caller is known.
        guarded[name] = grpc.unary_unary_rpc_method_handler(cast("Any", rpc.serve))
    return guarded
