"""The command that runs the router."""
