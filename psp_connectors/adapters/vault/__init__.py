"""The way to the vault."""
