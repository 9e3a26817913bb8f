"""The router's tables, reached through stored procedures only."""
