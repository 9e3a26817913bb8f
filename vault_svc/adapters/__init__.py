"""How the vault meets the world: gRPC, PostgreSQL, its keys and its ciphers."""
