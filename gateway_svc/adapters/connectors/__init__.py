"""Calls to the PSP connectors, behind the `PspConnectors` port."""
