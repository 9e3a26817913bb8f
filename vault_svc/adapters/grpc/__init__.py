"""The vault's gRPC services."""
