"""The router's gRPC service."""
