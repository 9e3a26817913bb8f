"""The vault's gRPC services, and its look-up of API keys at the gateway."""
