"""Asks the vault what may be known of cards."""
