"""The router's use cases and the ports they need."""
