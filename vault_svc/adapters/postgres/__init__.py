"""The vault's tables, reached through stored procedures only."""
