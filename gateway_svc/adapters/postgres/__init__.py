"""The gateway's stored procedures in PostgreSQL, behind the ports of the application."""
