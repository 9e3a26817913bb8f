"""Ports of the vault in memory."""
