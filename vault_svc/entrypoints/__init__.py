"""The commands that run the vault."""
