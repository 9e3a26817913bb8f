"""The vault's use cases and the ports they need."""
