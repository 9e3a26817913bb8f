"""Asks a gRPC server whether it serves, through the standard health service."""

from typing import Final

import grpc
from grpc_health.v1 import health_pb2

DEADLINE_SECONDS: Final = 1.0


def serving(channel: grpc.Channel, service: str = "") -> bool:
    """Return whether the server behind the channel answers SERVING within a second."""
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE_SECONDS)
    except grpc.RpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
