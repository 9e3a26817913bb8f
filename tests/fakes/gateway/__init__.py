"""In-memory implementations of the gateway's ports."""
