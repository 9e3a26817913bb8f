"""How the router meets the world: gRPC and PostgreSQL."""
