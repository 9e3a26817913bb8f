"""What the router asks of the gateway."""
