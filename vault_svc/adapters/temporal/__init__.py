"""Temporal as the vault uses it: encrypted payloads, a lazy client that starts rotations, the worker that runs them."""
