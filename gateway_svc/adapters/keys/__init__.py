"""Looks up API keys for this service and for others."""
