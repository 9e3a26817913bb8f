"""The connectors' tables, reached through stored procedures only."""
