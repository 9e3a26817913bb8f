"""The part of a gRPC servicer context that the mesh uses, without a network."""

from typing import Never

import grpc
from google.rpc import status_pb2


class FakeContext:
    """One call from `caller` with `metadata`; `remaining_seconds` is None when the caller set no deadline."""

    def __init__(
        self, metadata: dict[str, str], *, caller: str = "envoy", remaining_seconds: float | None = None
    ) -> None:
        self._metadata = tuple(metadata.items())
        self._names = (f"spiffe://payera/dev/{caller}".encode(), f"{caller}.payera.internal".encode())
        self._remaining_seconds = remaining_seconds
        self.initial_metadata: list[dict[str, str]] = []
        self.status: status_pb2.Status | None = None

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """Give what the caller sent."""
        return self._metadata

    def peer_identities(self) -> tuple[bytes, ...]:
        """Give the names in the caller's certificate."""
        return self._names

    def time_remaining(self) -> float | None:
        """Give the seconds left."""
        return self._remaining_seconds

    async def send_initial_metadata(self, metadata: tuple[tuple[str, str], ...]) -> None:
        """Keep what would be sent."""
        self.initial_metadata.append(dict(metadata))

    async def abort_with_status(self, status: grpc.Status) -> Never:
        """Keep the status and end the call as gRPC does."""
        ((_, details),) = status.trailing_metadata
        self.status = status_pb2.Status.FromString(details)
        raise grpc.aio.AbortError
