"""psp_connectors."""
