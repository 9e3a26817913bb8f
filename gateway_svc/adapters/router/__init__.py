"""Asks the router for PSP accounts."""
